//! G-04 and G-08 to G-11: refresh tokens.

use holdfast_core::{Keyring, Rule};

use super::{GENERATION, LAST_PROOF, RANDOM, exchange, good_code, offered, token, token_of};
use crate::{
    oauth::{GrantVector, State},
    world::World,
};

pub(super) fn vectors(world: &World) -> Vec<GrantVector> {
    let mut vectors = accepted(world);
    vectors.extend(unknown(world));
    vectors.extend(of_others(world));
    vectors.extend(again(world));
    vectors
}

fn accepted(world: &World) -> Vec<GrantVector> {
    let next = || token(world, GENERATION + 1);
    let previous = Keyring::new(&world.keys.previous_root(), &[]);
    let of_previous = token_of(&previous, World::session(), RANDOM, GENERATION);
    let followed = token_of(&previous, World::session(), RANDOM, GENERATION + 1);
    let resealed = super::Sealed { text: resealed(world, &of_previous.text), ..followed };
    vec![
        exchange(world, "rotated", "The ordinary case.").checks(&["R01"]).leaves(
            &world.device,
            GENERATION + 1,
            next(),
        ),
        exchange(world, "rotated-at-once", "In the second in which the last one was taken.")
            .at(world, LAST_PROOF)
            .leaves(&world.device, GENERATION + 1, next()),
        exchange(world, "rotated-after-a-year", "How long a grant lives is for its session to say.")
            .at(world, LAST_PROOF + 366 * 86_400)
            .leaves(&world.device, GENERATION + 1, next()),
        exchange(world, "repeated", "The answer was lost: the same successor again, and nothing moves.")
            .with_token(token(world, GENERATION - 1).text)
            .at(world, LAST_PROOF + 30)
            .checks(&["R03"])
            .leaves(&world.device, GENERATION, token(world, GENERATION)),
        exchange(world, "repeated-at-once", "Two workers with one key.")
            .with_token(token(world, GENERATION - 1).text)
            .at(world, LAST_PROOF)
            .checks(&["R03"])
            .leaves(&world.device, GENERATION, token(world, GENERATION)),
        exchange(world, "repeated-in-the-last-second", "A minute is a minute.")
            .with_token(token(world, GENERATION - 1).text)
            .at(world, LAST_PROOF + 59)
            .checks(&["R03"])
            .leaves(&world.device, GENERATION, token(world, GENERATION)),
        exchange(
            world,
            "of-previous-root",
            "Sealed with the root key before this one: the next one is sealed with the new.",
        )
        .with_session(|session| {
            if let State::Running { token_hash, .. } = &mut session.state {
                token_hash.clone_from(&of_previous.hash);
            }
        })
        .with_token(of_previous.text.clone())
        .leaves(&world.device, GENERATION + 1, resealed),
    ]
}

/// The successor of a token that a former root key sealed, as the current one seals it.
fn resealed(world: &World, text: &str) -> String {
    let opened = holdfast_core::oauth::AuthenticRefreshToken::open(&world.ring, text).unwrap();
    opened.successor().unwrap().seal(&world.ring).reveal().to_owned()
}

fn unknown(world: &World) -> Vec<GrantVector> {
    let good = token(world, GENERATION).text;
    let mut tampered = good.clone();
    tampered.replace_range(60..61, if &good[60..61] == "A" { "B" } else { "A" });
    let foreign = Keyring::new(&world.keys.foreign_root(), &[]);
    let of = |random: [u8; 32], generation| token_of(&world.ring, World::session(), random, generation).text;
    let cases = [
        ("empty", "An empty text.", String::new()),
        ("guessed", "Nothing of ours.", "tGzv3JOkF0XG5Qx2TlKWIA".to_owned()),
        ("tampered", "One character is another.", tampered),
        ("padded", "With padding.", format!("{good}=")),
        ("of-other-server", "Another server sealed it.", {
            token_of(&foreign, World::session(), RANDOM, GENERATION).text
        }),
        ("is-code", "A code, sealed with the same root key.", good_code(world)),
        (
            "of-other-line",
            "A token of this number that was never issued for this grant.",
            of([0x22; 32], GENERATION),
        ),
    ];
    let mut vectors: Vec<_> = cases
        .into_iter()
        .map(|(name, note, token)| exchange(world, name, note).with_token(token).breaks(Rule::G08))
        .collect();
    vectors.push(
        exchange(world, "before-redemption", "The code has not been redeemed: there is no token yet.")
            .with_session(|session| *session = offered())
            .with_token(token(world, 1).text)
            .breaks(Rule::G08),
    );
    vectors
}

fn of_others(world: &World) -> Vec<GrantVector> {
    let ended = |name: &str, reason: &str| {
        exchange(world, name, "With the session ends what it granted.")
            .with_session(|session| session.ended = Some(reason.to_owned()))
            .checks(&["R08"])
            .breaks(Rule::G11)
    };
    vec![
        exchange(world, "of-other-client", "Another client.").of_client("app-2").breaks(Rule::G04),
        exchange(
            world,
            "of-other-client-with-own-key",
            "Another client with another key: the theft counts for more than the client.",
        )
        .of_client("app-2")
        .by(&world.other, "ES256")
        .breaks(Rule::G09),
        exchange(world, "by-thief", "The current token with the thief's key.")
            .by(&world.other, "ES256")
            .checks(&["R02"])
            .breaks(Rule::G09),
        exchange(world, "by-thief-with-other-kind-of-key", "The current token with the thief's key.")
            .by(&world.ed, "EdDSA")
            .checks(&["R02"])
            .breaks(Rule::G09),
        exchange(world, "old-by-thief", "An old token with the thief's key: noticed, and nothing ends.")
            .with_token(token(world, 1).text)
            .by(&world.other, "ES256")
            .checks(&["R02"])
            .breaks(Rule::G09),
        exchange(
            world,
            "just-taken-by-thief",
            "The token before with the thief's key: no successor for them.",
        )
        .with_token(token(world, GENERATION - 1).text)
        .at(world, LAST_PROOF + 1)
        .by(&world.other, "ES256")
        .checks(&["R02"])
        .breaks(Rule::G09),
        ended("of-logged-out", "logout"),
        ended("of-revoked", "revoked"),
        ended("of-expired", "absolute"),
        exchange(world, "of-browser-session", "The session of a browser grants nothing.")
            .with_session(|session| session.client_id = None)
            .breaks(Rule::G11),
    ]
}

fn again(world: &World) -> Vec<GrantVector> {
    let of = |random: [u8; 32], generation| token_of(&world.ring, World::session(), random, generation).text;
    let cases = [
        ("just-too-late", "A minute has passed.", token(world, GENERATION - 1).text, 60),
        ("an-hour-late", "An hour has passed.", token(world, GENERATION - 1).text, 3600),
        ("two-behind", "Two generations ago, within the minute.", token(world, GENERATION - 2).text, 1),
        ("of-the-future", "A token that was not given out yet.", token(world, GENERATION + 1).text, 1),
        ("before-of-other-line", "The number before, of another line.", of([0x22; 32], GENERATION - 1), 1),
    ];
    cases
        .into_iter()
        .map(|(name, note, token, after)| {
            exchange(world, &format!("again-{name}"), note)
                .with_token(token)
                .at(world, LAST_PROOF + after)
                .checks(&["R04"])
                .breaks(Rule::G10)
        })
        .collect()
}
