//! Backup and restore with the real program, while it runs.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Output;

use anyhow::{Context as _, Result, ensure};
use holdfast_tests::Program;
use holdfast_tests::server::{Answer, Api, AuditFile, Bound, OPERATOR_TOKEN, OTHER_TOKEN, Stage, TOKEN};
use reqwest::Method;
use serde_json::json;
use tokio::task::JoinSet;

/// A server with its operator, who has a token in a file.
struct Operated {
    stage: Stage,
}

impl Operated {
    fn new() -> Result<Self> {
        let stage = Stage::new()?;
        std::fs::write(stage.path().join("operator.token"), format!("{OPERATOR_TOKEN}\n"))?;
        Ok(Self { stage })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.stage.path().join(name)
    }

    /// `holdfast backup --out NAME`. The test goes on meanwhile.
    async fn back_up(&self, name: &str) -> Result<Output> {
        self.run(&["backup", "--out", name]).await
    }

    /// `holdfast restore --in NAME`.
    async fn restore(&self, name: &str) -> Result<Output> {
        self.run(&["restore", "--in", name]).await
    }

    async fn run(&self, arguments: &[&str]) -> Result<Output> {
        let mut command = Program::Holdfast.command()?;
        command.args(arguments).current_dir(self.stage.path());
        command.args(["--api", &format!("http://{}", self.stage.api.internal_addr())]);
        command.args(["--token-file", "operator.token"]);
        Ok(tokio::task::spawn_blocking(move || command.output()).await??)
    }

    /// Everything that the server remembers is gone; `endings.journal` too, unless it is kept.
    fn lose_the_data(&self, keeps_journal: bool) -> Result<()> {
        let data = self.file("data");
        let journal = std::fs::read(data.join("endings.journal"))?;
        std::fs::remove_dir_all(&data)?;
        if keeps_journal {
            std::fs::create_dir(&data)?;
            std::fs::write(data.join("endings.journal"), journal)?;
        }
        Ok(())
    }

    async fn post(&self, token: &str, body: Vec<u8>) -> Result<Answer> {
        self.stage.api.with_token(token, Method::POST, "/v1/restore").body(body).send().await
    }
}

