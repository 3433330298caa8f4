//! Sessions, their owners and thieves, before the guard.

#![expect(clippy::unwrap_used, reason = "what is not as it should be fails the test")]

mod lines;
mod scene;
mod suspicion;

use holdfast_core::{
    SessionId, UnixTime,
    risk::{Posture, Profile, SignalName, Told},
};
use holdfast_policy::{Demand, Effect, Question, Recorded, Target};

use scene::{CHROME, DATA_CENTRE, FIREFOX, HOME, NEW_YORK, OFFICE, Scene, VPN, at};

#[test]
fn a_day_of_a_bound_session_asks_nothing() {
    let mut scene = Scene::login(HOME, CHROME);
    scene.check(HOME, CHROME, at(1)).is(None);
    scene.bind(HOME, CHROME, at(2));
    scene.check(HOME, CHROME, at(3)).is(None);
    assert!(scene.check(HOME, CHROME, at(4)).was_quick);
    scene.check(HOME, CHROME, at(50)).is(None);
    let again = scene.check(HOME, CHROME, at(70));
    assert!(!again.was_quick, "after a minute everything is weighed anew");
    again.is(None);
}

#[test]
fn a_bound_session_that_moves_proves_its_key_once() {
    let mut scene = Scene::login(HOME, CHROME);
    scene.bind(HOME, CHROME, at(2));
    scene.check(HOME, CHROME, at(3)).is(None);
    // From home to New York in five minutes, by VPN or by teleport.
    let moved = scene.check(NEW_YORK, CHROME, at(300));
    moved.is(Some(Effect::Reprove));
    assert_eq!(moved.score(SignalName::TravelImpossible), 100);
    assert!(moved.is_news);
    assert!(!scene.check(NEW_YORK, CHROME, at(300)).is_news, "it is told once");
    scene.check(NEW_YORK, CHROME, at(301)).is(Some(Effect::Reprove));
    scene.prove(NEW_YORK, CHROME, at(302));
    let proved = scene.check(NEW_YORK, CHROME, at(303));
    proved.is(None);
    assert!(proved.json.contains("\"cleared_by\":\"proof\""), "it is told: {}", proved.json);
    scene.check(NEW_YORK, CHROME, at(304)).is(None);
    // And back, to where the device was minutes ago. After an hour it is asked again, also where it is known.
    scene.check(HOME, CHROME, at(400)).is(None);
    scene.check(NEW_YORK, CHROME, at(9000)).is(Some(Effect::Reprove));
}

#[test]
fn the_owners_proofs_do_not_clear_the_thief() {
    let mut scene = Scene::login(HOME, CHROME);
    scene.bind(HOME, CHROME, at(2));
    for minute in 1..60 {
        scene.check(HOME, CHROME, at(minute * 60)).is(None);
        scene.check(OFFICE, CHROME, at(minute * 60 + 10)).is(Some(Effect::Reprove));
        scene.check(HOME, FIREFOX, at(minute * 60 + 15)).is(Some(Effect::Reprove));
        scene.check(HOME, "python-requests/2.32", at(minute * 60 + 16)).is(Some(Effect::Reprove));
        if minute % 10 == 0 {
            scene.prove(HOME, CHROME, at(minute * 60 + 20));
        }
    }
}

#[test]
fn whoever_alternates_makes_news_once_in_ten_minutes() {
    let mut scene = Scene::login(HOME, CHROME);
    scene.bind(HOME, CHROME, at(2));
    scene.check(HOME, CHROME, at(3)).is(None);
    let news = |scene: &mut Scene, seconds: std::ops::Range<u64>| -> usize {
        let contexts = [(HOME, CHROME), (OFFICE, CHROME), (HOME, FIREFOX), (NEW_YORK, "curl/8.5.0")];
        let seconds = seconds.zip(contexts.into_iter().cycle());
        let answers = seconds.map(|(second, (ip, agent))| scene.check(ip, agent, at(second)));
        answers.filter(|answer| answer.is_news).count()
    };
    let first = news(&mut scene, 300..340);
    assert!((1..=4).contains(&first), "{first} times of 30");
    assert_eq!(news(&mut scene, 340..899), 0, "it was told");
    let again = news(&mut scene, 899..1490);
    assert!((1..=4).contains(&again), "whoever goes on is told of again, {again} times");
}

