//! A user's month at the desk, with or without thieves.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Result;
use holdfast_core::{UnixTime, session::Record};
use holdfast_policy::Effect;

use super::{
    clients::Browser,
    desk::{Desk, Request},
    people::{Person, Stretch},
    random::Random,
    thieves::{Attack, Thief},
};

/// What was counted.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Requests of users.
    pub requests: u64,
    /// Checks of users and thieves.
    pub checks: u64,
    /// How long those took: to look up the place, to weigh, to ask the policies.
    pub checking: Duration,
    /// Logins, because a session had ended.
    pub logins: u64,
    /// Times that a user had to authenticate although the session was alive, by the policy that demanded it.
    pub step_ups: BTreeMap<String, u64>,
    /// Times that a device had to prove its key at once, by the policy that demanded it.
    pub reproves: BTreeMap<String, u64>,
    /// Proofs in all, those at their time included.
    pub proofs: u64,
    /// Proofs that a browser would not have made: it signs six times in nine minutes at most.
    pub over_quota: u64,
    /// Demands that came again although they had been met.
    pub stuck: u64,
    /// What became of thieves: after how many requests that were served they were stopped, and how many were.
    pub thefts: BTreeMap<Attack, BTreeMap<u64, u64>>,
    /// The signals behind the first few step-ups.
    pub examples: Vec<String>,
    /// Those behind the first few thieves that were served.
    pub unstopped: Vec<String>,
}

/// A user's month.
pub(crate) struct Month<'a> {
    desk: &'a mut Desk,
    person: &'a Person,
    random: Random,
    counts: &'a mut Counts,
    setting: Setting,
    /// By device.
    states: Vec<State>,
    thieves: Vec<Thief>,
}

/// What holds for everybody.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    /// Whether the gateway tells of TLS handshakes (JA4).
    pub(crate) tells_handshake: bool,
    /// Whether the app has a name for each device, which no other device knows.
    pub(crate) names_devices: bool,
    /// Before this second the policies only observe.
    pub(crate) in_force_from: u64,
}

#[derive(Clone, Debug)]
struct State {
    browser: Browser,
    updates: Vec<u64>,
    session: Option<(Record, UnixTime)>,
    signed_at: Vec<UnixTime>,
}

impl<'a> Month<'a> {
    /// A month that begins.
    pub(crate) fn new(
        desk: &'a mut Desk,
        person: &'a Person,
        thieves: Vec<Thief>,
        random: Random,
        setting: Setting,
        counts: &'a mut Counts,
    ) -> Self {
        let states = person.devices.iter().map(|device| State {
            browser: device.browser.clone(),
            updates: device.updates.clone(),
            session: None,
            signed_at: Vec::new(),
        });
        let states = states.collect();
        Self { desk, person, random, counts, setting, states, thieves }
    }

    /// Lives through it.
    ///
    /// # Errors
    /// If policies cannot be evaluated.
    pub(crate) fn live(mut self, plan: &[Stretch], pause: u64) -> Result<()> {
        for stretch in plan {
            let mut now = stretch.from;
            while now < stretch.until {
                self.visit(stretch, now)?;
                now += self.random.between(10, 2 * pause);
            }
        }
        Ok(())
    }

    /// A request of the user, and everything that comes of it.
    fn visit(&mut self, stretch: &Stretch, second: u64) -> Result<()> {
        let (now, device) = (at(second), stretch.device);
        let ip = stretch.link.address(second, &mut self.random);
        let Some(mut state) = self.states.get(device).cloned() else { return Ok(()) };
        while state.updates.first().is_some_and(|due| *due <= second) {
            state.updates.remove(0);
            state.browser.update();
        }
        let browser = state.browser.clone();
        let fields = browser.fields(self.setting.tells_handshake);
        let request = Request { ip, fields, is_export: self.random.chance(5), now };
        let lived = state.session.take().filter(|(record, used)| self.desk.lives(record, *used, now));
        let mut record = match lived {
            Some((record, _)) => record,
            None => {
                if let Some(thief) = self.due(second, device, Attack::is_at_login) {
                    self.phish(&thief, second, &browser)?;
                }
                if self.is_in_force(now) {
                    self.counts.logins += 1;
                }
                let record = self.login(device, &request);
                self.bind(device, record, &request, &mut state)?
            }
        };
        if !self.desk.cookie_lives(&record, now) {
            self.prove(&mut record, &request, &mut state)?;
        }
        if self.is_in_force(now) {
            self.counts.requests += 1;
            record = self.ask(device, record, &request, &mut state)?;
        } else {
            self.desk.check(self.person.id, &record, &request)?;
        }
        state.session = Some((record.clone(), now));
        if let Some(thief) = self.due(second, device, |attack| !attack.is_at_login()) {
            let ended = self.steal(&thief, &record, ip, second, &browser)?;
            state.session = state.session.filter(|_| !ended);
        }
        if let Some(kept) = self.states.get_mut(device) {
            *kept = state;
        }
        Ok(())
    }

