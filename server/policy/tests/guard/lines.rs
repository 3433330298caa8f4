//! Neighbours: thieves in the owner's own network.

use holdfast_core::{SessionId, risk::SignalName};
use holdfast_policy::{Demand, Effect, Memory, Question};

use super::scene::{CHROME, DATA_CENTRE, FIREFOX, HOME, NEW_YORK, OFFICE, Scene, at};

/// The cookie of before the last proof came with it.
fn replaced(question: &mut Question<'_>) {
    question.cookie = question.cookie.map(|newest| newest - 1);
}

/// Of the network that [`HOME`] is in.
const NEIGHBOUR: &str = "81.2.69.77";
const OTHER_NEIGHBOUR: &str = "81.2.69.78";

#[test]
fn a_neighbour_with_a_bound_cookie_is_asked_for_a_proof() {
    let mut scene = Scene::login(HOME, CHROME);
    scene.bind(HOME, CHROME, at(2));
    for minute in 0..60 {
        let now = 60 * minute + 3;
        scene.check(HOME, CHROME, at(now)).is(None);
        let asked = scene.check(NEIGHBOUR, CHROME, at(now + 1));
        asked.is(Some(Effect::Reprove));
        assert_eq!(asked.score(SignalName::NetworkChanged), 30);
        assert!(asked.json.contains("another line of the same network"), "{}", asked.json);
        // The owner is answered as before, and proves the key at its time.
        let owner = scene.check(HOME, CHROME, at(now + 2));
        owner.is(None);
        if minute % 10 == 0 {
            scene.prove(HOME, CHROME, at(now + 30));
        }
    }
}

/// A thief who asks again and again is there when the owner's browser proves its key. It answers nobody's demand but its own.
#[test]
fn a_neighbour_who_waits_for_the_owners_proof_gains_nothing() {
    let mut scene = Scene::login(HOME, CHROME);
    scene.bind(HOME, CHROME, at(2));
    scene.check(HOME, CHROME, at(3)).is(None);
    for second in 0..600 {
        let now = at(300 + second);
        if second % 100 == 50 {
            scene.prove(HOME, CHROME, now);
        }
        // What was stolen is the cookie of before: good for a moment, and replaced.
        let asked = scene.check_with(NEIGHBOUR, CHROME, now, |question| {
            question.cookie = question.cookie.map(|newest| newest - u32::from(second >= 50));
        });
        asked.is(Some(Effect::Reprove));
        scene.check(HOME, CHROME, now).is(None);
    }
}

#[test]
fn a_line_that_is_given_another_address_is_asked_once() {
    let mut scene = Scene::login(HOME, CHROME);
    scene.bind(HOME, CHROME, at(2));
    scene.check(HOME, CHROME, at(3)).is(None);
    scene.check(NEIGHBOUR, CHROME, at(600)).is(Some(Effect::Reprove));
    scene.prove(NEIGHBOUR, CHROME, at(601));
    for minute in 11..300 {
        scene.check(NEIGHBOUR, CHROME, at(minute * 60)).is(None);
    }
}

/// Behind a translator with several addresses each connection may come by another one, and so may the proof.
#[test]
fn a_client_with_several_lines_is_not_sent_round() {
    let line = |number: u64| format!("81.2.69.{}", 10 + number * 37 % 200);
    let mut scene = Scene::login(&line(0), CHROME);
    scene.bind(&line(1), CHROME, at(2));
    let (mut asked, mut last) = (0, 2);
    for number in 0..600 {
        let now = 3 + number * 20;
        let answer = scene.check(&line(number * 3), CHROME, at(now));
        if let Some(demand) = answer.demand {
            assert_eq!(demand, Demand::Proof);
            asked += 1;
            scene.prove(&line(number * 3 + 1), CHROME, at(now + 1));
            scene.check(&line(number * 3 + 2), CHROME, at(now + 2)).is(None);
            last = now;
        } else if now - last > 540 {
            // The cookie is about to expire.
            scene.prove(&line(number * 3 + 1), CHROME, at(now + 1));
            last = now;
        }
    }
    assert!(asked <= 1, "{asked} times in more than three hours");
    // In a network that it comes to anew it is asked once.
    scene.check("81.2.70.9", CHROME, at(20_000)).is(Some(Effect::Reprove));
    scene.prove("81.2.70.10", CHROME, at(20_001));
    scene.check("81.2.70.11", CHROME, at(20_002)).is(None);
    scene.check("81.2.70.12", CHROME, at(20_003)).is(None);
}

