//! Durations as people write them: `30s`, `5m`, `24h`.

use std::{fmt, time::Duration};

/// Reads a duration: digits and one unit of `s`, `m`, `h` or `d`. Nothing else: no sign, no fraction, no space.
///
/// # Errors
/// [`DurationError`] says what would be right.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let unit = text.chars().next_back().ok_or(DurationError)?;
    let seconds_per_unit = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return Err(DurationError),
    };
    let digits = text.get(..text.len() - 1).ok_or(DurationError)?;
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(DurationError);
    }
    let count: u64 = digits.parse().map_err(|_| DurationError)?;
    let seconds =
        count.checked_mul(seconds_per_unit).filter(|s| *s <= LONGEST_SECONDS).ok_or(DurationError)?;
    Ok(Duration::from_secs(seconds))
}

/// Writes a duration as [`parse_duration`] reads it, in the longest unit of hours and less that fits. What is less than
/// a second is cut.
pub fn write_duration(span: Duration) -> String {
    let seconds = span.as_secs();
    let units = [(3600, "h"), (60, "m")];
    let fits = units.into_iter().find(|(length, _)| seconds > 0 && seconds % length == 0);
    fits.map_or_else(|| format!("{seconds}s"), |(length, unit)| format!("{}{unit}", seconds / length))
}

/// The text is not a duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DurationError;

impl fmt::Display for DurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a duration is digits and a unit, such as \"30s\", \"5m\", \"24h\" or \"7d\" (at most ten years)",
        )
    }
}

impl std::error::Error for DurationError {}

/// Ten years; a longer span in a configuration is a slip of the pen.
const LONGEST_SECONDS: u64 = 10 * 366 * 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        for (text, seconds) in [("30s", 30), ("5m", 300), ("24h", 86_400), ("7d", 604_800), ("0s", 0)] {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn writes_what_it_reads() {
        for text in ["0s", "59s", "1m", "61s", "90m", "1h", "24h", "168h", "3601s"] {
            assert_eq!(write_duration(parse_duration(text).unwrap()), text);
        }
    }

    #[test]
    fn refuses_everything_else() {
        for text in [
            "",
            "s",
            "5",
            "5 m",
            "-5m",
            "+5m",
            "1.5h",
            "5M",
            "5ms",
            "1h30m",
            "99999999999999999999s",
            "5é",
            "é",
            "400000h",
        ] {
            assert_eq!(parse_duration(text), Err(DurationError), "{text}");
        }
    }
}