#[test]
fn proofs_that_never_count_are_not_demanded_for_ever() {
    // A gateway that tells its own address where the device proves its key.
    let mut scene = Scene::login(HOME, CHROME);
    scene.bind("10.0.0.1", CHROME, at(2));
    scene.check(HOME, CHROME, at(3)).is(None);
    let mut demands = Vec::new();
    for second in 0..5 {
        let answer = scene.check(NEW_YORK, CHROME, at(300 + second));
        answer.is(Some(Effect::Reprove));
        demands.push(answer.demand.unwrap());
        scene.prove("10.0.0.1", CHROME, at(300 + second));
    }
    assert_eq!(demands, [[Demand::Proof].as_slice(), &[Demand::Login; 4]].concat());
    // The login that follows is good for the place where the session is used first.
    let former = scene.record.clone();
    scene.record.id = SessionId::from_bytes([8; 16]);
    scene.record.created_at = at(310);
    scene.follow(&former, true, at(310));
    scene.check(NEW_YORK, CHROME, at(311)).is(None);
}

#[test]
fn a_thief_with_a_stale_copy_does_not_have_the_owner_log_in() {
    let mut scene = Scene::login(HOME, CHROME);
    scene.bind(HOME, CHROME, at(2));
    for second in 0..150 {
        scene.check_with(NEW_YORK, FIREFOX, at(900 + second), |question| question.is_stale_copy = true);
        let asked = scene.check(HOME, CHROME, at(900 + second));
        // Once a minute at most, however often the copy is tried.
        if matches!(second, 0 | 60 | 120) {
            assert_eq!((asked.effect(), asked.demand), (Some(Effect::Reprove), Some(Demand::Proof)));
            scene.prove(HOME, CHROME, at(900 + second));
        } else {
            asked.is(None);
        }
    }
}

#[test]
fn a_step_over_the_other_version_of_the_protocol_moves_nobody() {
    // Nothing tells where these are.
    for bound in [true, false] {
        let mut scene = Scene::login("90.1.2.3", FIREFOX);
        if bound {
            scene.bind("90.1.2.3", FIREFOX, at(2));
        }
        scene.check("90.1.2.3", FIREFOX, at(3)).is(None);
        let asks = Some(if bound { Effect::Reprove } else { Effect::StepUp });
        for second in 0..5 {
            scene.check("2a01:4f8:1::5", FIREFOX, at(10 + second)).is(asks);
            scene.check("91.7.7.7", FIREFOX, at(10 + second)).is(asks);
            scene.check("90.1.2.3", FIREFOX, at(10 + second)).is(None);
        }
    }
}

#[test]
fn exports_that_are_refused_are_not_the_owners() {
    static TAGS: std::sync::LazyLock<[Box<str>; 1]> = std::sync::LazyLock::new(|| ["export".into()]);
    let mut scene = Scene::login(HOME, FIREFOX);
    scene.check(HOME, FIREFOX, at(3)).is(None);
    for _ in 0..100 {
        let refused = scene.check_with(OFFICE, FIREFOX, at(4), |question| {
            question.target = Target { method: "GET", pattern: "/export/*", tags: &*TAGS };
        });
        refused.is(Some(Effect::StepUp));
    }
    scene.check(HOME, FIREFOX, at(5)).is(None);
}

#[test]
fn a_newer_browser_of_somebody_else_does_not_make_the_owners_old() {
    let newer = FIREFOX.replace("140", "141");
    let mut scene = Scene::login(HOME, FIREFOX);
    scene.check(HOME, FIREFOX, at(3)).is(None);
    scene.check(HOME, &newer, at(4)).is(None);
    scene.check(HOME, FIREFOX, at(5)).is(None);
}

#[test]
fn a_proof_is_seen_although_a_request_was_weighed_before_it() {
    let mut scene = Scene::login(HOME, CHROME);
    scene.bind(HOME, CHROME, at(2));
    scene.check(HOME, CHROME, at(3)).is(None);
    scene.check(NEW_YORK, CHROME, at(300)).is(Some(Effect::Reprove));
    // The record has moved on, and another tab asks before the proof is noted.
    scene.record.revision += 1;
    scene.check(NEW_YORK, CHROME, at(301)).is(Some(Effect::Reprove));
    scene.record.revision -= 1;
    scene.prove(NEW_YORK, CHROME, at(301));
    let seen = scene.check(NEW_YORK, CHROME, at(301));
    assert_eq!((seen.effect(), seen.demand), (None, None));
}

