//! The configuration: what it takes, what it refuses, and in what words.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use holdfast::Config;
use holdfast::config::{CredentialAction, LimitsConfig, Profile, ReceiverDelivery, RiskConfig};
use holdfast_core::Level;
use holdfast_core::page::PageAddress;
use holdfast_core::policy::{Access, Unbound};
use holdfast_policy::{Mode, Modes};
use holdfast_tests::server::Settings;

#[test]
fn the_defaults_are_those_of_the_contract() -> Result<()> {
    let config = parse(&text(), &[])?;
    let session = &config.session;
    let minutes = |count: u64| Duration::from_secs(count * 60);
    assert_eq!(
        (session.idle, session.absolute, session.bound_cookie),
        (minutes(60), minutes(24 * 60), minutes(10))
    );
    assert_eq!((session.registration_window, session.cookie_overlap), (minutes(1), Duration::from_secs(30)));
    assert_eq!((session.unbound_idle, session.unbound_absolute), (minutes(15), minutes(8 * 60)));
    assert_eq!((session.unbound, session.max_per_user), (Unbound::Restrict, 20));
    assert_eq!(config.cookie_name.as_str(), "__Host-holdfast");
    assert!(!session.soft_lock && session.unbound_persistent && config.lifetimes.profile.is_none());
    assert!(config.gateways.is_none() && !config.clear_site_data && config.public.tls.is_none());
    Ok(())
}

