//! The configuration: parsed once into values that need no more checking.

mod audit;
#[cfg(test)]
mod example;
mod limits;
mod oauth;
mod policy;
mod problem;
mod profile;
mod reader;
mod risk;
mod routes;
mod session;
mod signals;
mod source;
mod telemetry;
mod warnings;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use holdfast_core::{
    Origin,
    dbsc::CookieName,
    dpop::DpopPolicy,
    jose::Algorithm,
    page::{PageAddress, ParameterName},
    policy::SessionPolicy,
};
use ipnet::IpNet;

pub use audit::{AuditConfig, SinkConfig, SinkFormat, SinkKind, SinkStart};
#[cfg(test)]
pub(crate) use example::smallest;
pub use limits::LimitsConfig;
pub(crate) use oauth::is_scope_token;
pub use oauth::{ClientConfig, IssuerConfig, KeySource};
pub use policy::PolicyConfig;
pub use problem::{Problem, Problems};
pub use profile::{Clause, Deviation, Justification, Lifetimes, Limit, Profile, Weight};
use reader::Reader;
pub use risk::RiskConfig;
pub use routes::RouteConfig;
pub use signals::{
    CredentialAction, ReceiverConfig, ReceiverDelivery, SignalsConfig, StreamReceiverConfig, SubjectFormat,
    TransmitterConfig,
};
pub use telemetry::TelemetryConfig;

use crate::token::TokenHash;

/// A whole configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The listener for browsers and OAuth clients.
    pub public: PublicConfig,
    /// The listener for app back ends, gateways and operators.
    pub internal: SocketAddr,
    /// A Unix socket beside it.
    pub internal_socket: Option<PathBuf>,
    /// The protected apps, at least one.
    pub apps: Vec<AppConfig>,
    /// The token of those who may see and end every app's sessions.
    pub operators: Option<TokenHash>,
    /// The limits of sessions.
    pub session: SessionPolicy,
    /// The profile that those limits follow, and where they do not.
    pub lifetimes: Lifetimes,
    /// The name of the session cookie.
    pub cookie_name: CookieName,
    /// Whether logging out sends `Clear-Site-Data: "storage"`.
    pub clear_site_data: bool,
    /// The algorithms offered to browsers, in order of preference.
    pub algorithms: Vec<Algorithm>,
    /// How DPoP proofs are judged.
    pub dpop: DpopPolicy,
    /// How long an access token lives.
    pub access_token: Duration,
    /// The OAuth clients.
    pub clients: Vec<ClientConfig>,
    /// The issuers of access tokens beside this server.
    pub issuers: Vec<IssuerConfig>,
    /// What is demanded of requests by their method and path, in this order.
    pub routes: Vec<RouteConfig>,
    /// Who may ask as a gateway; nobody if absent.
    pub gateways: Option<GatewayConfig>,
    /// How much anybody may ask, and how slowly.
    pub limits: LimitsConfig,
    /// What suspicions are drawn from.
    pub risk: RiskConfig,
    /// Where sessions are kept.
    pub store: StoreConfig,
    /// Where the root key is, and former ones.
    pub secrets: SecretsConfig,
    /// Where the audit trail goes.
    pub audit: AuditConfig,
    /// Whether each request is logged.
    pub log_requests: bool,
    /// What is done about what is suspected.
    pub policy: PolicyConfig,
    /// Where traces go.
    pub telemetry: TelemetryConfig,
    /// Signals shared with other parties.
    pub signals: SignalsConfig,
}

/// The public listener.
#[derive(Clone, Debug)]
pub struct PublicConfig {
    /// Its address.
    pub listen: SocketAddr,
    /// Its certificate; absent behind a proxy that ends TLS.
    pub tls: Option<TlsConfig>,
}

