//! The image, as far as its text tells: no engine is needed, and none is there.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use holdfast_tests::run_to_end;
use serde_json::Value;

use crate::files::{configuration, port, repository, text};
use crate::yaml::documents;

#[test]
fn the_image_is_pinned_and_runs_as_nobody() -> Result<()> {
    let file = Dockerfile::read()?;
    let toolchain: toml::Table = std::fs::read_to_string(repository("rust-toolchain.toml"))?.parse()?;
    let channel = toolchain["toolchain"]["channel"].as_str().context("no channel")?;
    assert_eq!(file.argument("BUILD_IMAGE"), Some(format!("rust:{channel}-slim-bookworm").as_str()));
    assert!(file.of("ENV").any(|rest| rest == format!("RUSTUP_TOOLCHAIN={channel}")));

    let base = file.argument("RUN_IMAGE").context("no base")?;
    let (_, tag) = base.split_once(':').context("a base without a tag")?;
    assert!(
        tag.starts_with(|first: char| first.is_ascii_digit()) && tag.contains('.'),
        "{base} is no release"
    );
    assert_eq!(file.of("FROM").collect::<Vec<_>>(), ["${BUILD_IMAGE} AS build", "${RUN_IMAGE}"]);

    let users: Vec<_> = file.of("USER").collect();
    assert_eq!(users, ["65532:65532"], "a number, and not 0");
    assert_eq!(file.of("ADD").count(), 0, "COPY alone: ADD fetches and unpacks");
    assert!(
        !file.instructions.iter().any(
            |(_, rest)| rest.contains("curl ") || rest.contains("http://") && !rest.contains("127.0.0.1")
        )
    );
    Ok(())
}