#[test]
fn every_key_can_be_a_variable() -> Result<()> {
    let variables = [
        ("PUBLIC__LISTEN", "127.0.0.1:1"),
        ("INTERNAL__LISTEN", "127.0.0.1:2"),
        ("PUBLIC__TLS__CERT", "c.pem"),
        ("PUBLIC__TLS__KEY", "k.pem"),
        ("APPS__0__NAME", "store"),
        ("APPS__0__ORIGIN", "https://store.example"),
        ("APPS__0__AUDIENCES", "https://api.store.example"),
        ("APPS__0__LOGIN_URL", "/login"),
        ("APPS__0__STEP_UP_URL", "https://id.example/again"),
        ("APPS__0__RETURN_PARAMETER", "next"),
        ("APPS__0__STEP_UP_ACR", "urn:example:mfa phr"),
        ("ROUTES__0__APP", "store"),
        ("ROUTES__0__PATH", "/admin/"),
        ("ROUTES__0__METHODS", "GET,POST"),
        ("ROUTES__0__REQUIRE__BINDING", "hardware"),
        ("ROUTES__0__REQUIRE__MAX_AUTH_AGE", "5m"),
        ("ROUTES__0__REQUIRE__MAX_PROOF_AGE", "1m"),
        ("ROUTES__0__REQUIRE__SCOPE", "read write"),
        ("ROUTES__0__TAGS", "admin,slow"),
        ("ROUTES__1__APP", "other"),
        ("ROUTES__1__PATH", "= /"),
        ("ROUTES__1__PUBLIC", "true"),
        ("INTERNAL__SOCKET", "h.sock"),
        ("GATEWAYS__GRPC_LISTEN", "127.0.0.1:3"),
        ("CLIENTS__0__APP", "store"),
        ("CLIENTS__1__APP", "store"),
        ("CLIENTS__1__SCOPES", "a,b"),
        ("OAUTH__ACCESS_TOKEN", "5m"),
        ("DPOP__ALGORITHMS", "ES256,RS256"),
        ("DPOP__MAX_AGE", "30s"),
        ("DPOP__SKEW", "5s"),
        ("DPOP__NONCE", "always"),
        ("DPOP__NONCE_LIFE", "2m"),
        ("SESSION__COOKIE_NAME", "__Host-sid"),
        ("SESSION__IDLE", "30m"),
        ("SESSION__ABSOLUTE", "7d"),
        ("SESSION__BOUND_COOKIE", "300s"),
        ("SESSION__REGISTRATION_WINDOW", "90s"),
        ("SESSION__UNBOUND", "deny"),
        ("SESSION__MAX_PER_USER", "3"),
        ("SESSION__PROFILE", "nist-aal1"),
        ("SESSION__JUSTIFICATION", "shop floor tills stay open"),
        ("SESSION__SOFT_LOCK", "true"),
        ("SESSION__UNBOUND_PERSISTENT", "true"),
        ("DBSC__ALGORITHMS", "RS256, ES256"),
        ("GATEWAYS__TRUSTED", "10.0.0.0/8,::1/128"),
        ("GATEWAYS__SECRET_FILE", "g"),
        ("GATEWAYS__ASSERTION", "true"),
        ("LIMITS__IPV4_PREFIX", "24"),
        ("LIMITS__IPV6_PREFIX", "56"),
        ("LIMITS__ADDRESS_RATE", "10"),
        ("LIMITS__ADDRESS_BURST", "20"),
        ("LIMITS__SESSION_RATE", "2"),
        ("LIMITS__SESSION_BURST", "4"),
        ("LIMITS__CONNECTIONS", "100"),
        ("LIMITS__CONNECTIONS_PER_ADDRESS", "50"),
        ("LIMITS__REQUESTS", "64"),
        ("LIMITS__STREAMS", "8"),
        ("LIMITS__QUEUE_DELAY_MS", "50"),
        ("LIMITS__HEADER_TIMEOUT", "5s"),
        ("LIMITS__BODY_TIMEOUT", "6s"),
        ("LIMITS__WRITE_TIMEOUT", "7s"),
        ("LIMITS__IDLE_TIMEOUT", "8s"),
        ("TELEMETRY__OTLP_ENDPOINT", "http://127.0.0.1:4318/v1/traces"),
        ("TELEMETRY__SAMPLE", "100"),
        ("RISK__CITY", "city.mmdb"),
        ("RISK__ASN", "asn.mmdb"),
        ("RISK__ANONYMOUS", "/var/anonymous.mmdb"),
        ("RISK__JA4_HEADER", "X-JA4"),
        ("POLICY__FILE", "policy.cedar"),
        ("POLICY__MODE", "additive"),
        ("POLICY__OBSERVE", "one, two"),
        ("POLICY__ADDITIVE", "three"),
        ("POLICY__ENFORCE", "four"),
        ("SIGNALS__RECEIVERS__0__NAME", "idp"),
        ("SIGNALS__RECEIVERS__0__ISSUER", "https://id.example"),
        ("SIGNALS__RECEIVERS__0__AUDIENCE", "us"),
        ("SIGNALS__RECEIVERS__0__JWKS_URL", "https://id.example/jwks"),
        ("SIGNALS__RECEIVERS__0__ALGORITHMS", "ES256"),
        (
            "SIGNALS__RECEIVERS__0__TOKEN_SHA256",
            "1111111111111111111111111111111111111111111111111111111111111111",
        ),
        ("SIGNALS__RECEIVERS__0__APPS", "store"),
        ("SIGNALS__RECEIVERS__0__SUBJECT_FORMATS", "email,iss_sub"),
        ("SIGNALS__RECEIVERS__0__SUBJECT_ISSUERS", "https://a.example,https://b.example"),
        ("SIGNALS__RECEIVERS__0__CREDENTIAL_CHANGE", "end"),
        ("SIGNALS__RECEIVERS__0__TOLERANCE", "5s"),
        ("SIGNALS__RECEIVERS__0__MAX_AGE", "1h"),
        ("SIGNALS__RECEIVERS__1__NAME", "edr"),
        ("SIGNALS__RECEIVERS__1__ISSUER", "https://edr.example"),
        ("SIGNALS__RECEIVERS__1__AUDIENCE", "us"),
        ("SIGNALS__RECEIVERS__1__JWKS_FILE", "edr.jwks"),
        ("SIGNALS__RECEIVERS__1__POLL_URL", "https://edr.example/poll"),
        ("SIGNALS__RECEIVERS__1__POLL_TOKEN_FILE", "edr.token"),
        ("SIGNALS__TRANSMITTER__ISSUER", "https://store.example"),
        ("SIGNALS__TRANSMITTER__KEY_FILE", "ssf.key"),
        ("SIGNALS__TRANSMITTER__OUTBOX", "7"),
        ("SIGNALS__TRANSMITTER__PRESENTED_INTERVAL", "5m"),
        ("SIGNALS__TRANSMITTER__RECEIVERS__0__NAME", "siem"),
        (
            "SIGNALS__TRANSMITTER__RECEIVERS__0__TOKEN_SHA256",
            "2222222222222222222222222222222222222222222222222222222222222222",
        ),
        ("SIGNALS__TRANSMITTER__RECEIVERS__0__AUDIENCE", "https://siem.example"),
        ("SIGNALS__TRANSMITTER__RECEIVERS__0__SCOPES", "ssf.read"),
        ("SIGNALS__TRANSMITTER__RECEIVERS__0__APPS", "store"),
        ("SIGNALS__TRANSMITTER__RECEIVERS__0__PUSH_ENDPOINTS", "https://siem.example/events"),
        ("SIGNALS__TRANSMITTER__RECEIVERS__0__DEFAULT_SUBJECTS", "none"),
        ("STORE__KIND", "sled"),
        ("STORE__PATH", "d"),
        ("AUDIT__FILE", "a"),
        ("SECRETS__ROOT_KEY_FILE", "r"),
        ("SECRETS__PREVIOUS_ROOT_KEY_FILES", "p,q"),
    ];
    let config = parse(&text(), &variables)?;
    assert_eq!(config.session.idle, Duration::from_secs(1800));
    assert_eq!(config.session.absolute, Duration::from_secs(7 * 86_400));
    assert_eq!((config.session.max_per_user, config.session.unbound), (3, Unbound::Deny));
    assert_eq!(
        (config.apps[0].name.as_str(), config.apps[0].origin.as_str()),
        ("store", "https://store.example")
    );
    assert_eq!((config.algorithms.len(), config.secrets.previous_root_key_files.len()), (2, 2));
    let gateways = config.gateways.context("gateways")?;
    assert_eq!((gateways.trusted.len(), gateways.assertion), (2, true));
    assert_eq!(gateways.grpc_listen.context("grpc_listen")?.port(), 3);
    assert_eq!(config.internal_socket.as_deref(), Some(Path::new("/base/h.sock")), "from where the file is");
    let page = |page: &Option<PageAddress>| page.as_ref().map(|page| page.as_str().to_owned());
    assert_eq!(page(&config.apps[0].login_url).as_deref(), Some("/login"));
    assert_eq!(page(&config.apps[0].step_up_url).as_deref(), Some("https://id.example/again"));
    assert_eq!(config.apps[0].return_parameter.as_str(), "next");
    assert_eq!(config.apps[1].return_parameter.as_str(), "return_to");
    assert_eq!(config.apps[0].step_up_acr.as_deref(), Some("urn:example:mfa phr"));
    assert!(config.session.soft_lock && config.session.unbound_persistent);
    assert_eq!((config.lifetimes.profile, config.lifetimes.deviations.len()), (Some(Profile::NistAal1), 1));
    let [admin, root] = config.routes.as_slice() else { anyhow::bail!("{:?}", config.routes) };
    assert_eq!((admin.app.as_str(), admin.route.path.as_str()), ("store", "/admin/"));
    assert_eq!((admin.route.methods.len(), admin.route.tags.len()), (2, 2));
    let Access::Session(demands) = &admin.route.access else { anyhow::bail!("{admin:?}") };
    let ages = (demands.requirements.max_auth_age, demands.requirements.max_proof_age);
    assert_eq!(ages, (Some(Duration::from_secs(300)), Some(Duration::from_secs(60))));
    assert_eq!(
        (demands.requirements.binding, demands.scope.as_deref()),
        (Some(Level::Hardware), Some("read write"))
    );
    assert_eq!((root.route.path.as_str(), &root.route.access), ("= /", &Access::Public));
    assert_eq!(
        (config.access_token, config.dpop.max_age),
        (Duration::from_secs(300), Duration::from_secs(30))
    );
    assert_eq!((config.dpop.algorithms.len(), config.dpop.always_nonce), (2, true));
    assert_eq!((config.clients[1].app.as_str(), config.clients[1].scopes.len()), ("store", 2));
    let seconds = Duration::from_secs;
    let expected = LimitsConfig {
        ipv4_prefix: 24,
        ipv6_prefix: 56,
        address_rate: 10.try_into()?,
        address_burst: 20.try_into()?,
        session_rate: 2.try_into()?,
        session_burst: 4.try_into()?,
        connections: 100,
        connections_per_address: 50,
        requests: 64,
        streams: 8,
        queue_delay: Duration::from_millis(50),
        header_timeout: seconds(5),
        body_timeout: seconds(6),
        write_timeout: seconds(7),
        idle_timeout: seconds(8),
    };
    assert_eq!((config.limits, config.telemetry.sample.get()), (expected, 100));
    let risk = RiskConfig {
        city: Some("/base/city.mmdb".into()),
        asn: Some("/base/asn.mmdb".into()),
        anonymous: Some("/var/anonymous.mmdb".into()),
        ja4_header: Some("x-ja4".parse()?),
    };
    assert_eq!(config.risk, risk);
    let single =
        [("one", Mode::Observe), ("two", Mode::Observe), ("three", Mode::Additive), ("four", Mode::Enforce)];
    let single = single.map(|(id, mode)| (id.to_owned(), mode)).into();
    assert_eq!(config.policy.file.as_deref(), Some(Path::new("/base/policy.cedar")));
    assert_eq!(config.policy.modes, Modes { most: Some(Mode::Additive), single });
    let [idp, edr] = config.signals.receivers.as_slice() else { anyhow::bail!("{:?}", config.signals) };
    assert_eq!((idp.issuer.algorithms.len(), idp.issuer.apps.len(), idp.subject_formats.len()), (1, 1, 2));
    assert_eq!((idp.subject_issuers.len(), idp.credential_change), (2, CredentialAction::End));
    assert_eq!((idp.tolerance, idp.max_age), (seconds(5), seconds(3600)));
    let poll = ReceiverDelivery::Poll {
        url: "https://edr.example/poll".to_owned(),
        token_file: "/base/edr.token".into(),
    };
    assert_eq!((&edr.delivery, edr.subject_formats.len(), edr.max_age), (&poll, 4, seconds(7 * 86_400)));
    let transmitter = config.signals.transmitter.context("transmitter")?;
    assert_eq!((transmitter.outbox, transmitter.presented_interval), (7, seconds(300)));
    assert_eq!(transmitter.key_file, Path::new("/base/ssf.key"));
    let siem = transmitter.receivers.first().context("siem")?;
    assert_eq!(
        (siem.may_manage, siem.all_subjects, siem.push_endpoints.len(), siem.apps.len()),
        (false, false, 1, 1)
    );
    assert_eq!(config.public.tls.context("tls")?.cert, Path::new("/base/c.pem"), "from where the file is");
    Ok(())
}

