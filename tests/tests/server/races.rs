//! Many at once: one wins, nobody is hurt, and what was ended stays so.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use futures_util::future::join_all;
use holdfast_tests::server::{
    Answer, COOKIE, Device, Login, OPERATOR_TOKEN, ORIGIN, Proof, Server, Settings,
};
use reqwest::Method;
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_64_equal_registrations_is_taken() -> Result<()> {
    let server = Server::start().await?;
    let login = server.login("alice").await?;
    let proof = Device::new()?.registration(&login.offer);
    let answers = all(join_all((0..CROWD).map(|_| server.register(&proof))).await)?;
    assert_eq!(statuses(&answers), BTreeMap::from([(200, 1), (409, CROWD - 1)]));
    assert_eq!(server.session(&login.id).await?.at("/binding/proofs"), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_64_keys_wins_a_session() -> Result<()> {
    let mut server = Server::start().await?;
    let login = server.login("alice").await?;
    let devices = (0..CROWD).map(|_| Device::new()).collect::<Result<Vec<_>>>()?;
    let proofs: Vec<_> = devices.iter().map(|device| device.registration(&login.offer)).collect();
    let answers = all(join_all(proofs.iter().map(|proof| server.register(proof))).await)?;

    let winners: Vec<_> = (0..CROWD).filter(|index| answers[*index].status == 200).collect();
    assert_eq!(winners.len(), 1, "{:?}", statuses(&answers));
    let key = server.session(&login.id).await?.text_at("/binding/key_thumbprint")?.to_owned();
    assert_eq!(key, devices[winners[0]].thumbprint());
    let given: Vec<_> = answers.iter().filter_map(|answer| answer.cookie(COOKIE)).collect();
    assert_eq!(given.len(), 1);
    server.stop().await;
    assert_eq!(server.audit().named("session.bound").len(), 1);
    assert_eq!(server.audit().named("binding.conflict").len(), CROWD - 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn equal_refreshes_get_one_cookie_and_one_generation() -> Result<()> {
    let mut server = Server::start().await?;
    let bound = server.bind("alice").await?;
    let proof = bound.device.refresh(&bound.challenge);
    let answers = all(join_all((0..CROWD).map(|_| server.refresh(&bound.id, Some(&proof)))).await)?;

    assert_eq!(statuses(&answers), BTreeMap::from([(200, CROWD)]));
    let mut cookies: Vec<_> = answers.iter().filter_map(|answer| answer.cookie(COOKIE)).collect();
    cookies.dedup();
    assert_eq!(cookies.len(), 1);
    assert_eq!(server.session(&bound.id).await?.at("/binding/proofs"), 2);
    server.stop().await;
    assert_eq!(server.audit().named("session.refreshed").len(), 1);
    Ok(())
}

/// Two devices never share a key, but proofs over several challenges of one generation may cross.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn refreshes_over_different_challenges_move_one_generation() -> Result<()> {
    let server = Server::start().await?;
    let bound = server.bind("alice").await?;
    let asked = all(join_all((0..16).map(|_| server.refresh(&bound.id, None))).await)?;
    let challenges: Option<Vec<_>> = asked.iter().map(|answer| answer.challenge(&bound.id)).collect();
    let proofs: Vec<_> =
        challenges.context("a challenge")?.iter().map(|challenge| bound.device.refresh(challenge)).collect();
    let answers = all(join_all(proofs.iter().map(|proof| server.refresh(&bound.id, Some(proof)))).await)?;
    assert_eq!(statuses(&answers), BTreeMap::from([(200, 16)]));
    assert_eq!(server.session(&bound.id).await?.at("/binding/proofs"), 2);
    Ok(())
}

/// After the 204 of a revocation no check allows, whatever a refresh of the same moment was given.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn revocation_wins_against_refresh() -> Result<()> {
    let server = Server::with(Settings::default().on_disk()).await?;
    for round in 0..ROUNDS {
        let bound = server.bind("alice").await?;
        let proof = bound.device.refresh(&bound.challenge);
        let refreshes = join_all((0..4).map(|_| server.refresh(&bound.id, Some(&proof))));
        let (refreshed, revoked) = if round % 2 == 0 {
            tokio::join!(refreshes, server.revoke(&bound.id))
        } else {
            let (revoked, refreshed) = tokio::join!(server.revoke(&bound.id), refreshes);
            (refreshed, revoked)
        };
        revoked?;
        let refreshed = all(refreshed)?;
        assert!(
            refreshed.iter().all(|answer| matches!(answer.status, 200 | 404)),
            "{:?}",
            statuses(&refreshed)
        );
        let given =
            refreshed.iter().filter_map(|answer| answer.cookie(COOKIE)).filter(|value| !value.is_empty());
        for cookie in given.chain([bound.cookie.clone()]) {
            let verdict = server.check(&cookie).await?;
            assert_eq!(verdict.verdict(), ("deny", "session_ended"), "round {round}");
        }
        server.refresh(&bound.id, Some(&proof)).await?.expect(404)?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn revocation_wins_against_registration() -> Result<()> {
    let server = Server::with(Settings::default().on_disk()).await?;
    for round in 0..ROUNDS {
        let login = server.login("alice").await?;
        let proof = Device::new()?.registration(&login.offer);
        let (registered, revoked) = tokio::join!(server.register(&proof), server.revoke(&login.id));
        revoked?;
        let given = registered?.cookie(COOKIE);
        for cookie in given.into_iter().chain([login.cookie]) {
            assert_eq!(server.check(&cookie).await?.verdict(), ("deny", "session_ended"), "round {round}");
        }
    }
    Ok(())
}

/// A session that was revoked leaves no heir, however close the two came.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn revocation_wins_against_regeneration() -> Result<()> {
    let server = Server::with(Settings::default().on_disk()).await?;
    for round in 0..ROUNDS {
        let login = server.login("alice").await?;
        let regenerate = server.app(Method::POST, &format!("/v1/sessions/{}/regenerate", login.id)).send();
        let everywhere = server.app(Method::DELETE, "/v1/users/alice/sessions").send();
        let everybody = server.with_token(OPERATOR_TOKEN, Method::DELETE, "/v1/sessions").send();
        let (regenerated, ended) = match round % 3 {
            0 => tokio::join!(regenerate, everywhere),
            1 => tokio::join!(regenerate, everybody),
            _ => {
                let (ended, regenerated) = tokio::join!(everywhere, regenerate);
                (regenerated, ended)
            }
        };
        assert!((200..300).contains(&ended?.status));
        if let Ok(heir) = Login::read(regenerated?) {
            // An heir can only have come before the end, and then it was ended as well.
            let verdict = server.check(&heir.cookie).await?;
            assert_eq!(verdict.verdict(), ("deny", "session_ended"), "round {round}");
        }
        assert_eq!(server.check(&login.cookie).await?.verdict(), ("deny", "session_ended"));
    }
    Ok(())
}

/// After the answer of whatever ended a grant, no token of it is good, not even one that was given at the same moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_end_wins_against_refresh_tokens() -> Result<()> {
    let server = Server::with(Settings::default().on_disk()).await?;
    for round in 0..ROUNDS {
        let granted = server.grant("alice").await?;
        let refreshes = join_all((0..4).map(|_| server.rotate(&granted, &granted.refresh_token)));
        let end = end(&server, round, &granted.id);
        let (refreshed, ended) = if round % 2 == 0 {
            tokio::join!(refreshes, end)
        } else {
            let (ended, refreshed) = tokio::join!(end, refreshes);
            (refreshed, ended)
        };
        ended?;
        let mut answers = all(refreshed)?;
        assert!(
            answers.iter().all(|answer| matches!(answer.status, 200 | 400)),
            "round {round}: {:?}",
            statuses(&answers)
        );
        answers.push(granted.answer);
        for answer in answers.iter().filter(|answer| answer.status == 200) {
            is_worthless(&server, answer, &granted.device, round).await?;
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_end_wins_against_codes() -> Result<()> {
    let server = Server::with(Settings::default().on_disk()).await?;
    for round in 0..ROUNDS {
        let authorized = server.authorize("alice", json!({})).await?.expect(201)?;
        let (id, code) = (authorized.text_at("/session/id")?, authorized.text_at("/code")?);
        let device = Device::new()?;
        let proof = server.token_proof(&device).sign(&device);
        let (redemption, end) = (server.redeem(code, &proof), end(&server, round, id));
        let (redeemed, ended) = if round % 2 == 0 {
            tokio::join!(redemption, end)
        } else {
            let (ended, redeemed) = tokio::join!(end, redemption);
            (redeemed, ended)
        };
        ended?;
        let redeemed = redeemed?;
        if redeemed.status == 200 {
            is_worthless(&server, &redeemed, &device, round).await?;
        } else {
            assert_eq!((redeemed.status, redeemed.at("/error")), (400, &json!("invalid_grant")));
        }
        server.redeem(code, &server.token_proof(&device).sign(&device)).await?.expect(400)?;
        assert_eq!(server.session(id).await?.text_at("/state")?, "ended", "round {round}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn regenerating_at_once_leaves_one_heir() -> Result<()> {
    let server = Server::start().await?;
    for round in 0..ROUNDS {
        let user = format!("user-{round}");
        let login = server.login(&user).await?;
        let path = format!("/v1/sessions/{}/regenerate", login.id);
        let answers = all(join_all((0..8).map(|_| server.app(Method::POST, &path).send())).await)?;
        let heirs: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
        let mut alive = 0;
        for heir in &heirs {
            let heir = Login::read((*heir).clone())?;
            alive += usize::from(server.check(&heir.cookie).await?.verdict().0 == "allow");
        }
        assert_eq!((heirs.len(), alive), (1, 1), "round {round}: {:?}", statuses(&answers));
    }
    Ok(())
}

/// Everything that began before the log-out is over; a login that ran beside it is either over or whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn logging_out_everywhere_against_logins() -> Result<()> {
    let server = Server::with(Settings::default().set("session.max_per_user", "1000")).await?;
    for round in 0..ROUNDS {
        let before = all(join_all((0..4).map(|_| server.login("alice"))).await)?;
        let logins = join_all((0..4).map(|_| server.login("alice")));
        let everywhere = server.app(Method::DELETE, "/v1/users/alice/sessions").send();
        let (beside, ended) = tokio::join!(logins, everywhere);
        assert!(ended?.expect(200)?.at("/ended").as_u64() >= Some(4));
        for login in before {
            assert_eq!(
                server.check(&login.cookie).await?.verdict(),
                ("deny", "session_ended"),
                "round {round}"
            );
        }
        for login in all(beside)? {
            let allowed = server.check(&login.cookie).await?.verdict().0 == "allow";
            let active = server.session(&login.id).await?.text_at("/state")? == "active";
            assert_eq!(allowed, active, "round {round}");
        }
        server.app(Method::DELETE, "/v1/users/alice/sessions").send().await?.expect(200)?;
    }
    Ok(())
}

/// The limit holds however many log in at once, and it never takes everything away.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn logins_at_once_keep_to_the_limit() -> Result<()> {
    for limit in [1, 3] {
        let server =
            Server::with(Settings::default().set("session.max_per_user", &limit.to_string())).await?;
        for round in 0..ROUNDS {
            let user = format!("user-{round}");
            let logins = all(join_all((0..8).map(|_| server.login(&user))).await)?;
            let mut alive = 0;
            for login in &logins {
                alive += usize::from(server.check(&login.cookie).await?.verdict().0 == "allow");
            }
            assert_eq!(alive, limit, "round {round}");
        }
    }
    Ok(())
}

/// Logging out, ending and refreshing all at once: one end, told once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_session_ends_once() -> Result<()> {
    let mut server = Server::start().await?;
    let bound = Arc::new(server.bind("alice").await?);
    let path = format!("/v1/sessions/{}", bound.id);
    let logouts = join_all((0..8).map(|_| server.browser("/_holdfast/logout").cookie(&bound.cookie).send()));
    let revokes = join_all((0..8).map(|_| server.app(Method::DELETE, &path).send()));
    let replace = json!({ "user": "bob", "previous_cookie": bound.cookie });
    let replaces = join_all((0..4).map(|_| server.login_with(replace.clone())));
    let (logouts, revokes, replaces) = tokio::join!(logouts, revokes, replaces);
    assert_eq!(statuses(&all(logouts)?), BTreeMap::from([(204, 8)]));
    assert_eq!(statuses(&all(revokes)?), BTreeMap::from([(204, 8)]));
    assert_eq!(all(replaces)?.len(), 4);
    server.stop().await;
    let ends =
        server.audit().named("session.ended").into_iter().filter(|end| end["session"] == bound.id.as_str());
    assert_eq!(ends.count(), 1);
    Ok(())
}

/// One of the ways in which a session ends: alone, with its user's others, or with everybody's.
async fn end(server: &Server, round: usize, id: &str) -> Result<()> {
    let ended = match round % 3 {
        0 => return server.revoke(id).await,
        1 => server.app(Method::DELETE, "/v1/users/alice/sessions").send().await?,
        _ => server.with_token(OPERATOR_TOKEN, Method::DELETE, "/v1/sessions").send().await?,
    };
    assert!((200..300).contains(&ended.status), "{}", ended.text);
    Ok(())
}

/// Neither of the tokens that were given does anything any more.
async fn is_worthless(server: &Server, given: &Answer, device: &Device, round: usize) -> Result<()> {
    let token = given.text_at("/access_token")?;
    let proof = Proof::new(device, "GET", &format!("{ORIGIN}/orders"), server.now()).over(token);
    let answer = server.check_token(&format!("DPoP {token}"), &[&proof.sign(device)]).await?;
    assert_eq!(answer.verdict(), ("deny", "session_ended"), "round {round}");
    let proof = server.token_proof(device).sign(device);
    let answer = server.refresh_token(given.text_at("/refresh_token")?, &proof).await?;
    assert_eq!((answer.status, answer.at("/error")), (400, &json!("invalid_grant")), "round {round}");
    Ok(())
}

fn all<T>(answers: Vec<Result<T>>) -> Result<Vec<T>> {
    answers.into_iter().collect()
}

fn statuses(answers: &[Answer]) -> BTreeMap<u16, usize> {
    let mut counts = BTreeMap::new();
    for answer in answers {
        *counts.entry(answer.status).or_insert(0) += 1;
    }
    counts
}

const CROWD: usize = 64;
const ROUNDS: usize = 40;
