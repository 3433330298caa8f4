//! The endpoints that OAuth clients ask.

use http::StatusCode;
use serde_json::{Value, json};

use super::{Operation, answer::Answer, caller::Caller, schemas::refer};
use crate::respond::{OAuthError, ProblemCode};

pub(crate) fn token() -> Operation {
    let form = json!({
        "type": "object",
        "properties": {
            "grant_type": { "type": "string", "enum": ["authorization_code", "refresh_token"] },
            "code": { "type": "string", "minLength": 1 },
            "redirect_uri": { "type": "string", "description": "With a code: the one that it was issued for." },
            "code_verifier": {
                "type": "string", "pattern": "^[A-Za-z0-9._~-]{43,128}$",
                "description": "With a code that was asked for with a code_challenge.",
            },
            "refresh_token": { "type": "string", "minLength": 1 },
            "client_id": { "type": "string", "description": CLIENT_ID },
            "client_secret": { "type": "string" },
        },
        "required": ["grant_type"],
        "additionalProperties": { "type": "string", "description": OTHERS },
    });
    let tokens = Answer::json("Tokens, bound to the key of the proof.", "Tokens")
        .header("Pragma", "no-cache")
        .optional_header(
            "DPoP-Nonce",
            "Where the nonce of the proof is in the second half of its life: the next one.",
        );
    let refused = errors(
        "The request, the proof or the grant is not taken. A code or refresh token that was used before ends its \
         session.",
        &[
            OAuthError::InvalidDpopProof,
            OAuthError::InvalidGrant,
            OAuthError::InvalidRequest,
            OAuthError::InvalidScope,
            OAuthError::UnsupportedGrantType,
            OAuthError::UseDpopNonce,
        ],
    );
    let refused = refused.optional_header("DPoP-Nonce", "With use_dpop_nonce: for the next proof.");
    with_cors_in_trouble(Operation::new(TAG, "token", "A code or a refresh token becomes an access token")
        .says(
            "Each parameter at most once, 16 KiB in all. The proof has htm POST, htu the address of this endpoint, and no \
             ath. It is judged before anything of the grant is touched.",
        )
        .by(Caller::ConfidentialClient)
        .by(Caller::Anybody)
        .header("DPoP", true, "The proof. Its key is the one that the tokens are bound to.")
        .header("Origin", false, PAGE)
        .body(FORM, form)
        .answer(StatusCode::OK, cors(tokens))
        .answer(StatusCode::BAD_REQUEST, cors(refused))
        .answer(StatusCode::UNAUTHORIZED, cors(unknown_client("It is not known, or its secret is another one.")))
        .trouble())
}

pub(crate) fn revoke() -> Operation {
    let refused = errors(
        "token is missing, the form is none, or a client without a secret gives back an access token.",
        &[OAuthError::InvalidRequest, OAuthError::UnsupportedTokenType],
    );
    with_cors_in_trouble(Operation::new(TAG, "revoke", "A client gives back what it was granted")
        .says("RFC 7009. Ends the session of the token, whichever kind it is. token_type_hint is not looked at.")
        .by(Caller::ConfidentialClient)
        .by(Caller::App)
        .by(Caller::Anybody)
        .header("Origin", false, PAGE)
        .body(FORM, about_a_token())
        .answer(
            StatusCode::OK,
            cors(Answer::new("The session has ended, or the token was none of the caller's.")),
        )
        .answer(StatusCode::BAD_REQUEST, cors(refused))
        .answer(StatusCode::UNAUTHORIZED, cors(unknown_client("It is not known, or its secret is another one.")))
        .trouble())
}

pub(crate) fn introspect() -> Operation {
    let says = "What the token is, or that it is not active, for whatever reason.";
    Operation::new(TAG, "introspect", "Is this token good, and for whom?")
        .says(
            "RFC 7662. An app asks by its API token about the tokens of its users; a confidential client about its own. \
             A public client is refused.",
        )
        .by(Caller::ConfidentialClient)
        .by(Caller::App)
        .body(FORM, about_a_token())
        .answer(StatusCode::OK, Answer::json(says, "Introspection").header("Pragma", "no-cache"))
        .answer(
            StatusCode::BAD_REQUEST,
            errors("token is missing, or the form is none.", &[OAuthError::InvalidRequest]),
        )
        .answer(StatusCode::UNAUTHORIZED, unknown_client("It is not known, or it has no secret."))
        .trouble()
}

