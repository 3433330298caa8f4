//! The seal of a backup: by it a server knows a file again that it wrote itself.
//!
//! A session in a backup is as good as one in the store. Whoever could make one up could put a key of their own into it,
//! refresh with it, and be whom they like. So what is merged carries a MAC of the server that made it.

use crate::{Keyring, seal};

/// Seals the SHA-256 of a backup.
pub fn seal_backup(keyring: &Keyring, digest: [u8; 32]) -> String {
    seal::seal(keyring, |keys| &keys.backup, &[&digest])
}

/// A backup that a server with one of our root keys has made.
#[derive(Debug)]
pub struct AuthenticBackup(());

impl AuthenticBackup {
    /// Opens the seal of a backup whose SHA-256 is `digest`. `None` if it is not ours, or another backup's.
    pub fn open(keyring: &Keyring, text: &str, digest: [u8; 32]) -> Option<Self> {
        let (sealed, _keys) = seal::open::<32>(keyring, |keys| &keys.backup, text)?;
        // The digest is no secret: whoever has the file can compute it.
        (sealed == digest).then_some(Self(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RootKey;

    #[test]
    fn a_seal_is_good_for_one_backup_of_one_server() {
        let ring = |byte| Keyring::new(&RootKey::from_bytes([byte; 32]), &[]);
        let seal = seal_backup(&ring(1), [7; 32]);
        assert!(AuthenticBackup::open(&ring(1), &seal, [7; 32]).is_some());
        assert!(AuthenticBackup::open(&ring(1), &seal, [8; 32]).is_none(), "another backup");
        assert!(AuthenticBackup::open(&ring(2), &seal, [7; 32]).is_none(), "another server");
        assert!(AuthenticBackup::open(&ring(1), "", [7; 32]).is_none());
        let rotated = Keyring::new(&RootKey::from_bytes([2; 32]), &[RootKey::from_bytes([1; 32])]);
        assert!(AuthenticBackup::open(&rotated, &seal, [7; 32]).is_some(), "a former root key");
    }
}
