//! The shapes of bodies. What the server chooses from a list is chosen from the same list here.

use holdfast_core::{
    Level, Method,
    check::{Decision, Reason},
    jose::Algorithm,
    session::EndReason,
};
use serde_json::{Value, json};

use super::operation::refer;
use crate::respond::OAuthError;

/// Every schema, by its name.
pub(super) fn all() -> Value {
    let Value::Object(mut all) = sessions() else { return Value::Null };
    for more in [checks(), browsers(), oauth(), store()] {
        if let Value::Object(more) = more {
            all.extend(more);
        }
    }
    all.into()
}

fn sessions() -> Value {
    let time = || json!({ "type": "string", "format": "date-time" });
    let time_or_none = || json!({ "type": ["string", "null"], "format": "date-time" });
    let text_or_none = || json!({ "type": ["string", "null"] });
    let user = json!({
        "type": "string", "minLength": 1, "maxLength": 256,
        "description": "1 to 256 bytes of UTF-8, without control characters and without white space at its ends.",
    });
    let auth = json!({ "oneOf": [refer("Auth"), { "type": "null" }] });
    let client = json!({ "oneOf": [refer("Client"), { "type": "null" }] });
    let attributes = json!({ "type": ["object", "null"], "description": "At most 4096 bytes as written." });
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
                    "properties": { "ip": text_or_none(), "user_agent": text_or_none() },
                    "required": ["ip", "user_agent"],
                    "additionalProperties": false,
                },
                "attributes": { "type": "object" },
            },
            "required": [
                "id", "app", "user", "state", "end_reason", "created_at", "last_seen_at", "idle_expires_at",
                "expires_at", "ended_at", "binding", "auth", "client", "attributes",
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
                "acr": text_or_none(),
                "amr": { "type": "array", "items": { "type": "string" }, "maxItems": 16 },
                "auth_time": time_or_none(),
            },
            "additionalProperties": false,
        },
        "Client": {
            "type": "object",
            "properties": {
                "ip": { "type": ["string", "null"], "description": "An IPv4 or IPv6 address." },
                "user_agent": { "type": ["string", "null"], "description": "Cut at 512 bytes." },
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

fn checks() -> Value {
    let age =
        json!({ "type": ["string", "null"], "pattern": "^[0-9]+[smhd]$", "description": "Such as 5m." });
    json!({
        "Reason": { "type": "string", "enum": Reason::ALL.iter().map(|reason| reason.as_str()).collect::<Vec<_>>() },
        "Decision": { "type": "string", "enum": Decision::ALL.map(Decision::as_str) },
        "CheckQuestion": {
            "type": "object",
            "properties": {
                "method": { "type": "string", "pattern": "^[A-Za-z-]+$" },
                "url": { "type": "string", "description": "The absolute address that the client asked for." },
                "headers": refer("Headers"),
                "client_ip": { "type": ["string", "null"], "description": "An IPv4 or IPv6 address." },
                "require": {
                    "type": "object",
                    "properties": {
                        "binding": { "enum": [
                            Level::None.as_str(), Level::Software.as_str(), Level::Hardware.as_str(),
                            Level::Attested.as_str(), null,
                        ] },
                        "scope": {
                            "type": ["string", "null"],
                            "description": "Words that the scope of an OAuth client must hold.",
                        },
                        "max_auth_age": age.clone(),
                        "max_proof_age": age,
                    },
                    "additionalProperties": false,
                },
            },
            "required": ["method", "url"],
            "additionalProperties": false,
        },
        "CheckAnswer": {
            "type": "object",
            "properties": {
                "decision": refer("Decision"),
                "reason": refer("Reason"),
                "status": {
                    "type": "integer", "enum": [200, 307, 401, 403],
                    "description": "What to send to the client when the decision is not allow.",
                },
                "session": {
                    "oneOf": [refer("Session"), { "type": "null" }],
                    "description": "Also there when the session was found and refused. null for a token of another \
                                    issuer, which has no session here.",
                },
                "request_headers": refer("Headers"),
                "response_headers": refer("Headers"),
            },
            "required": ["decision", "reason", "status", "session", "request_headers", "response_headers"],
            "additionalProperties": false,
        },
    })
}

fn browsers() -> Value {
    json!({
        "Instructions": {
            "type": "object",
            "description": "DBSC session instructions",
            "properties": {
                "session_identifier": refer("SessionId"),
                "refresh_url": { "type": "string" },
                "scope": {
                    "type": "object",
                    "properties": { "origin": { "type": "string" }, "include_site": { "type": "boolean" } },
                    "required": ["origin", "include_site"],
                },
                "credentials": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "type": { "type": "string", "const": "cookie" },
                            "name": { "type": "string" },
                            "attributes": { "type": "string" },
                        },
                        "required": ["type", "name", "attributes"],
                    },
                },
            },
            "required": ["session_identifier", "refresh_url", "scope", "credentials"],
        },
        "JwkSet": {
            "type": "object",
            "properties": {
                "keys": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "kty": { "type": "string" }, "crv": { "type": "string" }, "x": { "type": "string" },
                            "y": { "type": "string" }, "alg": { "type": "string" }, "use": { "type": "string" },
                            "kid": { "type": "string" },
                        },
                        "required": ["kty", "crv", "x", "y", "alg", "use", "kid"],
                    },
                },
            },
            "required": ["keys"],
        },
    })
}

