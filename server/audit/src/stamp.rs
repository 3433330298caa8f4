//! Times as people and machines read them: RFC 3339, UTC, milliseconds.

use std::cell::RefCell;

use holdfast_core::UnixTime;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// The time as RFC 3339 in UTC, such as `2026-11-22T10:00:00.123Z`.
pub fn rfc3339(at: UnixTime) -> String {
    SECOND.with_borrow_mut(|cached| {
        let second = at.as_secs();
        // Within a second only the last digits differ, and a busy server writes many lines in a second.
        if cached.0 != second || cached.1.is_empty() {
            let date = i64::try_from(second)
                .ok()
                .and_then(|second| OffsetDateTime::from_unix_timestamp(second).ok());
            let text = date.and_then(|date| date.format(&Rfc3339).ok());
            // Beyond the year 9999 RFC 3339 has no words.
            let text = text.unwrap_or_else(|| "9999-12-31T23:59:59Z".to_owned());
            *cached = (second, text.trim_end_matches('Z').to_owned());
        }
        let millis = at.as_millis() % 1000;
        let digit = |value: u64| char::from_digit(u32::try_from(value % 10).unwrap_or(0), 10).unwrap_or('0');
        let mut stamp = String::with_capacity(24);
        stamp.push_str(&cached.1);
        stamp.push('.');
        stamp.extend([digit(millis / 100), digit(millis / 10), digit(millis), 'Z']);
        stamp
    })
}

/// Reads an RFC 3339 time of this server's era.
pub fn parse_rfc3339(text: &str) -> Option<UnixTime> {
    let nanos = OffsetDateTime::parse(text, &Rfc3339).ok()?.unix_timestamp_nanos();
    u64::try_from(nanos / 1_000_000).ok().map(UnixTime::from_millis)
}

thread_local! {
    static SECOND: RefCell<(u64, String)> = const { RefCell::new((0, String::new())) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_written_and_read_back() {
        let at = UnixTime::from_millis(1_795_341_600_042);
        assert_eq!(rfc3339(at), "2026-11-22T10:00:00.042Z");
        assert_eq!(parse_rfc3339(&rfc3339(at)), Some(at));
        assert_eq!(parse_rfc3339("2026-11-22T11:00:00+01:00"), Some(UnixTime::from_secs(1_795_341_600)));
        assert_eq!(rfc3339(UnixTime::from_secs(u64::MAX)), "9999-12-31T23:59:59.615Z");
        for text in [
            "",
            "2026-11-22",
            "2026-11-22T10:00:00",
            "1969-12-31T23:59:59Z",
            "2026-13-01T00:00:00Z",
            "yesterday",
        ] {
            assert_eq!(parse_rfc3339(text), None, "{text}");
        }
    }
}
