//! `holdfast policy`: what policies are in order, what they make of a request, and what they would have made of those of
//! an audit trail.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs::File,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use holdfast_audit::format::shown;
use holdfast_policy::{
    Effect, Explained, Explanation, Modes, Policies, Recorded, Ruling, SHIPPED, STRICT_UNBOUND, Saw,
    Situation, Subject,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Exit;
use crate::Config;

/// What `holdfast policy` must be told.
#[derive(Args, Debug, PartialEq, Eq)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, PartialEq, Eq, Subcommand)]
enum Command {
    /// Says whether policies are in order, and lists what they do.
    Check(Check),
    /// Says what policies make of one request, and what each of them saw.
    Explain(Explain),
    /// Says what policies would have done about the requests of an audit trail.
    Replay(Replay),
    /// Prints the policies that ship, to begin from.
    Show(Show),
}

#[derive(Args, Debug, PartialEq, Eq)]
struct Show {
    /// With the one that asks whoever has no key at each change of network.
    #[arg(long)]
    strict_unbound: bool,
}

#[derive(Args, Debug, PartialEq, Eq)]
#[group(required = true, multiple = false)]
struct Check {
    /// The policies, as if all of them were enforced but those that say otherwise of themselves.
    file: Option<PathBuf>,
    /// The policies of a configuration, in the modes that it gives them.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Args, Debug, PartialEq, Eq)]
struct Explain {
    /// The request as JSON: an event of the audit trail, or an object with "subject" and "situation"; "-" reads it from
    /// standard input.
    #[arg(long, value_name = "FILE")]
    request: PathBuf,
    #[command(flatten)]
    which: Which,
    /// Answers as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug, PartialEq, Eq)]
struct Replay {
    /// The audit trails, oldest first.
    #[arg(required = true, value_name = "AUDIT")]
    trails: Vec<PathBuf>,
    #[command(flatten)]
    which: Which,
    /// Answers as JSON.
    #[arg(long)]
    json: bool,
}

/// Which policies are asked. Without either option those that ship, as if all were enforced.
#[derive(Args, Debug, PartialEq, Eq)]
struct Which {
    /// Policies, as if all of them were enforced but those that say otherwise of themselves.
    #[arg(long, value_name = "FILE", conflicts_with = "config")]
    policy: Option<PathBuf>,
    /// The policies of a configuration, in the modes that it gives them.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Which {
    fn read(&self, environment: Vec<(String, String)>) -> Result<Policies, Exit> {
        match (&self.policy, &self.config) {
            (Some(file), _) => read_policies(file),
            (None, Some(file)) => read_configured(file, environment).map(|(_, policies)| policies),
            (None, None) => Ok(Policies::shipped(&Modes::default())),
        }
    }

    /// Whose policies are asked and in which modes, so that nobody takes what is assumed for what is configured.
    fn assumed(&self) -> String {
        match (&self.policy, &self.config) {
            (Some(file), _) => {
                let file = shown(&file.display().to_string());
                format!("those of {file}, enforced but where a policy says otherwise of itself")
            }
            (None, Some(file)) => {
                format!("those of {}, in the modes that it gives them", shown(&file.display().to_string()))
            }
            (None, None) => {
                "the policies that ship, as if all were enforced; --config FILE takes the modes of a \
                             configuration"
                    .to_owned()
            }
        }
    }
}

/// Answers, and changes nothing.
pub(super) fn policy(arguments: &Arguments, environment: Vec<(String, String)>) -> Exit {
    let answer = match &arguments.command {
        Command::Check(check) => check_one(check, environment),
        Command::Explain(explain) => {
            explain.which.read(environment).and_then(|policies| explain_one(explain, &policies))
        }
        Command::Replay(replay) => {
            replay.which.read(environment).and_then(|policies| replay_all(replay, &policies))
        }
        Command::Show(show) => {
            let stricter = if show.strict_unbound { ["\n", STRICT_UNBOUND].concat() } else { String::new() };
            Ok(Exit::done([SHIPPED, &stricter].concat().trim_end()))
        }
    };
    answer.unwrap_or_else(|exit| exit)
}

fn read_policies(file: &Path) -> Result<Policies, Exit> {
    let name = file.display();
    let text = std::fs::read_to_string(file)
        .map_err(|error| Exit::usage(format!("{name} cannot be read: {error}")))?;
    Policies::parse(&text, &Modes::default())
        .map_err(|problems| Exit::usage(format!("{name} has problems\n{problems}")))
}

/// The policies of a configuration, and whose they are.
fn read_configured(file: &Path, environment: Vec<(String, String)>) -> Result<(String, Policies), Exit> {
    let config = Config::load(file, environment)
        .map_err(|problems| Exit::usage(format!("the configuration has problems\n{problems}")))?;
    let policies = config.policy.read().map_err(|problems| Exit::usage(problems.join("\n")))?;
    let whose = config.policy.file.as_ref().map_or_else(
        || format!("{}: the policies that ship", file.display()),
        |policies| policies.display().to_string(),
    );
    Ok((whose, policies))
}

fn check_one(check: &Check, environment: Vec<(String, String)>) -> Result<Exit, Exit> {
    let (whose, policies) = match (&check.file, &check.config) {
        (Some(file), _) => (file.display().to_string(), read_policies(file)?),
        (None, Some(config)) => read_configured(config, environment)?,
        (None, None) => return Err(Exit::usage("name a file of policies, or a configuration with --config")),
    };
    Ok(list(&whose, &policies))
}

fn list(whose: &str, policies: &Policies) -> Exit {
    let mut words = format!("{whose}: in order\n");
    for rule in policies.rules() {
        let _ = writeln!(words, "{:<9} {:<8} {}", rule.effect.as_str(), rule.mode.as_str(), rule.id);
    }
    Exit::done(words.trim_end())
}

/// A request as a person writes it down.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    subject: Subject,
    #[serde(default)]
    situation: Situation,
}

fn explain_one(explain: &Explain, policies: &Policies) -> Result<Exit, Exit> {
    let name = explain.request.display();
    let text = if explain.request == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().take(MOST_BYTES).read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(&explain.request)
    };
    let text = text.map_err(|error| Exit::usage(format!("{name} cannot be read: {error}")))?;
    let wrong = |what: String| Exit::usage(format!("{name}: {what}"));
    if text.trim_ascii().is_empty() && explain.request == Path::new("-") {
        return Err(Exit::usage("nothing came on standard input; a line of the audit trail was expected"));
    }
    let value = only_request(&text).map_err(wrong)?;
    let about = about(&value);
    let (subject, situation) = if value.get("subject").is_some() {
        let Written { mut situation, subject } =
            serde_json::from_value(value).map_err(|error| wrong(error.to_string()))?;
        situation.risk = situation.signals.values().copied().max().unwrap_or(0).max(situation.risk);
        (subject, situation)
    } else {
        let recorded = Recorded::read(&value).map_err(|error| wrong(error.to_string()))?;
        let recorded = recorded.ok_or_else(|| wrong(not_weighed(&value)))?;
        (recorded.subject, recorded.situation)
    };
    let explanation = policies.explain(&subject, &situation);
    if explain.json {
        let rules: Vec<_> = explanation.rules.iter().map(explained).collect();
        let told = json!({
            "modes": explain.which.assumed(),
            "event": about.into_iter().collect::<BTreeMap<_, _>>(),
            "effect": explanation.ruling.effect,
            "policies": explanation.ruling.hits,
            "errors": explanation.ruling.errors,
            "not_permitted": explanation.ruling.not_permitted,
            "rules": rules,
        });
        return Ok(Exit::done(told.to_string()));
    }
    let mut words = format!("modes     {}\n", explain.which.assumed());
    for (name, value) in about {
        let _ = writeln!(words, "{:<9} {}", name.replace("request_id", "id"), shown(&value));
    }
    let _ = write!(
        words,
        "user      {}\nrequest   {} {}{}\npolicies  {}\n",
        shown(&subject.user),
        shown(&subject.method),
        shown(&subject.app),
        if subject.route.is_empty() { String::new() } else { format!(" {}", shown(&subject.route)) },
        decided(&explanation.ruling),
    );
    let Explanation { ruling, rules } = &explanation;
    // Those of policies that forbid are told beside what these saw.
    for error in ruling.errors.iter().filter(|error| !ruling.failed.values().any(|told| told == *error)) {
        let _ = writeln!(words, "failed    {}", shown(error));
    }
    for rule in rules {
        let Some(error) = &rule.failed else { continue };
        let _ = writeln!(words, "\nfailed    {} ({}, {})", rule.id, rule.decision, rule.mode);
        let _ = writeln!(words, "          {}", shown(error));
        saw(&mut words, rule);
    }
    // In the order of the ruling: the strongest first, which is the one that decided.
    for rule in ruling.hits.iter().filter_map(|hit| rules.iter().find(|rule| rule.id == hit.id)) {
        let _ = writeln!(words, "\nobjects   {} ({}, {})", rule.id, rule.decision, rule.mode);
        saw(&mut words, rule);
    }
    for rule in rules.iter().filter(|rule| !rule.objected && rule.failed.is_none()) {
        let _ = writeln!(words, "\nsilent    {} ({}, {})", rule.id, rule.decision, rule.mode);
        saw(&mut words, rule);
    }
    Ok(Exit::done(words.trim_end()))
}

/// The one request of a text: an object alone, or the only line of a trail that is about a request, as `grep` gives it
/// among others.
fn only_request(text: &str) -> Result<Value, String> {
    let alone = match serde_json::from_str(text) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    let lines: Vec<_> = text.lines().filter(|line| !line.trim_ascii().is_empty()).collect();
    let events: Result<Vec<Value>, _> = lines.iter().map(|line| serde_json::from_str(line)).collect();
    let Ok(events) = events else { return Err(format!("this is no JSON: {alone}")) };
    let count = events.len();
    if count == 0 {
        return Err("nothing is in it; a line of the audit trail was expected".to_owned());
    }
    let is_request = |event: &Value| {
        matches!(event.get("event").and_then(Value::as_str), Some("session.checked" | "session.denied"))
    };
    let mut requests: Vec<_> = events.into_iter().filter(is_request).collect();
    match (requests.len(), requests.pop()) {
        (1, Some(only)) => Ok(only),
        (0, _) => Err(format!("none of these {count} lines is session.checked or session.denied")),
        (many, _) => Err(format!(
            "{many} of these {count} lines are session.checked or session.denied, and one is explained at a time; pick it by \
             its request_id and seq"
        )),
    }
}

/// Why there is nothing to explain in an event.
fn not_weighed(event: &Value) -> String {
    let text = |name| event.get(name).and_then(Value::as_str);
    if text("event") == Some("session.denied") && event.get("risk").is_none_or(Value::is_null) {
        let reason = shown(text("reason").unwrap_or("no reason is told"));
        return format!(
            "this session.denied was refused ({reason}) before anything was weighed; its risk is null"
        );
    }
    "no request was weighed in this event; take one of session.checked or session.denied".to_owned()
}

/// Which event is explained, as far as it says so itself: when it was, whose, and what was decided then.
fn about(event: &Value) -> Vec<(&'static str, String)> {
    let text = |name| event.get(name).and_then(Value::as_str).map(str::to_owned);
    let names = ["time", "event", "session", "request_id", "decision", "reason", "detail"];
    names.into_iter().filter_map(|name| Some((name, text(name)?))).collect()
}

fn explained(rule: &Explained) -> Value {
    json!({
        "id": rule.id, "decision": rule.decision, "mode": rule.mode, "objected": rule.objected, "failed": rule.failed,
        "saw": rule.saw,
    })
}

fn saw(words: &mut String, rule: &Explained) {
    for (path, value) in &rule.saw {
        let value = match value {
            Saw::Absent => "absent".to_owned(),
            Saw::Unknown => "unknown (nothing can be said of it; policies see 0)".to_owned(),
            Saw::Value(value) => value.to_string(),
        };
        let _ = writeln!(words, "          {path} = {}", shown(&value));
    }
}

fn decided(ruling: &Ruling) -> &'static str {
    ruling.effect.map_or("allow", Effect::as_str)
}

