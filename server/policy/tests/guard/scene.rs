//! One user, one session, and a guard before it.

use std::{net::IpAddr, sync::Arc, time::Duration};

use holdfast_core::{
    Level, Method, SessionId, UnixTime,
    jose::{Algorithm, PublicKey},
    policy::SessionPolicy,
    risk::{ClientFields, Location, Place, Point, Posture, Profile, SignalName, Told, Traits},
    session::{Auth, Binding, Client, Record},
};
use holdfast_policy::{
    Beginning, Demand, Effect, Memory, Modes, Outcome, Policies, Proved, Question, Succession, Target,
    decode_profile, encode_profile,
};

pub(crate) const CHROME: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                      Chrome/156.0.0.0 Safari/537.36";
pub(crate) const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

pub(crate) const HOME: &str = "81.2.69.10";
/// A neighbour's line in the network of this one, by which a service lets others out.
pub(crate) const HOUSE: &str = "81.2.77.20";
pub(crate) const NEIGHBOUR: &str = "81.2.77.10";
pub(crate) const OFFICE: &str = "81.5.1.10";
pub(crate) const NEW_YORK: &str = "12.81.96.10";
pub(crate) const DATA_CENTRE: &str = "5.9.1.10";
pub(crate) const VPN: &str = "185.1.1.10";

pub(crate) fn locate(address: IpAddr) -> Location {
    let honest = Traits::default();
    let (point, country, continent, asn, traits) = match address.to_string().as_str() {
        text if text == NEIGHBOUR => {
            ((51.5, -0.1), "GB", "EU", 2856, Traits { residential_proxy: true, ..honest })
        }
        text if text.starts_with("81.2.") || text.starts_with("2001:480:") => {
            ((51.5, -0.1), "GB", "EU", 2856, honest)
        }
        text if text.starts_with("81.5.") => ((51.4, -0.2), "GB", "EU", 5378, honest),
        text if text.starts_with("12.81.") => ((40.7, -74.0), "US", "NA", 7018, honest),
        text if text.starts_with("5.9.") => {
            ((50.5, 12.4), "DE", "EU", 24940, Traits { hosting: true, ..honest })
        }
        text if text.starts_with("185.1.") => {
            ((59.3, 18.0), "SE", "EU", 9009, Traits { anonymizer: true, hosting: true, ..honest })
        }
        text if text.starts_with("10.") || text.starts_with("fd00:") => return Location::Internal,
        _ => return Location::Unknown,
    };
    Location::Known(Place {
        point: Point::new(point.0, point.1, 20),
        country: country.parse().ok(),
        continent: continent.parse().ok(),
        asn: Some(asn),
        traits: Some(traits),
    })
}

pub(crate) fn start() -> UnixTime {
    UnixTime::from_secs(1_800_000_000)
}

pub(crate) fn at(seconds: u64) -> UnixTime {
    start().after(Duration::from_secs(seconds))
}

/// One user, one session, and a guard before it.
pub(crate) struct Scene {
    pub(crate) memory: Memory,
    pub(crate) policies: Arc<Policies>,
    pub(crate) limits: SessionPolicy,
    pub(crate) profile: Profile,
    pub(crate) record: Record,
}

impl Scene {
    pub(crate) fn login(ip: &str, agent: &str) -> Self {
        Self::login_of(Profile::default(), ip, agent, at(0))
    }

    pub(crate) fn login_of(profile: Profile, ip: &str, agent: &str, now: UnixTime) -> Self {
        Self::login_with(profile, ip, agent, now, &["pwd", "otp"])
    }

    pub(crate) fn login_with(profile: Profile, ip: &str, agent: &str, now: UnixTime, amr: &[&str]) -> Self {
        Self::login_on(None, profile, ip, agent, now, amr)
    }

    /// A login on a device that the app has a name for.
    pub(crate) fn login_on(
        device: Option<&str>,
        mut profile: Profile,
        ip: &str,
        agent: &str,
        now: UnixTime,
        amr: &[&str],
    ) -> Self {
        let (memory, ip) = (Memory::new(), Some(ip.parse().unwrap()));
        let record = Record {
            id: SessionId::from_bytes([7; 16]),
            revision: 0,
            epoch: 0,
            app: "shop".into(),
            user: "alice".into(),
            auth: Some(Box::new(Auth {
                amr: amr.iter().map(|word| (*word).into()).collect(),
                ..Auth::default()
            })),
            client: Some(Box::new(Client {
                ip,
                user_agent: Some(agent.into()),
                device_id: device.map(|device| device.parse().unwrap()),
            })),
            attributes: None,
            grant: None,
            created_at: now,
            began_at: now,
            binding: None,
            ended: None,
        };
        let beginning = Beginning { ip, user_agent: Some(agent), device };
        memory.login(&record, &beginning, &mut profile, &locate);
        let policies = Arc::new(Policies::shipped(&Modes::default()));
        Self { memory, policies, limits: SessionPolicy::default(), profile, record }
    }

