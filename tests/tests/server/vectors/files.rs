//! Where the vector files are, and what every test of them puts into a server's folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use holdfast_core::UnixTime;
use holdfast_core::jose::{Algorithm, Object, PublicKey};
use holdfast_core::session::Session;
use holdfast_store::{Backend as _, Creation, Store};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// When the session of every vector began.
pub(crate) const BEGAN: u64 = 1_800_000_000;

/// The vectors of a file.
pub(crate) fn read_file<V: DeserializeOwned>(file: &Path) -> Result<Vec<V>> {
    let mut document: Value = serde_json::from_str(&std::fs::read_to_string(file)?)?;
    let vectors = document.get_mut("vectors").map(Value::take).unwrap_or_default();
    serde_json::from_value(vectors).with_context(|| file.display().to_string())
}

/// The root keys that seal the vectors' challenges, codes and tokens.
pub(crate) fn write_keys(folder: &Path) -> Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let keys: Value = serde_json::from_str(&std::fs::read_to_string(root().join("keys.json"))?)?;
    for (member, name) in [("root_key", "root.key"), ("previous_root_key", "previous.key")] {
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(folder.join(name))?;
        file.write_all(keys.get(member).and_then(|key| key.as_str()).context(member)?.as_bytes())?;
    }
    Ok(())
}

/// Puts a session where a server configured with `path = "data"` finds it.
pub(crate) async fn store(folder: &Path, session: Session) -> Result<()> {
    let began = UnixTime::from_secs(BEGAN);
    let (store, _report) = Store::open_sled(&folder.join("data"), began, Duration::from_secs(86_400))?;
    ensure!(store.create(session).await? == Creation::Created, "the session is there already");
    Ok(store.close().await?)
}

/// The key of a bound session.
pub(crate) fn public_key(jwk: &BTreeMap<String, String>) -> Result<PublicKey> {
    let is_ec = jwk.get("kty").is_some_and(|kty| kty == "EC");
    let algorithm = if is_ec { Algorithm::Es256 } else { Algorithm::Rs256 };
    let object = Object::parse(&serde_json::to_vec(jwk)?).map_err(|rejection| anyhow!("{rejection}"))?;
    PublicKey::from_jwk(&object, algorithm).map_err(|rejection| anyhow!("{rejection}"))
}

/// The folder of all vectors.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors")
}
