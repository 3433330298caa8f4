//! Neighbours: thieves in the owner's own network.

use holdfast_core::{SessionId, risk::SignalName};
use holdfast_policy::{Demand, Effect};

use super::scene::{CHROME, DATA_CENTRE, FIREFOX, HOME, OFFICE, Scene, at};

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
        let asked = scene.check_with(NEIGHBOUR, CHROME, now, |question| question.is_replaced = second >= 50);
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
    scene.check_with(four, CHROME, at(302), |question| question.is_replaced = true).is(Some(Effect::Reprove));
    scene.check(four, CHROME, at(302)).is(None);
    scene.check(six, CHROME, at(303)).is(None);
    scene.check(four, CHROME, at(304)).is(None);
    scene.check(strangers, CHROME, at(305)).is(Some(Effect::Reprove));
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
    abroad.memory.follow(&former, &abroad.record, true, at(day + 60));
    abroad.check(OFFICE, CHROME, at(day + 61)).is(None);
    // The next login with it, from yet another place.
    let mut elsewhere =
        Scene::login_on(Some("telephone"), abroad.profile, DATA_CENTRE, CHROME, at(3 * day), &amr);
    elsewhere.bind(DATA_CENTRE, CHROME, at(3 * day + 1));
    elsewhere.check(DATA_CENTRE, CHROME, at(3 * day + 2)).is(None);
}
