//! What all six recipes have in common, also those whose proxy is not here to run.

use anyhow::{Context as _, Result, ensure};

use crate::house::House;
use crate::proxy::deploy;

#[test]
fn each_recipe_deals_with_every_identity_header() -> Result<()> {
    for (recipe, files) in RECIPES {
        let text = text(recipe, files)?;
        for name in IDENTITY {
            ensure!(text.contains(&format!("holdfast-{name}")), "{recipe} forgets holdfast-{name}");
        }
        ensure!(text.contains("holdfast-gateway-secret"), "{recipe} sends no secret");
    }
    // Where names can only be removed one by one, the aliases are named too. Envoy refuses underscores as a whole.
    for (recipe, aliases) in [("traefik", ["_", "."].as_slice()), ("envoy", &["."])] {
        let (_, files) = RECIPES.iter().find(|(name, _)| *name == recipe).copied().unwrap_or_default();
        let text = text(recipe, files)?;
        for (name, alias) in IDENTITY.iter().flat_map(|name| aliases.iter().map(move |alias| (name, alias))) {
            ensure!(
                text.contains(&format!("holdfast{alias}{name}")),
                "{recipe} forgets holdfast{alias}{name}"
            );
        }
    }
    Ok(())
}

#[test]
fn each_recipe_hands_on_what_is_holdfasts() -> Result<()> {
    for (recipe, files) in RECIPES {
        let text = text(recipe, files)?;
        for part in
            ["/_holdfast/", "oauth-authorization-server", "oauth-protected-resource", "31536000", "/login"]
        {
            // Apache has the two documents in one expression.
            let part = if *recipe == "apache" { part.trim_start_matches("oauth-") } else { part };
            ensure!(text.contains(part), "{recipe} has no {part}");
        }
        for address in ["127.0.0.1", "8000", "8443", "8444"] {
            ensure!(text.contains(address), "{recipe} has no {address}");
        }
    }
    Ok(())
}

/// Where a recipe names what the check is told of a request, it names all that Holdfast reads. The others hand on everything.
#[test]
fn no_list_of_headers_forgets_what_holdfast_reads() -> Result<()> {
    for (recipe, files) in RECIPES {
        let text = text(recipe, files)?;
        let list = match *recipe {
            "apache" => part(&text, "local asked_with", "}")?,
            "envoy" => part(&text, "allowed_headers:", "- name:")?,
            _ => {
                ensure!(!text.contains("authrequestheaders"), "{recipe} has a list; name it here");
                continue;
            }
        };
        for name in READ {
            let is_named =
                list.contains(&format!("\"{name}\"")) || list.contains(&format!("exact: {name}\n"));
            let prefixes = list.lines().filter_map(|line| line.trim().strip_prefix("- prefix: "));
            let has_prefix = prefixes.into_iter().any(|prefix| name.starts_with(prefix));
            ensure!(is_named || has_prefix, "{recipe} does not pass {name} on");
        }
    }
    Ok(())
}

/// What stands between two words of a text.
fn part<'a>(text: &'a str, from: &str, to: &str) -> Result<&'a str> {
    let (_, after) = text.split_once(from).with_context(|| from.to_owned())?;
    Ok(after.split_once(to).with_context(|| to.to_owned())?.0)
}

/// Nobody who installs a recipe and forgets the token has a known one.
#[tokio::test]
async fn each_configuration_of_holdfast_is_good_and_knows_no_token_yet() -> Result<()> {
    for (recipe, _) in RECIPES {
        let text = std::fs::read_to_string(deploy(recipe).join("holdfast.toml"))?;
        ensure!(text.contains(&format!("token_sha256 = \"{}\"", "0".repeat(64))), "{recipe}");
        House::start(recipe, &[]).await?.stop().await;
    }
    Ok(())
}

/// A route that sends browsers without a key round in a circle is for who wants it. It is the one that the other tests
/// lay over the file.
#[test]
fn the_example_of_a_route_is_switched_off_and_in_order() -> Result<()> {
    for (recipe, _) in RECIPES {
        let published = std::fs::read_to_string(deploy(recipe).join("holdfast.toml"))?;
        ensure!(published.parse::<toml::Table>()?.get("routes").is_none(), "{recipe}");
        // An example has no space behind its sign.
        let lines = published.lines().map(|line| match line.strip_prefix('#') {
            Some(code) if code.starts_with(|first: char| !first.is_whitespace()) => code,
            _ => line,
        });
        let switched_on: toml::Table = lines.collect::<Vec<_>>().join("\n").parse()?;
        let wanted: toml::Table =
            "[[routes]]\npath = \"/account/\"\nrequire = { max_proof_age = \"5m\" }".parse()?;
        ensure!(switched_on.get("routes") == wanted.get("routes"), "{recipe}");
    }
    Ok(())
}

/// What a Go proxy does with `Connection` and with upgrades is not tried here; its rules say that it does not come to it.
#[test]
fn no_way_to_the_app_behind_traefik_takes_odd_connections() -> Result<()> {
    for files in ["traefik/shop.yml", "kubernetes/traefik/forward-auth.yaml"] {
        let text = std::fs::read_to_string(deploy(files))?;
        for rule in ["!HeaderRegexp(`Connection`, `(?i)holdfast`)", "!HeaderRegexp(`Upgrade`, `(?i)h2c`)"] {
            assert_eq!(text.matches(rule).count(), 2, "{files}: {rule}");
        }
    }
    Ok(())
}

/// The recipe's own text, in lower case.
fn text(recipe: &str, files: &[&str]) -> Result<String> {
    let texts = files.iter().map(|file| Ok(std::fs::read_to_string(deploy(recipe).join(file))?));
    Ok(texts.collect::<Result<Vec<_>>>()?.join("\n").to_ascii_lowercase())
}

const RECIPES: &[(&str, &[&str])] = &[
    ("apache", &["shop.example.conf", "holdfast.lua"]),
    ("caddy", &["Caddyfile"]),
    ("envoy", &["envoy.yaml"]),
    ("haproxy", &["haproxy.cfg", "holdfast.lua"]),
    ("nginx", &["shop.example.conf"]),
    ("traefik", &["traefik.yml", "shop.yml"]),
];
const IDENTITY: [&str; 7] = ["user", "session", "binding", "assertion", "client", "scope", "issuer"];
/// As server/README.md says of `POST /v1/check`, and the trace.
const READ: [&str; 17] = [
    "authorization",
    "dpop",
    "cookie",
    "user-agent",
    "sec-ch-ua",
    "sec-ch-ua-mobile",
    "sec-ch-ua-platform",
    "accept-language",
    "origin",
    "sec-fetch-site",
    "sec-fetch-mode",
    "sec-fetch-dest",
    "accept",
    "x-requested-with",
    "secure-session-skipped",
    "traceparent",
    "tracestate",
];
