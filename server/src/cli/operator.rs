//! What commands need to ask a running server as an operator.

use std::{fs, path::PathBuf, time::Duration};

use clap::Args;
use reqwest::{Client, RequestBuilder, Response, redirect};
use serde::Deserialize;

use super::Exit;

/// The options of every command that asks a running server.
#[derive(Args, Debug, PartialEq, Eq)]
pub(super) struct Operator {
    /// The internal listener of the running server.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8444")]
    api: String,
    /// A file with the operators' token, whose hash is operators.token_sha256.
    #[arg(long, value_name = "FILE")]
    token_file: PathBuf,
}

impl Operator {
    /// Runs something that talks to the server to its end.
    pub(super) fn run(&self, work: impl AsyncFnOnce(&Caller<'_>) -> Result<Exit, Exit>) -> Exit {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => return Exit::failed(format!("the system gives no threads: {error}")),
        };
        let outcome = runtime.block_on(async {
            let caller = self.caller()?;
            work(&caller).await
        });
        outcome.unwrap_or_else(|exit| exit)
    }

    fn caller(&self) -> Result<Caller<'_>, Exit> {
        let wrong = |error| {
            let file = self.token_file.display();
            Exit::usage(format!(
                "--token-file {file}: {error}; it must name a file with the operators' token"
            ))
        };
        let token = fs::read_to_string(&self.token_file).map_err(wrong)?.trim().to_owned();
        if !self.api.starts_with("http://") && !self.api.starts_with("https://") {
            return Err(Exit::usage("--api must be an address such as http://127.0.0.1:8444"));
        }
        // The client asks for the provider of the process, and there is only this one.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let client = Client::builder()
            // A token is not carried elsewhere.
            .redirect(redirect::Policy::none())
            .connect_timeout(PATIENCE)
            .read_timeout(READ_PATIENCE)
            .build()
            .map_err(|error| Exit::failed(format!("no HTTP client: {error}")))?;
        Ok(Caller { api: self.api.trim_end_matches('/'), token, client })
    }
}

/// A number of things in words: `1 session`, `2 sessions`.
pub(super) fn counted(number: u64, one: &str) -> String {
    let end = if number == 1 { "" } else { "s" };
    format!("{number} {one}{end}")
}

/// A client that shows the operators' token.
pub(super) struct Caller<'a> {
    api: &'a str,
    token: String,
    client: Client,
}

impl Caller<'_> {
    /// Asks for something.
    pub(super) fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.api)).bearer_auth(&self.token)
    }

    /// Sends something.
    pub(super) fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.api)).bearer_auth(&self.token)
    }

    /// The answer, if it is one of success. A refusal is told in the words of the server.
    pub(super) async fn send(&self, request: RequestBuilder) -> Result<Response, Exit> {
        let answer = request.send().await.map_err(|error| self.unreachable(&error))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let problem = answer.json::<Problem>().await.unwrap_or_default();
        let detail = problem.detail.chars().filter(|character| !character.is_control()).collect::<String>();
        let code = problem.code.chars().filter(|character| !character.is_control()).collect::<String>();
        Err(Exit::failed(format!("{} answers {} {code}: {detail}", self.api, status.as_u16())))
    }

    fn unreachable(&self, error: &reqwest::Error) -> Exit {
        let what = if error.is_connect() {
            "nobody answers there; is the server running, and is this its internal listener?"
        } else if error.is_timeout() {
            "it does not answer in time"
        } else if error.is_builder() {
            "this is no address"
        } else {
            "the connection broke off"
        };
        Exit::failed(format!("{}: {what}", self.api))
    }
}

/// What is read of a problem document.
#[derive(Default, Deserialize)]
struct Problem {
    #[serde(default)]
    code: String,
    #[serde(default)]
    detail: String,
}

const PATIENCE: Duration = Duration::from_secs(10);

/// Between two parts of an answer; a restore is answered when all of it is on the disk.
const READ_PATIENCE: Duration = Duration::from_secs(600);

#[cfg(test)]
mod tests {
    use super::counted;

    #[test]
    fn one_is_no_plural() {
        let words = [0, 1, 2].map(|number| counted(number, "session"));
        assert_eq!(words, ["0 sessions", "1 session", "2 sessions"]);
    }
}
