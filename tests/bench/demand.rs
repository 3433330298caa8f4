//! Figures beside what is demanded of them.

use std::{fs, io::Write};

use anyhow::Result;

/// Rows with a demand, a measurement, and whether the one meets the other; printed as they come.
pub(crate) struct Table(());

impl Table {
    /// Says what it is about and how busy the machine is, which others may use too.
    pub(crate) fn begin(title: &str) -> Result<Self> {
        let table = Self(());
        table.note(&format!("{title} (load average of the machine: {})", load_average()?));
        table.note(&format!("{:<48} {:<26} {:<44}", "", "demanded", "measured"));
        Ok(table)
    }

    pub(crate) fn row(&mut self, what: &str, demand: &str, measured: &str, is_met: bool) {
        let verdict = if is_met { "met" } else { "NOT MET" };
        self.note(&format!("{what:<48} {demand:<26} {measured:<44} {verdict}"));
    }

    /// What explains a row.
    pub(crate) fn note(&self, text: &str) {
        let _ = writeln!(std::io::stdout(), "{text}");
    }
}

/// Of the last minute, five, and fifteen.
pub(crate) fn load_average() -> Result<String> {
    let text = fs::read_to_string("/proc/loadavg")?;
    Ok(text.split_whitespace().take(3).collect::<Vec<_>>().join(" "))
}
