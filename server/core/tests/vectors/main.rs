//! The vectors: files in `tests/vectors/` that say what a message is and what must become of it.
//!
//! The files are what counts; another implementation can read them without this one. They are made by `generate`,
//! which also checks that they are up to date: run with `HOLDFAST_WRITE_VECTORS=1` to write them anew.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a vector that cannot be made or read fails the test"
)]
#![expect(clippy::indexing_slicing, reason = "the attacks cut proofs where they know them to be long enough")]

mod chromium;
mod compact;
mod dpop;
mod files;
mod generate;
mod judge;
mod keys;
mod model;
mod oauth;
mod pss;
mod world;

use std::collections::BTreeMap;

use crate::{files::Files, judge::judge, world::World};

#[test]
fn the_files_are_up_to_date() {
    let world = World::new();
    for (path, text) in generate::files(&world) {
        Files::write_or_compare(&path, &text);
    }
}

#[test]
fn every_vector_is_judged_as_it_says() {
    let world = World::new();
    for vector in Files::dbsc() {
        assert_eq!(judge(&world, &vector), vector.expected(), "{}: {}", vector.name, vector.note);
    }
}

#[test]
fn every_dpop_proof_is_judged_as_it_says() {
    let world = World::new();
    for vector in Files::dpop() {
        assert_eq!(dpop::judge(&world, &vector), vector.expected(), "{}: {}", vector.name, vector.note);
    }
}

#[test]
fn every_grant_is_judged_as_it_says() {
    let world = World::new();
    for vector in Files::grants() {
        assert_eq!(
            oauth::judge_grant(&world, &vector),
            vector.expected(),
            "{}: {}",
            vector.name,
            vector.note
        );
    }
}

#[test]
fn every_access_token_is_judged_as_it_says() {
    for vector in Files::tokens() {
        assert_eq!(oauth::judge_token(&vector), vector.expected(), "{}: {}", vector.name, vector.note);
    }
}

/// A proof with another signature that fits, or with another claim beside its `jti`, is no second proof; one by another
/// key is.
#[test]
fn what_is_remembered_of_a_proof_is_its_key_and_jti() {
    let vectors = Files::dpop();
    let id_of = |name: &str| {
        let vector = vectors.iter().find(|vector| vector.name == name).unwrap();
        vector.accepted.as_ref().unwrap().replay_id.clone()
    };
    let proof_of = |name: &str| &vectors.iter().find(|vector| vector.name == name).unwrap().fields;
    for same in ["dpop-malleable", "dpop-same-jti-other-request"] {
        assert_ne!(proof_of("dpop-es256"), proof_of(same));
        assert_eq!(id_of("dpop-es256"), id_of(same), "{same}");
    }
    assert_eq!(id_of("dpop-ps256"), id_of("dpop-ps256-other-salt"));
    for other in ["dpop-same-jti-other-key", "dpop-nonce-used-again", "dpop-eddsa"] {
        assert_ne!(id_of("dpop-es256"), id_of(other), "{other}");
    }
}

#[test]
fn names_are_unique() {
    let mut seen = BTreeMap::new();
    for folder in ["dbsc", "dpop", "http", "oauth"] {
        for file in Files::names(folder) {
            for vector in Files::vectors::<serde_json::Value>(&file) {
                let name = vector["name"].as_str().unwrap().to_owned();
                let before = seen.insert(name.clone(), file.clone());
                assert_eq!(before, None, "{name} is in {file} as well");
            }
        }
    }
}

#[test]
fn bad_cases_outnumber_good_ones() {
    for folder in ["dbsc", "dpop", "oauth"] {
        let vectors: Vec<serde_json::Value> =
            Files::names(folder).iter().flat_map(|file| Files::vectors(file)).collect();
        let accepted = vectors.iter().filter(|vector| vector["rule"].is_null()).count();
        assert!(accepted * 2 < vectors.len(), "{folder}: {accepted} of {} are accepted", vectors.len());
    }
}