#[test]
fn slips_are_told_with_line_and_key() -> Result<()> {
    let hash = "0".repeat(64);
    for (section, line, key) in [
        ("[session]", "idle = 30", "session.idle"),
        ("[policy]", "mode = \"on\"", "policy.mode"),
        ("[policy]", "observe = [\"a\"]\nenforce = [\"a\"]", "policy.enforce"),
        ("[policy]", "modes = {}", "policy.modes"),
        ("[risk]", "ja4_header = \"X JA4\"", "risk.ja4_header"),
        ("[session]", "idle = \"30\"", "session.idle"),
        ("[session]", "idle = \"30 m\"", "session.idle"),
        ("[session]", "idle = \"1.5h\"", "session.idle"),
        ("[session]", "idle = \"-1h\"", "session.idle"),
        ("[session]", "idle = \"0s\"", "session.idle"),
        ("[session]", "idle = \"1w\"", "session.idle"),
        ("[session]", "idle = true", "session.idle"),
        ("[session]", "bound_cookie = \"99999999999999999999s\"", "session.bound_cookie"),
        ("[session]", "max_per_user = 0", "session.max_per_user"),
        ("[session]", "max_per_user = -1", "session.max_per_user"),
        ("[session]", "max_per_user = \"20\"", "session.max_per_user"),
        ("[session]", "cookie_name = \"sid\"", "session.cookie_name"),
        ("[session]", "cookie_name = \"__Host-a b\"", "session.cookie_name"),
        ("[session]", "unbound = \"no\"", "session.unbound"),
        ("[session]", "clear_site_data = \"yes\"", "session.clear_site_data"),
        ("[session]", "Idle = \"1h\"", "session.Idle"),
        ("[session]", "profile = \"aal2\"", "session.profile"),
        ("[session]", "profile = 2", "session.profile"),
        ("[session]", "soft_lock = \"yes\"", "session.soft_lock"),
        ("[session]", "unbound_persistent = 1", "session.unbound_persistent"),
        ("[session]", "justification = \"\"", "session.justification"),
        ("[session]", "justification = \"n/a\"", "session.justification"),
        ("[session]", "justification = \"two\\nlines of it all\"", "session.justification"),
        ("[session]", "profile = \"nist-aal2\"\nidle = \"2h\"", "session.idle"),
        ("[session]", "profile = \"nist-aal3\"\nabsolute = \"13h\"", "session.absolute"),
        ("[dbsc]", "algorithms = []", "dbsc.algorithms"),
        ("[dbsc]", "algorithms = [\"none\"]", "dbsc.algorithms"),
        ("[dbsc]", "algorithms = [\"es256\"]", "dbsc.algorithms"),
        ("[dbsc]", "algorithms = [\"ES256\", \"PS256\"]", "dbsc.algorithms"),
        ("[dbsc]", "algorithms = \"ES256\"", "dbsc.algorithms"),
        ("[dpop]", "algorithms = []", "dpop.algorithms"),
        ("[dpop]", "algorithms = [\"HS256\"]", "dpop.algorithms"),
        ("[dpop]", "algorithms = [\"ES256\", \"ES256\"]", "dpop.algorithms"),
        ("[dpop]", "max_age = \"10m\"", "dpop.max_age"),
        ("[dpop]", "skew = \"2m\"", "dpop.skew"),
        ("[dpop]", "nonce = \"never\"", "dpop.nonce"),
        ("[dpop]", "nonce_life = \"1s\"", "dpop.nonce_life"),
        ("[oauth]", "access_token = \"16m\"", "oauth.access_token"),
        ("[oauth]", "access_token = \"1s\"", "oauth.access_token"),
        ("[[clients]]", "client_id = \"x\"\napp = \"shop\"", "clients.2.redirect_uris"),
        ("[[clients]]", "redirect_uris = [\"https://a/\"]\napp = \"shop\"", "clients.2.client_id"),
        ("[[clients]]", "client_id = \"a b\"\nredirect_uris = [\"https://a/\"]", "clients.2.client_id"),
        ("[[clients]]", "client_id = \"x\"\nredirect_uris = []", "clients.2.redirect_uris"),
        ("[[clients]]", "client_id = \"x\"\nredirect_uris = [\"/callback\"]", "clients.2.redirect_uris"),
        ("[[clients]]", "client_id = \"x\"\nredirect_uris = [\"https://a/#f\"]", "clients.2.redirect_uris"),
        ("[[clients]]", "client_id = \"x\"\nredirect_uris = [\"https://a/\"]", "clients"),
        ("[[clients]]", "client_id = \"x\"\nredirect_uris = [\"https://a/\"]\napp = \"none\"", "clients"),
        (
            "[[clients]]",
            "client_id = \"shop-cli\"\nredirect_uris = [\"https://a/\"]\napp = \"shop\"",
            "clients",
        ),
        (
            "[[clients]]",
            "client_id = \"x\"\nredirect_uris = [\"https://a/\"]\napp = \"shop\"\nscopes = [\"a b\"]",
            "clients.2.scopes",
        ),
        ("[gateways]", "trusted = [\"10.0.0.0/8\"]", "gateways.secret_file"),
        ("[gateways]", "secret_file = \"g\"", "gateways.trusted"),
        ("[gateways]", "secret_file = \"g\"\ntrusted = [\"10.0.0.0/33\"]", "gateways.trusted"),
        ("[gateways]", "secret_file = \"g\"\ntrusted = [\"everybody\"]", "gateways.trusted"),
        ("[gateways]", "secret_file = \"g\"\ntrusted = []\ngrpc_listen = \"9000\"", "gateways.grpc_listen"),
        ("[[routes]]", "app = \"shop\"", "routes.0.path"),
        ("[[routes]]", "path = \"/a\"", "routes"),
        ("[[routes]]", "path = \"/a\"\napp = \"none\"", "routes"),
        ("[[routes]]", "app = \"shop\"\npath = \"a\"", "routes.0.path"),
        ("[[routes]]", "app = \"shop\"\npath = \"/a/../b\"", "routes.0.path"),
        ("[[routes]]", "app = \"shop\"\npath = \"/a%20b\"", "routes.0.path"),
        ("[[routes]]", "app = \"shop\"\npath = \"/a**\"", "routes.0.path"),
        ("[[routes]]", "app = \"shop\"\npath = \"/a\"\nmethods = [\"get\"]", "routes.0.methods"),
        ("[[routes]]", "app = \"shop\"\npath = \"/a\"\nmethods = \"GET\"", "routes.0.methods"),
        ("[[routes]]", "app = \"shop\"\npath = \"/a\"\ntags = [\"a b\"]", "routes.0.tags"),
        ("[[routes]]", "app = \"shop\"\npath = \"/a\"\npublic = \"yes\"", "routes.0.public"),
        ("[[routes]]", "app = \"shop\"\npath = \"/a\"\npublic = true\nrequire = {}", "routes.0.public"),
        (
            "[[routes]]",
            "app = \"shop\"\npath = \"/a\"\nrequire = { binding = \"strong\" }",
            "routes.0.require.binding",
        ),
        (
            "[[routes]]",
            "app = \"shop\"\npath = \"/a\"\nrequire = { scope = \"a  b\" }",
            "routes.0.require.scope",
        ),
        ("[[routes]]", "app = \"shop\"\npath = \"/a\"\nrequire = { age = \"1m\" }", "routes.0.require.age"),
        ("[gatways]", "secret_file = \"g\"", "gatways"),
        ("[limits]", "ipv4_prefix = 7", "limits.ipv4_prefix"),
        ("[limits]", "ipv4_prefix = 33", "limits.ipv4_prefix"),
        ("[limits]", "ipv6_prefix = 129", "limits.ipv6_prefix"),
        ("[limits]", "address_rate = 0", "limits.address_rate"),
        ("[limits]", "address_burst = -1", "limits.address_burst"),
        ("[limits]", "session_rate = \"20\"", "limits.session_rate"),
        ("[limits]", "session_burst = 99999999999", "limits.session_burst"),
        ("[limits]", "connections = 0", "limits.connections"),
        ("[limits]", "connections_per_address = 0", "limits.connections_per_address"),
        ("[limits]", "requests = 0", "limits.requests"),
        ("[limits]", "streams = 10001", "limits.streams"),
        ("[limits]", "queue_delay_ms = 4", "limits.queue_delay_ms"),
        ("[limits]", "queue_delay = \"20ms\"", "limits.queue_delay"),
        ("[limits]", "header_timeout = \"0s\"", "limits.header_timeout"),
        ("[limits]", "body_timeout = \"2h\"", "limits.body_timeout"),
        ("[limits]", "write_timeout = 30", "limits.write_timeout"),
        ("[limits]", "idle_timeout = \"soon\"", "limits.idle_timeout"),
        ("[telemetry]", "otlp_endpoint = \"127.0.0.1:4318\"", "telemetry.otlp_endpoint"),
        ("[telemetry]", "otlp_endpoint = \"ftp://127.0.0.1/\"", "telemetry.otlp_endpoint"),
        ("[telemetry]", "sample = 0", "telemetry.sample"),
        ("[risk]", "city = \"\"", "risk.city"),
        ("[risk]", "asn = 13335", "risk.asn"),
        ("[risk]", "anonymous = true", "risk.anonymous"),
        ("[risk]", "country = \"c.mmdb\"", "risk.country"),
        ("[[signals.receivers]]", "name = \"a b\"", "signals.receivers.0.name"),
        ("[[signals.receivers]]", "name = \"a\"", "signals.receivers.0.issuer"),
        ("[[signals.receivers]]", "issuer = \"https://a\"", "signals.receivers.0.audience"),
        ("[[signals.receivers]]", "audience = \"a\"", "signals.receivers.0.jwks_url"),
        ("[[signals.receivers]]", "jwks_url = \"http://a.example/\"", "signals.receivers.0.jwks_url"),
        ("[[signals.receivers]]", "algorithms = [\"PS256\"]", "signals.receivers.0.algorithms"),
        ("[[signals.receivers]]", "algorithms = []", "signals.receivers.0.algorithms"),
        ("[[signals.receivers]]", "jwks_file = \"a\"", "signals.receivers.0.token_sha256"),
        ("[[signals.receivers]]", "poll_url = \"https://a/\"", "signals.receivers.0.token_sha256"),
        ("[[signals.receivers]]", "poll_url = \"http://a/\"", "signals.receivers.0.poll_url"),
        ("[[signals.receivers]]", "subject_formats = []", "signals.receivers.0.subject_formats"),
        ("[[signals.receivers]]", "subject_formats = [\"did\"]", "signals.receivers.0.subject_formats"),
        ("[[signals.receivers]]", "credential_change = \"yes\"", "signals.receivers.0.credential_change"),
        ("[[signals.receivers]]", "tolerance = \"11m\"", "signals.receivers.0.tolerance"),
        ("[[signals.receivers]]", "max_age = \"1s\"", "signals.receivers.0.max_age"),
        ("[[signals.receivers]]", "colour = \"red\"", "signals.receivers.0.colour"),
        (
            "[[signals.receivers]]",
            &format!(
                "name = \"a\"\nissuer = \"https://a\"\naudience = \"a\"\njwks_file = \"a\"\ntoken_sha256 = \"{hash}\"\napps = [\"none\"]"
            ),
            "signals.receivers",
        ),
        ("[signals]", "receivers = 1", "signals.receivers"),
        ("[signals.transmitter]", "key_file = \"k\"", "signals.transmitter.issuer"),
        ("[signals.transmitter]", "issuer = \"https://a\"", "signals.transmitter.key_file"),
        ("[signals.transmitter]", "issuer = \"https://a/\"", "signals.transmitter.issuer"),
        ("[signals.transmitter]", "issuer = \"http://a.example\"", "signals.transmitter.issuer"),
        ("[signals.transmitter]", "outbox = 0", "signals.transmitter.outbox"),
        ("[signals.transmitter]", "presented_interval = \"1s\"", "signals.transmitter.presented_interval"),
        ("[[signals.transmitter.receivers]]", "name = \"a\"", "signals.transmitter.receivers.0.token_sha256"),
        ("[[signals.transmitter.receivers]]", "scopes = []", "signals.transmitter.receivers.0.scopes"),
        ("[[signals.transmitter.receivers]]", "scopes = [\"all\"]", "signals.transmitter.receivers.0.scopes"),
        (
            "[[signals.transmitter.receivers]]",
            "push_endpoints = [\"http://siem.example/\"]",
            "signals.transmitter.receivers.0.push_endpoints",
        ),
        (
            "[[signals.transmitter.receivers]]",
            "default_subjects = \"some\"",
            "signals.transmitter.receivers.0.default_subjects",
        ),
        ("[[apps]]", "name = \"x\"", "apps.2.origin"),
        (
            "[[apps]]",
            &format!("name = \"a b\"\norigin = \"https://x.example\"\ntoken_sha256 = \"{hash}\""),
            "apps.2.name",
        ),
        (
            "[[apps]]",
            &format!(
                "name = \"x\"\norigin = \"https://x.example\"\ntoken_sha256 = \"{hash}\"\nlogin_url = \"//evil\""
            ),
            "apps.2.login_url",
        ),
        (
            "[[apps]]",
            &format!(
                "name = \"x\"\norigin = \"https://x.example\"\ntoken_sha256 = \"{hash}\"\nreturn_parameter = \"a b\""
            ),
            "apps.2.return_parameter",
        ),
        (
            "[[apps]]",
            &format!(
                "name = \"x\"\norigin = \"https://x.example\"\ntoken_sha256 = \"{hash}\"\nstep_up_acr = 'a\"b'"
            ),
            "apps.2.step_up_acr",
        ),
        (
            "[[apps]]",
            &format!(
                "name = \"x\"\norigin = \"https://x.example\"\ntoken_sha256 = \"{hash}\"\nstep_up_acr = \"a  b\""
            ),
            "apps.2.step_up_acr",
        ),
        (
            "[[apps]]",
            "name = \"x\"\norigin = \"https://x.example\"\ntoken_sha256 = \"hft_x\"",
            "apps.2.token_sha256",
        ),
        (
            "[[apps]]",
            &format!("name = \"x\"\norigin = \"https://x.example/a\"\ntoken_sha256 = \"{hash}\""),
            "apps.2.origin",
        ),
        (
            "[[apps]]",
            &format!("name = \"shop\"\norigin = \"https://x.example\"\ntoken_sha256 = \"{hash}\""),
            "apps",
        ),
        (
            "[[apps]]",
            &format!("name = \"x\"\norigin = \"https://shop.example\"\ntoken_sha256 = \"{hash}\""),
            "apps",
        ),
    ] {
        let problems =
            parse(&format!("{}\n{section}\n{line}\n", text()), &[]).err().context(line.to_owned())?;
        let problems = problems.to_string();
        assert!(problems.starts_with("holdfast.toml:"), "{problems}");
        assert!(problems.contains(&format!(": {key}: ")), "{key}: {problems}");
        let number: Option<usize> = problems.split(':').nth(1).and_then(|number| number.parse().ok());
        assert!(number.is_some_and(|number| number >= 1), "{problems}");
    }
    Ok(())
}

