//! How many of something each holder has, so that one does not take what others need.

use std::{borrow::Borrow, collections::HashMap, hash::Hash};

/// The counts. Holders who have none take no room.
#[derive(Debug)]
pub(crate) struct Shares<K>(HashMap<K, usize>);

impl<K: Eq + Hash> Shares<K> {
    /// How many a holder has.
    pub(crate) fn of<Q: Eq + Hash + ?Sized>(&self, holder: &Q) -> usize
    where
        K: Borrow<Q>,
    {
        self.0.get(holder).copied().unwrap_or_default()
    }

    /// A holder who has any, as it is kept: many can share what is kept once.
    pub(crate) fn holder<Q: Eq + Hash + ?Sized>(&self, holder: &Q) -> Option<&K>
    where
        K: Borrow<Q>,
    {
        self.0.get_key_value(holder).map(|(kept, _)| kept)
    }

    /// Gives a holder one more.
    pub(crate) fn add(&mut self, holder: K) {
        *self.0.entry(holder).or_default() += 1;
    }

    /// Gives a holder one more if it has fewer than `most`, and says whether it did.
    #[must_use]
    pub(crate) fn add_below(&mut self, most: usize, holder: K) -> bool {
        let has_room = self.of(&holder) < most;
        if has_room {
            self.add(holder);
        }
        has_room
    }

    /// Takes one away from a holder.
    pub(crate) fn take<Q: Eq + Hash + ?Sized>(&mut self, holder: &Q)
    where
        K: Borrow<Q>,
    {
        if let Some(count) = self.0.get_mut(holder) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.0.remove(holder);
            }
        }
    }

    /// How many holders have any.
    #[cfg(test)]
    pub(crate) fn holders(&self) -> usize {
        self.0.len()
    }
}

impl<K> Default for Shares<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_none_is_not_remembered() {
        let mut shares = Shares::<Box<str>>::default();
        assert!(!shares.add_below(0, "a".into()) && shares.holders() == 0);
        assert!(shares.add_below(2, "a".into()) && shares.add_below(2, "a".into()));
        assert!(!shares.add_below(2, "a".into()) && shares.add_below(2, "b".into()));
        shares.add("a".into());
        assert_eq!((shares.of("a"), shares.of("b"), shares.of("c")), (3, 1, 0));
        assert_eq!((shares.holder("b"), shares.holder("c")), (Some(&"b".into()), None));
        shares.take("b");
        shares.take("b");
        shares.take("c");
        assert_eq!((shares.of("b"), shares.holders()), (0, 1));
    }
}
