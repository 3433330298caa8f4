//! P-10: addresses that are another's, or none.

use holdfast_core::Rule;

use super::{URL, base, proof, text};
use crate::{dpop::ProofVector, world::World};

pub(super) fn vectors(world: &World) -> Vec<ProofVector> {
    let mut vectors = others(world);
    vectors.extend(no_address(world));
    vectors.extend(no_target(world));
    vectors
}

/// Another resource, however much it looks like this one.
fn others(world: &World) -> Vec<ProofVector> {
    let cases = [
        ("trailing-slash", "https://api.test/v1/r/"),
        ("leading-slashes", "https://api.test//v1/r"),
        ("inner-slashes", "https://api.test/v1//r"),
        ("path-case", "https://api.test/V1/r"),
        ("encoded-slash", "https://api.test/v1%2Fr"),
        ("suffix", "https://api.test/v1/rx"),
        ("prefix", "https://api.test/v1"),
        ("no-path-at-all", "https://api.test"),
        ("http", "http://api.test/v1/r"),
        ("http-443", "http://api.test:443/v1/r"),
        ("port-444", "https://api.test:444/v1/r"),
        ("port-80", "https://api.test:80/v1/r"),
        ("other-host", "https://evil.test/v1/r"),
        ("subdomain", "https://x.api.test/v1/r"),
        ("parent-domain", "https://test/v1/r"),
        ("host-suffix", "https://api.test.evil.test/v1/r"),
        ("trailing-dot", "https://api.test./v1/r"),
        ("path-in-query", "https://api.test/?/v1/r"),
        ("path-in-fragment", "https://api.test/#/v1/r"),
        ("encoded-question-mark", "https://api.test/v1/r%3Fa=1"),
        ("double-encoding", "https://api.test/v1/%2572"),
        ("dots-too-far", "https://api.test/v1/r/.."),
        ("dot-at-end", "https://api.test/v1/r/."),
        ("parameters", "https://api.test/v1/r;a=1"),
        ("ipv4", "https://127.0.0.1/v1/r"),
    ];
    cases
        .into_iter()
        .map(|(name, htu)| {
            let check = if htu.starts_with("https://api.test/") { "V37" } else { "V38" };
            proof(world, &format!("htu-{name}"), "Another resource.", {
                base(world).claim("htu", &text(htu)).sign(&world.device)
            })
            .checks(&[check])
            .breaks(Rule::P10)
        })
        .collect()
}

/// What RFC 3986 does not let be an address, and a browser would repair.
fn no_address(world: &World) -> Vec<ProofVector> {
    let cases = [
        ("empty", ""),
        ("relative", "/v1/r"),
        ("no-scheme", "//api.test/v1/r"),
        ("host-only", "api.test/v1/r"),
        ("ftp", "ftp://api.test/v1/r"),
        ("one-slash", "https:/api.test/v1/r"),
        ("three-slashes", "https:///api.test/v1/r"),
        ("user", "https://user@api.test/v1/r"),
        ("user-and-password", "https://user:pw@api.test/v1/r"),
        ("empty-user", "https://@api.test/v1/r"),
        ("host-as-user", "https://api.test@evil.test/v1/r"),
        ("backslash", "https://api.test\\v1\\r"),
        ("backslashes-first", "https:\\\\api.test/v1/r"),
        ("tab", "https://api.test/v1\t/r"),
        ("newline", "https://api.test/v1/r\n"),
        ("newline-in-host", "https://api\n.test/v1/r"),
        ("space", "https://api.test/v1/ r"),
        ("leading-space", " https://api.test/v1/r"),
        ("nul", "https://api.test/v1/r\0"),
        ("not-ascii-path", "https://api.test/v1/r\u{e9}"),
        ("not-ascii-host", "https://\u{e4}pi.test/v1/r"),
        ("full-width-host", "https://ａpi.test/v1/r"),
        ("encoded-host", "https://%61pi.test/v1/r"),
        ("port-letters", "https://api.test:https/v1/r"),
        ("port-sign", "https://api.test:+443/v1/r"),
        ("port-too-large", "https://api.test:65536/v1/r"),
        ("port-twice", "https://api.test:443:443/v1/r"),
        ("half-triplet", "https://api.test/v1/r%7"),
        ("no-hex", "https://api.test/v1/%zz"),
        ("brackets", "https://api.test/v1/[r]"),
        ("open-bracket", "https://[api.test/v1/r"),
        ("braces", "https://api.test/v1/{r}"),
        ("quotes", "https://api.test/v1/\"r\""),
        ("ipv6-zone", "https://[fe80::1%25eth0]/v1/r"),
        ("two-addresses", "https://api.test/v1/r https://evil.test/"),
    ];
    let mut vectors: Vec<_> = cases
        .into_iter()
        .map(|(name, htu)| {
            proof(world, &format!("htu-no-{name}"), "No address.", {
                base(world).claim("htu", &text(htu)).sign(&world.device)
            })
        })
        .collect();
    let long = format!("{URL}/{}", "a".repeat(2048));
    vectors.push(proof(world, "htu-long", "Longer than an address is.", {
        base(world).claim("htu", &text(&long)).sign(&world.device)
    }));
    vectors.into_iter().map(|vector| vector.checks(&["V38"]).breaks(Rule::P10)).collect()
}

/// Requests whose own address cannot be compared with anything.
fn no_target(world: &World) -> Vec<ProofVector> {
    let cases = [
        ("userinfo", "https://user@api.test/v1/r"),
        ("not-http", "ws://api.test/v1/r"),
        ("open-bracket", "https://[api.test/v1/r"),
        ("raw-space", "https://api.test/v1/ r"),
    ];
    cases
        .into_iter()
        .map(|(name, url)| {
            proof(
                world,
                &format!("request-{name}"),
                "A request to no address: no proof fits, not even its own.",
                base(world).claim("htu", &text(url)).sign(&world.device),
            )
            .for_request("GET", url)
            .checks(&["V38"])
            .breaks(Rule::P10)
        })
        .collect()
}
