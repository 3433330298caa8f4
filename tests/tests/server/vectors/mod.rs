//! The vectors of device bound sessions, and the sessions that they are about.

pub(crate) mod files;
pub(crate) mod grants;

use std::collections::BTreeMap;

use anyhow::{Result, anyhow};
use holdfast_core::session::{Binding, EndReason, Ended, Login, Session};
use holdfast_core::{Level, Method, UnixTime};
use serde::Deserialize;

pub(crate) use files::{BEGAN, store, write_keys};

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
        let mut paths: Vec<_> = std::fs::read_dir(files::root().join(folder))?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<_>>()?;
        paths.sort();
        for file in paths {
            vectors.extend(files::read_file::<Vector>(&file)?);
        }
    }
    Ok(vectors)
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
                key: files::public_key(jwk)?,
                bound_at: began,
                last_proof_at: UnixTime::from_secs(*last_proof_at),
                generation: *generation,
            }));
        }
    }
    Ok(Some(Session::restore(record)))
}