/// What follows from a problem is no second problem.
#[test]
fn one_mistake_is_told_once() -> Result<()> {
    for (from, to, key) in [
        ("origin = \"https://shop.example\"", "orign = \"https://shop.example\"", "apps.0.or"),
        ("kind = \"memory\"", "kind = \"slad\"\npath = \"data\"", "store.kind"),
    ] {
        let problems = parse(&text().replace(from, to), &[]).err().context(to)?.to_string();
        assert!(problems.lines().all(|line| line.contains(key)), "{problems}");
    }
    Ok(())
}

#[test]
fn impossible_combinations_are_refused() -> Result<()> {
    for (variables, key) in [
        (vec![("SESSION__IDLE", "25h"), ("SESSION__ABSOLUTE", "24h")], "session.idle"),
        (vec![("SESSION__BOUND_COOKIE", "25h"), ("SESSION__ABSOLUTE", "24h")], "session.bound_cookie"),
        (vec![("SESSION__UNBOUND_IDLE", "9h"), ("SESSION__UNBOUND_ABSOLUTE", "8h")], "session.unbound_idle"),
        (vec![("STORE__KIND", "sled")], "store.path"),
        (vec![("STORE__KIND", "redis")], "store.kind"),
        (vec![("STORE__KIND", "memory"), ("STORE__PATH", "d")], "store.path"),
        (vec![("PUBLIC__TLS", "on")], "public.tls"),
        (vec![("PUBLIC__TLS__CERT", "c.pem")], "public.tls.key"),
        (vec![("PUBLIC__LISTEN", "8443")], "public.listen"),
        (vec![("INTERNAL__LISTEN", "localhost:8444")], "internal.listen"),
        (vec![("SECRETS__ROOT_KEY_FILE", "")], "secrets.root_key_file"),
    ] {
        let problems = parse(&text(), &variables).err().with_context(|| format!("{variables:?}"))?;
        assert!(problems.to_string().contains(&format!("{key}: ")), "{variables:?}: {problems}");
    }
    Ok(())
}

