//! OWASP ASVS 5.0, chapter 7: sessions.

use super::requirement::{Finding, Requirement, list, span};
use crate::{
    Config,
    config::{Clause, Limit, Profile},
};

pub(super) const REQUIREMENTS: &[Requirement] = &[
    Requirement {
        id: "7.1.1",
        level: "L2",
        demand: "idle and absolute limits are documented, and deviations from NIST SP 800-63B are justified",
        judge: documented_limits,
        tests: &[
            "server::profiles::a_profile_sets_the_defaults",
            "server::profiles::what_exceeds_a_profile_needs_a_reason",
        ],
    },
    Requirement {
        id: "7.1.2",
        level: "L2",
        demand: "it is documented how many sessions a user may have at once, and what happens beyond that",
        judge: |config| {
            Finding::met(format!(
                "max_per_user = {}; one more ends the oldest session",
                config.session.max_per_user
            ))
        },
        tests: &[
            "server::api_login::the_oldest_session_makes_room",
            "server::races::logins_at_once_keep_to_the_limit",
        ],
    },
    Requirement {
        id: "7.1.3",
        level: "L2",
        demand: "all systems that make or manage sessions are documented, and how their ends are coordinated",
        judge: |config| {
            let told = list(config.signals.receivers.iter().map(|receiver| &*receiver.name), "nobody");
            let issuers = list(config.issuers.iter().map(|issuer| &*issuer.issuer), "none");
            let tells = if config.signals.transmitter.is_some() { "on" } else { "off" };
            Finding::operator(
                format!(
                    "signals are taken from: {told}; signals are sent: {tells}; other issuers: {issuers}"
                ),
                "document which identity providers end sessions here, by shared signals or by the API",
            )
        },
        tests: &["holdfast_ssf::set::tests::a_good_token_says_what_happened_to_whom"],
    },
    Requirement {
        id: "7.2.1",
        level: "L1",
        demand: "sessions are verified by a trusted back end",
        judge: |config| {
            let gateways = config.gateways.as_ref().map_or(0, |gateways| gateways.trusted.len());
            Finding::met(format!("POST /v1/check by app token; /verify/* by {gateways} trusted networks"))
                .with_task("let the app be reached through the gateway alone, or verify the assertion")
        },
        tests: &[
            "server::check_reasons::what_was_not_sealed_here_is_a_bad_cookie",
            "server::gateway_trust::each_refusal_has_its_code",
        ],
    },
    Requirement {
        id: "7.2.2",
        level: "L1",
        demand: "session tokens are made for each session; no static keys",
        judge: |_| {
            Finding::met("each login has its own id, cookie and challenge; OAuth clients sign each request")
        },
        tests: &[
            "server::api_login::no_two_logins_share_anything",
            "server::oauth_check::a_proof_is_taken_once",
        ],
    },
    Requirement {
        id: "7.2.3",
        level: "L1",
        demand: "reference tokens are unique and have at least 128 bits from a secure random source",
        judge: |_| {
            Finding::met("ids of 128 random bits of the operating system; cookies sealed by HMAC-SHA-256")
        },
        tests: &[
            "server::api_login::no_two_logins_share_anything",
            "holdfast_core::id::tests::is_its_text_and_back",
            "holdfast_core::cookie::tests::opens_as_it_was_sealed",
        ],
    },
    Requirement {
        id: "7.2.4",
        level: "L1",
        demand: "a login, and a new authentication too, make a new token and end the old one",
        judge: |_| {
            Finding::met("POST /v1/sessions with previous_cookie; POST /v1/sessions/{id}/regenerate")
                .with_task("the app passes previous_cookie at each login, and regenerates after each step-up")
        },
        tests: &[
            "server::api_login::the_session_before_a_login_is_replaced",
            "server::api_sessions::regenerating_keeps_user_and_limit_and_nothing_else",
            "machine::a_life_keeps_its_promises",
        ],
    },
    Requirement {
        id: "7.3.1",
        level: "L2",
        demand: "there is an inactivity limit, and it is enforced",
        judge: |config| {
            let what = if config.session.soft_lock { "locked until a new login" } else { "ended" };
            Finding::met(format!("{}, then {what}", span("idle", config.session.idle)))
        },
        tests: &[
            "server::check_reasons::a_session_unused_for_an_hour_ends",
            "server::check_reasons::looking_at_a_session_is_no_use_of_it",
            "server::soft_lock::an_unused_session_is_locked_and_not_ended",
            "server::soft_lock::nothing_but_a_login_opens_it",
        ],
    },
    Requirement {
        id: "7.3.2",
        level: "L2",
        demand: "there is an absolute limit, and it is enforced",
        judge: |config| Finding::met(span("absolute", config.session.absolute)),
        tests: &[
            "server::check_reasons::a_day_is_the_end_whatever_happens",
            "server::api_sessions::regenerating_for_ever_outlives_no_limit",
            "server::soft_lock::a_locked_session_still_ends",
        ],
    },
    Requirement {
        id: "7.4.1",
        level: "L1",
        demand: "a session that was ended cannot be used any more, self-contained tokens included",
        judge: |_| {
            Finding::met(
                "each check loads the session, also that of an access token; an end is on the disk first",
            )
        },
        tests: &[
            "server::check_reasons::a_denied_request_gets_no_identity",
            "server::oauth_check::revocation_is_at_once",
            "server::races::revocation_wins_against_refresh",
            "crash::no_acknowledged_write_is_lost",
        ],
    },
    Requirement {
        id: "7.4.2",
        level: "L1",
        demand: "every session of a user ends when the account is disabled or deleted",
        judge: |config| {
            let receivers = list(config.signals.receivers.iter().map(|receiver| &*receiver.name), "none");
            let setting = format!("DELETE /v1/users/{{user}}/sessions; receivers of signals: {receivers}");
            if config.signals.receivers.is_empty() {
                Finding::operator(setting, "the app ends a user's sessions when it disables the account")
            } else {
                Finding::met(setting)
                    .with_task("let the identity provider send account-disabled and session-revoked")
            }
        },
        tests: &["server::api_sessions::an_app_ends_its_own_users_alone_and_an_operator_everywhere"],
    },
    Requirement {
        id: "7.4.3",
        level: "L2",
        demand: "after a factor was changed the user may end all other sessions",
        judge: |_| {
            Finding::operator(
                "DELETE /v1/users/{user}/sessions?except={id}; credential-change of a receiver of signals",
                "the app offers it after a change of password or factor",
            )
        },
        tests: &["server::api_sessions::a_user_is_logged_out_everywhere_but_here"],
    },
    Requirement {
        id: "7.4.4",
        level: "L2",
        demand: "each page behind a login has a visible way to log out",
        judge: |config| {
            let wipes = if config.clear_site_data { "on" } else { "off" };
            Finding::operator(
                format!("POST /_holdfast/logout ends the session on the server; clear_site_data {wipes}"),
                "the app shows a button on each page that posts to it",
            )
        },
        tests: &[
            "server::dbsc_endpoints::logging_out_ends_the_session_and_takes_both_cookies",
            "browser::logout::a_logout_leaves_nothing",
        ],
    },
    Requirement {
        id: "7.4.5",
        level: "L2",
        demand: "administrators can end the sessions of one user, and of everybody",
        judge: |config| match config.operators {
            Some(_) => {
                Finding::met("[operators] is configured; DELETE /v1/sessions and /v1/users/{user}/sessions")
            }
            None => Finding::operator(
                "no [operators]: an app may end the sessions of its own users alone",
                "configure [operators] with a token, and keep it for an emergency",
            ),
        },
        tests: &["server::api_sessions::everybody_out_is_for_operators_and_for_good"],
    },
    Requirement {
        id: "7.5.1",
        level: "L2",
        demand: "attributes that decide about authentication are changed only after a full new authentication",
        judge: |config| {
            Finding::operator(
                format!("routes that demand a fresh login: {}", fresh_routes(config)),
                "name the pages that change e-mail, phone, factors and recovery in [[routes]] with max_auth_age",
            )
        },
        tests: &[
            "server::routes::what_a_route_demands_holds_for_gateways_and_apps",
            "server::check_reasons::requirements_that_are_not_met_ask_for_more",
        ],
    },
    Requirement {
        id: "7.5.2",
        level: "L2",
        demand: "users see their sessions and end any of them, after a new authentication with one factor",
        judge: |_| {
            Finding::operator(
                "GET /v1/sessions?user=, DELETE /v1/sessions/{id}",
                "the app has a page for it, behind a route with max_auth_age",
            )
        },
        tests: &[
            "server::api_sessions::lists_are_filtered_by_app_user_and_state",
            "server::api_sessions::ending_is_idempotent_and_shy",
        ],
    },
    Requirement {
        id: "7.5.3",
        level: "L3",
        demand: "highly sensitive operations need a further factor, or a second channel",
        judge: |config| {
            let classes = list(
                config
                    .apps
                    .iter()
                    .filter_map(|app| Some(format!("{}: {}", app.name, app.step_up_acr.as_deref()?))),
                "none",
            );
            Finding::operator(
                format!("routes that demand a fresh login: {}; step_up_acr: {classes}", fresh_routes(config)),
                "demand a fresh login on these routes and ask for a further factor at step_up_url",
            )
        },
        tests: &[
            "server::step_up::an_old_login_has_the_age_that_is_demanded",
            "server::step_up::the_configured_classes_are_named",
            "server::check_denials::who_must_authenticate_again_is_sent_elsewhere",
        ],
    },
    Requirement {
        id: "7.6.1",
        level: "L2",
        demand: "lifetimes at relying party and identity provider behave as documented, and a new login is asked for",
        judge: |config| {
            Finding::operator(
                format!(
                    "{}; the age of a login is told in auth_time of the assertion",
                    span("absolute", config.session.absolute)
                ),
                "document the identity provider's limits beside these, and send max_age with its requests",
            )
        },
        tests: &["server::api_sessions::a_step_up_begins_the_limit_anew"],
    },
    Requirement {
        id: "7.6.2",
        level: "L2",
        demand: "no session begins without the user's consent or an action of theirs",
        judge: |_| {
            Finding::met("only an app with its token begins a session; a code is good once, for a minute")
                .with_task("the app begins a session only at the end of a login")
        },
        tests: &[
            "server::api_access::every_route_needs_a_permit",
            "server::oauth_token::a_code_that_comes_twice_ends_what_it_began",
        ],
    },
];

