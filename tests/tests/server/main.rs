//! The server inside the test, with a clock that the test moves: every endpoint, every reason, every vector.

mod api_access;
mod api_login;
mod api_sessions;
mod bad_input;
mod check_assertion;
mod check_cookies;
mod check_gateways;
mod check_reasons;
mod check_resume;
mod config_keys;
mod dbsc_endpoints;
mod dbsc_refresh;
mod dbsc_registration;
mod dbsc_vectors;
mod dpop_vectors;
mod oauth_check;
mod oauth_issuers;
mod oauth_metadata;
mod oauth_token;
mod races;
mod vectors;
