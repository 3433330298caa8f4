//! `holdfast doctor`: attacks a set-up through its gateway.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
};

use clap::Args;
use holdfast_core::{Origin, origin::LocalPath, secret::SecretText};

use super::Exit;
use crate::{
    Clock, Config,
    doctor::{Case, examine},
};

/// What `holdfast doctor` must be told.
#[derive(Args, Debug, PartialEq, Eq)]
pub(super) struct Arguments {
    /// The app as browsers see it, such as <https://shop.example>.
    #[arg(long, value_name = "URL")]
    url: String,
    /// The configuration of the running server.
    #[arg(long = "config", value_name = "FILE")]
    file: PathBuf,
    /// A file with the app's API token: sessions are made with it, and ended afterwards.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// A certificate authority (PEM) that is trusted in place of the system's.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The gateway's address and port, in place of what the name in the URL says.
    #[arg(long, value_name = "ADDRESS")]
    connect: Option<SocketAddr>,
    /// The internal listener, in place of what the configuration says.
    #[arg(long, value_name = "URL")]
    api: Option<String>,
    /// The path of a page that needs a session and nothing more, and does not redirect.
    #[arg(long, value_name = "PATH", default_value = "/")]
    page: String,
    /// The path of a page of the app that needs a session and answers with the request headers that it got.
    #[arg(long, value_name = "PATH", conflicts_with = "stand_in")]
    echo: Option<String>,
    /// Listen where the gateway expects the app, and see what reaches it. The app must be stopped meanwhile.
    #[arg(long, value_name = "ADDRESS")]
    stand_in: Option<SocketAddr>,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// Examines, and tells what was found: 0 if all is well, 1 if not.
pub(super) fn doctor(arguments: &Arguments, environment: Vec<(String, String)>) -> Exit {
    let case = match case(arguments, environment) {
        Ok(case) => case,
        Err(exit) => return exit,
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Exit::failed(format!("the system gives no threads: {error}")),
    };
    match runtime.block_on(examine(case)) {
        Ok(report) => {
            let words = if arguments.json { report.json() } else { report.text() };
            Exit::answer(report.code(), words)
        }
        Err(what) => Exit::usage(what),
    }
}

fn case(arguments: &Arguments, environment: Vec<(String, String)>) -> Result<Case, Exit> {
    let config = Config::load(&arguments.file, environment)
        .map_err(|problems| Exit::usage(format!("the configuration has problems\n{problems}")))?;
    let url = arguments.url.strip_suffix('/').unwrap_or(&arguments.url);
    let origin: Origin = url.parse().map_err(|error| Exit::usage(format!("--url: {error}")))?;
    for (option, path) in [("--page", Some(&arguments.page)), ("--echo", arguments.echo.as_ref())] {
        if let Some(Err(error)) = path.map(|path| path.parse::<LocalPath>()) {
            return Err(Exit::usage(format!("{option}: {error}")));
        }
    }
    let api = match &arguments.api {
        Some(api) if api.starts_with("http://") || api.starts_with("https://") => api.clone(),
        Some(_) => return Err(Exit::usage("--api must be an address such as http://127.0.0.1:8444")),
        None => format!("http://{}", reachable(config.internal)),
    };
    let read = |option: &str, file: &Path| {
        fs::read(file).map_err(|error| Exit::usage(format!("{option} {}: {error}", file.display())))
    };
    let ca = arguments.ca.as_deref().map(|file| read("--ca", file)).transpose()?;
    let token = arguments.token_file.as_deref().map(|file| read("--token-file", file)).transpose()?;
    let token = token.map(|bytes| SecretText::new(String::from_utf8_lossy(&bytes).trim()));
    // Whoever may not read it can examine all the rest.
    let secrets =
        config.gateways.as_ref().and_then(|gateways| fs::read_to_string(&gateways.secret_file).ok());
    Ok(Case {
        // A former one may stand below the one in force.
        secrets: secrets.unwrap_or_default().lines().map(|secret| SecretText::new(secret.trim())).collect(),
        origin: origin.as_str().to_owned(),
        ca,
        connect: arguments.connect,
        api,
        token,
        page: arguments.page.clone(),
        echo: arguments.echo.clone(),
        stand_in: arguments.stand_in,
        clock: Clock::system(),
        config,
    })
}

/// How a listener is reached from its own machine.
fn reachable(listen: SocketAddr) -> SocketAddr {
    match listen.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => (Ipv4Addr::LOCALHOST, listen.port()).into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => (Ipv6Addr::LOCALHOST, listen.port()).into(),
        IpAddr::V4(_) | IpAddr::V6(_) => listen,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_everywhere_is_reached_on_loopback() {
        for (listen, expected) in
            [("0.0.0.0:8444", "127.0.0.1:8444"), ("[::]:1", "[::1]:1"), ("10.0.0.1:2", "10.0.0.1:2")]
        {
            assert_eq!(reachable(listen.parse().unwrap()).to_string(), expected);
        }
    }
}
