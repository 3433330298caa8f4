//! `holdfast routes test`: which route is about a request, and why not the others.

use std::fmt::Write;

use clap::{Args, Subcommand};
use holdfast_core::policy::{Access, Demands, Mismatch, Route, RoutedRequest};

use super::{Exit, arguments::ConfigFile};
use crate::{
    Config,
    config::{AppConfig, RouteConfig},
};

/// What `holdfast routes` must be told.
#[derive(Args, Debug, PartialEq, Eq)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, PartialEq, Eq, Subcommand)]
enum Command {
    /// Says which route of the configuration is about a request, why the ones before it are not, and what is demanded.
    Test(Test),
}

#[derive(Args, Debug, PartialEq, Eq)]
struct Test {
    /// The method of the request, such as GET.
    method: String,
    /// The absolute address of the request, such as <https://shop.example/admin/users>.
    url: String,
    #[command(flatten)]
    config: ConfigFile,
}

/// Answers as a check would, and starts nothing.
pub(super) fn routes(arguments: &Arguments, environment: Vec<(String, String)>) -> Exit {
    let Command::Test(test) = &arguments.command;
    match Config::load(&test.config.file, environment) {
        Ok(config) => explain(&config, &test.method, &test.url),
        Err(problems) => Exit::usage(format!("the configuration has problems\n{problems}")),
    }
}

fn explain(config: &Config, method: &str, url: &str) -> Exit {
    if !url.contains("://") {
        return Exit::usage(format!("{url:?} is no address; write the whole address: https://…"));
    }
    let Some((app, target)) = config.apps.iter().find_map(|app| Some((app, app.origin.path_of(url)?))) else {
        let origins: Vec<_> = config.apps.iter().map(|app| app.origin.as_str()).collect();
        let origins = origins.join(", ");
        return Exit::usage(format!("{url:?} is no address of an app; the origins are {origins}"));
    };
    let of_app: Vec<_> =
        config.routes.iter().enumerate().filter(|(_, route)| route.app == app.name).collect();
    let mut words = format!("app     {}\n", app.name);
    match RoutedRequest::read(method, target) {
        Err(why) if of_app.is_empty() => {
            let _ =
                writeln!(words, "route   none; {why}, which makes no difference where an app has no routes");
            demanded(&mut words, app, &Demands::default());
        }
        Err(why) => {
            let _ = write!(words, "route   none: refused as policy_denied, since {why}");
        }
        Ok(request) => {
            let _ = writeln!(words, "path    {}", request.path().as_str());
            tell_routes(&mut words, app, &of_app, &request);
        }
    }
    Exit::done(words.trim_end())
}

fn tell_routes(
    words: &mut String,
    app: &AppConfig,
    routes: &[(usize, &RouteConfig)],
    request: &RoutedRequest<'_>,
) {
    for (index, RouteConfig { route, .. }) in routes {
        // Writing to a text cannot fail.
        match route.is_about(request) {
            Err(mismatch) => {
                let _ =
                    writeln!(words, "not     routes.{index}  {}  {}", route.path, why_not(route, mismatch));
            }
            Ok(()) => {
                let _ = writeln!(words, "route   routes.{index}  {}{}", route.path, methods(route));
                match &route.access {
                    Access::Public => {
                        words.push_str("access  public: a session is told to the app, and none is needed\n")
                    }
                    Access::Session(demands) => demanded(words, app, demands),
                }
                if !route.tags.is_empty() {
                    let _ = writeln!(words, "tags    {}", route.tags.join(", "));
                }
                return;
            }
        }
    }
    words.push_str("route   none\n");
    demanded(words, app, &Demands::default());
}

fn why_not(route: &Route, mismatch: Mismatch) -> String {
    match mismatch {
        Mismatch::Path => "the path is another".to_owned(),
        Mismatch::Method => format!("the method is none of{}", methods(route)),
    }
}

fn methods(route: &Route) -> String {
    route.methods.iter().fold(String::new(), |words, method| format!("{words} {}", method.as_str()))
}

fn demanded(words: &mut String, app: &AppConfig, demands: &Demands) {
    let requirements = &demands.requirements;
    let seconds = |age: Option<std::time::Duration>| age.map(|age| format!("{}s", age.as_secs()));
    let all = [
        ("binding", requirements.binding.map(|level| level.to_string())),
        ("max_auth_age", seconds(requirements.max_auth_age)),
        ("max_proof_age", seconds(requirements.max_proof_age)),
        ("scope", demands.scope.as_deref().map(str::to_owned)),
    ];
    words.push_str("access  a session");
    for (name, value) in all.iter().filter_map(|(name, value)| Some((name, value.as_ref()?))) {
        let _ = write!(words, ", {name} {value}");
    }
    let page =
        app.login_url.as_ref().map(|page| format!("; without one, a browser is sent to {}", page.as_str()));
    words.push_str(page.as_deref().unwrap_or_default());
    words.push('\n');
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::smallest;

    fn told(method: &str, url: &str) -> (u8, String) {
        let more = r#"
login_url = "/login"
[[routes]]
path = "= /login"
public = true
[[routes]]
path = "/admin/"
methods = ["GET"]
require = { binding = "hardware", max_auth_age = "5m", scope = "read write" }
tags = ["admin", "slow"]
[[routes]]
path = "/admin/"
[store]
kind = "memory"
"#;
        let text = smallest(&"0".repeat(64), more);
        let config = Config::parse(&text, "holdfast.toml", Path::new(""), []).unwrap();
        let exit = explain(&config, method, url);
        (exit.code, exit.words)
    }

    #[test]
    fn the_route_and_why_not_those_before_it() {
        let (code, words) = told("GET", "https://shop.example/admin/%75sers?x=1");
        let expected = "\
app     shop
path    /admin/users
not     routes.0  = /login  the path is another
route   routes.1  /admin/ GET
access  a session, binding hardware, max_auth_age 300s, scope read write; without one, a browser is sent to /login
tags    admin, slow";
        assert_eq!((code, words.as_str()), (0, expected));
        let (_, words) = told("POST", "https://shop.example/admin");
        assert!(words.contains("not     routes.1  /admin/  the method is none of GET\n"), "{words}");
        assert!(words.contains("route   routes.2  /admin/\n"), "{words}");
        let (_, words) = told("GET", "https://shop.example/login");
        assert!(words.contains("access  public"), "{words}");
        let (_, words) = told("GET", "https://shop.example/");
        assert!(words.contains("route   none\naccess  a session;"), "{words}");
    }

    #[test]
    fn what_is_refused_is_told() {
        let (code, words) = told("GET", "https://shop.example/admin%2fx");
        assert!(
            code == 0 && words.contains("refused as policy_denied, since the path has an encoded"),
            "{words}"
        );
        let (code, words) = told("GET", "https://evil.example/");
        assert!(code == 2 && words.contains("https://shop.example"), "{words}");
        for bare in ["/admin/users", "shop.example/admin", ""] {
            let (code, words) = told("GET", bare);
            assert!(code == 2 && words.contains("write the whole address: https://…"), "{bare}: {words}");
        }
    }
}
