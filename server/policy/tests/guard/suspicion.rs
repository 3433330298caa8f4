//! What was suspected of a login is held against its session until the user authenticates again, whatever is forgotten.

use holdfast_core::{
    SessionId,
    risk::{Profile, SignalName},
};
use holdfast_policy::{Effect, encode_profile};

use super::scene::{CHROME, DATA_CENTRE, FIREFOX, HOME, HOUSE, NEIGHBOUR, NEW_YORK, Scene, at, locate};

/// A proxy in a data centre passed a user's login on, and binds a key of its own.
fn phished() -> Scene {
    let mut scene = Scene::login(DATA_CENTRE, CHROME);
    scene.bind(DATA_CENTRE, CHROME, at(2));
    scene.check(DATA_CENTRE, CHROME, at(3)).is(Some(Effect::StepUp));
    scene
}

/// After a restart the device is asked first, and the thief's own answers.
fn is_asked_to_log_in(scene: &mut Scene, second: u64) {
    if scene.check(DATA_CENTRE, CHROME, at(second)).effect() == Some(Effect::Reprove) {
        scene.prove(DATA_CENTRE, CHROME, at(second));
    }
    scene.check(DATA_CENTRE, CHROME, at(second + 1)).is(Some(Effect::StepUp));
}

fn renamed(scene: &mut Scene, is_authenticated: bool, second: u64) {
    let former = scene.record.clone();
    scene.record.id = SessionId::from_bytes(u128::from(second).to_be_bytes());
    scene.record.created_at = at(second);
    if is_authenticated {
        scene.record.began_at = at(second);
    }
    scene.record.binding = None;
    scene.follow(&former, is_authenticated, at(second));
}

#[test]
fn a_restart_acquits_nobody() {
    let mut scene = phished();
    scene.restart();
    is_asked_to_log_in(&mut scene, 100);
    // Nor does it if a proof, or a report of the app, is the first that is heard of the session.
    scene.restart();
    scene.prove(DATA_CENTRE, CHROME, at(200));
    is_asked_to_log_in(&mut scene, 201);
    scene.restart();
    scene.memory.used(&scene.record, 10, &scene.profile, &locate, at(300));
    is_asked_to_log_in(&mut scene, 301);
    // And nothing was learned from it.
    let mut home = Scene::login_of(scene.profile, HOME, FIREFOX, at(400));
    home.check(HOME, FIREFOX, at(401)).is(None);
    home.check(DATA_CENTRE, FIREFOX, at(4000)).is(Some(Effect::StepUp));
}

#[test]
fn another_id_acquits_nobody_and_a_login_does() {
    for restart in [false, true] {
        let mut scene = phished();
        if restart {
            scene.restart();
        }
        renamed(&mut scene, false, 100);
        if restart {
            scene.restart();
        }
        scene.bind(DATA_CENTRE, CHROME, at(100));
        is_asked_to_log_in(&mut scene, 101);
        if restart {
            scene.restart();
        }
        renamed(&mut scene, true, 200);
        scene.bind(DATA_CENTRE, CHROME, at(200));
        scene.check(DATA_CENTRE, CHROME, at(201)).is(None);
        scene.restart();
        scene.prove(DATA_CENTRE, CHROME, at(300));
        scene.check(DATA_CENTRE, CHROME, at(301)).is(None);
    }
}

#[test]
fn the_session_of_another_login_is_not_accused() {
    let mut scene = phished();
    scene.restart();
    let mut home = Scene::login_of(scene.profile, HOME, FIREFOX, at(100));
    home.record.id = SessionId::from_bytes([9; 16]);
    home.restart();
    home.check(HOME, FIREFOX, at(200)).is(None);
}

#[test]
fn whoever_begins_many_sessions_washes_nothing_away() {
    let mut scene = phished();
    let strange = scene.record.clone();
    for number in 0..40_u8 {
        // Each of them is a little strange: a program.
        let mut other =
            Scene::login_of(scene.profile.clone(), HOME, "curl/8.5.0", at(10 + u64::from(number)));
        other.record.id = SessionId::from_bytes([number | 128; 16]);
        other.check(HOME, "curl/8.5.0", at(20 + u64::from(number)));
        scene.profile = other.profile;
    }
    scene.restart();
    scene.record = strange;
    is_asked_to_log_in(&mut scene, 500);
}

