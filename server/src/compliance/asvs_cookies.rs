//! OWASP ASVS 5.0, chapter 3: the cookie, and the promise to stay on TLS.

use super::requirement::{Finding, Requirement};
use crate::Config;

pub(super) const REQUIREMENTS: &[Requirement] = &[
    Requirement {
        id: "3.3.1",
        level: "L1",
        demand: "cookies are Secure, and have the prefix __Secure- unless they have __Host-",
        judge: cookie,
        tests: &[
            "server::api_login::a_login_is_answered_as_the_contract_says",
            "holdfast_core::dbsc::instructions::tests::credential_and_set_cookie_agree",
        ],
    },
    Requirement {
        id: "3.3.2",
        level: "L2",
        demand: "SameSite is set as the purpose of the cookie allows",
        judge: |_| Finding::met("SameSite=Lax, always; links from other sites arrive by the one-reload page"),
        tests: &[
            "server::api_login::a_login_is_answered_as_the_contract_says",
            "browser::foreign_link::a_foreign_link_arrives_after_one_reload",
        ],
    },
    Requirement {
        id: "3.3.3",
        level: "L2",
        demand: "cookies have the prefix __Host- unless they are shared between hosts",
        judge: cookie,
        tests: &[
            "holdfast_core::dbsc::set_cookie::tests::names_keep_to_one_host",
            "server::config_keys::slips_are_told_with_line_and_key",
        ],
    },
    Requirement {
        id: "3.3.4",
        level: "L2",
        demand: "a cookie that no script needs is HttpOnly, and its value goes to the client in Set-Cookie alone",
        judge: |_| {
            Finding::met("HttpOnly, always; no body of the public listener and no API answer has the value")
        },
        tests: &[
            "server::dbsc_endpoints::a_page_sees_its_own_session",
            "server::api_sessions::a_bound_session_shows_its_key_and_nothing_secret",
        ],
    },
    Requirement {
        id: "3.3.5",
        level: "L3",
        demand: "name and value of a cookie have at most 4096 bytes",
        judge: |config| {
            let bytes = config.cookie_name.as_str().len() + MOST_VALUE;
            Finding::met(format!("at most {bytes} bytes"))
        },
        tests: &["holdfast_core::cookie::tests::opens_as_it_was_sealed"],
    },
    Requirement {
        id: "3.4.1",
        level: "L1",
        demand: "each answer has Strict-Transport-Security of at least a year; at level 2 with includeSubDomains",
        judge: |config| {
            let setting = match config.public.tls {
                Some(_) => "max-age=31536000 on each answer of the public listener",
                None => "tls = \"off\": the proxy that ends TLS adds it",
            };
            Finding::operator(
                setting,
                "add the header with includeSubDomains to the app's own answers at the gateway; holdfast doctor looks for it",
            )
        },
        tests: &[
            "server::dbsc_endpoints::tls_promises_to_stay_tls",
            "holdfast::doctor::transport::tests::a_year_is_the_least",
        ],
    },
];

fn cookie(config: &Config) -> Finding {
    Finding::met(format!(
        "{}; Path=/; Secure; HttpOnly; SameSite=Lax; no Domain",
        config.cookie_name.as_str()
    ))
}

/// What a sealed cookie takes at most; the test of the seal keeps it below.
const MOST_VALUE: usize = 128;
