use std::{collections::BTreeSet, fs, path::Path};

use super::{proofs, *};
use crate::config::smallest;

fn config(more: &str) -> Config {
    let more = format!("[store]\nkind = \"memory\"\n{more}");
    let text = smallest(&"1".repeat(64), &more);
    Config::parse(&text, "holdfast.toml", Path::new("/base"), []).unwrap()
}

/// Verdict, setting and the reasons of a row.
fn judged(more: &str, standard: &str, id: &str) -> Row {
    let rows = report(&config(more), "holdfast.toml").requirements;
    rows.into_iter().find(|row| row.standard == standard && row.id == id).unwrap()
}

#[test]
fn every_test_that_is_named_is_there() {
    let tests = proofs::tests();
    assert!(tests.len() > 500, "the sources were not read: {} tests", tests.len());
    for (_, _, requirements) in CHAPTERS {
        for requirement in requirements {
            for test in requirement.tests {
                assert!(tests.contains(*test), "{}: there is no test {test}", requirement.id);
            }
        }
    }
    assert!(!tests.contains("server::profiles::no_such_test"));
}

#[test]
fn rows_have_numbers_of_their_own_and_the_chapters_are_whole() {
    let mut seen = BTreeSet::new();
    for (standard, _, requirements) in CHAPTERS {
        for requirement in requirements {
            assert!(seen.insert((standard, requirement.id)), "{} twice", requirement.id);
            let has_proof = !requirement.tests.is_empty() || requirement.id == "16.5.4";
            assert!(has_proof, "{} has no test", requirement.id);
        }
    }
    for id in [
        "7.1.1", "7.1.2", "7.1.3", "7.2.1", "7.2.2", "7.2.3", "7.2.4", "7.3.1", "7.3.2", "7.4.1", "7.4.2",
        "7.4.3", "7.4.4", "7.4.5", "7.5.1", "7.5.2", "7.5.3", "7.6.1", "7.6.2", "3.3.1", "3.3.2", "3.3.3",
        "3.3.4", "3.3.5", "3.4.1", "9.1.1", "9.1.2", "9.1.3", "9.2.1", "9.2.2", "9.2.3", "9.2.4", "10.3.5",
        "10.4.5", "10.4.8", "10.4.9", "10.4.14", "16.2.1", "16.2.2", "16.2.3", "16.2.4", "16.2.5", "16.3.1",
        "16.3.2", "16.3.3", "16.3.4", "16.4.1", "16.4.2", "16.4.3", "16.5.1", "16.5.2", "16.5.3", "16.5.4",
    ] {
        assert!(seen.contains(&(ASVS, id)), "{id} is missing");
    }
}

#[test]
fn settings_are_those_in_force() {
    let of = |more: &str| judged(more, ASVS, "7.3.1");
    assert_eq!(of("").setting, "idle = 1h, then ended");
    assert_eq!(of("[session]\nidle = \"7m\"").setting, "idle = 7m, then ended");
    assert_eq!(of("[session]\nprofile = \"nist-aal2\"").setting, "idle = 1h, then locked until a new login");
    assert_eq!(
        judged("[session]\nmax_per_user = 3", ASVS, "7.1.2").setting,
        "max_per_user = 3; one more ends the oldest session"
    );
    assert!(judged("[session]\ncookie_name = \"__Host-x\"", ASVS, "3.3.1").setting.starts_with("__Host-x;"));
}

