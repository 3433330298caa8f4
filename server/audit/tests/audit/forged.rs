//! What somebody can do who can write the file and hash, and has no key.

use std::{fs, path::Path, sync::atomic::Ordering, time::Duration};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use holdfast_audit::{ChainedLine, Expected, Keys, Link, Report, Seal, Target, Verifier, rfc3339};
use holdfast_core::UnixTime;

use super::stage::*;

fn base64url(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let digits = bytes.chunks(3).flat_map(|chunk| {
        let bits = chunk.iter().fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte))
            << (8 * (3 - chunk.len()));
        (0..=chunk.len()).map(move |place| char::from(DIGITS[bits >> (18 - 6 * place) & 63]))
    });
    digits.collect()
}

fn key() -> (Keys, Seal) {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let point = pair.public_key().as_ref().to_vec();
    let (x, y) = (base64url(&point[1..33]), base64url(&point[33..]));
    let set = format!(r#"{{"keys":[{{"kty":"EC","crv":"P-256","kid":"k","x":"{x}","y":"{y}"}}]}}"#);
    let seal = move |now: UnixTime, end: Link| {
        let header = base64url(br#"{"typ":"holdfast-audit+jwt","alg":"ES256","kid":"k"}"#);
        let claims = format!(r#"{{"iat":{},"seq":{},"hash":"{}"}}"#, now.as_secs(), end.seq, end.hash);
        let signed = format!("{header}.{}", base64url(claims.as_bytes()));
        let signature = pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        Some(format!("{signed}.{}", base64url(signature.as_ref())))
    };
    (Keys::from_jwks(set.as_bytes()).unwrap(), Box::new(seal))
}

/// A trail of 15 lines and a checkpoint, and the keys for it.
fn signed_trail(path: &Path) -> (String, Keys) {
    let (keys, seal) = key();
    let clock = Clock::default();
    let trail = clock.begin(Target::open(path, settings(None), Some(seal)).unwrap());
    trail.line(|out| out.extend_from_slice(line(0, "alice").as_bytes()));
    tell(&trail, 0..13);
    trail.close();
    clock.0.store(0, Ordering::SeqCst);
    (fs::read_to_string(path).unwrap(), keys)
}

fn line(seconds: u64, user: &str) -> String {
    let time = rfc3339(UnixTime::from_secs(1_795_341_600 + seconds));
    format!("{{\"time\":\"{time}\",\"event\":\"session.created\",\"user\":\"{user}\"}}")
}

/// The trail with more lines, chained as the server chains them.
fn with_more(text: &str, lines: impl IntoIterator<Item = String>) -> String {
    let mut link = ChainedLine::read(text.lines().last().unwrap().as_bytes()).unwrap().link();
    let mut out = text.as_bytes().to_vec();
    lines.into_iter().for_each(|line| link = link.append(line.as_bytes(), &mut out));
    String::from_utf8(out).unwrap()
}

fn judge(text: &str, keys: &Keys, expected: Expected) -> Report {
    let mut verifier = Verifier::new(Some(keys)).expecting(expected);
    verifier.file("trail", text.as_bytes()).unwrap();
    verifier.finish()
}

fn trail() -> (String, Keys) {
    let folder = tempfile::tempdir().unwrap();
    signed_trail(&folder.path().join("audit.jsonl"))
}

#[test]
fn what_is_signed_is_in_order() {
    let (text, keys) = trail();
    let report = judge(&text, &keys, Expected::default());
    assert_eq!((report.faults.as_slice(), report.lines, report.checkpoints), (&[][..], 16, 1), "{report:?}");
    assert!(report.notes.is_empty(), "{report:?}");
}

#[test]
fn a_trail_that_was_made_anew_without_a_key_is_none() {
    let (text, keys) = trail();
    let (mut link, mut out) = (Link::BEGINNING, Vec::new());
    for line in text.lines().filter(|line| !line.contains("audit.checkpoint")) {
        let bare = line.split(",\"seq\":").next().unwrap().replace("alice", "mallory");
        link = link.append(format!("{bare}}}").as_bytes(), &mut out);
    }
    let forged = String::from_utf8(out).unwrap();
    assert!(forged.contains("mallory"));
    let report = judge(&forged, &keys, Expected::default());
    assert_eq!((report.faults.len(), report.checkpoints), (1, 0), "{report:?}");
    assert!(
        report.faults[0].what.contains("no checkpoint is signed with a key that was given"),
        "{report:?}"
    );
}

#[test]
fn lines_that_were_put_behind_the_last_checkpoint_are_told() {
    let (text, keys) = trail();
    let default = Expected::default();
    // What a running server leaves: no fault, and said plainly.
    let report = judge(&with_more(&text, [line(30, "bob")]), &keys, default);
    assert_eq!(report.faults, []);
    assert!(
        report.notes[0].contains("lines 17 to 17 of the chain are not signed yet and may be forged"),
        "{report:?}"
    );
    let late = |seconds| with_more(&text, [line(1, "bob"), line(seconds, "mallory")]);
    assert_eq!(judge(&late(600), &keys, default).faults, []);
    for seconds in [601, 86_400] {
        let report = judge(&late(seconds), &keys, default);
        assert_eq!(report.faults.len(), 1, "{seconds}: {report:?}");
        assert_eq!(report.faults[0].line, 17);
        let what = &report.faults[0].what;
        assert!(
            what.starts_with("lines 17 to 18 of the chain are not signed yet and may be forged"),
            "{what}"
        );
    }
    // A time later than the others is not hidden behind an earlier one.
    let hidden = with_more(&text, [line(86_400, "mallory"), line(1, "bob")]);
    assert_eq!(judge(&hidden, &keys, default).faults.len(), 1);
    // An hour between checkpoints, as its server was told.
    let hourly = Expected { span: Duration::from_secs(3600), ..default };
    assert_eq!(judge(&late(3600), &keys, hourly).faults, []);
    assert_eq!(judge(&late(3901), &keys, hourly).faults.len(), 1);
    for time in ["", "yesterday", "2026-11-22"] {
        let forged = format!("{{\"time\":\"{time}\",\"event\":\"x\"}}");
        assert_eq!(judge(&with_more(&text, [forged]), &keys, default).faults.len(), 1, "{time}");
    }
    let many = |count| with_more(&text, (0..count).map(|_| line(1, "mallory")));
    let hundred = Expected { lines: 100, ..default };
    assert_eq!(judge(&many(100), &keys, hundred).faults, []);
    assert_eq!(judge(&many(101), &keys, hundred).faults.len(), 1);
}

#[test]
fn a_beginning_that_was_cut_off_is_missed() {
    let (text, keys) = trail();
    let cut = text.split_inclusive('\n').skip(3).collect::<String>();
    let report = judge(&cut, &keys, Expected::default());
    assert_eq!(report.faults.len(), 1, "{report:?}");
    assert!(report.faults[0].what.contains("begins with line 4 and not with line 1"), "{report:?}");
    let on_purpose = |first| judge(&cut, &keys, Expected { first, ..Expected::default() }).faults.len();
    assert_eq!((on_purpose(3), on_purpose(4), on_purpose(5)), (1, 0, 1));
}