/// By a proof the other version of the protocol is known only if that is where a request had to wait for it.
#[test]
fn a_proof_by_the_other_version_answers_for_the_request_that_waited_for_it() {
    // Both of one operator.
    let (four, six, strangers) = ("81.2.69.10", "2001:480::10", "81.2.99.99");
    let mut scene = Scene::login(six, CHROME);
    scene.bind(six, CHROME, at(2));
    scene.check(six, CHROME, at(3)).is(None);
    // Seconds after a proof by version 6, somebody else's line is nobody's that waited.
    scene.check(strangers, CHROME, at(4)).is(Some(Effect::Reprove));
    let mut scene = Scene::login(six, CHROME);
    scene.bind(six, CHROME, at(2));
    let waits = scene.check(four, CHROME, at(300));
    assert_eq!((waits.effect(), waits.demand), (Some(Effect::Reprove), Some(Demand::Proof)));
    scene.prove(six, CHROME, at(301));
    scene.check_with(four, CHROME, at(302), replaced).is(Some(Effect::Reprove));
    scene.check(four, CHROME, at(302)).is(None);
    scene.check(six, CHROME, at(303)).is(None);
    scene.check(four, CHROME, at(304)).is(None);
    scene.check(strangers, CHROME, at(305)).is(Some(Effect::Reprove));
}

/// A copy is refused, and waits for no proof: it must not have the owner's answer for the thief's next cookie.
#[test]
fn a_copy_prepares_nothing_for_the_next_one() {
    for (owner, thief) in [("2001:480::10", "81.2.99.99"), (HOME, NEIGHBOUR)] {
        let mut scene = Scene::login(owner, CHROME);
        scene.bind(owner, CHROME, at(2));
        scene.check(owner, CHROME, at(3)).is(None);
        for second in 0..600 {
            scene.check_with(thief, CHROME, at(100 + second), |question| question.is_stale_copy = true);
            if second % 100 == 99 {
                scene.prove(owner, CHROME, at(100 + second));
            }
        }
        scene.check(thief, CHROME, at(700)).is(Some(Effect::Reprove));
    }
}

/// Nor must it take away what the owner's request waits for.
#[test]
fn copies_do_not_have_the_owner_log_in() {
    for (other, proves) in [("81.2.69.10", "2001:480::10"), (NEIGHBOUR, OTHER_NEIGHBOUR)] {
        let mut scene = Scene::login(proves, CHROME);
        scene.bind(proves, CHROME, at(2));
        scene.check(proves, CHROME, at(3)).is(None);
        let waits = scene.check(other, CHROME, at(300));
        assert_eq!((waits.effect(), waits.demand), (Some(Effect::Reprove), Some(Demand::Proof)));
        for agent in [FIREFOX, "curl/8.5.0", "Mozilla/5.0", "python-requests/2.32", CHROME] {
            scene.check_with(NEW_YORK, agent, at(300), |question| question.is_stale_copy = true);
        }
        scene.prove(proves, CHROME, at(301));
        let goes_on = scene.check(other, CHROME, at(302));
        assert_ne!(goes_on.demand, Some(Demand::Login));
    }
}

/// Of several requests in flight one has the key proved, and the others come with the cookie of before.
#[test]
fn what_was_in_flight_at_a_proof_is_asked_for_a_proof_and_no_login() {
    let mut scene = Scene::login(HOME, CHROME);
    scene.bind(HOME, CHROME, at(2));
    scene.check(HOME, CHROME, at(3)).is(None);
    assert_eq!(scene.check(NEIGHBOUR, CHROME, at(300)).demand, Some(Demand::Proof));
    scene.prove(OTHER_NEIGHBOUR, CHROME, at(301));
    for second in 1..30 {
        let line = format!("81.2.69.{}", 100 + second);
        let late = scene.check_with(&line, CHROME, at(300 + second), replaced);
        assert_eq!((late.effect(), late.demand), (Some(Effect::Reprove), Some(Demand::Proof)));
        scene.check(&line, CHROME, at(300 + second)).is(None);
    }
}

