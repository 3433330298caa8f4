//! The table of postures.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use holdfast_core::{UnixTime, jose::Thumbprint, session::DeviceId};
use holdfast_store::{Backend, Keeping, NoteKind, Store, Unavailable};
use parking_lot::RwLock;

use super::Note;

/// What everybody told of every device.
#[derive(Default)]
pub(crate) struct Devices {
    table: RwLock<Table>,
    /// How many entries there are, so that a server that knows of no device takes no lock.
    count: AtomicUsize,
    /// Whoever changes something holds this, so that memory and store see the changes in the same order.
    changing: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Table {
    devices: HashMap<DeviceId, Vec<Entry>>,
    of_tellers: HashMap<Teller, usize>,
}

struct Entry {
    teller: Teller,
    told: Told,
}

/// Who told it. Each speaks for itself: what one says never overwrites what another said.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Teller {
    /// An app, about devices of its users.
    App(Arc<str>),
    /// The operators, for every app.
    Operators,
    /// A receiver of shared signals, by its name.
    Receiver(Arc<str>),
}

/// What was told of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// Whether the device is as whoever manages it wants it.
    pub(crate) compliant: bool,
    /// How healthy it is, 0 to 100, 100 being the best.
    pub(crate) score: Option<u8>,
    /// What measured it, such as the name of a product.
    pub(crate) source: Option<Arc<str>>,
    /// From when on it is no longer believed.
    pub(crate) expires_at: Option<UnixTime>,
    /// When it was told.
    pub(crate) told_at: UnixTime,
    /// The apps for which a receiver speaks; every app if there are none. Apps and operators leave this empty.
    pub(crate) apps: Vec<Arc<str>>,
}

/// The posture of a device, as far as one app is concerned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Posture {
    pub(crate) verdict: Verdict,
    /// How healthy the device is, 0 to 100: the lowest that somebody told who has the last word.
    pub(crate) score: Option<u8>,
    /// What measured it.
    pub(crate) source: Option<Arc<str>>,
}

/// Whether a device is in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// Nobody told anything that is still good: the device is unmanaged.
    #[default]
    Unknown,
    /// Everybody who told something finds it in order.
    Compliant,
    /// Somebody does not. The strictest of several has the last word.
    NonCompliant,
}

impl Verdict {
    /// The word in the trail and in policies.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Compliant => "compliant",
            Self::NonCompliant => "noncompliant",
        }
    }
}

