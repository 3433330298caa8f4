//! P-15 to P-17 and P-22: nonces, and who needs one.

use holdfast_core::{
    Keyring, Rule, UnixTime,
    dpop::{Boot, issue_nonce},
    jose::Thumbprint,
};

use super::{AT, Draft, RUN_SINCE, base, jkt, proof, run, text};
use crate::{
    dpop::{Demand, ProofVector, Run, hex},
    keys::Device,
    world::World,
};

pub(super) fn vectors(world: &World) -> Vec<ProofVector> {
    let mut vectors = missing(world);
    vectors.extend(mistyped(world));
    vectors.extend(not_alive(world));
    vectors.extend(accepted(world));
    vectors.extend(younger(world));
    vectors
}

/// A nonce of this run for the ordinary key, issued so long before the proof.
fn nonce(world: &World, seconds_ago: u64) -> String {
    issued(&world.ring, &run(), Some(&world.device), AT - seconds_ago)
}

fn issued(ring: &Keyring, run: &Run, to: Option<&dyn Device>, at: u64) -> String {
    let key = to.map(|device| Thumbprint::from_text(&jkt(&device)).unwrap());
    issue_nonce(ring, &run.boot(), key.as_ref(), UnixTime::from_secs(at))
}

fn with(world: &World, nonce: &str) -> Draft {
    base(world).claim("nonce", &text(nonce))
}

/// When a nonce of this age stops being accepted.
const fn end_of(seconds_ago: u64) -> u64 {
    AT - seconds_ago + 300
}

fn missing(world: &World) -> Vec<ProofVector> {
    let cases = [
        ("nonce-missing", "Every proof needs a nonce.", Demand::Always, base(world)),
        ("nonce-missing-again", "Whoever has shown one does not fall back.", Demand::Sticky, base(world)),
        (
            "nonce-upper-case",
            "Names have a case.",
            Demand::Always,
            base(world).claim("Nonce", &text(&nonce(world, 1))),
        ),
        ("nonce-in-header", "It stands in the header.", Demand::Always, {
            base(world).header("nonce", &text(&nonce(world, 1)))
        }),
    ];
    cases
        .into_iter()
        .map(|(name, note, demand, draft)| {
            proof(world, name, note, draft.sign(&world.device))
                .demanding(demand)
                .checks(&["N01"])
                .breaks(Rule::P15)
        })
        .collect()
}

fn mistyped(world: &World) -> Vec<ProofVector> {
    ["1", "null", "true", "[]", "{}"]
        .into_iter()
        .zip(["number", "null", "true", "array", "object"])
        .flat_map(|(value, kind)| {
            let signed = base(world).claim("nonce", value).sign(&world.device);
            [("asked-for", Demand::Always), ("unasked", Demand::Optional)].map(|(when, demand)| {
                proof(world, &format!("nonce-{kind}-{when}"), "A nonce is a text.", signed.clone())
                    .demanding(demand)
                    .checks(&["N03"])
                    .breaks(Rule::P16)
            })
        })
        .collect()
}

fn not_alive(world: &World) -> Vec<ProofVector> {
    let good = nonce(world, 1);
    let mut tampered = good.clone();
    tampered.replace_range(20..21, if &good[20..21] == "A" { "B" } else { "A" });
    let earlier = Run { id: hex(b"prev"), since: RUN_SINCE - 1000 };
    let foreign = Keyring::new(&world.keys.foreign_root(), &[]);
    let now = UnixTime::from_secs(AT);
    let session = World::session();
    let cases = [
        ("expired", "Just too old.", nonce(world, 300)),
        ("old", "An hour old.", nonce(world, 3600)),
        ("empty", "An empty text.", String::new()),
        ("random", "Nothing of ours.", "eyJ7S_zG.eyJbYu3.xDj09".to_owned()),
        ("tampered", "One character is another.", tampered),
        ("shortened", "One character less.", good[..good.len() - 1].to_owned()),
        ("lengthened", "One character more.", format!("{good}A")),
        ("padded", "With padding.", format!("{good}=")),
        (
            "of-other-key",
            "It was issued to another key.",
            issued(&world.ring, &run(), Some(&world.other), AT - 1),
        ),
        (
            "of-other-server",
            "Another server sealed it.",
            issued(&foreign, &run(), Some(&world.device), AT - 1),
        ),
        (
            "of-earlier-run",
            "An earlier run of the server issued it.",
            issued(&world.ring, &earlier, Some(&world.device), AT - 1),
        ),
        (
            "of-earlier-run-to-anybody",
            "An earlier run issued it to nobody in particular.",
            issued(&world.ring, &earlier, None, AT - 1),
        ),
        ("challenge", "A challenge of DBSC, sealed with the same root key.", world.challenge()),
        ("code", "A code, sealed with the same root key.", {
            holdfast_core::oauth::code(&world.ring, session, now).reveal().to_owned()
        }),
    ];
    cases
        .into_iter()
        .flat_map(|(name, note, nonce)| {
            let signed = with(world, &nonce).sign(&world.device);
            [("asked-for", Demand::Always), ("unasked", Demand::Optional)].map(|(when, demand)| {
                proof(world, &format!("nonce-{name}-{when}"), note, signed.clone())
                    .demanding(demand)
                    .checks(&["N03"])
                    .breaks(Rule::P17)
            })
        })
        .collect()
}