fn oauth() -> Value {
    let texts = || json!({ "type": "array", "items": { "type": "string" } });
    json!({
        "Tokens": {
            "type": "object",
            "description": "RFC 6749 §5.1",
            "properties": {
                "access_token": { "type": "string", "description": "A JWT (RFC 9068), bound to the key of the proof." },
                "token_type": { "type": "string", "const": "DPoP" },
                "expires_in": { "type": "integer", "minimum": 0, "maximum": 900 },
                "refresh_token": { "type": "string", "description": "Opaque. Each one is good once." },
                "scope": { "type": "string", "description": "What was granted; absent if that is nothing." },
            },
            "required": ["access_token", "token_type", "expires_in", "refresh_token"],
            "additionalProperties": false,
        },
        "Introspection": {
            "description": "RFC 7662 §2.2, RFC 9449 §6.2",
            "oneOf": [
                {
                    "type": "object",
                    "properties": { "active": { "const": false } },
                    "required": ["active"],
                    "additionalProperties": false,
                },
                {
                    "type": "object",
                    "properties": {
                        "active": { "const": true },
                        "token_type": { "const": "DPoP" },
                        "cnf": {
                            "type": "object",
                            "properties": { "jkt": { "type": "string", "description": "RFC 7638, SHA-256" } },
                            "required": ["jkt"],
                        },
                        "scope": { "type": "string" },
                        "client_id": { "type": "string" },
                        "sub": { "type": "string" },
                        "aud": { "type": "string" },
                        "iss": { "type": "string" },
                        "sid": refer("SessionId"),
                        "iat": { "type": "integer", "description": "Of an access token." },
                        "exp": {
                            "type": "integer",
                            "description": "Of a refresh token: the absolute limit of its session.",
                        },
                        "jti": { "type": "string", "description": "Of an access token." },
                    },
                    "required": ["active", "token_type", "cnf", "client_id", "sub", "aud", "iss", "sid", "exp"],
                    "additionalProperties": false,
                },
            ],
        },
        "OAuthError": {
            "type": "object",
            "description": "RFC 6749 §5.2",
            "properties": {
                "error": { "type": "string", "enum": OAuthError::ALL.map(OAuthError::as_str) },
                "error_description": {
                    "type": "string",
                    "description": "A text of the server's own; nothing the client sent stands in it.",
                },
            },
            "required": ["error", "error_description"],
            "additionalProperties": false,
        },
        "AuthorizationServer": {
            "type": "object",
            "description": "RFC 8414 §2. There is no authorization endpoint: the app authenticates its users itself.",
            "properties": {
                "issuer": { "type": "string", "description": "The app's origin." },
                "token_endpoint": { "type": "string" },
                "revocation_endpoint": { "type": "string" },
                "introspection_endpoint": { "type": "string" },
                "jwks_uri": { "type": "string" },
                "response_types_supported": texts(),
                "response_modes_supported": texts(),
                "grant_types_supported": texts(),
                "token_endpoint_auth_methods_supported": texts(),
                "revocation_endpoint_auth_methods_supported": texts(),
                "introspection_endpoint_auth_methods_supported": texts(),
                "code_challenge_methods_supported": texts(),
                "scopes_supported": texts(),
                "dpop_signing_alg_values_supported": texts(),
            },
            "required": ["issuer", "token_endpoint", "jwks_uri", "dpop_signing_alg_values_supported"],
        },
        "ProtectedResource": {
            "type": "object",
            "description": "RFC 9728 §2",
            "properties": {
                "resource": { "type": "string", "description": "The app's origin." },
                "authorization_servers": texts(),
                "jwks_uri": { "type": "string" },
                "scopes_supported": texts(),
                "bearer_methods_supported": texts(),
                "dpop_signing_alg_values_supported": texts(),
                "dpop_bound_access_tokens_required": { "type": "boolean" },
            },
            "required": ["resource", "authorization_servers", "dpop_bound_access_tokens_required"],
        },
    })
}

fn store() -> Value {
    let count = |says: &str| json!({ "type": "integer", "minimum": 0, "description": says });
    json!({
        "Restored": {
            "type": "object",
            "properties": {
                "taken_at": { "type": "string", "format": "date-time", "description": "When the backup was begun." },
                "sessions": count("How many sessions the backup has."),
                "added": count("Those that were not known here and are now."),
                "updated": count("Those that were here in an older state."),
                "ended": count("Those that were alive here, and ended in the backup: they have ended."),
                "kept": count("Those that were here already, as new or newer, or ended."),
                "left_out": count("Those that have expired, or ended too long ago to be read."),
            },
            "required": ["taken_at", "sessions", "added", "updated", "ended", "kept", "left_out"],
            "additionalProperties": false,
        },
    })
}
