//! What an event does here. `spec-notes/signals.md` has the table.

use std::{fmt, sync::Arc};

use holdfast_core::session::EndReason;
use holdfast_ssf::{Event, EventType, Happened, RiskLevel, Subject, VerifiedSet};
use holdfast_store::{Backend, Found, ListQuery, Unavailable};

use super::{
    receive::{Receiver, Taken},
    subjects::{Target, device_of, target_of},
    told::{self, Fact, Full, Whom},
};
use crate::{
    config::CredentialAction,
    context::Context,
    devices::{self, Teller},
    error::Trouble,
    house::Holdfast,
    routes::devices::{differs, record_change},
    sessions::{end, end_of_user, find_alive},
};

/// What one event did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Effect {
    kind: Option<EventType>,
    what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    /// So many sessions ended.
    Ended(usize),
    /// Nothing changes by such an event.
    Nothing,
    /// The posture of a device is known.
    Posture,
    /// So many users and sessions have a note.
    Told(usize),
    /// It is about nobody here.
    Unmatched,
}

/// What the events of one token did.
pub(super) struct Effects(Vec<Effect>);

impl Effects {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Effect> {
        self.0.iter()
    }

    /// What became of the token: applied, if anything was done for it, be it that nobody was there to be ended.
    pub(super) fn taken(&self) -> Taken {
        let applied = |effect: &Effect| !matches!(effect.what, What::Nothing | What::Unmatched);
        if self.0.iter().any(applied) { Taken::Applied } else { Taken::Ignored }
    }
}

/// Has every event of a token its effect. Each can be had twice without harm.
pub(super) async fn apply(
    house: &Holdfast,
    receiver: &Receiver,
    set: &VerifiedSet,
    context: &Context,
) -> Result<Effects, Trouble> {
    let mut effects = Vec::with_capacity(set.events().len());
    for happened in set.events() {
        let kind = happened.event.as_ref().map(Event::kind);
        let what = apply_one(house, receiver, happened, set.subject_of(happened), context).await?;
        effects.push(Effect { kind, what });
    }
    Ok(Effects(effects))
}

async fn apply_one(
    house: &Holdfast,
    receiver: &Receiver,
    happened: &Happened,
    subject: Option<Subject>,
    context: &Context,
) -> Result<What, Trouble> {
    let Some(event) = &happened.event else { return Ok(What::Nothing) };
    let Some(subject) = subject else {
        return Ok(if is_about_somebody(event.kind()) { What::Unmatched } else { What::Nothing });
    };
    if let Event::DeviceComplianceChange { compliant } = event {
        return posture(house, receiver, &subject, *compliant, context).await;
    }
    let act = act_of(event, receiver.config.credential_change);
    let Some(target) = target_of(&subject, &receiver.config) else {
        return Ok(if matches!(act, Act::Nothing) { What::Nothing } else { What::Unmatched });
    };
    match act {
        Act::End => end_all(house, receiver, &target, context).await.map(What::Ended),
        Act::Nothing => Ok(What::Nothing),
        Act::Tell(fact) => tell_all(house, receiver, &target, &fact, context).await,
    }
}

/// What is done about the users and sessions that an event is about.
enum Act {
    End,
    Nothing,
    Tell(Fact),
}

fn act_of(event: &Event, of_credentials: CredentialAction) -> Act {
    match event {
        Event::AssuranceLevelChange { current_level, rose } => {
            Act::Tell(Fact::Assurance { level: current_level.as_str().into(), rose: *rose })
        }
        Event::RiskLevelChange { current_level, .. } => Act::Tell(Fact::Risk(match current_level {
            RiskLevel::Low => told::RiskLevel::Low,
            RiskLevel::Medium => told::RiskLevel::Medium,
            RiskLevel::High => told::RiskLevel::High,
        })),
        Event::TokenClaimsChange { names } => {
            Act::Tell(Fact::Claims(names.iter().map(|name| name.as_str().into()).collect()))
        }
        Event::Plain(
            EventType::AccountDisabled
            | EventType::AccountPurged
            | EventType::SessionRevoked
            | EventType::SessionsRevoked,
        ) => Act::End,
        Event::Plain(
            EventType::AccountCredentialChangeRequired
            | EventType::CredentialChange
            | EventType::CredentialCompromise,
        ) => match of_credentials {
            CredentialAction::End => Act::End,
            CredentialAction::Ignore => Act::Nothing,
            CredentialAction::StepUp => Act::Tell(Fact::StepUp),
        },
        Event::DeviceComplianceChange { .. } | Event::Verification { .. } | Event::Plain(_) => Act::Nothing,
    }
}

const fn is_about_somebody(kind: EventType) -> bool {
    !matches!(kind, EventType::Verification | EventType::StreamUpdated)
}

async fn end_all(
    house: &Holdfast,
    receiver: &Receiver,
    target: &Target,
    context: &Context,
) -> Result<usize, Trouble> {
    let mut ended = 0;
    // The usual case, which also catches sessions that are just going on under a new id.
    if target.session.is_none() && target.device.is_none() {
        for (app, user) in users_of(receiver, target) {
            ended += end_of_user(house, app, user, None, context).await?;
        }
        return Ok(ended);
    }
    for found in sessions_of(house, receiver, target).await? {
        let id = found.session.record().id;
        ended += usize::from(end(house, id, EndReason::Revoked, context).await?.is_some());
    }
    Ok(ended)
}

