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
mod files;
mod generate;
mod judge;
mod keys;
mod model;
mod world;

use std::collections::BTreeSet;

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
fn names_are_unique_and_bad_cases_outnumber_good_ones() {
    let vectors = Files::dbsc();
    let names: BTreeSet<_> = vectors.iter().map(|vector| vector.name.as_str()).collect();
    assert_eq!(names.len(), vectors.len(), "two vectors have one name");
    let accepted = vectors.iter().filter(|vector| vector.rule.is_none()).count();
    assert!(accepted * 2 < vectors.len(), "{accepted} of {} vectors are accepted", vectors.len());
}
