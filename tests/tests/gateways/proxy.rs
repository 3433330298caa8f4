//! Four proxies of Debian, each started in the foreground with its recipe or with a configuration of a test's own.

use std::fs::{File, Permissions};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use holdfast_tests::server::GATEWAY_SECRET;
use holdfast_tests::{Authority, Prerequisite, ProcessGroup, free_port};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

/// A kind of proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proxy {
    Apache,
    Caddy,
    Haproxy,
    Nginx,
}

/// What stands behind a proxy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Places {
    pub(crate) app: SocketAddr,
    pub(crate) public: SocketAddr,
    pub(crate) internal: SocketAddr,
}

/// The text of a configuration, with the ports and folders of a recipe.
#[derive(Clone, Debug)]
pub(crate) struct Configuration {
    proxy: Proxy,
    /// Names and texts; the first one is the proxy's own.
    files: Vec<(&'static str, String)>,
}

/// A proxy that runs. Dropping it ends it with all of its processes.
#[derive(Debug)]
pub(crate) struct Started {
    /// Where it ends TLS, for port 443.
    pub(crate) https: SocketAddr,
    /// Where it redirects from, for port 80.
    pub(crate) http: SocketAddr,
    group: ProcessGroup,
    folder: TempDir,
}

impl Proxy {
    /// The name of its folder in `server/deploy`.
    pub(crate) fn folder(self) -> &'static str {
        match self {
            Self::Apache => "apache",
            Self::Caddy => "caddy",
            Self::Haproxy => "haproxy",
            Self::Nginx => "nginx",
        }
    }

    /// What must be installed.
    pub(crate) fn prerequisite(self) -> Prerequisite {
        match self {
            Self::Apache => Prerequisite::Apache,
            Self::Caddy => Prerequisite::Caddy,
            Self::Haproxy => Prerequisite::Haproxy,
            Self::Nginx => Prerequisite::Nginx,
        }
    }

    /// Where Debian has its configuration.
    fn home(self) -> &'static str {
        match self {
            Self::Apache => "/etc/apache2/",
            Self::Caddy => "/etc/caddy/",
            Self::Haproxy => "/etc/haproxy/",
            Self::Nginx => "/etc/nginx/",
        }
    }

    fn files(self) -> &'static [&'static str] {
        match self {
            Self::Apache => &["shop.example.conf", "holdfast.lua"],
            Self::Caddy => &["Caddyfile"],
            Self::Haproxy => &["haproxy.cfg", "holdfast.lua"],
            Self::Nginx => &["shop.example.conf"],
        }
    }

    /// The lines of a recipe that name a port of the proxy's own.
    fn ports(self, http: SocketAddr, https: SocketAddr, admin: SocketAddr) -> Vec<(&'static str, String)> {
        let (plain, tls) = (http.port(), https.port());
        match self {
            Self::Apache => vec![
                ("<VirtualHost *:80>", format!("<VirtualHost {http}>")),
                ("<VirtualHost *:443>", format!("<VirtualHost {https}>")),
            ],
            Self::Caddy => vec![
                ("http_port 80\n", format!("http_port {plain}\n")),
                ("https_port 443\n", format!("https_port {tls}\n")),
                ("127.0.0.1:2019", admin.to_string()),
            ],
            Self::Haproxy => {
                vec![("bind :80\n", format!("bind {http}\n")), ("bind :443 ", format!("bind {https} "))]
            }
            Self::Nginx => {
                vec![("listen 80;", format!("listen {http};")), ("listen 443 ", format!("listen {https} "))]
            }
        }
    }

    fn command(self, folder: &Path) -> Command {
        let file = |name: &str| folder.join(name);
        let mut command;
        match self {
            Self::Apache => {
                command = Command::new("apache2");
                command.arg("-DFOREGROUND").arg("-f").arg(file(MAIN));
            }
            Self::Caddy => {
                command = Command::new("caddy");
                command.args(["run", "--adapter", "caddyfile", "--config"]).arg(file("Caddyfile"));
            }
            Self::Haproxy => {
                command = Command::new("haproxy");
                command.arg("-db").arg("-f").arg(file("haproxy.cfg"));
            }
            Self::Nginx => {
                command = Command::new("nginx");
                command.args(["-e", "stderr", "-c"]).arg(file(MAIN));
            }
        }
        command.env_clear().env("PATH", SYSTEM_PATH).env("HOME", folder);
        command.env("HOLDFAST_GATEWAY_SECRET", GATEWAY_SECRET);
        command
    }

    /// What Debian's own main configuration says, or its unit, where the recipe is a part of one.
    fn main_file(self, folder: &Path, http: SocketAddr, https: SocketAddr) -> Option<String> {
        let folder = folder.display();
        match self {
            Self::Apache => Some(format!(
                "ServerRoot {folder}\nPidFile {folder}/pid\nErrorLog {folder}/proxy.log\nMutex posixsem\n\
                 Listen {http}\nListen {https}\nUser www-data\nGroup www-data\n{}Include {folder}/shop.example.conf\n",
                APACHE_MODULES
                    .iter()
                    .map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"))
                    .collect::<String>()
            )),
            Self::Nginx => Some(format!(
                "daemon off;\npid {folder}/pid;\nworker_processes 1;\nevents {{}}\nhttp {{\naccess_log off;\n{}\
                 include {folder}/shop.example.conf;\n}}\n",
                NGINX_TEMPORARY
                    .iter()
                    .map(|name| format!("{name}_temp_path {folder}/{name};\n"))
                    .collect::<String>()
            )),
            Self::Caddy | Self::Haproxy => None,
        }
    }
}

