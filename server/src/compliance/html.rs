//! The report as one page that needs nothing else: no script, no picture, no other host.

use std::fmt::Write;

use super::{Report, Row};
use crate::respond::escape_html as escape;

/// The report as a page.
pub(crate) fn html(report: &Report) -> String {
    let mut body = String::new();
    let mut chapter = "";
    for row in &report.requirements {
        if row.chapter != chapter {
            if !chapter.is_empty() {
                body.push_str("</tbody></table>\n");
            }
            chapter = row.chapter;
            // Writing to a text cannot fail.
            let _ = write!(body, "<h2>{}: {}</h2>\n{HEAD}", escape(row.standard), escape(row.chapter));
        }
        write_row(&mut body, row);
    }
    body.push_str("</tbody></table>\n");
    let summary = &report.summary;
    let justification = report.justification.as_deref().unwrap_or("none is written");
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Holdfast: compliance</title>\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <h1>Compliance of {}</h1>\n<p>Profile: {}. Justification: {}</p>\n\
         <p>{} met, {} deviate ({} without a justification), {} for the operator, {} of other profiles.</p>\n{body}</body>\n</html>",
        escape(&report.configuration),
        escape(report.profile.unwrap_or("none")),
        escape(justification),
        summary.met,
        summary.deviates,
        summary.unjustified,
        summary.operator,
        summary.not_claimed,
    )
}

fn write_row(body: &mut String, row: &Row) {
    let part = |name: &str, words: Option<&str>| {
        words.map_or_else(String::new, |words| format!("<p><b>{name}</b> {}</p>", escape(words)))
    };
    let tests: String = row.tests.iter().map(|test| format!("<code>{}</code><br>", escape(test))).collect();
    let _ = writeln!(
        body,
        "<tr class=\"{verdict}\"><th scope=\"row\">{}<br><small>{}</small></th><td>{}</td><td>{}{}{}{}</td>\
         <td>{verdict}</td><td>{tests}</td></tr>",
        escape(row.id),
        escape(row.level),
        escape(row.demand),
        escape(&row.setting),
        part("Deviates:", row.why.as_deref()),
        part("Justified:", row.justification.as_deref()),
        part("To do:", row.task.as_deref()),
        verdict = row.verdict,
    );
}

const HEAD: &str = "<table><thead><tr><th scope=\"col\">Requirement</th><th scope=\"col\">Demand</th>\
                    <th scope=\"col\">Setting in force</th><th scope=\"col\">Verdict</th><th scope=\"col\">Tests</th></tr></thead>\n<tbody>\n";

const STYLE: &str = "body{font:15px/1.45 system-ui,sans-serif;margin:2rem;max-width:90rem}\
                     table{border-collapse:collapse;width:100%}\
                     th,td{border:1px solid #bbb;padding:.4rem .6rem;text-align:left;vertical-align:top}\
                     td p{margin:.4rem 0 0}code{font-size:12px;overflow-wrap:anywhere}\
                     .deviates td:nth-of-type(3){background:#fbd9d3}.met td:nth-of-type(3){background:#dff3df}\
                     .operator td:nth-of-type(3){background:#fff3cd}";
