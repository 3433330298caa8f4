//! Rules and dashboard name no metric and no label that a running server does not have, and every alert has its section.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use holdfast_tests::server::{Server, Settings};
use reqwest::Method;
use serde_json::Value;

use crate::files::{repository, text};
use crate::yaml::documents;

/// Each alert of the rules.
fn alerts() -> Result<Vec<Value>> {
    let rules = documents(&text("monitoring/holdfast.rules.yml")?)?.remove(0);
    let groups = rules["groups"].as_array().context("no groups")?;
    Ok(groups.iter().flat_map(|group| group["rules"].as_array().cloned().unwrap_or_default()).collect())
}

/// Each question of the dashboard, annotations and variables included.
pub(crate) fn expressions() -> Result<Vec<String>> {
    let dashboard: Value = serde_json::from_str(&text("monitoring/holdfast.dashboard.json")?)?;
    let panels = dashboard["panels"].as_array().context("no panels")?;
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().cloned().unwrap_or_default());
    let targets = targets.map(|target| target["expr"].clone());
    let annotations = dashboard["annotations"]["list"].as_array().cloned().unwrap_or_default();
    let expressions = targets.chain(annotations.iter().map(|annotation| annotation["expr"].clone()));
    expressions.map(|expression| Ok(expression.as_str().context("no question")?.to_owned())).collect()
}

#[tokio::test]
async fn every_metric_that_is_named_is_there() -> Result<()> {
    let server = server().await?;
    let series = Series::read(&server.internal(Method::GET, "/metrics").send().await?.expect(200)?.text);
    let alerts = alerts()?;
    let rules = alerts.iter().filter_map(|alert| alert["expr"].as_str().map(str::to_owned));
    let mut named = 0;
    for expression in rules.chain(expressions()?) {
        for (metric, labels) in selectors(&expression)? {
            series.has(&metric, &labels).with_context(|| expression.clone())?;
            named += 1;
        }
    }
    assert!(named > 40, "only {named} were found");
    assert!(series.has("holdfast_nonsense_total", &[]).is_err(), "this test sees what is missing");
    let label = [("event".to_owned(), "store.nonsense".to_owned())];
    assert!(series.has("holdfast_events_total", &label).is_err(), "this test sees labels");
    Ok(())
}

/// A server of which everything is measured that can be.
async fn server() -> Result<Server> {
    let settings = Settings::default().set("audit.sinks.0.name", "file").set("audit.sinks.0.kind", "file");
    Server::with(settings.set("audit.sinks.0.path", "sink.jsonl")).await
}

/// Whoever adds a metric finds a row in the table and a panel for it.
#[tokio::test]
async fn every_metric_is_described_and_shown() -> Result<()> {
    let server = server().await?;
    let metrics = server.internal(Method::GET, "/metrics").send().await?.expect(200)?.text;
    let readme = std::fs::read_to_string(repository("server/README.md"))?;
    let questions = expressions()?.join("\n");
    let mut count = 0;
    for line in metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').context("no type")?;
        let name = if kind == "counter" { format!("{name}_total") } else { name.to_owned() };
        let is_described = readme
            .lines()
            .any(|line| line.starts_with("| `holdfast_") && line.contains(&format!("`{name}`")));
        ensure!(is_described, "server/README.md has no row for {name}");
        ensure!(
            questions.contains(&name) || NOT_SHOWN.contains(&&*name),
            "the dashboard does not show {name}"
        );
        count += 1;
    }
    ensure!(count >= 30, "only {count} were found");
    Ok(())
}

/// Only there with OTLP built in; the log tells of it.
const NOT_SHOWN: [&str; 1] = ["holdfast_spans_lost_total"];

#[test]
fn every_alert_says_what_to_do() -> Result<()> {
    let book = std::fs::read_to_string(repository("spec-notes/operations.md"))?;
    let tests = text("monitoring/holdfast.rules.test.yml")?;
    let alerts = alerts()?;
    for alert in &alerts {
        let name = alert["alert"].as_str().context("no name")?;
        let section = book.split("\n### ").find(|section| section.starts_with(&format!("{name}\n")));
        let section = section.with_context(|| format!("no section {name}"))?;
        assert!(section.contains("**Means**") && section.contains("**Do**"), "{name}");
        let severity = alert["labels"]["severity"].as_str().context("no severity")?;
        assert!(section.contains(&format!("({severity})")), "{name} is for a {severity}");
        let runbook = format!("spec-notes/operations.md#{}", name.to_lowercase());
        assert_eq!(alert["annotations"]["runbook_url"], runbook.as_str());
        assert!(alert["annotations"]["summary"].is_string(), "{name}");
        assert_eq!(tests.matches(&format!("alertname: {name}\n")).count(), 1, "{name} is seen to fire");
        assert_eq!(tests.matches(&format!("alertname: {name},")).count(), 1, "{name} is seen to be silent");
    }
    let sections = book.split("\n### Holdfast").count() - 1;
    assert_eq!(sections, alerts.len(), "a section without an alert");
    Ok(())
}

