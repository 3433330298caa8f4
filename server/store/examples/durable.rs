//! How many refreshes a second are durable, from 32 callers at once:
//! `cargo run --release -p holdfast-store --example durable -- [directory]`.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement that fails says so and stops")]

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use holdfast_core::{
    Level, Method, SessionId, UnixTime,
    jose::PublicKey,
    session::{Binding, Login, Session},
};
use holdfast_store::{Backend, Creation, Replacement, Store};

const CALLERS: u64 = 32;
const SPAN: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() {
    let directory = std::env::args().nth(1).map(PathBuf::from);
    let own = tempfile::tempdir().unwrap();
    let directory = directory.unwrap_or_else(|| own.path().to_owned());
    let now = UnixTime::from_secs(1_800_000_000);
    let (store, _) = Store::open_sled(&directory, now, Duration::from_secs(86_400)).unwrap();
    let (store, stop) = (Arc::new(store), Arc::new(AtomicBool::new(false)));

    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| tokio::spawn(refresh(Arc::clone(&store), Arc::clone(&stop), caller, now)))
        .collect();
    let start = Instant::now();
    tokio::time::sleep(SPAN).await;
    stop.store(true, Ordering::Relaxed);
    let mut waits = Vec::new();
    for caller in callers {
        waits.extend(caller.await.unwrap());
    }
    let seconds = start.elapsed().as_secs_f64();
    waits.sort();
    let quantile = |part: usize| waits.get(waits.len() * part / 1000).copied().unwrap_or_default();
    println!(
        "{:.0} durable refreshes a second from {CALLERS} callers; p50 {:?}, p99 {:?}, p99.9 {:?}",
        f64::from(u32::try_from(waits.len()).unwrap()) / seconds,
        quantile(500),
        quantile(990),
        quantile(999),
    );
    store.close().await.unwrap();
}

async fn refresh(store: Arc<Store>, stop: Arc<AtomicBool>, caller: u64, now: UnixTime) -> Vec<Duration> {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&caller.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    let login = Login {
        app: "shop".into(),
        user: "alice".into(),
        auth: None,
        client: None,
        attributes: None,
        grant: None,
    };
    let mut session = Session::begin(SessionId::from_bytes(id), login, 0, now);
    assert_eq!(store.create(session.clone()).await.unwrap(), Creation::Created);
    let mut waits = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let mut record = session.record().clone();
        record.revision += 1;
        record.binding = Some(Box::new(Binding {
            method: Method::Dbsc,
            level: Level::Hardware,
            key: PublicKey::P256([7; 64]),
            bound_at: now,
            last_proof_at: now,
            generation: session.generation() + 1,
        }));
        session = Session::restore(record);
        let start = Instant::now();
        assert_eq!(store.replace(session.clone()).await.unwrap(), Replacement::Replaced);
        waits.push(start.elapsed());
    }
    waits
}
