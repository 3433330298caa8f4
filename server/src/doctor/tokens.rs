//! What OAuth clients need to get through the gateway: metadata, `DPoP-Nonce`, challenges.

use http::Method;
use serde_json::{Value, json};

use super::{
    Setup,
    binding::NO_RANDOMNESS,
    device::{Device, Request, canary, pkce},
    kinds,
    report::{Finding, Outcome},
    seen::{Seen, printable},
    visit::{Page, USER},
};
use crate::config::ClientConfig;

/// Whether the metadata document of this origin is found.
pub(super) async fn metadata(setup: &Setup) -> Outcome {
    let mut found = Vec::new();
    for (path, member) in [(SERVER, "issuer"), (RESOURCE, "resource")] {
        match setup.stranger.get(path, &[]).await {
            Err(why) => return Outcome::NotChecked(why),
            Ok(seen) => {
                let document = serde_json::from_str::<Value>(&seen.body).unwrap_or_default();
                if seen.status != 200 || text(&document, member) != Some(setup.origin.as_str()) {
                    found.push(Finding::new(
                        &kinds::METADATA_NOT_ROUTED,
                        format!("GET {path}"),
                        seen.words(),
                    ));
                }
            }
        }
    }
    found.into()
}

/// Whether `DPoP-Nonce` and `WWW-Authenticate` arrive, from Holdfast itself and from a check. The session that is made on
/// the way is added to `ended`.
pub(super) async fn nonces(setup: &Setup, page: Option<&Page>, ended: &mut Vec<String>) -> Outcome {
    let mut found = Vec::new();
    match setup.stranger.get(NONCE, &[]).await {
        Err(why) => return Outcome::NotChecked(why),
        Ok(seen) if !has_nonce(&seen) => {
            found.push(Finding::new(&kinds::DPOP_NONCE_DROPPED, format!("GET {NONCE}"), seen.words()));
        }
        Ok(_) => {}
    }
    let checked = match page {
        None => Err(super::transport::NO_PAGE.to_owned()),
        Some(page) => match public_client(setup) {
            None => Err("no client of this app is without a secret, and the doctor has none".to_owned()),
            Some(client) => checks(setup, page, client, ended, &mut found).await,
        },
    };
    match checked {
        Err(why) if found.is_empty() => Outcome::NotChecked(why),
        Ok(()) | Err(_) => found.into(),
    }
}

/// A request with a good access token, whose proof has a nonce of nobody's: the check must ask for another.
async fn checks(
    setup: &Setup,
    page: &Page,
    client: &ClientConfig,
    ended: &mut Vec<String>,
    found: &mut Vec<Finding>,
) -> Result<(), String> {
    let device = Device::new().ok_or(NO_RANDOMNESS)?;
    let token = token(setup, client, &device, ended).await?;
    let address = setup.stranger.address(page.path.split('?').next().unwrap_or_default());
    let proof = device
        .dpop(&Request {
            method: "GET",
            address: &address,
            token: Some(&token),
            nonce: Some("doctor"),
            now: setup.clock.now().as_secs(),
        })
        .ok_or(NO_RANDOMNESS)?;
    let authorization = format!("DPoP {token}");
    let fields = [("Authorization", authorization.as_str()), ("DPoP", &proof)];
    let seen = setup.stranger.get(&page.path, &fields).await?;
    let sent = format!("GET {} with an access token and a nonce of nobody's", page.path);
    found.extend(judge(&seen).map(|(kind, came)| Finding::new(kind, sent, came)));
    Ok(())
}

fn judge(seen: &Seen) -> Option<(&'static kinds::Kind, String)> {
    let challenges = seen.headers.get_all(http::header::WWW_AUTHENTICATE);
    let asked = challenges.iter().any(|value| {
        value.to_str().is_ok_and(|value| value.starts_with("DPoP ") && value.contains("use_dpop_nonce"))
    });
    if seen.status != 401 || !asked {
        let came = format!("{}, without WWW-Authenticate: DPoP error=\"use_dpop_nonce\"", seen.words());
        return Some((&kinds::DPOP_CHALLENGE_DROPPED, came));
    }
    (!has_nonce(seen)).then(|| (&kinds::DPOP_NONCE_DROPPED, format!("{}, without DPoP-Nonce", seen.words())))
}