pub(crate) fn nonce() -> Operation {
    Operation::new(TAG, "nonce", "A nonce before the first proof")
        .says("Bound to no key, since none is known. HEAD does the same.")
        .by(Caller::Anybody)
        .header("Origin", false, PAGE)
        .answer(
            StatusCode::NO_CONTENT,
            cors(Answer::new("The nonce.").header("DPoP-Nonce", "For any proof, for dpop.nonce_life.")),
        )
}

pub(crate) fn preflight_token() -> Operation {
    preflight("tokenPreflight")
}

pub(crate) fn preflight_revoke() -> Operation {
    preflight("revokePreflight")
}

pub(crate) fn preflight_nonce() -> Operation {
    preflight("noncePreflight")
}

pub(crate) fn authorization_server() -> Operation {
    let says = "What an OAuth client must know of this server.";
    metadata("authorizationServer", "Metadata of the authorization server", says, "AuthorizationServer")
}

pub(crate) fn protected_resource() -> Operation {
    let says = "Which authorization server the app's tokens come from, and that they are bound to keys.";
    metadata("protectedResource", "Metadata of the app as a protected resource", says, "ProtectedResource")
}

fn metadata(id: &'static str, summary: &'static str, says: &str, schema: &str) -> Operation {
    Operation::new(TAG, id, summary)
        .by(Caller::Anybody)
        .header("Host", false, "The app's origin. Where there are several apps, it says which is meant.")
        .answer(StatusCode::OK, Answer::json(says, schema).header("Access-Control-Allow-Origin", "*"))
        .problem(ProblemCode::UnknownOrigin)
}

fn preflight(id: &'static str) -> Operation {
    Operation::new(TAG, id, "A browser asks whether a page may call")
        .by(Caller::Anybody)
        .header("Origin", false, PAGE)
        .header("Access-Control-Request-Method", false, "Not looked at.")
        .answer(
            StatusCode::NO_CONTENT,
            cors(Answer::new("It may, if Access-Control-Allow-Origin is there."))
                .optional_header("Access-Control-Allow-Methods", "With Access-Control-Allow-Origin.")
                .optional_header("Access-Control-Allow-Headers", "With Access-Control-Allow-Origin.")
                .optional_header("Access-Control-Max-Age", "With Access-Control-Allow-Origin. Seconds."),
        )
}

/// The same of our own trouble, where it was met behind the door.
fn with_cors_in_trouble(operation: Operation) -> Operation {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    operation
        .with_optional_header(status, "Vary", "Origin")
        .with_optional_header(status, "Access-Control-Expose-Headers", "DPoP-Nonce, WWW-Authenticate")
        .with_optional_header(
            status,
            "Access-Control-Allow-Origin",
            "Origin, if it is that of a client's redirect URI.",
        )
}

/// What pages of a client's origin need to read an answer.
fn cors(answer: Answer) -> Answer {
    answer
        .header("Vary", "Origin")
        .header("Access-Control-Expose-Headers", "DPoP-Nonce, WWW-Authenticate")
        .optional_header("Access-Control-Allow-Origin", "Origin, if it is that of a client's redirect URI.")
}

fn unknown_client(says: &str) -> Answer {
    errors(says, &[OAuthError::InvalidClient]).optional_header(
        "WWW-Authenticate",
        "The scheme by which the caller came, if it came with Authorization.",
    )
}

fn errors(says: &str, errors: &[OAuthError]) -> Answer {
    let words: Vec<_> = errors.iter().map(|error| error.as_str()).collect();
    let narrow = json!({ "properties": { "error": { "enum": words } } });
    Answer::of(says, "application/json", json!({ "allOf": [refer("OAuthError"), narrow] }))
}

fn about_a_token() -> Value {
    json!({
        "type": "object",
        "properties": {
            "token": { "type": "string", "minLength": 1 },
            "token_type_hint": { "type": "string" },
            "client_id": { "type": "string", "description": CLIENT_ID },
            "client_secret": { "type": "string" },
        },
        "required": ["token"],
        "additionalProperties": { "type": "string", "description": OTHERS },
    })
}

const TAG: &str = "oauth";

const FORM: &str = "application/x-www-form-urlencoded";

const CLIENT_ID: &str = "Of a public client, or of a confidential one with client_secret.";

const OTHERS: &str = "Not looked at. Like the others, at most once.";

const PAGE: &str = "Of a page that calls.";
