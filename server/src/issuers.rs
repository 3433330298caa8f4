//! The issuers of access tokens beside ourselves: `[[issuers]]`, and the keys that they publish.

use std::{
    error::Error as _,
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use holdfast_core::{
    UnixTime,
    jose::{Algorithm, Limits, Object, PublicKey, Value},
};
use parking_lot::RwLock;
use reqwest::redirect;
use rustls::CertificateError;

use crate::{
    config::{IssuerConfig, KeySource},
    context::{Context, Trace},
    error::Trouble,
    extract::trace::TRACEPARENT,
    telemetry::{Log, Metrics},
};

/// All of them.
pub(crate) struct Issuers(Vec<Arc<Issuer>>);

/// An issuer that the operator trusts.
pub(crate) struct Issuer {
    config: IssuerConfig,
    /// Only where keys are at an address: a machine without root certificates needs none otherwise.
    client: Option<reqwest::Client>,
    keys: RwLock<Option<Arc<Vec<Object>>>>,
    /// Whoever holds this asks for the keys; the others wait for the answer.
    attempts: tokio::sync::Mutex<Attempts>,
    /// When they were asked for last, in milliseconds since 1970; 0 if never.
    asked_at: AtomicU64,
    log: Arc<Log>,
    metrics: Arc<Metrics>,
}

struct Attempts {
    /// So that an outage is told once, and its end too.
    failing: bool,
}

impl Issuers {
    /// The issuers of the configuration. Keys in files are read now; those at addresses when the first token comes.
    ///
    /// An issuer at an address that `former` has with the same words stays as it is: its keys are known, and it may be
    /// down just now. A file is read anew.
    ///
    /// # Errors
    /// A sentence, if a file is no key set.
    pub(crate) fn new(
        configured: Vec<IssuerConfig>,
        former: Option<&Self>,
        log: &Arc<Log>,
        metrics: &Arc<Metrics>,
        now: UnixTime,
    ) -> Result<Self, String> {
        let issuer = |config: IssuerConfig| {
            let known = former.and_then(|former| former.named(&config.issuer));
            match known
                .filter(|known| known.config == config && matches!(config.source, KeySource::Address(_)))
            {
                Some(known) => Ok(Arc::clone(known)),
                None => Issuer::new(config, log, metrics, now).map(Arc::new),
            }
        };
        configured.into_iter().map(issuer).collect::<Result<_, _>>().map(Self)
    }

    /// In the order of the configuration.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Issuer>> {
        self.0.iter()
    }

    pub(crate) fn named(&self, name: &str) -> Option<&Arc<Issuer>> {
        self.0.iter().find(|issuer| issuer.name() == name)
    }
}

impl Issuer {
    fn new(
        config: IssuerConfig,
        log: &Arc<Log>,
        metrics: &Arc<Metrics>,
        now: UnixTime,
    ) -> Result<Self, String> {
        let (keys, client, asked_at) = match &config.source {
            KeySource::File(path) => {
                let name = &config.issuer;
                let keys = read_file(path).map_err(|what| format!("jwks_file of {name:?}: {what}"))?;
                (Some(Arc::new(keys)), None, now.as_millis())
            }
            KeySource::Address(_) => (None, Some(client()?), 0),
        };
        Ok(Self {
            config,
            client,
            keys: RwLock::new(keys),
            attempts: tokio::sync::Mutex::new(Attempts { failing: false }),
            asked_at: AtomicU64::new(asked_at),
            log: Arc::clone(log),
            metrics: Arc::clone(metrics),
        })
    }

    /// What `iss` of its tokens is.
    pub(crate) fn name(&self) -> &str {
        &self.config.issuer
    }

    /// What `aud` of its tokens must hold; the names of the app that is asked if there are none.
    pub(crate) fn audiences(&self) -> &[String] {
        &self.config.audiences
    }

    /// Whether tokens of this issuer are good at an app at all.
    pub(crate) fn serves(&self, app: &str) -> bool {
        self.config.apps.is_empty() || self.config.apps.iter().any(|name| name == app)
    }

    /// The key that a token says it was signed with. `None` if the issuer has published no such key.
    ///
    /// # Errors
    /// [`Trouble`] if no key of the issuer is known, and it does not tell any.
    pub(crate) async fn key(
        self: &Arc<Self>,
        key_id: Option<&str>,
        algorithm: Algorithm,
        context: &Context,
    ) -> Result<Option<PublicKey>, Trouble> {
        let now = context.now;
        if !self.config.algorithms.contains(&algorithm) {
            return Ok(None);
        }
        let known = self.find(key_id, algorithm);
        let since_asked = now.since(UnixTime::from_millis(self.asked_at.load(Ordering::Acquire)));
        let wanted = if known.is_some() { REFRESH } else { BETWEEN_ATTEMPTS };
        if since_asked >= wanted {
            // In a task of its own: whoever sent the token may hang up, and must not decide thereby what is known.
            let _ = tokio::spawn(Arc::clone(self).ask(now, since_asked, context.trace)).await;
        } else if known.is_some() {
            return Ok(known);
        } else {
            // Somebody may be asking just now.
            drop(self.attempts.lock().await);
        }
        if self.keys.read().is_none() { Err(Trouble::Issuer) } else { Ok(self.find(key_id, algorithm)) }
    }