#[test]
fn weak_logins_that_are_strange_do_not_become_usual() {
    let mut profile = Profile::default();
    for day in 0..6 {
        let mut strong = Scene::login_with(profile, HOME, FIREFOX, at(day * 90_000), &["hwk"]);
        strong.check(HOME, FIREFOX, at(day * 90_000 + 1));
        profile = strong.profile;
    }
    for minute in 0..6 {
        let mut weak = Scene::login_with(profile, NEW_YORK, FIREFOX, at(700_000 + minute * 60), &["pwd"]);
        let found = weak.check(NEW_YORK, FIREFOX, at(700_001 + minute * 60));
        assert_eq!(found.score(SignalName::LoginWeak), 70, "at login {minute}");
        profile = weak.profile;
    }
}

#[test]
fn without_a_key_the_user_is_asked_and_the_impossible_ends() {
    let mut scene = Scene::login(HOME, FIREFOX);
    scene.check(HOME, FIREFOX, at(100)).is(None);
    scene.check(OFFICE, FIREFOX, at(110)).is(Some(Effect::StepUp));
    scene.check(HOME, CHROME, at(120)).is(Some(Effect::StepUp));
    scene.check(NEW_YORK, FIREFOX, at(130)).is(Some(Effect::Revoke));
    scene.check(HOME, FIREFOX, at(140)).is(None);
}

#[test]
fn a_step_up_clears_the_place() {
    let mut scene = Scene::login(HOME, FIREFOX);
    scene.check(HOME, FIREFOX, at(100)).is(None);
    scene.check(OFFICE, FIREFOX, at(110)).is(Some(Effect::StepUp));
    let former = scene.record.clone();
    scene.record.id = SessionId::from_bytes([8; 16]);
    scene.record.created_at = at(120);
    scene.follow(&former, true, at(120));
    scene.check(OFFICE, FIREFOX, at(121)).is(None);
    // From now on the office is known: the next session moves there without a question.
    let mut next = Scene::login_of(scene.profile, HOME, FIREFOX, at(2000));
    next.check(HOME, FIREFOX, at(2001)).is(None);
    next.check(OFFICE, FIREFOX, at(2300)).is(None);
}

#[test]
fn who_logs_in_with_a_program_may_go_on_with_it_after_a_step_up() {
    let program = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/156.0.0.0 Safari/537.36";
    for (login, effect) in [(program, None), (FIREFOX, Some(Effect::StepUp))] {
        let mut scene = Scene::login(HOME, login);
        scene.check(HOME, login, at(10)).is(None);
        let former = scene.record.clone();
        scene.record.id = SessionId::from_bytes([8; 16]);
        scene.record.created_at = at(20);
        scene.follow(&former, true, at(20));
        scene.check(OFFICE, program, at(21)).is(effect);
    }
}

#[test]
fn a_regeneration_without_a_login_clears_nothing() {
    let mut scene = Scene::login(HOME, FIREFOX);
    scene.check(HOME, FIREFOX, at(100)).is(None);
    let former = scene.record.clone();
    scene.record.id = SessionId::from_bytes([8; 16]);
    scene.follow(&former, false, at(120));
    scene.check(OFFICE, FIREFOX, at(121)).is(Some(Effect::StepUp));
}

#[test]
fn a_browser_that_could_bind_and_did_not_is_asked_when_its_time_is_over() {
    let mut scene = Scene::login(HOME, CHROME);
    scene.check(HOME, CHROME, at(30)).is(None);
    scene.check(HOME, CHROME, at(59)).is(None);
    let late = scene.check(HOME, CHROME, at(61));
    late.is(Some(Effect::StepUp));
    assert_eq!(late.score(SignalName::BindingMissing), 70);
    let mut other = Scene::login(HOME, FIREFOX);
    other.check(HOME, FIREFOX, at(61)).is(None);
}

#[test]
fn a_stale_copy_has_the_device_asked() {
    let mut scene = Scene::login(HOME, CHROME);
    scene.bind(HOME, CHROME, at(2));
    scene.check(HOME, CHROME, at(3)).is(None);
    scene.check_with(NEW_YORK, CHROME, at(900), |question| question.is_stale_copy = true);
    scene.check(HOME, CHROME, at(901)).is(Some(Effect::Reprove));
    scene.prove(HOME, CHROME, at(902));
    scene.check(HOME, CHROME, at(903)).is(None);
}

