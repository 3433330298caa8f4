//! The databases in force, each exchanged when its file changes.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use arc_swap::ArcSwapOption;
use holdfast_core::risk::Location;
use parking_lot::Mutex;

use super::{Database, Kind, database::Stamp, locate};
use crate::config::RiskConfig;

/// The databases that the configuration names.
pub struct Geo {
    slots: [Slot; 3],
}

struct Slot {
    kind: Kind,
    path: Option<PathBuf>,
    database: ArcSwapOption<Database>,
    /// One look at the file at a time.
    seen: Mutex<Seen>,
}

/// What was seen of a file that is not in force.
#[derive(Clone, Copy, Default)]
struct Seen {
    /// As it was at the last look. It is read when it looks the same twice: somebody may be writing it.
    last: Option<Stamp>,
    /// As it was when it was refused; that is told once.
    refused: Option<Option<Stamp>>,
}

/// What became of a database.
pub enum Change {
    /// Another file is in force.
    Loaded(Arc<Database>),
    /// A file is not in order, and the one before is still in force.
    Refused(Kind, String),
}

impl Geo {
    /// Reads all databases that are named.
    ///
    /// # Errors
    /// A sentence for each that is not in order.
    pub fn open(config: &RiskConfig) -> Result<Self, Vec<String>> {
        let geo = Self { slots: slots(config) };
        let problems: Vec<_> = geo.slots.iter().filter_map(|slot| slot.open().err()).collect();
        if problems.is_empty() { Ok(geo) } else { Err(problems) }
    }

    /// The databases of another configuration. What is in force already stays so, even if its file is not in order now: that is told
    /// by the changes, and the places of a while ago are better than none.
    ///
    /// # Errors
    /// A sentence for each file that is named anew and not in order.
    pub(crate) fn followed_by(&self, config: &RiskConfig) -> Result<(Self, Vec<Change>), Vec<String>> {
        let next = Self { slots: slots(config) };
        let (mut problems, mut changes) = (Vec::new(), Vec::new());
        for (slot, former) in next.slots.iter().zip(&self.slots) {
            let kept =
                former.database.load_full().filter(|_| slot.path.is_some() && slot.path == former.path);
            match kept {
                Some(database) => {
                    slot.database.store(Some(database));
                    *slot.seen.lock() = *former.seen.lock();
                    changes.extend(slot.look(Patience::None));
                }
                None => match slot.open() {
                    Ok(loaded) => changes.extend(loaded.map(Change::Loaded)),
                    Err(problem) => problems.push(problem),
                },
            }
        }
        if problems.is_empty() { Ok((next, changes)) } else { Err(problems) }
    }

    /// Where an address is.
    pub fn place(&self, address: IpAddr) -> Location {
        let [anonymous, asn, city] = &self.slots;
        let loaded = [anonymous, asn, city].map(|slot| slot.database.load());
        locate(address, loaded.iter().filter_map(|database| database.as_deref()))
    }

    /// Looks whether files have changed, and takes those that have and are in order. To be called every few seconds, from
    /// where waiting for a disk disturbs nobody: a file is read when two looks found it the same.
    pub fn refresh(&self) -> Vec<Change> {
        self.slots.iter().filter_map(|slot| slot.look(Patience::UntilItRests)).collect()
    }

    /// The databases in force.
    pub(crate) fn loaded(&self) -> impl Iterator<Item = Arc<Database>> {
        self.slots.iter().filter_map(|slot| slot.database.load_full())
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Patience {
    None,
    UntilItRests,
}

impl Slot {
    fn open(&self) -> Result<Option<Arc<Database>>, String> {
        let Some(path) = &self.path else { return Ok(None) };
        let database = Arc::new(Database::load(self.kind, path)?);
        self.database.store(Some(Arc::clone(&database)));
        Ok(Some(database))
    }

    fn look(&self, patience: Patience) -> Option<Change> {
        let path = self.path.as_deref()?;
        let mut seen = self.seen.lock();
        let stamp = Stamp::of(path);
        let in_force = self.database.load().as_ref().map(|database| database.stamp);
        if stamp.is_some() && stamp == in_force {
            *seen = Seen::default();
            return None;
        }
        let rests = seen.last == stamp;
        seen.last = stamp;
        if patience == Patience::None {
            // Whoever asks for it now wants to hear of it again.
            seen.refused = None;
        } else if !rests || seen.refused == Some(stamp) {
            return None;
        }
        Some(self.take(path, stamp, &mut seen))
    }

    fn take(&self, path: &Path, stamp: Option<Stamp>, seen: &mut Seen) -> Change {
        match Database::load(self.kind, path) {
            Ok(database) => {
                let database = Arc::new(database);
                self.database.store(Some(Arc::clone(&database)));
                *seen = Seen::default();
                Change::Loaded(database)
            }
            Err(what) => {
                seen.refused = Some(stamp);
                Change::Refused(self.kind, what)
            }
        }
    }
}

fn slots(config: &RiskConfig) -> [Slot; 3] {
    Kind::ALL.map(|kind| {
        let path = match kind {
            Kind::Anonymous => &config.anonymous,
            Kind::Asn => &config.asn,
            Kind::City => &config.city,
        };
        Slot { kind, path: path.clone(), database: ArcSwapOption::empty(), seen: Mutex::default() }
    })
}
