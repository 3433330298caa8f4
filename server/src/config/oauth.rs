//! `[dpop]`, `[oauth]` and `[[clients]]`.

use std::{path::PathBuf, time::Duration};

use holdfast_core::{dpop::DpopPolicy, jose::Algorithm};

use super::{AppConfig, reader::Reader};
use crate::{issuers::ALGORITHMS, token::TokenHash};

/// An OAuth client.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// Its name.
    pub client_id: String,
    /// The app whose users it acts for.
    pub app: String,
    /// The hash of its secret; a public client has none.
    pub secret: Option<TokenHash>,
    /// Where codes may be sent, compared as they stand.
    pub redirect_uris: Vec<String>,
    /// What it may be granted.
    pub scopes: Vec<String>,
    /// Where its access tokens may be good; the app's origin alone if there are none.
    pub audiences: Vec<String>,
}

/// A client as it is written, before its app is known.
pub(super) struct WrittenClient {
    app: Option<String>,
    client: ClientConfig,
}

pub(super) fn read_dpop(mut section: Reader<'_>) -> DpopPolicy {
    let default = DpopPolicy::default();
    let nonce = section.take::<String>("nonce");
    let policy = DpopPolicy {
        algorithms: section.take_or("algorithms", default.algorithms),
        max_age: section.take_or("max_age", default.max_age),
        skew: section.take_or("skew", default.skew),
        nonce_life: section.take_or("nonce_life", default.nonce_life),
        always_nonce: nonce.as_deref() == Some("always"),
    };
    if !matches!(nonce.as_deref(), None | Some("always" | "when_needed")) {
        section.problem("nonce", "write \"when_needed\", or \"always\"");
    }
    if policy.algorithms.is_empty() {
        section.problem("algorithms", "name at least one of \"ES256\", \"EdDSA\", \"PS256\" and \"RS256\"");
    }
    refuse_twice(&mut section, "algorithms", &policy.algorithms);
    let spans = [
        ("max_age", policy.max_age, Duration::from_secs(1), Duration::from_secs(300)),
        ("skew", policy.skew, Duration::ZERO, Duration::from_secs(60)),
        ("nonce_life", policy.nonce_life, Duration::from_secs(10), Duration::from_secs(3600)),
    ];
    for (key, span, least, most) in spans {
        if !(least..=most).contains(&span) {
            section.problem(
                key,
                format!("this is between \"{}s\" and \"{}s\"", least.as_secs(), most.as_secs()),
            );
        }
    }
    section.finish();
    policy
}

/// How long an access token lives.
pub(super) fn read_oauth(mut section: Reader<'_>) -> Duration {
    let life = section.take_or("access_token", ACCESS_TOKEN);
    if !(Duration::from_secs(10)..=LONGEST_ACCESS_TOKEN).contains(&life) {
        section
            .problem("access_token", "this is between \"10s\" and \"15m\"; whoever needs longer refreshes");
    }
    section.finish();
    life
}

pub(super) fn read_client(mut section: Reader<'_>) -> Option<WrittenClient> {
    let client_id: Option<String> = section.require("client_id", "\"shop-cli\"");
    let app = section.take("app");
    let secret = section.take("secret_sha256");
    let redirect_uris: Option<Vec<String>> =
        section.require("redirect_uris", "[\"http://127.0.0.1/callback\"]");
    let scopes: Vec<String> = section.take_or("scopes", Vec::new());
    let audiences: Vec<String> = section.take_or("audiences", Vec::new());
    // RFC 6749 Appendix A.1, and no space or colon, which HTTP Basic and logs would read as something else.
    let is_id =
        |id: &str| (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic() && b != b':');
    if client_id.as_deref().is_some_and(|id| !is_id(id)) {
        section.problem("client_id", "a client id is 1 to 128 printable characters without space and colon");
    }
    if redirect_uris.as_ref().is_some_and(Vec::is_empty) {
        section.problem("redirect_uris", "name at least one address to which codes may be sent");
    }
    let uris = redirect_uris.iter().flatten().chain(&audiences);
    if uris
        .clone()
        .any(|uri| uri.contains('#') || !uri.contains(':') || !uri.bytes().all(|b| b.is_ascii_graphic()))
    {
        section.problem(
            "redirect_uris",
            "redirect_uris and audiences are absolute URIs without a fragment, such as \"https://shop.example/cb\"",
        );
    }
    if scopes.iter().any(|scope| !is_scope_token(scope)) {
        section.problem("scopes", "a scope is a word of printable characters without quotes and backslash");
    }
    section.finish();
    let client = ClientConfig {
        client_id: client_id?,
        app: String::new(),
        secret,
        redirect_uris: redirect_uris?,
        scopes,
        audiences,
    };
    Some(WrittenClient { app, client })
}

/// An issuer of access tokens beside this server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerConfig {
    /// Its name: `iss` of its tokens.
    pub issuer: String,
    /// What `aud` must hold; the names of the app that is asked if there are none.
    pub audiences: Vec<String>,
    /// The apps where its tokens are good; all of them if there are none.
    pub apps: Vec<String>,
    /// What its tokens may be signed with.
    pub algorithms: Vec<Algorithm>,
    /// Where its keys are.
    pub source: KeySource,
}