/// What would have been done.
#[derive(Default)]
struct Tally {
    requests: u64,
    unreadable: u64,
    /// By what would have been done.
    decisions: BTreeMap<&'static str, u64>,
    /// Requests that would have been treated otherwise than they were.
    otherwise: u64,
    policies: BTreeMap<String, OfPolicy>,
}

#[derive(Default)]
struct OfPolicy {
    decision: &'static str,
    requests: u64,
    /// How many of them it alone would have stopped.
    alone: u64,
    users: BTreeSet<Box<str>>,
    examples: Vec<String>,
}

impl Tally {
    fn take(&mut self, event: &Value, policies: &Policies) {
        let recorded = match Recorded::read(event) {
            Ok(Some(recorded)) => recorded,
            Ok(None) => return,
            Err(_) => {
                self.unreadable += 1;
                return;
            }
        };
        // What is raised is told beside the request that it was raised for.
        let name = event.get("event").and_then(Value::as_str).unwrap_or_default();
        if !matches!(name, "session.checked" | "session.denied") {
            return;
        }
        self.requests += 1;
        let ruling = policies.decide(&recorded.subject, &recorded.situation);
        *self.decisions.entry(decided(&ruling)).or_insert(0) += 1;
        let before = recorded.hits.iter().map(|hit| hit.mode.allows(hit.decision)).max();
        let stops = |effect: Option<Effect>| effect.filter(|effect| *effect > Effect::Flag);
        if stops(before) != stops(ruling.effect) {
            self.otherwise += 1;
        }
        let strongest = stops(ruling.effect);
        let stopping =
            ruling.hits.iter().filter(|hit| Some(hit.mode.allows(hit.decision)) == strongest).count();
        for hit in &ruling.hits {
            let of = self.policies.entry(hit.id.to_string()).or_default();
            of.decision = hit.mode.allows(hit.decision).as_str();
            of.requests += 1;
            of.alone += u64::from(stopping == 1 && Some(hit.mode.allows(hit.decision)) == strongest);
            let is_new = of.users.insert(recorded.subject.user.clone());
            if is_new && of.examples.len() < EXAMPLES {
                // Whoever has chosen the name of a user shall not move the terminal of an operator.
                let text = |name: &str| shown(event.get(name).and_then(Value::as_str).unwrap_or("?"));
                of.examples.push(format!("{} {} {}", text("time"), text("user"), text("request_id")));
            }
        }
    }
}