/// An operator mends a file once, not once for every slip.
#[test]
fn every_problem_is_told_at_once() -> Result<()> {
    let bad = text().replace("tls = \"off\"", "tls = \"on\"\ncolour = \"red\"");
    let bad = format!("{bad}\n[session]\nidle = \"soon\"\nabsolute = 7\n[dbsc]\nalgorithms = [\"HS256\"]\n");
    let problems = parse(&bad, &[("AUDIT__PATH", "x")]).err().context("no problem")?;
    for key in
        ["public.tls", "public.colour", "session.idle", "session.absolute", "dbsc.algorithms", "audit.path"]
    {
        assert!(problems.to_string().contains(&format!("{key}: ")), "{key}: {problems}");
    }
    Ok(())
}

#[test]
fn what_is_no_toml_or_has_no_app_is_no_configuration() -> Result<()> {
    for bad in ["[public", "a = ", "public = 1", "", "apps = 1", "[[public]]\nlisten = \"x\""] {
        let problems = parse(bad, &[]).err().with_context(|| bad.to_owned())?;
        assert!(problems.to_string().contains("holdfast.toml:"), "{bad}: {problems}");
    }
    Ok(())
}

fn text() -> String {
    Settings::default().toml()
}

fn parse(text: &str, variables: &[(&str, &str)]) -> Result<Config, holdfast::config::Problems> {
    let variables = variables.iter().map(|(name, value)| (format!("HOLDFAST__{name}"), (*value).to_owned()));
    Config::parse(text, "holdfast.toml", Path::new("/base"), variables)
}
