//! How an app names a device.

use std::{borrow::Borrow, fmt, str::FromStr};

/// The name that an app, or whoever manages its devices, has for a device: 1 to 128 visible ASCII characters. No
/// credential, and not proven by anybody: whoever names a device in a login is believed like the rest of the login.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeviceId(Box<str>);

impl DeviceId {
    /// The name as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for DeviceId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl FromStr for DeviceId {
    type Err = MalformedDeviceId;

    fn from_str(text: &str) -> Result<Self, MalformedDeviceId> {
        let is_id =
            (1..=MOST_BYTES).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if is_id { Ok(Self(text.into())) } else { Err(MalformedDeviceId) }
    }
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text names no device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedDeviceId;

impl fmt::Display for MalformedDeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a device id is 1 to 128 visible ASCII characters, without spaces")
    }
}

impl std::error::Error for MalformedDeviceId {}

const MOST_BYTES: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_visible_ascii_of_modest_length() {
        for text in ["a", "laptop-7", "urn:uuid:1#?%\"\\", &"x".repeat(128)] {
            assert_eq!(text.parse::<DeviceId>().map(|id| id.to_string()), Ok(text.to_owned()));
        }
        for text in ["", " a", "a b", "a\n", "a\0", "a\u{7f}", "é", &"x".repeat(129)] {
            assert_eq!(text.parse::<DeviceId>(), Err(MalformedDeviceId), "{text:?}");
        }
    }
}
