//! Proofs that a real browser made: Chromium 156, captured at a loopback server.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use holdfast_core::{
    Rule, UnixTime,
    dbsc::UnverifiedRegistration,
    jose::{Algorithm, Object, PublicKey, UnverifiedJws},
};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::{files::Files, world::World};

#[derive(Deserialize)]
struct Capture {
    vectors: Vec<Captured>,
}

#[derive(Deserialize)]
struct Captured {
    kind: String,
    alg: String,
    tag: String,
    url: String,
    jws: String,
}

impl Captured {
    fn is_attested(&self) -> bool {
        self.tag == "aik" && self.kind == "registration"
    }
}

#[test]
fn every_captured_proof_verifies() {
    let captured = captured();
    let mut keys: BTreeMap<(&str, &str), PublicKey> = BTreeMap::new();
    let (mut registrations, mut refreshes) = (0, 0);
    for proof in &captured {
        let owner = (proof.alg.as_str(), proof.tag.as_str());
        let expected_aud = (proof.tag == "aud" || proof.is_attested()).then_some(proof.url.as_str());
        if proof.kind == "registration" {
            registrations += 1;
            let (key, claims) = registration(&proof.jws, proof, proof.is_attested());
            assert_eq!(claims.text("aud"), expected_aud);
            assert_eq!(claims.text("authorization"), (proof.tag == "auth").then_some("login-code-1"));
            if !proof.is_attested() {
                assert_eq!(claims.text("jti"), Some("reg-challenge-1"));
                keys.insert(owner, key);
                continue;
            }
            // An attested proof is the attestation key's; in its jti stands the proof of the key to bind.
            let inner = claims.text("jti").unwrap();
            let (key, claims) = registration(inner, proof, false);
            assert_eq!(claims.text("jti"), Some("reg-challenge-1"));
            keys.insert(owner, key);
        } else {
            refreshes += 1;
            let jws = UnverifiedJws::parse(&proof.jws).unwrap();
            assert!(!jws.has_jwk() && jws.typ() == Some("dbsc+jwt"));
            let verified = jws.verify(&keys[&owner], Rule::DRef06).unwrap();
            assert_eq!(verified.claims().text("jti"), Some("refresh-challenge-1"));
            assert_eq!(verified.claims().text("aud"), (proof.tag == "aud").then_some(proof.url.as_str()));
        }
    }
    assert!(registrations >= 5 && refreshes >= 5, "{registrations} registrations, {refreshes} refreshes");
}

/// Verifies a proof with the key in its own header.
fn registration(jws: &str, proof: &Captured, attested: bool) -> (PublicKey, Object) {
    let unverified = UnverifiedJws::parse(jws).unwrap();
    let algorithm: Algorithm = proof.alg.parse().unwrap();
    assert_eq!(unverified.algorithm(), Some(algorithm));
    assert_eq!(unverified.typ(), Some(if attested { "dbsc+aik" } else { "dbsc+jwt" }));
    let key = PublicKey::from_jwk(unverified.jwk().unwrap(), algorithm).unwrap();
    assert_eq!(key.thumbprint().to_string(), independent_thumbprint(jws));
    let verified = unverified.verify(&key, Rule::DReg10).unwrap();
    (key, verified.claims().clone())
}

#[test]
fn a_captured_proof_of_another_key_does_not_verify() {
    let captured = captured();
    let of = |kind: &str, tag: &str| {
        captured.iter().find(|proof| proof.kind == kind && proof.tag == tag && proof.alg == "ES256").unwrap()
    };
    let stranger = UnverifiedJws::parse(&of("registration", "auth").jws).unwrap();
    let key = PublicKey::from_jwk(stranger.jwk().unwrap(), Algorithm::Es256).unwrap();
    let refresh = UnverifiedJws::parse(&of("refresh", "").jws).unwrap();
    assert_eq!(refresh.verify(&key, Rule::DRef06).unwrap_err().rule, Rule::DRef06);
}

#[test]
fn an_attested_proof_is_no_registration() {
    let world = World::new();
    let mut attested = 0;
    for proof in captured().iter().filter(|proof| proof.is_attested()) {
        attested += 1;
        let rejected = UnverifiedRegistration::parse(&proof.jws, &world.ring, UnixTime::EPOCH).unwrap_err();
        assert_eq!(rejected.rule, Rule::DReg02);
    }
    assert!(attested > 0);
}

#[test]
fn a_captured_challenge_is_not_ours() {
    let world = World::new();
    for proof in captured().iter().filter(|proof| proof.tag.is_empty() && proof.kind == "registration") {
        let rejected = UnverifiedRegistration::parse(&proof.jws, &world.ring, UnixTime::EPOCH).unwrap_err();
        assert_eq!(rejected.rule, Rule::DReg06);
    }
}

fn captured() -> Vec<Captured> {
    serde_json::from_str::<Capture>(&Files::read("dbsc-chromium156.json")).unwrap().vectors
}

/// RFC 7638 by way of a sorted map: the members of a public JWK are just those that a thumbprint wants.
fn independent_thumbprint(jws: &str) -> String {
    let header = URL_SAFE_NO_PAD.decode(jws.split('.').next().unwrap()).unwrap();
    let header: serde_json::Value = serde_json::from_slice(&header).unwrap();
    let members: BTreeMap<String, String> = serde_json::from_value(header["jwk"].clone()).unwrap();
    URL_SAFE_NO_PAD.encode(Sha256::digest(serde_json::to_vec(&members).unwrap()))
}