fn replay_all(replay: &Replay, policies: &Policies) -> Result<Exit, Exit> {
    let mut tally = Tally::default();
    for file in &replay.trails {
        let failed =
            |error: std::io::Error| Exit::failed(format!("{} cannot be read: {error}", file.display()));
        let lines = BufReader::new(File::open(file).map_err(failed)?);
        for line in lines.split(b'\n') {
            match serde_json::from_slice(&line.map_err(failed)?) {
                Ok(event) => tally.take(&event, policies),
                // A line that was torn by a crash.
                Err(_) => tally.unreadable += 1,
            }
        }
    }
    if tally.requests == 0 {
        return Err(Exit::failed(
            "there is no request in these trails that was weighed; nothing can be replayed",
        ));
    }
    if replay.json {
        let policies: BTreeMap<_, _> = tally.policies.iter().map(|(id, of)| {
            let told = json!({
                "decision": of.decision, "requests": of.requests, "alone": of.alone, "users": of.users.len(),
                "examples": of.examples,
            });
            (id, told)
        }).collect();
        let told = json!({
            "requests": tally.requests, "unreadable": tally.unreadable, "otherwise": tally.otherwise,
            "decisions": tally.decisions, "policies": policies,
        });
        return Ok(Exit::done(told.to_string()));
    }
    let mut words = format!("{} requests, {} lines could not be read\n\n", tally.requests, tally.unreadable);
    for (decision, count) in &tally.decisions {
        let _ = writeln!(words, "{decision:<9} {count:>9}");
    }
    let _ = writeln!(words, "otherwise {:>9}  (treated otherwise than it was)", tally.otherwise);
    let _ =
        writeln!(words, "\n{:<36} {:<9} {:>9} {:>9} {:>7}", "policy", "does", "requests", "alone", "users");
    for (id, of) in &tally.policies {
        let users = of.users.len();
        let _ = writeln!(words, "{id:<36} {:<9} {:>9} {:>9} {users:>7}", of.decision, of.requests, of.alone);
        for example in &of.examples {
            let _ = writeln!(words, "    {example}");
        }
    }
    Ok(Exit::done(words.trim_end()))
}