fn accepted(world: &World) -> Vec<ProofVector> {
    let case =
        |name: &str, note: &str, check: &str, draft: Draft, seconds_ago: u64| {
            proof(world, name, note, draft.sign(&world.device))
                .demanding(Demand::Always)
                .checks(&[check])
                .leaves(&world.device, "proof-1", end_of(seconds_ago), Some(seconds_ago >= 150))
        };
    let previous = Keyring::new(&world.keys.previous_root(), &[]);
    let of_previous = issued(&previous, &run(), Some(&world.device), AT - 1);
    let to_anybody = issued(&world.ring, &run(), None, AT - 1);
    let second = with(world, &nonce(world, 1)).claim("jti", r#""proof-2""#);
    let three_hours = 3 * 3600;
    vec![
        case("nonce", "The proof after a challenge.", "N02", with(world, &nonce(world, 1)), 1),
        case("nonce-of-now", "Issued in the same second.", "N02", with(world, &nonce(world, 0)), 0),
        case("nonce-to-anybody", "Issued before the key was known.", "N02", with(world, &to_anybody), 1),
        case(
            "nonce-of-previous-root",
            "Sealed with the root key before this one.",
            "N07",
            with(world, &of_previous),
            1,
        ),
        case(
            "nonce-not-worn",
            "In the last second of its first half.",
            "N04",
            with(world, &nonce(world, 149)),
            149,
        ),
        case(
            "nonce-worn",
            "In the first second of its second half.",
            "N04",
            with(world, &nonce(world, 150)),
            150,
        ),
        case(
            "nonce-in-its-last-second",
            "Alive for a second more.",
            "N04",
            with(world, &nonce(world, 299)),
            299,
        ),
        case(
            "nonce-clock-behind",
            "The device's clock is three hours behind.",
            "N08",
            with(world, &nonce(world, 1)).claim("iat", &(AT - three_hours).to_string()),
            1,
        ),
        case(
            "nonce-clock-ahead",
            "The device's clock is three hours ahead.",
            "N08",
            with(world, &nonce(world, 1)).claim("iat", &(AT + three_hours).to_string()),
            1,
        ),
        case(
            "nonce-clock-never-set",
            "The device believes it is 1970.",
            "N08",
            with(world, &nonce(world, 1)).claim("iat", "0"),
            1,
        ),
        proof(
            world,
            "nonce-used-again",
            "A nonce may be used again, by another proof.",
            second.sign(&world.device),
        )
        .demanding(Demand::Always)
        .checks(&["N10"])
        .leaves(&world.device, "proof-2", end_of(1), Some(false)),
        proof(world, "nonce-unasked", "A nonce that nobody asked for is judged, and counts.", {
            with(world, &nonce(world, 1)).sign(&world.device)
        })
        .leaves(&world.device, "proof-1", end_of(1), Some(false)),
        proof(world, "nonce-sticky", "Whoever has shown one goes on doing so.", {
            with(world, &nonce(world, 1)).sign(&world.device)
        })
        .demanding(Demand::Sticky)
        .leaves(&world.device, "proof-1", end_of(1), Some(false)),
        proof(world, "nonce-does-not-mend-iat", "With a nonce, too, iat is a number.", {
            with(world, &nonce(world, 1)).claim("iat", r#""now""#).sign(&world.device)
        })
        .checks(&["V41"])
        .breaks(Rule::P11),
        proof(world, "nonce-does-not-mend-exp", "With a nonce, too, exp is kept.", {
            with(world, &nonce(world, 1)).claim("exp", &(AT - 15).to_string()).sign(&world.device)
        })
        .checks(&["V43"])
        .breaks(Rule::P21),
    ]
}

/// A run that has begun a moment ago.
fn younger(world: &World) -> Vec<ProofVector> {
    let case = |name: &str, note: &str, began_ago: u64, draft: Draft| {
        let run = Run { since: AT - began_ago, ..run() };
        let vector = proof(world, name, note, draft.sign(&world.device)).demanding(Demand::UnlessYounger);
        ProofVector { run, ..vector }.checks(&["V09"])
    };
    let boot = Boot { id: *b"boot", at: UnixTime::from_secs(AT - 5) };
    let key = Thumbprint::from_text(&jkt(&world.device)).unwrap();
    let fresh = issue_nonce(&world.ring, &boot, Some(&key), UnixTime::from_secs(AT - 1));
    vec![
        case(
            "older-than-run",
            "Signed before the run began.",
            1,
            base(world).claim("iat", &(AT - 2).to_string()),
        )
        .breaks(Rule::P22),
        case("as-old-as-run", "Signed when the run began.", 0, base(world)).breaks(Rule::P22),
        case(
            "perhaps-older-than-run",
            "Younger than the run, unless the clock is as wrong as it may be.",
            15,
            base(world),
        )
        .breaks(Rule::P22),
        case("from-ahead-perhaps-older-than-run", "The same, by a clock that is ahead.", 0, {
            base(world).claim("iat", &(AT + 15).to_string())
        })
        .breaks(Rule::P22),
        case("younger-than-run", "Younger than the run by every clock.", 16, base(world)).passes(
            &world.device,
            "proof-1",
            AT,
        ),
        case(
            "nonce-of-young-run",
            "A nonce of this run says that the proof is younger.",
            5,
            with(world, &fresh),
        )
        .leaves(&world.device, "proof-1", AT - 1 + 300, Some(false)),
    ]
}
