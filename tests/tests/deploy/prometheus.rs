//! The rules by Prometheus' own tools, and a real Prometheus that scrapes a real server and answers the dashboard.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use holdfast_tests::http::plain_client;
use holdfast_tests::server::Stage;
use holdfast_tests::{Prerequisite, ProcessGroup, free_port, require, run_to_end};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::files::{deploy, text};
use crate::metrics::expressions;

#[test]
fn each_alert_fires_over_what_it_is_for_and_never_on_a_good_day() -> Result<()> {
    let Some(()) = require(&[Prerequisite::Prometheus]) else { return Ok(()) };
    let promtool = |arguments: &[&str]| {
        run_to_end(Command::new("promtool").args(arguments).current_dir(deploy("monitoring")))
    };
    promtool(&["check", "rules", "holdfast.rules.yml"])?;
    promtool(&["check", "config", "prometheus.yml"])?;
    promtool(&["test", "rules", "holdfast.rules.test.yml"])?;
    Ok(())
}

#[tokio::test]
async fn a_real_prometheus_scrapes_the_server_and_understands_every_question() -> Result<()> {
    let Some(()) = require(&[Prerequisite::Prometheus]) else { return Ok(()) };
    let mut stage = Stage::new()?;
    let server = stage.start().await?;
    stage.api.login("alice").await?;
    let prometheus = Prometheus::start(stage.path(), &stage.api.internal_addr().to_string())?;

    prometheus.becomes(r#"up{job="holdfast"}"#, "1").await?;
    prometheus.becomes(r#"holdfast_sessions{job="holdfast"}"#, "1").await?;
    prometheus.becomes(r#"holdfast_events_total{job="holdfast",event="session.created"}"#, "1").await?;
    for expression in expressions()? {
        let expression = expression.replace("$job", "holdfast").replace("$instance", ".*");
        let answer = prometheus.ask(&expression.replace("$__rate_interval", "1m")).await?;
        assert_eq!(answer["status"], "success", "{expression}: {answer}");
    }
    prometheus.rules_are_healthy().await?;
    ensure!(server.stop().await?.success(), "the server fails when it stops");
    Ok(())
}

/// A Prometheus with the shipped configuration, hurried.
struct Prometheus {
    address: String,
    client: reqwest::Client,
    group: ProcessGroup,
}

impl Prometheus {
    fn start(folder: &Path, target: &str) -> Result<Self> {
        let config = text("monitoring/prometheus.yml")?;
        ensure!(config.contains("127.0.0.1:8444") && config.contains("15s"), "the configuration has changed");
        let config = config.replace("127.0.0.1:8444", target).replace("15s", "1s");
        std::fs::write(folder.join("prometheus.yml"), config)?;
        std::fs::copy(deploy("monitoring/holdfast.rules.yml"), folder.join("holdfast.rules.yml"))?;
        let address = format!("127.0.0.1:{}", free_port()?);
        let log = std::fs::File::create(folder.join("prometheus.log"))?;
        let mut command = Command::new("prometheus");
        command.args(["--config.file=prometheus.yml", "--storage.tsdb.path=metrics"]);
        command.arg(format!("--web.listen-address={address}")).current_dir(folder);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let group = ProcessGroup::start(&mut command)?;
        Ok(Self { address, client: plain_client()?, group })
    }

    async fn ask(&self, question: &str) -> Result<Value> {
        let mut url = url::Url::parse(&format!("http://{}/api/v1/query", self.address))?;
        url.query_pairs_mut().append_pair("query", question);
        Ok(self.client.get(url).send().await?.json().await?)
    }

    /// Waits until a question has this one value.
    async fn becomes(&self, question: &str, wanted: &str) -> Result<()> {
        self.wait(question, || async {
            let answer = self.ask(question).await.unwrap_or_default();
            answer["data"]["result"][0]["value"][1] == wanted
        })
        .await
    }

    /// Waits until every rule was evaluated, and sees that none failed.
    async fn rules_are_healthy(&self) -> Result<()> {
        self.wait("the rules", || async {
            let rules = self.rules().await.unwrap_or_default();
            !rules.is_empty() && rules.iter().all(|rule| rule["health"] != "unknown")
        })
        .await?;
        for rule in self.rules().await? {
            assert_eq!(rule["health"], "ok", "{rule}");
        }
        Ok(())
    }

    async fn rules(&self) -> Result<Vec<Value>> {
        let answer = self.client.get(format!("http://{}/api/v1/rules", self.address)).send().await?;
        let answer: Value = answer.json().await?;
        let groups = answer["data"]["groups"].as_array().context("no groups")?;
        Ok(groups.iter().flat_map(|group| group["rules"].as_array().cloned().unwrap_or_default()).collect())
    }

    async fn wait<F: Future<Output = bool>>(&self, what: &str, mut is_so: impl FnMut() -> F) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            ensure!(!self.group.has_exited()?, "Prometheus has ended");
            if is_so().await {
                return Ok(());
            }
            sleep(Duration::from_millis(100)).await;
        }
        bail!("{what}: not within {PATIENCE:?}")
    }
}

const PATIENCE: Duration = Duration::from_secs(60);