const EXAMPLES: usize = 3;
const MOST_BYTES: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn explain_event(event: &Value, json: bool) -> Exit {
        let folder = tempfile::tempdir().unwrap();
        let request = folder.path().join("event.json");
        std::fs::write(&request, event.to_string()).unwrap();
        let explain = Explain { request, which: Which { policy: None, config: None }, json };
        policy(&Arguments { command: Command::Explain(explain) }, Vec::new())
    }

    #[test]
    fn it_says_which_event_it_explains_and_what_nobody_knows() {
        let event = json!({
            "time": "2026-11-26T10:03:00.000Z", "event": "session.denied", "app": "shop", "user": "alice", "session": "hs_a",
            "reason": "risk_step_up", "request_id": "0123456789abcdef01234567", "detail": "The policy said no.",
            "decision": "step_up", "tags": [],
            "risk": {
                "score": 70, "signals": [{ "name": "network.changed", "score": 70, "factors": {} }], "policies": [],
                "request": { "method": "GET" },
                "situation": {
                    "binding": { "method": "none", "level": "none", "bound": false, "strength": 0 },
                    "unknown": ["travel.impossible"],
                },
                "ages": { "session": 60, "auth": 60 },
            },
        });
        let exit = explain_event(&event, false);
        let begins = "modes     the policies that ship, as if all were enforced; --config FILE takes the modes of a \
                      configuration\ntime      2026-11-26T10:03:00.000Z\nevent     session.denied\nsession   hs_a\n\
                      id        0123456789abcdef01234567\ndecision  step_up\nreason    risk_step_up\n\
                      detail    The policy said no.\nuser      alice\nrequest   GET shop\npolicies  step_up\n";
        assert!(exit.code == 0 && exit.words.starts_with(begins), "{}", exit.words);
        assert!(exit.words.contains("signals.travel.impossible = unknown ("), "{}", exit.words);
        assert!(!exit.words.contains("signals.travel.impossible = 0"), "{}", exit.words);
        assert!(exit.words.contains("signals.network.changed = 70"), "{}", exit.words);
        assert!(exit.words.contains("signals.travel.continents = 0"), "{}", exit.words);

        let told: Value = serde_json::from_str(&explain_event(&event, true).words).unwrap();
        assert_eq!(told["event"]["request_id"], "0123456789abcdef01234567");
        let saw: Vec<_> = told["rules"].as_array().unwrap().iter().map(|rule| &rule["saw"]).collect();
        assert!(saw.iter().any(|saw| saw["signals.travel.impossible"] == "unknown"), "{told}");
    }

    fn explain_text(text: &str, policies: Option<&str>) -> Exit {
        let folder = tempfile::tempdir().unwrap();
        let (request, own) = (folder.path().join("event.json"), folder.path().join("own.cedar"));
        std::fs::write(&request, text).unwrap();
        let which = Which { policy: policies.map(|_| own.clone()), config: None };
        policies.inspect(|policies| std::fs::write(&own, policies).unwrap());
        policy(&Arguments { command: Command::Explain(Explain { request, which, json: false }) }, Vec::new())
    }

    #[test]
    fn one_line_of_several_is_explained_if_it_is_the_only_one_about_a_request() {
        let denied =
            json!({ "event": "session.denied", "reason": "bad_cookie\u{1b}", "risk": null }).to_string();
        let other = json!({ "event": "risk.raised" }).to_string();
        for text in [denied.clone(), format!("{other}\n{denied}\n")] {
            let exit = explain_text(&text, None);
            let told =
                "this session.denied was refused (bad_cookie␛) before anything was weighed; its risk is null";
            assert!(exit.code == 2 && exit.words.ends_with(told), "{}", exit.words);
        }
        for (text, told) in [
            (
                format!("{denied}\n{denied}\n{other}"),
                "2 of these 3 lines are session.checked or session.denied",
            ),
            (format!("{other}\n{other}"), "none of these 2 lines is session.checked"),
            (format!("{other}\n{{\"torn"), "this is no JSON: "),
            ("\n".to_owned(), "nothing is in it"),
        ] {
            let exit = explain_text(&text, None);
            assert!(exit.code == 2 && exit.words.contains(told), "{}", exit.words);
        }
    }

    #[test]
    fn objections_are_told_by_their_strength_and_failures_once() {
        let text = json!({
            "subject": { "user": "alice", "app": "shop", "method": "GET" },
            "situation": {
                "binding": { "method": "none", "level": "none", "bound": false, "strength": 0 },
                "session_age": 9_000_000_000_000_000_000_u64,
            },
        });
        let own = "permit (principal, action, resource);
            @id(\"a-flag\") @decision(\"flag\") forbid (principal, action, resource);
            @id(\"b-fails\") forbid (principal, action, resource) when { context.session_age * 1000 > 5 };
            @id(\"c-revoke\") @decision(\"revoke\") forbid (principal, action, resource);
            @id(\"d-silent\") forbid (principal, action, resource) when { context.session_age < 5 };";
        let exit = explain_text(&text.to_string(), Some(own));
        assert_eq!(exit.code, 0, "{}", exit.words);
        assert!(exit.words.starts_with("modes     those of "), "{}", exit.words);
        let heads: Vec<_> = exit.words.split("\n\n").skip(1).filter_map(|part| part.lines().next()).collect();
        let expected = [
            "failed    b-fails (deny, enforce)",
            "objects   c-revoke (revoke, enforce)",
            "objects   a-flag (flag, enforce)",
            "silent    d-silent (deny, enforce)",
        ];
        assert_eq!(heads, expected, "{}", exit.words);
    }

    #[test]
    fn a_configuration_is_checked_with_its_policies_and_their_modes() {
        let folder = tempfile::tempdir().unwrap();
        let (config, file) = (folder.path().join("holdfast.toml"), folder.path().join("own.cedar"));
        let check = |more: &str| {
            let more = format!("[store]\nkind = \"memory\"\n[policy]\n{more}");
            std::fs::write(&config, crate::config::smallest(&"1".repeat(64), &more)).unwrap();
            let check = Check { file: None, config: Some(config.clone()) };
            let exit = policy(&Arguments { command: Command::Check(check) }, Vec::new());
            (exit.code, exit.words)
        };
        let (code, words) = check("enforce = [\"export-burst\"]\n");
        assert!(code == 0 && words.contains("holdfast.toml: the policies that ship: in order\n"), "{words}");
        assert!(
            words.contains("step_up   enforce  export-burst") && words.contains("observe  many-sessions"),
            "{words}"
        );
        std::fs::write(
            &file,
            "permit (principal, action, resource);\n@id(\"a\") forbid (principal, action, resource);",
        )
        .unwrap();
        let (code, words) = check("file = \"own.cedar\"\nmode = \"additive\"\n");
        assert!(code == 0 && words.contains("own.cedar: in order\ndeny      additive a"), "{words}");
        let (code, words) = check("file = \"own.cedar\"\nenforce = [\"b\"]\n");
        assert!(
            code == 2 && words.contains("own.cedar: ") && words.ends_with("those that there are: a"),
            "{words}"
        );
    }

    #[test]
    fn what_is_shown_can_be_put_in_force() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("own.cedar");
        for strict_unbound in [false, true] {
            let shown = policy(&Arguments { command: Command::Show(Show { strict_unbound }) }, Vec::new());
            std::fs::write(&file, &shown.words).unwrap();
            let check = Check { file: Some(file.clone()), config: None };
            let checked = policy(&Arguments { command: Command::Check(check) }, Vec::new());
            assert_eq!((shown.code, checked.code), (0, 0), "{}", checked.words);
            let is_listed = checked.words.contains("step_up   enforce  unbound-other-network");
            assert_eq!(is_listed, strict_unbound, "{}", checked.words);
        }
    }

    #[test]
    fn what_a_trail_says_moves_no_terminal() {
        let folder = tempfile::tempdir().unwrap();
        let request = folder.path().join("request.json");
        let subject = json!({ "user": "al\u{1b}[2Jice\n\u{9b}", "app": "shop\u{7}", "method": "GET\r" });
        std::fs::write(&request, json!({ "subject": subject }).to_string()).unwrap();
        let which = Which { policy: None, config: None };
        let explain = Explain { request, which, json: false };
        let exit = policy(&Arguments { command: Command::Explain(explain) }, Vec::new());
        assert_eq!(exit.code, 0, "{}", exit.words);
        assert!(
            exit.words.contains("\nuser      al␛[2Jice␊\u{fffd}\nrequest   GET␍ shop␇\n"),
            "{}",
            exit.words
        );
        assert!(!exit.words.chars().any(|character| character.is_control() && character != '\n'));
    }
}