/// An access token for a session of the doctor's own.
async fn token(
    setup: &Setup,
    client: &ClientConfig,
    device: &Device,
    ended: &mut Vec<String>,
) -> Result<String, String> {
    let redirect_uri = client.redirect_uris.first().ok_or("the client has no redirect URI")?;
    let verifier = canary("verifier").ok_or(NO_RANDOMNESS)?;
    let mut asked = json!({
        "kind": "oauth", "user": USER, "client_id": client.client_id, "redirect_uri": redirect_uri,
        "code_challenge": pkce(&verifier), "code_challenge_method": "S256",
    });
    let app = &setup.app_config;
    let is_of_app = |name: &&String| **name == setup.origin || app.audiences.contains(name);
    if let (Some(audience), Some(asked)) = (client.audiences.iter().find(is_of_app), asked.as_object_mut()) {
        asked.insert("audience".to_owned(), json!(audience));
    }
    let made = setup.app.create(&asked).await?;
    ended.extend(made.pointer("/session/id").and_then(Value::as_str).map(str::to_owned));
    let code = text(&made, "code").ok_or("there is no code")?;
    let form = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([
            ("grant_type", "authorization_code"),
            ("client_id", &client.client_id),
            ("code", code),
            ("redirect_uri", redirect_uri),
            ("code_verifier", &verifier),
        ])
        .finish();
    let address = setup.stranger.address(TOKEN);
    let mut nonce: Option<String> = None;
    // Where every proof needs a nonce, the first request brings it.
    for _ in 0..2 {
        let proof = device
            .dpop(&Request {
                method: "POST",
                address: &address,
                token: None,
                nonce: nonce.as_deref(),
                now: setup.clock.now().as_secs(),
            })
            .ok_or(NO_RANDOMNESS)?;
        let seen = setup.stranger.send(Method::POST, TOKEN, &[("DPoP", &proof)], Some(form.clone())).await?;
        let answer = serde_json::from_str::<Value>(&seen.body).unwrap_or_default();
        if let (200, Some(token)) = (seen.status, text(&answer, "access_token")) {
            return Ok(token.to_owned());
        }
        nonce = seen.header("dpop-nonce").map(str::to_owned);
        if nonce.is_none() || text(&answer, "error") != Some("use_dpop_nonce") {
            let error = printable(text(&answer, "error").unwrap_or_default());
            return Err(format!("POST {TOKEN} gives no access token: {} {error}", seen.words()));
        }
    }
    Err(format!("POST {TOKEN} asks for a nonce again and again"))
}

fn public_client(setup: &Setup) -> Option<&ClientConfig> {
    let app = &setup.app_config.name;
    setup.config.clients.iter().find(|client| client.app == *app && client.secret.is_none())
}

fn text<'a>(value: &'a Value, member: &str) -> Option<&'a str> {
    value.get(member).and_then(Value::as_str)
}

fn has_nonce(seen: &Seen) -> bool {
    seen.header("dpop-nonce").is_some_and(|nonce| !nonce.is_empty())
}

const NONCE: &str = "/_holdfast/oauth/nonce";
const TOKEN: &str = "/_holdfast/oauth/token";
const SERVER: &str = "/.well-known/oauth-authorization-server";
const RESOURCE: &str = "/.well-known/oauth-protected-resource";

#[cfg(test)]
mod tests {
    use super::{super::seen::tests::seen, *};

    #[test]
    fn challenge_and_nonce_must_both_arrive() {
        let challenge = ("www-authenticate", "DPoP error=\"use_dpop_nonce\", algs=\"ES256\"");
        let read = |status, headers: &[(&'static str, &str)]| {
            judge(&seen(status, headers, "")).map(|(kind, _)| kind.id)
        };
        assert_eq!(read(401, &[challenge, ("dpop-nonce", "n")]), None);
        assert_eq!(read(401, &[challenge]), Some("dpop_nonce_dropped"));
        assert_eq!(read(401, &[challenge, ("dpop-nonce", "")]), Some("dpop_nonce_dropped"));
        assert_eq!(read(401, &[("dpop-nonce", "n")]), Some("dpop_challenge_dropped"));
        assert_eq!(read(401, &[("www-authenticate", "DPoP algs=\"ES256\"")]), Some("dpop_challenge_dropped"));
        assert_eq!(read(200, &[]), Some("dpop_challenge_dropped"));
    }
}
