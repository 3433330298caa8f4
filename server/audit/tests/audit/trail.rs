//! Files that go on, break off, change and fill.

use std::{
    fs,
    io::Write,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use holdfast_audit::{ChainedLine, Reader, Rotation, Target, Trail};

use super::stage::*;

fn events(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap();
    let lines = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    lines.map(|line| line["event"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_file_goes_on_with_its_chain() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    for round in 0..3 {
        let trail = Clock::default().begin(open(&path));
        tell(&trail, round * 10..round * 10 + 10);
        trail.close();
    }
    let report = verify(&[&path]);
    assert_eq!((report.faults.as_slice(), report.lines), (&[][..], 31), "{report:?}");
    assert_eq!(events(&path)[0], "audit.opened");
    assert_eq!(report.first, Some(1));
}

#[test]
fn what_a_crash_leaves_is_closed_off_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let trail = Clock::default().begin(open(&path));
    tell(&trail, 0..5);
    trail.close();
    let whole = fs::read(&path).unwrap();
    for cut in [1, 2, 30, 200, 250] {
        fs::write(&path, &whole[..whole.len() - cut]).unwrap();
        let trail = Clock::default().begin(open(&path));
        tell(&trail, 5..6);
        trail.close();
        let report = verify(&[&path]);
        assert_eq!(report.faults, [], "cut by {cut}");
        assert!(events(&path).contains(&"audit.recovered".to_owned()), "cut by {cut}");
        assert!(fs::read(&path).unwrap().starts_with(&whole[..whole.len() - cut]), "nothing is taken away");
        assert_eq!(report.notes.iter().any(|note| note.contains("crash")), cut > 1, "{:?}", report.notes);
    }
    fs::write(&path, [whole.as_slice(), &[0; 5000]].concat()).unwrap();
    Clock::default().begin(open(&path)).close();
    assert_eq!(verify(&[&path]).faults, [], "zeros after a power cut");
}

#[test]
fn a_line_that_was_changed_is_no_crash() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let trail = Clock::default().begin(open(&path));
    tell(&trail, 0..5);
    trail.close();
    let text =
        fs::read_to_string(&path).unwrap().replace("\"n\":4}", "\"n\":5}").replace("\"n\":4,", "\"n\":5,");
    fs::write(&path, text).unwrap();
    let trail = Clock::default().begin(open(&path));
    tell(&trail, 5..6);
    trail.close();
    let report = verify(&[&path]);
    assert_eq!(report.faults[0].line, 6, "{report:?}");
    assert_eq!(report.faults[0].what, "the line was changed: its hash is another one");
}

#[test]
fn a_file_from_before_the_chain_stays_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let older = "{\"event\":\"session.created\"}\n".repeat(100);
    for rest in ["", "{\"event\":\"half"] {
        fs::write(&path, format!("{older}{rest}")).unwrap();
        let trail = Clock::default().begin(open(&path));
        tell(&trail, 0..5);
        trail.close();
        let report = verify(&[&path]);
        assert_eq!(report.faults, [], "{rest}");
        assert!(report.notes.iter().any(|note| note.contains("before the chain")), "{:?}", report.notes);
        let changed = fs::read_to_string(&path).unwrap().replacen("created", "creatEd", 1);
        fs::write(&path, changed).unwrap();
        assert_eq!(verify(&[&path]).faults.len(), 1, "also what was before is vouched for");
        fs::remove_file(&path).unwrap();
    }
}

