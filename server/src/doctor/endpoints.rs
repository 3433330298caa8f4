//! Whether the DBSC endpoints are reached, by somebody without a session.

use super::{
    asking::Stranger,
    kinds::{self, Kind},
    report::{Finding, Outcome},
    seen::Seen,
};

/// Both endpoints, as a stranger sees them.
pub(super) async fn routed(stranger: &Stranger) -> Outcome {
    let mut findings = Vec::new();
    for (path, fields, expected) in
        [(REFRESH, UNKNOWN.as_slice(), Expected::UNKNOWN), (REGISTER, &[], Expected::NO_PROOF)]
    {
        match stranger.post(path, fields).await {
            Err(why) => return Outcome::NotChecked(why),
            Ok(seen) => {
                let sent = format!("POST {path} {}", expected.sent);
                findings
                    .extend(misplaced(&seen, &expected).map(|kind| Finding::new(kind, sent, seen.words())));
            }
        }
    }
    findings.into()
}

/// Whether somebody limits refreshes with 429: as many as an office sends when it comes back from lunch.
pub(super) async fn unlimited(stranger: &Stranger) -> Outcome {
    for number in 1..=BURST {
        match stranger.post(REFRESH, &UNKNOWN).await {
            Err(why) => return Outcome::NotChecked(why),
            Ok(seen) => {
                let kind = misplaced(&seen, &Expected::UNKNOWN);
                if let Some(kind) = kind.filter(|_| seen.status != 503) {
                    let sent = format!("POST {REFRESH} for an unknown session, {number} times in a row");
                    return Some(Finding::new(kind, sent, seen.words())).into();
                }
            }
        }
    }
    Outcome::Well
}

/// The answer of Holdfast that must come.
pub(super) struct Expected {
    pub(super) status: u16,
    /// The code, if it is a problem.
    pub(super) code: Option<&'static str>,
    sent: &'static str,
}

impl Expected {
    const UNKNOWN: Self =
        Self { status: 404, code: Some("session_not_alive"), sent: "for an unknown session" };
    const NO_PROOF: Self = Self { status: 400, code: Some("proof_missing"), sent: "without a proof" };
    pub(super) const CHALLENGE: Self = Self { status: 403, code: Some("proof_required"), sent: "" };
    pub(super) const BOUND: Self = Self { status: 200, code: None, sent: "" };
}

/// What is wrong with an answer of a DBSC endpoint, if it is not the one that Holdfast gives.
pub(super) fn misplaced(seen: &Seen, expected: &Expected) -> Option<&'static Kind> {
    let code = seen.code();
    if seen.status == expected.status && code.as_deref() == expected.code && !seen.is_html() {
        return None;
    }
    Some(match (seen.status, code.as_deref()) {
        (429, _) => &kinds::DBSC_RATE_LIMITED,
        // The rules about header fields: one did not arrive, or not as it was sent.
        (_, Some("session_id_header" | "proof_missing" | "proof_required")) => &kinds::DBSC_HEADER_DROPPED,
        (400 | 403 | 404, Some(code)) if !is_verdict(seen, code) => &kinds::DBSC_HEADER_DAMAGED,
        (401 | 403 | 300..400, _) if !(seen.is_html() && seen.status == expected.status) => {
            &kinds::DBSC_BEHIND_AUTH
        }
        (404 | 405, _) if seen.status != expected.status => &kinds::DBSC_NOT_ROUTED,
        (400.., _) if seen.is_html() => &kinds::DBSC_ANSWER_REPLACED,
        (500.., _) => &kinds::DBSC_FAILING,
        _ => &kinds::DBSC_NOT_ROUTED,
    })
}

/// Whether Holdfast has answered a check about this address, and not as the endpoint.
fn is_verdict(seen: &Seen, code: &str) -> bool {
    let of_checks = ["no_credential", "policy_denied", "bad_cookie", "cookie_superseded", "session_unknown"];
    seen.headers.contains_key("holdfast-reason")
        || of_checks.contains(&code)
        || code.starts_with("gateway")
        || code == "not_found"
}

pub(super) const REFRESH: &str = "/_holdfast/dbsc/refresh";
pub(super) const REGISTER: &str = "/_holdfast/dbsc/register";

/// A well-formed id that no session has.
const UNKNOWN: [(&str, &str); 1] = [("Sec-Secure-Session-Id", "hs_AAAAAAAAAAAAAAAAAAAAAA")];

/// More than a limit for people lets through, and few for Holdfast.
const BURST: usize = 40;

#[cfg(test)]
mod tests {
    use super::{
        super::seen::tests::{problem, seen},
        *,
    };

    #[test]
    fn holdfasts_own_answers_are_well() {
        assert_eq!(misplaced(&problem(404, "session_not_alive"), &Expected::UNKNOWN), None);
        assert_eq!(misplaced(&problem(400, "proof_missing"), &Expected::NO_PROOF), None);
        assert_eq!(
            misplaced(&seen(200, &[("content-type", "application/json")], "{}"), &Expected::BOUND),
            None
        );
    }

    #[test]
    fn each_other_answer_says_what_stands_in_the_way() {
        let html = |status| seen(status, &[("content-type", "text/html")], "<!doctype html>");
        let empty = |status| seen(status, &[], "");
        for (answer, kind) in [
            (html(429), &kinds::DBSC_RATE_LIMITED),
            (empty(429), &kinds::DBSC_RATE_LIMITED),
            (html(404), &kinds::DBSC_ANSWER_REPLACED),
            (html(502), &kinds::DBSC_ANSWER_REPLACED),
            (empty(502), &kinds::DBSC_FAILING),
            (problem(503, "store_unavailable"), &kinds::DBSC_FAILING),
            (problem(401, "no_credential"), &kinds::DBSC_BEHIND_AUTH),
            (problem(403, "policy_denied"), &kinds::DBSC_BEHIND_AUTH),
            (html(401), &kinds::DBSC_BEHIND_AUTH),
            (empty(302), &kinds::DBSC_BEHIND_AUTH),
            (html(200), &kinds::DBSC_NOT_ROUTED),
            (empty(405), &kinds::DBSC_NOT_ROUTED),
            (empty(404), &kinds::DBSC_NOT_ROUTED),
            (problem(400, "session_id_header"), &kinds::DBSC_HEADER_DROPPED),
        ] {
            assert_eq!(misplaced(&answer, &Expected::UNKNOWN), Some(kind), "{answer:?}");
        }
        assert_eq!(misplaced(&html(404), &Expected::NO_PROOF), Some(&kinds::DBSC_NOT_ROUTED));
        assert_eq!(misplaced(&html(403), &Expected::CHALLENGE), Some(&kinds::DBSC_ANSWER_REPLACED));
        assert_eq!(
            misplaced(&problem(400, "proof_missing"), &Expected::BOUND),
            Some(&kinds::DBSC_HEADER_DROPPED)
        );
        assert_eq!(
            misplaced(&problem(403, "signature_wrong"), &Expected::BOUND),
            Some(&kinds::DBSC_HEADER_DAMAGED)
        );
    }
}