#[test]
fn logins_that_are_phished_are_asked_again() {
    // The proxy of a phisher takes the offer of a binding away, or answers it with a key of its own.
    let mut proxied = Scene::login(DATA_CENTRE, CHROME);
    proxied.check(DATA_CENTRE, CHROME, at(1)).is(Some(Effect::StepUp));
    proxied.bind(DATA_CENTRE, CHROME, at(2));
    proxied.check(DATA_CENTRE, CHROME, at(3)).is(Some(Effect::StepUp));
    // A user who works through a VPN is not.
    let mut hidden = Scene::login(VPN, CHROME);
    hidden.bind(VPN, CHROME, at(2));
    hidden.check(VPN, CHROME, at(3)).is(Some(Effect::Flag));
}

/// A proxy that phishes relays the browser's fields and binds a key of its own, from a line like anybody's. What it never
/// has is what the app knows the browser by.
#[test]
fn a_login_on_a_new_device_from_a_new_network_is_asked_again_although_it_is_bound() {
    let amr = ["pwd", "otp"];
    let known = || {
        let mut scene = Scene::login_on(Some("laptop"), Profile::default(), HOME, CHROME, at(0), &amr);
        scene.bind(HOME, CHROME, at(1));
        scene.profile
    };
    let day = 86_400;
    let logs_in = |device: Option<&str>, ip: &str, amr: &[&str]| {
        let mut scene = Scene::login_on(device, known(), ip, CHROME, at(day), amr);
        scene.bind(ip, CHROME, at(day + 1));
        scene.check(ip, CHROME, at(day + 2)).effect()
    };
    assert_eq!(logs_in(Some("proxy"), OFFICE, &amr), Some(Effect::StepUp), "a line in the same city");
    assert_eq!(logs_in(Some("telephone"), HOME, &amr), None, "at home");
    assert_eq!(logs_in(Some("laptop"), OFFICE, &amr), None, "the same device elsewhere");
    let mut unnamed = Scene::login(HOME, CHROME);
    unnamed.bind(HOME, CHROME, at(1));
    let mut unnamed = Scene::login_of(unnamed.profile, OFFICE, CHROME, at(day));
    unnamed.bind(OFFICE, CHROME, at(day + 1));
    assert_eq!(unnamed.check(OFFICE, CHROME, at(day + 2)).effect(), None, "apps that name no devices");

    // A user whose devices have names has none without.
    assert_eq!(logs_in(None, OFFICE, &amr), Some(Effect::StepUp), "what has no name is unknown");
    assert_eq!(logs_in(None, HOME, &amr), None, "at home it is half as strange");

    // A device that the app knows may be in a data centre, behind the filter of a company.
    assert_eq!(logs_in(Some("laptop"), DATA_CENTRE, &amr), None);
    assert_eq!(logs_in(Some("proxy"), DATA_CENTRE, &amr), Some(Effect::StepUp));
    assert_eq!(logs_in(None, DATA_CENTRE, &amr), Some(Effect::StepUp));
    // Whoever has copied the device's files has what the app knows it by, and has the password perhaps.
    assert_eq!(logs_in(Some("laptop"), DATA_CENTRE, &["pwd"]), Some(Effect::StepUp));
}

/// Whoever has phished a login may wait.
#[test]
fn what_was_suspected_of_a_login_outlives_silence() {
    let mut phished = Scene::login(DATA_CENTRE, CHROME);
    phished.bind(DATA_CENTRE, CHROME, at(2));
    let later = 86_400;
    phished.memory.sweep(at(later));
    phished.check(DATA_CENTRE, CHROME, at(later + 1)).is(Some(Effect::Reprove));
    phished.prove(DATA_CENTRE, CHROME, at(later + 2));
    phished.check(DATA_CENTRE, CHROME, at(later + 3)).is(Some(Effect::StepUp));
    // Of others nothing is kept that long.
    let mut quiet = Scene::login(HOME, CHROME);
    quiet.check(HOME, CHROME, at(1)).is(None);
    quiet.memory.sweep(at(later));
    assert_eq!(quiet.memory.count(), 0);
}

