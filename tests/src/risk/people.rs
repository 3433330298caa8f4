//! Users: where they live and work, what they carry, and how they spend a month.

use super::{
    clients::{Browser, Kind},
    links::{DAY, Link},
    random::Random,
    world::{CITIES, City, HOMES, World, city, kilometres},
};

/// A user, with everything that they use.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    /// A number for them.
    pub(crate) id: u64,
    /// Where they live, by its place among the cities.
    pub(crate) lives_in: usize,
    /// What they use: a computer, a telephone, and perhaps the family's computer.
    pub(crate) devices: Vec<Device>,
    home: Link,
    office: Link,
    carrier: Link,
    company_vpn: Option<Link>,
    hides_with: Option<[Link; 3]>,
    random: Random,
}

/// Something with a browser.
#[derive(Clone, Debug)]
pub(crate) struct Device {
    /// Its browser before the month begins.
    pub(crate) browser: Browser,
    /// When the browser is updated, in seconds from the beginning of the month.
    pub(crate) updates: Vec<u64>,
    /// Whether it binds its sessions.
    pub(crate) binds: bool,
}

/// Which devices bind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// All of them: browsers with DBSC on computers, and apps with keys on telephones.
    All,
    /// Computers do and telephones do not, as browsers are today.
    Computers,
    /// None, and no browser that could.
    None,
}

/// Some time that somebody uses a device.
#[derive(Clone, Debug)]
pub(crate) struct Stretch {
    /// Which of their devices.
    pub(crate) device: usize,
    /// When it begins, in seconds from the beginning of the month.
    pub(crate) from: u64,
    /// When it ends.
    pub(crate) until: u64,
    /// How the device is connected.
    pub(crate) link: Link,
}

impl Person {
    /// A user of this number.
    #[must_use]
    pub(crate) fn new(id: u64, world: &World, binding: Binding, seed: &Random) -> Self {
        let mut random = seed.branch(id);
        let lives_in = usize::try_from(random.below(HOMES.try_into().unwrap_or(1))).unwrap_or_default();
        let languages = match city(lives_in).country {
            "DE" => "de-DE,de;q=0.9,en;q=0.8",
            "FR" => "fr-FR,fr;q=0.9,en;q=0.8",
            "JP" => "ja,en;q=0.8",
            "US" => "en-US,en;q=0.9",
            _ => "en-GB,en;q=0.9",
        };
        let computer = if binding == Binding::None { Kind::that_does_not_bind } else { Kind::that_binds };
        let device = |kind: Kind, binds: bool, random: &mut Random| Device {
            browser: Browser::new(kind, languages),
            updates: updates(random),
            binds,
        };
        let mut devices = vec![
            device(computer(&mut random), binding != Binding::None, &mut random),
            device(Kind::of_phone(&mut random), binding == Binding::All, &mut random),
        ];
        // One in seven has a computer at home that the family shares.
        if random.chance(140) {
            devices.push(device(computer(&mut random), binding != Binding::None, &mut random));
        }
        let home = Link::home(world, lives_in, &mut random);
        // Forty people work at one place, most of them where they live.
        let company = id / 40;
        let office_city = if random.chance(850) { lives_in } else { near(lives_in, &mut random) };
        let office = match random.chance(100) {
            true => Link::filtered(world, office_city, company),
            false => Link::office(world, office_city, company),
        };
        let headquarters = if company.is_multiple_of(5) { 9 } else { office_city };
        let company_vpn = random.chance(350).then(|| Link::office(world, headquarters, company + 1_000_000));
        let hides_with = random.chance(200).then(|| {
            let service = u32::try_from(random.below(3)).unwrap_or_default();
            [(); 3].map(|()| {
                let exit = usize::try_from(random.below(27)).unwrap_or_default();
                Link::vpn(world, exit, service, random.next())
            })
        });
        let carrier = Link::mobile(world, lives_in, &mut random);
        Self { id, lives_in, devices, home, office, carrier, company_vpn, hides_with, random }
    }

    /// How they spend so many days, the first of which is a Monday.
    #[must_use]
    pub(crate) fn month(&self, world: &World, days: u64) -> Vec<Stretch> {
        let mut random = self.random.branch(1);
        let mut plan = Plan { stretches: Vec::new() };
        let mut day = 0;
        while day < days {
            let is_weekend = day % 7 >= 5;
            // One in eight flies somewhere in a month, one in three takes a train for a day.
            if !is_weekend && random.chance(6) {
                day = self.fly(world, day, &mut plan, &mut random);
            } else if random.chance(15) {
                self.take_a_train(world, day, &mut plan, &mut random);
                day += 1;
            } else {
                self.ordinary_day(day, is_weekend, &mut plan, &mut random);
                day += 1;
            }
        }
        plan.stretches.retain(|stretch| stretch.from < days * DAY && stretch.until > stretch.from);
        plan.stretches.sort_by_key(|stretch| stretch.from);
        plan.stretches
    }

