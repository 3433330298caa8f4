//! A token that comes, by whichever way, is verified, had its effect once, and is told of.

use std::sync::Arc;

use holdfast_core::{UnixTime, secret::SecretText};
use holdfast_ssf::{Expectation, SetRejection, UnverifiedSet, VerifiedSet};

use super::{
    effects::{Effect, Effects, apply},
    seen::{Seen, SeenKey},
};
use crate::{
    config::{ReceiverConfig, ReceiverDelivery},
    context::Context,
    error::Trouble,
    house::Holdfast,
    issuers::{Issuer, Issuers},
    telemetry::{Event, EventName, Log, Metrics, RefusalLines},
    token::{TokenHash, TokenMatches},
};

/// Every receiver of the configuration.
pub(crate) struct Receivers {
    all: Vec<Arc<Receiver>>,
    issuers: Issuers,
}

/// Where the events of one transmitter come in.
pub(crate) struct Receiver {
    pub(crate) config: ReceiverConfig,
    pub(super) issuer: Arc<Issuer>,
    /// Which apps it speaks for.
    pub(super) apps: Vec<Arc<str>>,
    /// What we show to a transmitter that is asked.
    pub(super) poll_token: Option<SecretText>,
}

/// What became of a token that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It had an effect.
    Applied,
    /// It is about nobody here, or of a type that changes nothing here.
    Ignored,
    /// It was taken before.
    Replayed,
}

/// What became of a token, as a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignalOutcome {
    Taken(Taken),
    Rejected(SetRejection),
    /// Whoever sent it is not known.
    Unauthenticated,
}