/// One teller has told of as many devices as are remembered of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl Devices {
    /// What the store remembers. Notes that cannot be read are left out, and counted: what is unknown is unmanaged.
    ///
    /// # Errors
    /// [`Unavailable`]: it is not known what it remembers.
    pub(crate) async fn load(store: &Store, now: UnixTime) -> Result<(Self, usize), Unavailable> {
        let devices = Self::default();
        let unreadable = devices.take_in(store, now).await?;
        Ok((devices, unreadable))
    }

    /// Takes in what the store remembers beyond this, such as what a backup has brought. Gives how many notes could not be
    /// read.
    ///
    /// # Errors
    /// [`Unavailable`]: it is not known what it remembers.
    pub(crate) async fn take_in(&self, store: &Store, now: UnixTime) -> Result<usize, Unavailable> {
        let (_turn, mut unreadable) = (self.changing.lock().await, 0);
        for (key, value) in store.notes(NoteKind::Device).await? {
            if !Note::is_of_posture(&key) {
                continue;
            }
            match Note::read(&key, &value) {
                Some((id, teller, _)) if self.told(&id, &teller, now).is_some() => {}
                Some((id, teller, told)) if !told.is_over(now) => {
                    // The bound was kept when it was told. If a backup brings more, what fits is known.
                    let _kept = self.insert(&id, &teller, told);
                }
                Some(_expired) => {
                    store.keep_note(NoteKind::Device, &key, None, Keeping::Lazy).await?;
                }
                None => unreadable += 1,
            }
        }
        Ok(unreadable)
    }

    /// Whether nobody has told anything of any device.
    pub(crate) fn is_empty(&self) -> bool {
        self.count.load(Ordering::Relaxed) == 0
    }

    /// The posture of the device of a session of `app`, at `now`. A device is known by the id that the app passed at login,
    /// or by the thumbprint of the session's key; what is told under either name counts, and the strictest wins.
    ///
    /// Answers from memory, without waiting.
    pub(crate) fn posture(
        &self,
        app: &str,
        device: Option<&DeviceId>,
        key: Option<&Thumbprint>,
        now: UnixTime,
    ) -> Posture {
        if self.count.load(Ordering::Relaxed) == 0 || (device.is_none() && key.is_none()) {
            return Posture::default();
        }
        let key = key.map(Thumbprint::to_string);
        let table = self.table.read();
        let names = [device.map(DeviceId::as_str), key.as_deref()];
        let entries = names.into_iter().flatten().filter_map(|name| table.devices.get(name)).flatten();
        entries
            .filter(|entry| entry.concerns(app) && !entry.told.is_over(now))
            .fold(Posture::default(), |posture, entry| posture.and(&entry.told))
    }

    /// What this teller told of a device, if it is still good.
    pub(crate) fn told(&self, device: &DeviceId, teller: &Teller, now: UnixTime) -> Option<Told> {
        let table = self.table.read();
        let entry = table.devices.get(device)?.iter().find(|entry| entry.teller == *teller)?;
        (!entry.told.is_over(now)).then(|| entry.told.clone())
    }

    /// Takes what is told of a device, durably. Gives what the same teller told before, if it was still good.
    ///
    /// # Errors
    /// [`Full`] if the teller has told of too many devices; outside, the store's trouble. Checks may know of it already.
    pub(crate) async fn tell(
        &self,
        store: &Store,
        device: &DeviceId,
        teller: &Teller,
        told: Told,
        now: UnixTime,
    ) -> Result<Result<Option<Told>, Full>, Unavailable> {
        let _turn = self.changing.lock().await;
        let before = self.told(device, teller, now);
        let note = Note::write(&told);
        if self.insert(device, teller, told).is_err() {
            return Ok(Err(Full));
        }
        store.keep_note(NoteKind::Device, &Note::key(device, teller), Some(note), Keeping::Durable).await?;
        Ok(Ok(before))
    }

    /// Forgets what this teller told of a device, durably. Gives it, if it was still good.
    ///
    /// # Errors
    /// The store's trouble; a restart may bring it back.
    pub(crate) async fn forget(
        &self,
        store: &Store,
        device: &DeviceId,
        teller: &Teller,
        now: UnixTime,
    ) -> Result<Option<Told>, Unavailable> {
        let _turn = self.changing.lock().await;
        let before = self.told(device, teller, now);
        self.remove(device, teller);
        store.keep_note(NoteKind::Device, &Note::key(device, teller), None, Keeping::Durable).await?;
        Ok(before)
    }

    /// Forgets what has expired, in memory and in the store. To be called now and then; it looks at every device.
    ///
    /// # Errors
    /// The store's trouble; what is left comes round again after a restart.
    pub(crate) async fn tidy(&self, store: &Store, now: UnixTime) -> Result<(), Unavailable> {
        if self.count.load(Ordering::Relaxed) == 0 {
            return Ok(());
        }
        let _turn = self.changing.lock().await;
        for (device, teller) in self.expired(now) {
            self.remove(&device, &teller);
            store.keep_note(NoteKind::Device, &Note::key(&device, &teller), None, Keeping::Lazy).await?;
        }
        Ok(())
    }

    fn expired(&self, now: UnixTime) -> Vec<(DeviceId, Teller)> {
        let table = self.table.read();
        let entries =
            table.devices.iter().flat_map(|(id, entries)| entries.iter().map(move |entry| (id, entry)));
        entries
            .filter(|(_, entry)| entry.told.is_over(now))
            .map(|(id, entry)| (id.clone(), entry.teller.clone()))
            .collect()
    }

    fn insert(&self, device: &DeviceId, teller: &Teller, told: Told) -> Result<(), Full> {
        let mut guard = self.table.write();
        let Table { devices, of_tellers } = &mut *guard;
        let known =
            devices.get_mut(device).and_then(|all| all.iter_mut().find(|entry| entry.teller == *teller));
        if let Some(known) = known {
            known.told = told;
            return Ok(());
        }
        let count = of_tellers.entry(teller.clone()).or_default();
        if *count >= MOST_OF_A_TELLER {
            return Err(Full);
        }
        *count += 1;
        devices.entry(device.clone()).or_default().push(Entry { teller: teller.clone(), told });
        self.count.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn remove(&self, device: &DeviceId, teller: &Teller) {
        let mut guard = self.table.write();
        let Table { devices, of_tellers } = &mut *guard;
        let Some(entries) = devices.get_mut(device) else { return };
        let before = entries.len();
        entries.retain(|entry| entry.teller != *teller);
        if entries.len() < before {
            self.count.fetch_sub(1, Ordering::Relaxed);
            if let Some(count) = of_tellers.get_mut(teller) {
                *count = count.saturating_sub(1);
            }
        }
        if entries.is_empty() {
            devices.remove(device);
        }
    }
}