impl Configuration {
    /// The recipe.
    pub(crate) fn published(proxy: Proxy) -> Result<Self> {
        let read =
            |name: &&'static str| Ok((*name, std::fs::read_to_string(deploy(proxy.folder()).join(name))?));
        Ok(Self { proxy, files: proxy.files().iter().map(read).collect::<Result<_>>()? })
    }

    /// A configuration of the test's own.
    pub(crate) fn naive(proxy: Proxy, texts: &[&str]) -> Self {
        let files = proxy.files().iter().copied().zip(texts.iter().map(|&text| text.to_owned())).collect();
        Self { proxy, files }
    }

    /// Changes a text that must be there, wherever it is.
    pub(crate) fn change(&mut self, from: &str, to: &str) -> Result<()> {
        ensure!(self.files.iter().any(|(_, text)| text.contains(from)), "the recipe has no {from:?}");
        for (_, text) in &mut self.files {
            *text = text.replace(from, to);
        }
        Ok(())
    }

    /// The proxy that it is for.
    pub(crate) fn proxy(&self) -> Proxy {
        self.proxy
    }

    /// Starts the proxy with it, in front of `places`.
    pub(crate) async fn start(&self, places: Places, authority: &Authority) -> Result<Started> {
        let Self { proxy, files } = self;
        let folder = tempfile::Builder::new().prefix("proxy-").tempdir()?;
        // Apache gives root up and reads its script afterwards.
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755))?;
        let address = || Ok::<_, anyhow::Error>(SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?)));
        let (http, https, admin) = (address()?, address()?, address()?);

        let mut changes = proxy.ports(http, https, admin);
        changes.push((proxy.home(), format!("{}/", folder.path().display())));
        if !rustix::process::geteuid().is_root() {
            // Who is not root cannot become somebody else.
            changes.push(("    user haproxy\n    group haproxy\n", String::new()));
        }
        changes.push(("127.0.0.1:8000", places.app.to_string()));
        changes.push(("127.0.0.1:8443", places.public.to_string()));
        changes.push(("127.0.0.1:8444", places.internal.to_string()));
        for (name, text) in files {
            let text = changes.iter().fold(text.clone(), |text, (from, to)| text.replace(from, to));
            std::fs::write(folder.path().join(name), text)?;
        }
        if let Some(text) = proxy.main_file(folder.path(), http, https) {
            std::fs::write(folder.path().join(MAIN), text)?;
        }
        write_secrets(folder.path(), authority)?;

        let log = File::create(folder.path().join("proxy.log"))?;
        let mut command = proxy.command(folder.path());
        let group = ProcessGroup::start(command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log))?;
        let started = Started { https, http, group, folder };
        started.listens(https).await?;
        Ok(started)
    }
}

impl Started {
    /// What the proxy has printed.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("proxy.log")).unwrap_or_default()
    }

    /// Waits until it listens there, as it must.
    pub(crate) async fn listens(&self, address: SocketAddr) -> Result<()> {
        let deadline = Instant::now() + START_LIMIT;
        while Instant::now() < deadline {
            ensure!(!self.group.has_exited()?, "the proxy has ended:\n{}", self.log());
            if TcpStream::connect(address).await.is_ok() {
                return Ok(());
            }
            sleep(POLL).await;
        }
        bail!("the proxy does not listen:\n{}", self.log())
    }
}

/// A folder of `server/deploy`.
pub(crate) fn deploy(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/deploy").join(name)
}

/// The certificate, its key and the gateway secret, where the recipes look for them.
fn write_secrets(folder: &Path, authority: &Authority) -> Result<()> {
    let issued = authority.issue(&["shop.example"])?;
    // HAProxy wants the key in the same file, and nobody else minds.
    std::fs::write(folder.join("shop.example.pem"), format!("{}{}", issued.certificate, issued.key))?;
    std::fs::write(folder.join("shop.example.key"), issued.key)?;
    let secret = format!("proxy_set_header Holdfast-Gateway-Secret \"{GATEWAY_SECRET}\";\n");
    Ok(std::fs::write(folder.join("holdfast-secret.conf"), secret)?)
}

const MAIN: &str = "main.conf";
const SYSTEM_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// What `a2enmod` switches on for the recipe, and what Debian has on anyway.
const APACHE_MODULES: &[&str] = &[
    "mpm_event",
    "authz_core",
    "alias",
    "headers",
    "http2",
    "lua",
    "proxy",
    "proxy_http",
    "socache_shmcb",
    "ssl",
];
const NGINX_TEMPORARY: &[&str] = &["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
/// Generous: tests run in parallel on two cores.
const START_LIMIT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);
