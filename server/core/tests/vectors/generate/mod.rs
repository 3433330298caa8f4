//! Makes the vector files, the same each time: fixed keys, fixed ids, fixed times, deterministic signatures.

mod accepted;
mod algorithms;
mod compact_form;
pub(crate) mod dpop;
mod ec_keys;
mod http;
mod jwk_members;
mod oauth;
mod objects;
mod refresh;
mod registration;
mod rsa_keys;

use holdfast_core::{Rule, jose::Algorithm};
use serde::Serialize;

use crate::{
    compact::sign,
    keys::Device,
    model::{Accepted, Endpoint, File, SessionState, Vector},
    world::{AT_REFRESH, AT_REGISTRATION, BOTH, ORIGIN, World},
};

/// Every file with its text.
pub(crate) fn files(world: &World) -> Vec<(String, String)> {
    let mut files = vec![
        file("dbsc/accepted.json", "Proofs that keep every rule.", accepted::vectors(world)),
        file("dbsc/algorithms.json", "Which algorithm a proof may name.", algorithms::vectors(world)),
        file("dbsc/compact.json", "The compact form and its base64url.", compact_form::vectors(world)),
        file("dbsc/ec_keys.json", "EC keys that are none.", ec_keys::vectors(world)),
        file("dbsc/jwk_members.json", "What a JWK says besides its numbers.", jwk_members::vectors(world)),
        file("dbsc/objects.json", "Header and payload as JSON objects.", objects::vectors(world)),
        file("dbsc/refresh.json", "The rules of a refresh.", refresh::vectors(world)),
        file("dbsc/registration.json", "The rules of a registration.", registration::vectors(world)),
        file("dbsc/rsa_keys.json", "RSA keys that are none.", rsa_keys::vectors(world)),
        file("http/headers.json", "Header fields, judged before a proof is read.", http::headers(world)),
        file("http/sessions.json", "Good proofs for sessions in the wrong state.", http::sessions(world)),
    ];
    files.extend(dpop::files(world));
    files.extend(oauth::files(world));
    files
}

fn file<V: Serialize>(name: &str, about: &str, vectors: Vec<V>) -> (String, String) {
    let about = format!("{about} Made by server/core/tests/vectors/generate; keys in keys.json.");
    let text = serde_json::to_string_pretty(&File { about, vectors }).expect("vectors are JSON");
    (name.to_owned(), text + "\n")
}

/// The header of an ES256 registration, as Chromium writes it.
fn registration_header(device: &impl Device, algorithm: Algorithm) -> String {
    format!(r#"{{"alg":"{}","jwk":{},"typ":"dbsc+jwt"}}"#, algorithm.as_str(), device.jwk())
}

/// The header of a registration with any JWK.
fn header_with(jwk: &str, algorithm: &str) -> String {
    format!(r#"{{"alg":"{algorithm}","jwk":{jwk},"typ":"dbsc+jwt"}}"#)
}

/// The header of an ES256 refresh, as Chromium writes it.
const REFRESH_HEADER: &str = r#"{"alg":"ES256","typ":"dbsc+jwt"}"#;

/// A registration proof that keeps every rule.
fn good_registration(world: &World) -> String {
    let header = registration_header(&world.device, Algorithm::Es256);
    sign(header, world.offered().payload(), &world.device)
}

/// A refresh proof that keeps every rule.
fn good_refresh(world: &World) -> String {
    sign(REFRESH_HEADER, refresh_payload(world), &world.device)
}

fn refresh_payload(world: &World) -> String {
    format!(r#"{{"jti":"{}"}}"#, world.challenge())
}

/// A registration in ordinary circumstances.
fn register(name: &str, note: &str, proof: String) -> Vector {
    Vector {
        name: name.to_owned(),
        note: note.to_owned(),
        checks: Vec::new(),
        rule: None,
        endpoint: Endpoint::Register,
        at: AT_REGISTRATION,
        origin: ORIGIN.to_owned(),
        offered: BOTH.iter().map(|algorithm| algorithm.as_str().to_owned()).collect(),
        session: World::unbound(),
        header: None,
        proof: Some(proof),
        accepted: None,
    }
}

/// A refresh of the session that is bound to the ES256 key.
fn refresh(world: &World, name: &str, note: &str, proof: String) -> Vector {
    Vector {
        endpoint: Endpoint::Refresh,
        at: AT_REFRESH,
        offered: Vec::new(),
        session: World::bound(&world.device),
        ..register(name, note, proof)
    }
}

/// The same damage done to a registration and to a refresh.
fn both(world: &World, name: &str, note: &str, damage: impl Fn(&str) -> String) -> [Vector; 2] {
    [
        register(&format!("register-{name}"), note, damage(&good_registration(world))),
        refresh(world, &format!("refresh-{name}"), note, damage(&good_refresh(world))),
    ]
}

impl Vector {
    fn breaks(self, rule: Rule) -> Self {
        Self { rule: Some(rule.id().to_owned()), ..self }
    }

    fn checks(self, checks: &[&str]) -> Self {
        Self { checks: checks.iter().map(|check| (*check).to_owned()).collect(), ..self }
    }

    fn at(self, at: u64) -> Self {
        Self { at, ..self }
    }

    fn offering(self, algorithms: &[&str]) -> Self {
        Self { offered: algorithms.iter().map(|name| (*name).to_owned()).collect(), ..self }
    }

    fn with_session(self, session: SessionState) -> Self {
        Self { session, ..self }
    }

    /// Puts the proof into its field in another way than bare.
    fn in_field(self, write: impl FnOnce(&str) -> String) -> Self {
        let header = self.proof.as_deref().map(write);
        Self { header, proof: None, ..self }
    }

    fn leaves(self, thumbprint: String, generation: u32) -> Self {
        Self { accepted: Some(Accepted { thumbprint, generation }), ..self }
    }
}