/// Until the former session has ended, whoever has it is as suspect as before: its end may fail.
#[test]
fn the_former_session_is_held_against_until_it_has_ended() {
    for restart in [false, true] {
        let mut scene = phished();
        let former = scene.record.clone();
        renamed(&mut scene, false, 100);
        let next = std::mem::replace(&mut scene.record, former);
        if restart {
            scene.restart();
        }
        is_asked_to_log_in(&mut scene, 110);
        // A refresh that was on its way when it ended teaches nothing.
        assert!(scene.memory.forget(&scene.record));
        scene.prove(DATA_CENTRE, CHROME, at(120));
        scene.record = next;
        scene.bind(DATA_CENTRE, CHROME, at(130));
        is_asked_to_log_in(&mut scene, 140);
    }
}

#[test]
fn whoever_has_authenticated_elsewhere_is_not_accused_of_a_journey() {
    let mut scene = Scene::login(HOME, FIREFOX);
    scene.check(HOME, FIREFOX, at(10)).is(None);
    scene.check(NEW_YORK, FIREFOX, at(40_000)).is(Some(Effect::StepUp));
    renamed(&mut scene, true, 40_100);
    scene.check(NEW_YORK, FIREFOX, at(40_110)).is(None);
    scene.restart();
    scene.check(NEW_YORK, FIREFOX, at(41_000)).is(None);
}

#[test]
fn whoever_authenticates_again_and_binds_again_is_not_suspected() {
    let mut scene = Scene::login(HOME, CHROME);
    scene.bind(HOME, CHROME, at(2));
    renamed(&mut scene, true, 300);
    scene.check(HOME, CHROME, at(301)).is(None);
    scene.bind_another(HOME, CHROME, at(302));
    let answer = scene.check(HOME, CHROME, at(303));
    answer.is(None);
    assert_eq!(answer.score(SignalName::BindingReboundSoon), 0);
}

/// Every login that the policies object to is held against its session: what is asked about is not learned.
#[test]
fn a_new_device_on_a_neighbours_line_is_held_against_its_session() {
    let mut owner =
        Scene::login_on(Some("laptop"), Profile::default(), HOUSE, CHROME, at(0), &["pwd", "otp"]);
    owner.bind(HOUSE, CHROME, at(2));
    // The owner's own network, and a service lets others out there too.
    let login =
        |profile, now| Scene::login_on(Some("proxy"), profile, NEIGHBOUR, CHROME, now, &["pwd", "otp"]);
    let mut thief = login(owner.profile, at(90_000));
    thief.bind(NEIGHBOUR, CHROME, at(90_002));
    thief.check(NEIGHBOUR, CHROME, at(90_003)).is(Some(Effect::StepUp));
    thief.restart();
    if thief.check(NEIGHBOUR, CHROME, at(90_010)).effect() == Some(Effect::Reprove) {
        thief.prove(NEIGHBOUR, CHROME, at(90_011));
    }
    thief.check(NEIGHBOUR, CHROME, at(90_012)).is(Some(Effect::StepUp));
    let mut again = login(thief.profile, at(180_000));
    again.bind(NEIGHBOUR, CHROME, at(180_002));
    again.check(NEIGHBOUR, CHROME, at(180_003)).is(Some(Effect::StepUp));
}

/// A session that binds anew and anew does not make its user's profile grow.
#[test]
fn the_same_suspicion_is_remembered_once() {
    let mut scene = Scene::login(HOME, CHROME);
    scene.bind(HOME, CHROME, at(2));
    scene.bind_another(HOME, CHROME, at(5));
    let size = |scene: &Scene| encode_profile(&scene.profile).len();
    let before = size(&scene);
    for second in 10..40 {
        scene.bind_another(HOME, CHROME, at(second));
        let answer = scene.check(HOME, CHROME, at(second));
        assert_eq!(answer.score(SignalName::BindingReboundSoon), 60);
    }
    assert!(size(&scene) < before + 40, "{before} bytes became {}", size(&scene));
}
