//! The vector files, and the sessions that they are about.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use holdfast_core::jose::{Algorithm, Object, PublicKey};
use holdfast_core::session::{Binding, EndReason, Ended, Login, Session};
use holdfast_core::{Level, Method, UnixTime};
use holdfast_store::{Backend as _, Creation, Store};
use serde::Deserialize;
use serde_json::Value;

/// When the session of every vector began.
pub(crate) const BEGAN: u64 = 1_800_000_000;

/// A request, what it meets, and the rule that must say no.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Vector {
    pub(crate) name: String,
    pub(crate) rule: Option<String>,
    pub(crate) endpoint: Endpoint,
    pub(crate) at: u64,
    pub(crate) origin: String,
    #[serde(default)]
    pub(crate) offered: Vec<String>,
    pub(crate) session: SessionState,
    proof: Option<String>,
    header: Option<String>,
    headers: Option<Vec<(String, String)>>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Endpoint {
    Register,
    Refresh,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(tag = "state", rename_all = "lowercase")]
pub(crate) enum SessionState {
    Unbound { id: String },
    Bound { id: String, jwk: BTreeMap<String, String>, generation: u32, last_proof_at: u64 },
    Ended { id: String, reason: String },
    Unknown { id: String },
}

impl Vector {
    /// Whether both meet the same server.
    pub(crate) fn shares(&self, other: &Self) -> bool {
        (self.at, &self.origin, &self.offered, &self.session)
            == (other.at, &other.origin, &other.offered, &other.session)
    }

    /// Whether a server can be brought into the vector's situation: it offers something, and the proof reaches it as it is
    /// written here. A field loses the white space at its ends, cannot carry everything, and ends a bare proof at a
    /// semicolon.
    pub(crate) fn survives_http(&self) -> bool {
        let is_plain = |proof: &String| {
            let printable = proof.bytes().all(|byte| (b' '..=b'~').contains(&byte));
            printable && proof.trim() == proof && !proof.contains(';') && !proof.starts_with('"')
        };
        let offers = self.endpoint == Endpoint::Refresh || self.headers.is_some() || !self.offered.is_empty();
        offers && self.proof.as_ref().is_none_or(is_plain)
    }

    /// Whether the request brings one.
    pub(crate) fn has_proof(&self) -> bool {
        self.headers().iter().any(|(name, _)| name.eq_ignore_ascii_case("secure-session-response"))
    }

    /// The fields of the request.
    pub(crate) fn headers(&self) -> Vec<(String, String)> {
        if let Some(headers) = &self.headers {
            return headers.clone();
        }
        let proof = self.header.as_ref().or(self.proof.as_ref());
        let proof = proof.map(|proof| ("Secure-Session-Response".to_owned(), proof.clone()));
        let id = || ("Sec-Secure-Session-Id".to_owned(), self.session.id().to_owned());
        proof.into_iter().chain((self.endpoint == Endpoint::Refresh).then(id)).collect()
    }
}

impl SessionState {
    pub(crate) fn id(&self) -> &str {
        match self {
            Self::Unbound { id } | Self::Bound { id, .. } | Self::Ended { id, .. } | Self::Unknown { id } => {
                id
            }
        }
    }
}

/// Every vector that is a request.
pub(crate) fn read() -> Result<Vec<Vector>> {
    let mut vectors = Vec::new();
    for folder in ["dbsc", "http"] {
        let mut files: Vec<_> =
            std::fs::read_dir(root().join(folder))?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
        files.sort();
        for file in files {
            let text = std::fs::read_to_string(&file)?;
            let document: Value = serde_json::from_str(&text)?;
            let of_file: Vec<Vector> =
                serde_json::from_value(document.get("vectors").cloned().unwrap_or_default())
                    .with_context(|| file.display().to_string())?;
            vectors.extend(of_file);
        }
    }
    Ok(vectors)
}

/// The root keys that seal the vectors' challenges.
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

/// The session of a vector; none if it is unknown.
pub(crate) fn session(state: &SessionState) -> Result<Option<Session>> {
    let began = UnixTime::from_secs(BEGAN);
    let login = Login {
        app: "shop".into(),
        user: "alice".into(),
        auth: None,
        client: None,
        attributes: None,
        grant: None,
    };
    let id = state.id().parse().map_err(|error| anyhow!("{error}"))?;
    let mut record = Session::begin(id, login, 0, began).record().clone();
    match state {
        SessionState::Unknown { .. } => return Ok(None),
        SessionState::Unbound { .. } => {}
        SessionState::Ended { reason, .. } => {
            let reason: EndReason = reason.parse().map_err(|error| anyhow!("{error}"))?;
            record.ended = Some(Ended { at: began, reason });
        }
        SessionState::Bound { jwk, generation, last_proof_at, .. } => {
            record.binding = Some(Box::new(Binding {
                method: Method::Dbsc,
                level: Level::Hardware,
                key: public_key(jwk)?,
                bound_at: began,
                last_proof_at: UnixTime::from_secs(*last_proof_at),
                generation: *generation,
            }));
        }
    }
    Ok(Some(Session::restore(record)))
}

/// Puts a session where a server configured with `path = "data"` finds it.
pub(crate) async fn store(folder: &Path, session: Session) -> Result<()> {
    let began = UnixTime::from_secs(BEGAN);
    let (store, _report) = Store::open_sled(&folder.join("data"), began, Duration::from_secs(86_400))?;
    ensure!(store.create(session).await? == Creation::Created, "the session is there already");
    Ok(store.close().await?)
}

fn public_key(jwk: &BTreeMap<String, String>) -> Result<PublicKey> {
    let is_ec = jwk.get("kty").is_some_and(|kty| kty == "EC");
    let algorithm = if is_ec { Algorithm::Es256 } else { Algorithm::Rs256 };
    let object = Object::parse(&serde_json::to_vec(jwk)?).map_err(|rejection| anyhow!("{rejection}"))?;
    PublicKey::from_jwk(&object, algorithm).map_err(|rejection| anyhow!("{rejection}"))
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors")
}