#[test]
fn whatever_deviates_says_what_to_do() {
    let in_clear = "[audit]\nfile = \"a\"\n[[audit.sinks]]\nname = \"siem\"\nkind = \"syslog\"\naddress = \"tcp://siem.example:514\"\n";
    let long = "[session]\nprofile = \"nist-aal2\"\nidle = \"9h\"\nunbound_persistent = true\njustification = \"ward terminals, risk register 12\"\n";
    let longer = "[session]\nabsolute = \"90d\"\nunbound_absolute = \"90d\"\n";
    let mut tasks = Vec::new();
    for more in ["", in_clear, long, longer] {
        for row in report(&config(more), "x").requirements.into_iter().filter(|row| row.verdict == DEVIATES) {
            let task =
                row.task.unwrap_or_else(|| panic!("{} {} says nothing of what to do", row.standard, row.id));
            tasks.push(task.into_owned());
        }
    }
    for told in [
        "set audit.file, such as",
        "set session.unbound_persistent to false, or say why not in session.justification",
        "set session.idle to at most \"1h\", or say why not in session.justification",
        "set session.absolute to at most \"30d\", or say why not",
        "give these sinks an address with tls://",
    ] {
        assert!(tasks.iter().any(|task| task.contains(told)), "{told}: {tasks:#?}");
    }
}

#[test]
fn a_profile_is_judged_where_it_was_chosen() {
    for (profile, claimed) in [("nist-aal1", "2.1.3"), ("nist-aal2", "2.2.3"), ("nist-aal3", "2.3.3")] {
        let rows = report(&config(&format!("[session]\nprofile = \"{profile}\"")), "x").requirements;
        for row in rows.iter().filter(|row| row.standard == NIST && row.id.starts_with("2.")) {
            let expected = if row.id.starts_with(claimed) { "met" } else { "not_claimed" };
            assert_eq!(row.verdict, expected, "{profile} {}", row.id);
        }
    }
    let undecided = report(&config(""), "x").requirements;
    let levels = undecided.iter().filter(|row| row.standard == NIST && row.id.starts_with("2."));
    assert!(levels.into_iter().all(|row| row.verdict == "not_claimed"));
}

#[test]
fn a_deviation_has_the_operators_words_or_is_unjustified() {
    let reason = "tills stay open all night";
    let deviating = format!(
        "[session]\nprofile = \"nist-aal2\"\nidle = \"2h\"\nunbound_persistent = true\njustification = \"{reason}\""
    );
    for (standard, id) in [(NIST, "2.2.3 inactivity"), (NIST, "5.1 restart"), (ASVS, "7.1.1")] {
        let row = judged(&deviating, standard, id);
        assert_eq!((row.verdict, row.justification.as_deref()), (DEVIATES, Some(reason)), "{id}");
        assert!(row.why.is_some(), "{id}");
    }
    assert_eq!(judged(&deviating, NIST, "2.2.3 overall").verdict, "met");
    // Without a profile nothing has to be justified at the start; the report says what is not.
    let row = judged("[session]\nabsolute = \"365d\"", ASVS, "7.1.1");
    assert_eq!((row.verdict, row.is_unjustified()), (DEVIATES, true));
    assert_eq!(row.justification, None);
    let excused = "[session]\nabsolute = \"365d\"\njustification = \"kiosks have no user data\"";
    assert!(!judged(excused, ASVS, "7.1.1").is_unjustified());
    // What is said of sessions excuses nothing else.
    let row = judged(excused, ASVS, "16.4.2");
    assert_eq!((row.verdict, row.justification), (DEVIATES, None));
}

#[test]
fn trail_and_sinks_are_judged() {
    let sink = |kind: &str| format!("[audit]\nfile = \"a\"\n[[audit.sinks]]\nname = \"siem\"\n{kind}\n");
    for (more, verdict) in [
        (String::new(), "operator"),
        ("[audit]\nfile = \"a\"".to_owned(), "operator"),
        (sink("kind = \"stdout\"\nformat = \"json\""), "operator"),
        (sink("kind = \"otlp\"\nurl = \"http://127.0.0.1:4318/secret\""), "operator"),
        (sink("kind = \"syslog\"\nformat = \"cef\"\naddress = \"tcp://siem.example:601\""), DEVIATES),
        (sink("kind = \"syslog\"\naddress = \"tls://siem.example:6514\"\nca_file = \"ca.pem\""), "met"),
        (
            sink(
                "kind = \"webhook\"\nformat = \"ocsf\"\nurl = \"https://u:secret@siem.example/secret?secret\"\nsecret_file = \"s\"",
            ),
            "met",
        ),
    ] {
        let row = judged(&more, ASVS, "16.4.3");
        assert_eq!(row.verdict, verdict, "{more}");
        assert!(!row.setting.contains("secret"), "{}", row.setting);
    }
    assert_eq!(judged("", ASVS, "16.2.1").verdict, DEVIATES);
    assert_eq!(judged("[audit]\nfile = \"a\"", ASVS, "16.2.1").verdict, "met");
}

