//! The report for a terminal.

use std::fmt::Write;

use super::{Report, Row};

/// The report as lines of text, the deviations nobody has justified at the end.
pub(crate) fn text(report: &Report) -> String {
    let mut out = String::new();
    let profile = report.profile.unwrap_or("none");
    // Writing to a text cannot fail.
    let _ = writeln!(out, "configuration  {}", report.configuration);
    let _ = writeln!(out, "profile        {profile}");
    if let Some(words) = &report.justification {
        let _ = writeln!(out, "justification  {words}");
    }
    let mut chapter = "";
    for row in &report.requirements {
        if row.chapter != chapter {
            chapter = row.chapter;
            let _ = writeln!(out, "\n{}, {}", row.standard, row.chapter);
        }
        write_row(&mut out, row);
    }
    let summary = &report.summary;
    let _ = write!(
        out,
        "\n{} met, {} {} ({} without a justification), {} for the operator, {} of other profiles",
        summary.met,
        summary.deviates,
        if summary.deviates == 1 { "deviates" } else { "deviate" },
        summary.unjustified,
        summary.operator,
        summary.not_claimed
    );
    for row in report.requirements.iter().filter(|row| row.is_unjustified()) {
        let _ = write!(
            out,
            "\nunjustified    {} {}: {}",
            row.standard,
            row.id,
            row.why.as_deref().unwrap_or_default()
        );
    }
    out
}

fn write_row(out: &mut String, row: &Row) {
    let _ = writeln!(out, "\n  {} ({})  {}", row.id, row.level, row.verdict);
    let lines = [
        ("demand", Some(row.demand)),
        ("setting", Some(&*row.setting)),
        ("why", row.why.as_deref()),
        ("justified", row.justification.as_deref()),
        ("to do", row.task.as_deref()),
    ];
    for (name, words) in lines.into_iter().filter_map(|(name, words)| Some((name, words?))) {
        let _ = writeln!(out, "    {name:<10} {words}");
    }
    for test in row.tests {
        let _ = writeln!(out, "    {:<10} {test}", "test");
    }
}
