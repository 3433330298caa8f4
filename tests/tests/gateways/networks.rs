//! Networks that a browser can be in. For each there is a proxy of its own, with the recipe, that says that its clients have
//! an address there; and a crossing in front leads the browser's connections to one of them.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use holdfast_tests::{Authority, http};
use reqwest::Client;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::proxy::{Configuration, Proxy, Started};

/// Where connections come in, and which way they go.
pub(crate) struct Crossing {
    pub(crate) address: SocketAddr,
    /// The proxy that is asked, and how often that was changed: a connection ends with the network that it came from.
    way: watch::Sender<SocketAddr>,
    ways: HashMap<String, SocketAddr>,
    proxies: Vec<Started>,
    serving: JoinHandle<()>,
}

impl Crossing {
    /// A crossing that leads to one network first.
    pub(crate) async fn begin(network: &str, proxy: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (way, _) = watch::channel(proxy);
        let ways = HashMap::from([(network.to_owned(), proxy)]);
        let serving = tokio::spawn(serve(listener, way.clone()));
        Ok(Self { address, way, ways, proxies: Vec::new(), serving })
    }

    /// Adds a network, or puts another proxy there.
    pub(crate) fn put(&mut self, network: &str, proxy: Started) {
        self.ways.insert(network.to_owned(), proxy.https);
        self.proxies.push(proxy);
    }

    /// From now on whoever comes is in that network. What was connected before is cut off, as by a change of networks.
    pub(crate) async fn go(&self, network: &str) -> Result<()> {
        let proxy = self.ways.get(network).context("no such network")?;
        self.way.send_replace(*proxy);
        // Each connection listens for changes until it is gone.
        for _ in 0..ATTEMPTS {
            if self.way.receiver_count() == 0 {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
        bail!("connections stay")
    }

    /// A client in that network, with nothing of the browser's.
    pub(crate) fn client(&self, network: &str, authority: &Authority) -> Result<Client> {
        let proxy = self.ways.get(network).context("no such network")?;
        let [client, _] = http::clients_behind(authority, *proxy)?;
        Ok(client)
    }
}

impl Drop for Crossing {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, way: watch::Sender<SocketAddr>) {
    while let Ok((mut browser, _)) = listener.accept().await {
        let mut changes = way.subscribe();
        tokio::spawn(async move {
            let proxy = *changes.borrow_and_update();
            let Ok(mut proxy) = TcpStream::connect(proxy).await else { return };
            tokio::select! {
                _ = copy_bidirectional(&mut browser, &mut proxy) => {}
                _ = changes.changed() => {}
            }
        });
    }
}

/// The recipe of a proxy whose clients have this address. Nothing else of it is changed.
pub(crate) fn seen_from(proxy: Proxy, address: &str) -> Result<Configuration> {
    let mut recipe = Configuration::published(proxy)?;
    match proxy {
        Proxy::Nginx => recipe.change("$remote_addr", address)?,
        Proxy::Caddy => {
            let told = format!("header_up X-Forwarded-For {address}");
            recipe.change(
                "reverse_proxy 127.0.0.1:8443\n",
                &format!("reverse_proxy 127.0.0.1:8443 {{\n{told}\n}}\n"),
            )?;
            recipe.change(
                "reverse_proxy 127.0.0.1:8000\n",
                &format!("reverse_proxy 127.0.0.1:8000 {{\n{told}\n}}\n"),
            )?;
            recipe
                .change("header_up X-Forwarded-Method", &format!("{told}\nheader_up X-Forwarded-Method"))?;
        }
        Proxy::Apache | Proxy::Haproxy => bail!("{proxy:?} is not tried from elsewhere"),
    }
    Ok(recipe)
}

/// A configuration of nginx that forgets to say whose request a refresh is.
pub(crate) fn silent_about_refreshes(mut recipe: Configuration) -> Result<Configuration> {
    let line = format!("        proxy_set_header X-Forwarded-For {AWAY};\n    }}\n\n    # What OAuth");
    recipe.change(&line, "        proxy_set_header X-Forwarded-For \"\";\n    }\n\n    # What OAuth")?;
    Ok(recipe)
}

const PAUSE: Duration = Duration::from_millis(10);
const ATTEMPTS: usize = 1000;

/// Two networks of the internet, far from each other as far as anybody knows.
pub(crate) const HOME: &str = "81.2.69.142";
pub(crate) const AWAY: &str = "9.9.9.9";