/// A request that was read before the owner's proof, and is weighed after it.
#[test]
fn a_request_that_was_judged_before_the_proof_is_not_vouched_for_by_it() {
    for thief in [NEIGHBOUR, "2001:480::77"] {
        let mut scene = Scene::login(HOME, CHROME);
        scene.bind(HOME, CHROME, at(2));
        scene.check(HOME, CHROME, at(3)).is(None);
        scene.check(thief, CHROME, at(100)).is(Some(Effect::Reprove));
        let before = scene.record.clone();
        scene.prove(HOME, CHROME, at(101));
        let now = std::mem::replace(&mut scene.record, before);
        scene.check(thief, CHROME, at(101)).is(Some(Effect::Reprove));
        scene.record = now;
        for second in 102..131 {
            scene.check_with(thief, CHROME, at(second), replaced).is(Some(Effect::Reprove));
        }
    }
}

#[test]
fn who_was_there_before_the_key_is_not_the_owner() {
    let mut scene = Scene::login(HOME, CHROME);
    // With the cookie of the login.
    scene.check(NEIGHBOUR, CHROME, at(1)).is(None);
    scene.bind(HOME, CHROME, at(2));
    scene.check_with(NEIGHBOUR, CHROME, at(3), replaced).is(Some(Effect::Reprove));
    scene.check(HOME, CHROME, at(4)).is(None);
}

/// After a restart nobody knows the line of a session that went on under a new id.
#[test]
fn a_line_that_nobody_knows_is_asked_about() {
    let mut scene = Scene::login(HOME, CHROME);
    scene.bind(HOME, CHROME, at(2));
    scene.check(HOME, CHROME, at(3)).is(None);
    scene.record.began_at = at(0);
    scene.record.created_at = at(1);
    scene.memory = Memory::new();
    scene.check(NEIGHBOUR, CHROME, at(60)).is(Some(Effect::Reprove));
    scene.check(HOME, CHROME, at(61)).is(Some(Effect::Reprove));
    scene.prove(HOME, CHROME, at(62));
    scene.check(HOME, CHROME, at(63)).is(None);
    scene.check(NEIGHBOUR, CHROME, at(64)).is(Some(Effect::Reprove));
}

/// One line in place of another is not several.
#[test]
fn a_new_lease_does_not_open_the_network() {
    let mut scene = Scene::login(HOME, CHROME);
    scene.bind(HOME, CHROME, at(2));
    scene.check(HOME, CHROME, at(3)).is(None);
    let next_day = 10 * 3600;
    scene.check("81.2.69.50", CHROME, at(next_day)).is(Some(Effect::Reprove));
    scene.prove("81.2.69.50", CHROME, at(next_day + 1));
    scene.check("81.2.69.50", CHROME, at(next_day + 2)).is(None);
    scene.check(NEIGHBOUR, CHROME, at(next_day + 3)).is(Some(Effect::Reprove));
}

#[test]
fn whoever_is_farther_away_inside_is_not_less_strange_than_a_neighbour() {
    let mut scene = Scene::login("10.0.0.5", CHROME);
    scene.bind("10.0.0.5", CHROME, at(2));
    for thief in ["10.0.0.6", "10.9.1.6"] {
        scene.check("10.0.0.5", CHROME, at(3)).is(None);
        scene.check(thief, CHROME, at(4)).is(Some(Effect::Reprove));
    }
    let mut unbound = Scene::login("10.0.0.5", FIREFOX);
    unbound.check("10.9.1.6", FIREFOX, at(4)).is(None);
}

/// Nodes before the server that each tell an address of their own, and an intranet with both versions of the protocol.
#[test]
fn several_networks_inside_are_several_lines() {
    for (asks, proves) in [("10.244.3.1", "10.244.1.1"), ("fd00:1:2:3::5", "10.0.0.5")] {
        let mut scene = Scene::login(proves, CHROME);
        scene.bind(proves, CHROME, at(2));
        scene.check(proves, CHROME, at(3)).is(None);
        for minute in 1..20 {
            let now = 600 * minute;
            let waits = scene.check(asks, CHROME, at(now));
            assert_ne!(waits.demand, Some(Demand::Login));
            if waits.effect().is_some() {
                scene.prove(proves, CHROME, at(now + 1));
                scene.check(asks, CHROME, at(now + 2)).is(None);
            }
            scene.check(proves, CHROME, at(now + 3));
        }
    }
}

