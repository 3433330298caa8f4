//! Where signals, policies and what is remembered of users come together with the store.

use std::sync::Arc;

use holdfast_core::risk::{Posture, Profile, Score, Told};
use holdfast_core::{
    Method, UnixTime,
    session::{EndReason, Record},
};
use holdfast_policy::{
    Answer, Beginning, Demand, Effect, Memory, Policies, Proved, Question, Succession, Target, login_json,
    revise_profile,
};
use holdfast_store::{Backend, Keeping, NoteKind};
use std::net::IpAddr;

use crate::{
    checks::Question as Asked, context::Context, devices, error::Trouble, house::Holdfast,
    signals::told::RiskLevel,
};

/// What risk is weighed with.
pub(crate) struct Risk {
    /// What is remembered of sessions in use.
    pub(crate) memory: Arc<Memory>,
    /// What is done about what is suspected.
    pub(crate) policies: Arc<Policies>,
    /// The field in which a gateway tells how the client's TLS handshake looks.
    pub(crate) ja4_header: Option<http::HeaderName>,
}

/// What was weighed of a request, and how the audit trail tells it.
pub(crate) struct Weighed {
    pub(crate) answer: Answer,
    pub(crate) json: String,
    /// What is worth demanding, where the policies want a proof.
    pub(crate) demand: Demand,
}

/// Weighs a request of a session that is in order.
pub(crate) async fn weigh(
    house: &Holdfast,
    asked: &Asked<'_>,
    record: &Record,
    sees: Sees,
    context: &Context,
) -> Result<Weighed, Trouble> {
    let route = asked.route.ok().flatten();
    let question = Question {
        record,
        limits: &house.policy,
        client_ip: asked.client_ip,
        fields: asked.says,
        target: Target {
            method: asked.method,
            pattern: route.map_or("", |route| route.path.as_str()),
            tags: asked.tags(),
        },
        is_proved: sees.is_proved,
        is_stale_copy: sees.is_stale_copy,
        cookie: sees.cookie,
        posture: posture(house, record, context.now),
        told: told(house, record),
        now: context.now,
    };
    let risk = &house.risk;
    let answer = match risk.memory.quick(&question, &risk.policies) {
        Some(answer) => answer,
        None => {
            let with =
                |profile: &mut Profile| risk.memory.weigh(&question, &risk.policies, profile, &locate(house));
            with_profile(house, record, with).await?
        }
    };
    let json = answer.outcome.json(&question);
    // Only a browser can be sent to prove its key, and nothing is demanded of whoever is refused anyway.
    let is_browser = record.binding.as_deref().is_some_and(|binding| binding.method == Method::Dbsc);
    let is_demanded =
        answer.outcome.ruling.effect == Some(Effect::Reprove) && is_browser && !sees.is_stale_copy;
    let demand = if is_demanded { risk.memory.demand(&question, &answer.outcome) } else { Demand::Proof };
    Ok(Weighed { answer, json, demand })
}

/// What a check has seen of a request besides its context.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sees {
    /// A signature by the session's key came with it.
    pub(crate) is_proved: bool,
    /// A copy of a cookie came with it that the owner's browser has replaced.
    pub(crate) is_stale_copy: bool,
    /// The generation of the cookie that came with it.
    pub(crate) cookie: Option<u32>,
}

/// Weighs a login, and gives what the audit trail tells of it.
pub(crate) async fn login(house: &Holdfast, record: &Record) -> Result<String, Trouble> {
    let client = record.client.as_deref();
    let beginning = Beginning {
        ip: client.and_then(|client| client.ip),
        user_agent: client.and_then(|client| client.user_agent.as_deref()),
        device: client.and_then(|client| client.device_id.as_ref()).map(|device| device.as_str()),
    };
    let with = |profile: &mut Profile| house.risk.memory.login(record, &beginning, profile, &locate(house));
    Ok(login_json(&with_profile(house, record, with).await?))
}

