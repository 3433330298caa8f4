//! RS256 proofs, taken from the vectors: RSA keys are slow to make.

use std::{fs, hint::black_box, path::Path};

use criterion::Criterion;
use holdfast_core::{
    Rule,
    jose::{Algorithm, Object, PublicKey, UnverifiedJws},
};
use serde::Deserialize;

#[derive(Deserialize)]
struct File {
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    name: String,
    proof: Option<String>,
    session: serde_json::Value,
}

/// Reads and verifies as the two endpoints do, but for the challenge, whose cost does not hang on the algorithm.
pub(crate) fn rs256(criterion: &mut Criterion) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/dbsc/accepted.json");
    let file: File = serde_json::from_str(&fs::read_to_string(path).expect("the vectors are there"))
        .expect("the vectors have their shape");
    let of =
        |name: &str| file.vectors.iter().find(|vector| vector.name == name).expect("the vector is there");
    let registration = of("register-rs256").proof.as_deref().expect("it has a proof");
    criterion.bench_function("registration proof, RS256", |bench| {
        bench.iter(|| {
            let jws = UnverifiedJws::parse(black_box(registration)).expect("it reads");
            let key = PublicKey::from_jwk(jws.jwk().expect("it has a key"), Algorithm::Rs256)
                .expect("the key is good");
            jws.verify(&key, Rule::DReg10).expect("it fits")
        });
    });
    let refresh = of("refresh-rs256");
    let jwk = refresh.session.get("jwk").expect("the session has a key").to_string();
    let jwk = Object::parse(jwk.as_bytes()).expect("the key is an object");
    let key = PublicKey::from_jwk(&jwk, Algorithm::Rs256).expect("the key is good");
    let refresh = refresh.proof.as_deref().expect("it has a proof");
    criterion.bench_function("refresh proof, RS256", |bench| {
        bench.iter(|| {
            UnverifiedJws::parse(black_box(refresh))
                .and_then(|jws| jws.verify(&key, Rule::DRef06))
                .expect("it fits")
        });
    });
}
