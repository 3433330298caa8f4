//! What stands on the disk under a session's id.
//!
//! ```text
//! version · last_seen confirmed_at · record · CRC-32 of the id and all before
//! ```

use holdfast_core::{
    SessionId, UnixTime,
    session::{Activity, Record},
};

use crate::{
    codec::{self, Malformed},
    local::Words,
};

pub(crate) fn encode(record: &Record, activity: Activity) -> Vec<u8> {
    let mut value = Vec::with_capacity(384);
    value.push(VERSION);
    value.extend_from_slice(&activity.last_seen.as_millis().to_be_bytes());
    value.extend_from_slice(&activity.confirmed_at.map_or(0, UnixTime::as_millis).to_be_bytes());
    codec::encode(record, None, &mut value);
    let checksum = checksum(record.id, &value);
    value.extend_from_slice(&checksum.to_be_bytes());
    value
}

pub(crate) fn decode(id: SessionId, value: &[u8], words: &Words) -> Result<(Record, Activity), Malformed> {
    let (checked, sum) = value.split_last_chunk::<4>().ok_or(Malformed)?;
    if u32::from_be_bytes(*sum) != checksum(id, checked) {
        return Err(Malformed);
    }
    let ([version], rest) = checked.split_first_chunk::<1>().ok_or(Malformed)?;
    let (last_seen, rest) = rest.split_first_chunk::<8>().ok_or(Malformed)?;
    let (confirmed_at, record) = rest.split_first_chunk::<8>().ok_or(Malformed)?;
    if *version != VERSION {
        return Err(Malformed);
    }
    let confirmed_at = u64::from_be_bytes(*confirmed_at);
    let activity = Activity {
        last_seen: UnixTime::from_millis(u64::from_be_bytes(*last_seen)),
        confirmed_at: (confirmed_at != 0).then(|| UnixTime::from_millis(confirmed_at)),
    };
    Ok((codec::decode(id, record, words)?, activity))
}

/// The id is part of it, so that a value under a wrong key is no value.
fn checksum(id: SessionId, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(id.as_bytes());
    hasher.update(bytes);
    hasher.finalize()
}

const VERSION: u8 = 1;

#[cfg(test)]
mod tests {
    use holdfast_core::session::{Login, Session};

    use super::*;

    #[test]
    fn no_changed_bit_and_no_other_key_goes_unnoticed() {
        let id = SessionId::from_bytes([7; 16]);
        let login = Login {
            app: "shop".into(),
            user: "alice".into(),
            auth: None,
            client: None,
            attributes: None,
            grant: None,
        };
        let session = Session::begin(id, login, 0, UnixTime::from_secs(1));
        let activity =
            Activity { last_seen: UnixTime::from_secs(2), confirmed_at: Some(UnixTime::from_secs(3)) };
        let (mut value, words) = (encode(session.record(), activity), Words::default());
        assert_eq!(decode(id, &value, &words), Ok((session.record().clone(), activity)));
        assert_eq!(decode(SessionId::from_bytes([8; 16]), &value, &words), Err(Malformed));
        for bit in 0..value.len() * 8 {
            value[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode(id, &value, &words), Err(Malformed), "bit {bit}");
            value[bit / 8] ^= 1 << (bit % 8);
        }
    }
}
