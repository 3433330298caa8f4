//! Asks the core what it thinks of a vector.

use std::{collections::BTreeMap, sync::Arc};

use holdfast_core::{
    Level, Method, Origin, Rejection, Rule, UnixTime,
    dbsc::{UnverifiedRefresh, UnverifiedRegistration, headers::read_raw_or_quoted},
    jose::{Algorithm, Object, PublicKey},
    session::{Binding, Login, Renewal, Session},
};

use crate::{
    model::{Accepted, Endpoint, Outcome, SessionState, Vector},
    world::{BEGAN, World},
};

/// What becomes of the vector's proof.
pub(crate) fn judge(world: &World, vector: &Vector) -> Outcome {
    let session = session(vector);
    let before = session.clone();
    let origin: Origin = vector.origin.parse().unwrap();
    let now = UnixTime::from_secs(vector.at);
    let field = vector.field();
    let proof =
        if vector.header.is_some() { read_raw_or_quoted(field).expect("readable") } else { field.into() };
    let after = match vector.endpoint {
        Endpoint::Register => register(world, vector, &session, &proof, &origin, now),
        Endpoint::Refresh => refresh(world, &session, &proof, &origin, now),
    };
    assert_eq!(session, before, "{}: a judgement changes nothing by itself", vector.name);
    after.map(|session| accepted(&session)).map_err(|rejection| rejection.rule.id().to_owned())
}

fn register(
    world: &World,
    vector: &Vector,
    session: &Session,
    proof: &str,
    origin: &Origin,
    now: UnixTime,
) -> Result<Session, Rejection> {
    let offered: Vec<Algorithm> = vector.offered.iter().map(|name| name.parse().unwrap()).collect();
    let unverified = UnverifiedRegistration::parse(proof, &world.ring, now)?;
    assert_eq!(unverified.session(), session.record().id, "{}: another session is meant", vector.name);
    let verified = unverified.verify(&offered, origin)?;
    session.bind(verified, now).map_err(|_not_bound| Rule::DReg13.into())
}

fn refresh(
    world: &World,
    session: &Session,
    proof: &str,
    origin: &Origin,
    now: UnixTime,
) -> Result<Session, Rejection> {
    let fresh = UnverifiedRefresh::parse(proof)?.verify(session, &world.ring, origin, &world.policy, now)?;
    Ok(match session.renew(fresh, now).expect("the proof was judged against this session") {
        Renewal::Rotated(next) => next,
        Renewal::Repeated => session.clone(),
    })
}

fn accepted(session: &Session) -> Accepted {
    let key = &session.record().binding.as_ref().expect("an accepted proof leaves a key").key;
    Accepted { thumbprint: key.thumbprint().to_string(), generation: session.generation() }
}

/// The session of a vector.
fn session(vector: &Vector) -> Session {
    let began = UnixTime::from_secs(BEGAN);
    let begin = |id: &str| {
        let login = Login {
            app: Arc::from("shop"),
            user: "alice".into(),
            auth: None,
            client: None,
            attributes: None,
            grant: None,
        };
        Session::begin(id.parse().unwrap(), login, 0, began)
    };
    match &vector.session {
        SessionState::Unbound { id } => begin(id),
        SessionState::Bound { id, jwk, generation, last_proof_at } => {
            let mut record = begin(id).record().clone();
            record.binding = Some(Box::new(Binding {
                method: Method::Dbsc,
                level: Level::Hardware,
                key: public_key(jwk),
                bound_at: began,
                last_proof_at: UnixTime::from_secs(*last_proof_at),
                generation: *generation,
            }));
            Session::restore(record)
        }
        SessionState::Ended { .. } | SessionState::Unknown { .. } => {
            panic!("{}: whether a session is alive is not for these vectors", vector.name)
        }
    }
}

fn public_key(jwk: &BTreeMap<String, String>) -> PublicKey {
    let algorithm = if jwk["kty"] == "EC" { Algorithm::Es256 } else { Algorithm::Rs256 };
    let object = Object::parse(&serde_json::to_vec(jwk).unwrap()).unwrap();
    PublicKey::from_jwk(&object, algorithm).unwrap()
}