#[test]
fn a_file_that_was_moved_away_is_followed_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let (path, aside) = (folder.path().join("audit.jsonl"), folder.path().join("audit.jsonl.1"));
    let trail = Clock::default().begin(open(&path));
    tell(&trail, 0..5);
    let files = trail.files();
    while files.head() < 6 {
        std::thread::yield_now();
    }
    fs::rename(&path, &aside).unwrap();
    trail.go_on_in(open(&path));
    tell(&trail, 5..10);
    // The same file again is no change.
    trail.go_on_in(open(&path));
    trail.close();
    let report = verify(&[&aside, &path]);
    assert_eq!((report.faults.as_slice(), report.lines), (&[][..], 12), "{report:?}");
    assert_eq!(events(&path), ["audit.opened", "x", "x", "x", "x", "x"]);

    // A process that finds no file, and the one before it, goes on as well.
    let last = folder.path().join("audit.jsonl-20261126");
    fs::rename(&path, &last).unwrap();
    let trail = Clock::default().begin(open(&path));
    assert_eq!(trail.files().oldest(), 1);
    trail.close();
    assert_eq!(verify(&[&aside, &last, &path]).faults, []);
    let without = verify(&[&aside, &path]).faults;
    assert!(without[0].what.contains("lines 7 to 12 of the chain are missing"), "{without:?}");

    // A reader meets every line once, through all files.
    let trail = Clock::default().begin(open(&path));
    let (mut reader, mut met) = (Reader::after(trail.files(), 3), Vec::new());
    while !reader
        .read(300, |seq, _| {
            met.push(seq);
            true
        })
        .unwrap()
        .is_at_end
    {}
    assert_eq!(met, (4..=13).collect::<Vec<_>>());
}

#[test]
fn a_place_that_was_found_counts_what_comes_after_it_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let trail = Clock::default().begin(open(&path));
    tell(&trail, 0..500);
    trail.close();
    let (kept, whole) = (trail.files(), fs::metadata(&path).unwrap().len());
    let mut level = Reader::after(Arc::clone(&kept), 0);
    level.read(usize::MAX, |seq, _| seq < 400).unwrap();
    let rest = level.behind();
    assert!(rest.1 > 0 && rest.1 < whole / 2, "{rest:?} of {whole}");
    // As a sink begins after a restart: at a line, and not yet in a file.
    let mut begun = Reader::after(Arc::clone(&kept), level.seq());
    begun.find();
    assert_eq!(begun.behind(), rest);
    // And as it goes back when what it has read was not taken.
    begun.read(usize::MAX, |_, _| true).unwrap();
    assert_eq!(begun.behind(), (0, 0));
    begun.go_to(level.seq());
    begun.find();
    assert_eq!(begun.behind(), rest);
    let mut end = Reader::after(Arc::clone(&kept), kept.head());
    end.find();
    assert_eq!(end.behind(), (0, 0));
}

#[test]
fn files_change_by_size_and_the_oldest_go() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let rotation = Rotation { size: 20_000, keep: Some(2), hold: 50_000 };
    let target = || Target::open(&path, settings(Some(rotation)), None).unwrap();
    let round = |trail: &Trail, number: usize| {
        let head = trail.files().head();
        tell(trail, number * 100..number * 100 + 100);
        while trail.files().head() < head + 100 {
            std::thread::yield_now();
        }
    };
    let trail = Clock::default().begin(target());
    let kept = trail.files();
    kept.hold("siem", 0);
    (0..2).for_each(|number| round(&trail, number));
    assert_eq!(kept.oldest(), 1);
    (2..4).for_each(|number| round(&trail, number));
    assert_eq!(kept.oldest(), 1, "a reader needs it, and there is room");
    (4..10).for_each(|number| round(&trail, number));
    trail.close();
    let (oldest, all) = (kept.oldest(), files(folder.path()));
    assert!(oldest > 1, "no more room");
    let mut reader = Reader::after(Arc::clone(&kept), 0);
    let gap = reader.skip_gap().unwrap();
    assert_eq!((gap.first, gap.last), (1, oldest - 1));
    assert_eq!(reader.skip_gap(), None);
    let mut beyond = Reader::after(Arc::clone(&kept), kept.head() + 1);
    assert_eq!((beyond.skip_gap(), beyond.seq()), (None, kept.head() + 1));
    let progress = beyond.read(usize::MAX, |seq, _| panic!("line {seq} is not asked for")).unwrap();
    assert_eq!((progress.is_at_end, beyond.seq(), beyond.behind().0), (true, kept.head() + 1, 0));
    beyond.follow_new_chain();
    assert_eq!(beyond.seq(), oldest - 1);
    let all: Vec<_> = all.iter().map(|path| path.as_path()).collect();
    let report = verify_from(oldest, &all);
    assert_eq!((report.faults.as_slice(), report.first), (&[][..], Some(oldest)), "{report:?}");
    for first in [1, oldest - 1, oldest + 1] {
        let report = verify_from(first, &all);
        assert_eq!(report.faults.len(), 1, "{report:?}");
        assert!(
            report.faults[0].what.contains(&format!("begins with line {oldest} and not with line {first}"))
        );
    }

    let again = Clock::default().begin(target());
    assert_eq!(again.files().oldest(), oldest, "the files are found again");
    (10..13).for_each(|number| round(&again, number));
    again.close();
    assert_eq!(files(folder.path()).len(), 3, "nobody needs more");
}

