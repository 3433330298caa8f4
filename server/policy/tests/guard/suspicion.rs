//! What was suspected of a login is held against its session until the user authenticates again, whatever is forgotten.

use holdfast_core::SessionId;
use holdfast_policy::Effect;

use super::scene::{CHROME, DATA_CENTRE, FIREFOX, HOME, Scene, at, locate};

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
    scene.record.id = SessionId::from_bytes([8; 16]);
    scene.record.created_at = at(second);
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
        is_asked_to_log_in(&mut scene, 101);
        if restart {
            scene.restart();
        }
        renamed(&mut scene, true, 200);
        scene.check(DATA_CENTRE, CHROME, at(201)).is(None);
        scene.restart();
        scene.bind(DATA_CENTRE, CHROME, at(300));
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
