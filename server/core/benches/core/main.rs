//! What the core costs: proofs, cookies, challenges, and beside them one bare signature check.

#![expect(clippy::expect_used, reason = "a bench that cannot be set up has nothing to measure")]

#[path = "../../tests/support/device.rs"]
mod device;
mod vectors;

use std::hint::black_box;

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, UnparsedPublicKey,
    },
};
use criterion::Criterion;
use device::Device;
use holdfast_core::{
    Keyring, Origin, RootKey, SessionId, UnixTime,
    check::{judge_cookie, judge_session},
    cookie::AuthenticCookie,
    dbsc::{Challenge, Purpose, UnverifiedRefresh, UnverifiedRegistration, offer},
    jose::Algorithm,
    policy::{Requirements, SessionPolicy},
    session::{Activity, Login, Session},
};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    bare(&mut criterion);
    Bench::new().run(&mut criterion);
    vectors::rs256(&mut criterion);
    criterion.final_summary();
}

/// The floor: what a proof costs if nothing but its signature is looked at.
fn bare(criterion: &mut Criterion) {
    let random = SystemRandom::new();
    let pkcs8 =
        EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key is made");
    let pair =
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref()).expect("a key is read");
    let message = [7; 200];
    let signature = pair.sign(&random, &message).expect("a signature is made");
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key().as_ref());
    criterion.bench_function("bare P-256 verification", |bench| {
        bench.iter(|| key.verify(black_box(&message), signature.as_ref()).expect("it fits"));
    });
}

/// A bound session, its device, and the server around them.
struct Bench {
    ring: Keyring,
    origin: Origin,
    policy: SessionPolicy,
    now: UnixTime,
    session: Session,
    registration: String,
    challenge: Challenge,
    refresh: String,
}

impl Bench {
    fn new() -> Self {
        let ring = Keyring::new(&RootKey::from_bytes([7; 32]), &[]);
        let policy = SessionPolicy::default();
        let now = UnixTime::from_secs(1_800_000_000);
        let origin: Origin = "https://shop.example".parse().expect("an origin");
        let id = SessionId::from_bytes([1; 16]);
        let device = Device::new(9);
        let offered = offer(id, [1; 16], &[Algorithm::Es256], &ring, &policy, now).expect("an offer");
        let registration = device.registration(&offered);
        let verified = UnverifiedRegistration::parse(&registration, &ring, now)
            .and_then(|proof| proof.verify(&[Algorithm::Es256], &origin))
            .expect("the proof is good");
        let login = Login {
            app: "shop".into(),
            user: "alice".into(),
            auth: None,
            client: None,
            attributes: None,
            grant: None,
        };
        let session = Session::begin(id, login, 0, now).bind(verified, now).expect("the session is unbound");
        let expires_at = now.after(policy.refresh_challenge());
        let challenge =
            Challenge { purpose: Purpose::Refresh, session: id, generation: 1, expires_at, random: [2; 16] };
        let refresh = device.refresh(&challenge.seal(&ring));
        Self { ring, origin, policy, now, session, registration, challenge, refresh }
    }

    fn run(&self, criterion: &mut Criterion) {
        let Self { ring, origin, policy, now, session, .. } = self;
        let now = *now;
        criterion.bench_function("registration proof, ES256", |bench| {
            bench.iter(|| {
                UnverifiedRegistration::parse(black_box(&self.registration), ring, now)
                    .and_then(|proof| proof.verify(&[Algorithm::Es256], origin))
                    .expect("the proof is good")
            });
        });
        criterion.bench_function("refresh proof, ES256", |bench| {
            bench.iter(|| {
                UnverifiedRefresh::parse(black_box(&self.refresh))
                    .and_then(|proof| proof.verify(session, ring, origin, policy, now))
                    .expect("the proof is good")
            });
        });
        let cookie = session.cookie(policy).seal(ring);
        criterion.bench_function("cookie, opened", |bench| {
            bench.iter(|| AuthenticCookie::open(ring, black_box(cookie.reveal())).expect("it is ours"));
        });
        let activity = Activity { last_seen: now, confirmed_at: Some(now) };
        criterion.bench_function("cookie, opened and judged with its session", |bench| {
            bench.iter(|| {
                let cookie = AuthenticCookie::open(ring, black_box(cookie.reveal())).expect("it is ours");
                judge_cookie(&cookie, now).expect("it has not expired");
                judge_session(&cookie, session, activity, &Requirements::default(), policy, now)
            });
        });
        criterion.bench_function("challenge, sealed", |bench| {
            bench.iter(|| black_box(&self.challenge).seal(ring));
        });
    }
}
