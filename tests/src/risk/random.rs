//! Chance that can be repeated: the same seed, the same month.

/// A generator of numbers that look random (SplitMix64 by Steele, Lea and Flood).
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// A generator for this seed.
    #[must_use]
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A generator for something of its own, so that what is drawn there changes nothing here.
    #[must_use]
    pub(crate) fn branch(&self, name: u64) -> Self {
        Self(mixed(self.0 ^ mixed(name)))
    }

    /// The next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        mixed(self.0)
    }

    /// A number below `end`; 0 if there is none.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next().checked_rem(end).unwrap_or_default()
    }

    /// A number from `least` to `most`.
    pub(crate) fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most.saturating_sub(least) + 1)
    }

    /// Whether something happens that happens so many times in a thousand.
    pub(crate) fn chance(&mut self, in_a_thousand: u64) -> bool {
        self.below(1000) < in_a_thousand
    }

    /// One of them.
    ///
    /// # Panics
    /// If there is none.
    #[expect(clippy::panic, reason = "an empty list is a slip in the simulation")]
    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        let end = u64::try_from(from.len()).unwrap_or_default();
        let place = usize::try_from(self.below(end)).unwrap_or_default();
        match from.get(place) {
            Some(one) => one,
            None => panic!("there is nothing to pick from"),
        }
    }

    /// One of them, each as often as its weight says.
    ///
    /// # Panics
    /// If there is none.
    #[expect(clippy::panic, reason = "an empty list is a slip in the simulation")]
    pub(crate) fn weighed<'a, T>(&mut self, from: &'a [(u64, T)]) -> &'a T {
        let mut left = self.below(from.iter().map(|(weight, _)| weight).sum());
        for (weight, one) in from {
            match left.checked_sub(*weight) {
                Some(rest) => left = rest,
                None => return one,
            }
        }
        panic!("there is nothing to pick from")
    }
}

/// A number that hangs on all of these and on nothing else.
#[must_use]
pub(crate) fn hash(of: &[u64]) -> u64 {
    of.iter().fold(GOLDEN, |hash, number| mixed(hash ^ mixed(*number)))
}

fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