/// The same policies object to what is worse, and it is news all the same.
#[test]
fn a_danger_that_grows_is_news() {
    let mut scene = Scene::login(HOME, FIREFOX);
    scene.check(HOME, FIREFOX, at(1)).is(None);
    assert!(scene.check(OFFICE, FIREFOX, at(60)).is_news, "another operator");
    assert!(!scene.check(OFFICE, FIREFOX, at(61)).is_news);
    let grave = scene.check(VPN, FIREFOX, at(62));
    assert!(grave.is_news && grave.score(SignalName::NetworkChanged) >= 70, "another country");
    assert!(!scene.check(VPN, FIREFOX, at(63)).is_news);
}

#[test]
fn news_are_heard_at_the_next_check() {
    let mut scene = Scene::login(HOME, CHROME);
    scene.bind(HOME, CHROME, at(2));
    scene.check(HOME, CHROME, at(3)).is(None);
    let noncompliant = |question: &mut Question<'_>| question.posture = Posture::Noncompliant;
    scene.check_with(HOME, CHROME, at(4), noncompliant).is(Some(Effect::Deny));
    let told = scene.check_with(HOME, CHROME, at(70), |question| {
        question.told = Told { risk: holdfast_core::risk::Score::new(90), credential_changed: false };
    });
    told.is(Some(Effect::StepUp));
}

#[test]
fn exports_are_counted_one_by_one() {
    static TAGS: std::sync::LazyLock<[Box<str>; 1]> = std::sync::LazyLock::new(|| ["export".into()]);
    let mut scene = Scene::login(HOME, CHROME);
    scene.bind(HOME, CHROME, at(2));
    let mut effects = Vec::new();
    for second in 0..50 {
        let answer = scene.check_with(HOME, CHROME, at(60 + second), |question| {
            question.target = Target { method: "GET", pattern: "/export/*", tags: &*TAGS };
        });
        assert!(!answer.was_quick);
        effects.push(answer.effect());
    }
    assert!(effects.iter().take(30).all(Option::is_none));
    assert_eq!(effects.last(), Some(&Some(Effect::StepUp)));
    // Another route is closed too, until the user has authenticated or the minute is over.
    scene.check(HOME, CHROME, at(112)).is(Some(Effect::StepUp));
}

#[test]
fn odd_addresses_and_clocks_are_survived() {
    let mut scene = Scene::login(HOME, CHROME);
    scene.bind(HOME, CHROME, at(2));
    let long = "Mozilla/5.0 ".repeat(700);
    for ip in ["10.0.0.1", "::ffff:81.2.69.10", "::", "203.0.113.9", "no address"] {
        for now in [at(5), UnixTime::EPOCH, UnixTime::from_millis(u64::MAX), at(4)] {
            let answer = scene.check(ip, &long, now);
            assert!(serde_json::from_str::<serde_json::Value>(&answer.json).is_ok());
        }
    }
    // The owner is still where they were.
    scene.check(HOME, CHROME, at(6)).is(None);
    assert_eq!(scene.check("::ffff:81.2.69.10", CHROME, at(7)).effect(), None);
    scene.check("::ffff:81.2.69.77", CHROME, at(8)).is(Some(Effect::Reprove));
}

#[test]
fn what_is_told_can_be_asked_again() {
    let mut scene = Scene::login(HOME, CHROME);
    scene.bind(HOME, CHROME, at(2));
    scene.check(HOME, CHROME, at(3)).is(None);
    let moved = scene.check(NEW_YORK, CHROME, at(300));
    let event = format!(
        "{{\"event\":\"session.denied\",\"user\":\"alice\",\"app\":\"shop\",\"tags\":null,\"risk\":{}}}",
        moved.json
    );
    let recorded = Recorded::read(&serde_json::from_str(&event).unwrap()).unwrap().unwrap();
    assert_eq!(recorded.situation.proof_age, Some(298));
    assert_eq!(recorded.situation.session_age, 300);
    let again = scene.policies.decide(&recorded.subject, &recorded.situation);
    assert_eq!(again, moved.outcome.ruling);
    // A login is no request, and a line without risk is none either.
    assert_eq!(Recorded::read(&serde_json::json!({"risk": null})), Ok(None));
    assert_eq!(Recorded::read(&serde_json::json!({"risk": {"score": 1, "signals": []}})), Ok(None));
    assert!(Recorded::read(&serde_json::json!({"risk": {"request": 5}})).is_err());
}
