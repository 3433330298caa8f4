//! A thousand users for a month, and thieves among them, before the guard that answers every check.
//!
//! Nothing here is random twice: the same seed makes the same month. What the world, its databases and its users are
//! like, `world.rs`, `links.rs` and `people.rs` say; what thieves do, `thieves.rs`.

mod clients;
mod desk;
mod links;
mod month;
mod people;
mod random;
mod table;
mod thieves;
mod world;

use anyhow::Result;

use desk::Desk;
pub use month::Counts;
use month::{Month, Setting, at};
pub use people::Binding;
use people::Person;
use random::Random;
pub use table::Table;
pub use thieves::Attack;
use thieves::Thief;
pub use world::World;

/// What is simulated.
#[derive(Clone, Copy, Debug)]
pub struct Simulation {
    /// How many users.
    pub users: u64,
    /// For how many days.
    pub days: u64,
    /// How many days before them the policies only observe, as their operator is told to begin.
    pub observed: u64,
    /// What chance hangs on.
    pub seed: u64,
    /// Which devices bind.
    pub binding: Binding,
    /// Whether the gateway tells how the TLS handshake looks (JA4).
    pub tells_handshake: bool,
    /// Whether the app has a name for each device (`client.device_id`).
    pub names_devices: bool,
    /// Whether sessions without a key are asked about each change of network (`strict-unbound.cedar`).
    pub strict: bool,
    /// Seconds between two requests of a user who uses a device, on average.
    pub pause: u64,
    /// Whether there are thieves.
    pub thieves: bool,
}

impl Simulation {
    /// Runs it.
    ///
    /// # Errors
    /// If the world's databases or the policies are not in order.
    pub fn run(&self) -> Result<Counts> {
        let (world, mut counts) = (World::new(), Counts::default());
        let (mut desk, seed) = (Desk::new(&world, self.strict)?, Random::new(self.seed));
        let setting = Setting {
            tells_handshake: self.tells_handshake,
            names_devices: self.names_devices,
            in_force_from: self.observed * links::DAY,
        };
        let all = self.observed + self.days;
        for id in 0..self.users {
            let person = Person::new(id, &world, self.binding, &seed);
            let plan = person.month(&world, all);
            let mut random = seed.branch(id + 1_000_000_000);
            let thieves = match self.thieves {
                true => Thief::of(&person, &world, self.observed, self.days, &mut random),
                false => Vec::new(),
            };
            let month = Month::new(&mut desk, &person, thieves, random, setting, &mut counts);
            month.live(&plan, self.pause)?;
            desk.dismiss(id, at(all * links::DAY));
        }
        (counts.checks, counts.checking) = (desk.checks, desk.checking);
        Ok(counts)
    }
}
