//! The question "may this request go on?", asked by apps and by gateways.

use holdfast_core::check::Reason;
use http::StatusCode;

use super::{Operation, answer::Answer, browsers::refused_for_reasons, caller::Caller};
use crate::{respond::ProblemCode, routes::verify};

pub(crate) fn check() -> Operation {
    Operation::new("checks", "check", "May this request go on?")
        .by_app()
        .json_body(true, "CheckQuestion")
        .answer(StatusCode::OK, Answer::json("The question was answered; decision says how.", "CheckAnswer"))
        .trouble()
        .problem(ProblemCode::IssuerUnavailable)
}

pub(crate) fn nginx() -> Operation {
    gateway("verifyNginx", "nginx auth_request asks")
        .header("X-Original-URL", true, "The absolute address the client asked for.")
        .header("X-Original-Method", true, "The method of the client's request.")
        .with_optional_header(
            StatusCode::UNAUTHORIZED,
            "Holdfast-Redirect",
            "Where to send the client, in place of a redirect, which nginx does not pass on.",
        )
}

pub(crate) fn caddy() -> Operation {
    forwarded("verifyCaddy", "Caddy forward_auth asks")
}

pub(crate) fn traefik() -> Operation {
    forwarded("verifyTraefik", "Traefik ForwardAuth asks")
}

pub(crate) fn haproxy() -> Operation {
    forwarded("verifyHaproxy", "HAProxy auth-request asks")
}

pub(crate) fn envoy_root() -> Operation {
    envoy("verifyEnvoyRoot", "Envoy ext_authz asks about the root path")
}

pub(crate) fn envoy_slash() -> Operation {
    envoy("verifyEnvoySlash", "Envoy ext_authz asks about the root path")
}

pub(crate) fn envoy_path() -> Operation {
    envoy("verifyEnvoy", "Envoy ext_authz asks").parameter(
        "path",
        "path",
        true,
        "The path the client asked for; it may hold slashes. The query follows.",
        serde_json::json!({ "type": "string" }),
    )
}

fn envoy(id: &'static str, summary: &'static str) -> Operation {
    redirecting(gateway(id, summary))
        .says("Any method: it is that of the client's request.")
        .header(
            "Host",
            false,
            "The host and port the client asked for, unless the request line holds them. The scheme is taken to be https.",
        )
}

fn forwarded(id: &'static str, summary: &'static str) -> Operation {
    redirecting(gateway(id, summary))
        .header("X-Forwarded-Method", true, "The method of the client's request.")
        .header("X-Forwarded-Proto", true, "The scheme the client used.")
        .header("X-Forwarded-Host", true, "The host and port the client asked for.")
        .header("X-Forwarded-Uri", true, "The path and query the client asked for.")
}

/// What holds for every gateway.
fn gateway(id: &'static str, summary: &'static str) -> Operation {
    let allow = verify::IDENTITY.iter().fold(
        Answer::new(
            "The request may go on. The identity headers are always there, empty where nothing is known.",
        ),
        |answer, name| answer.header(&canonical(name.as_str()), identity_says(name.as_str())),
    );
    let operation = Operation::new("gateways", id, summary)
        .by(Caller::Gateway)
        .header(
            "X-Forwarded-For",
            false,
            "The client's address. Read from the right, over trusted gateways; without it the peer is the client.",
        )
        .header(
            "DPoP",
            false,
            "The proof of a request that comes with Authorization: DPoP and an access token. Exactly one.",
        )
        .header("Cookie", false, "What the browser sent.")
        .header("User-Agent", false, "For the audit trail.")
        .header("Secure-Session-Skipped", false, "Counted; changes no decision.")
        .answer(
            StatusCode::OK,
            allow.optional_header("DPoP-Nonce", "For the client's next proof. Pass it on."),
        )
        .problem(ProblemCode::GatewaysOff)
        .problem(ProblemCode::GatewayUntrusted)
        .problem(ProblemCode::GatewaySecret)
        .problem(ProblemCode::GatewayRequest)
        .trouble()
        .problem(ProblemCode::IssuerUnavailable);
    let operation = refused_for_reasons(operation, "The request may not go on; code is the reason.");
    let forbidden = [Reason::PolicyDenied, Reason::InsufficientScope];
    let operation = forbidden
        .into_iter()
        .fold(operation, |operation, reason| operation.refusal(StatusCode::FORBIDDEN, reason, reason.says()));
    with_challenges(told(told(operation, StatusCode::UNAUTHORIZED), StatusCode::FORBIDDEN))
}

