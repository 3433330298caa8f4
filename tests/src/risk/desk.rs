//! The server's side: sessions as its routes keep them, before the guard that its checks ask.

use std::{
    collections::BTreeMap,
    hint::black_box,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use holdfast::geo::{Database, Kind, locate};
use holdfast_core::{
    Level, Method, SessionId, UnixTime,
    jose::PublicKey,
    policy::{SessionPolicy, Unbound},
    risk::{ClientFields, Posture, Profile, Told},
    session::{Auth, Binding, Client, DeviceId, Record},
};
use holdfast_policy::{
    Beginning, Effect, Memory, Modes, Outcome, Policies, Proved, Question, SHIPPED, STRICT_UNBOUND,
    Succession, Target,
};

use super::{random::hash, world::World};

/// Whoever answers.
pub(crate) struct Desk {
    memory: Memory,
    policies: Arc<Policies>,
    databases: [Database; 3],
    limits: SessionPolicy,
    keys: Vec<PublicKey>,
    profiles: BTreeMap<u64, Profile>,
    begun: u64,
    export: [Box<str>; 1],
    /// How many checks were answered, and how long that took in all.
    pub(crate) checks: u64,
    pub(crate) checking: Duration,
}

/// A request, as a gateway describes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    /// From where.
    pub(crate) ip: IpAddr,
    /// What the client says of itself.
    pub(crate) fields: ClientFields<'a>,
    /// Whether it goes to a route that exports data.
    pub(crate) is_export: bool,
    /// When.
    pub(crate) now: UnixTime,
}

/// What a request is answered with.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// What is demanded; nothing if it goes on.
    pub(crate) demand: Option<Effect>,
    /// By which policy.
    pub(crate) policy: Option<Arc<str>>,
    outcome: Arc<Outcome>,
}

impl Desk {
    /// A desk in this world, with the policies that ship in force, and those that are stricter without a key if that is asked for.
    ///
    /// # Errors
    /// If the world's databases are not taken.
    pub(crate) fn new(world: &World, strict: bool) -> Result<Self> {
        let text = if strict { [SHIPPED, "\n", STRICT_UNBOUND].concat() } else { SHIPPED.to_owned() };
        let policies = Policies::parse(&text, &Modes::default());
        let [city, asn, anonymous] = world.databases();
        let database = |kind, made: crate::mmdb::Mmdb| {
            Database::parse(kind, made.to_bytes()).map_err(anyhow::Error::msg).context("a database")
        };
        Ok(Self {
            memory: Memory::new(),
            policies: Arc::new(policies.map_err(|problems| anyhow::anyhow!("{problems}"))?),
            databases: [
                database(Kind::City, city)?,
                database(Kind::Asn, asn)?,
                database(Kind::Anonymous, anonymous)?,
            ],
            // Sessions with and without a key live for as long, so that nothing but the key makes a difference.
            limits: SessionPolicy { unbound: Unbound::Allow, ..SessionPolicy::default() },
            keys: (0..KEYS).map(key).collect::<Result<_>>()?,
            profiles: BTreeMap::new(),
            begun: 0,
            export: ["export".into()],
            checks: 0,
            checking: Duration::ZERO,
        })
    }

    /// A login with a password and a second factor, by a device that the app has a name for if it names any.
    pub(crate) fn login(&mut self, user: u64, device: Option<&str>, request: &Request<'_>) -> Record {
        let record = self.record(user, device, request, request.now);
        let beginning = Beginning { ip: Some(request.ip), user_agent: request.fields.user_agent, device };
        let profile = self.profiles.entry(user).or_default();
        let find = |address| locate(address, &self.databases);
        let _ = self.memory.login(&record, &beginning, profile, &find);
        record
    }

    /// The user has authenticated again: the session goes on under another id, and has to be bound again.
    pub(crate) fn regenerate(&mut self, user: u64, former: &Record, request: &Request<'_>) -> Record {
        let device = former.client.as_deref().and_then(|client| client.device_id.as_ref());
        let next = self.record(user, device.map(DeviceId::as_str), request, former.began_at);
        let succession = Succession { former, next: &next, is_authenticated: true, now: request.now };
        let find = |address| locate(address, &self.databases);
        self.memory.follow(&succession, self.profiles.entry(user).or_default(), &find);
        next
    }

    /// The device proves its key; the first time it binds the session.
    ///
    /// # Errors
    /// If there are no keys.
    pub(crate) fn prove(&mut self, user: u64, record: &mut Record, request: &Request<'_>) -> Result<()> {
        let Request { ip, fields, now, .. } = *request;
        let is_first = record.binding.is_none();
        let place = usize::try_from(hash(&[self.begun, user])).unwrap_or_default() % self.keys.len().max(1);
        let key = self.keys.get(place).context("no key")?;
        let binding = record.binding.get_or_insert_with(|| {
            Box::new(Binding {
                method: Method::Dbsc,
                level: Level::Hardware,
                key: key.clone(),
                bound_at: now,
                last_proof_at: now,
                generation: 0,
            })
        });
        binding.generation += 1;
        binding.last_proof_at = now;
        let thumbprint = binding.key.thumbprint();
        record.revision += 1;
        let proof =
            Proved { record, ip: Some(ip), user_agent: fields.user_agent, key: &thumbprint, is_first, now };
        let find = |address| locate(address, &self.databases);
        self.memory.proved(&proof, self.profiles.entry(user).or_default(), &find);
        Ok(())
    }

