//! Sessions, and what begins one.

use holdfast_core::{Level, Method, jose::Algorithm, session::EndReason};
use serde_json::{Value, json};

use super::refer;

pub(super) fn schemas() -> Value {
    let time = || json!({ "type": "string", "format": "date-time" });
    let time_or_none = || json!({ "type": ["string", "null"], "format": "date-time" });
    let text_or_none = || json!({ "type": ["string", "null"] });
    let user = json!({
        "type": "string", "minLength": 1, "maxLength": 256,
        "description": "1 to 256 bytes of UTF-8, without control characters and without white space at its ends.",
    });
    let auth = json!({ "oneOf": [refer("Auth"), { "type": "null" }] });
    let client = json!({ "oneOf": [refer("Client"), { "type": "null" }] });
    let attributes = json!({ "type": ["object", "null"], "description": "At most 4096 bytes as written. `groups`, if there, is a list of at most 64 texts of 1 to 128 bytes." });
    let bound_by: Vec<_> = Method::ALL.map(Method::as_str).into_iter().chain(["none"]).collect();
    let hash = json!({ "type": ["string", "null"], "pattern": "^[A-Za-z0-9_-]{43}$" });
    json!({
        "SessionId": { "type": "string", "pattern": "^hs_[A-Za-z0-9_-]{22}$" },
        "EndReason": { "type": "string", "enum": EndReason::ALL.map(EndReason::as_str) },
        "Problem": {
            "type": "object",
            "description": "RFC 9457",
            "properties": {
                "type": { "type": "string", "pattern": "^urn:holdfast:problem:[a-z0-9_]+$" },
                "title": { "type": "string" },
                "status": { "type": "integer" },
                "code": { "type": "string", "description": "Stable." },
                "detail": { "type": "string", "description": "For people." },
            },
            "required": ["type", "title", "status", "code", "detail"],
        },
        "Session": {
            "type": "object",
            "properties": {
                "id": refer("SessionId"),
                "app": { "type": "string" },
                "user": { "type": "string" },
                "state": { "type": "string", "enum": ["active", "ended"] },
                "locked": {
                    "type": "boolean",
                    "description": "Whether its user must authenticate again before it may be used (session.soft_lock).",
                },
                "end_reason": { "oneOf": [refer("EndReason"), { "type": "null" }] },
                "created_at": time(),
                "last_seen_at": time(),
                "idle_expires_at": time(),
                "expires_at": time(),
                "ended_at": time_or_none(),
                "binding": refer("Binding"),
                "auth": {
                    "type": "object",
                    "properties": {
                        "acr": text_or_none(),
                        "amr": { "type": "array", "items": { "type": "string" } },
                        "auth_time": time(),
                    },
                    "required": ["acr", "amr", "auth_time"],
                    "additionalProperties": false,
                },
                "client": {
                    "type": "object",
                    "properties": {
                        "ip": text_or_none(), "user_agent": text_or_none(), "device_id": text_or_none(),
                    },
                    "required": ["ip", "user_agent", "device_id"],
                    "additionalProperties": false,
                },
                "attributes": { "type": "object" },
            },
            "required": [
                "id", "app", "user", "state", "locked", "end_reason", "created_at", "last_seen_at",
                "idle_expires_at", "expires_at", "ended_at", "binding", "auth", "client", "attributes",
            ],
            "additionalProperties": false,
        },
        "Binding": {
            "type": "object",
            "properties": {
                "method": { "type": "string", "enum": bound_by },
                "level": { "type": "string", "enum": Level::ALL.map(Level::as_str) },
                "algorithm": {
                    "oneOf": [
                        { "type": "string", "enum": Algorithm::ALL.map(Algorithm::as_str) },
                        { "type": "null" },
                    ],
                },
                "key_thumbprint": { "type": ["string", "null"], "description": "RFC 7638, SHA-256" },
                "bound_at": time_or_none(),
                "last_proof_at": time_or_none(),
                "proofs": { "type": "integer", "minimum": 0 },
            },
            "required": [
                "method", "level", "algorithm", "key_thumbprint", "bound_at", "last_proof_at", "proofs",
            ],
            "additionalProperties": false,
        },
        "Auth": {
            "type": "object",
            "properties": {
                "acr": { "type": ["string", "null"], "maxLength": 256 },
                "amr": { "type": "array", "items": { "type": "string", "maxLength": 128 }, "maxItems": 16 },
                "auth_time": time_or_none(),
            },
            "additionalProperties": false,
        },
        "Client": {
            "type": "object",
            "properties": {
                "ip": { "type": ["string", "null"], "description": "An IPv4 or IPv6 address." },
                "user_agent": { "type": ["string", "null"], "description": "Cut at 512 bytes." },
                "device_id": {
                    "type": ["string", "null"], "pattern": "^[!-~]{1,128}$",
                    "description": "The device, as whoever manages it names it.",
                },
            },
            "additionalProperties": false,
        },
        "NewSession": { "oneOf": [refer("NewBrowserSession"), refer("NewOAuthSession")] },
        "NewBrowserSession": {
            "type": "object",
            "description": "A session for a browser, which is what no kind means.",
            "properties": {
                "kind": { "type": "string", "const": "browser" },
                "user": user.clone(),
                "auth": auth.clone(),
                "client": client.clone(),
                "attributes": attributes.clone(),
                "previous_cookie": {
                    "type": ["string", "null"],
                    "description": "The value of the session cookie that came with the login request. Its session \
                                    ends if this is the last cookie of it, be it expired.",
                },
            },
            "required": ["user"],
            "additionalProperties": false,
        },
        "NewOAuthSession": {
            "type": "object",
            "description": "A session for an OAuth client. previous_cookie is refused.",
            "properties": {
                "kind": { "type": "string", "const": "oauth" },
                "user": user,
                "auth": auth.clone(),
                "client": client,
                "attributes": attributes,
                "client_id": { "type": "string", "description": "One of the app's [[clients]]." },
                "redirect_uri": {
                    "type": "string",
                    "description": "One of the client's redirect_uris, compared as it stands.",
                },
                "scope": {
                    "type": ["string", "null"],
                    "description": "Words of the client's scopes, with spaces between. Nothing if it is missing.",
                },
                "audience": {
                    "type": ["string", "null"],
                    "description": "One of the client's audiences: aud of the access tokens. The first of them if it \
                                    is missing; the app's origin if the client has none.",
                },
                "code_challenge": hash.clone(),
                "code_challenge_method": { "enum": ["S256", null] },
                "dpop_jkt": hash,
            },
            "required": ["kind", "user", "client_id", "redirect_uri"],
            "additionalProperties": false,
        },
        "Regenerate": {
            "type": "object",
            "properties": { "auth": auth },
            "additionalProperties": false,
        },
        "Usage": {
            "type": "object",
            "properties": {
                "bytes": {
                    "type": "integer", "minimum": 0, "maximum": 9_007_199_254_740_991_u64,
                    "description": "Bytes that the app has sent in this session, from routes that export data.",
                },
            },
            "required": ["bytes"],
            "additionalProperties": false,
        },
        "Headers": {
            "type": "array",
            "description": "Names and values.",
            "items": {
                "type": "array", "prefixItems": [{ "type": "string" }, { "type": "string" }],
                "items": false, "minItems": 2, "maxItems": 2,
            },
        },
        "Begun": {
            "type": "object",
            "properties": { "session": refer("Session"), "response_headers": refer("Headers") },
            "required": ["session", "response_headers"],
            "additionalProperties": false,
        },
        "Code": {
            "type": "object",
            "properties": {
                "code": {
                    "type": "string",
                    "description": "For the client and nobody else: a credential until it is redeemed.",
                },
                "expires_in": { "type": "integer", "const": holdfast_core::oauth::CODE_LIFE.as_secs() },
                "session": refer("Session"),
            },
            "required": ["code", "expires_in", "session"],
            "additionalProperties": false,
        },
        "SessionPage": {
            "type": "object",
            "properties": {
                "sessions": { "type": "array", "items": refer("Session") },
                "next_cursor": text_or_none(),
            },
            "required": ["sessions", "next_cursor"],
            "additionalProperties": false,
        },
        "EndedCount": {
            "type": "object",
            "properties": { "ended": { "type": "integer", "minimum": 0 } },
            "required": ["ended"],
            "additionalProperties": false,
        },
    })
}
