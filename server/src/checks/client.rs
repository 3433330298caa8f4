//! What a client is told that may not go on: a status, and where a browser finds what it lacks.

use std::time::Duration;

use holdfast_core::{
    Rule,
    check::{Decision, Reason, Verdict},
    dbsc::expire_cookie,
    origin::LocalPath,
    page::{PageAddress, percent_encode},
};
use http::{HeaderValue, StatusCode};

use super::Question;
use crate::{
    dpop::{self, Lacking},
    extract::authorization::Authorization,
    house::Holdfast,
};

/// What to send to the client if its request may not go on.
pub(super) struct Told {
    pub(super) status: StatusCode,
    pub(super) location: Option<String>,
    pub(super) set_cookie: Option<String>,
    pub(super) challenge: Option<HeaderValue>,
}

/// Finds the words for a verdict.
pub(super) fn tell(house: &Holdfast, question: &Question<'_>, verdict: &Verdict, rule: Option<Rule>) -> Told {
    let told = |status, location, set_cookie| Told { status, location, set_cookie, challenge: None };
    let reason = verdict.reason;
    match verdict.decision {
        Decision::Allow => return told(StatusCode::OK, None, None),
        // The browser finds its bound cookie gone, refreshes, and so proves its key before it repeats the request.
        Decision::Reprove => {
            let again = local(question).map_or_else(|| "/".to_owned(), |path| path.as_str().to_owned());
            let expired = expire_cookie(&house.cookie_name);
            return told(StatusCode::TEMPORARY_REDIRECT, Some(again), Some(expired));
        }
        Decision::Deny if may_resume(question, reason) => {
            if let Some(path) = local(question) {
                let resume = format!("{RESUME_PATH}?to={}", percent_encode(path.as_str()));
                return told(StatusCode::TEMPORARY_REDIRECT, Some(resume), None);
            }
        }
        Decision::Deny if matches!(reason, Reason::PolicyDenied | Reason::InsufficientScope) => {
            let challenge =
                (reason == Reason::InsufficientScope).then(|| challenge(house, question, verdict, rule));
            return Told { challenge: challenge.flatten(), ..told(StatusCode::FORBIDDEN, None, None) };
        }
        Decision::Deny | Decision::StepUp => {}
    }
    match page_for(question, verdict.decision) {
        Some((status, page)) => told(status, Some(page), None),
        None => {
            let challenge = challenge(house, question, verdict, rule);
            Told { challenge, ..told(StatusCode::UNAUTHORIZED, None, None) }
        }
    }
}

/// Where the one-reload page is.
pub(crate) const RESUME_PATH: &str = "/_holdfast/resume";

/// The page where a person finds what the request lacks, and how to send the browser there. Scripts and clients with
/// access tokens cannot use a page: they are told by status.
fn page_for(question: &Question<'_>, decision: Decision) -> Option<(StatusCode, String)> {
    let is_token = matches!(question.authorization, Authorization::Dpop(_) | Authorization::Several);
    if is_token || !question.fetch.is_navigation() {
        return None;
    }
    let app = question.app;
    let page = match decision {
        Decision::StepUp => app.step_up_url.as_ref(),
        Decision::Allow | Decision::Deny | Decision::Reprove => app.login_url.as_ref(),
    }?;
    if is_same_page(page, question.target) {
        return None;
    }
    // A form that was posted is not posted to the login page (RFC 9110 §15.4.4).
    let is_safe = matches!(question.method, "GET" | "HEAD");
    let status = if is_safe { StatusCode::FOUND } else { StatusCode::SEE_OTHER };
    Some((status, page.returning_to(&app.return_parameter, local(question).as_ref())))
}

/// A login page behind a login would send its browser in a circle.
fn is_same_page(page: &PageAddress, target: Option<&str>) -> bool {
    let asked = target.and_then(|target| target.split(['?', '#']).next());
    page.local_path().is_some_and(|path| asked == Some(path))
}

/// The one challenge of a 401 (RFC 9110 §11.6.1, RFC 9449 §7.1). A session cookie has no scheme: whoever came with one
/// gets none.
fn challenge(
    house: &Holdfast,
    question: &Question<'_>,
    verdict: &Verdict,
    rule: Option<Rule>,
) -> Option<HeaderValue> {
    match (question.authorization, rule) {
        (_, Some(rule)) => {
            let code = dpop::ErrorCode::of(rule).as_str();
            Some(dpop::challenge(house, code, &dpop::description_of(rule)))
        }
        (Authorization::Several, None) => {
            Some(dpop::challenge(house, "invalid_request", "send exactly one Authorization header"))
        }
        (Authorization::Dpop(_), None) if verdict.reason == Reason::InsufficientScope => {
            Some(dpop::scope_challenge(house, question.demands.scope.as_deref().unwrap_or_default()))
        }
        (Authorization::Dpop(_), None) => Some(match verdict.decision {
            Decision::StepUp => {
                dpop::step_up_challenge(house, verdict.reason.says(), lacking(question, verdict))
            }
            Decision::Allow | Decision::Deny | Decision::Reprove => {
                dpop::challenge(house, "invalid_token", verdict.reason.says())
            }
        }),
        (Authorization::Bearer(_) | Authorization::None, None) => {
            (verdict.reason == Reason::NoCredential).then(|| dpop::bare_challenge(house))
        }
    }
}

/// What login the client has to ask the user for. A device that binds too weakly is mended by none, however fresh.
fn lacking<'a>(question: &Question<'a>, verdict: &Verdict) -> Lacking<'a> {
    let acr_values = question.app.step_up_acr.as_deref();
    let reason = verdict.reason;
    if reason == Reason::AuthTooOld {
        Lacking { max_age: question.demands.requirements.max_auth_age, acr_values }
    } else if reason == Reason::RiskStepUp {
        // The login that there is was not enough, whenever it was.
        Lacking { max_age: Some(Duration::ZERO), acr_values }
    } else if reason == Reason::IdleExpired {
        // One factor opens a lock.
        Lacking { max_age: Some(Duration::ZERO), acr_values: None }
    } else {
        Lacking::default()
    }
}

/// A link from another site comes without the bound cookie, and the browser may not refresh for it. One reload from our
/// own site, and only from there, settles whether the session is still there.
fn may_resume(question: &Question<'_>, reason: Reason) -> bool {
    reason == Reason::NoCredential && question.hint && question.fetch.is_foreign_navigation(question.method)
}

/// The address of the request, if a browser that is sent there stays on the origin.
fn local(question: &Question<'_>) -> Option<LocalPath> {
    let target = question.target?.split('#').next().unwrap_or_default();
    if target.starts_with('/') { target.parse().ok() } else { format!("/{target}").parse().ok() }
}
