//! What counts as one client: the beginning of its address.

use std::net::IpAddr;

use holdfast_core::risk::untranslated;

/// How much of an address makes one client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prefixes {
    pub(crate) ipv4: u8,
    pub(crate) ipv6: u8,
}

/// The beginning of an address. An IPv4 address and an IPv6 address never have the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Prefix {
    bits: u128,
    is_ipv4: bool,
}

impl Prefixes {
    /// The prefix of an address. An IPv4 address in IPv6 clothes (`::ffff:203.0.113.7`) is one of IPv4.
    pub(crate) fn of(self, address: IpAddr) -> Prefix {
        match untranslated(address) {
            IpAddr::V4(address) => {
                Prefix { bits: u128::from(address.to_bits()) & leading(32, self.ipv4), is_ipv4: true }
            }
            IpAddr::V6(address) => {
                Prefix { bits: address.to_bits() & leading(128, self.ipv6), is_ipv4: false }
            }
        }
    }
}

/// A mask of the first `kept` of `width` bits.
fn leading(width: u8, kept: u8) -> u128 {
    let free = u32::from(width.saturating_sub(kept));
    u128::MAX.checked_shl(free).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_client_have_one_prefix() {
        let prefixes = Prefixes { ipv4: 32, ipv6: 64 };
        let of = |text: &str| prefixes.of(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_ne!(of("203.0.113.7"), of("203.0.113.8"));
        assert_eq!(of("203.0.113.7"), of("::ffff:203.0.113.7"));
        assert_eq!(of("203.0.113.7"), of("64:ff9b::203.0.113.7"), "behind a translator");
        assert_ne!(of("0.0.0.0"), of("::"));
        let wide = Prefixes { ipv4: 24, ipv6: 128 };
        assert_eq!(wide.of("203.0.113.7".parse().unwrap()), wide.of("203.0.113.8".parse().unwrap()));
        assert_ne!(wide.of("2001:db8::1".parse().unwrap()), wide.of("2001:db8::2".parse().unwrap()));
    }
}
