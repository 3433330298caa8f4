//! Sessions of the doctor's own, and the page that it visits with them.

use holdfast_core::{UnixTime, secret::SecretText};
use serde_json::{Value, json};

use super::{
    Setup,
    asking::Stranger,
    kinds,
    report::{Finding, Outcome},
    seen::Seen,
};
use crate::telemetry::parse_rfc3339;

/// A session that nobody has bound yet.
pub(super) struct Visit {
    pub(super) id: String,
    pub(super) cookie: SecretText,
    pub(super) challenge: String,
    pub(super) authorization: String,
    pub(super) created_at: Option<UnixTime>,
}

impl Visit {
    /// A new session of the doctor.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) async fn begin(setup: &Setup) -> Result<Self, String> {
        let made = setup.app.create(&json!({ "user": USER, "client": { "user_agent": AGENT } })).await?;
        Self::read(&made, setup.cookie_name().as_str())
            .ok_or("the session is none that a browser has".to_owned())
    }

    fn read(made: &Value, cookie: &str) -> Option<Self> {
        let headers = made.get("response_headers")?.as_array()?;
        let values = |wanted: &'static str| {
            headers.iter().filter_map(move |pair| match pair.as_array()?.as_slice() {
                [name, value] if name.as_str()?.eq_ignore_ascii_case(wanted) => value.as_str(),
                _ => None,
            })
        };
        let offer = values("Secure-Session-Registration").next()?;
        let prefix = format!("{cookie}=");
        let cookie = values("Set-Cookie").find_map(|line| line.strip_prefix(&prefix))?.split(';').next()?;
        let session = made.get("session")?;
        Some(Self {
            id: session.get("id")?.as_str()?.to_owned(),
            cookie: SecretText::new(cookie),
            challenge: parameter(offer, "challenge")?,
            authorization: parameter(offer, "authorization")?,
            created_at: session.get("created_at").and_then(Value::as_str).and_then(parse_rfc3339),
        })
    }
}

/// A string of the offer, which Holdfast writes without anything that would need escaping.
fn parameter(offer: &str, name: &str) -> Option<String> {
    let (_, rest) = offer.split_once(&format!(";{name}=\""))?;
    rest.split_once('"').map(|(value, _)| value.to_owned())
}

/// A page that is answered to a session and to nobody else: how both are answered.
pub(super) struct Page {
    pub(super) path: String,
    pub(super) with_session: Seen,
    pub(super) without: Seen,
}

impl Page {
    /// Visits the page with a session and without one. What stands in the way is the outcome.
    pub(super) async fn visit(stranger: &Stranger, path: &str, cookie: &str) -> (Option<Self>, Outcome) {
        let without = stranger.get(path, &[]).await;
        let with_session = stranger.get(path, &[("Cookie", cookie)]).await;
        let (without, with_session) = match (without, with_session) {
            (Ok(without), Ok(with_session)) => (without, with_session),
            (Err(why), _) | (_, Err(why)) => return (None, Outcome::NotChecked(why)),
        };
        let finding = judge(path, &without, &with_session);
        let page = finding.is_none().then(|| Self { path: path.to_owned(), with_session, without });
        (page, finding.into())
    }

    /// Whether an answer is that to somebody with a session.
    pub(super) fn lets_through(&self, seen: &Seen) -> bool {
        seen.status == self.with_session.status
    }
}

fn judge(path: &str, without: &Seen, with_session: &Seen) -> Option<Finding> {
    if with_session.is_refusal() || with_session.status >= 500 {
        let sent = format!("GET {path} with a good session");
        if with_session.code().is_some_and(|code| POLICIES.contains(&code.as_str())) {
            return Some(Finding::new(&kinds::POLICY_REFUSED, sent, with_session.words()));
        }
        return Some(Finding::new(&kinds::PAGE_REFUSED, sent, with_session.words()));
    }
    let sent = format!("GET {path} without a session");
    if without.status >= 500 {
        return Some(Finding::new(&kinds::REFUSAL_FAILING, sent, without.words()));
    }
    (!without.is_refusal()).then(|| Finding::new(&kinds::PAGE_UNPROTECTED, sent, without.words()))
}

/// Whose sessions they are.
pub(super) const USER: &str = "holdfast-doctor";

/// What the doctor says of itself, at the login and with each request: policies ask whoever becomes another client. It does
/// not hold the user's name, which is looked for in what the app was told.
pub(super) const AGENT: &str = concat!("doctor-of-holdfast/", env!("CARGO_PKG_VERSION"));

/// What policies answer (`spec-notes/risk.md`).
const POLICIES: [&str; 4] = ["policy_denied", "risk_reprove", "risk_revoked", "risk_step_up"];

#[cfg(test)]
mod tests {
    use super::{
        super::seen::tests::{problem, seen},
        *,
    };

    #[test]
    fn an_offer_is_read() {
        let offer = "(ES256 RS256);path=\"/_holdfast/dbsc/register\";challenge=\"ch\";authorization=\"au\"";
        let made = json!({
            "session": { "id": "hs_a", "created_at": "2026-11-22T10:00:00Z" },
            "response_headers": [["Set-Cookie", "__Host-holdfast-hint=1; Path=/"], ["Set-Cookie", "__Host-holdfast=v; Path=/"],
                ["Secure-Session-Registration", offer]],
        });
        let visit = Visit::read(&made, "__Host-holdfast").unwrap();
        assert_eq!(
            (visit.cookie.reveal(), visit.challenge.as_str(), visit.authorization.as_str()),
            ("v", "ch", "au")
        );
        assert_eq!(visit.created_at.map(UnixTime::as_secs), Some(1_795_341_600));
        assert!(Visit::read(&json!({ "session": { "id": "hs_a" } }), "__Host-holdfast").is_none());
    }

    #[test]
    fn a_page_is_for_sessions_and_for_nobody_else() {
        let page = |without: Seen, with: Seen| judge("/", &without, &with).map(|finding| finding.kind.id);
        let (denied, fine) = (problem(401, "no_credential"), seen(200, &[], "hello"));
        assert_eq!(page(denied.clone(), fine.clone()), None);
        assert_eq!(page(seen(302, &[], ""), seen(404, &[], "")), None);
        assert_eq!(page(fine.clone(), fine.clone()), Some("page_unprotected"));
        assert_eq!(page(seen(500, &[], ""), fine), Some("refusal_failing"));
        assert_eq!(page(denied.clone(), denied.clone()), Some("page_refused"));
        assert_eq!(page(denied.clone(), problem(401, "risk_step_up")), Some("policy_refused"));
        assert_eq!(page(denied, seen(502, &[], "")), Some("page_refused"));
    }
}