#[test]
fn the_end_is_signed_after_a_while_and_after_many_lines_and_never_twice() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let seal = Box::new(|_, end: holdfast_audit::Link| Some(format!("seq{}", end.seq)));
    let clock = Clock::default();
    let trail = clock.begin(Target::open(&path, settings(None), Some(seal)).unwrap());
    let files = trail.files();
    let reaches = |head: u64| {
        while files.head() < head {
            std::thread::yield_now()
        }
    };
    tell(&trail, 0..5);
    reaches(6);
    clock.0.fetch_add(59_000, Ordering::SeqCst);
    tell(&trail, 5..6);
    reaches(7);
    clock.0.fetch_add(1_000, Ordering::SeqCst);
    reaches(8);
    clock.0.fetch_add(600_000, Ordering::SeqCst);
    tell(&trail, 6..306);
    trail.close();
    let text = fs::read_to_string(&path).unwrap();
    let signed: Vec<_> =
        text.lines().filter_map(|line| line.split("\"checkpoint\":\"").nth(1)?.split('"').next()).collect();
    assert_eq!(signed[0], "seq7", "after a minute");
    // After each hundred lines, and at the end; a pause that came in between may have brought one more.
    assert!((4..=6).contains(&signed.len()), "{signed:?}");
    assert!(text.lines().last().unwrap().contains("audit.checkpoint"));
    let twice = text.lines().collect::<Vec<_>>();
    assert!(!twice.windows(2).any(|pair| pair.iter().all(|line| line.contains("audit.checkpoint"))));
}

#[test]
fn a_full_disk_loses_nothing_that_has_room_to_wait() {
    let disk = Path::new("/dev/full");
    let lost = Arc::new(AtomicU64::new(0));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let trail = Clock::default().begin_counting(open(disk), Arc::clone(&lost));
    tell(&trail, 0..5);
    // An operator points it elsewhere.
    trail.go_on_in(open(&path));
    tell(&trail, 5..10);
    trail.close();
    assert_eq!(lost.load(Ordering::SeqCst), 0);
    let text = fs::read_to_string(&path).unwrap();
    for number in 0..10 {
        assert!(text.contains(&format!("\"n\":{number},")), "{number}: {text}");
    }
    assert_eq!(verify(&[&path]).faults, []);

    let trail = Clock::default().begin_counting(open(disk), Arc::clone(&lost));
    tell(&trail, 0..5);
    trail.close();
    assert_eq!(lost.load(Ordering::SeqCst), 6, "a line of the trail's own among them");
}

#[test]
fn what_does_not_fit_is_counted_in_the_chain() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let lost = Arc::new(AtomicU64::new(0));
    let trail = Clock::default().begin_counting(open(Path::new("/dev/full")), Arc::clone(&lost));
    let large = format!("{{\"event\":\"x\",\"pad\":\"{}\"}}", "x".repeat(1 << 20));
    let mut told = 0_u64;
    while lost.load(Ordering::SeqCst) < 3 {
        trail.line(|out| out.write_all(large.as_bytes()).unwrap());
        told += 1;
    }
    trail.go_on_in(open(&path));
    trail.close();
    let text = fs::read(&path).unwrap();
    let count =
        text.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"{\"event\":\"x\"")).count();
    assert_eq!(u64::try_from(count).unwrap() + lost.load(Ordering::SeqCst), told);
    let lines: Vec<_> = text.split(|byte| *byte == b'\n').collect();
    let said = lines.iter().rev().find_map(|line| {
        let json: serde_json::Value = serde_json::from_slice(line).ok()?;
        (json["event"] == "audit.lost").then(|| json["lost"].as_u64().unwrap())
    });
    assert_eq!(said, Some(lost.load(Ordering::SeqCst)));
    assert!(ChainedLine::read(lines[0]).is_some());
    assert_eq!(verify(&[&path]).faults, []);
}