#[test]
fn the_counts_add_up() {
    let report = report(&config(""), "x");
    let Summary { met, deviates, unjustified, operator, not_claimed } = report.summary;
    assert_eq!(met + deviates + operator + not_claimed, report.requirements.len());
    assert!(0 < unjustified && unjustified <= deviates && met > operator);
}

/// Whatever is configured is text, and the page needs nothing from elsewhere.
#[test]
fn the_page_is_one_page_and_escaped() {
    let more = "[session]\nprofile = \"nist-aal1\"\nunbound_persistent = true\n\
                justification = \"<script>alert('x')</script> & \\\"more\\\"\"";
    let page = html(&report(&config(more), "<b>file</b>.toml"));
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>"));
    assert!(page.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;more&quot;"));
    for bad in ["<script", "<b>file", "src=", "href=", "url("] {
        assert!(!page.contains(bad), "{bad}");
    }
    for tag in ["table", "tbody", "tr", "td", "h2"] {
        let count = |mark: String| page.matches(&mark).count();
        let begun = count(format!("<{tag}>")) + count(format!("<{tag} "));
        assert_eq!(begun, count(format!("</{tag}>")), "{tag}");
    }
}

#[test]
fn the_text_names_what_nobody_has_justified() {
    let words = text(&report(&config(""), "holdfast.toml"));
    assert!(words.contains("\nunjustified    NIST SP 800-63B-4 5.1 restart: "), "{words}");
    assert!(words.contains("\n    demand     there is an absolute limit"), "{words}");
    let words = text(&report(&config("[session]\nprofile = \"nist-aal2\"\n[audit]\nfile = \"a\""), "x"));
    assert!(!words.contains("unjustified  "), "{words}");
}

/// The table of techniques names files and tests that are there.
#[test]
fn the_table_of_controls_names_what_is_there() {
    let file = proofs::project().join("spec-notes/controls.md");
    let text = fs::read_to_string(file).unwrap();
    let tests = proofs::tests();
    let (mut files, mut proofs_named, mut rows) = (0, 0, 0);
    for line in text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| technique")) {
        let cells: Vec<_> = line.trim_matches('|').split(" | ").collect();
        assert_eq!(cells.len(), 4, "technique, where, tests, operator: {line}");
        rows += 1;
        let spans = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
        let (places, named) = (spans(cells[1]), spans(cells[2]));
        assert!(!places.is_empty() && !named.is_empty() && !cells[3].trim().is_empty(), "{line}");
        for place in places {
            files += 1;
            assert!(proofs::project().join(&place).exists(), "there is no {place}: {line}");
        }
        for test in named {
            proofs_named += 1;
            assert!(tests.contains(&test), "there is no test {test}: {line}");
        }
    }
    assert!(rows >= 20 && files >= 20 && proofs_named >= 20, "{rows} {files} {proofs_named}");
}

#[test]
fn one_deviates_and_several_deviate() {
    let mut report = report(&config(""), "holdfast.toml");
    report.summary.deviates = 1;
    assert!(text(&report).contains(" met, 1 deviates ("));
    report.summary.deviates = 2;
    assert!(text(&report).contains(" met, 2 deviate ("));
}