/// The sessions that fit every part of a target.
async fn sessions_of(
    house: &Holdfast,
    receiver: &Receiver,
    target: &Target,
) -> Result<Vec<Found>, Unavailable> {
    if let Some(id) = target.session {
        let known = house.store.load(id).await?;
        // One that is not known here may be another server's, of which one of ours came: then all of the user's are meant.
        // One of ours is known for a day after its end, so that an event that comes late means nothing else.
        if known.is_some() || target.users.is_empty() {
            return Ok(known.into_iter().filter(|found| fits(found, receiver, target)).collect());
        }
    }
    let mut found = Vec::new();
    if target.users.is_empty() {
        // By the device alone, for which there is no index: such events are few.
        let device = target.device.clone();
        let keep = move |found: &Found| {
            let client = found.session.record().client.as_ref();
            client.and_then(|client| client.device_id.as_ref()) == device.as_ref()
        };
        let query = ListQuery { limit: MOST_OF_A_DEVICE, ..ListQuery::default() };
        found.extend(house.store.list(&query, &keep).await?);
    } else {
        for (app, user) in users_of(receiver, target) {
            found.extend(house.store.by_user(app, user).await?);
        }
    }
    found.retain(|found| fits(found, receiver, target));
    Ok(found)
}

fn fits(found: &Found, receiver: &Receiver, target: &Target) -> bool {
    let record = found.session.record();
    let device = record.client.as_ref().and_then(|client| client.device_id.as_ref());
    receiver.apps.iter().any(|app| **app == *record.app)
        && (target.users.is_empty() || target.users.contains(&record.user))
        && (target.device.is_none() || target.device.as_ref() == device)
}

fn users_of<'a>(receiver: &'a Receiver, target: &'a Target) -> impl Iterator<Item = (&'a Arc<str>, &'a str)> {
    receiver.apps.iter().flat_map(|app| target.users.iter().map(move |user| (app, &**user)))
}

async fn tell_all(
    house: &Holdfast,
    receiver: &Receiver,
    target: &Target,
    fact: &Fact,
    context: &Context,
) -> Result<What, Trouble> {
    let whom: Vec<Whom> = if target.session.is_some() || target.device.is_some() {
        let found = sessions_of(house, receiver, target).await?;
        found.iter().map(|found| Whom::Session(found.session.record().id)).collect()
    } else {
        let users = users_of(receiver, target);
        users.map(|(app, user)| Whom::User { app: Arc::clone(app), user: user.into() }).collect()
    };
    let mut count = 0;
    for whom in whom {
        if is_needless(house, &whom, fact, context).await? {
            continue;
        }
        let told =
            house.told.tell(&house.store, &receiver.config.name, &whom, fact.clone(), context.now).await?;
        told.map_err(|Full| Trouble::Store(Unavailable::new(TOLD_FULL)))?;
        count += 1;
    }
    Ok(What::Told(count))
}

/// What would be remembered and never asked for: a demand to a user who is not logged in, and that nobody is in danger of
/// whom nobody said so.
async fn is_needless(house: &Holdfast, whom: &Whom, fact: &Fact, context: &Context) -> Result<bool, Trouble> {
    if house.told.knows(whom) {
        return Ok(false);
    }
    match (fact, whom) {
        (Fact::Risk(told::RiskLevel::Low), _) => Ok(true),
        (Fact::StepUp, Whom::User { app, user }) => Ok(house
            .store
            .by_user(app, user)
            .await?
            .iter()
            .all(|found| found.session.record().ended.is_some())),
        (_, Whom::Session(id)) => Ok(find_alive(house, *id, context.now).await?.is_none()),
        (Fact::Assurance { .. } | Fact::Claims(_) | Fact::Risk(_), Whom::User { .. }) => Ok(false),
    }
}

async fn posture(
    house: &Holdfast,
    receiver: &Receiver,
    subject: &Subject,
    compliant: bool,
    context: &Context,
) -> Result<What, Trouble> {
    let Some(device) = device_of(subject) else { return Ok(What::Unmatched) };
    let teller = Teller::Receiver(receiver.config.name.as_str().into());
    let told = devices::Told {
        compliant,
        score: None,
        source: Some(receiver.config.name.as_str().into()),
        expires_at: None,
        told_at: context.now,
        apps: receiver.config.issuer.apps.iter().map(|app| app.as_str().into()).collect(),
    };
    let before = house.devices.tell(&house.store, &device, &teller, told.clone(), context.now).await?;
    let before = before.map_err(|devices::Full| Trouble::Store(Unavailable::new(DEVICES_FULL)))?;
    if differs(before.as_ref(), &told) {
        record_change(house, &device, &teller, Some(&told), context);
    }
    Ok(What::Posture)
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.map_or("an event of an unknown type", EventType::name))?;
        match &self.what {
            What::Ended(count) => write!(f, ": {count} sessions ended"),
            What::Nothing => f.write_str(": nothing to do"),
            What::Posture => f.write_str(": the posture of a device is known"),
            What::Told(count) => write!(f, ": {count} users or sessions are marked"),
            What::Unmatched => f.write_str(": about nobody here"),
        }
    }
}

/// Nobody shares a device with more than these.
const MOST_OF_A_DEVICE: usize = 10_000;

const TOLD_FULL: &str =
    "a receiver of shared signals has told of 100,000 users and sessions, and no more are remembered of it";

const DEVICES_FULL: &str =
    "a receiver of shared signals has told of 100,000 devices, and no more are remembered";