    /// Asks until the request goes on, and does what is demanded on the way.
    fn ask(
        &mut self,
        device: usize,
        mut record: Record,
        request: &Request<'_>,
        state: &mut State,
    ) -> Result<Record> {
        for round in 0..4 {
            let answer = self.desk.check(self.person.id, &record, request)?;
            let Some(demand) = answer.demand else { return Ok(record) };
            let policy = answer.policy.as_deref().unwrap_or("?").to_owned();
            if round > 1 {
                self.counts.stuck += 1;
            }
            if demand == Effect::Reprove && record.binding.is_some() {
                *self.counts.reproves.entry(policy).or_default() += 1;
                self.prove(&mut record, request, state)?;
                continue;
            }
            if self.counts.examples.len() < EXAMPLES {
                let (user, when) = (self.person.id, request.now.since(at(0)).as_secs());
                let (day, hour) = (when / 86_400, when % 86_400 / 3600);
                let example = format!("user {user} day {day} hour {hour} {policy}: {}", answer.reasons());
                self.counts.examples.push(example);
            }
            *self.counts.step_ups.entry(policy).or_default() += 1;
            let next = match demand {
                Effect::Revoke => {
                    self.desk.end(&record);
                    self.login(device, request)
                }
                Effect::Deny | Effect::Flag | Effect::Reprove | Effect::StepUp => {
                    self.desk.regenerate(self.person.id, &record, request)
                }
            };
            record = self.bind(device, next, request, state)?;
        }
        Ok(record)
    }

    fn bind(
        &mut self,
        device: usize,
        mut record: Record,
        request: &Request<'_>,
        state: &mut State,
    ) -> Result<Record> {
        if self.person.devices.get(device).is_some_and(|device| device.binds) {
            self.prove(&mut record, request, state)?;
        }
        Ok(record)
    }

    /// A login on one of the user's devices.
    fn login(&mut self, device: usize, request: &Request<'_>) -> Record {
        let name = self.setting.names_devices.then(|| format!("device-{device}-of-{}", self.person.id));
        self.desk.login(self.person.id, name.as_deref(), request)
    }

    fn is_in_force(&self, now: UnixTime) -> bool {
        now >= at(self.setting.in_force_from)
    }

    fn prove(&mut self, record: &mut Record, request: &Request<'_>, state: &mut State) -> Result<()> {
        if self.is_in_force(request.now) {
            self.counts.proofs += 1;
        }
        state.signed_at.retain(|at| request.now.since(*at) < Duration::from_secs(9 * 60));
        state.signed_at.push(request.now);
        if state.signed_at.len() > 6 {
            self.counts.over_quota += 1;
        }
        self.desk.prove(self.person.id, record, request)
    }

    fn due(&mut self, second: u64, device: usize, is_meant: impl Fn(Attack) -> bool) -> Option<Thief> {
        let is_due = |thief: &Thief| thief.from <= second && thief.device == device && is_meant(thief.attack);
        let place = self.thieves.iter().position(is_due)?;
        Some(self.thieves.remove(place))
    }