/// Where the keys of an issuer are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// A JWK set in a file.
    File(PathBuf),
    /// The address of one.
    Address(String),
}

pub(super) fn read_issuer(mut section: Reader<'_>) -> Option<IssuerConfig> {
    let issuer = section.require("issuer", "\"https://id.example\"");
    let audiences = section.take_or("audiences", Vec::new());
    let apps = section.take_or("apps", Vec::new());
    let algorithms = section.take_or("algorithms", ALGORITHMS.to_vec());
    if algorithms.is_empty() {
        section.problem("algorithms", "name at least one of \"ES256\", \"EdDSA\", \"PS256\" and \"RS256\"");
    }
    refuse_twice(&mut section, "algorithms", &algorithms);
    let source = read_source(&mut section);
    section.finish();
    Some(IssuerConfig { issuer: issuer?, audiences, apps, algorithms, source: source? })
}

/// Where the keys of an issuer are: in a file, or at an address.
pub(super) fn read_source(section: &mut Reader<'_>) -> Option<KeySource> {
    let file: Option<PathBuf> = section.take("jwks_file");
    let address: Option<String> = section.take("jwks_url");
    if address.as_deref().is_some_and(|address| !is_fetchable(address)) {
        section.problem("jwks_url", "this is an https address, or http on the loopback interface");
    }
    match (file, address) {
        (Some(file), None) => Some(KeySource::File(file)),
        (None, Some(address)) => Some(KeySource::Address(address)),
        (Some(_), Some(_)) | (None, None) => {
            section.problem(
                "jwks_url",
                "write either jwks_url = \"https://id.example/jwks\" or jwks_file = \"id.jwks\"",
            );
            None
        }
    }
}

/// Each app's origin is the name under which this server issues tokens itself; and other issuers serve apps that are there.
pub(super) fn refuse_misplaced_issuers(
    root: &mut Reader<'_>,
    issuers: &[IssuerConfig],
    apps: Option<&[AppConfig]>,
) {
    let Some(apps) = apps else { return };
    for (index, IssuerConfig { issuer, audiences, apps: served, .. }) in issuers.iter().enumerate() {
        // An audience of its own says nothing about which app is meant.
        if !audiences.is_empty() && served.is_empty() && apps.len() > 1 {
            root.problem(
                "issuers",
                format!("{issuer:?} has audiences, and must say for which apps: apps = [\"…\"]"),
            );
        }
        if let Some(unknown) = served.iter().find(|name| apps.iter().all(|app| app.name != **name)) {
            root.problem("issuers", format!("{issuer:?} names the app {unknown:?}, which is not configured"));
        }
        if apps.iter().any(|app| app.origin.as_str() == issuer) {
            root.problem(
                "issuers",
                format!("{issuer:?} is the origin of an app, for which this server issues tokens"),
            );
        }
        if issuers.iter().take(index).any(|other| other.issuer == *issuer) {
            root.problem("issuers", format!("two issuers are named {issuer:?}"));
        }
    }
}

/// Keys that came over a network without TLS would be anybody's.
pub(super) fn is_fetchable(address: &str) -> bool {
    let Ok(uri) = address.parse::<http::Uri>() else { return false };
    let is_loopback = matches!(uri.host(), Some("127.0.0.1" | "[::1]" | "localhost"));
    match uri.scheme_str() {
        Some("https") => uri.host().is_some(),
        Some("http") => is_loopback,
        _ => false,
    }
}

/// Finds each client's app. Without `apps`, some of which could not be read, nothing can be said about them.
pub(super) fn place_clients(
    root: &mut Reader<'_>,
    written: Vec<WrittenClient>,
    apps: Option<&[AppConfig]>,
) -> Vec<ClientConfig> {
    let Some(apps) = apps else { return Vec::new() };
    let mut clients: Vec<ClientConfig> = Vec::with_capacity(written.len());
    for WrittenClient { app, client } in written {
        let id = &client.client_id;
        if clients.iter().any(|other| other.client_id == *id) {
            root.problem("clients", format!("two clients are named {id:?}; give each its own client_id"));
        }
        let app = match (app, apps) {
            (Some(name), _) if apps.iter().any(|app| app.name == name) => name,
            (Some(name), _) => {
                root.problem("clients", format!("{id:?} names the app {name:?}, which is not configured"));
                continue;
            }
            (None, [only]) => only.name.clone(),
            (None, _) => {
                root.problem(
                    "clients",
                    format!("{id:?} must name its app, as there are several: app = \"…\""),
                );
                continue;
            }
        };
        clients.push(ClientConfig { app, ..client });
    }
    clients
}

/// A word of `scope` (RFC 6749 §3.3).
pub(crate) fn is_scope_token(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

pub(super) fn refuse_twice(section: &mut Reader<'_>, key: &str, algorithms: &[Algorithm]) {
    let twice = algorithms
        .iter()
        .enumerate()
        .any(|(index, algorithm)| algorithms.iter().take(index).any(|a| a == algorithm));
    if twice {
        section.problem(key, "name each algorithm once");
    }
}

const ACCESS_TOKEN: Duration = Duration::from_secs(600);
const LONGEST_ACCESS_TOKEN: Duration = Duration::from_secs(900);