/// A certificate and its key, as PEM files.
#[derive(Clone, Debug)]
pub struct TlsConfig {
    /// The certificate, with its chain.
    pub cert: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// A protected app.
#[derive(Clone, Debug)]
pub struct AppConfig {
    /// Its name in sessions and audit.
    pub name: String,
    /// Its origin as browsers see it.
    pub origin: Origin,
    /// The hash of its API token.
    pub token: TokenHash,
    /// What else an access token may call it in `aud`, beside its origin.
    pub audiences: Vec<String>,
    /// Where a browser without a session is sent.
    pub login_url: Option<PageAddress>,
    /// Where a browser is sent whose user must authenticate again.
    pub step_up_url: Option<PageAddress>,
    /// The query parameter in which those pages find the path to come back to.
    pub return_parameter: ParameterName,
    /// The classes of authentication that an OAuth client is told to ask for when a login is not enough, separated by
    /// spaces (`acr_values` of RFC 9470 §3).
    pub step_up_acr: Option<String>,
}

/// Who may ask as a gateway.
#[derive(Clone, Debug)]
pub struct GatewayConfig {
    /// Their networks.
    pub trusted: Vec<IpNet>,
    /// The file with the secret they send.
    pub secret_file: PathBuf,
    /// Whether each allowed request carries a signed assertion.
    pub assertion: bool,
    /// Where Envoy asks over gRPC; nowhere if absent.
    pub grpc_listen: Option<SocketAddr>,
}

/// Where sessions are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreConfig {
    /// In memory alone: a restart logs everybody out.
    Memory,
    /// In an embedded database in this folder.
    Sled(PathBuf),
}

/// Where the root key is.
#[derive(Clone, Debug)]
pub struct SecretsConfig {
    /// The root key that seals.
    pub root_key_file: PathBuf,
    /// Former root keys that still open what they sealed.
    pub previous_root_key_files: Vec<PathBuf>,
}