    /// A login through a thief's proxy. The session is the thief's, and the user sees an error.
    fn phish(&mut self, thief: &Thief, second: u64, theirs: &Browser) -> Result<()> {
        let ip = thief.address([127, 0, 0, 1].into(), second, &mut self.random);
        // The handshake that the server sees is the proxy's.
        let proxy = thief.browser(theirs);
        let fields = proxy.fields(self.setting.tells_handshake);
        let request = Request { ip, fields, is_export: false, now: at(second) };
        // The victim's browser keeps what the app knows it by for the app's own address.
        let name = self.setting.names_devices.then(|| format!("proxy-before-{}", self.person.id));
        let mut record = self.desk.login(self.person.id, name.as_deref(), &request);
        if thief.attack == Attack::ProxyBinds {
            self.desk.prove(self.person.id, &mut record, &request)?;
        }
        self.rob(thief, &mut record, ip, second, theirs).map(|_ended| ())
    }

    /// A cookie of a session that is in use. Whether the session was ended for it.
    fn steal(
        &mut self,
        thief: &Thief,
        record: &Record,
        theirs: std::net::IpAddr,
        second: u64,
        browser: &Browser,
    ) -> Result<bool> {
        self.rob(thief, &mut record.clone(), theirs, second, browser)
    }

    fn rob(
        &mut self,
        thief: &Thief,
        record: &mut Record,
        theirs: std::net::IpAddr,
        second: u64,
        browser: &Browser,
    ) -> Result<bool> {
        let (mut served, mut ended, mut told) = (0, false, String::new());
        let most = if thief.attack.exports() { 500 } else { 20 };
        let has_key = matches!(thief.attack, Attack::ProxyBinds | Attack::DeviceExports);
        while served < most {
            let second = second + thief.delay + served * thief.pace;
            let ip = thief.address(theirs, second, &mut self.random);
            let client = thief.browser(browser);
            let fields = client.fields(self.setting.tells_handshake);
            let request = Request { ip, fields, is_export: thief.attack.exports(), now: at(second) };
            if !self.desk.cookie_lives(record, request.now) {
                if !has_key {
                    break;
                }
                self.desk.prove(self.person.id, record, &request)?;
            }
            let mut answer = self.desk.check(self.person.id, record, &request)?;
            if answer.demand == Some(Effect::Reprove) && has_key {
                self.desk.prove(self.person.id, record, &request)?;
                answer = self.desk.check(self.person.id, record, &request)?;
            }
            if let Some(demand) = answer.demand {
                ended = demand == Effect::Revoke;
                if ended {
                    self.desk.end(record);
                }
                break;
            }
            served += 1;
            told = answer.reasons();
        }
        let is_example = served > 2 && thief.attack != Attack::DeviceExports;
        if is_example && self.counts.unstopped.len() < EXAMPLES {
            let (user, attack) = (self.person.id, thief.attack);
            self.counts.unstopped.push(format!("{attack:?} of {user}: {served} served, {told}"));
        }
        let of_attack = self.counts.thefts.entry(thief.attack).or_default();
        *of_attack.entry(served).or_default() += 1;
        Ok(ended)
    }
}

impl Counts {
    /// Step-ups of any policy.
    #[must_use]
    pub fn all_step_ups(&self) -> u64 {
        self.step_ups.values().sum()
    }

    /// Proofs on the spot for any policy.
    #[must_use]
    pub fn all_reproves(&self) -> u64 {
        self.reproves.values().sum()
    }

    /// How many thieves there were, and how many of them were stopped before their third request.
    #[must_use]
    pub fn stopped(&self, attack: Attack) -> (u64, u64) {
        let Some(thefts) = self.thefts.get(&attack) else { return (0, 0) };
        (thefts.values().sum(), thefts.range(..=2).map(|(_, count)| count).sum())
    }

    /// After how many requests that were served half of the thieves were stopped.
    #[must_use]
    pub fn median_served(&self, attack: Attack) -> u64 {
        let Some(thefts) = self.thefts.get(&attack) else { return 0 };
        let half = thefts.values().sum::<u64>().div_ceil(2);
        let mut seen = 0;
        thefts
            .iter()
            .find(|(_, count)| {
                seen += **count;
                seen >= half
            })
            .map_or(0, |(served, _)| *served)
    }
}

/// Second so many of the month.
#[must_use]
pub(crate) fn at(second: u64) -> UnixTime {
    UnixTime::from_secs(MONDAY + second)
}

const EXAMPLES: usize = 40;

/// 2026-11-02.
const MONDAY: u64 = 1_793_577_600;
