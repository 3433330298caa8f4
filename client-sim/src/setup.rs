//! Which Holdfast to speak to, and as what.

use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use crate::Failure;
use crate::app::App;
use crate::browser::{Browser, Network};
use crate::clock::SharedClock;
use crate::http::Transport;
use crate::key::{DeviceKey, KeyMaker};
use crate::oauth::{self, Registration, SavedClient};
use crate::origin::Origin;
use crate::restart::SharedRestart;

/// Everything that browsers, apps and thieves need to know about where they are.
#[derive(Clone)]
pub struct Setup {
    /// The site's origin as browsers believe in it.
    pub origin: Origin,
    /// Where the public listener really is; plain http means that a proxy would end TLS in front of it.
    pub public: Url,
    /// Where the internal listener is.
    pub api: Url,
    /// The app's API token.
    pub token: String,
    /// A PEM file with the roots to trust.
    pub ca: Option<PathBuf>,
    /// The server's audit file, to show what it noticed.
    pub audit: Option<PathBuf>,
    /// The session cookie's name.
    pub cookie_name: String,
    /// What keys browsers make.
    pub keys: KeyMaker,
    /// How long a replaced cookie stays good.
    pub overlap: Duration,
    /// The longest an attack may wait for something to expire.
    pub max_wait: Duration,
    /// Whether browsers keep Chromium's signing quota.
    pub quota: bool,
    /// The OAuth client that the app's server knows; without one nobody speaks DPoP.
    pub client: Option<Registration>,
    /// How old a proof without a nonce may be, by the server's configuration.
    pub proof_age: Duration,
    /// How far clocks may be off, by the server's configuration.
    pub proof_skew: Duration,
    /// How long a nonce lives, by the server's configuration.
    pub nonce_life: Duration,
    /// How to restart the server; without it no attack can.
    pub restart: Option<SharedRestart>,
    /// The time.
    pub clock: SharedClock,
}

impl Setup {
    /// A setup with the defaults of `holdfast dev`; the rest is for the caller to change.
    pub fn new(origin: Origin, public: Url, api: Url, token: String, clock: SharedClock) -> Self {
        Self {
            origin,
            public,
            api,
            token,
            ca: None,
            audit: None,
            cookie_name: COOKIE_NAME.to_owned(),
            keys: KeyMaker::software(),
            overlap: OVERLAP,
            max_wait: MAX_WAIT,
            quota: true,
            client: None,
            proof_age: PROOF_AGE,
            proof_skew: PROOF_SKEW,
            nonce_life: NONCE_LIFE,
            restart: None,
            clock,
        }
    }

    /// An empty browser at this address.
    pub fn browser(&self, client_ip: &str) -> Result<Browser, Failure> {
        let network = self.network(client_ip)?;
        let browser = Browser::new(network, SharedClock::clone(&self.clock), self.keys.clone());
        Ok(if self.quota { browser } else { browser.without_quota() })
    }

    /// The OAuth client that the server knows.
    pub fn registration(&self) -> Result<&Registration, Failure> {
        let why = "this needs an OAuth client that the server knows: name it with --client-id";
        self.client.as_ref().ok_or_else(|| Failure::Usage(why.to_owned()))
    }

    /// An OAuth client at this address, with this key and no tokens.
    pub fn oauth_client(&self, client_ip: &str, key: DeviceKey) -> Result<oauth::Client, Failure> {
        let (network, registration) = (self.network(client_ip)?, self.registration()?.clone());
        let clock = SharedClock::clone(&self.clock);
        Ok(oauth::Client::new(network, clock, registration, key).trusting(self.ca.clone()))
    }

    /// An OAuth client at this address, with what an earlier run left.
    pub async fn restored_client(
        &self,
        client_ip: &str,
        saved: SavedClient,
    ) -> Result<oauth::Client, Failure> {
        let key = DeviceKey::restore(&saved.key.reached_at(&self.keys.place)).await?;
        let (network, clock) = (self.network(client_ip)?, SharedClock::clone(&self.clock));
        let client = oauth::Client::new(network, clock, saved.registration, key);
        Ok(client.trusting(self.ca.clone()).with_memory(saved.nonces, saved.grant))
    }

    /// The way to the site for a visitor from this address.
    pub fn network(&self, client_ip: &str) -> Result<Network, Failure> {
        let public = Transport::new(self.public.clone(), self.ca.as_deref())?;
        Ok(Network { origin: self.origin.clone(), public, app: Some(self.app(client_ip)?) })
    }

    /// The app, as it sees a visitor from this address.
    pub fn app(&self, client_ip: &str) -> Result<App, Failure> {
        Ok(App {
            api: Transport::new(self.api.clone(), self.ca.as_deref())?,
            token: self.token.clone(),
            cookie_name: self.cookie_name.clone(),
            client_ip: client_ip.to_owned(),
        })
    }
}

/// The contract's default.
pub const COOKIE_NAME: &str = "__Host-holdfast";

/// The contract's default.
pub const OVERLAP: Duration = Duration::from_secs(30);

/// The contract's default.
pub const PROOF_AGE: Duration = Duration::from_secs(60);

/// The contract's default.
pub const PROOF_SKEW: Duration = Duration::from_secs(15);

/// The contract's default.
pub const NONCE_LIFE: Duration = Duration::from_secs(5 * 60);

/// Enough for the default bound cookie of ten minutes.
pub const MAX_WAIT: Duration = Duration::from_secs(15 * 60);
