//! The real program, killed in the middle of its work: what it has acknowledged is there afterwards.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use holdfast_tests::server::{Answer, Api, AuditFile, Bound, CLIENT, Device, Login, Proof, REDIRECT_URI};
use holdfast_tests::server::{Stage, TOKEN_URL, VERIFIER};
use serde_json::json;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

/// What a client was told, and may rely on.
#[derive(Default)]
struct Told {
    created: Vec<Login>,
    bound: Vec<(Bound, u64)>,
    revoked: Vec<String>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_remembers_what_it_said() -> Result<()> {
    let mut stage = Stage::new()?;
    let told = Arc::new(Mutex::new(Told::default()));
    for cycle in 0..cycles() {
        let server = stage.start().await?;
        check_all(&stage.api, &told).await.with_context(|| format!("after {cycle} crashes"))?;
        let mut clients = JoinSet::new();
        for number in 0..CLIENTS {
            let (api, told) = (stage.api.clone(), Arc::clone(&told));
            clients.spawn(async move {
                // The first error is the crash.
                while work(&api, &told, number).await.is_ok() {}
            });
        }
        // Kill at another moment in each cycle: real time is the point here.
        tokio::time::sleep(Duration::from_millis(150 + 97 * cycle)).await;
        server.kill()?;
        while clients.join_next().await.is_some() {}
    }
    let server = stage.start().await?;
    check_all(&stage.api, &told).await?;
    let told = told.lock().await;
    assert!(told.created.len() > 20 && told.revoked.len() > 5, "the clients have hardly begun");
    assert!(told.bound.iter().any(|(_, proofs)| *proofs > 1), "nobody has refreshed");
    drop(told);
    assert!(server.stop().await?.success());
    Ok(())
}

/// One life: log in, bind, refresh a few times, and sometimes end.
async fn work(api: &Api, told: &Mutex<Told>, number: usize) -> Result<()> {
    let login = api.login(&format!("user-{number}")).await?;
    told.lock().await.created.push(login.clone());
    if number.is_multiple_of(3) {
        api.revoke(&login.id).await?;
        told.lock().await.revoked.push(login.id);
        return Ok(());
    }
    let device = Device::new()?;
    let answer = api.register(&device.registration(&login.offer)).await?.expect(200)?;
    let mut bound = Bound::read(&login.id, device, &answer)?;
    let mut proofs = 1;
    for _ in 0..3 {
        let before = (bound.cookie.clone(), bound.challenge.clone());
        // An answer that was lost may still have moved the session on.
        let renewed = api.renew(&mut bound).await;
        if renewed.is_err() {
            (bound.cookie, bound.challenge) = before;
            told.lock().await.bound.push((bound, proofs));
            return renewed.map(|_| ());
        }
        proofs += 1;
    }
    told.lock().await.bound.push((bound, proofs));
    Ok(())
}

async fn check_all(api: &Api, told: &Mutex<Told>) -> Result<()> {
    let mut told = told.lock().await;
    for id in &told.revoked {
        let session = api.session(id).await?.expect(200)?;
        assert_eq!(session.text_at("/state")?, "ended", "{id} was revoked");
    }
    for login in &told.created {
        api.session(&login.id).await?.expect(200).with_context(|| format!("{} was created", login.id))?;
        if told.revoked.contains(&login.id) {
            assert_eq!(api.check(&login.cookie).await?.verdict().0, "deny", "{} was revoked", login.id);
        }
    }
    for (bound, proofs) in &mut told.bound {
        let session = api.session(&bound.id).await?.expect(200)?;
        assert_eq!(
            session.text_at("/binding/key_thumbprint")?,
            bound.device.thumbprint(),
            "{} was bound",
            bound.id
        );
        let remembered = session.at("/binding/proofs").as_u64().unwrap_or(0);
        assert!(
            (*proofs..=*proofs + 1).contains(&remembered),
            "{}: {remembered} of {proofs} proofs",
            bound.id
        );
        if session.text_at("/state")? == "active" && *proofs < 6 {
            // The device goes on where it was, or is asked once more.
            let proof = bound.device.refresh(&bound.challenge);
            let mut answer = api.refresh(&bound.id, Some(&proof)).await?;
            if let Some(challenge) = answer.challenge(&bound.id).filter(|_| answer.status == 403) {
                answer = api.refresh(&bound.id, Some(&bound.device.refresh(&challenge))).await?;
            }
            bound.take(&answer.expect(200)?)?;
            assert_eq!(api.check(&bound.cookie).await?.verdict(), ("allow", "ok"), "{}", bound.id);
            let session = api.session(&bound.id).await?;
            *proofs = session.at("/binding/proofs").as_u64().context("proofs")?;
        }
    }
    Ok(())
}

/// The trail of a server that is killed again and again is one chain that verifies, and lacks at most what was told in the
/// last moment before a kill: the lines that were still on their way to the disk.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_leaves_one_chain() -> Result<()> {
    let mut stage = Stage::new()?;
    stage.config =
        stage.config.replace("[audit]\n", "[audit]\nrotate_size = \"64KiB\"\ncheckpoint_lines = 50\n");
    let mut told: Vec<Vec<String>> = Vec::new();
    for cycle in 0..cycles() {
        let server = stage.start().await?;
        let api = stage.api.clone();
        let client = tokio::spawn(async move {
            let mut told = Vec::new();
            while let Ok(login) = api.login("alice").await {
                told.push(login.id);
            }
            told
        });
        tokio::time::sleep(Duration::from_millis(200 + 131 * cycle)).await;
        server.kill()?;
        told.push(client.await?);
    }
    let server = stage.start().await?;
    assert!(server.stop().await?.success());

