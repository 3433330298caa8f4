//! What a passed check leaves behind.

/// Something that was proven. Only a check makes one, and whoever grants something takes it by value.
#[derive(Debug)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    /// Asserts that every rule about `value` has been checked just now.
    pub(crate) const fn assertion(value: T) -> Self {
        Self(value)
    }

    /// What was proven.
    pub const fn get(&self) -> &T {
        &self.0
    }

    /// What was proven, to be used up.
    pub fn into_inner(self) -> T {
        self.0
    }
}