    fn ordinary_day(&self, day: u64, is_weekend: bool, plan: &mut Plan, random: &mut Random) {
        let clock = |hour: u64, minute: u64| day * DAY + hour * 3600 + minute * 60;
        plan.use_phone(clock(7, random.below(50)), &self.home, random);
        if is_weekend {
            plan.use_phone(clock(11, random.below(60)), self.anywhere(random), random);
            plan.use_phone(clock(15, random.below(60)), self.anywhere(random), random);
        } else {
            plan.use_phone(clock(8, random.below(20)), &self.carrier, random);
            self.work(day, plan, random);
            plan.use_phone(clock(12, random.below(60)), &self.carrier, random);
            plan.use_phone(clock(17, 30 + random.below(30)), &self.carrier, random);
        }
        plan.use_phone(clock(20, random.below(120)), &self.home, random);
        if random.chance(if is_weekend { 600 } else { 300 }) {
            self.evening(clock(19, random.below(60)), plan, random);
        }
    }

    /// Six or seven hours before a screen, with pauses.
    fn work(&self, day: u64, plan: &mut Plan, random: &mut Random) {
        let is_at_home = random.chance(400);
        let mut now = day * DAY + 8 * 3600 + 1800 + random.below(3600);
        while now < day * DAY + 17 * 3600 {
            let until = now + random.between(20, 100) * 60;
            if !is_at_home {
                plan.add(0, now, until, &self.office);
            } else if let Some(vpn) = self.company_vpn.as_ref().filter(|_| random.chance(700)) {
                // It is switched on when something needs it, and off again for a call.
                let on = now + random.below(until - now);
                let off = on + random.below(until - on + 1);
                plan.add(0, now, on, &self.home);
                plan.add(0, on, off, vpn);
                plan.add(0, off, until, &self.home);
            } else {
                plan.add(0, now, until, &self.home);
            }
            now = until + random.between(5, 80) * 60;
        }
    }

    fn evening(&self, now: u64, plan: &mut Plan, random: &mut Random) {
        let until = now + random.between(20, 120) * 60;
        let device = if self.devices.len() > 2 && random.chance(500) { 2 } else { 0 };
        match &self.hides_with {
            Some(exits) if random.chance(600) => {
                let on = now + random.below(until - now);
                plan.add(device, now, on, &self.home);
                plan.add(device, on, until, random.pick(exits));
            }
            Some(_) | None => plan.add(device, now, until, &self.home),
        }
    }

    /// There in the morning and back in the evening, with work on the way.
    fn take_a_train(&self, world: &World, day: u64, plan: &mut Plan, random: &mut Random) {
        let clock = |hour: u64, minute: u64| day * DAY + hour * 3600 + minute * 60;
        let there = near(self.lives_in, random);
        let seconds = whole(kilometres(self.lives_in, there) / 150.0 * 3600.0).clamp(1800, 5 * 3600);
        let train = Link::train(world, self.lives_in, random);
        plan.use_phone(clock(6, 30), &self.home, random);
        let depart = clock(7, random.below(60));
        self.ride(depart, seconds, &train, plan, random);
        let visited = Link::office(world, there, 2_000_000 + random.below(1000));
        let arrive = depart + seconds + 1800;
        plan.add(0, arrive, arrive + random.between(60, 200) * 60, &visited);
        plan.use_phone(clock(13, 30), &self.carrier, random);
        let back = clock(17, random.below(60)).max(arrive + 4 * 3600);
        self.ride(back, seconds, &train, plan, random);
        plan.use_phone(back + seconds + 3600, &self.home, random);
    }

    /// On the train's own network, or over the telephone, which loses the network now and then.
    fn ride(&self, from: u64, seconds: u64, train: &Link, plan: &mut Plan, random: &mut Random) {
        let link = if random.chance(500) { train } else { &self.carrier };
        plan.add(0, from + 600, from + seconds, link);
        plan.use_phone(from + seconds / 2, &self.carrier, random);
    }

