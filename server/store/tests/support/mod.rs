//! What the tests of the stores have in common: sessions, a false clock, and directories.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]
#![allow(dead_code, clippy::allow_attributes, reason = "each test file uses a part of this")]

use std::{path::Path, sync::Arc, time::Duration};

use holdfast_core::{
    Level, Method, SessionId, UnixTime,
    jose::PublicKey,
    session::{Auth, Binding, Client, EndReason, Login, Record, Session},
};
use holdfast_store::{Backend, Creation, Found, OpenReport, Store};

/// How long the journals of these tests remember an end.
pub(crate) const KEEP: Duration = Duration::from_secs(86_400);

/// The false clock: so many seconds after the tests began.
pub(crate) fn at(seconds: u64) -> UnixTime {
    UnixTime::from_secs(1_800_000_000 + seconds)
}

pub(crate) fn id(number: u64) -> SessionId {
    // Spread like real ids, and still in the order of their numbers within a shard.
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    SessionId::from_bytes((u128::from(mixed) << 64 | u128::from(number)).to_be_bytes())
}

/// An unbound session of `user` at `shop`.
pub(crate) fn session(number: u64, user: &str, epoch: u64, now: UnixTime) -> Session {
    let login = Login {
        app: "shop".into(),
        user: user.into(),
        auth: Some(Box::new(Auth {
            acr: Some("urn:example:mfa".into()),
            amr: vec!["pwd".into(), "otp".into()],
            auth_time: Some(now),
        })),
        client: Some(Box::new(Client {
            ip: Some([203, 0, 113, 7].into()),
            user_agent: Some(Arc::from(USER_AGENT)),
            device_id: None,
        })),
        attributes: Some(r#"{"groups":["staff"]}"#.into()),
        grant: None,
    };
    Session::begin(id(number), login, epoch, now)
}

/// What a refresh makes of a session: the next generation under the next revision.
pub(crate) fn refreshed(session: &Session, now: UnixTime) -> Session {
    let mut record = session.record().clone();
    record.revision += 1;
    let generation = session.generation() + 1;
    record.binding = Some(Box::new(Binding {
        method: Method::Dbsc,
        level: Level::Hardware,
        key: PublicKey::P256([7; 64]),
        bound_at: record.binding.as_ref().map_or(now, |binding| binding.bound_at),
        last_proof_at: now,
        generation,
    }));
    Session::restore(record)
}

/// The same session as if it had never ended: what a store must not take back.
pub(crate) fn revived(session: &Session) -> Session {
    Session::restore(Record {
        ended: None,
        revision: session.record().revision + 1,
        ..session.record().clone()
    })
}

pub(crate) async fn created(store: &impl Backend, session: Session) -> Session {
    assert_eq!(store.create(session.clone()).await.unwrap(), Creation::Created);
    session
}

pub(crate) async fn loaded(store: &impl Backend, number: u64) -> Found {
    store.load(id(number)).await.unwrap().unwrap()
}

pub(crate) fn reason(found: &Found) -> Option<EndReason> {
    found.session.record().ended.map(|ended| ended.reason)
}

pub(crate) fn open(directory: &Path) -> (Store, OpenReport) {
    Store::open_sled(directory, at(0), KEEP).unwrap()
}

/// Says that a test did not run, to people and to the file that collects such notes.
#[expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "tests are told by the environment where to write"
)]
pub(crate) fn skipped(what: &str, why: &str) {
    use std::io::Write as _;
    println!("SKIPPED {what}: {why}");
    if let Ok(path) = std::env::var("HOLDFAST_SKIPS") {
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
        writeln!(file, "{what}: {why}").unwrap();
    }
}

const USER_AGENT: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                          Chrome/156.0.0.0 Safari/537.36";
