//! An OAuth client that makes its proofs without a line of the server's code.

use anyhow::{Context as _, Result};
use reqwest::Method;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::{Answer, Api, CLIENT, Device, ORIGIN, REDIRECT_URI, Server, base64url};

/// A DPoP proof in the making.
#[derive(Clone, Debug)]
pub struct Proof {
    header: Map<String, Value>,
    claims: Map<String, Value>,
}

/// A client that was granted tokens.
#[derive(Debug)]
pub struct Granted {
    /// The session's id.
    pub id: String,
    /// The access token.
    pub access_token: String,
    /// The refresh token.
    pub refresh_token: String,
    /// The key.
    pub device: Device,
    /// The whole answer.
    pub answer: Answer,
}

impl Proof {
    /// A good proof by `device` for this request, made at this second.
    #[must_use]
    pub fn new(device: &Device, method: &str, url: &str, now: u64) -> Self {
        let jwk: Value = serde_json::from_str(&device.jwk()).unwrap_or_default();
        let object = |value| if let Value::Object(members) = value { members } else { Map::new() };
        Self {
            header: object(json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": jwk })),
            claims: object(json!({ "jti": unique(), "htm": method, "htu": url, "iat": now })),
        }
    }

    /// For this access token.
    #[must_use]
    pub fn over(self, token: &str) -> Self {
        self.claim("ath", base64url(&Sha256::digest(token.as_bytes())))
    }

    /// With this claim.
    #[must_use]
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// Without this claim.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self
    }

    /// With this member in the header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header.insert(name.to_owned(), value.into());
        self
    }

    /// Signed.
    #[must_use]
    pub fn sign(&self, device: &Device) -> String {
        device.sign(&json!(self.header).to_string(), &json!(self.claims).to_string())
    }
}

impl Api {
    /// The shop hands out a code to its public client; `more` is laid over the body.
    pub async fn authorize(&self, user: &str, more: Value) -> Result<Answer> {
        let mut body = json!({ "kind": "oauth", "user": user, "client_id": CLIENT, "redirect_uri": REDIRECT_URI,
            "scope": "read write", "code_challenge": S256 });
        if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
            body.extend(more);
            body.retain(|_, value| !value.is_null());
        }
        self.app(Method::POST, "/v1/sessions").json(&body).send().await
    }

    /// Posts to the token endpoint.
    pub async fn token(&self, form: &[(&str, &str)], proof: Option<&str>) -> Result<Answer> {
        let call = self.public(Method::POST, "/_holdfast/oauth/token").form(form);
        proof.into_iter().fold(call, |call, proof| call.header("dpop", proof)).send().await
    }

    /// The public client redeems a code.
    pub async fn redeem(&self, code: &str, proof: &str) -> Result<Answer> {
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", CLIENT),
            ("code", code),
            ("redirect_uri", REDIRECT_URI),
            ("code_verifier", VERIFIER),
        ];
        self.token(&form, Some(proof)).await
    }

    /// The public client refreshes.
    pub async fn refresh_token(&self, token: &str, proof: &str) -> Result<Answer> {
        let form = [("grant_type", "refresh_token"), ("client_id", CLIENT), ("refresh_token", token)];
        self.token(&form, Some(proof)).await
    }

    /// The shop asks about a `GET` of `/orders` with this `Authorization` and these proofs.
    pub async fn check_token(&self, authorization: &str, proofs: &[&str]) -> Result<Answer> {
        let mut headers = vec![["Authorization", authorization]];
        headers.extend(proofs.iter().map(|proof| ["DPoP", proof]));
        self.ask(json!({ "url": format!("{ORIGIN}/orders?x=1"), "headers": headers })).await
    }
}

impl Server {
    /// A user is logged in, and the public client has tokens bound to a new key.
    pub async fn grant(&self, user: &str) -> Result<Granted> {
        let code = self.authorize(user, json!({})).await?.expect(201)?;
        let device = Device::new()?;
        let proof = self.token_proof(&device).sign(&device);
        let answer = self.redeem(code.text_at("/code")?, &proof).await?.expect(200)?;
        Ok(Granted {
            id: code.text_at("/session/id")?.to_owned(),
            access_token: answer.text_at("/access_token")?.to_owned(),
            refresh_token: answer.text_at("/refresh_token")?.to_owned(),
            device,
            answer,
        })
    }

    /// A good proof for the token endpoint.
    #[must_use]
    pub fn token_proof(&self, device: &Device) -> Proof {
        Proof::new(device, "POST", TOKEN_URL, self.now())
    }

    /// A good proof for a `GET` of `/orders` with the access token.
    #[must_use]
    pub fn proof(&self, granted: &Granted) -> Proof {
        Proof::new(&granted.device, "GET", &format!("{ORIGIN}/orders"), self.now())
            .over(&granted.access_token)
    }

    /// The client calls, with a proof of its own making.
    pub async fn call(&self, granted: &Granted, proof: &Proof) -> Result<Answer> {
        let authorization = format!("DPoP {}", granted.access_token);
        self.check_token(&authorization, &[&proof.sign(&granted.device)]).await
    }

    /// The client refreshes with this token, and gives the answer.
    pub async fn rotate(&self, granted: &Granted, token: &str) -> Result<Answer> {
        self.refresh_token(token, &self.token_proof(&granted.device).sign(&granted.device)).await
    }
}

impl Answer {
    /// A header that a check says the client must be told, if it is there once.
    pub fn told(&self, name: &str) -> Result<Option<String>> {
        let headers: Vec<(String, String)> =
            serde_json::from_value(self.at("/response_headers").clone()).context(self.text.clone())?;
        let mut values = headers.into_iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        let value = values.next().map(|(_, value)| value);
        anyhow::ensure!(values.next().is_none(), "{name} twice: {}", self.text);
        Ok(value)
    }
}

/// A text that no other call gives.
fn unique() -> String {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    format!("proof-{}", NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
}

/// The address of the shop's token endpoint.
pub const TOKEN_URL: &str = "https://shop.example/_holdfast/oauth/token";
/// What the client of the tests keeps for itself until it redeems (RFC 7636 Appendix B).
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// What it sends before (RFC 7636 Appendix B).
pub const S256: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
