//! What is asked about one request.

use std::net::IpAddr;

use holdfast_core::{
    Level, UnixTime,
    policy::SessionPolicy,
    risk::{Client, ClientFields, Line, Location, Network, Posture, Session, Strength, Told, Visit},
    session::Record,
};
use serde::Deserialize;

use super::{Locate, memory::Seen, sighting};
use crate::{
    Situation, Subject,
    asked::method,
    situation::{self, Auth, Binding, Device},
};

/// A request by a session that is in order.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The session.
    pub record: &'a Record,
    /// The limits that it lives under.
    pub limits: &'a SessionPolicy,
    /// The client's address, if it is known.
    pub client_ip: Option<IpAddr>,
    /// What the client says of itself.
    pub fields: ClientFields<'a>,
    /// What the request is for.
    pub target: Target<'a>,
    /// Whether a signature by the key came with this very request.
    pub is_proved: bool,
    /// Whether a copy of a replaced cookie came with it.
    pub is_stale_copy: bool,
    /// The generation of the cookie that came with it, if one did.
    pub cookie: Option<u32>,
    /// What is known of the device.
    pub posture: Posture,
    /// What others have told.
    pub told: Told,
    /// When.
    pub now: UnixTime,
}

/// What a request is for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Target<'a> {
    /// Its method.
    pub method: &'a str,
    /// The pattern of the route that is about it; empty if none is.
    pub pattern: &'a str,
    /// The tags of that route.
    pub tags: &'a [Box<str>],
}

impl Target<'_> {
    pub(super) fn is_export(&self) -> bool {
        self.tags.iter().any(|tag| &**tag == EXPORT)
    }
}

/// Seconds since a session began, its user authenticated, and its key was proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ages {
    pub(super) session: u64,
    pub(super) auth: u64,
    pub(super) proof: Option<u64>,
}

impl Question<'_> {
    pub(super) fn level(&self) -> Level {
        self.record.binding.as_ref().map_or(Level::None, |binding| binding.level)
    }

    pub(super) fn ages(&self) -> Ages {
        let record = self.record;
        let since = |then| self.now.since(then).as_secs();
        let proof = record.binding.as_ref().map(|binding| since(binding.last_proof_at));
        Ages {
            session: since(record.began_at),
            auth: since(record.authenticated_at()),
            proof: if self.is_proved { proof.map(|_| 0) } else { proof },
        }
    }

    pub(super) fn session(&self) -> Session {
        Session {
            id: self.record.id,
            is_bound: self.record.binding.is_some(),
            is_browser: self.record.grant.is_none(),
            binding_due: self.record.created_at.after(self.limits.registration_window),
            posture: self.posture,
            told: self.told,
        }
    }

    /// The request, as it is compared with others.
    pub(super) fn visit(&self, locate: Locate<'_>) -> Visit {
        Visit {
            from: sighting(self.client_ip, locate, self.now),
            line: self.client_ip.map(Line::of),
            client: Client::read(&self.fields),
            is_proved: self.is_proved,
            is_stale_copy: self.is_stale_copy,
            is_replaced: self.is_replaced(generation(self.record)),
            is_export: self.target.is_export(),
            now: self.now,
        }
    }

    /// Whether its cookie is older than one of this generation.
    pub(super) fn is_replaced(&self, generation: u32) -> bool {
        self.cookie.is_some_and(|cookie| cookie < generation)
    }

    /// What of its address makes a difference: the line, where there is a key to ask about it.
    pub(super) fn whence(&self) -> Option<(Network, Option<Line>)> {
        let line = |address| self.record.binding.is_some().then(|| Line::of(address));
        self.client_ip.map(|address| (Network::of(address), line(address)))
    }

    pub(super) fn subject(&self) -> Subject {
        Subject {
            user: self.record.user.clone(),
            groups: self.record.attributes.as_deref().map(groups).and_then(Result::ok).unwrap_or_default(),
            app: (&*self.record.app).into(),
            method: method(self.target.method).into(),
            route: self.target.pattern.into(),
            tags: self.target.tags.to_vec(),
        }
    }

    pub(super) fn situation(&self, seen: &Seen) -> Situation {
        let record = self.record;
        let method = record.binding.as_ref().map_or("none", |binding| binding.method.as_str());
        let (ages, strength) = (self.ages(), strength(record).unwrap_or_default());
        let auth = record.auth.as_deref();
        let place = seen.location.place();
        let traits = place.and_then(|place| place.traits).unwrap_or_default();
        let location = match seen.location {
            Location::Internal => "internal",
            Location::Known(_) => "known",
            Location::Unknown => "unknown",
        };
        let signals = seen.assessment.signals.iter().filter(|signal| signal.score.get() > 0);
        Situation {
            binding: Binding::new(method, self.level()),
            proof_age: ages.proof,
            proved_here: seen.assessment.proved_here,
            session_age: ages.session,
            auth: Auth {
                age: ages.auth,
                acr: auth.and_then(|auth| auth.acr.clone()),
                amr: auth.map(|auth| auth.amr.clone()).unwrap_or_default(),
                several_factors: strength.several_factors,
                phishing_resistant: strength.phishing_resistant,
            },
            risk: seen.assessment.highest().get(),
            signals: signals.fold(std::collections::BTreeMap::new(), |mut all, signal| {
                let score = all.entry(signal.name.as_str().into()).or_insert(0);
                *score = signal.score.get().max(*score);
                all
            }),
            unknown: seen.assessment.unknown.iter().map(|name| name.as_str().into()).collect(),
            device: Device {
                posture: self.posture.as_str().into(),
                managed: self.posture != Posture::Unmanaged,
            },
            network: situation::Network {
                location: location.into(),
                usual: seen.assessment.is_known_place,
                country: place.and_then(|place| place.country).map(|code| code.as_str().into()),
                continent: place.and_then(|place| place.continent).map(|code| code.as_str().into()),
                asn: place.and_then(|place| place.asn),
                anonymizer: traits.anonymizer || traits.residential_proxy,
                hosting: traits.hosting,
            },
        }
    }
}

/// Of the newest cookie of a session: none is older than that of a login.
pub(super) fn generation(record: &Record) -> u32 {
    record.binding.as_ref().map_or(0, |binding| binding.generation)
}

/// How strong the login of a session was, if the app said so.
pub(super) fn strength(record: &Record) -> Option<Strength> {
    let auth = record.auth.as_deref()?;
    let says_something = auth.acr.is_some() || !auth.amr.is_empty();
    says_something.then(|| Strength::of(auth.acr.as_deref(), &auth.amr))
}

/// The groups that an app has named, of the `attributes` of a session. Attributes without any name none.
///
/// # Errors
/// If something else stands in their place.
pub fn groups(attributes: &str) -> Result<Vec<Box<str>>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Attributes {
        #[serde(default)]
        groups: Vec<Box<str>>,
    }
    serde_json::from_str::<Attributes>(attributes).map(|attributes| attributes.groups)
}

/// The tag of routes that export data.
const EXPORT: &str = "export";
