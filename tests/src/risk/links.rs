//! How somebody is connected, and the addresses that come of it.

use std::net::IpAddr;

use super::{
    random::{Random, hash},
    world::{Pool, Trade, World, city, kilometres},
};

/// A way onto the internet.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    kind: Kind,
    /// Where its addresses come from, the usual one first.
    pools: Vec<Pool>,
    /// Of whom it is the link: a number that everything about it hangs on.
    who: u64,
    speaks_ipv6: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Everybody in it has the same few addresses, for years.
    Fixed,
    /// A line with another address now and then.
    Home,
    /// Handed from exit to exit.
    Mobile,
    /// As a telephone, and faster: the train moves.
    Train,
    /// One of the servers of a service, another one each time.
    Vpn,
}

impl Link {
    /// A home. Some get new addresses every night, others every few days.
    pub(crate) fn home(world: &World, place: usize, random: &mut Random) -> Self {
        let pools: Vec<_> = world.in_city(place, Trade::Homes).copied().collect();
        // The first operator has half of the market.
        let shares = [50, 30, 20];
        let weighed: Vec<_> = shares.into_iter().zip(pools).collect();
        let pool = *random.weighed(&weighed);
        Self { kind: Kind::Home, pools: vec![pool], who: random.next(), speaks_ipv6: random.chance(600) }
    }

    /// A company, or a hotel.
    pub(crate) fn office(world: &World, place: usize, who: u64) -> Self {
        let pools = world.in_city(place, Trade::Offices).copied().collect();
        Self { kind: Kind::Fixed, pools, who, speaks_ipv6: false }
    }

    /// A company whose traffic goes through a filter in a data centre, now here and now there.
    pub(crate) fn filtered(world: &World, place: usize, who: u64) -> Self {
        let country = city(place).country;
        let pools = world.in_country(country, Trade::Hosting);
        Self { kind: Kind::Vpn, pools: pools.into_iter().take(2).collect(), who, speaks_ipv6: false }
    }

    /// A telephone: its carrier hands it about among the three exits that are nearest, one of which is usual.
    pub(crate) fn mobile(world: &World, place: usize, random: &mut Random) -> Self {
        let all = world.in_country(city(place).country, Trade::Mobile);
        let carrier = random.pick(&all).asn;
        let mut pools: Vec<_> = all.into_iter().filter(|pool| pool.asn == carrier).collect();
        pools.sort_by(|one, other| kilometres(place, one.city).total_cmp(&kilometres(place, other.city)));
        pools.truncate(3);
        let shift = usize::try_from(random.below(3)).unwrap_or_default() % pools.len().max(1);
        pools.rotate_left(shift);
        Self { kind: Kind::Mobile, pools, who: random.next(), speaks_ipv6: carrier.is_multiple_of(2) }
    }

    /// The network of a train, which is that of a carrier.
    pub(crate) fn train(world: &World, place: usize, random: &mut Random) -> Self {
        Self { kind: Kind::Train, speaks_ipv6: false, ..Self::mobile(world, place, random) }
    }

    /// An exit of a service for hiding.
    pub(crate) fn vpn(world: &World, place: usize, service: u32, who: u64) -> Self {
        let pools = world.in_city(place, Trade::Vpn).filter(|pool| pool.asn == 62_000 + service);
        Self { kind: Kind::Vpn, pools: pools.copied().collect(), who, speaks_ipv6: false }
    }

    /// An aeroplane.
    pub(crate) fn satellite(world: &World, random: &mut Random) -> Self {
        let pool = *random.pick(&world.anywhere(Trade::Satellite));
        Self { kind: Kind::Fixed, pools: vec![pool], who: random.next(), speaks_ipv6: false }
    }

    /// A rented machine.
    pub(crate) fn machine(world: &World, place: usize, random: &mut Random) -> Self {
        let pools = world.in_city(place, Trade::Hosting).copied().collect();
        Self { kind: Kind::Fixed, pools, who: random.next(), speaks_ipv6: false }
    }

    /// The address of a connection that is made now.
    pub(crate) fn address(&self, now: u64, random: &mut Random) -> IpAddr {
        let spell = |seconds: u64| now / seconds;
        match self.kind {
            // Behind one address translator with four addresses side by side.
            Kind::Fixed => {
                let base = hash(&[self.who, 1]) & 0xfffc;
                self.usual().v4(base | random.below(4))
            }
            Kind::Home => {
                let lease = spell(self.lease());
                let line = hash(&[self.who, lease, 2]);
                // Whoever speaks both takes whichever answers first; the end of the address changes every day.
                if self.speaks_ipv6 && random.chance(500) {
                    self.usual().v6(line, hash(&[self.who, spell(DAY), 3]))
                } else {
                    self.usual().v4(line)
                }
            }
            Kind::Mobile | Kind::Train => {
                let stays = if self.kind == Kind::Train { 900 } else { 2 * 3600 };
                let pool = self.exit(hash(&[self.who, spell(stays), 4]), self.kind == Kind::Train);
                if self.speaks_ipv6 && random.chance(500) {
                    return pool.v6(hash(&[self.who, spell(2 * 3600), 5]), random.next());
                }
                // An exit has eight networks side by side, and hands its clients about in them.
                let network = hash(&[self.who, spell(600), 6]) % 8;
                pool.v4(network << 8 | random.below(256))
            }
            Kind::Vpn => {
                let server = hash(&[self.who, spell(4 * 3600), 7]);
                let pool = self.exit(server, false);
                pool.v4(((server % 16) << 8) | (hash(&[self.who, spell(4 * 3600), 8]) % 32))
            }
        }
    }

    /// The city that its addresses are usually those of.
    pub(crate) fn city(&self) -> usize {
        self.usual().city
    }

    /// The addresses that it usually has.
    ///
    /// # Panics
    /// If nobody sells such a thing there.
    #[expect(clippy::panic, reason = "a world without such a thing is a slip in the simulation")]
    pub(crate) fn usual(&self) -> &Pool {
        match self.pools.first() {
            Some(pool) => pool,
            None => panic!("nobody sells a link of the kind {:?} there", self.kind),
        }
    }

    fn exit(&self, number: u64, anywhere: bool) -> &Pool {
        let others = u64::try_from(self.pools.len()).unwrap_or(1);
        // Four times in five it is the usual one.
        if !anywhere && !number.is_multiple_of(5) {
            return self.usual();
        }
        let other = usize::try_from((number / 5) % others.max(1)).unwrap_or_default();
        self.pools.get(other).unwrap_or(self.usual())
    }

    fn lease(&self) -> u64 {
        if city(self.city()).country == "DE" { DAY } else { (2 + self.who % 9) * DAY }
    }
}

/// Seconds.
pub(crate) const DAY: u64 = 24 * 3600;
