//! Names that many sessions have in common, kept once.

use std::{collections::HashMap, sync::Arc};

use parking_lot::RwLock;

/// App names and user agents: a million sessions have few different ones.
#[derive(Default)]
pub(crate) struct Words(RwLock<Known>);

#[derive(Default)]
struct Known {
    numbers: HashMap<Arc<str>, u32>,
    words: Vec<Arc<str>>,
}

impl Words {
    /// The number of a word that is kept here; none if it is too long or too many are kept already.
    pub(crate) fn number(&self, word: &str) -> Option<u32> {
        if let Some(number) = self.0.read().numbers.get(word) {
            return Some(*number);
        }
        if word.len() > LONGEST {
            return None;
        }
        let mut known = self.0.write();
        if let Some(number) = known.numbers.get(word) {
            return Some(*number);
        }
        let number = u32::try_from(known.words.len()).ok().filter(|number| *number < MOST)?;
        let word: Arc<str> = word.into();
        known.words.push(Arc::clone(&word));
        known.numbers.insert(word, number);
        Some(number)
    }

    /// The word of a number.
    pub(crate) fn word(&self, number: u32) -> Option<Arc<str>> {
        self.0.read().words.get(usize::try_from(number).ok()?).cloned()
    }

    /// The same text, shared if it can be.
    pub(crate) fn share(&self, text: &str) -> Arc<str> {
        self.number(text).and_then(|number| self.word(number)).unwrap_or_else(|| text.into())
    }
}

/// Words are never forgotten, and a `User-Agent` is a stranger's text: so these two bound what strangers can fill, to
/// 8 MiB of text.
const MOST: u32 = 16_384;
const LONGEST: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_bounded() {
        let words = Words::default();
        for number in 0..MOST {
            assert_eq!(words.number(&number.to_string()), Some(number));
        }
        assert_eq!(words.number("one more"), None);
        assert_eq!(words.number("7"), Some(7));
        assert_eq!(&*words.share("one more"), "one more");
        assert_eq!(Words::default().number(&"x".repeat(LONGEST + 1)), None);
    }
}