    /// Gives the day after the return.
    fn fly(&self, world: &World, day: u64, plan: &mut Plan, random: &mut Random) -> u64 {
        let there = far(self.lives_in, random);
        let nights = random.between(1, 4);
        let flight = whole((kilometres(self.lives_in, there) / 850.0 + 0.5) * 3600.0);
        let hotel = Link::office(world, there, 3_000_000 + random.below(1000));
        let meeting = Link::office(world, there, 4_000_000 + random.below(1000));
        // Most carriers lead their clients' traffic home; others let it out where they are.
        let roaming = match random.chance(700) {
            true => self.carrier.clone(),
            false if CITIES.iter().position(|c| c.country == city(there).country) == Some(there) => {
                Link::mobile(world, there, random)
            }
            false => Link::office(world, there, 5_000_000 + random.below(1000)),
        };
        let depart = day * DAY + random.between(6, 14) * 3600;
        plan.use_phone(depart - 5400, &self.carrier, random);
        plan.add(0, depart - 4000, depart - 2000, &self.carrier);
        self.aboard(world, depart, flight, plan, random);
        let arrive = depart + flight;
        plan.use_phone(arrive + 900, &roaming, random);
        plan.add(0, arrive + 5400, arrive + 5400 + random.between(20, 90) * 60, &hotel);
        for night in 1..=nights {
            let morning = (arrive / DAY + night) * DAY + 8 * 3600;
            plan.use_phone(morning - 1800, &hotel, random);
            plan.add(0, morning, morning + random.between(60, 180) * 60, &meeting);
            plan.use_phone(morning + 4 * 3600, &roaming, random);
            plan.add(0, morning + 5 * 3600, morning + random.between(340, 480) * 60, &meeting);
            plan.use_phone(morning + 11 * 3600, &hotel, random);
            plan.add(0, morning + 12 * 3600, morning + random.between(730, 800) * 60, &hotel);
        }
        let back = (arrive / DAY + nights + 1) * DAY + 9 * 3600;
        plan.use_phone(back - 5400, &roaming, random);
        self.aboard(world, back, flight, plan, random);
        let landed = back + flight;
        plan.use_phone(landed + 900, &self.carrier, random);
        plan.add(0, landed + 7200, landed + 7200 + 1800, &self.home);
        landed / DAY + 1
    }

    fn aboard(&self, world: &World, depart: u64, flight: u64, plan: &mut Plan, random: &mut Random) {
        // One in four pays for the network on board, if it is worth it.
        if flight > 2 * 3600 && random.chance(250) {
            let link = Link::satellite(world, random);
            plan.add(0, depart + 2400, depart + flight - 1800, &link);
        }
    }

    fn anywhere(&self, random: &mut Random) -> &Link {
        if random.chance(500) { &self.home } else { &self.carrier }
    }
}

struct Plan {
    stretches: Vec<Stretch>,
}

impl Plan {
    fn add(&mut self, device: usize, from: u64, until: u64, link: &Link) {
        if until > from {
            self.stretches.push(Stretch { device, from, until, link: link.clone() });
        }
    }

    fn use_phone(&mut self, from: u64, link: &Link, random: &mut Random) {
        self.add(1, from, from + random.between(2, 20) * 60, link);
    }
}

/// Browsers come every four weeks, and are installed at some time in the days after.
fn updates(random: &mut Random) -> Vec<u64> {
    let first = random.below(28);
    [first, first + 28].map(|day| day * DAY + random.below(DAY)).to_vec()
}

/// Another city of the country, or the same if there is no other.
fn near(home: usize, random: &mut Random) -> usize {
    let is_near = |other: &City| other.country == city(home).country;
    let others: Vec<_> = places(|place, other| place != home && is_near(other));
    if others.is_empty() { home } else { *random.pick(&others) }
}

fn far(home: usize, random: &mut Random) -> usize {
    // Half of the flights stay on the continent.
    let stays = random.chance(500);
    let fits = |other: &City| !stays || other.continent == city(home).continent;
    let others = places(|place, other| place != home && kilometres(home, place) > 300.0 && fits(other));
    if others.is_empty() { 23 } else { *random.pick(&others) }
}

fn places(fits: impl Fn(usize, &City) -> bool) -> Vec<usize> {
    let all = CITIES.iter().enumerate().take(27);
    all.filter(|(place, city)| fits(*place, city)).map(|(place, _)| place).collect()
}

#[expect(clippy::as_conversions, reason = "a time of a simulation; the conversion saturates")]
fn whole(seconds: f64) -> u64 {
    seconds.max(0.0) as u64
}
