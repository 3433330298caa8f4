//! What a check costs more for being weighed: from memory, when a minute has passed, for another route, and from another
//! network. What it costs to look up a place, `tests/bench/run --risk` says.
//!
//! `cargo bench -p holdfast-policy`

#![expect(clippy::expect_used, reason = "what is not as it should be ends the benchmark")]

use std::{hint::black_box, net::IpAddr, sync::Arc, time::Duration};

use criterion::{Criterion, criterion_group, criterion_main};
use holdfast_core::{
    SessionId, UnixTime,
    policy::SessionPolicy,
    risk::{
        Agent, ClientFields, Evidence, Location, Network, Place, Point, Posture, Profile, Sighting, Strength,
        Told, Traits,
    },
    session::{Auth, Client, Record},
};
use holdfast_policy::{Beginning, Memory, Modes, Policies, Question, Target, encode_profile, revise_profile};

const AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

/// The third part of the address that everybody is at.
const HOME: u8 = 90;

fn locate(_: IpAddr) -> Location {
    Location::Known(Place {
        point: Point::new(51.5, -0.1, 20),
        country: "GB".parse().ok(),
        continent: "EU".parse().ok(),
        asn: Some(2856),
        traits: Some(Traits::default()),
    })
}

fn record(number: u128) -> Record {
    let now = UnixTime::from_secs(1_800_000_000);
    Record {
        id: SessionId::from_bytes((number << 64 | number << 120).to_be_bytes()),
        revision: 0,
        epoch: 0,
        app: "shop".into(),
        user: format!("user-{number}").into(),
        auth: Some(Box::new(Auth { amr: vec!["pwd".into(), "otp".into()], ..Auth::default() })),
        client: Some(Box::new(Client {
            ip: Some(IpAddr::from([81, 2, HOME, 10])),
            user_agent: Some(AGENT.into()),
            device_id: None,
        })),
        attributes: Some("{\"groups\":[\"staff\"]}".into()),
        grant: None,
        created_at: now,
        began_at: now,
        binding: None,
        ended: None,
    }
}

/// A user of whom as much is known as is kept.
fn well_known() -> Profile {
    let mut profile = Profile::default();
    for number in (0..30).rev() {
        let at = UnixTime::from_secs(1_799_000_000 + 30_000 * u64::from(29 - number));
        let address = IpAddr::from([81, 2, HOME - number, 10]);
        let sighting = Sighting { network: Network::of(address), location: locate(address), at };
        profile.learn(&sighting, Evidence::Proof);
        profile.learn_device(&format!("device {number}"), at);
        profile.learn_login(Some(Strength::default()), &sighting.location, at);
    }
    profile.learn_browser(&Agent::parse(AGENT), None, UnixTime::from_secs(1_799_000_000));
    profile
}

fn guard(c: &mut Criterion) {
    let memory = Memory::new();
    let policies = Arc::new(Policies::shipped(&Modes::default()));
    let limits = SessionPolicy::default();
    let records: Vec<_> = (0..10_000).map(record).collect();
    let mut profile = well_known();
    for record in &records {
        let beginning = Beginning {
            ip: Some(IpAddr::from([81, 2, HOME, 10])),
            device: Some("device 0"),
            ..Beginning::default()
        };
        memory.login(record, &beginning, &mut profile.clone(), &locate);
    }
    let question = |record, third, now| Question {
        record,
        limits: &limits,
        client_ip: Some(IpAddr::from([81, 2, third, 10])),
        fields: ClientFields {
            user_agent: Some(AGENT),
            languages: Some("en-GB,en;q=0.9"),
            brands: None,
            mobile: None,
            platform: None,
            ja4: None,
        },
        target: Target { method: "GET", ..Target::default() },
        is_proved: false,
        is_stale_copy: false,
        cookie: record.binding.as_ref().map(|binding| binding.generation),
        posture: Posture::Unmanaged,
        told: Told::default(),
        now,
    };
    let start = UnixTime::from_secs(1_800_000_010);
    for record in &records {
        let asked = question(record, HOME, start);
        memory.weigh(&asked, &policies, &mut profile, &locate);
    }
    let mut turn = records.iter().cycle();
    c.bench_function("as before: from memory", |b| {
        b.iter(|| {
            let asked = question(turn.next().expect("cycle"), HOME, start);
            let answer = memory.quick(&asked, &policies).expect("it is as before");
            black_box(answer.outcome.json(&asked))
        });
    });
    let now = start.after(Duration::from_secs(60));
    let first = question(records.first().expect("one session"), HOME, now);
    memory.weigh(&first, &policies, &mut profile, &locate);
    let stored = encode_profile(&profile);
    let weigh = |asked: &Question<'_>| {
        let work = |profile: &mut Profile| memory.weigh(asked, &policies, profile, &locate);
        let (answer, changed) = revise_profile(Some(&stored), work);
        black_box((answer.outcome.json(asked), changed))
    };
    c.bench_function("a minute has passed: weighed anew", |b| {
        b.iter(|| weigh(&question(turn.next().expect("cycle"), HOME, now)));
    });
    let one = records.first().expect("one session");
    weigh(&question(one, HOME, now));
    let ask = |pattern: &str| {
        let target = Target { method: "GET", pattern, ..Target::default() };
        let asked = Question { target, ..question(one, HOME, now) };
        black_box(memory.quick(&asked, &policies).expect("it is as before").outcome.json(&asked))
    };
    // More routes than a session remembers decisions for.
    let patterns: Vec<_> = (0..16).map(|number| format!("/route/{number}")).collect();
    let mut routes = patterns.iter().cycle();
    c.bench_function("another route: decided for others", |b| {
        b.iter(|| ask(routes.next().expect("cycle")));
    });
    let mut number = 0_u32;
    c.bench_function("like no request before: policies asked", |b| {
        b.iter(|| {
            number += 1;
            ask(&number.to_string())
        });
    });
    let mut third = 0_u8;
    c.bench_function("another network: weighed anew, policies object", |b| {
        b.iter(|| {
            third = third.wrapping_add(1);
            weigh(&question(turn.next().expect("cycle"), third, now))
        });
    });
}

criterion_group!(benches, guard);
criterion_main!(benches);