/// Health check, entry point and ports are those of the program and of the configuration beside it.
#[test]
fn the_image_starts_and_asks_the_program_that_it_holds() -> Result<()> {
    let file = Dockerfile::read()?;
    let configuration = configuration("docker/holdfast.toml")?;
    let (public, internal) = (port(&configuration, "public")?, port(&configuration, "internal")?);
    assert_eq!(file.of("EXPOSE").collect::<Vec<_>>(), [format!("{public} {internal}")]);
    assert_eq!(file.of("ENTRYPOINT").collect::<Vec<_>>(), [r#"["/usr/local/bin/holdfast"]"#]);
    let check = file.of("HEALTHCHECK").next().context("no health check")?;
    let command: Vec<String> = serde_json::from_str(check.split_once("CMD ").context("no command")?.1)?;
    let api = format!("http://127.0.0.1:{internal}");
    assert_eq!(command, ["/usr/local/bin/holdfast", "healthcheck", "--api", &api]);
    let written: Vec<_> = file.of("VOLUME").collect();
    assert_eq!(written, ["/var/lib/holdfast"]);
    Ok(())
}

/// What the build copies is there and is let through, and is all that cargo needs to build the server.
#[test]
fn the_build_sees_what_it_needs_and_no_secrets() -> Result<()> {
    let file = Dockerfile::read()?;
    let ignore = text("docker/Dockerfile.dockerignore")?;
    let rules: Vec<&str> = ignore.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert_eq!(rules.first(), Some(&"*"), "what is not named is not seen");
    let copied: BTreeSet<&str> = file
        .of("COPY")
        .filter(|rest| !rest.starts_with("--from"))
        .flat_map(|rest| rest.split_whitespace().rev().skip(1))
        .collect();
    assert_eq!(copied, BTreeSet::from(["Cargo.toml", "Cargo.lock", "server", "client-sim", "tests"]));
    for name in &copied {
        assert!(repository(name).exists(), "{name}");
        assert!(rules.contains(&format!("!{name}").as_str()), "{name} is not let through");
    }
    for secret in ["**/*.key", "**/*.pem", "**/*.secret", "**/*.token", "**/.holdfast-dev"] {
        assert!(rules.contains(&secret), "{secret}");
    }

    let context = tempfile::tempdir()?;
    copy_seen(&repository(""), context.path(), "", &rules)?;
    let manifest = context.path().join("Cargo.toml");
    let arguments =
        ["metadata", "--format-version=1", "--no-deps", "--locked", "--offline", "--manifest-path"];
    let metadata: Value =
        serde_json::from_str(&run_to_end(Command::new(env!("CARGO")).args(arguments).arg(manifest))?)?;
    let packages = metadata["packages"].as_array().context("no packages")?;
    assert!(packages.iter().any(|package| package["name"] == "holdfast"));
    for path in
        ["server/src/main.rs", "server/src/demo/demo.js", "server/core/src/lib.rs", "server/store/src/lib.rs"]
    {
        assert!(context.path().join(path).exists(), "{path}");
    }
    for path in ["target", "server/deploy", "server/fuzz", ".git"] {
        assert!(!context.path().join(path).exists(), "{path}");
    }
    Ok(())
}

#[test]
fn the_example_for_compose_gives_nothing_away() -> Result<()> {
    let document = documents(&text("docker/compose.yaml")?)?.remove(0);
    let service = &document["services"]["holdfast"];
    assert_eq!(service["read_only"], true);
    assert_eq!(service["user"], "65532:65532");
    assert_eq!(service["cap_drop"][0], "ALL");
    assert_eq!(service["security_opt"][0], "no-new-privileges:true");
    assert_eq!(service.get("ports"), None, "the gateway is the door");
    assert_eq!(document["networks"]["internal"]["internal"], true);
    let subnet =
        document["networks"]["internal"]["ipam"]["config"][0]["subnet"].as_str().context("no subnet")?;
    let configuration = configuration("docker/holdfast.toml")?;
    assert_eq!(configuration["gateways"]["trusted"][0].as_str(), Some(subnet));

    let folder = repository("server/deploy/docker");
    let build = &service["build"];
    let path = |value: &Value| value.as_str().map(str::to_owned).unwrap_or_default();
    let context = folder.join(path(&build["context"]));
    assert!(context.join(path(&build["dockerfile"])).is_file());
    for volume in service["volumes"].as_array().context("no volumes")? {
        let source = path(volume).split(':').next().unwrap_or_default().to_owned();
        assert!(source == "data" || folder.join(&source).is_file(), "{source}");
    }
    Ok(())
}

/// The instructions of a Dockerfile, continued lines joined, comments and the syntax line left out.
struct Dockerfile {
    instructions: Vec<(String, String)>,
}

impl Dockerfile {
    fn read() -> Result<Self> {
        let text = text("docker/Dockerfile")?;
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
        let joined = lines.join("\n").replace("\\\n", " ");
        let instructions = joined.lines().filter(|line| !line.trim().is_empty()).map(|line| {
            let (name, rest) = line.split_once(' ').with_context(|| line.to_owned())?;
            Ok((name.to_owned(), rest.split_whitespace().collect::<Vec<_>>().join(" ")))
        });
        Ok(Self { instructions: instructions.collect::<Result<_>>()? })
    }

    fn of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.instructions
            .iter()
            .filter(move |(instruction, _)| instruction == name)
            .map(|(_, rest)| rest.as_str())
    }

    fn argument(&self, name: &str) -> Option<&str> {
        self.of("ARG").find_map(|rest| rest.strip_prefix(name)?.strip_prefix('='))
    }
}

/// Copies what the build sees.
fn copy_seen(from: &Path, to: &Path, below: &str, rules: &[&str]) -> Result<()> {
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name().into_string().ok().context("a name that is no text")?;
        let path = if below.is_empty() { name } else { format!("{below}/{name}") };
        if !is_seen(&path, rules) {
            continue;
        }
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            std::fs::create_dir_all(&target)?;
            copy_seen(&entry.path(), &target, &path, rules)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Whether the build sees a path. The last rule that fits decides; only the forms that the file has are known.
fn is_seen(path: &str, rules: &[&str]) -> bool {
    let fits = |rule: &str| match rule.strip_prefix("**/") {
        None if rule == "*" => true,
        None => Path::new(path).starts_with(rule),
        Some(name) => path.split('/').any(|part| match name.strip_prefix('*') {
            Some(ending) => part.ends_with(ending),
            None => part == name,
        }),
    };
    let mut seen = true;
    for rule in rules {
        match rule.strip_prefix('!') {
            Some(rule) if fits(rule) => seen = true,
            None if fits(rule) => seen = false,
            Some(_) | None => {}
        }
    }
    seen
}
