//! The keys that Holdfast publishes, fetched when they are needed.

use std::{
    collections::HashMap,
    sync::RwLock,
    time::{Duration, Instant},
};

use jsonwebtoken::{
    DecodingKey,
    jwk::{Jwk, JwkSet},
};
use tokio::sync::Mutex;

use crate::Refusal;

/// What time it is, as far as the age of keys goes.
pub(crate) type Clock = Box<dyn Fn() -> Instant + Send + Sync>;

/// The published keys by `kid`.
pub(crate) struct Keys {
    http: reqwest::Client,
    address: String,
    pub(crate) clock: Clock,
    /// Those that came last, and when.
    known: RwLock<Option<(Instant, HashMap<String, DecodingKey>)>>,
    /// When they were last asked for, and whether they came.
    tried: Mutex<Option<(Instant, bool)>>,
}

impl Keys {
    pub(crate) fn at(address: String, http: reqwest::Client) -> Self {
        let clock = Box::new(Instant::now);
        Self { http, address, clock, known: RwLock::new(None), tried: Mutex::new(None) }
    }

    /// The key of this `kid`. Keys that are known and fresh wait for nobody.
    pub(crate) async fn find(&self, id: &str) -> Result<DecodingKey, Refusal> {
        if let Some(key) = self.known(id) {
            return Ok(key);
        }
        let mut tried = self.tried.lock().await;
        // Whoever waited for the lock may find what another has fetched.
        if let Some(key) = self.known(id) {
            return Ok(key);
        }
        if tried.is_none_or(|(at, came)| self.age(at) >= if came { COOLDOWN } else { RETRY }) {
            let fetched = self.fetch().await;
            *tried = Some(((self.clock)(), fetched.is_some()));
            if let (Some(fetched), Ok(mut known)) = (fetched, self.known.write()) {
                *known = Some(((self.clock)(), fetched));
            }
        }
        let came = tried.is_some_and(|(_, came)| came);
        self.known(id).ok_or(if came { Refusal::Invalid } else { Refusal::Unavailable })
    }

    fn known(&self, id: &str) -> Option<DecodingKey> {
        let known = self.known.read().ok()?;
        let (at, keys) = known.as_ref()?;
        keys.get(id).filter(|_| self.age(*at) < MAX_AGE).cloned()
    }

    fn age(&self, at: Instant) -> Duration {
        (self.clock)().saturating_duration_since(at)
    }

    async fn fetch(&self) -> Option<HashMap<String, DecodingKey>> {
        let answer = self.http.get(&self.address).timeout(PATIENCE).send().await.ok()?;
        let set: JwkSet = answer.error_for_status().ok()?.json().await.ok()?;
        let key = |jwk: &Jwk| Some((jwk.common.key_id.clone()?, DecodingKey::from_jwk(jwk).ok()?));
        Some(set.keys.iter().filter_map(key).collect())
    }
}

/// A `kid` that is not known has the keys fetched again, but not before this has passed since they were: strangers can
/// make up as many as they like.
const COOLDOWN: Duration = Duration::from_secs(30);
/// The same after a fetch that failed.
const RETRY: Duration = Duration::from_secs(1);
/// Keys that were fetched so long ago are fetched again: one that Holdfast has dropped must not be believed for ever.
const MAX_AGE: Duration = Duration::from_secs(600);
/// How long Holdfast may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
