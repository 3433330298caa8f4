//! The switches that a test starts Chromium with.

/// How to start Chromium. The default has DBSC with software keys, without the limit on signatures, and every
/// `*.test` host on this machine.
#[derive(Debug, Clone)]
pub struct Options {
    /// For `--enable-features`.
    pub features: Vec<String>,
    /// For `--host-resolver-rules`.
    pub host_resolver_rules: String,
    /// More switches, as they are.
    pub extra: Vec<String>,
}

impl Options {
    /// As by default, but with the limit that browsers have in real life: six signatures in nine minutes for a site.
    #[must_use]
    pub fn with_signing_quota() -> Self {
        Self { features: strings(&["DeviceBoundSessions", SOFTWARE_KEYS]), ..Self::default() }
    }

    /// A browser that knows nothing of DBSC, as most browsers do.
    #[must_use]
    pub fn without_dbsc() -> Self {
        Self { features: Vec::new(), ..Self::default() }
    }

    pub(crate) fn arguments(&self) -> Vec<String> {
        let mut arguments = strings(ALWAYS);
        if !self.features.is_empty() {
            arguments.push(format!("--enable-features={}", self.features.join(",")));
        }
        arguments.push(format!("--host-resolver-rules={}", self.host_resolver_rules));
        arguments.extend(self.extra.iter().cloned());
        arguments
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            features: strings(&["DeviceBoundSessions:RefreshQuota/false", SOFTWARE_KEYS]),
            host_resolver_rules: "MAP *.test 127.0.0.1".to_owned(),
            extra: Vec::new(),
        }
    }
}

fn strings(values: &[&str]) -> Vec<String> {
    values.iter().map(|&value| value.to_owned()).collect()
}

/// Linux builds have no hardware keys for DBSC; this feature allows keys in software.
const SOFTWARE_KEYS: &str = "EnableBoundSessionCredentialsSoftwareKeysForManualTesting";

/// A browser of its own that talks to nobody but the test. CI runs as root in a container, hence no sandbox; and
/// containers have a small `/dev/shm`.
const ALWAYS: &[&str] = &[
    "--headless=new",
    "--remote-debugging-port=0",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-sync",
    "--disable-extensions",
    "--disable-breakpad",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-default-browser-check",
    "--no-first-run",
    "--no-proxy-server",
    "--password-store=basic",
    "--use-mock-keychain",
    "--window-size=1000,700",
];
