//! All connections at once until the deadline, and what they counted.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use url::Url;

use super::connection::Connection;
use super::pace::{Clocked, Pace};
use super::script::Script;
use crate::Failure;

/// What was counted.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Of each status, how many microseconds each answer took.
    pub(super) micros: BTreeMap<u16, Vec<u32>>,
    pub(super) errors: u64,
    /// The last error's own words.
    pub(super) last_error: Option<String>,
}

impl Tally {
    /// One answered request.
    pub(super) fn count(&mut self, status: u16, took: Duration) {
        let micros = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
        self.micros.entry(status).or_default().push(micros);
    }

    /// What another connection counted.
    pub(super) fn add(&mut self, other: Self) {
        for (status, micros) in other.micros {
            self.micros.entry(status).or_default().extend(micros);
        }
        self.errors += other.errors;
        self.last_error = other.last_error.or(self.last_error.take());
    }
}

/// When a connection has asked enough.
#[derive(Clone, Copy)]
pub(super) enum Until {
    /// At this moment.
    Moment(Instant),
    /// After so many questions.
    Questions(usize),
    /// When each of its questions was asked once.
    Round,
}

impl Until {
    fn is_over(self, now: Instant, asked: usize, round: usize) -> bool {
        match self {
            Self::Moment(moment) => now >= moment,
            Self::Questions(questions) => asked >= questions,
            Self::Round => asked >= round,
        }
    }
}

/// Each script with a connection of its own.
///
/// They are opened before the clock of a load starts: one that opens a thousand while it runs begins late, and then asks
/// what it missed all at once.
pub(super) async fn open(target: &Url, scripts: Vec<Script>) -> Result<Vec<(Connection, Script)>, Failure> {
    let mut opened = Vec::with_capacity(scripts.len());
    for script in scripts {
        opened.push((Connection::open(target).await?, script));
    }
    Ok(opened)
}

/// Runs every script on its connection, and gives them back as they are then.
pub(super) async fn all(
    target: &Url,
    opened: Vec<(Connection, Script)>,
    until: Until,
    pace: Option<Pace>,
) -> Result<(Tally, Vec<Script>), Failure> {
    let count = opened.len();
    let tasks: Vec<_> = opened
        .into_iter()
        .enumerate()
        .map(|(number, (connection, script))| {
            let clocked = pace.map(|pace| pace.of_connection(number, count));
            tokio::spawn(one(target.clone(), connection, script, until, clocked))
        })
        .collect();
    let (mut total, mut scripts) = (Tally::default(), Vec::with_capacity(count));
    for task in tasks {
        let (tally, script) = task.await.map_err(|error| Failure::network("under load", error))?;
        total.add(tally);
        scripts.push(script);
    }
    Ok((total, scripts))
}

async fn one(
    target: Url,
    mut connection: Connection,
    mut script: Script,
    until: Until,
    mut clocked: Option<Clocked>,
) -> (Tally, Script) {
    let mut tally = Tally::default();
    let mut now = Instant::now();
    let (mut asked, round) = (0, script.questions());
    while !until.is_over(now, asked, round) {
        if let Some(clocked) = &mut clocked {
            now = clocked.next().await;
        }
        asked += 1;
        let Some(answer) = script.ask(&mut connection).await else { break };
        let done = Instant::now();
        match answer {
            Ok(head) => tally.count(head.status, done - now),
            Err(failure) => {
                tally.errors += 1;
                tally.last_error = Some(failure.to_string());
                match Connection::open(&target).await {
                    Ok(fresh) => connection = fresh,
                    // A server that is gone is not asked a million times a second.
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        }
        now = done;
    }
    (tally, script)
}
