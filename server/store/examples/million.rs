//! What a million sessions cost:
//! `cargo run --release -p holdfast-store --example million -- fill <directory> [count]`, then the same with `open` or `backup`.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement that fails says so and stops")]

use std::{
    io::{BufReader, Seek, Write},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use holdfast_core::{
    Level, Method, SessionId, UnixTime,
    jose::PublicKey,
    session::{Auth, Binding, Client, Login, Record, Session},
};
use holdfast_store::{Backend, Backup, Contents, Creation, Items, Store, Sweep};

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

#[tokio::main]
async fn main() {
    let words: Vec<_> = std::env::args().skip(1).collect();
    let (what, directory) = (words.first().unwrap(), Path::new(words.get(1).unwrap()));
    let count = words.get(2).map_or(1_000_000, |count| count.parse().unwrap());
    let start = Instant::now();
    let (store, report) = Store::open_sled(directory, NOW, Duration::from_secs(86_400)).unwrap();
    println!("opened in {:?}: {report:?}", start.elapsed());
    memory("after opening");
    let store = Arc::new(store);
    match what.as_str() {
        "fill" => {
            fill(&store, count).await;
            memory("after filling");
        }
        "backup" => back_up(&store, count).await,
        _ => measure(&store, count).await,
    }
    let start = Instant::now();
    store.close().await.unwrap();
    println!("closed in {:?}", start.elapsed());
}

async fn fill(store: &Arc<Store>, count: u64) {
    let start = Instant::now();
    let lanes: Vec<_> = (0..1024)
        .map(|lane| {
            let store = Arc::clone(store);
            tokio::spawn(async move {
                for number in (lane..count).step_by(1024) {
                    assert_eq!(store.create(session(number)).await.unwrap(), Creation::Created);
                }
            })
        })
        .collect();
    for lane in lanes {
        lane.await.unwrap();
    }
    println!("{count} created in {:?}", start.elapsed());
}

async fn measure(store: &Store, count: u64) {
    for round in ["first", "second"] {
        let start = Instant::now();
        for number in 0..count {
            assert!(store.load(id(number)).await.unwrap().is_some());
        }
        println!("{round} load of each: {:?}", start.elapsed());
        memory("after loading each");
    }
    let mut longest = Duration::ZERO;
    let start = Instant::now();
    for _ in 0..2 * count / 1000 {
        let batch = Instant::now();
        let _swept = store.sweep(NOW, 1000, &|_| Sweep::Keep).await.unwrap();
        longest = longest.max(batch.elapsed());
    }
    println!("two rounds of sweeping: {:?}, longest batch of 1000: {longest:?}", start.elapsed());
    memory("after sweeping");
    let start = Instant::now();
    let query = holdfast_store::ListQuery { limit: 50, ..Default::default() };
    assert_eq!(store.list(&query, &|_| true).await.unwrap().len(), 50);
    println!("a page of the list: {:?}", start.elapsed());
}

/// Takes a backup and merges it into an empty store, while somebody else keeps asking for sessions.
async fn back_up(store: &Arc<Store>, count: u64) {
    let empty = Arc::new(Store::memory());
    let stop = Arc::new(AtomicBool::new(false));
    let asking = [Arc::clone(store), Arc::clone(&empty)].map(|store| {
        let stop = Arc::clone(&stop);
        tokio::spawn(async move {
            let mut longest = Duration::ZERO;
            for number in (0..count).cycle() {
                let asked = Instant::now();
                let _found = store.load(id(number)).await.unwrap();
                longest = longest.max(asked.elapsed());
                if number % 64 == 0 {
                    tokio::task::yield_now().await;
                }
                if stop.load(Ordering::Relaxed) {
                    break;
                }
            }
            longest
        })
    });
    let (start, mut longest, mut file) = (Instant::now(), Duration::ZERO, tempfile::tempfile().unwrap());
    let mut backup = store.backup(NOW).await.unwrap();
    loop {
        let begun = Instant::now();
        let Some(part) = backup.next_part() else { break };
        longest = longest.max(begun.elapsed());
        file.write_all(&part).unwrap();
        tokio::task::yield_now().await;
    }
    file.write_all(&Backup::seal("a measurement")).unwrap();
    let size = file.metadata().unwrap().len();
    println!("backup of {size} bytes in {:?}, longest part {longest:?}", start.elapsed());
    memory("after the backup");

    let start = Instant::now();
    file.rewind().unwrap();
    let contents = Contents::read(BufReader::new(&file)).unwrap();
    println!("looked at in {:?}", start.elapsed());
    file.rewind().unwrap();
    let (start, mut longest) = (Instant::now(), Duration::ZERO);
    let mut items = Items::open(BufReader::new(&file)).unwrap();
    let mut merge = empty.merge(&contents).await.unwrap();
    loop {
        let begun = Instant::now();
        let part: Vec<_> = std::iter::from_fn(|| items.next_item().unwrap()).take(1024).collect();
        if part.is_empty() {
            break;
        }
        merge.take(part, &|_| Sweep::Keep).await.unwrap();
        longest = longest.max(begun.elapsed());
        tokio::task::yield_now().await;
    }
    println!("merged in {:?}, longest part {longest:?}: {:?}", start.elapsed(), merge.restored());
    stop.store(true, Ordering::Relaxed);
    for (asking, whom) in asking.into_iter().zip(["the store", "the one that it came into"]) {
        println!("longest wait of somebody who asked {whom}: {:?}", asking.await.unwrap());
    }
    memory("after merging, with two stores");
}

/// A session with everything a session can have.
fn session(number: u64) -> Session {
    let login = Login {
        app: "shop".into(),
        user: format!("user-{number}@shop.example").into(),
        auth: Some(Box::new(Auth {
            acr: Some("urn:example:mfa".into()),
            amr: vec!["pwd".into(), "otp".into()],
            auth_time: Some(NOW),
        })),
        client: Some(Box::new(Client {
            ip: Some(std::net::Ipv4Addr::from_bits(u32::try_from(number).unwrap()).into()),
            user_agent: Some(
                format!(
                    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0 \
                     Safari/537.36",
                    number % 300
                )
                .into(),
            ),
            device_id: None,
        })),
        attributes: Some(r#"{"groups":["staff"]}"#.into()),
        grant: None,
    };
    let session = Session::begin(id(number), login, 0, NOW);
    let mut key = [0; 64];
    key[..16].copy_from_slice(id(number).as_bytes());
    Session::restore(Record {
        binding: Some(Box::new(Binding {
            method: Method::Dbsc,
            level: Level::Hardware,
            key: PublicKey::P256(key),
            bound_at: NOW,
            last_proof_at: NOW,
            generation: 1,
        })),
        ..session.record().clone()
    })
}

fn id(number: u64) -> SessionId {
    let high = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let low = (number ^ 0xabcd).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    SessionId::from_bytes((u128::from(high) << 64 | u128::from(low)).to_be_bytes())
}

fn memory(when: &str) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    for line in status.lines().filter(|line| line.starts_with("VmRSS") || line.starts_with("VmHWM")) {
        println!("{when}: {line}");
    }
}