impl Receivers {
    /// The receivers of a configuration; what is known of keys at addresses stays known.
    ///
    /// # Errors
    /// A sentence, if a file is no key set.
    pub(crate) fn new(
        configured: Vec<(ReceiverConfig, Option<SecretText>)>,
        apps: &[Arc<str>],
        former: Option<&Self>,
        (log, metrics): (&Arc<Log>, &Arc<Metrics>),
        now: UnixTime,
    ) -> Result<Self, String> {
        let issuers = configured.iter().map(|(config, _)| config.issuer.clone()).collect();
        let issuers = Issuers::new(issuers, former.map(|former| &former.issuers), log, metrics, now)?;
        let receiver =
            |((config, poll_token), issuer): ((ReceiverConfig, Option<SecretText>), &Arc<Issuer>)| {
                let speaks_for = apps.iter().filter(|app| issuer.serves(app)).map(Arc::clone).collect();
                Arc::new(Receiver { config, issuer: Arc::clone(issuer), apps: speaks_for, poll_token })
            };
        let all = configured.into_iter().zip(issuers.iter()).map(receiver).collect();
        Ok(Self { all, issuers })
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Receiver>> {
        self.all.iter()
    }

    /// The one of this name, if events are pushed to it with this token. Whoever has no token learns no name.
    pub(crate) fn of_push(
        &self,
        name: &str,
        presented: &TokenHash,
    ) -> Option<(&Arc<Receiver>, TokenMatches)> {
        let receiver = self.all.iter().find(|receiver| receiver.config.name == name)?;
        match &receiver.config.delivery {
            ReceiverDelivery::Push { token } => token.matches(presented).map(|matches| (receiver, matches)),
            ReceiverDelivery::Poll { .. } => None,
        }
    }
}

/// Takes a token, whose sender is known to be allowed here. When this returns without an error, its effect is durable.
///
/// # Errors
/// [`SetRejection`] if it is not good. Outside, our own trouble: then it must be sent again, and nothing is lost.
pub(crate) async fn take(
    house: &Holdfast,
    receiver: &Receiver,
    text: &str,
    context: &Context,
) -> Result<Result<Taken, SetRejection>, Trouble> {
    let set = match verify(receiver, text, context).await? {
        Ok(set) => set,
        Err(rejection) => {
            reject(house, receiver, rejection, context);
            return Ok(Err(rejection));
        }
    };
    let key = Seen::key(&receiver.config.issuer.issuer, set.jti());
    // The same token may come twice at once: over two connections, or by both ways.
    let _turn = house.signals.lasting.turns.of(&receiver.config.issuer.issuer, set.jti()).await;
    if house.seen.knows(&key) {
        record(house, receiver, Taken::Replayed, &format!("jti {}", shown(set.jti())), context);
        return Ok(Ok(Taken::Replayed));
    }
    let effects = apply(house, receiver, &set, context).await?;
    let taken = effects.taken();
    if taken == Taken::Applied {
        remember(house, receiver, &set, key).await?;
    }
    record(house, receiver, taken, &detail(&set, &effects), context);
    Ok(Ok(taken))
}

async fn verify(
    receiver: &Receiver,
    text: &str,
    context: &Context,
) -> Result<Result<VerifiedSet, SetRejection>, Trouble> {
    let config = &receiver.config;
    let expected = Expectation {
        issuer: &config.issuer.issuer,
        audiences: &config.issuer.audiences,
        now: context.now,
        tolerance: config.tolerance,
        max_age: config.max_age,
    };
    let judged = UnverifiedSet::parse(text).and_then(|set| {
        let algorithm = set.algorithm(&config.issuer.algorithms)?;
        set.is_for(&expected)?;
        Ok((set, algorithm))
    });
    let (set, algorithm) = match judged {
        Ok(judged) => judged,
        Err(rejection) => return Ok(Err(rejection)),
    };
    let key = receiver.issuer.key(set.key_id(), algorithm, context).await?;
    Ok(key.ok_or(SetRejection::UnknownKey).and_then(|key| set.verify(&key, &expected)))
}

/// After its effect, which can be had twice without harm: between the two a crash costs a repetition, and never an event.
async fn remember(
    house: &Holdfast,
    receiver: &Receiver,
    set: &VerifiedSet,
    key: SeenKey,
) -> Result<(), Trouble> {
    let config = &receiver.config;
    let until = set.issued_at().after(config.max_age).after(config.tolerance);
    Ok(house.seen.remember(&house.store, key, &config.name, until).await?)
}

fn reject(house: &Holdfast, receiver: &Receiver, rejection: SetRejection, context: &Context) {
    house.metrics.signal(SignalOutcome::Rejected(rejection));
    // A transmitter that repeats itself must not fill the disk.
    if house.signals.lasting.lines.take(rejection, context.peer.address(), context.now).is_none() {
        return;
    }
    let detail = format!("{}: {rejection}", receiver.config.name);
    house.record(context.now, &event(EventName::SignalRejected, rejection.code(), &detail, context));
}

fn record(house: &Holdfast, receiver: &Receiver, taken: Taken, what: &str, context: &Context) {
    house.metrics.signal(SignalOutcome::Taken(taken));
    let detail = format!("{}: {what}", receiver.config.name);
    house.record(context.now, &event(EventName::SignalReceived, taken.as_str(), &detail, context));
}

fn event<'a>(name: EventName, reason: &'static str, detail: &'a str, context: &'a Context) -> Event<'a> {
    Event {
        event: Some(name),
        reason: Some(reason),
        client_ip: context.peer.address(),
        request_id: Some(context.request_id.as_str()),
        trace_id: context.trace_id(),
        detail: Some(detail),
        ..Event::default()
    }
}

fn detail(set: &VerifiedSet, effects: &Effects) -> String {
    let effects: Vec<String> = effects.iter().map(Effect::to_string).collect();
    format!("{}, jti {}", effects.join("; "), shown(set.jti()))
}

/// As much of a name as is written down.
fn shown(jti: &str) -> &str {
    jti.get(..jti.floor_char_boundary(64)).unwrap_or_default()
}

impl Taken {
    const ALL: [Self; 3] = [Self::Applied, Self::Ignored, Self::Replayed];

    /// The word in trail and metrics.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Ignored => "ignored",
            Self::Replayed => "replayed",
        }
    }
}

impl SignalOutcome {
    /// Every outcome.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let taken = Taken::ALL.into_iter().map(Self::Taken);
        taken.chain(SetRejection::ALL.into_iter().map(Self::Rejected)).chain([Self::Unauthenticated])
    }

    /// The word in metrics.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Taken(taken) => taken.as_str(),
            Self::Rejected(rejection) => rejection.code(),
            Self::Unauthenticated => "unauthenticated",
        }
    }
}

/// Which refusals have had their line.
pub(crate) type SignalLines = RefusalLines<SetRejection>;