    /// The session goes on under the id that the record has now.
    pub(crate) fn follow(&mut self, former: &Record, is_authenticated: bool, now: UnixTime) {
        let succession = Succession { former, next: &self.record, is_authenticated, now };
        self.memory.follow(&succession, &mut self.profile, &locate);
    }

    /// The server begins anew, and reads what it had stored of the user.
    pub(crate) fn restart(&mut self) {
        self.memory = Memory::new();
        self.profile = decode_profile(&encode_profile(&self.profile));
    }

    pub(crate) fn bind(&mut self, ip: &str, agent: &str, now: UnixTime) {
        self.bind_to(key(), ip, agent, now);
    }

    /// The device, or somebody's, binds another key.
    pub(crate) fn bind_another(&mut self, ip: &str, agent: &str, now: UnixTime) {
        self.bind_to(another_key(), ip, agent, now);
    }

    fn bind_to(&mut self, key: PublicKey, ip: &str, agent: &str, now: UnixTime) {
        self.record.binding = Some(Box::new(Binding {
            method: Method::Dbsc,
            level: Level::Hardware,
            key,
            bound_at: now,
            last_proof_at: now,
            generation: 0,
        }));
        self.prove(ip, agent, now);
    }

    pub(crate) fn prove(&mut self, ip: &str, agent: &str, now: UnixTime) {
        let binding = self.record.binding.as_mut().unwrap();
        binding.generation += 1;
        binding.last_proof_at = now;
        self.record.revision += 1;
        let (is_first, key) = (binding.generation == 1, binding.key.thumbprint());
        let proof = Proved {
            record: &self.record,
            ip: Some(ip.parse().unwrap()),
            user_agent: Some(agent),
            key: &key,
            is_first,
            now,
        };
        self.memory.proved(&proof, &mut self.profile, &locate);
    }

    pub(crate) fn check_with(
        &mut self,
        ip: &str,
        agent: &str,
        now: UnixTime,
        change: impl FnOnce(&mut Question<'_>),
    ) -> Answer {
        let mut question = Question {
            record: &self.record,
            limits: &self.limits,
            client_ip: ip.parse().ok(),
            fields: ClientFields { user_agent: Some(agent), ..ClientFields::default() },
            target: Target { method: "GET", ..Target::default() },
            is_proved: false,
            is_stale_copy: false,
            cookie: Some(self.record.binding.as_ref().map_or(0, |binding| binding.generation)),
            posture: Posture::Unmanaged,
            told: Told::default(),
            now,
        };
        change(&mut question);
        let quick = self.memory.quick(&question, &self.policies);
        let was_quick = quick.is_some();
        let answer =
            quick.unwrap_or_else(|| self.memory.weigh(&question, &self.policies, &mut self.profile, &locate));
        let (outcome, is_news) = (answer.outcome, answer.is_news);
        let json = outcome.json(&question);
        let demand =
            (outcome.ruling.effect == Some(Effect::Reprove)).then(|| self.memory.demand(&question, &outcome));
        Answer { outcome, was_quick, is_news, json, demand }
    }

    pub(crate) fn check(&mut self, ip: &str, agent: &str, now: UnixTime) -> Answer {
        self.check_with(ip, agent, now, |_| {})
    }
}

pub(crate) struct Answer {
    pub(crate) outcome: Arc<Outcome>,
    pub(crate) was_quick: bool,
    pub(crate) is_news: bool,
    pub(crate) json: String,
    /// What is demanded, if a proof is.
    pub(crate) demand: Option<Demand>,
}

impl Answer {
    pub(crate) fn effect(&self) -> Option<Effect> {
        self.outcome.ruling.effect
    }

    pub(crate) fn score(&self, name: SignalName) -> u8 {
        self.outcome.assessment.score(name).get()
    }

    #[track_caller]
    pub(crate) fn is(&self, effect: Option<Effect>) {
        assert_eq!(self.effect(), effect, "{:#?}", self.outcome);
    }
}

/// The base point of P-256: on the curve, and nobody's key.
pub(crate) fn key() -> PublicKey {
    let jwk = r#"{"kty":"EC","crv":"P-256","x":"axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY","y":"T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU"}"#;
    read(jwk)
}

/// Twice the base point.
fn another_key() -> PublicKey {
    let jwk = r#"{"kty":"EC","crv":"P-256","x":"fPJ7GI0DT36KUjgDBLUaw8CJaeJ38hs1pgtI_EdmmXg","y":"B3dVENuO0EApPZrGn3Qw27p9reY86YIpngS3nSJ4c9E"}"#;
    read(jwk)
}

fn read(jwk: &str) -> PublicKey {
    let object = holdfast_core::jose::Object::parse(jwk.as_bytes());
    PublicKey::from_jwk(&object.unwrap(), Algorithm::Es256).unwrap()
}
