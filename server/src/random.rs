//! Fresh randomness from the operating system.

use crate::error::Trouble;

/// Fresh random bytes.
///
/// # Errors
/// [`Trouble`] if the operating system has none to give; nothing is issued without them.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], Trouble> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| Trouble::Randomness)?;
    Ok(bytes)
}