fn documented_limits(config: &Config) -> Finding {
    let session = &config.session;
    let profile = config.lifetimes.profile;
    let setting = format!(
        "profile {}; {}, {}; without a key {}, {}",
        profile.map_or("none", Profile::as_str),
        span("idle", session.idle),
        span("absolute", session.absolute),
        span("idle", session.limits(true).0),
        span("absolute", session.limits(true).1),
    );
    if profile.is_some() {
        let exceeded = config.lifetimes.deviations.iter().map(|found| found.clause.to_string());
        let exceeded = list(exceeded, "");
        return if exceeded.is_empty() {
            Finding::met(setting)
        } else {
            Finding::of_session(setting, exceeded, "lower these limits to those of session.profile")
        };
    }
    // Nobody has claimed a level; what the limits would be good for is said, as far as limits go.
    let is_within = |profile: &&Profile| {
        let is_span = |clause: &Clause| matches!(clause.limit, Limit::AtMost(_));
        !profile.deviations(session).iter().any(|found| is_span(found.clause))
    };
    match Profile::ALL.iter().rev().find(is_within) {
        Some(profile) => Finding::met(format!("{setting}; within {}", profile.as_str()))
            .with_task("choose session.profile, so that it is written which level is meant"),
        None => Finding::of_session(
            setting,
            "the absolute limit exceeds that of every level",
            "set session.absolute to at most \"30d\"",
        ),
    }
}

fn fresh_routes(config: &Config) -> String {
    use holdfast_core::policy::Access;
    let fresh = config.routes.iter().filter_map(|route| match &route.route.access {
        Access::Session(demands) => {
            let age = demands.requirements.max_auth_age?;
            Some(format!("{} {} ({})", route.app, route.route.path, holdfast_core::write_duration(age)))
        }
        Access::Public => None,
    });
    list(fresh, "none")
}
