//! P-11, P-18 and P-21: times that are none, or not now.

use holdfast_core::Rule;

use super::{AT, LATEST, base, proof};
use crate::{dpop::ProofVector, world::World};

pub(super) fn vectors(world: &World) -> Vec<ProofVector> {
    let mut vectors = not_now(world);
    vectors.extend(no_time(world));
    vectors.extend(limits(world));
    vectors
}

fn not_now(world: &World) -> Vec<ProofVector> {
    let cases = [
        ("76-s-ago", "A second too old.", (AT - LATEST - 1).to_string()),
        ("in-16-s", "A second too far ahead.", (AT + 16).to_string()),
        ("an-hour-ago", "An hour old.", (AT - 3600).to_string()),
        ("in-an-hour", "An hour ahead.", (AT + 3600).to_string()),
        ("zero", "1970.", "0".to_owned()),
        ("minus-zero", "1970 by another sign.", "-0".to_owned()),
        ("one", "1970.", "1".to_owned()),
        ("fraction-of-1970", "1970.", "1e-300".to_owned()),
        ("year-9999", "The last second that is a time at all.", "253402300799".to_owned()),
        ("minutes", "Minutes instead of seconds.", (AT / 60).to_string()),
        ("of-2038", "The last second of 32 bits.", "2147483647".to_owned()),
        ("of-2106", "The last second of 32 bits without a sign.", "4294967295".to_owned()),
    ];
    cases
        .into_iter()
        .map(|(name, note, iat)| {
            proof(world, &format!("iat-{name}"), note, base(world).claim("iat", &iat).sign(&world.device))
                .checks(&["V41"])
                .breaks(Rule::P18)
        })
        .collect()
}

fn no_time(world: &World) -> Vec<ProofVector> {
    let cases = [
        ("minus-1", "Before 1970.", "-1".to_owned()),
        ("milliseconds", "Milliseconds instead of seconds.", format!("{AT}000")),
        ("year-10000", "The first second of the year 10000.", "253402300800".to_owned()),
        ("i64-min", "The least number of 64 bits: now less this wraps.", i64::MIN.to_string()),
        ("i64-min-plus-now", "A number whose distance to now is the largest there is.", {
            (i64::MIN + i64::try_from(AT).unwrap()).to_string()
        }),
        ("i64-max", "The largest number of 64 bits.", i64::MAX.to_string()),
        ("i64-max-plus-1", "One more than that.", "9223372036854775808".to_owned()),
        ("u64-max", "The largest number of 64 bits without a sign.", u64::MAX.to_string()),
        ("u64-max-plus-1", "One more than that.", "18446744073709551616".to_owned()),
        ("1e300", "A float beyond every integer.", "1e300".to_owned()),
        ("minus-1e300", "The same below zero.", "-1e300".to_owned()),
        ("minus-half", "Half a second before 1970.", "-0.5".to_owned()),
        ("text", "The number as a text.", format!(r#""{AT}""#)),
        ("empty-text", "An empty text.", r#""""#.to_owned()),
        ("date", "A date.", r#""2027-01-15T09:00:00Z""#.to_owned()),
    ];
    let mut vectors: Vec<_> = cases
        .into_iter()
        .map(|(name, note, iat)| {
            proof(world, &format!("iat-{name}"), note, base(world).claim("iat", &iat).sign(&world.device))
                .checks(&["V41"])
                .breaks(Rule::P11)
        })
        .collect();
    for (name, iat) in
        [("infinite", "1e999"), ("nan", "NaN"), ("leading-zero", "01800003600"), ("hex", "0x6b49e010")]
    {
        vectors.push(
            proof(
                world,
                &format!("iat-{name}"),
                "No number of JSON.",
                base(world).claim("iat", iat).sign(&world.device),
            )
            .checks(&["V41"])
            .breaks(Rule::J04),
        );
    }
    vectors
}

fn limits(world: &World) -> Vec<ProofVector> {
    let cases = [
        ("exp-past", "Expired an hour ago.", "exp", (AT - 3600).to_string()),
        ("exp-edge", "Expired just now by the slowest clock.", "exp", (AT - 15).to_string()),
        ("exp-zero", "Expired in 1970.", "exp", "0".to_owned()),
        ("exp-text", "A text.", "exp", format!(r#""{}""#, AT + 300)),
        ("exp-null", "null.", "exp", "null".to_owned()),
        ("exp-negative", "Before 1970.", "exp", "-1".to_owned()),
        ("exp-i64-max", "Beyond the calendar.", "exp", i64::MAX.to_string()),
        ("nbf-future", "Not before an hour from now.", "nbf", (AT + 3600).to_string()),
        ("nbf-edge", "Not before the next second by the fastest clock.", "nbf", (AT + 16).to_string()),
        ("nbf-text", "A text.", "nbf", format!(r#""{AT}""#)),
        ("nbf-true", "A truth.", "nbf", "true".to_owned()),
        ("nbf-i64-min", "Before 1970.", "nbf", i64::MIN.to_string()),
    ];
    let mut vectors: Vec<_> = cases
        .into_iter()
        .map(|(name, note, claim, value)| {
            proof(world, name, note, base(world).claim(claim, &value).sign(&world.device))
                .checks(&["V43"])
                .breaks(Rule::P21)
        })
        .collect();
    for (name, claim, value) in [("exp-last-second", "exp", AT - 14), ("nbf-first-second", "nbf", AT + 15)] {
        vectors.push(
            proof(world, name, "Kept, by a clock that is off as far as may be.", {
                base(world).claim(claim, &value.to_string()).sign(&world.device)
            })
            .checks(&["V44"])
            .passes(&world.device, "proof-1", AT),
        );
    }
    vectors
}
