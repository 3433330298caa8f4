//! The endpoints that browsers ask.

use holdfast_core::{Rule, check::Reason};
use http::StatusCode;
use serde_json::json;

use super::{Operation, answer::Answer, caller::Caller, schemas::refer};
use crate::{respond::ProblemCode, routes::register};

pub(crate) fn register() -> Operation {
    let operation = Operation::new(TAG, "dbscRegister", "A browser brings the key of its session")
        .says("Needs a live challenge and no cookie. The body is ignored. A refusal changes nothing.")
        .by(Caller::Anybody)
        .never_429()
        .header("Secure-Session-Response", true, "The proof: a compact JWS, bare or as a structured string.")
        .header("Origin", false, SIBLING)
        .header("Sec-Fetch-Site", false, "If sent: same-origin, same-site or none.")
        .answer(StatusCode::OK, bound())
        .trouble();
    let rules = Rule::ALL.iter().filter(|rule| is_one_of(**rule, &["J-", "K-", "D-HDR-", "D-REG-"]));
    rules.fold(operation, |operation, rule| {
        let status = register::status_of(*rule);
        operation.refusal(status, *rule, registration_says(status))
    })
}

pub(crate) fn refresh() -> Operation {
    let operation = Operation::new(TAG, "dbscRefresh", "A browser proves that it still holds the key")
        .says(
            "Works from Sec-Secure-Session-Id alone; cookies are not looked at. Never 401, 429, a redirect or HTML. \
             A refusal changes nothing.",
        )
        .by(Caller::Anybody)
        .never_429()
        .header("Sec-Secure-Session-Id", true, "The session's id, bare or as a structured string.")
        .header("Secure-Session-Response", false, "The proof. Without it the answer is a challenge.")
        .header("Origin", false, SIBLING)
        .header("Sec-Fetch-Site", false, "If sent: same-origin, same-site or none.")
        .answer(StatusCode::OK, bound())
        .trouble()
        .problem(ProblemCode::ProofRequired)
        .refusal(
            StatusCode::NOT_FOUND,
            Rule::DRef01,
            "There is no such session, it has ended, or it has no key. Both cookies are expired, unless they are \
             another session's.",
        )
        .with_optional_header(StatusCode::NOT_FOUND, "Set-Cookie", EXPIRES);
    let before = Rule::ALL.iter().filter(|rule| is_one_of(**rule, &["D-HDR-01", "D-HDR-02"]));
    let operation = before.fold(operation, |operation, rule| {
        operation.refusal(
            StatusCode::BAD_REQUEST,
            *rule,
            "The id is missing or doubled, or the proof is doubled.",
        )
    });
    let rules = Rule::ALL.iter().filter(|rule| is_one_of(**rule, &["J-", "D-HDR-03", "D-REF-"]));
    rules
        .fold(operation, |operation, rule| {
            let says = "The proof does not fit, or another site asks: sign the challenge and ask again.";
            operation.refusal(StatusCode::FORBIDDEN, *rule, says)
        })
        .with_header(
            StatusCode::FORBIDDEN,
            "Secure-Session-Challenge",
            "A fresh challenge with the session's id.",
        )
}

pub(crate) fn own_session() -> Operation {
    let operation = Operation::new(TAG, "ownSession", "The caller's own session")
        .says("Asking is not using: it keeps no session alive.")
        .by(Caller::Browser)
        .answer(StatusCode::OK, Answer::json("The session of the cookie.", "Session"))
        .trouble();
    refused_for_reasons(operation, "There is none; code is the reason of a check.")
}

/// 401 with each reason for which a check refuses.
pub(super) fn refused_for_reasons(operation: Operation, says: &str) -> Operation {
    let reasons = Reason::ALL.iter().filter(|reason| **reason != Reason::Ok);
    reasons.fold(operation, |operation, reason| operation.refusal(StatusCode::UNAUTHORIZED, *reason, says))
}

pub(crate) fn logout() -> Operation {
    Operation::new(TAG, "logout", "The user leaves")
        .by(Caller::Browser)
        .by(Caller::Anybody)
        .query("to", false, "Where to go, a path on the same origin.", json!({ "type": "string" }))
        .header("Origin", false, "If sent, it must be an app's origin.")
        .header("Sec-Fetch-Site", false, "If sent: same-origin or none.")
        .answer(StatusCode::NO_CONTENT, left())
        .answer(StatusCode::SEE_OTHER, left().header("Location", "The value of to."))
        .problem(ProblemCode::CrossOrigin)
        .trouble()
}

pub(crate) fn resume() -> Operation {
    Operation::new(TAG, "resume", "One reload from the app's own origin")
        .by(Caller::Anybody)
        .query(
            "to",
            true,
            "A path on the same origin, not below /_holdfast/.",
            json!({ "type": "string", "maxLength": 2048 }),
        )
        .answer(
            StatusCode::OK,
            Answer::of(
                "A page without script that opens the path.",
                "text/html",
                json!({ "type": "string" }),
            )
            .header("Content-Security-Policy", "Nothing may be loaded, and no frame may show it.")
            .header("Referrer-Policy", "no-referrer"),
        )
}

pub(crate) fn jwks() -> Operation {
    let says = "A JWK set: the key of last week, the one that signs this week, the one of next week; then those of \
                former root keys. Choose by kid.";
    Operation::new(TAG, "jwks", "The keys that access tokens and assertions are signed with")
        .by(Caller::Anybody)
        .answer(StatusCode::OK, Answer::of(says, "application/jwk-set+json", refer("JwkSet")))
        .trouble()
}

fn bound() -> Answer {
    Answer::json(
        "The session instructions, the bound cookie, the hint and the next challenge.",
        "Instructions",
    )
    .header("Set-Cookie", "The bound cookie; a second line has the hint.")
    .header("Secure-Session-Challenge", "For the next refresh.")
}

fn left() -> Answer {
    let says = "Both cookies are expired. The session has ended if the cookie was its last one, be it expired; \
                without a session cookie nothing has.";
    Answer::new(says)
        .header("Set-Cookie", EXPIRES)
        .optional_header("Clear-Site-Data", "\"storage\", if session.clear_site_data is on.")
}

fn registration_says(status: StatusCode) -> &'static str {
    match status {
        StatusCode::CONFLICT => "The session has a key. It keeps it.",
        StatusCode::NOT_FOUND => "The session of the challenge is not alive.",
        StatusCode::FORBIDDEN => {
            "Another site asks, or challenge, authorization, signature or audience do not fit."
        }
        _ => "The proof is missing or malformed.",
    }
}

fn is_one_of(rule: Rule, beginnings: &[&str]) -> bool {
    beginnings.iter().any(|beginning| rule.id().starts_with(beginning))
}

const TAG: &str = "browsers";

const SIBLING: &str =
    "If sent, it must be the app's origin or a sibling's that Sec-Fetch-Site calls same-site.";

const EXPIRES: &str = "Expires the session cookie; a second line expires the hint.";