impl Config {
    /// Reads a configuration file and lays the environment over it.
    ///
    /// # Errors
    /// Every problem, with its place and what would be right.
    pub fn load(
        file: &Path,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Problems> {
        let name = file.display().to_string();
        let text = std::fs::read_to_string(file).map_err(|error| {
            Problem::of_key("", format!("{name}: the configuration cannot be read: {error}"))
        })?;
        let base = file.parent().unwrap_or(Path::new(""));
        Self::parse(&text, &name, base, environment)
    }

    /// Reads a configuration's text. `name` stands for the file in messages; paths in it are meant from `base`.
    ///
    /// # Errors
    /// Every problem, with its place and what would be right.
    pub fn parse(
        text: &str,
        name: &str,
        base: &Path,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Problems> {
        let mut root = source::parse(text, name)?;
        let mut problems = source::overlay(&mut root, environment);
        let config = read(Reader::new(root, base, &mut problems));
        match config {
            Some(config) if problems.is_empty() => Ok(config),
            Some(_) | None => Err(Problems(problems)),
        }
    }
}

/// Reads every section, so that all problems come at once.
fn read(mut root: Reader<'_>) -> Option<Config> {
    let public = read_public(root.section("public"));
    let internal = read_internal(root.section("internal"));
    let written_apps = root.count("apps");
    let apps = root.sections("apps", read_app);
    // What is said of an app that could not be read is enough; whatever else is missing for want of it would mislead.
    let all_apps = (apps.len() == written_apps).then_some(apps.as_slice());
    let operators = root.optional_section("operators").map(read_operators);
    if written_apps == 0 {
        root.problem("apps", "there is no app to protect; write [[apps]] with name, origin and token_sha256");
    }
    refuse_twins(&mut root, &apps, operators.as_ref().and_then(Option::as_ref));
    if let (Some(public), Some(internal)) = (&public, &internal)
        && public.listen == internal.listen
        && public.listen.port() != 0
    {
        root.problem("internal.listen", "this is the public listener's address; give each its own port");
    }
    let session = session::read_session(root.section("session"));
    let algorithms = read_dbsc(root.section("dbsc"));
    let dpop = oauth::read_dpop(root.section("dpop"));
    let access_token = oauth::read_oauth(root.section("oauth"));
    let clients = root.sections("clients", oauth::read_client);
    let clients = oauth::place_clients(&mut root, clients, all_apps);
    let issuers = root.sections("issuers", oauth::read_issuer);
    oauth::refuse_misplaced_issuers(&mut root, &issuers, all_apps);
    let routes = root.sections("routes", routes::read_route);
    let routes = routes::place_routes(&mut root, routes, all_apps);
    let gateways = root.optional_section("gateways").map(read_gateways);
    let limits = limits::read_limits(root.section("limits"));
    let risk = risk::read_risk(root.section("risk"));
    let policy = policy::read_policy(root.section("policy"));
    refuse_shared_addresses(&mut root, public.as_ref(), internal.as_ref(), gateways.as_ref());
    let store = read_store(root.section("store"));
    let secrets = read_secrets(root.section("secrets"));
    let audit = audit::read_audit(root.section("audit"));
    let log_requests = read_log(root.section("log"));
    let telemetry = telemetry::read_telemetry(root.section("telemetry"));
    let signals = signals::read_signals(root.section("signals"));
    signals::refuse_misplaced_signals(&mut root, &signals, all_apps);
    root.finish();
    Some(Config {
        public: public?,
        internal: internal.as_ref()?.listen,
        internal_socket: internal?.socket,
        apps,
        operators: match operators {
            Some(token) => Some(token?),
            None => None,
        },
        session: session.policy,
        lifetimes: session.lifetimes,
        cookie_name: session.cookie_name,
        clear_site_data: session.clear_site_data,
        algorithms,
        dpop,
        access_token,
        clients,
        issuers,
        routes,
        gateways: match gateways {
            Some(gateways) => Some(gateways?),
            None => None,
        },
        limits,
        risk,
        policy,
        store: store?,
        secrets: secrets?,
        audit,
        log_requests,
        telemetry,
        signals,
    })
}

fn read_public(mut section: Reader<'_>) -> Option<PublicConfig> {
    let listen = section.require("listen", "\"0.0.0.0:8443\"");
    let tls = if section.is_table("tls") {
        let mut tls = section.section("tls");
        let cert = tls.require("cert", "\"cert.pem\"");
        let key = tls.require("key", "\"key.pem\"");
        tls.finish();
        cert.zip(key).map(|(cert, key)| Some(TlsConfig { cert, key }))
    } else {
        let right =
            "{ cert = \"cert.pem\", key = \"key.pem\" }, or tls = \"off\" behind a proxy that ends TLS";
        match section.require::<String>("tls", right).as_deref() {
            Some("off") => Some(None),
            Some(_) => {
                section.problem("tls", format!("write tls = {right}"));
                None
            }
            None => None,
        }
    };
    section.finish();
    Some(PublicConfig { listen: listen?, tls: tls? })
}

/// The internal listener, as it was written.
struct Internal {
    listen: SocketAddr,
    socket: Option<PathBuf>,
}

fn read_internal(mut section: Reader<'_>) -> Option<Internal> {
    let listen = section.require("listen", "\"127.0.0.1:8444\"");
    let socket = section.take("socket");
    section.finish();
    Some(Internal { listen: listen?, socket })
}

/// The listener for gRPC speaks another protocol than the others, and cannot share their addresses.
fn refuse_shared_addresses(
    root: &mut Reader<'_>,
    public: Option<&PublicConfig>,
    internal: Option<&Internal>,
    gateways: Option<&Option<GatewayConfig>>,
) {
    let grpc = gateways.and_then(Option::as_ref).and_then(|gateways| gateways.grpc_listen);
    let others = [public.map(|public| public.listen), internal.map(|internal| internal.listen)];
    if grpc.is_some_and(|grpc| grpc.port() != 0 && others.contains(&Some(grpc))) {
        root.problem("gateways.grpc_listen", "another listener has this address; give each its own port");
    }
}

fn read_app(mut section: Reader<'_>) -> Option<AppConfig> {
    let name: Option<String> = section.require("name", "\"shop\"");
    if name.as_ref().is_some_and(|name| !is_app_name(name)) {
        section.problem("name", "an app's name is 1 to 64 letters, digits, \"-\", \"_\" or \".\"");
    }
    let origin = section.require("origin", "\"https://shop.example\"");
    let token = section.require("token_sha256", "the line that `holdfast new-token` prints");
    let audiences = section.take_or("audiences", Vec::new());
    let (login_url, step_up_url) = (section.take("login_url"), section.take("step_up_url"));
    let return_parameter = section.take_or("return_parameter", ParameterName::default());
    let step_up_acr: Option<String> = section.take("step_up_acr");
    if step_up_acr.as_deref().is_some_and(|acr| !are_acr_values(acr)) {
        section.problem(
            "step_up_acr",
            "these are 1 to 256 visible ASCII characters without \" and \\, one space between two classes",
        );
    }
    section.finish();
    Some(AppConfig {
        name: name?,
        origin: origin?,
        token: token?,
        audiences,
        login_url,
        step_up_url,
        return_parameter,
        step_up_acr,
    })
}

/// Whether a text can stand in `acr_values` of a challenge as it is.
fn are_acr_values(text: &str) -> bool {
    let is_class = |class: &str| {
        !class.is_empty()
            && class.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'))
    };
    text.len() <= 256 && text.split(' ').all(is_class)
}

fn is_app_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

fn refuse_twins(root: &mut Reader<'_>, apps: &[AppConfig], operators: Option<&TokenHash>) {
    for (index, app) in apps.iter().enumerate() {
        let before = || apps.iter().take(index);
        if before().any(|other| other.name == app.name) {
            root.problem("apps", format!("two apps are named {:?}; give each its own name", app.name));
        }
        if before().any(|other| other.origin == app.origin) {
            root.problem(
                "apps",
                format!("two apps have the origin {}; a session belongs to one app", app.origin),
            );
        }
        if operators == Some(&app.token) {
            root.problem(
                "operators.token_sha256",
                format!("{:?} has the same token; an app is no operator", app.name),
            );
        }
        if before().any(|other| other.token == app.token) {
            root.problem(
                "apps",
                format!(
                    "{:?} shares its token with another app; make one with `holdfast new-token`",
                    app.name
                ),
            );
        }
    }
}

fn read_operators(mut section: Reader<'_>) -> Option<TokenHash> {
    let token = section.require("token_sha256", "the line that `holdfast new-token` prints");
    section.finish();
    token
}

fn read_dbsc(mut section: Reader<'_>) -> Vec<Algorithm> {
    let algorithms = section.take_or("algorithms", Algorithm::DBSC.to_vec());
    if algorithms.is_empty() || algorithms.iter().any(|algorithm| !Algorithm::DBSC.contains(algorithm)) {
        section.problem("algorithms", "browsers sign with \"ES256\" and \"RS256\"; name at least one");
    }
    oauth::refuse_twice(&mut section, "algorithms", &algorithms);
    section.finish();
    algorithms
}

fn read_gateways(mut section: Reader<'_>) -> Option<GatewayConfig> {
    let trusted: Option<Vec<IpNet>> = section.require("trusted", "[\"127.0.0.1/32\"]");
    let secret_file = section.require("secret_file", "\"gateway.secret\"");
    let assertion = section.take_or("assertion", false);
    let grpc_listen = section.take("grpc_listen");
    section.finish();
    Some(GatewayConfig { trusted: trusted?, secret_file: secret_file?, assertion, grpc_listen })
}

fn read_store(mut section: Reader<'_>) -> Option<StoreConfig> {
    let kind: Option<String> = section.require("kind", "\"sled\"");
    let store = match kind.as_deref() {
        Some("memory") => Some(StoreConfig::Memory),
        Some("sled") => section.require("path", "\"data\"").map(StoreConfig::Sled),
        Some("redis") => {
            section.problem(
                "kind",
                "this version keeps sessions in \"sled\" or \"memory\"; \"redis\" is not spoken yet",
            );
            let _ = section.take::<String>("path");
            None
        }
        Some(_) => {
            section
                .problem("kind", "a store is \"sled\", or \"memory\" which forgets everything at a restart");
            let _ = section.take::<String>("path");
            None
        }
        None => None,
    };
    section.finish();
    store
}

fn read_secrets(mut section: Reader<'_>) -> Option<SecretsConfig> {
    let root_key_file = section.require("root_key_file", "\"root.key\"");
    let previous_root_key_files = section.take_or("previous_root_key_files", Vec::new());
    section.finish();
    Some(SecretsConfig { root_key_file: root_key_file?, previous_root_key_files })
}

fn read_log(mut section: Reader<'_>) -> bool {
    let requests = section.take_or("requests", true);
    section.finish();
    requests
}
