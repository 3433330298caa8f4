//! Makes MaxMind DB files (<https://maxmind.github.io/MaxMind-DB/>, version 2.0) out of rows, so that tests need nobody's data.
//!
//! ```
//! # use serde_json::json;
//! let city = holdfast_tests::mmdb::Mmdb::new("Test-City")
//!     .row("81.2.69.0/24", json!({ "country": { "iso_code": "GB" }, "location": { "latitude": 51.5 } }))
//!     .row("2001:480::/32", json!({ "country": { "iso_code": "US" } }));
//! let file: Vec<u8> = city.to_bytes();
//! ```

mod damage;
mod data;
mod tree;

use std::path::Path;

use ipnet::IpNet;
use serde_json::json;

pub use damage::damaged;
pub use data::Value;
use data::{Data, encode};
use tree::Tree;

/// A database that is being made.
#[derive(Clone, Debug)]
pub struct Mmdb {
    kind: String,
    record_bits: u8,
    holds_ipv6: bool,
    has_aliases: bool,
    build_epoch: u64,
    rows: Vec<(IpNet, Value)>,
}

impl Mmdb {
    /// A database of this type, without rows: for both versions of IP, records of 28 bits, IPv4 found under `::/96` alone.
    pub fn new(kind: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            record_bits: 28,
            holds_ipv6: true,
            has_aliases: false,
            build_epoch: 1_795_000_000,
            rows: Vec::new(),
        }
    }

    /// With records of 24, 28 or 32 bits in its tree.
    #[must_use]
    pub fn record_bits(self, record_bits: u8) -> Self {
        assert!(matches!(record_bits, 24 | 28 | 32), "a record has 24, 28 or 32 bits");
        Self { record_bits, ..self }
    }

    /// For IPv4 alone. Rows of IPv6 have no place in it.
    #[must_use]
    pub fn ipv4_only(self) -> Self {
        Self { holds_ipv6: false, ..self }
    }

    /// With IPv4 found under `::ffff:0:0/96` and `2002::/16` too, as those of MaxMind have it.
    #[must_use]
    pub fn aliased(self) -> Self {
        Self { has_aliases: true, ..self }
    }

    /// Made at this time, in seconds since 1970.
    #[must_use]
    pub fn built_at(self, build_epoch: u64) -> Self {
        Self { build_epoch, ..self }
    }

    /// With data for a network, written as CIDR. Of networks that lie in each other the smaller one counts.
    ///
    /// # Panics
    /// If the text is no network, or an IPv6 one in a database for IPv4.
    #[must_use]
    #[expect(clippy::panic, reason = "a test that names no network shall fail")]
    pub fn row(self, network: &str, value: impl Into<Value>) -> Self {
        match network.parse() {
            Ok(network) => self.network(network, value),
            Err(_) => panic!("{network:?} is no network; write for example 81.2.69.0/24"),
        }
    }

    /// As [`Mmdb::row`].
    ///
    /// # Panics
    /// If it is an IPv6 network and the database is for IPv4.
    #[must_use]
    pub fn network(mut self, network: IpNet, value: impl Into<Value>) -> Self {
        let fits = self.holds_ipv6 || matches!(network, IpNet::V4(_));
        assert!(fits, "{network} has no place in a database for IPv4");
        self.rows.push((network.trunc(), value.into()));
        self
    }

    /// The file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut data = Data::default();
        let mut rows: Vec<_> = self.rows.iter().collect();
        // A smaller network is laid over a larger one; of equal ones the last.
        rows.sort_by_key(|(network, _)| self.prefix(network));
        let mut tree = Tree::default();
        for (network, value) in rows {
            tree.lay(self.bits(network), self.prefix(network), data.place(value));
        }
        if self.has_aliases && self.holds_ipv6 {
            tree.alias(0xffff_u128 << 32, 96, 96);
            tree.alias(0x2002_u128 << 112, 16, 96);
        }
        self.assemble(&tree, &data.into_bytes(), self.record_bits, tree.count())
    }

    /// Writes the file. It comes into its place whole, as a careful updater's does.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, path: &Path) -> std::io::Result<()> {
        let beside = path.with_extension("new");
        std::fs::write(&beside, self.to_bytes())?;
        std::fs::rename(beside, path)
    }

    fn assemble(&self, tree: &Tree, data: &[u8], record_bits: u8, told_count: u32) -> Vec<u8> {
        let mut file = tree.to_bytes(self.record_bits);
        file.extend([0; 16]);
        file.extend(data);
        file.extend(MARKER);
        file.extend(self.metadata(record_bits, told_count));
        file
    }

    fn metadata(&self, record_bits: u8, node_count: u32) -> Vec<u8> {
        encode(&Value::Map(vec![
            ("binary_format_major_version".to_owned(), Value::U16(2)),
            ("binary_format_minor_version".to_owned(), Value::U16(0)),
            ("build_epoch".to_owned(), Value::U64(self.build_epoch)),
            ("database_type".to_owned(), Value::Text(self.kind.clone())),
            ("description".to_owned(), json!({ "en": "made by a test" }).into()),
            ("ip_version".to_owned(), Value::U16(if self.holds_ipv6 { 6 } else { 4 })),
            ("languages".to_owned(), json!(["en"]).into()),
            ("node_count".to_owned(), Value::U32(node_count)),
            ("record_size".to_owned(), Value::U16(record_bits.into())),
        ]))
    }

    /// The address as the tree reads it, the first bit highest.
    fn bits(&self, network: &IpNet) -> u128 {
        match network {
            IpNet::V4(network) if self.holds_ipv6 => u128::from(u32::from(network.addr())),
            IpNet::V4(network) => u128::from(u32::from(network.addr())) << 96,
            IpNet::V6(network) => network.addr().into(),
        }
    }

    fn prefix(&self, network: &IpNet) -> u8 {
        let skipped = if self.holds_ipv6 && matches!(network, IpNet::V4(_)) { 96 } else { 0 };
        network.prefix_len() + skipped
    }
}

/// Before the metadata.
const MARKER: &[u8] = b"\xab\xcd\xefMaxMind.com";