    let mut files: Vec<_> = std::fs::read_dir(stage.path())?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with("audit.jsonl"))
        .collect();
    // `audit.jsonl` sorts first and is the last.
    files.sort();
    files.rotate_left(1);
    let mut arguments = vec!["audit", "verify", "--root-key-file", "root.key"];
    arguments.extend(files.iter().map(String::as_str));
    let verified = stage.run(&arguments, &[])?;
    let says = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(verified.status.success() && says.contains("in order: "), "{says}");

    let text: String =
        files.iter().filter_map(|file| std::fs::read_to_string(stage.path().join(file)).ok()).collect();
    for (cycle, ids) in told.iter().enumerate() {
        let is_written = |id: &String| {
            text.contains(&format!(
                "\"event\":\"session.created\",\"app\":\"shop\",\"user\":\"alice\",\"session\":\"{id}\""
            ))
        };
        let written = ids.iter().filter(|id| is_written(id)).count();
        assert!(ids.iter().take(written).all(is_written), "{cycle}: what is missing is the tail");
        assert!(written * 2 > ids.len(), "{cycle}: {written} of {}", ids.len());
    }

    // A line that is changed on the disk is found, and named.
    let first = stage.path().join(&files[0]);
    let changed = std::fs::read_to_string(&first)?.replacen("\"user\":\"alice\"", "\"user\":\"mallory\"", 1);
    std::fs::write(&first, changed)?;
    let verified = stage.run(&arguments, &[])?;
    let says = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert_eq!(verified.status.code(), Some(1), "{says}");
    assert!(
        says.contains("the line was changed: its hash is another one") && says.contains("1 fault: "),
        "{says}"
    );
    assert_eq!(stage.run(&["audit", "verify", "absent.jsonl"], &[])?.status.code(), Some(2));
    Ok(())
}

