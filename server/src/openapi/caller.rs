//! Who asks, and where.

use serde_json::{Value, json};

/// Where a route is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listener {
    Internal,
    Public,
}

/// Who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    /// Whoever reaches the listener.
    Anybody,
    App,
    Browser,
    ConfidentialClient,
    Gateway,
    Operator,
    /// Somebody who is told of signals.
    StreamReceiver,
    /// Somebody who shares signals.
    Transmitter,
}

impl Caller {
    pub(super) fn requirement(self) -> Value {
        match self {
            Self::Anybody => json!({}),
            Self::App => json!({ "appToken": [] }),
            Self::Browser => json!({ "sessionCookie": [] }),
            Self::ConfidentialClient => json!({ "clientSecret": [] }),
            Self::Gateway => json!({ "gatewaySecret": [] }),
            Self::Operator => json!({ "operatorToken": [] }),
            Self::StreamReceiver => json!({ "streamToken": [] }),
            Self::Transmitter => json!({ "transmitterToken": [] }),
        }
    }
}

impl Listener {
    pub(super) fn server(self) -> Value {
        match self {
            Self::Internal => {
                json!({ "url": "http://127.0.0.1:8444", "description": "The internal listener" })
            }
            Self::Public => {
                json!({ "url": "https://shop.example", "description": "The public listener, on the app's own origin" })
            }
        }
    }

    /// What every answer of the listener has.
    pub(super) const fn common_headers(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Internal => &[("Cache-Control", "no-store")],
            Self::Public => &[
                ("Cache-Control", "no-store"),
                (
                    "Cross-Origin-Resource-Policy",
                    "same-origin; cross-origin where pages of other origins may read it.",
                ),
                ("X-Content-Type-Options", "nosniff"),
                ("X-Frame-Options", "DENY"),
            ],
        }
    }
}

pub(super) fn security_schemes() -> Value {
    json!({
        "appToken": { "type": "http", "scheme": "bearer", "description": "An app's API token." },
        "operatorToken": {
            "type": "http", "scheme": "bearer",
            "description": "The operators' token: sees and ends every app's sessions, and makes backups.",
        },
        "streamToken": {
            "type": "http", "scheme": "bearer",
            "description": "The token of one of [[signals.transmitter.receivers]].",
        },
        "transmitterToken": {
            "type": "http", "scheme": "bearer",
            "description": "The token of one of [[signals.receivers]], which its transmitter sends.",
        },
        "gatewaySecret": {
            "type": "apiKey", "in": "header", "name": "Holdfast-Gateway-Secret",
            "description": "From an address in [gateways] trusted.",
        },
        "sessionCookie": {
            "type": "apiKey", "in": "cookie", "name": "__Host-holdfast",
            "description": "The name is session.cookie_name.",
        },
        "clientSecret": {
            "type": "http", "scheme": "basic",
            "description": "A confidential client: client_id and secret, each form-encoded (RFC 6749 §2.3.1). client_id \
                            and client_secret in the form do the same; a public client sends client_id alone.",
        },
    })
}

/// The groups of operations.
pub(super) const TAGS: [(&str, &str); 8] = [
    ("browsers", "The public listener, below /_holdfast/ on the app's origin"),
    (
        "oauth",
        "The public listener, on the app's origin: OAuth clients whose tokens are bound to a key (RFC 9449)",
    ),
    ("sessions", "What apps and operators do with sessions"),
    ("devices", "What apps and operators know of devices"),
    ("checks", "Apps ask about requests"),
    ("gateways", "Gateways ask about requests"),
    ("signals", "The public listener: events shared with other parties (OpenID SSF 1.0)"),
    ("operations", "Operators and their machines"),
];
