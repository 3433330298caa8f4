//! The tokens that have had their effect. Unlike proofs, they live for days, and a restart must not forget them.

use std::{collections::HashMap, sync::Arc};

use holdfast_core::UnixTime;
use holdfast_store::{Backend, Keeping, NoteKind, Store, Unavailable};
use parking_lot::RwLock;
use sha2::{Digest, Sha256};

use crate::shares::Shares;

/// Which tokens were taken.
#[derive(Default)]
pub(crate) struct Seen(RwLock<Table>);

#[derive(Default)]
struct Table {
    tokens: HashMap<SeenKey, Token>,
    of_receivers: Shares<Arc<str>>,
}

struct Token {
    until: UnixTime,
    /// The name of the receiver that took it.
    by: Arc<str>,
}

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
        seen.take_in(store).await?;
        Ok(seen)
    }

    /// Takes in what the store remembers beyond this, such as what a backup has brought.
    ///
    /// # Errors
    /// [`Unavailable`]: it is not known what it remembers.
    pub(crate) async fn take_in(&self, store: &Store) -> Result<(), Unavailable> {
        let notes = store.notes(NoteKind::Signals).await?;
        let mut table = self.0.write();
        for (key, value) in notes {
            let Some(Ok(key)) = key.strip_prefix(PREFIX).map(SeenKey::try_from) else { continue };
            // One that cannot be read is kept for good: to forget it might let a token have its effect twice.
            let read = value
                .split_first_chunk()
                .and_then(|(until, by)| Some((until, std::str::from_utf8(by).ok()?)));
            let (until, by) = read.map_or((u64::MAX, ""), |(until, by)| (u64::from_be_bytes(*until), by));
            if !table.tokens.contains_key(&key) {
                table.insert(key, UnixTime::from_millis(until), by);
            }
        }
        Ok(())
    }

    /// Whether a token was taken.
    pub(crate) fn knows(&self, key: &SeenKey) -> bool {
        self.0.read().tokens.contains_key(key)
    }

    /// Remembers a token until its issuer's events of that time are too old to be taken. Durable when it returns.
    ///
    /// # Errors
    /// [`Unavailable`]: a restart may forget it. Also if there is no room for more of this receiver.
    pub(crate) async fn remember(
        &self,
        store: &Store,
        key: SeenKey,
        receiver: &str,
        until: UnixTime,
    ) -> Result<(), Unavailable> {
        if self.0.read().of_receivers.of(receiver) >= MOST {
            return Err(Unavailable::new(FULL));
        }
        let value = [&until.as_millis().to_be_bytes(), receiver.as_bytes()].concat();
        store.keep_note(NoteKind::Signals, &note_key(&key), Some(value), Keeping::Durable).await?;
        self.0.write().insert(key, until, receiver);
        Ok(())
    }

    /// Forgets those that are too old to be taken again.
    ///
    /// # Errors
    /// The store's trouble; what is left comes round again.
    pub(crate) async fn tidy(&self, store: &Store, now: UnixTime) -> Result<(), Unavailable> {
        let is_over = |(key, token): (&SeenKey, &Token)| (now >= token.until).then_some(*key);
        let over: Vec<SeenKey> = self.0.read().tokens.iter().filter_map(is_over).collect();
        for key in over {
            self.0.write().remove(&key);
            store.keep_note(NoteKind::Signals, &note_key(&key), None, Keeping::Lazy).await?;
        }
        Ok(())
    }
}

impl Table {
    fn insert(&mut self, key: SeenKey, until: UnixTime, receiver: &str) {
        let by = self.of_receivers.holder(receiver).map_or_else(|| receiver.into(), Arc::clone);
        self.of_receivers.add(Arc::clone(&by));
        if let Some(former) = self.tokens.insert(key, Token { until, by }) {
            self.of_receivers.take(&former.by);
        }
    }

    fn remove(&mut self, key: &SeenKey) {
        if let Some(token) = self.tokens.remove(key) {
            self.of_receivers.take(&token.by);
        }
    }
}

fn note_key(key: &SeenKey) -> Vec<u8> {
    [PREFIX, key].concat()
}

const PREFIX: &[u8] = b"jti\0";

/// Of one receiver: an event that changes something each second for almost six days, and 60 MB.
const MOST: usize = 500_000;

const FULL: &str = "half a million tokens of one receiver of shared signals are remembered, and no more fit; shorten signals.receivers.max_age, or \
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
        seen.remember(&store, one, "idp", soon).await.unwrap();
        seen.remember(&store, two, "other", late).await.unwrap();
        let again = Seen::load(&store).await.unwrap();
        assert!(again.knows(&one) && again.knows(&two));
        assert_eq!(["idp", "other", ""].map(|name| again.0.read().of_receivers.of(name)), [1, 1, 0]);
        again.take_in(&store).await.unwrap();
        assert_eq!(again.0.read().of_receivers.of("idp"), 1, "what is known is not counted twice");
        again.tidy(&store, UnixTime::from_secs(9)).await.unwrap();
        assert!(again.knows(&one));
        again.tidy(&store, soon).await.unwrap();
        assert!(!again.knows(&one) && again.knows(&two));
        assert_eq!(["idp", "other"].map(|name| again.0.read().of_receivers.of(name)), [0, 1]);
        assert_eq!(store.notes(NoteKind::Signals).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn each_receiver_has_a_share_and_a_full_one_takes_none_of_another() {
        let (seen, store) = (Seen::default(), Store::memory());
        let [soon, late] = [10, 20].map(UnixTime::from_secs);
        for number in 0..u64::try_from(MOST).unwrap() {
            let mut key = SeenKey::default();
            key[..8].copy_from_slice(&number.to_be_bytes());
            seen.0.write().insert(key, soon, "idp");
        }
        let key = Seen::key("https://id.example", "1");
        assert!(seen.remember(&store, key, "idp", late).await.is_err());
        assert!(!seen.knows(&key));
        seen.remember(&store, key, "other", late).await.unwrap();
        // The same token again counts once.
        seen.remember(&store, key, "other", late).await.unwrap();
        assert_eq!(["idp", "other"].map(|name| seen.0.read().of_receivers.of(name)), [MOST, 1]);
        seen.0.write().remove(&SeenKey::default());
        seen.remember(&store, Seen::key("https://id.example", "2"), "idp", late).await.unwrap();
    }
}