fn said(output: &Output) -> (Option<i32>, String) {
    let text = [output.stdout.as_slice(), &output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

fn done(output: &Output) -> Result<String> {
    let (code, text) = said(output);
    ensure!(code == Some(0), "{code:?}: {text}");
    Ok(text)
}

/// The device goes on, where it was or after it was asked once more.
async fn goes_on(api: &Api, bound: &mut Bound) -> Result<()> {
    let proof = bound.device.refresh(&bound.challenge);
    let mut answer = api.refresh(&bound.id, Some(&proof)).await?;
    if let Some(challenge) = answer.challenge(&bound.id).filter(|_| answer.status == 403) {
        answer = api.refresh(&bound.id, Some(&bound.device.refresh(&challenge))).await?;
    }
    bound.take(&answer.expect(200)?)?;
    assert_eq!(api.check(&bound.cookie).await?.verdict(), ("allow", "ok"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_survive_the_loss_of_the_disk() -> Result<()> {
    let mut operated = Operated::new()?;
    let server = operated.stage.start().await?;
    let api = operated.stage.api.clone();
    let login = api.login("alice").await?;
    let mut bound = api.bind("bob").await?;
    let mut moved_on = api.bind("carol").await?;
    let left = api.login("dave").await?;
    api.revoke(&left.id).await?;
    let path = "/v1/devices/laptop/posture";
    let told = api.with_token(OPERATOR_TOKEN, Method::PUT, path).json(&json!({ "compliant": false }));
    told.send().await?.expect(200)?;

    // Others log in meanwhile.
    let mut busy = JoinSet::new();
    for number in 0..4 {
        let api = api.clone();
        busy.spawn(async move { while api.login(&format!("busy-{number}")).await.is_ok() {} });
    }
    let text = done(&operated.back_up("store.backup").await?)?;
    assert!(text.trim_end().ends_with("notes and 1 end"), "{text}");
    let mode = std::fs::metadata(operated.file("store.backup"))?.permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "for its owner alone");
    assert!(!operated.file("store.backup.partial").exists());
    api.renew(&mut moved_on).await?;
    server.kill()?;
    while busy.join_next().await.is_some() {}
    operated.lose_the_data(false)?;

    let server = operated.stage.start().await?;
    let api = operated.stage.api.clone();
    api.session(&login.id).await?.expect(404)?;
    let posture = || api.with_token(OPERATOR_TOKEN, Method::GET, path).send();
    posture().await?.expect(404)?;
    let text = done(&operated.restore("store.backup").await?)?;
    assert_eq!(posture().await?.expect(200)?.at("/compliant"), &json!(false), "without a restart");
    assert!(text.contains("0 updated, 0 ended, 0 kept"), "{text}");
    assert_eq!(api.check(&login.cookie).await?.verdict(), ("allow", "ok"));
    goes_on(&api, &mut bound).await?;
    // What it proved after the backup is forgotten, and it proves again.
    goes_on(&api, &mut moved_on).await?;
    let session = api.session(&left.id).await?.expect(200)?;
    assert_eq!(session.text_at("/state")?, "ended");
    // Twice is no harm: what has moved on stays.
    assert!(done(&operated.restore("store.backup").await?)?.contains("0 added, 0 updated, 0 ended"));
    goes_on(&api, &mut bound).await?;

    let audit = AuditFile::new(operated.file("audit.jsonl"));
    assert_eq!(audit.wait_for("store.backed_up", 1).await?.len(), 1);
    assert_eq!(audit.wait_for("store.restored", 2).await?.len(), 2);
    // It is all durable.
    server.kill()?;
    let server = operated.stage.start().await?;
    let api = operated.stage.api.clone();
    assert_eq!(api.check(&login.cookie).await?.verdict(), ("allow", "ok"));
    goes_on(&api, &mut bound).await?;
    assert!(server.stop().await?.success());
    Ok(())
}

#[tokio::test]
async fn with_the_journal_kept_what_ended_since_stays_ended() -> Result<()> {
    let mut operated = Operated::new()?;
    let server = operated.stage.start().await?;
    let (alive, ended) = (operated.stage.api.login("alice").await?, operated.stage.api.login("bob").await?);
    done(&operated.back_up("store.backup").await?)?;
    operated.stage.api.revoke(&ended.id).await?;
    // Into the server that has ended it, and into one that has only the journal left.
    done(&operated.restore("store.backup").await?)?;
    assert_eq!(operated.stage.api.check(&ended.cookie).await?.verdict(), ("deny", "session_ended"));
    server.kill()?;
    operated.lose_the_data(true)?;

    let server = operated.stage.start().await?;
    done(&operated.restore("store.backup").await?)?;
    assert_eq!(operated.stage.api.check(&alive.cookie).await?.verdict(), ("allow", "ok"));
    assert_eq!(operated.stage.api.check(&ended.cookie).await?.verdict(), ("deny", "session_ended"));
    let session = operated.stage.api.session(&ended.id).await?.expect(200)?;
    assert_eq!(session.text_at("/end_reason")?, "revoked");
    assert!(server.stop().await?.success());
    Ok(())
}

/// With the journal lost as well nobody knows of an end since the backup. The answer that the documents give is to end
/// everybody, and it holds.
#[tokio::test]
async fn with_the_journal_lost_the_operator_ends_everybody() -> Result<()> {
    let mut operated = Operated::new()?;
    let server = operated.stage.start().await?;
    let ended = operated.stage.api.login("bob").await?;
    done(&operated.back_up("store.backup").await?)?;
    operated.stage.api.revoke(&ended.id).await?;
    server.kill()?;
    operated.lose_the_data(false)?;

    let server = operated.stage.start().await?;
    done(&operated.restore("store.backup").await?)?;
    assert_eq!(operated.stage.api.check(&ended.cookie).await?.verdict(), ("allow", "ok"), "as documented");
    let everybody = operated.stage.api.with_token(OPERATOR_TOKEN, Method::DELETE, "/v1/sessions");
    everybody.send().await?.expect(204)?;
    assert_eq!(operated.stage.api.check(&ended.cookie).await?.verdict(), ("deny", "session_ended"));
    done(&operated.restore("store.backup").await?)?;
    assert_eq!(operated.stage.api.check(&ended.cookie).await?.verdict(), ("deny", "session_ended"));
    assert!(server.stop().await?.success());
    Ok(())
}

#[tokio::test]
async fn a_file_that_is_not_whole_is_refused_whole() -> Result<()> {
    let mut operated = Operated::new()?;
    let server = operated.stage.start().await?;
    let login = operated.stage.api.login("alice").await?;
    done(&operated.back_up("store.backup").await?)?;
    server.kill()?;
    operated.lose_the_data(false)?;
    let server = operated.stage.start().await?;
    let whole = std::fs::read(operated.file("store.backup"))?;
    let damaged = |place: usize| {
        let mut bytes = whole.clone();
        if let Some(byte) = bytes.get_mut(place) {
            *byte ^= 1;
        }
        bytes
    };
    let half = whole.len() / 2;
    for (name, bytes, word) in [
        ("empty", Vec::new(), "no backup"),
        ("foreign", b"PK\x03\x04 something else altogether, and longer than a header".to_vec(), "no backup"),
        ("newer", [b"holdfast backup of sessions, v9\n", &whole[32..]].concat(), "version"),
        ("truncated", whole[..whole.len() - 1].to_vec(), "end of the backup is missing"),
        ("half", whole[..half].to_vec(), "end of the backup is missing"),
        ("damaged", damaged(half), "damaged at byte"),
        ("longer", [whole.as_slice(), b"\n"].concat(), "damaged at byte"),
    ] {
        let answer = operated.post(OPERATOR_TOKEN, bytes.clone()).await?;
        assert_eq!((answer.status, answer.code()), (400, "bad_backup"), "{name}: {}", answer.text);
        assert!(answer.text_at("/detail")?.contains(word), "{name}: {}", answer.text);
        std::fs::write(operated.file("bad.backup"), bytes)?;
        let (code, text) = said(&operated.restore("bad.backup").await?);
        assert_eq!(code, Some(1), "{name}: {text}");
        assert!(text.contains(word), "{name}: {text}");
        operated.stage.api.session(&login.id).await?.expect(404)?;
    }
    let audit = AuditFile::new(operated.file("audit.jsonl"));
    assert!(audit.named("store.restored").is_empty(), "nothing was restored");
    done(&operated.restore("store.backup").await?)?;
    operated.stage.api.session(&login.id).await?.expect(200)?;
    assert!(server.stop().await?.success());
    Ok(())
}

/// Whoever can write a file, but has not the root key, makes no sessions.
#[tokio::test]
async fn a_backup_that_was_changed_with_care_is_refused() -> Result<()> {
    let mut operated = Operated::new()?;
    let server = operated.stage.start().await?;
    operated.stage.api.login("alice").await?;
    operated.stage.api.login("bob").await?;
    done(&operated.back_up("store.backup").await?)?;
    let whole = std::fs::read(operated.file("store.backup"))?;
    // Each frame is as it was, checksum and all, and their number too: only their order is another.
    let mut frames = Vec::new();
    let mut rest = whole.get(32..).context("no header")?;
    while let Some((head, _)) = rest.split_first_chunk::<5>() {
        let [_, length @ ..] = *head;
        let (frame, after) = rest.split_at(5 + usize::try_from(u32::from_be_bytes(length))? + 4);
        frames.push(frame);
        rest = after;
    }
    // When it was taken, two sessions, what is usual for two users, the count, and the seal.
    assert_eq!(frames.len(), 7);
    frames.swap(1, 2);
    let changed = [whole.get(..32).context("no header")?, &frames.concat()].concat();
    let answer = operated.post(OPERATOR_TOKEN, changed).await?;
    assert_eq!((answer.status, answer.code()), (400, "bad_backup"), "{}", answer.text);
    assert!(answer.text_at("/detail")?.contains("root key"), "{}", answer.text);

    // Another server's backup, and then the one of a former root key.
    server.kill()?;
    std::fs::rename(operated.file("root.key"), operated.file("root.key.1"))?;
    let server = operated.stage.start().await?;
    let answer = operated.post(OPERATOR_TOKEN, whole.clone()).await?;
    assert_eq!((answer.status, answer.code()), (400, "bad_backup"), "{}", answer.text);
    server.kill()?;
    let known = "[secrets]\nprevious_root_key_files = [\"root.key.1\"]";
    operated.stage.config = operated.stage.config.replace("[secrets]", known);
    let server = operated.stage.start().await?;
    operated.post(OPERATOR_TOKEN, whole).await?.expect(200)?;
    assert!(server.stop().await?.success());
    Ok(())
}

#[tokio::test]
async fn backups_are_for_operators() -> Result<()> {
    let mut operated = Operated::new()?;
    let server = operated.stage.start().await?;
    for (token, status) in [(TOKEN, 403), (OTHER_TOKEN, 403), ("hft_nobody", 401)] {
        let taken = operated.stage.api.with_token(token, Method::GET, "/v1/backup").send().await?;
        assert_eq!((taken.status, taken.is_problem()), (status, true), "{token}");
        let restored = operated.post(token, b"x".to_vec()).await?;
        assert_eq!((restored.status, restored.is_problem()), (status, true), "{token}");
    }
    let audit = AuditFile::new(operated.file("audit.jsonl"));
    assert!(audit.named("store.backed_up").is_empty());
    assert!(server.stop().await?.success());
    Ok(())
}

#[tokio::test]
async fn the_commands_say_what_is_wrong() -> Result<()> {
    let mut operated = Operated::new()?;
    std::fs::write(operated.file("store.backup"), "the one of yesterday")?;
    let (code, text) = said(&operated.back_up("store.backup").await?);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("nobody answers there"), "{text}");

    let server = operated.stage.start().await?;
    std::fs::write(operated.file("operator.token"), TOKEN)?;
    let (code, text) = said(&operated.back_up("store.backup").await?);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("403 forbidden") && !text.contains(TOKEN), "{text}");
    let kept = std::fs::read_to_string(operated.file("store.backup"))?;
    assert_eq!(kept, "the one of yesterday", "a failure leaves it alone");
    assert!(!operated.file("store.backup.partial").exists());

    std::fs::remove_file(operated.file("operator.token"))?;
    let (code, text) = said(&operated.back_up("store.backup").await?);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("operator.token"), "{text}");
    let missing = said(&operated.restore("no.backup").await?);
    assert_eq!(missing.0, Some(1), "{}", missing.1);
    assert!(missing.1.contains("no.backup"), "{}", missing.1);
    assert!(server.stop().await?.success());
    Ok(())
}

/// What a backup holds can be read by whoever has it: nothing that a session is used with, then. What streams are pushed with
/// is in it, as the documents say.
#[tokio::test]
async fn a_backup_holds_no_bearer_secret() -> Result<()> {
    let mut operated = Operated::new()?;
    let server = operated.stage.start().await?;
    let bound = operated.stage.api.bind("alice").await?;
    let code = operated.stage.api.authorize("alice", json!({})).await?.expect(201)?;
    let code = code.text_at("/code")?.to_owned();
    done(&operated.back_up("store.backup").await?)?;
    let bytes = std::fs::read(operated.file("store.backup"))?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let root_key = std::fs::read_to_string(operated.file("root.key"))?;
    for secret in [bound.cookie.as_str(), &bound.challenge, &code, OPERATOR_TOKEN, TOKEN, root_key.trim()] {
        assert!(!text.contains(secret), "{secret}");
    }
    assert!(text.contains("alice"), "it names the user, so it is personal data");
    assert!(server.stop().await?.success());
    Ok(())
}