impl Entry {
    /// Whether the teller has a say about sessions of this app.
    fn concerns(&self, app: &str) -> bool {
        match &self.teller {
            Teller::App(own) => **own == *app,
            Teller::Operators => true,
            Teller::Receiver(_) => {
                self.told.apps.is_empty() || self.told.apps.iter().any(|name| **name == *app)
            }
        }
    }
}

impl Told {
    fn is_over(&self, now: UnixTime) -> bool {
        self.expires_at.is_some_and(|expires_at| now >= expires_at)
    }

    pub(crate) const fn verdict(&self) -> Verdict {
        if self.compliant { Verdict::Compliant } else { Verdict::NonCompliant }
    }
}

impl Posture {
    /// The stricter of what is known and what somebody told.
    fn and(self, told: &Told) -> Self {
        let verdict = told.verdict();
        let stricter = match verdict.cmp(&self.verdict) {
            std::cmp::Ordering::Greater => true,
            std::cmp::Ordering::Less => false,
            std::cmp::Ordering::Equal => match (told.score, self.score) {
                (Some(told), Some(known)) => told < known,
                (Some(_), None) => true,
                (None, _) => false,
            },
        };
        if stricter { Self { verdict, score: told.score, source: told.source.clone() } } else { self }
    }
}

/// A company with a hundred thousand devices is a large one; each takes some 300 bytes.
const MOST_OF_A_TELLER: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

    fn id(text: &str) -> DeviceId {
        text.parse().unwrap()
    }

    fn app(name: &str) -> Teller {
        Teller::App(name.into())
    }

    fn told(compliant: bool, score: Option<u8>) -> Told {
        Told {
            compliant,
            score,
            source: Some("edr".into()),
            expires_at: None,
            told_at: NOW,
            apps: Vec::new(),
        }
    }

    fn verdict(devices: &Devices, app: &str, device: &str) -> Verdict {
        devices.posture(app, Some(&id(device)), None, NOW).verdict
    }

    async fn tell(devices: &Devices, store: &Store, device: &str, teller: &Teller, told: Told) {
        devices.tell(store, &id(device), teller, told, NOW).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn what_nobody_told_is_unknown() {
        let (devices, store) = (Devices::default(), Store::memory());
        assert_eq!(devices.posture("shop", None, None, NOW), Posture::default());
        tell(&devices, &store, "a", &app("shop"), told(true, Some(90))).await;
        assert_eq!(verdict(&devices, "shop", "b"), Verdict::Unknown);
        assert_eq!(
            verdict(&devices, "other", "a"),
            Verdict::Unknown,
            "another app's word counts for its own sessions"
        );
        assert_eq!(devices.posture("shop", None, None, NOW).verdict, Verdict::Unknown);
        let posture = devices.posture("shop", Some(&id("a")), None, NOW);
        assert_eq!(
            (posture.verdict, posture.score, posture.source.as_deref()),
            (Verdict::Compliant, Some(90), Some("edr"))
        );
    }

    #[tokio::test]
    async fn the_strictest_has_the_last_word() {
        let (devices, store) = (Devices::default(), Store::memory());
        tell(&devices, &store, "a", &app("shop"), told(true, Some(90))).await;
        tell(&devices, &store, "a", &Teller::Operators, told(false, Some(95))).await;
        let posture = devices.posture("shop", Some(&id("a")), None, NOW);
        assert_eq!((posture.verdict, posture.score), (Verdict::NonCompliant, Some(95)));
        assert_eq!(verdict(&devices, "other", "a"), Verdict::NonCompliant, "operators speak for every app");
        tell(&devices, &store, "a", &Teller::Operators, told(true, Some(40))).await;
        assert_eq!(
            devices.posture("shop", Some(&id("a")), None, NOW).score,
            Some(40),
            "the lower score of two"
        );
        let edr = Teller::Receiver("edr".into());
        tell(&devices, &store, "a", &edr, Told { apps: vec!["other".into()], ..told(false, None) }).await;
        assert_eq!(verdict(&devices, "shop", "a"), Verdict::Compliant);
        assert_eq!(verdict(&devices, "other", "a"), Verdict::NonCompliant);
    }

    #[tokio::test]
    async fn a_key_names_a_device_too() {
        let (devices, store) = (Devices::default(), Store::memory());
        let key = Thumbprint::from_bytes([7; 32]);
        tell(&devices, &store, &key.to_string(), &app("shop"), told(false, None)).await;
        assert_eq!(devices.posture("shop", None, Some(&key), NOW).verdict, Verdict::NonCompliant);
        tell(&devices, &store, "a", &app("shop"), told(true, None)).await;
        assert_eq!(devices.posture("shop", Some(&id("a")), Some(&key), NOW).verdict, Verdict::NonCompliant);
        let other = Thumbprint::from_bytes([8; 32]);
        assert_eq!(devices.posture("shop", Some(&id("a")), Some(&other), NOW).verdict, Verdict::Compliant);
    }

    #[tokio::test]
    async fn what_a_backup_brings_takes_nothing_back() {
        let (devices, here, before) = (Devices::default(), Store::memory(), Devices::default());
        for device in ["a", "b"] {
            tell(&before, &here, device, &app("shop"), told(true, None)).await;
        }
        tell(&devices, &Store::memory(), "a", &app("shop"), told(false, None)).await;
        for _ in 0..2 {
            assert_eq!(devices.take_in(&here, NOW).await.unwrap(), 0);
            assert_eq!(verdict(&devices, "shop", "a"), Verdict::NonCompliant);
            assert_eq!(verdict(&devices, "shop", "b"), Verdict::Compliant);
            assert_eq!(devices.count.load(Ordering::Relaxed), 2);
        }
    }

    #[tokio::test]
    async fn what_has_expired_is_unknown_and_goes() {
        let (devices, store) = (Devices::default(), Store::memory());
        let until = Told { expires_at: Some(UnixTime::from_secs(1_800_000_060)), ..told(true, None) };
        tell(&devices, &store, "a", &app("shop"), until).await;
        let [before, at] = [1_800_000_059, 1_800_000_060].map(UnixTime::from_secs);
        assert_eq!(devices.posture("shop", Some(&id("a")), None, before).verdict, Verdict::Compliant);
        assert_eq!(devices.posture("shop", Some(&id("a")), None, at).verdict, Verdict::Unknown);
        assert_eq!(devices.told(&id("a"), &app("shop"), at), None);
        devices.tidy(&store, before).await.unwrap();
        assert_eq!(store.notes(NoteKind::Device).await.unwrap().len(), 1);
        devices.tidy(&store, at).await.unwrap();
        assert_eq!(store.notes(NoteKind::Device).await.unwrap().len(), 0);
        assert_eq!(devices.count.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn comes_back_from_the_store() {
        let (devices, store) = (Devices::default(), Store::memory());
        tell(&devices, &store, "a", &app("shop"), told(false, Some(3))).await;
        tell(&devices, &store, "a", &Teller::Operators, told(true, None)).await;
        let until = Told { expires_at: Some(NOW), ..told(true, None) };
        devices.tell(&store, &id("b"), &app("shop"), until, UnixTime::EPOCH).await.unwrap().unwrap();
        store
            .keep_note(NoteKind::Device, b"posture\0garbage", Some(b"{".to_vec()), Keeping::Lazy)
            .await
            .unwrap();
        store
            .keep_note(NoteKind::Device, b"of somebody else", Some(b"{".to_vec()), Keeping::Lazy)
            .await
            .unwrap();
        let (again, unreadable) = Devices::load(&store, NOW).await.unwrap();
        assert_eq!(unreadable, 1);
        assert_eq!(again.told(&id("a"), &app("shop"), NOW), Some(told(false, Some(3))));
        assert_eq!(again.told(&id("a"), &Teller::Operators, NOW), Some(told(true, None)));
        assert_eq!(again.count.load(Ordering::Relaxed), 2);
        assert_eq!(
            again.forget(&store, &id("a"), &app("shop"), NOW).await.unwrap(),
            Some(told(false, Some(3)))
        );
        assert_eq!(again.forget(&store, &id("a"), &app("shop"), NOW).await.unwrap(), None);
        assert_eq!(verdict(&again, "shop", "a"), Verdict::Compliant);
    }

    #[tokio::test]
    async fn one_teller_cannot_fill_the_table_for_others() {
        let (devices, store) = (Devices::default(), Store::memory());
        for number in 0..MOST_OF_A_TELLER {
            devices.insert(&id(&number.to_string()), &app("shop"), told(true, None)).unwrap();
        }
        let one_more = devices.tell(&store, &id("more"), &app("shop"), told(true, None), NOW).await.unwrap();
        assert_eq!(one_more, Err(Full));
        assert!(devices.tell(&store, &id("7"), &app("shop"), told(false, None), NOW).await.unwrap().is_ok());
        assert!(
            devices.tell(&store, &id("more"), &app("other"), told(true, None), NOW).await.unwrap().is_ok()
        );
        devices.forget(&store, &id("7"), &app("shop"), NOW).await.unwrap();
        assert!(
            devices.tell(&store, &id("more"), &app("shop"), told(true, None), NOW).await.unwrap().is_ok()
        );
    }
}
