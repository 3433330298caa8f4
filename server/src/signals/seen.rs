//! The tokens that have had their effect. Unlike proofs, they live for days, and a restart must not forget them.

use std::collections::HashMap;

use holdfast_core::UnixTime;
use holdfast_store::{Backend, Keeping, NoteKind, Store, Unavailable};
use parking_lot::RwLock;
use sha2::{Digest, Sha256};

/// Which tokens were taken.
#[derive(Default)]
pub(crate) struct Seen(RwLock<HashMap<SeenKey, UnixTime>>);

/// A token's name, shortened: 128 bits of the hash of issuer and `jti`.
pub(crate) type SeenKey = [u8; 16];

impl Seen {
    /// The key of a token. Issuers hold no zero byte.
    pub(crate) fn key(issuer: &str, jti: &str) -> SeenKey {
        let hash: [u8; 32] = Sha256::digest(format!("{issuer}\0{jti}").as_bytes()).into();
        hash.first_chunk().copied().unwrap_or_default()
    }

    /// What the store remembers.
    ///
    /// # Errors
    /// [`Unavailable`]: it is not known what it remembers.
    pub(crate) async fn load(store: &Store) -> Result<Self, Unavailable> {
        let seen = Self::default();
        for (key, value) in store.notes(NoteKind::Signals).await? {
            let Some(Ok(key)) = key.strip_prefix(PREFIX).map(SeenKey::try_from) else { continue };
            // One that cannot be read is kept for good: to forget it might let a token have its effect twice.
            let until = value.as_ref().try_into().map_or(u64::MAX, u64::from_be_bytes);
            seen.0.write().insert(key, UnixTime::from_millis(until));
        }
        Ok(seen)
    }

    /// Whether a token was taken.
    pub(crate) fn knows(&self, key: &SeenKey) -> bool {
        self.0.read().contains_key(key)
    }

    /// Remembers a token until its issuer's events of that time are too old to be taken. Durable when it returns.
    ///
    /// # Errors
    /// [`Unavailable`]: a restart may forget it. Also if there is no room for more.
    pub(crate) async fn remember(
        &self,
        store: &Store,
        key: SeenKey,
        until: UnixTime,
    ) -> Result<(), Unavailable> {
        if self.0.read().len() >= MOST {
            return Err(Unavailable::new(FULL));
        }
        let value = until.as_millis().to_be_bytes().to_vec();
        store.keep_note(NoteKind::Signals, &note_key(&key), Some(value), Keeping::Durable).await?;
        self.0.write().insert(key, until);
        Ok(())
    }

    /// Forgets those that are too old to be taken again.
    ///
    /// # Errors
    /// The store's trouble; what is left comes round again.
    pub(crate) async fn tidy(&self, store: &Store, now: UnixTime) -> Result<(), Unavailable> {
        let over: Vec<SeenKey> =
            self.0.read().iter().filter(|(_, until)| now >= **until).map(|(key, _)| *key).collect();
        for key in over {
            self.0.write().remove(&key);
            store.keep_note(NoteKind::Signals, &note_key(&key), None, Keeping::Lazy).await?;
        }
        Ok(())
    }
}

fn note_key(key: &SeenKey) -> Vec<u8> {
    [PREFIX, key].concat()
}

const PREFIX: &[u8] = b"jti\0";

/// An event that changes something each second for ten days, and 100 MB.
const MOST: usize = 1_000_000;

const FULL: &str = "a million tokens of shared signals are remembered, and no more fit; shorten signals.receivers.max_age, or \
                    ask the transmitter why it sends so many";

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn is_remembered_through_a_restart_and_forgotten_in_time() {
        let (seen, store) = (Seen::default(), Store::memory());
        let [one, two] = ["1", "2"].map(|jti| Seen::key("https://id.example", jti));
        assert_ne!(one, two);
        assert_ne!(one, Seen::key("https://other.example", "1"));
        let [soon, late] = [10, 20].map(UnixTime::from_secs);
        seen.remember(&store, one, soon).await.unwrap();
        seen.remember(&store, two, late).await.unwrap();
        let again = Seen::load(&store).await.unwrap();
        assert!(again.knows(&one) && again.knows(&two));
        again.tidy(&store, UnixTime::from_secs(9)).await.unwrap();
        assert!(again.knows(&one));
        again.tidy(&store, soon).await.unwrap();
        assert!(!again.knows(&one) && again.knows(&two));
        assert_eq!(store.notes(NoteKind::Signals).await.unwrap().len(), 1);
    }
}
