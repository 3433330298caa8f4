//! A posture as a note in the store.
//!
//! The key is `posture`, who told it and the device, with zero bytes between; the value is JSON, whose members may grow.

use std::sync::Arc;

use holdfast_core::{UnixTime, session::DeviceId};
use serde::{Deserialize, Serialize};

use super::{Teller, Told};

/// The written form.
pub(crate) struct Note;

#[derive(Serialize, Deserialize)]
struct Written {
    compliant: bool,
    score: Option<u8>,
    source: Option<Arc<str>>,
    /// Milliseconds since 1970, as all times here.
    expires_at: Option<u64>,
    told_at: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    apps: Vec<Arc<str>>,
}

impl Note {
    /// Whether a note of the same kind is one of these.
    pub(crate) fn is_of_posture(key: &[u8]) -> bool {
        key.starts_with(PREFIX)
    }

    /// The key of what one teller says of a device. Names of apps and receivers, and ids of devices, hold no zero byte.
    pub(crate) fn key(device: &DeviceId, teller: &Teller) -> Vec<u8> {
        let (kind, name) = match teller {
            Teller::App(name) => ("app", &**name),
            Teller::Operators => ("operators", ""),
            Teller::Receiver(name) => ("receiver", &**name),
        };
        let parts = [kind, "\0", name, "\0", device.as_str()];
        [PREFIX, parts.concat().as_bytes()].concat()
    }

    /// The value.
    pub(crate) fn write(told: &Told) -> Vec<u8> {
        let written = Written {
            compliant: told.compliant,
            score: told.score,
            source: told.source.clone(),
            expires_at: told.expires_at.map(UnixTime::as_millis),
            told_at: told.told_at.as_millis(),
            apps: told.apps.clone(),
        };
        serde_json::to_vec(&written).unwrap_or_default()
    }

    /// Reads both back. `None` if they are not what [`Note::key`] and [`Note::write`] give.
    pub(crate) fn read(key: &[u8], value: &[u8]) -> Option<(DeviceId, Teller, Told)> {
        let key = std::str::from_utf8(key.strip_prefix(PREFIX)?).ok()?;
        let (kind, rest) = key.split_once('\0')?;
        let (name, device) = rest.split_once('\0')?;
        let teller = match (kind, name) {
            ("app", name) => Teller::App(name.into()),
            ("operators", "") => Teller::Operators,
            ("receiver", name) => Teller::Receiver(name.into()),
            _ => return None,
        };
        let written: Written = serde_json::from_slice(value).ok()?;
        let told = Told {
            compliant: written.compliant,
            score: written.score,
            source: written.source,
            expires_at: written.expires_at.map(UnixTime::from_millis),
            told_at: UnixTime::from_millis(written.told_at),
            apps: written.apps,
        };
        Some((device.parse().ok()?, teller, told))
    }
}

const PREFIX: &[u8] = b"posture\0";
