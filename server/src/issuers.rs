//! The issuers of access tokens beside ourselves: `[[issuers]]`, and the keys that they publish.

use std::{path::PathBuf, sync::Arc, time::Duration};

use holdfast_core::{
    UnixTime,
    jose::{Algorithm, Object, PublicKey, Value},
};
use parking_lot::RwLock;
use reqwest::redirect;

use crate::{
    config::{IssuerConfig, KeySource},
    error::Trouble,
    telemetry::{Log, Metrics},
};

/// All of them.
pub(crate) struct Issuers {
    list: Vec<Issuer>,
    /// Only where keys are at an address: a machine without root certificates needs none otherwise.
    client: Option<reqwest::Client>,
}

/// An issuer that the operator trusts.
pub(crate) struct Issuer {
    pub(crate) name: String,
    /// What `aud` of its tokens must hold; the names of the app that is asked if there are none.
    pub(crate) audiences: Vec<String>,
    algorithms: Vec<Algorithm>,
    source: KeySource,
    keys: RwLock<Option<Arc<Vec<Object>>>>,
    /// When the keys may be asked for again. Whoever holds this asks; the others wait for the answer.
    attempts: tokio::sync::Mutex<Attempts>,
}

struct Attempts {
    last: Option<UnixTime>,
    /// So that an outage is told once, and its end too.
    failing: bool,
}

impl Issuers {
    /// The issuers of the configuration. Keys in files are read now; those at addresses when the first token comes.
    ///
    /// # Errors
    /// A sentence, if a file is no key set.
    pub(crate) fn new(configured: Vec<IssuerConfig>) -> Result<Self, String> {
        let list: Vec<_> = configured.into_iter().map(Issuer::new).collect::<Result<_, _>>()?;
        let fetches = list.iter().any(|issuer| matches!(issuer.source, KeySource::Address(_)));
        Ok(Self { list, client: fetches.then(client).transpose()? })
    }

    pub(crate) fn named(&self, name: &str) -> Option<&Issuer> {
        self.list.iter().find(|issuer| issuer.name == name)
    }

    /// The key of an issuer that a token says it was signed with. `None` if the issuer has published no such key.
    ///
    /// # Errors
    /// [`Trouble`] if no key of the issuer is known, and it does not tell any.
    pub(crate) async fn key(
        &self,
        issuer: &Issuer,
        key_id: Option<&str>,
        algorithm: Algorithm,
        now: UnixTime,
        tell: &Tell<'_>,
    ) -> Result<Option<PublicKey>, Trouble> {
        if !issuer.algorithms.contains(&algorithm) {
            return Ok(None);
        }
        let before = issuer.keys.read().clone();
        let found = before.as_ref().and_then(|keys| find(keys, key_id, algorithm));
        if found.is_some() && !issuer.is_due(now) {
            return Ok(found);
        }
        let mut attempts = issuer.attempts.lock().await;
        if attempts.last.is_none_or(|last| now.since(last) >= BETWEEN_ATTEMPTS || last > now) {
            attempts.last = Some(now);
            let outcome = self.load(&issuer.source).await;
            tell.metrics.jwks(outcome.is_ok());
            match outcome {
                Ok(keys) => {
                    if std::mem::take(&mut attempts.failing) {
                        tell.log.info(now, &format!("the keys of {} are there again", issuer.name));
                    }
                    *issuer.keys.write() = Some(Arc::new(keys));
                }
                Err(what) => {
                    if !std::mem::replace(&mut attempts.failing, true) {
                        let says = format!(
                            "the keys of {} cannot be had: {what}; the last ones serve on",
                            issuer.name
                        );
                        tell.log.warn(now, &says);
                    }
                }
            }
        }
        drop(attempts);
        match issuer.keys.read().as_ref() {
            Some(keys) => Ok(find(keys, key_id, algorithm)),
            None => Err(Trouble::Issuer),
        }
    }

    async fn load(&self, source: &KeySource) -> Result<Vec<Object>, String> {
        match source {
            KeySource::File(path) => read_file(path),
            KeySource::Address(address) => read_key_set(&self.fetch(address).await?),
        }
    }

