//! The session instructions: what a browser is told to guard, and how (DBSC §9.6).

use serde::Serialize;

use super::set_cookie::{ATTRIBUTES, CookieName};
use crate::{Origin, SessionId};

/// Where browsers register, below the app's origin.
pub const REGISTER_PATH: &str = "/_holdfast/dbsc/register";

/// Where browsers refresh, below the app's origin. Nothing else lives below this path: browsers exclude it, and what is
/// below it, from the session.
pub const REFRESH_PATH: &str = "/_holdfast/dbsc/refresh";

/// The instructions as JSON.
///
/// The scope is the app's own origin, from the configuration. The credential has the attributes of `Set-Cookie` and
/// none besides: Chromium refuses the whole session over one that it does not permit there.
pub fn instructions(session: SessionId, origin: &Origin, cookie: &CookieName) -> String {
    let instructions = Instructions {
        session_identifier: session.to_string(),
        refresh_url: REFRESH_PATH,
        scope: Scope { origin: origin.as_str(), include_site: false },
        credentials: [Credential { r#type: "cookie", name: cookie.as_str(), attributes: ATTRIBUTES }],
    };
    serde_json::to_string(&instructions).unwrap_or_default()
}

#[derive(Serialize)]
struct Instructions<'a> {
    session_identifier: String,
    refresh_url: &'a str,
    scope: Scope<'a>,
    credentials: [Credential<'a>; 1],
}

#[derive(Serialize)]
struct Scope<'a> {
    origin: &'a str,
    include_site: bool,
}

#[derive(Serialize)]
struct Credential<'a> {
    r#type: &'a str,
    name: &'a str,
    attributes: &'a str,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::dbsc::set_cookie;

    #[test]
    fn credential_and_set_cookie_agree() {
        let name: CookieName = "__Host-holdfast".parse().unwrap();
        let json =
            instructions(SessionId::from_bytes([0; 16]), &"https://shop.example".parse().unwrap(), &name);
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["scope"]["include_site"], serde_json::Value::Bool(false));
        assert_eq!(value["scope"]["origin"], "https://shop.example");
        let attributes = value["credentials"][0]["attributes"].as_str().unwrap();
        let header = set_cookie(&name, "v", Duration::from_secs(600));
        assert_eq!(header, format!("__Host-holdfast=v; Max-Age=600; {attributes}"));
    }
}
