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
    risk::{ClientFields, Location, Place, Point, Posture, Profile, Told, Traits},
    session::{Auth, Client, Record},
};
use holdfast_policy::{Beginning, Memory, Modes, Policies, Question, Target, decode_profile, encode_profile};

const AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

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
            ip: Some(IpAddr::from([81, 2, 69, 10])),
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

fn guard(c: &mut Criterion) {
    let memory = Memory::new();
    let policies = Arc::new(Policies::shipped(&Modes::default()));
    let limits = SessionPolicy::default();
    let records: Vec<_> = (0..10_000).map(record).collect();
    let mut profile = Profile::default();
    for record in &records {
        memory.login(
            record,
            &Beginning { ip: Some(IpAddr::from([81, 2, 69, 10])), ..Beginning::default() },
            &mut profile,
            &locate,
        );
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
        let asked = question(record, 69, start);
        memory.weigh(&asked, &policies, &mut profile, &locate);
    }
    let mut turn = records.iter().cycle();
    c.bench_function("as before: from memory", |b| {
        b.iter(|| {
            let asked = question(turn.next().expect("cycle"), 69, start);
            let answer = memory.quick(&asked, &policies).expect("it is as before");
            black_box(answer.outcome.json(&asked))
        });
    });
    let stored = encode_profile(&profile);
    let mut now = start;
    c.bench_function("a minute has passed: weighed anew", |b| {
        b.iter(|| {
            now = now.after(Duration::from_secs(1));
            let asked = question(turn.next().expect("cycle"), 69, now);
            let mut profile = decode_profile(&stored);
            let answer = memory.weigh(&asked, &policies, &mut profile, &locate);
            black_box((answer.outcome.json(&asked), encode_profile(&profile)))
        });
    });
    let one = records.first().expect("one session");
    // More routes than a session remembers decisions for.
    let patterns: Vec<_> = (0..16).map(|number| format!("/route/{number}")).collect();
    let mut routes = patterns.iter().cycle();
    c.bench_function("another route: decided for others", |b| {
        b.iter(|| {
            let pattern = routes.next().expect("cycle");
            let target = Target { method: "GET", pattern, ..Target::default() };
            let asked = Question { target, ..question(one, 69, now) };
            black_box(memory.weigh(&asked, &policies, &mut profile, &locate).outcome.json(&asked))
        });
    });
    let mut number = 0_u32;
    c.bench_function("like no request before: policies asked", |b| {
        b.iter(|| {
            number += 1;
            let target = Target { method: "GET", pattern: &number.to_string(), ..Target::default() };
            let asked = Question { target, ..question(one, 69, now) };
            black_box(memory.weigh(&asked, &policies, &mut profile, &locate).outcome.json(&asked))
        });
    });
    let mut third = 0_u8;
    c.bench_function("another network: weighed anew, policies object", |b| {
        b.iter(|| {
            third = third.wrapping_add(1);
            now = now.after(Duration::from_secs(1));
            let asked = question(turn.next().expect("cycle"), third, now);
            let mut profile = decode_profile(&stored);
            let answer = memory.weigh(&asked, &policies, &mut profile, &locate);
            black_box(answer.outcome.json(&asked))
        });
    });
}

criterion_group!(benches, guard);
criterion_main!(benches);
