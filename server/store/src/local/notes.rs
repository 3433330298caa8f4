//! Notes: what must outlive a restart and is no session.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use parking_lot::RwLock;

use crate::{Note, NoteKind};

/// A note's whole name: its kind and its key.
pub(crate) type NoteName = (NoteKind, Box<[u8]>);

/// Every note of this process.
#[derive(Default)]
pub(crate) struct Notes(RwLock<HashMap<NoteName, Arc<[u8]>>>);

impl Notes {
    pub(crate) fn get(&self, kind: NoteKind, key: &[u8]) -> Option<Arc<[u8]>> {
        self.0.read().get(&(kind, key.into())).cloned()
    }

    pub(crate) fn of_kind(&self, kind: NoteKind) -> Vec<Note> {
        let notes = self.0.read();
        let of_kind = notes.iter().filter(|((of, _), _)| *of == kind);
        of_kind.map(|((_, key), value)| (key.clone(), Arc::clone(value))).collect()
    }

    pub(crate) fn set(&self, kind: NoteKind, key: &[u8], value: Option<Vec<u8>>) {
        let name = (kind, key.into());
        let mut notes = self.0.write();
        match value {
            Some(value) => notes.insert(name, value.into()),
            None => notes.remove(&name),
        };
    }

    /// Sets a note that is not there. False, and nothing happens, if it is.
    pub(crate) fn add(&self, kind: NoteKind, key: &[u8], value: Vec<u8>) -> bool {
        match self.0.write().entry((kind, key.into())) {
            Entry::Occupied(_) => false,
            Entry::Vacant(place) => {
                place.insert(value.into());
                true
            }
        }
    }
}