    fn find(&self, key_id: Option<&str>, algorithm: Algorithm) -> Option<PublicKey> {
        let keys = self.keys.read().clone()?;
        find(&keys, key_id, algorithm)
    }

    /// Asks for the keys, unless somebody else has done so since it was found to be time.
    async fn ask(self: Arc<Self>, now: UnixTime, since_asked: Duration, trace: Option<Trace>) {
        let mut attempts = self.attempts.lock().await;
        if now.since(UnixTime::from_millis(self.asked_at.load(Ordering::Acquire))) < since_asked {
            return;
        }
        self.asked_at.store(now.as_millis(), Ordering::Release);
        let outcome = self.load(trace).await;
        self.metrics.jwks(outcome.is_ok());
        match outcome {
            Ok(keys) => {
                *self.keys.write() = Some(Arc::new(keys));
                if std::mem::take(&mut attempts.failing) {
                    self.log.info(now, &format!("the keys of {} are there again", self.name()));
                }
            }
            Err(what) => {
                if !std::mem::replace(&mut attempts.failing, true) {
                    let name = self.name();
                    let says = format!("the keys of {name} cannot be had: {what}; the last ones serve on");
                    self.log.warn(now, &says);
                }
            }
        }
    }

    async fn load(&self, trace: Option<Trace>) -> Result<Vec<Object>, String> {
        match &self.config.source {
            KeySource::File(path) => read_file(path),
            KeySource::Address(address) => read_key_set(&self.fetch(address, trace).await?),
        }
    }

    async fn fetch(&self, address: &str, trace: Option<Trace>) -> Result<Vec<u8>, String> {
        let client = self.client.as_ref().ok_or("there is no HTTP client")?;
        let accept = "application/json, application/jwk-set+json";
        let mut request = client.get(address).header(http::header::ACCEPT, accept);
        // Without `tracestate`: what the operator's own vendors write there is none of the issuer's business.
        if let Some(trace) = trace {
            request = request.header(TRACEPARENT, trace.parent_of_others().to_string());
        }
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

/// What is not in order with files of keys, a sentence each. `section` is where these issuers stand in the configuration.
pub(crate) fn problems<'a>(
    section: &str,
    configured: impl IntoIterator<Item = &'a IssuerConfig>,
) -> Vec<String> {
    let issuers = configured.into_iter().enumerate().filter_map(|(index, issuer)| {
        let KeySource::File(path) = &issuer.source else { return None };
        let what = read_file(path).err()?;
        Some(format!(
            "{section}.{index}.jwks_file: {what}; it is the JWK set that {:?} publishes",
            issuer.issuer
        ))
    });
    issuers.collect()
}

/// A client that asks other servers: for a moment, and without following redirects.
pub(crate) fn client() -> Result<reqwest::Client, String> {
    build(builder().timeout(PATIENCE))
}

/// A client whose patience is its caller's, and who believes these certificates alone, or those of the system.
pub(crate) fn client_believing(
    certificates: Option<Vec<reqwest::Certificate>>,
) -> Result<reqwest::Client, String> {
    match certificates {
        None => build(builder()),
        Some(certificates) => build(builder().tls_certs_only(certificates)),
    }
}

fn builder() -> reqwest::ClientBuilder {
    // The client asks for the provider of the process, and there is only this one; a second call changes nothing.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    reqwest::Client::builder().redirect(redirect::Policy::none())
}

fn build(builder: reqwest::ClientBuilder) -> Result<reqwest::Client, String> {
    builder.build().map_err(|error| format!("there is no HTTP client: {error}"))
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
    let name = path.display();
    let bytes = std::fs::read(path).map_err(|error| format!("{name} cannot be read: {error}"))?;
    read_key_set(&bytes).map_err(|what| format!("{name}: {what}"))
}

/// Reads a JWK set (RFC 7517 §5). One without a public key that could sign is a mistake of its sender, and no reason to
/// forget the keys that were there.
fn read_key_set(bytes: &[u8]) -> Result<Vec<Object>, String> {
    let no_set = || "it is no JWK set".to_owned();
    let set = Object::parse_within(bytes, Limits::DOCUMENT).map_err(|_| no_set())?;
    let Some(Value::Array(keys)) = set.member("keys") else { return Err(no_set()) };
    let keys: Vec<Object> = keys.iter().filter_map(Value::as_object).cloned().collect();
    let signs =
        |key: &Object| ALGORITHMS.iter().any(|algorithm| PublicKey::from_jwk(key, *algorithm).is_ok());
    if keys.iter().any(signs) { Ok(keys) } else { Err("it holds no public key that could sign".to_owned()) }
}

/// The error without the address, which an operator knows and a log need not repeat.
pub(crate) fn describe(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        "it does not answer in time".to_owned()
    } else if error.is_connect() {
        let cause = error.source().and_then(cause);
        cause.map_or_else(
            || "it cannot be reached".to_owned(),
            |cause| format!("it cannot be reached: {cause}"),
        )
    } else {
        "its answer broke off".to_owned()
    }
}