/// Notes that the device has proved its key. The session has moved on already, so trouble is told and stops nobody.
pub(crate) async fn proved(house: &Holdfast, record: &Record, user_agent: Option<&str>, context: &Context) {
    let Some(binding) = record.binding.as_deref() else { return };
    let proof = Proved {
        record,
        ip: Some(context.client_ip),
        user_agent,
        key: &binding.key.thumbprint(),
        is_first: binding.generation == 1,
        now: context.now,
    };
    let with = |profile: &mut Profile| house.risk.memory.proved(&proof, profile, &locate(house));
    if let Err(trouble) = with_profile(house, record, with).await {
        house.log.warn(context.now, &format!("what is usual for a user was not learned: {trouble}"));
    }
}

/// Counts bytes that the app has sent in a session.
pub(crate) async fn used(
    house: &Holdfast,
    record: &Record,
    bytes: u64,
    now: UnixTime,
) -> Result<(), Trouble> {
    let with = |profile: &mut Profile| house.risk.memory.used(record, bytes, profile, &locate(house), now);
    with_profile(house, record, with).await
}

/// Goes on with what is remembered of a session under its new id.
pub(crate) async fn follow(house: &Holdfast, succession: &Succession<'_>) -> Result<(), Trouble> {
    let with = |profile: &mut Profile| house.risk.memory.follow(succession, profile, &locate(house));
    with_profile(house, succession.former, with).await
}

/// Forgets a session that has ended. It has, so trouble is told and stops nobody.
pub(crate) async fn ended(house: &Holdfast, record: &Record, now: UnixTime) {
    let is_of_note = house.risk.memory.forget(record);
    // A refresh may be on its way to the former one of a session that goes on, and must not find it innocent.
    let is_regenerated = record.ended.is_some_and(|ended| ended.reason == EndReason::Regenerated);
    if !is_of_note || is_regenerated {
        return;
    }
    if let Err(trouble) = with_profile(house, record, |profile| profile.forget_origin(record.id)).await {
        house.log.warn(now, &format!("how a session began was not forgotten: {trouble}"));
    }
}

/// Does something with what is usual for a user, and keeps what it has learned. Of two that learn at once one may be
/// forgotten, and learned again later.
async fn with_profile<T>(
    house: &Holdfast,
    record: &Record,
    work: impl FnOnce(&mut Profile) -> T,
) -> Result<T, Trouble> {
    let key = [record.app.as_bytes(), &[0], record.user.as_bytes()].concat();
    let stored = house.store.note(NoteKind::User, &key).await?;
    let (outcome, changed) = revise_profile(stored.as_deref(), work);
    if let Some(changed) = changed {
        house.store.keep_note(NoteKind::User, &key, Some(changed), Keeping::Lazy).await?;
    }
    Ok(outcome)
}

fn locate(house: &Holdfast) -> impl Fn(IpAddr) -> holdfast_core::risk::Location {
    |address| house.geo.place(address)
}

/// What is known of the device of a session.
fn posture(house: &Holdfast, record: &Record, now: UnixTime) -> Posture {
    if house.devices.is_empty() {
        return Posture::Unmanaged;
    }
    let device = record.client.as_deref().and_then(|client| client.device_id.as_ref());
    let key = record.binding.as_deref().map(|binding| binding.key.thumbprint());
    match house.devices.posture(&record.app, device, key.as_ref(), now).verdict {
        devices::Verdict::Compliant => Posture::Compliant,
        devices::Verdict::NonCompliant => Posture::Noncompliant,
        devices::Verdict::Unknown => Posture::Unmanaged,
    }
}

/// What others have told of a session or its user since that user authenticated. A login is the answer to it.
fn told(house: &Holdfast, record: &Record) -> Told {
    let Some(heard) = house.told.about(&record.app, &record.user, record.id) else { return Told::default() };
    let authenticated_at = record.authenticated_at();
    let risk = heard.risk.filter(|(_, since)| since.at() >= authenticated_at);
    Told {
        risk: match risk {
            Some((RiskLevel::High, _)) => Score::new(90),
            Some((RiskLevel::Medium, _)) => Score::new(50),
            Some((RiskLevel::Low, _)) | None => Score::NONE,
        },
        credential_changed: heard.step_up(authenticated_at).is_some(),
    }
}