/// The cookie of before waits for nothing either.
#[test]
fn a_replaced_cookie_does_not_have_the_owner_log_in() {
    for (other, proves) in [("81.2.69.10", "2001:480::10"), (NEIGHBOUR, OTHER_NEIGHBOUR)] {
        let mut scene = Scene::login(proves, CHROME);
        scene.bind(proves, CHROME, at(2));
        scene.check(proves, CHROME, at(3)).is(None);
        scene.prove(proves, CHROME, at(300));
        assert_eq!(scene.check(other, CHROME, at(305)).demand, Some(Demand::Proof));
        for agent in [FIREFOX, "curl/8.5.0", "Mozilla/5.0", "python-requests/2.32", CHROME] {
            scene.check_with(NEW_YORK, agent, at(305), replaced);
        }
        scene.prove(proves, CHROME, at(306));
        assert_ne!(scene.check(other, CHROME, at(307)).demand, Some(Demand::Login));
    }
}

/// A trail that begins with a proof begins where that came from.
#[test]
fn after_a_restart_the_first_proof_says_where_the_owner_is() {
    let mut scene = Scene::login(HOME, CHROME);
    scene.bind(HOME, CHROME, at(2));
    scene.check(HOME, CHROME, at(3)).is(None);
    scene.record.created_at = at(1);
    scene.memory = Memory::new();
    scene.prove(HOME, CHROME, at(62));
    scene.check_with(NEW_YORK, CHROME, at(63), replaced).is(Some(Effect::Reprove));
    scene.check(NEW_YORK, CHROME, at(63)).is(Some(Effect::Reprove));
    scene.check(HOME, CHROME, at(64)).is(None);
}

/// What is said of a copy is not said of the owner.
#[test]
fn a_copy_by_the_owners_line_does_not_have_the_owner_asked_after_a_proof() {
    let mut scene = Scene::login(HOME, CHROME);
    scene.bind(HOME, CHROME, at(2));
    scene.check(HOME, CHROME, at(3)).is(None);
    scene.prove(HOME, CHROME, at(300));
    scene.check_with(HOME, CHROME, at(310), |question| question.is_stale_copy = true);
    scene.check(HOME, CHROME, at(311)).is(None);
}

/// There is nobody to ask but the user, and lines are handed round.
#[test]
fn a_user_without_a_key_is_not_asked_about_neighbours() {
    let mut scene = Scene::login(HOME, FIREFOX);
    scene.check(HOME, FIREFOX, at(3)).is(None);
    scene.check(NEIGHBOUR, FIREFOX, at(4)).is(None);
    scene.check(OTHER_NEIGHBOUR, FIREFOX, at(5)).is(None);
    assert_eq!(scene.check(NEIGHBOUR, FIREFOX, at(6)).score(SignalName::NetworkChanged), 0);
}

/// Whoever was asked on a new device and has answered is not asked on it again.
#[test]
fn the_login_that_answers_makes_the_device_known() {
    let amr = ["pwd", "otp"];
    let mut scene = Scene::login_on(Some("laptop"), Default::default(), HOME, CHROME, at(0), &amr);
    scene.bind(HOME, CHROME, at(1));
    let day = 86_400;
    let mut abroad = Scene::login_on(Some("telephone"), scene.profile, OFFICE, CHROME, at(day), &amr);
    abroad.bind(OFFICE, CHROME, at(day + 1));
    abroad.check(OFFICE, CHROME, at(day + 2)).is(Some(Effect::StepUp));
    let former = abroad.record.clone();
    abroad.record.id = SessionId::from_bytes([8; 16]);
    (abroad.record.created_at, abroad.record.binding) = (at(day + 60), None);
    abroad.follow(&former, true, at(day + 60));
    abroad.check(OFFICE, CHROME, at(day + 61)).is(None);
    // The next login with it, from yet another place.
    let mut elsewhere =
        Scene::login_on(Some("telephone"), abroad.profile, DATA_CENTRE, CHROME, at(3 * day), &amr);
    elsewhere.bind(DATA_CENTRE, CHROME, at(3 * day + 1));
    elsewhere.check(DATA_CENTRE, CHROME, at(3 * day + 2)).is(None);
}