/// Why there is no connection, in words of our own: what the other side or a resolver writes belongs into no log.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the kinds are many, and those that are left say nothing more than the inner error"
)]
fn cause(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    if let Some(tls) = error.downcast_ref::<rustls::Error>() {
        return Some(tls_cause(tls));
    }
    if let Some(error) = error.downcast_ref::<io::Error>() {
        // What such an error wraps is not its source.
        let inner = error.get_ref().and_then(|inner| cause(inner));
        let known = match error.kind() {
            io::ErrorKind::ConnectionRefused => Some("nobody listens there (connection refused)"),
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::UnexpectedEof => Some("it closes the connection"),
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
                Some("there is no route to it")
            }
            io::ErrorKind::TimedOut => Some("the connection timed out"),
            io::ErrorKind::PermissionDenied => Some("this machine does not permit the connection"),
            _ => None,
        };
        return inner.or_else(|| known.map(str::to_owned)).or_else(|| error.source().and_then(cause));
    }
    // The resolver's error has no type that is public.
    if error.to_string().starts_with("dns error") {
        return Some("its name has no address (DNS)".to_owned());
    }
    error.source().and_then(cause)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the library has many errors, and more to come")]
fn tls_cause(error: &rustls::Error) -> String {
    let certificate = match error {
        rustls::Error::InvalidCertificate(certificate) => certificate,
        rustls::Error::InvalidMessage(_) => return "what answers there does not speak TLS".to_owned(),
        rustls::Error::AlertReceived(alert) => return format!("it refuses the TLS handshake ({alert:?})"),
        _ => return "the TLS handshake failed".to_owned(),
    };
    let what = match certificate {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "is not valid yet; compare the clocks"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "is for another name"
        }
        CertificateError::UnknownIssuer => "is of an authority that is not believed here",
        CertificateError::Revoked => "is revoked",
        _ => "cannot be believed",
    };
    format!("its certificate {what}")
}

/// What other issuers may sign with.
pub(crate) const ALGORITHMS: [Algorithm; 4] =
    [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Ps256, Algorithm::Rs256];

/// A token may name a key that nobody has, as often as its sender likes; its issuer is asked so seldom.
const BETWEEN_ATTEMPTS: Duration = Duration::from_secs(30);

/// How long a key that its issuer has taken back may still be believed.
pub(crate) const REFRESH: Duration = Duration::from_secs(600);

const PATIENCE: Duration = Duration::from_secs(5);

const MOST_BYTES: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_error_names_what_is_wrong_and_not_with_whom() {
        // A port that was somebody's a moment ago is nobody's now.
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let client = client_believing(Some(Vec::new())).unwrap();
        let error = client.get(format!("http://{free}/secret")).send().await.unwrap_err();
        assert_eq!(describe(&error), "it cannot be reached: nobody listens there (connection refused)");

        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let answers = tokio::spawn(async move {
            use tokio::io::AsyncWriteExt;
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
            stream
        });
        let error = client.get(format!("https://{address}/")).send().await.unwrap_err();
        assert_eq!(describe(&error), "it cannot be reached: what answers there does not speak TLS");
        answers.await.unwrap();
    }

    #[test]
    fn a_certificate_is_told_from_other_causes() {
        let of = |error: CertificateError| {
            let inner = io::Error::new(io::ErrorKind::InvalidData, rustls::Error::InvalidCertificate(error));
            cause(&io::Error::other(inner))
        };
        for (error, told) in [
            (CertificateError::Expired, "its certificate has expired"),
            (CertificateError::NotValidForName, "its certificate is for another name"),
            (CertificateError::UnknownIssuer, "its certificate is of an authority that is not believed here"),
            (CertificateError::BadEncoding, "its certificate cannot be believed"),
        ] {
            assert_eq!(of(error).as_deref(), Some(told));
        }
        assert_eq!(cause(&io::Error::other("whatever it wrote")), None);
        let reset = io::Error::from(io::ErrorKind::ConnectionReset);
        assert_eq!(cause(&reset).as_deref(), Some("it closes the connection"));
    }

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
