//! OWASP ASVS 5.0, chapter 10: OAuth.

use holdfast_core::{oauth::CODE_LIFE, write_duration};

use super::requirement::{Finding, Requirement, list, span};
use crate::Config;

pub(super) const REQUIREMENTS: &[Requirement] = &[
    Requirement {
        id: "10.3.5",
        level: "L3",
        demand: "the resource server takes only access tokens that are bound to their sender",
        judge: |_| Finding::met("DPoP, always; a token that comes as Bearer is refused"),
        tests: &[
            "server::oauth_check::a_stolen_token_is_worth_nothing",
            "server::oauth_check::what_is_no_credential_of_ours_is_none_at_all",
        ],
    },
    Requirement {
        id: "10.4.1",
        level: "L1",
        demand: "redirect URIs are compared as they stand with a list for each client",
        judge: |config| {
            let uris: usize = config.clients.iter().map(|client| client.redirect_uris.len()).sum();
            Finding::met(format!("{} clients, {uris} redirect URIs", config.clients.len()))
        },
        tests: &["server::oauth_token::an_app_grants_only_what_is_configured"],
    },
    Requirement {
        id: "10.4.2",
        level: "L1",
        demand: "a code is good once; if it comes again, what it began ends",
        judge: |_| Finding::met("always"),
        tests: &[
            "server::oauth_token::a_code_that_comes_twice_ends_what_it_began",
            "server::oauth_token::one_of_many_redemptions_at_once_wins_and_then_nobody",
        ],
    },
    Requirement {
        id: "10.4.3",
        level: "L1",
        demand: "a code is short-lived: ten minutes at most, one minute at level 3",
        judge: |_| Finding::met(format!("codes live {}", write_duration(CODE_LIFE))),
        tests: &["server::oauth_token::a_code_is_for_one_client_one_address_one_verifier_and_one_minute"],
    },
    Requirement {
        id: "10.4.5",
        level: "L1",
        demand: "refresh tokens of public clients are bound to their sender, or rotate; reuse ends all of them",
        judge: |_| Finding::met("both: bound by DPoP, and each one good once; reuse ends the session"),
        tests: &[
            "server::oauth_token::an_old_refresh_token_ends_the_session",
            "server::oauth_token::a_stolen_refresh_token_is_worth_nothing",
        ],
    },
    Requirement {
        id: "10.4.6",
        level: "L2",
        demand: "the code grant needs PKCE with S256",
        judge: |config| {
            let confidential = config.clients.iter().filter(|client| client.secret.is_some());
            let names = list(confidential.map(|client| &*client.client_id), "");
            if names.is_empty() {
                Finding::met("every client is public and needs PKCE; plain is refused")
            } else {
                Finding::deviates(
                    "public clients need PKCE; plain is refused",
                    format!("clients with a secret may leave it out: {names}"),
                    "have these clients send code_challenge all the same",
                )
            }
        },
        tests: &["server::oauth_token::a_code_is_for_one_client_one_address_one_verifier_and_one_minute"],
    },
    Requirement {
        id: "10.4.8",
        level: "L2",
        demand: "refresh tokens have an absolute end, however often they rotate",
        judge: |config| Finding::met(span("absolute", config.session.absolute)),
        tests: &["grants::a_grant_keeps_its_promises", "server::oauth_token::an_idle_grant_is_over"],
    },
    Requirement {
        id: "10.4.9",
        level: "L2",
        demand: "users can take back refresh tokens and access tokens",
        judge: |_| {
            Finding::met(
                "a token is good as long as its session: DELETE /v1/sessions/{id}, or the client revokes it",
            )
            .with_task("the app shows the sessions of OAuth clients among the others")
        },
        tests: &[
            "server::oauth_check::revocation_is_at_once",
            "server::oauth_metadata::a_revoked_token_takes_its_session_along",
        ],
    },
    Requirement {
        id: "10.4.10",
        level: "L2",
        demand: "confidential clients authenticate at the token endpoint and at revocation",
        judge: |config| {
            let with_secret = config.clients.iter().filter(|client| client.secret.is_some()).count();
            Finding::met(format!("{with_secret} of {} clients have a secret", config.clients.len()))
        },
        tests: &["server::oauth_token::a_confidential_client_shows_its_secret"],
    },
    Requirement {
        id: "10.4.14",
        level: "L3",
        demand: "only access tokens that are bound to their sender are issued",
        judge: |config: &Config| {
            Finding::met(format!("DPoP, always; they live {}", write_duration(config.access_token)))
        },
        tests: &["server::oauth_token::a_code_becomes_bound_tokens"],
    },
];