/// Whose refresh token is new and whose is old, and that a code was redeemed, is known after a crash as it was before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_remembers_which_tokens_are_used() -> Result<()> {
    let mut stage = Stage::new()?;
    let server = stage.start().await?;
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        clients.spawn(Holder::begin(stage.api.clone(), number));
    }
    let holders = clients.join_all().await.into_iter().collect::<Result<Vec<_>>>()?;
    let mut clients = JoinSet::new();
    for holder in holders {
        clients.spawn(holder.rotate_until_the_crash(stage.api.clone()));
    }
    tokio::time::sleep(Duration::from_millis(700)).await;
    server.kill()?;
    let holders = clients.join_all().await;

    let server = stage.start().await?;
    let audit = AuditFile::new(stage.path().join("audit.jsonl"));
    assert!(holders.iter().any(|holder| holder.tokens.len() > 4), "the crash came too early");
    for holder in &holders {
        let newest = holder.tokens.last().context("no token")?;
        // If the crash took an answer away, this is the token before the newest, and its successor is given again.
        let next = holder.refresh(&stage.api, newest).await?.expect(200)?;
        let again = holder.refresh(&stage.api, newest).await?.expect(200)?;
        assert_eq!(again.text_at("/refresh_token")?, next.text_at("/refresh_token")?);
    }
    for (number, holder) in holders.iter().enumerate() {
        let used = match number % 3 {
            0 => holder.redeem(&stage.api).await?,
            1 => holder.refresh(&stage.api, &holder.tokens[0]).await?,
            _ => holder.refresh(&stage.api, &holder.tokens[holder.tokens.len() - 3]).await?,
        };
        assert_eq!((used.status, used.at("/error")), (400, &json!("invalid_grant")), "{}", used.text);
        let session = stage.api.session(&holder.id).await?.expect(200)?;
        assert_eq!(session.text_at("/end_reason")?, "revoked", "what two have used ends");
    }
    audit.wait_for("token.reused", holders.len()).await?;
    assert!(server.stop().await?.success());
    Ok(())
}

/// A client that remembers every refresh token that it was ever given.
struct Holder {
    id: String,
    code: String,
    device: Device,
    tokens: Vec<String>,
}

impl Holder {
    async fn begin(api: Api, number: usize) -> Result<Self> {
        let authorized = api.authorize(&format!("user-{number}"), json!({})).await?.expect(201)?;
        let (id, code) = (authorized.text_at("/session/id")?, authorized.text_at("/code")?);
        let device = Device::new()?;
        let mut holder = Self { id: id.to_owned(), code: code.to_owned(), device, tokens: Vec::new() };
        let granted = holder.redeem(&api).await?.expect(200)?;
        holder.tokens.push(granted.text_at("/refresh_token")?.to_owned());
        for _ in 0..3 {
            holder.rotate(&api).await?;
        }
        Ok(holder)
    }

    /// The first error is the crash.
    async fn rotate_until_the_crash(mut self, api: Api) -> Self {
        while self.rotate(&api).await.is_ok() {}
        self
    }

    async fn rotate(&mut self, api: &Api) -> Result<()> {
        let answer = self.refresh(api, self.tokens.last().context("no token")?).await?.expect(200)?;
        self.tokens.push(answer.text_at("/refresh_token")?.to_owned());
        Ok(())
    }

    async fn redeem(&self, api: &Api) -> Result<Answer> {
        let (code, verifier) = (("code", self.code.as_str()), ("code_verifier", VERIFIER));
        let redirect_uri = ("redirect_uri", REDIRECT_URI);
        self.ask(api, &[("grant_type", "authorization_code"), code, redirect_uri, verifier]).await
    }

    async fn refresh(&self, api: &Api, token: &str) -> Result<Answer> {
        self.ask(api, &[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }

    /// Asks for tokens, and asks again with a nonce if the server wants one: after a restart it does.
    async fn ask(&self, api: &Api, form: &[(&str, &str)]) -> Result<Answer> {
        let form: Vec<_> = form.iter().copied().chain([("client_id", CLIENT)]).collect();
        let now = holdfast::Clock::system().now().as_secs();
        let proof = || Proof::new(&self.device, "POST", TOKEN_URL, now);
        let answer = api.token(&form, Some(&proof().sign(&self.device))).await?;
        match answer.header("dpop-nonce") {
            Some(nonce) if answer.at("/error") == "use_dpop_nonce" => {
                api.token(&form, Some(&proof().claim("nonce", nonce).sign(&self.device))).await
            }
            _ => Ok(answer),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a soak of this one test is asked for by its own variable")]
fn cycles() -> u64 {
    std::env::var("HOLDFAST_CRASH_CYCLES").ok().and_then(|count| count.parse().ok()).unwrap_or(5)
}

const CLIENTS: usize = 8;
