//! The CPU time that another process has used.

use std::path::PathBuf;
use std::time::Duration;

use crate::Failure;

/// User and system time of a process, all its threads together.
pub(super) fn cpu_time(pid: u32) -> Result<Duration, Failure> {
    let path = PathBuf::from(format!("/proc/{pid}/stat"));
    let stat = std::fs::read_to_string(&path).map_err(|error| Failure::file(&path, error))?;
    ticks(&stat)
        .map(|ticks| Duration::from_millis(ticks.saturating_mul(MILLISECONDS_PER_TICK)))
        .ok_or_else(|| Failure::file(&path, "not in the known format"))
}

/// Fields 14 and 15. The name in field 2 may hold spaces and brackets: counting starts after its last bracket.
fn ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut times = rest.split_whitespace().skip(11);
    let user: u64 = times.next()?.parse().ok()?;
    let system: u64 = times.next()?.parse().ok()?;
    Some(user.saturating_add(system))
}

/// Linux counts these in hundredths of a second for user space, on every architecture that matters here.
const MILLISECONDS_PER_TICK: u64 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strange_name_does_not_shift_the_fields() {
        let stat = "7 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 120 30 0 0";
        assert_eq!(ticks(stat), Some(150));
        assert!(cpu_time(std::process::id()).is_ok());
    }
}
