//! OWASP ASVS 5.0, chapter 9: self-contained tokens.

use super::requirement::{Finding, Requirement, list};
use crate::Config;

pub(super) const REQUIREMENTS: &[Requirement] = &[
    Requirement {
        id: "9.1.1",
        level: "L1",
        demand: "the signature or MAC of a token is verified before its content is believed",
        judge: |_| Finding::met("one place verifies signatures; what was not verified has a type of its own"),
        tests: &[
            "vectors::every_access_token_is_judged_as_it_says",
            "holdfast_core::jose::key::tests::two_verifiers_agree",
        ],
    },
    Requirement {
        id: "9.1.2",
        level: "L1",
        demand: "only allowed algorithms make and verify tokens, and none is not among them",
        judge: algorithms,
        tests: &[
            "vectors::every_dpop_proof_is_judged_as_it_says",
            "server::config_keys::slips_are_told_with_line_and_key",
        ],
    },
    Requirement {
        id: "9.1.3",
        level: "L1",
        demand: "keys come from trusted sources that are configured, and from no header of the token",
        judge: |config| {
            let issuers = list(config.issuers.iter().map(|issuer| &*issuer.issuer), "none");
            Finding::met(format!(
                "keys of this server and of the issuers: {issuers}; jwk is read of registrations and DPoP proofs alone, whose \
                 key is bound to the session"
            ))
        },
        tests: &[
            "server::oauth_issuers::tokens_that_are_not_good_here_are_refused",
            "server::oauth_check::a_stolen_token_is_worth_nothing",
        ],
    },
    Requirement {
        id: "9.2.1",
        level: "L1",
        demand: "a token is taken within its time alone",
        judge: |config| {
            Finding::met(format!(
                "access tokens live {}; clocks may be off by {}",
                holdfast_core::write_duration(config.access_token),
                holdfast_core::write_duration(config.dpop.skew)
            ))
        },
        tests: &[
            "server::oauth_check::clocks_may_be_off_by_so_much",
            "vectors::every_access_token_is_judged_as_it_says",
        ],
    },
    Requirement {
        id: "9.2.2",
        level: "L2",
        demand: "a token is taken for the purpose that it was made for",
        judge: |_| {
            Finding::met(
                "typ is checked; cookies, codes, challenges and refresh tokens are sealed by keys of their own",
            )
        },
        tests: &[
            "holdfast_core::keyring::tests::keys_of_different_purposes_differ",
            "server::dbsc_registration::the_challenge_of_a_registration_is_good_for_nothing_else",
        ],
    },
    Requirement {
        id: "9.2.3",
        level: "L2",
        demand: "a service takes only tokens that are meant for it",
        judge: audiences,
        tests: &["server::oauth_check::the_audience_says_where_a_token_is_good"],
    },
    Requirement {
        id: "9.2.4",
        level: "L2",
        demand: "where one key signs for several audiences, each token names its own",
        judge: audiences,
        tests: &[
            "server::check_assertion::an_assertion_says_who_asks_for_what",
            "server::oauth_check::the_audience_says_where_a_token_is_good",
        ],
    },
];

fn algorithms(config: &Config) -> Finding {
    let names = |algorithms: &[holdfast_core::jose::Algorithm]| {
        list(algorithms.iter().map(|algorithm| algorithm.as_str()), "none")
    };
    Finding::met(format!("browsers: {}; DPoP: {}", names(&config.algorithms), names(&config.dpop.algorithms)))
}

fn audiences(config: &Config) -> Finding {
    let names = config.apps.iter().map(|app| {
        let more = app.audiences.iter().map(String::as_str);
        list(std::iter::once(app.origin.as_str()).chain(more), "")
    });
    Finding::met(format!("audiences: {}", list(names, "none")))
}
