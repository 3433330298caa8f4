//! A process that is killed in the middle of its writes: whatever it acknowledged is there afterwards, and the store opens.
//!
//! `HOLDFAST_CRASH_CYCLES` says how often (20 unless told; the long run is 200). A kill does not test the loss of power.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a lost write fails the test; parent and child talk by the environment"
)]

mod support;

use std::{
    collections::HashMap,
    env,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

use holdfast_core::session::EndReason;
use holdfast_store::{Backend, Replacement, Store};
use support::{at, created, id, open, refreshed, session};

/// So often a directory is killed and opened before the next one is begun.
const CYCLES_OF_A_DIRECTORY: u64 = 10;

/// What was acknowledged of one session.
#[derive(Clone, Copy, Default)]
struct Acknowledged {
    revision: u64,
    ended: bool,
}

#[tokio::test]
async fn no_acknowledged_write_is_lost() {
    let cycles = env::var("HOLDFAST_CRASH_CYCLES").ok().and_then(|n| n.parse().ok()).unwrap_or(20);
    let mut directory = tempfile::tempdir().unwrap();
    let (mut known, mut epoch, mut heard) = (HashMap::new(), 0, 0);
    for cycle in 0..cycles {
        if cycle % CYCLES_OF_A_DIRECTORY == 0 {
            directory = tempfile::tempdir().unwrap();
            heard += known.len();
            (known, epoch) = (HashMap::new(), 0);
        }
        kill_in_the_middle(directory.path(), cycle, &mut known, &mut epoch);
        let (store, report) = open(directory.path());
        assert_eq!(
            (report.unreadable, report.journal_damaged, &report.moved_aside),
            (0, 0, &None),
            "{report:?}"
        );
        assert!(store.epoch().await.unwrap() >= epoch);
        for (number, acknowledged) in &known {
            let found = store.load(id(*number)).await.unwrap().unwrap();
            let record = found.session.record();
            assert!(
                record.revision >= acknowledged.revision,
                "cycle {cycle}: a refresh of {number} was lost"
            );
            assert!(
                record.ended.is_some() || !acknowledged.ended,
                "cycle {cycle}: the end of {number} was lost"
            );
        }
    }
    println!("{cycles} cycles, {} sessions: nothing acknowledged was lost", heard + known.len());
}

/// Starts a process that writes, reads what it acknowledges, and kills it.
fn kill_in_the_middle(directory: &Path, cycle: u64, known: &mut HashMap<u64, Acknowledged>, epoch: &mut u64) {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--ignored", "--exact", "the_one_that_is_killed", "--nocapture"])
        .env("HOLDFAST_CRASH_DIRECTORY", directory)
        .env("HOLDFAST_CRASH_CYCLE", cycle.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let enough = 200 + (cycle * 7919) % 1500;
    let mut heard = 0;
    // The lines after the kill count as well: they were acknowledged before it.
    while let Some(Ok(line)) = lines.next() {
        let mut words = line.split(' ');
        let (Some("ack"), Some(what), Some(Ok(number)), Some(Ok(revision))) =
            (words.next(), words.next(), words.next().map(str::parse), words.next().map(str::parse))
        else {
            continue;
        };
        match what {
            "epoch" => *epoch = number,
            "end" => known.insert(number, Acknowledged { revision, ended: true }).map_or((), drop),
            _ => known.insert(number, Acknowledged { revision, ended: false }).map_or((), drop),
        }
        heard += 1;
        if heard == enough {
            child.kill().unwrap();
        }
    }
    let status = child.wait().unwrap();
    assert!(heard >= enough && !status.success(), "the child ended by itself: {status}");
}

/// The process that writes. It is started by the test above and ends when it is killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "started by another test"]
async fn the_one_that_is_killed() {
    let Ok(directory) = env::var("HOLDFAST_CRASH_DIRECTORY") else { return };
    let cycle: u64 = env::var("HOLDFAST_CRASH_CYCLE").unwrap().parse().unwrap();
    let store = Arc::new(open(Path::new(&directory)).0);
    let writers: Vec<_> = (0..8)
        .map(|lane| tokio::spawn(write(Arc::clone(&store), cycle * 10_000_000 + lane * 1_000_000)))
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
}

async fn write(store: Arc<Store>, first: u64) {
    for number in first.. {
        let epoch = store.epoch().await.unwrap();
        let mut current = created(&*store, session(number, "alice", epoch, at(number))).await;
        acknowledge("create", number, 0);
        for _ in 0..number % 5 {
            store.touch(id(number), at(number), true);
            current = refreshed(&current, at(number));
            if store.replace(current.clone()).await.unwrap() == Replacement::Replaced {
                acknowledge("refresh", number, current.record().revision);
            } else {
                break;
            }
        }
        if number % 3 == 0 {
            let found = store.load(id(number)).await.unwrap().unwrap();
            if let Some(ended) = found.session.end(EndReason::Logout, at(number)) {
                let revision = ended.record().revision;
                if store.replace(ended).await.unwrap() == Replacement::Replaced {
                    acknowledge("end", number, revision);
                }
            }
        }
        if number % 97 == 0 {
            acknowledge("epoch", store.end_everyone(at(number)).await.unwrap(), 0);
        }
    }
}

/// One line, one write: a killed process leaves no half of it.
fn acknowledge(what: &str, number: u64, revision: u64) {
    std::io::stdout().lock().write_all(format!("ack {what} {number} {revision}\n").as_bytes()).unwrap();
}
