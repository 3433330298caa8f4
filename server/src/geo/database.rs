//! One database, in memory and found whole.

use std::{
    collections::HashSet,
    fs::File,
    io::Read,
    net::IpAddr,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use holdfast_core::risk::{Place, Traits};
use maxminddb::{Reader, WithinOptions};

use super::record::{Anonymous, Asn, City, Kind, Record};

/// A database: every record of it was read once, so that none can fail later.
///
/// It is never mapped into memory: whoever cuts the file short would end the process (RUSTSEC-2025-0132 tells of the rest).
pub struct Database {
    kind: Kind,
    reader: Reader<Vec<u8>>,
    path: PathBuf,
    pub(super) stamp: Stamp,
}

impl Database {
    /// Reads a file, all of it.
    ///
    /// # Errors
    /// What is wrong with it, and what would be right.
    pub(super) fn load(kind: Kind, path: &Path) -> Result<Self, String> {
        let (bytes, stamp) = read(path).map_err(|what| told(kind, path, &what))?;
        let reader = verify(kind, bytes).map_err(|what| told(kind, path, &what))?;
        Ok(Self { kind, reader, path: path.to_owned(), stamp })
    }

    /// A database of these bytes.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn parse(kind: Kind, bytes: Vec<u8>) -> Result<Self, String> {
        let reader = verify(kind, bytes)?;
        Ok(Self { kind, reader, path: PathBuf::new(), stamp: Stamp::default() })
    }

    /// Writes what it knows of an address. An address that it does not know changes nothing.
    pub fn tell(&self, address: IpAddr, place: &mut Place) {
        match self.kind {
            Kind::Anonymous => {
                // Of what it does not list it says that it is an ordinary address, if it lists addresses of that sort at all.
                if self.covers(address) {
                    place.traits = Some(Traits::default());
                }
                tell_as::<Anonymous>(&self.reader, address, place);
            }
            Kind::Asn => tell_as::<Asn>(&self.reader, address, place),
            Kind::City => tell_as::<City<'_>>(&self.reader, address, place),
        }
    }

    /// Which kind it is.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// When it was made, in seconds since 1970, as it says itself.
    pub fn built_at(&self) -> u64 {
        self.reader.metadata().build_epoch
    }

    /// What it calls itself. Bytes of a file: to be escaped.
    pub(super) fn calls_itself(&self) -> &str {
        &self.reader.metadata().database_type
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn covers(&self, address: IpAddr) -> bool {
        address.is_ipv4() || self.reader.metadata().ip_version == 6
    }
}

/// Of which file it was: another one has another inode, a changed one another time or size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

impl Stamp {
    /// The stamp of the file that is there now.
    pub(super) fn of(path: &Path) -> Option<Self> {
        std::fs::metadata(path).ok().map(|metadata| Self::from(&metadata))
    }
}

impl From<&std::fs::Metadata> for Stamp {
    fn from(metadata: &std::fs::Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            changed: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

fn told(kind: Kind, path: &Path, what: &str) -> String {
    format!("risk.{}: {} {what}", kind.as_str(), path.display())
}

fn read(path: &Path) -> Result<(Vec<u8>, Stamp), String> {
    let unreadable = |error: std::io::Error| format!("cannot be read: {error}");
    let mut file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err("is no file; name a database in the format of MaxMind (.mmdb)".to_owned());
    }
    if metadata.len() > MOST_BYTES {
        let (size, most) = (metadata.len() >> 20, MOST_BYTES >> 20);
        return Err(format!("has {size} MiB; it is kept in memory, and at most {most} MiB are taken"));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default());
    let _ = (&mut file).take(MOST_BYTES).read_to_end(&mut bytes).map_err(unreadable)?;
    // Of a file that grew meanwhile the stamp is that of before: it is looked at again.
    Ok((bytes, Stamp::from(&metadata)))
}

/// Walks the whole tree and reads every record.
fn verify(kind: Kind, bytes: Vec<u8>) -> Result<Reader<Vec<u8>>, String> {
    let reader = Reader::from_source(bytes).map_err(damaged)?;
    let tells_anything = match kind {
        Kind::Anonymous => read_all::<Anonymous>(&reader),
        Kind::Asn => read_all::<Asn>(&reader),
        Kind::City => read_all::<City<'_>>(&reader),
    }?;
    if tells_anything {
        return Ok(reader);
    }
    let (kind, fields) = (kind.as_str(), kind.fields());
    let database_type = &reader.metadata().database_type;
    Err(format!("is {database_type:?} and has no record with {fields}; name a database for {kind}"))
}

/// Whether any record tells what it should.
fn read_all<'de, R: Record<'de>>(reader: &'de Reader<Vec<u8>>) -> Result<bool, String> {
    let mut seen = HashSet::new();
    let mut tells_anything = false;
    // A tree has two records in a node. Some makers share branches that look the same; who meets many more goes in circles.
    // Empty records have to be counted too.
    let mut left = u64::from(reader.metadata().node_count) * 4 + MOST_SHARED;
    let options = WithinOptions::default().include_networks_without_data();
    for network in reader.networks(options).map_err(damaged)? {
        left = left.checked_sub(1).ok_or("is damaged: its tree goes in circles; get it anew")?;
        let network = network.map_err(damaged)?;
        let Some(offset) = network.offset() else { continue };
        if seen.insert(offset) {
            let record = network.decode::<R>().map_err(damaged)?;
            tells_anything |= record.is_some_and(|record| record.tell(&mut Place::default()));
        }
    }
    Ok(tells_anything)
}

fn tell_as<'de, R: Record<'de>>(reader: &'de Reader<Vec<u8>>, address: IpAddr, place: &mut Place) {
    // The record was read when the database was loaded. What fails all the same is an address of IPv6 in a database for IPv4.
    if let Ok(Some(record)) = reader.lookup(address).and_then(|found| found.decode::<R>()) {
        let _ = record.tell(place);
    }
}

fn damaged(error: maxminddb::MaxMindDbError) -> String {
    // The error may repeat bytes of the file.
    let what = error.to_string().escape_debug().to_string();
    format!("is damaged, or no database in the format of MaxMind (.mmdb): {what}; get it anew")
}

const MOST_SHARED: u64 = 100_000;

/// The largest that are sold have about 400 MiB.
const MOST_BYTES: u64 = 1 << 30;
