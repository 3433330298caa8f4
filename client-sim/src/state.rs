//! What survives between two runs: cookies, bound sessions, tokens, keys. The file is as secret as a browser profile.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::jar::Jar;
use crate::key::SavedKey;
use crate::oauth::SavedClient;

/// A browser profile, and an OAuth client beside it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Memory {
    /// The cookies.
    pub cookies: Jar,
    /// The bound sessions.
    pub sessions: Vec<SavedSession>,
    /// An OAuth client with its tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<SavedClient>,
}

/// A bound session with its key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SavedSession {
    /// The session instructions as received.
    pub instructions: String,
    /// The URL that answered with them.
    pub from: String,
    /// The key.
    pub key: SavedKey,
}

impl SavedSession {
    /// The session's id, as far as the instructions can be read.
    pub fn id(&self) -> String {
        let json: serde_json::Value = serde_json::from_str(&self.instructions).unwrap_or_default();
        json.get("session_identifier").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
    }
}

impl Memory {
    /// Reads a profile; an absent file is an empty profile.
    pub fn load(path: &Path) -> Result<Self, Failure> {
        let text = match std::fs::read_to_string(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            read => read.map_err(|error| Failure::file(path, error))?,
        };
        serde_json::from_str(&text).map_err(|error| Failure::file(path, error))
    }

    /// Writes the profile for its owner's eyes alone, all or nothing.
    pub fn save(&self, path: &Path) -> Result<(), Failure> {
        let json = serde_json::to_vec_pretty(self).map_err(|error| Failure::file(path, error))?;
        let mut name = path.as_os_str().to_owned();
        name.push(".new");
        let fresh = Path::new(&name);
        // A leftover of an interrupted run could have another mode.
        drop(std::fs::remove_file(fresh));
        let written = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(fresh)
            .and_then(|mut file| file.write_all(&json).and_then(|()| file.sync_all()))
            .and_then(|()| std::fs::rename(fresh, path));
        written.map_err(|error| Failure::file(path, error))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_profile_is_for_its_owner_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state.json");
        assert!(Memory::load(&path).unwrap().sessions.is_empty());
        Memory::default().save(&path).unwrap();
        Memory::default().save(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(Memory::load(&path).unwrap().sessions.is_empty());
    }
}
