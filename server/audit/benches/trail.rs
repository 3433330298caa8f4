//! What an audit event costs: chained and written by the thread of the trail, read back, verified, and put into the
//! formats of sinks. `cargo bench -p holdfast-audit`; 20,000 written a second is the demand.

use std::{
    hint::black_box,
    io,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use holdfast_audit::{
    Checkpoints, Event, Files, Link, Observer, Reader, Settings, Target, Trail, Verifier,
    format::{Sender, cef, ecs, ocsf, rfc5424},
};
use holdfast_core::UnixTime;

struct Nobody;

impl Observer for Nobody {
    fn written(&self, _: u64) {}
    fn failing(&self, _: &io::Error) {}
    fn works_again(&self) {}
}

/// A check with risk, as long as they are.
const LINE: &str = r#"{"time":"2026-11-22T10:00:00.042Z","event":"session.checked","app":"shop","user":"alice","session":"hs_0123456789abcdefghijkl","reason":"ok","client_ip":"203.0.113.7","user_agent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/146.0.0.0 Safari/537.36","binding":"hardware","rule":null,"request_id":"0123456789abcdef01234567","trace_id":null,"detail":null,"tags":["export"],"decision":"allow","risk":{"signals":[{"name":"network.changed","score":20,"factors":{"from":"AS1","to":"AS2"}}],"policies":[]}}"#;

fn begin(path: &Path) -> Trail {
    let checkpoints = Checkpoints { lines: 1000, span: Duration::from_secs(60) };
    let target = Target::open(path, Settings { checkpoints, rotation: None }, None);
    let now = Box::new(|| UnixTime::from_secs(1_795_341_600));
    let trail = target.and_then(|target| Trail::begin(target, now, Box::new(Nobody), Arc::default()));
    trail.unwrap_or_else(|error| fail(&error))
}

#[expect(clippy::panic, reason = "a benchmark has nobody to tell")]
fn fail(error: &dyn std::fmt::Display) -> ! {
    panic!("{error}")
}

/// From the first line told until the last one is written, with everything that the thread does.
fn write_a_second_of_the_demand() -> Duration {
    let folder = tempfile::tempdir().unwrap_or_else(|error| fail(&error));
    let trail = begin(&folder.path().join("audit.jsonl"));
    let began = Instant::now();
    for _ in 0..DEMAND {
        trail.line(|out| out.extend_from_slice(LINE.as_bytes()));
    }
    trail.close();
    began.elapsed()
}

fn trail(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("trail");
    group.throughput(Throughput::Elements(DEMAND)).sample_size(10).measurement_time(Duration::from_secs(5));
    group.bench_function("written", |bencher| {
        bencher.iter_custom(|rounds| (0..rounds).map(|_| write_a_second_of_the_demand()).sum());
    });
    group.throughput(Throughput::Elements(1));
    group.bench_function("told", |bencher| {
        let folder = tempfile::tempdir().unwrap_or_else(|error| fail(&error));
        let trail = begin(&folder.path().join("audit.jsonl"));
        bencher.iter(|| trail.line(|out| out.extend_from_slice(black_box(LINE.as_bytes()))));
    });
    let folder = tempfile::tempdir().unwrap_or_else(|error| fail(&error));
    let path = folder.path().join("audit.jsonl");
    let written = begin(&path);
    (0..50_000).for_each(|_| written.line(|out| out.extend_from_slice(LINE.as_bytes())));
    written.close();
    let files: Arc<Files> = written.files();
    group.throughput(Throughput::Elements(50_000));
    group.bench_function("read", |bencher| {
        bencher.iter(|| {
            let mut reader = Reader::after(Arc::clone(&files), 0);
            reader.read(usize::MAX, |_, line| !black_box(line).is_empty())
        });
    });
    group.bench_function("verified", |bencher| {
        let text = std::fs::read(&path).unwrap_or_else(|error| fail(&error));
        bencher.iter(|| {
            let mut verifier = Verifier::new(None);
            let _ = verifier.file("x", text.as_slice());
            verifier.finish().faults.len()
        });
    });
    group.finish();
}

fn formats(criterion: &mut Criterion) {
    let mut line = Vec::new();
    Link::BEGINNING.append(LINE.as_bytes(), &mut line);
    let event = Event::parse(line.trim_ascii_end()).unwrap_or_else(|error| fail(&error));
    let sender = Sender::new("node-1", 1);
    let mut group = criterion.benchmark_group("formats");
    group.throughput(Throughput::Elements(1));
    group.bench_function("parse", |bencher| bencher.iter(|| Event::parse(black_box(line.trim_ascii_end()))));
    group.bench_function("cef", |bencher| bencher.iter(|| cef(black_box(&event), "0.1.0")));
    group.bench_function("ecs", |bencher| bencher.iter(|| ecs(black_box(&event), "0.1.0")));
    group.bench_function("ocsf", |bencher| bencher.iter(|| ocsf(black_box(&event), "0.1.0")));
    group.bench_function("rfc5424", |bencher| bencher.iter(|| rfc5424(black_box(&event), &sender)));
    group.finish();
}

/// Events a second.
const DEMAND: u64 = 20_000;

criterion_group!(benches, trail, formats);
criterion_main!(benches);
