//! One chain, through reloads, files that are moved away, and a root key that rotates.

use std::path::{Path, PathBuf};

use anyhow::Result;
use holdfast_audit::{Keys, Report, Verifier};
use holdfast_tests::server::{Server, Settings};
use reqwest::Method;

async fn verify(server: &Server, files: &[PathBuf]) -> Result<Report> {
    let set = server.internal(Method::GET, "/v1/audit/jwks").send().await?.expect(200)?;
    assert_eq!(set.header("content-type"), Some("application/jwk-set+json"));
    verify_with(set.text.as_bytes(), files)
}

fn verify_with(set: &[u8], files: &[PathBuf]) -> Result<Report> {
    let keys = Keys::from_jwks(set).map_err(anyhow::Error::msg)?;
    let mut verifier = Verifier::new(Some(&keys));
    for file in files {
        verifier.file(&file.display().to_string(), std::io::BufReader::new(std::fs::File::open(file)?))?;
    }
    Ok(verifier.finish())
}

fn aside(server: &Server, name: &str) -> Result<PathBuf> {
    let aside = server.folder().join(name);
    std::fs::rename(server.audit_path(), &aside)?;
    Ok(aside)
}

#[tokio::test]
async fn reloads_and_files_that_are_moved_away_leave_one_chain() -> Result<()> {
    let mut server = Server::start().await?;
    server.login("alice").await?;
    server.audit().wait_for("session.created", 1).await?;
    server.reload(Settings::default()).await?;
    server.login("bob").await?;
    server.audit().wait_for("session.created", 2).await?;
    let first = aside(&server, "audit.jsonl.1")?;
    server.reload(Settings::default()).await?;
    server.login("carol").await?;
    server.audit().wait_for("session.created", 1).await?;
    assert_eq!(server.audit().events()[0]["event"], "audit.opened");
    let second = aside(&server, "audit.jsonl-20261126")?;
    let set = server.internal(Method::GET, "/v1/audit/jwks").send().await?.expect(200)?.text;
    server.stop().await;
    let files = [first.clone(), second.clone()];
    let report = verify_with(set.as_bytes(), &files)?;
    assert_eq!(
        (report.faults.as_slice(), report.first, report.unsigned),
        (&[][..], Some(1), 0),
        "{report:?}"
    );
    assert_eq!(report.checkpoints, 2, "each file ends with one");

    // The server that finds none of its own name goes on with the chain all the same.
    let server = server.restart().await?;
    server.login("dave").await?;
    server.audit().wait_for("session.created", 1).await?;
    let report = verify(&server, &[first, second.clone(), server.audit_path()]).await?;
    assert_eq!(report.faults, [], "{report:?}");

    let cut = std::fs::read_to_string(&second)?;
    let cut: Vec<_> = cut.split_inclusive('\n').collect();
    std::fs::write(&second, cut[..cut.len() - 2].concat())?;
    let report = verify(&server, &[second, server.audit_path()]).await?;
    assert_eq!(report.faults.len(), 3, "{report:?}");
    assert!(report.faults[0].what.contains("its beginning was cut off"));
    assert!(report.faults[1].what.contains("are missing") && report.faults[1].file.ends_with("audit.jsonl"));
    assert!(report.faults[2].what.contains("no checkpoint is signed with a key that was given"));
    Ok(())
}

#[tokio::test]
async fn a_rotated_root_key_signs_on_and_the_former_one_is_published() -> Result<()> {
    let server = Server::start().await?;
    let root = server.folder().join("root.key");
    let before = server.internal(Method::GET, "/v1/audit/jwks").send().await?.expect(200)?;
    server.login("alice").await?;
    server.advance(61);
    server.audit().wait_for("audit.checkpoint", 1).await?;
    let old = std::fs::read_to_string(&root)?;
    std::fs::write(&root, format!("{}\n{old}", "ab".repeat(32)))?;
    server.reload(Settings::default()).await?;
    server.login("bob").await?;
    server.advance(61);
    server.audit().wait_for("audit.checkpoint", 2).await?;
    let report = verify(&server, &[server.audit_path()]).await?;
    assert_eq!((report.faults.as_slice(), report.checkpoints), (&[][..], 2), "{report:?}");
    let outdated = verify_with(before.text.as_bytes(), &[server.audit_path()])?;
    assert_eq!(outdated.faults.len(), 1, "{outdated:?}");
    let tokens = server.internal(Method::GET, "/_holdfast/jwks").send().await?.expect(200)?;
    let signing = verify_with(tokens.text.as_bytes(), &[server.audit_path()])?;
    assert_eq!(signing.faults.len(), 3, "keys of tokens are none of the trail");
    Ok(())
}

#[tokio::test]
async fn a_configuration_that_is_refused_moves_no_trail() -> Result<()> {
    let server = Server::start().await?;
    let bad =
        Settings::default().set("audit.file", "other.jsonl").set("issuers.0.issuer", "https://id.example");
    let bad = bad.set("issuers.0.jwks_file", "absent.json");
    assert!(server.reload(bad).await.is_err());
    server.login("alice").await?;
    server.audit().wait_for("session.created", 1).await?;
    assert!(!is_written(&server.folder().join("other.jsonl")), "nothing is told there");
    server.reload(Settings::default().set("audit.file", "other.jsonl")).await?;
    server.login("bob").await?;
    let other = holdfast_tests::server::AuditFile::new(server.folder().join("other.jsonl"));
    other.wait_for("session.created", 1).await?;
    let report = verify(&server, &[server.audit_path(), server.folder().join("other.jsonl")]).await?;
    assert_eq!(report.faults, [], "{report:?}");
    Ok(())
}

fn is_written(file: &Path) -> bool {
    std::fs::metadata(file).is_ok_and(|about| about.len() > 0)
}

/// Files change by size while requests come; no line is lost and none comes twice.
#[tokio::test]
async fn files_that_change_by_size_are_one_chain() -> Result<()> {
    let settings =
        Settings::default().set("audit.rotate_size", "64KiB").set("session.max_per_user", "100000");
    let mut server = Server::with(settings).await?;
    for number in 0..400 {
        server.login(&format!("user-{number}")).await?;
    }
    server.stop().await;
    let mut files: Vec<_> = std::fs::read_dir(server.folder())?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.to_string_lossy().contains("audit.jsonl."))
        .collect();
    files.sort();
    assert!(files.len() >= 2, "{files:?}");
    files.push(server.audit_path());
    let mut verifier = Verifier::new(None);
    let mut text = String::new();
    for file in &files {
        verifier.file(&file.display().to_string(), std::io::BufReader::new(std::fs::File::open(file)?))?;
        text.push_str(&std::fs::read_to_string(file)?);
    }
    assert_eq!(verifier.finish().faults, []);
    assert_eq!(text.matches("\"event\":\"session.created\"").count(), 400);
    Ok(())
}