#[test]
fn the_dashboard_is_whole() -> Result<()> {
    let dashboard: Value = serde_json::from_str(&text("monitoring/holdfast.dashboard.json")?)?;
    let panels = dashboard["panels"].as_array().context("no panels")?;
    let ids: std::collections::BTreeSet<u64> =
        panels.iter().filter_map(|panel| panel["id"].as_u64()).collect();
    assert_eq!(ids.len(), panels.len(), "each panel has an id of its own");
    for panel in panels {
        let place = |name: &str| panel["gridPos"][name].as_u64();
        let (x, w) = (place("x").context("no place")?, place("w").context("no width")?);
        assert!(x + w <= 24, "{} is too wide", panel["title"]);
        let is_row = panel["type"] == "row";
        assert!(is_row || panel["targets"].as_array().is_some_and(|targets| !targets.is_empty()), "{panel}");
        assert!(is_row || panel["description"].is_string(), "{} says nothing of itself", panel["title"]);
    }
    Ok(())
}

/// The series of `GET /metrics`: names, and the labels of each.
struct Series(BTreeMap<String, Vec<BTreeMap<String, String>>>);

impl Series {
    fn read(metrics: &str) -> Self {
        let mut series = BTreeMap::<_, Vec<_>>::new();
        for line in metrics.lines().filter(|line| !line.starts_with('#')) {
            let (name, labels) = match line.split_once('{') {
                Some((name, rest)) => (name, rest.split_once('}').map_or("", |(labels, _)| labels)),
                None => (line.split(' ').next().unwrap_or(line), ""),
            };
            let pairs = labels.split(',').filter_map(|label| label.split_once('='));
            let labels =
                pairs.map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned())).collect();
            series.entry(name.to_owned()).or_default().push(labels);
        }
        Self(series)
    }

    /// Each value that a label may have in the question, separated by `|`, must be one that the metric has.
    fn has(&self, metric: &str, labels: &[(String, String)]) -> Result<()> {
        // Prometheus makes this itself, and this server has no database of addresses.
        if ["up", "holdfast_geo_built_timestamp_seconds"].contains(&metric) {
            return Ok(());
        }
        let series = self.0.get(metric).with_context(|| format!("no metric {metric}"))?;
        for (name, values) in labels {
            for value in values.split('|') {
                let is_there =
                    series.iter().any(|labels| labels.get(name).is_some_and(|there| there == value));
                ensure!(is_there, "no {metric} with {name} = {value}");
            }
        }
        Ok(())
    }
}

/// A metric, and what is asked of its labels.
type Selector = (String, Vec<(String, String)>);

/// The metrics of a question and the labels that stand behind them in braces, without those that Prometheus adds.
fn selectors(expression: &str) -> Result<Vec<Selector>> {
    let mut found = Vec::new();
    let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
    for (start, _) in expression.match_indices("holdfast_").chain(expression.match_indices("up{")) {
        let before = expression[..start].chars().next_back();
        if before.is_some_and(|character| is_name(character) || character == '"') {
            continue;
        }
        let rest = &expression[start..];
        let end = rest.find(|character| !is_name(character)).unwrap_or(rest.len());
        let braces = rest[end..].strip_prefix('{').and_then(|rest| rest.split_once('}'));
        let (labels, _) = braces.with_context(|| format!("a metric without labels: {rest}"))?;
        found.push((rest[..end].to_owned(), asked_of(labels)?));
    }
    Ok(found)
}

fn asked_of(labels: &str) -> Result<Vec<(String, String)>> {
    let mut asked = Vec::new();
    for label in labels.split(',').map(str::trim) {
        let (name, value) = label.split_once('=').with_context(|| format!("no label: {label}"))?;
        let value = value.trim_start_matches('~').trim_matches('"');
        if !["job", "instance"].contains(&name) {
            // `session.(created|bound)` is two values.
            let values = match value.split_once('(') {
                Some((start, rest)) => {
                    let each = rest.trim_end_matches(')').split('|').map(|end| format!("{start}{end}"));
                    each.collect::<Vec<_>>().join("|")
                }
                None => value.to_owned(),
            };
            asked.push((name.trim_end_matches('!').to_owned(), values));
        }
    }
    Ok(asked)
}