    /// Whether a session lives, so long after it was used last.
    pub(crate) fn lives(&self, record: &Record, used_at: UnixTime, now: UnixTime) -> bool {
        now.since(used_at) < self.limits.idle && now.since(record.began_at) < self.limits.absolute
    }

    /// Whether the cookie that was made at the last proof is still good. That of a session without a key always is.
    pub(crate) fn cookie_lives(&self, record: &Record, now: UnixTime) -> bool {
        let made = record.binding.as_ref().map(|binding| binding.last_proof_at);
        made.is_none_or(|made| now.since(made) < self.limits.bound_cookie)
    }

    /// Asks the guard about a request.
    ///
    /// # Errors
    /// If policies cannot be evaluated, or permit nothing.
    pub(crate) fn check(&mut self, user: u64, record: &Record, request: &Request<'_>) -> Result<Answer> {
        let tags: &[Box<str>] = if request.is_export { &self.export } else { &[] };
        let pattern = if request.is_export { "/export/*" } else { "/*" };
        let question = Question {
            record,
            limits: &self.limits,
            client_ip: Some(request.ip),
            fields: request.fields,
            target: Target { method: "GET", pattern, tags },
            is_proved: false,
            is_stale_copy: false,
            // Thieves here are stopped, or served, before the owner's next proof: theirs is the newest too.
            cookie: Some(record.binding.as_ref().map_or(0, |binding| binding.generation)),
            posture: Posture::Unmanaged,
            told: Told::default(),
            now: request.now,
        };
        let begun = Instant::now();
        let answered = match self.memory.quick(&question, &self.policies) {
            Some(answered) => answered,
            None => {
                let profile = self.profiles.entry(user).or_default();
                let find = |address| locate(address, &self.databases);
                self.memory.weigh(&question, &self.policies, profile, &find)
            }
        };
        let outcome = answered.outcome;
        // The server writes it into the audit trail.
        black_box(outcome.json(&question));
        self.checks += 1;
        self.checking += begun.elapsed();
        let ruling = &outcome.ruling;
        ensure!(ruling.errors.is_empty() && !ruling.not_permitted, "{:?}", ruling.errors);
        let demand = ruling.effect.filter(|effect| *effect > Effect::Flag);
        let of_demand = ruling.hits.iter().find(|hit| Some(hit.mode.allows(hit.decision)) == demand);
        let policy = of_demand.map(|hit| Arc::clone(&hit.id));
        Ok(Answer { demand, policy, outcome })
    }

    /// Forgets a session that has ended.
    pub(crate) fn end(&mut self, record: &Record) {
        self.memory.forget(record);
    }

    /// Forgets a user of whom everything is said.
    pub(crate) fn dismiss(&mut self, user: u64, now: UnixTime) {
        self.profiles.remove(&user);
        self.memory.sweep(now.after(Duration::from_secs(30 * 86_400)));
    }

    fn record(
        &mut self,
        user: u64,
        device: Option<&str>,
        request: &Request<'_>,
        began_at: UnixTime,
    ) -> Record {
        self.begun += 1;
        let id = u128::from(hash(&[self.begun, 1])) << 64 | u128::from(hash(&[self.begun, 2]));
        Record {
            id: SessionId::from_bytes(id.to_be_bytes()),
            revision: 0,
            epoch: 0,
            app: "shop".into(),
            user: user.to_string().into(),
            auth: Some(Box::new(Auth { amr: vec!["pwd".into(), "otp".into()], ..Auth::default() })),
            client: Some(Box::new(Client {
                ip: Some(request.ip),
                user_agent: request.fields.user_agent.map(Arc::from),
                device_id: device.and_then(|device| device.parse().ok()),
            })),
            attributes: None,
            grant: None,
            created_at: request.now,
            began_at,
            binding: None,
            ended: None,
        }
    }
}

impl Answer {
    /// What was suspected, for whoever wants to know why.
    #[must_use]
    pub(crate) fn reasons(&self) -> String {
        let signals = self.outcome.assessment.signals.iter();
        let told = signals.map(|signal| {
            let factors = signal.factors.iter().map(|(name, factor)| format!("{name} {factor:?}"));
            format!("{} {} ({})", signal.name, signal.score.get(), factors.collect::<Vec<_>>().join(", "))
        });
        told.collect::<Vec<_>>().join("; ")
    }
}

/// A key of no device.
fn key(number: u64) -> Result<PublicKey> {
    let digits = [1, 2, 3, 4].map(|part| hash(&[number, part]).to_be_bytes()).concat();
    let secret = p256::ecdsa::SigningKey::from_slice(&digits)?;
    let point = secret.verifying_key().to_sec1_point(false);
    let coordinates = point.as_bytes().get(1..).unwrap_or_default().try_into()?;
    PublicKey::p256(coordinates).map_err(|rejection| anyhow::anyhow!("{rejection:?}"))
}

/// So many are enough that no two sessions of a user share one but by chance.
const KEYS: u64 = 128;