    async fn fetch(&self, address: &str) -> Result<Vec<u8>, String> {
        let client = self.client.as_ref().ok_or("there is no HTTP client")?;
        let accept = "application/json, application/jwk-set+json";
        let request = client.get(address).header(http::header::ACCEPT, accept);
        let mut response = request.send().await.map_err(|error| describe(&error))?;
        if response.status() != http::StatusCode::OK {
            return Err(format!("it answers {}", response.status().as_u16()));
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| describe(&error))? {
            if bytes.len() + chunk.len() > MOST_BYTES {
                return Err("its answer is larger than 256 KiB".to_owned());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }
}

fn client() -> Result<reqwest::Client, String> {
    // The client asks for the provider of the process, and there is only this one; a second call changes nothing.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    reqwest::Client::builder()
        .redirect(redirect::Policy::none())
        .timeout(PATIENCE)
        .build()
        .map_err(|error| format!("issuers: no HTTP client: {error}"))
}

/// Where an outage is told.
pub(crate) struct Tell<'a> {
    pub(crate) log: &'a Log,
    pub(crate) metrics: &'a Metrics,
}

impl Issuer {
    fn new(config: IssuerConfig) -> Result<Self, String> {
        let IssuerConfig { issuer, audiences, algorithms, source } = config;
        let keys = match &source {
            KeySource::File(path) => {
                let keys =
                    read_file(path).map_err(|what| format!("issuers: jwks_file of {issuer:?}: {what}"))?;
                Some(Arc::new(keys))
            }
            KeySource::Address(_) => None,
        };
        let attempts = tokio::sync::Mutex::new(Attempts { last: None, failing: false });
        Ok(Self { name: issuer, audiences, algorithms, source, keys: RwLock::new(keys), attempts })
    }

    /// Whether it is time to look whether the issuer has taken a key back. Whoever finds the others at it goes on.
    fn is_due(&self, now: UnixTime) -> bool {
        let Ok(attempts) = self.attempts.try_lock() else { return false };
        attempts.last.is_some_and(|last| now.since(last) >= REFRESH)
    }
}

/// The key of that name, or the only one that fits if the token names none.
fn find(keys: &[Object], key_id: Option<&str>, algorithm: Algorithm) -> Option<PublicKey> {
    let mut fitting = keys
        .iter()
        .filter(|key| key_id.is_none() || key.text("kid") == key_id)
        .filter_map(|key| PublicKey::from_jwk(key, algorithm).ok());
    let first = fitting.next()?;
    fitting.next().is_none().then_some(first)
}

fn read_file(path: &PathBuf) -> Result<Vec<Object>, String> {
    let bytes = std::fs::read(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    read_key_set(&bytes)
}

/// Reads a JWK set (RFC 7517 §5). One without a public key that could sign is a mistake of its sender, and no reason to
/// forget the keys that were there.
fn read_key_set(bytes: &[u8]) -> Result<Vec<Object>, String> {
    let no_set = || "it is no JWK set".to_owned();
    let set = Object::parse(bytes).map_err(|_| no_set())?;
    let Some(Value::Array(keys)) = set.member("keys") else { return Err(no_set()) };
    let keys: Vec<Object> = keys.iter().filter_map(Value::as_object).cloned().collect();
    let signs =
        |key: &Object| ALGORITHMS.iter().any(|algorithm| PublicKey::from_jwk(key, *algorithm).is_ok());
    if keys.iter().any(signs) { Ok(keys) } else { Err("it holds no public key that could sign".to_owned()) }
}

/// The error without the address, which an operator knows and a log need not repeat.
fn describe(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        "it does not answer in time".to_owned()
    } else if error.is_connect() {
        "it cannot be reached".to_owned()
    } else {
        "its answer broke off".to_owned()
    }
}

/// What other issuers may sign with.
pub(crate) const ALGORITHMS: [Algorithm; 4] =
    [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Ps256, Algorithm::Rs256];

/// A token may name a key that nobody has, as often as its sender likes; its issuer is asked so seldom.
const BETWEEN_ATTEMPTS: Duration = Duration::from_secs(30);

/// How long a key that its issuer has taken back may still be believed.
const REFRESH: Duration = Duration::from_secs(600);

const PATIENCE: Duration = Duration::from_secs(5);

const MOST_BYTES: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_that_cannot_sign_is_none() {
        let p256 = r#"{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","kid":"a"}"#;
        assert!(read_key_set(format!(r#"{{"keys":[{{"kty":"oct","k":"x"}},{p256}]}}"#).as_bytes()).is_ok());
        for set in [
            "",
            "[]",
            "{}",
            r#"{"keys":[]}"#,
            r#"{"keys":{}}"#,
            r#"{"keys":[{"kty":"oct","k":"x"}]}"#,
            "<html>",
        ] {
            assert!(read_key_set(set.as_bytes()).is_err(), "{set}");
        }
        let secret = p256.replace("\"kid\"", "\"d\":\"x\",\"kid\"");
        assert!(read_key_set(format!(r#"{{"keys":[{secret}]}}"#).as_bytes()).is_err(), "a private key");
        let keys = read_key_set(format!(r#"{{"keys":[{p256}]}}"#).as_bytes()).unwrap();
        assert!(find(&keys, Some("a"), Algorithm::Es256).is_some());
        assert!(find(&keys, None, Algorithm::Es256).is_some());
        assert!(find(&keys, Some("b"), Algorithm::Es256).is_none());
        assert!(find(&keys, Some("a"), Algorithm::Rs256).is_none());
        let twins = read_key_set(format!(r#"{{"keys":[{p256},{p256}]}}"#).as_bytes()).unwrap();
        assert!(find(&twins, None, Algorithm::Es256).is_none(), "which of them?");
    }
}
