//! Thieves: what they have of a session, where they sit, and what they do with it.

use std::net::IpAddr;

use super::{
    clients::{Browser, Kind},
    links::{DAY, Link},
    people::Person,
    random::Random,
    world::{CITIES, Trade, World, city},
};

/// What is done to a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Attack {
    /// The cookie is replayed from another network and another country.
    CookieAbroad,
    /// The cookie is replayed through somebody's line in the user's own city, with all fields copied.
    CookieNextDoor,
    /// A stolen cookie is used to fetch whatever can be exported, through a line in the same country.
    CookieExport,
    /// A proxy at the login takes the session, and leaves out the offer to bind it.
    ProxyStrips,
    /// A proxy at the login takes the session, and binds it to a key of its own.
    ProxyBinds,
    /// A program on the user's own device exports, with the user's own session and key.
    DeviceExports,
}

impl Attack {
    /// Every attack.
    pub const ALL: [Self; 6] = [
        Self::CookieAbroad,
        Self::CookieNextDoor,
        Self::CookieExport,
        Self::ProxyStrips,
        Self::ProxyBinds,
        Self::DeviceExports,
    ];

    /// What it is, for a table.
    #[must_use]
    pub const fn says(self) -> &'static str {
        match self {
            Self::CookieAbroad => "cookie replayed from another network and country",
            Self::CookieNextDoor => "cookie through a residential proxy in the same city, all fields copied",
            Self::CookieExport => "bulk export with a cookie, residential proxy in the same country",
            Self::ProxyStrips => "AitM proxy at login that strips the offer to bind",
            Self::ProxyBinds => "AitM proxy at login that binds a key of its own",
            Self::DeviceExports => "bulk export by malware on the device itself",
        }
    }

    /// Whether it happens at a login, and not to a session that is there.
    #[must_use]
    pub const fn is_at_login(self) -> bool {
        matches!(self, Self::ProxyStrips | Self::ProxyBinds)
    }

    /// Whether the routes that it goes for export data.
    #[must_use]
    pub const fn exports(self) -> bool {
        matches!(self, Self::CookieExport | Self::DeviceExports)
    }
}

/// A thief who is ready.
#[derive(Clone, Debug)]
pub(crate) struct Thief {
    /// What they do.
    pub(crate) attack: Attack,
    /// On which of the user's devices the session is.
    pub(crate) device: usize,
    /// Not before this second of the month.
    pub(crate) from: u64,
    /// Seconds between theft and use.
    pub(crate) delay: u64,
    /// Seconds between requests.
    pub(crate) pace: u64,
    way: Way,
    /// The thief's own browser; the user's, copied, if there is none.
    browser: Option<Browser>,
    /// Copied into a browser of the very same make, and not into a tool.
    copies_handshake: bool,
}

#[derive(Clone, Debug)]
enum Way {
    Line(IpAddr),
    Link(Link),
    /// The user's own.
    Theirs,
}

impl Thief {
    /// The thieves of a user within so many days after the first ones, one of each kind.
    #[must_use]
    pub(crate) fn of(
        person: &Person,
        world: &World,
        first: u64,
        days: u64,
        random: &mut Random,
    ) -> Vec<Self> {
        let one = |attack: Attack| {
            let mut random = random.branch(attack.says().len().try_into().unwrap_or_default());
            let (way, browser) = Self::equipped(attack, person, world, &mut random);
            // Whoever has a cookie of a bound session has to hurry, and does.
            let delay = if attack.is_at_login() { patient(&mut random) } else { random.between(1, 60) };
            Self {
                attack,
                device: usize::from(
                    !attack.is_at_login() && attack != Attack::DeviceExports && random.chance(300),
                ),
                from: first * DAY + random.below(days * DAY),
                delay,
                pace: if attack.exports() { 1 } else { random.between(1, 30) },
                way,
                browser,
                copies_handshake: attack == Attack::DeviceExports || random.chance(200),
            }
        };
        Attack::ALL.map(one).to_vec()
    }

    /// The address of a request.
    pub(crate) fn address(&self, theirs: IpAddr, now: u64, random: &mut Random) -> IpAddr {
        match &self.way {
            Way::Line(address) => *address,
            Way::Link(link) => link.address(now, random),
            Way::Theirs => theirs,
        }
    }

    /// What the thief says of himself.
    #[must_use]
    pub(crate) fn browser(&self, theirs: &Browser) -> Browser {
        match &self.browser {
            Some(own) => own.clone(),
            None if self.copies_handshake => theirs.clone(),
            None => theirs.copied_by_a_tool(),
        }
    }

    fn equipped(
        attack: Attack,
        person: &Person,
        world: &World,
        random: &mut Random,
    ) -> (Way, Option<Browser>) {
        let lives_in = person.lives_in;
        match attack {
            Attack::CookieAbroad => (abroad(lives_in, world, random), tool(random)),
            Attack::CookieNextDoor => (neighbour(lives_in, world, random), None),
            Attack::CookieExport => {
                let all = world.in_country(city(lives_in).country, Trade::Homes);
                (Way::Line(random.pick(&all).proxied(random)), None)
            }
            Attack::ProxyStrips | Attack::ProxyBinds => {
                let way = match random.chance(700) {
                    true => {
                        let place = usize::try_from(random.below(30)).unwrap_or_default();
                        Way::Link(Link::machine(world, place, random))
                    }
                    false => neighbour(lives_in, world, random),
                };
                (way, None)
            }
            Attack::DeviceExports => (Way::Theirs, None),
        }
    }
}

/// A line of somebody who lives in the same city, of any operator: services sell by the city.
fn neighbour(lives_in: usize, world: &World, random: &mut Random) -> Way {
    let pools: Vec<_> = [50, 30, 20].into_iter().zip(world.in_city(lives_in, Trade::Homes)).collect();
    Way::Line(random.weighed(&pools).proxied(random))
}

fn abroad(lives_in: usize, world: &World, random: &mut Random) -> Way {
    let others = (0..CITIES.len()).filter(|place| city(*place).country != city(lives_in).country);
    let place = *random.pick(&others.collect::<Vec<_>>());
    match random.below(10) {
        0..4 => Way::Link(Link::machine(world, place, random)),
        4..7 => {
            let service = u32::try_from(random.below(3)).unwrap_or_default();
            Way::Link(Link::vpn(world, place, service, random.next()))
        }
        _ => Way::Link(Link::home(world, place, random)),
    }
}

fn tool(random: &mut Random) -> Option<Browser> {
    match random.below(10) {
        0..4 => Some(Browser::new(Kind::Script, "")),
        4..7 => {
            let kinds = [Kind::WindowsChrome, Kind::Firefox, Kind::MacChrome];
            Some(Browser::new(*random.pick(&kinds), "ru,en;q=0.5"))
        }
        _ => None,
    }
}

/// From a few seconds to an hour, half of the time within four minutes.
fn patient(random: &mut Random) -> u64 {
    let doublings = random.below(9);
    (5 << doublings) + random.below(5 << doublings)
}
