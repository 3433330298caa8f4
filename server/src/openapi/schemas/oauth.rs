//! What OAuth clients and resources are told.

use serde_json::{Value, json};

use super::refer;
use crate::respond::OAuthError;

pub(super) fn schemas() -> Value {
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
