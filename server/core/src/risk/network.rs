//! Addresses, as coarse as they are handed out.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use serde::{Deserialize, Serialize};

/// The network that an address is one of: 24 bits of an IPv4 address, 64 of an IPv6 one. Within them a client moves about
/// on its own, by privacy addresses (RFC 8981) or because its router was given another one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Network {
    /// Of IPv4, and of IPv4 written as IPv6.
    V4([u8; 3]),
    /// Of IPv6.
    V6([u8; 8]),
}

impl Network {
    /// The network of an address.
    pub fn of(address: IpAddr) -> Self {
        match untranslated(address) {
            IpAddr::V4(address) => {
                let [a, b, c, _] = address.octets();
                Self::V4([a, b, c])
            }
            IpAddr::V6(address) => {
                let [a, b, c, d, e, f, g, h, ..] = address.octets();
                Self::V6([a, b, c, d, e, f, g, h])
            }
        }
    }

    /// Whether both are of one customer: the same network, or, with IPv6, within the 48 bits that a site is given.
    pub fn shares_site(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::V4(one), Self::V4(two)) => one == two,
            (Self::V6([a, b, c, d, e, f, ..]), Self::V6([g, h, i, j, k, l, ..])) => {
                [a, b, c, d, e, f] == [g, h, i, j, k, l]
            }
            (Self::V4(_), Self::V6(_)) | (Self::V6(_), Self::V4(_)) => false,
        }
    }

    /// Whether both speak the same version of the protocol. A client with both uses now one, now the other.
    pub const fn shares_version(&self, other: &Self) -> bool {
        matches!((self, other), (Self::V4(_), Self::V4(_)) | (Self::V6(_), Self::V6(_)))
    }
}

/// The line that an address is of, to be compared and not to be kept: whoever has the same one is the same customer, or
/// behind the same translator. All of an IPv4 address, and the 64 bits of an IPv6 one in which a client has its privacy
/// addresses.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Line([u8; 8]);

impl Line {
    /// The line of an address.
    pub fn of(address: IpAddr) -> Self {
        match untranslated(address) {
            IpAddr::V4(address) => {
                let [a, b, c, d] = address.octets();
                // Nobody is given ::/8, so that no line is one of both versions.
                Self([0, 0, 0, 0, a, b, c, d])
            }
            IpAddr::V6(address) => {
                let [a, b, c, d, e, f, g, h, ..] = address.octets();
                Self([a, b, c, d, e, f, g, h])
            }
        }
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Line(..)")
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::V4([a, b, c]) => write!(f, "{}/24", Ipv4Addr::new(a, b, c, 0)),
            Self::V6([a, b, c, d, e, f_, g, h]) => {
                let address = Ipv6Addr::from([a, b, c, d, e, f_, g, h, 0, 0, 0, 0, 0, 0, 0, 0]);
                write!(f, "{address}/64")
            }
        }
    }
}

/// The IPv4 address that is written as an IPv6 one: mapped (RFC 4291 §2.5.5.2), or by a translator before the server, whose
/// clients would else all be of one network (RFC 6052 §2.1).
pub fn untranslated(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => match address.octets() {
            [0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d] => Ipv4Addr::new(a, b, c, d).into(),
            _ => address.into(),
        },
        address @ IpAddr::V4(_) => address,
    }
}

/// Whether an address can be somebody's on the public internet. Those of home and office networks, of carriers' own, for
/// documentation, of the machine itself and the like are nowhere in particular (RFC 6890 and its registries).
pub fn is_public(address: IpAddr) -> bool {
    match untranslated(address) {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            let is_special = matches!(
                (a, b, c),
                (0 | 10 | 127 | 224..=255, ..)
                    | (100, 64..=127, _)
                    | (169, 254, _)
                    | (172, 16..=31, _)
                    | (192, 0, 0 | 2)
                    | (192, 88, 99)
                    | (192, 168, _)
                    | (198, 18..=19, _)
                    | (198, 51, 100)
                    | (203, 0, 113)
            );
            !is_special
        }
        IpAddr::V6(address) => {
            let [first, second, ..] = address.segments();
            // Only 2000::/3 is given out at all.
            let is_global = first & 0xe000 == 0x2000;
            let is_documentation = (first, second) == (0x2001, 0x0db8) || first == 0x3fff;
            is_global && !is_documentation
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        Network::of(text.parse().unwrap())
    }

    #[test]
    fn a_network_is_what_a_client_moves_about_in() {
        assert_eq!(network("81.2.69.142"), network("81.2.69.1"));
        assert_ne!(network("81.2.69.142"), network("81.2.70.142"));
        assert_eq!(network("::ffff:81.2.69.142"), network("81.2.69.1"));
        assert_eq!(network("2001:480::1"), network("2001:480::ffff:1:2:3"));
        assert_ne!(network("2001:480:0:1::1"), network("2001:480:0:2::1"));
        assert!(network("2001:480:0:1::1").shares_site(&network("2001:480:0:2::1")));
        assert!(!network("2001:480:1::1").shares_site(&network("2001:480:2::1")));
        assert!(!network("81.2.69.142").shares_site(&network("2001:480::1")));
        assert_eq!(network("81.2.69.142").to_string(), "81.2.69.0/24");
        assert_eq!(network("2001:480:0:1::1").to_string(), "2001:480:0:1::/64");
    }

    #[test]
    fn a_line_is_one_customers() {
        let line = |text: &str| Line::of(text.parse().unwrap());
        assert_eq!(line("81.2.69.142"), line("::ffff:81.2.69.142"));
        assert_ne!(line("81.2.69.142"), line("81.2.69.143"));
        assert_eq!(line("2001:480::1"), line("2001:480::ffff:1:2:3"));
        assert_ne!(line("2001:480:0:1::1"), line("2001:480:0:2::1"));
        assert_eq!(format!("{:?}", line("81.2.69.142")), "Line(..)");
        assert_eq!(line("64:ff9b::81.2.69.142"), line("81.2.69.142"));
        assert_eq!(network("64:ff9b::81.2.69.142"), network("81.2.69.1"));
        assert_ne!(network("64:ff9b::12.81.96.1"), network("64:ff9b::81.2.69.142"));
    }

    #[test]
    fn what_is_nobodys_is_not_public() {
        for text in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "169.254.1.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "2001:db8::1",
            "::ffff:10.0.0.1",
            "64:ff9b::1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::1",
        ] {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
        for text in [
            "81.2.69.142",
            "100.63.0.1",
            "172.32.0.1",
            "1.1.1.1",
            "2001:480::1",
            "::ffff:81.2.69.142",
            "64:ff9b::81.2.69.142",
        ] {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }
}