/// Gateways of these kinds pass a redirect on.
fn redirecting(operation: Operation) -> Operation {
    let says = "The client has to go round once: to the resume page, or to the same address after a refresh.";
    let reasons = [Reason::NoCredential, Reason::ProofTooOld, Reason::RiskReprove];
    let operation = reasons
        .into_iter()
        .fold(operation, |operation, reason| operation.refusal(StatusCode::TEMPORARY_REDIRECT, reason, says));
    let says = "A person has to go to the app's login_url or step_up_url, and comes back from there.";
    let pages = [StatusCode::FOUND, StatusCode::SEE_OTHER];
    let operation = pages.into_iter().fold(operation, |operation, status| {
        let reasons = Reason::ALL.iter().filter(|reason| may_lead_to_a_page(**reason));
        let refuse = |operation: Operation, reason: &Reason| operation.refusal(status, *reason, says);
        told(reasons.fold(operation, refuse), status).with_header(status, "Location", "The page.")
    });
    told(operation, StatusCode::TEMPORARY_REDIRECT)
        .with_header(StatusCode::TEMPORARY_REDIRECT, "Location", "A path on the app's origin.")
        .with_optional_header(
            StatusCode::TEMPORARY_REDIRECT,
            "Set-Cookie",
            "Expires the session cookie, so that the browser proves its key. Pass it on.",
        )
}

/// What an access token is refused for leads to no page, nor does what no login mends.
fn may_lead_to_a_page(reason: Reason) -> bool {
    !matches!(
        reason,
        Reason::Ok
            | Reason::InsufficientScope
            | Reason::InvalidDpopProof
            | Reason::InvalidToken
            | Reason::PolicyDenied
            | Reason::UseDpopNonce
    )
}

/// What a refusal has, so that the gateway can say why and passes on nothing that the client wrote.
fn told(operation: Operation, status: StatusCode) -> Operation {
    let operation = operation
        .with_header(status, "Holdfast-Reason", "The reason of the check.")
        .with_optional_header(status, "Holdfast-Decision", "deny, step_up or reprove.");
    verify::IDENTITY.iter().fold(operation, |operation, name| {
        operation.with_optional_header(status, &canonical(name.as_str()), "Empty.")
    })
}

fn with_challenges(operation: Operation) -> Operation {
    [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].into_iter().fold(operation, |operation, status| {
        operation
            .with_optional_header(
                status,
                "WWW-Authenticate",
                "DPoP, exactly one, for a request with an access token or without any credential. Pass it on.",
            )
            .with_optional_header(status, "DPoP-Nonce", "For the client's next proof. Pass it on.")
            .with_optional_header(status, "Set-Cookie", "Expires the session cookie. Pass it on.")
    })
}

/// As people write the name of a field: `Holdfast-User`.
fn canonical(name: &str) -> String {
    let capital = |part: &str| {
        let mut letters = part.chars();
        letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
    };
    name.split('-').map(capital).collect::<Vec<String>>().join("-")
}

fn identity_says(name: &str) -> &'static str {
    match name {
        "holdfast-user" => "The user's name in UTF-8.",
        "holdfast-session" => "The session's id; empty for a token of another issuer.",
        "holdfast-binding" => "The level of the binding.",
        "holdfast-assertion" => {
            "The signed identity, a JWT; empty where gateways.assertion is off, and for a token of another issuer."
        }
        "holdfast-client" => "The OAuth client that acts for the user; empty for a browser.",
        "holdfast-scope" => "What it was granted; empty for a browser.",
        _ => "Who vouches for the user, if it is not the app itself.",
    }
}
