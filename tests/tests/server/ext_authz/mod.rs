//! `envoy.service.auth.v3.Authorization/Check`, asked by a client that shares nothing with the server but the protocol.

mod envoy;

use self::envoy::{
    Address, CheckRequest, CheckResponse, HeaderMap, HeaderValue, Peer, Pipe, altered, ask, ask_in_bytes,
    question, value_of,
};
use anyhow::{Context as _, Result, ensure};
use holdfast_tests::server::{COOKIE, GATEWAY_SECRET, IDENTITY, ORIGIN, Proof, Server, Settings};
use serde_json::json;

fn settings() -> Settings {
    Settings::default()
        .behind_gateways()
        .with_assertions()
        .set("gateways.grpc_listen", "127.0.0.1:0")
        .set("apps.0.login_url", "/login")
        .route(0, "/public", &[("public", "true")])
        .route(1, "/transfer", &[("require.max_proof_age", "1m")])
}

async fn asked(server: &Server, question: CheckRequest) -> Result<CheckResponse> {
    ask(server.grpc_addr().context("no gRPC")?, &[GATEWAY_SECRET], question).await
}

/// The status for the client, and the reason.
fn denied(answer: &CheckResponse) -> Result<(i32, String)> {
    ensure!(answer.status.as_ref().is_some_and(|status| status.code != 0), "{answer:?}");
    ensure!(answer.ok.is_none(), "{answer:?}");
    let denied = answer.denied.as_ref().with_context(|| format!("{answer:?}"))?;
    let status = denied.status.as_ref().context("no status")?.code;
    let problem: serde_json::Value = serde_json::from_str(&denied.body)?;
    ensure!(problem.get("status") == Some(&json!(status)), "{problem}");
    ensure!(value_of(&denied.headers, "content-type")?.as_deref() == Some("application/problem+json"));
    ensure!(value_of(&denied.headers, "cache-control")?.as_deref() == Some("no-store"));
    let of_app = denied.headers.iter().filter_map(|option| option.header.as_ref());
    ensure!(
        of_app.clone().all(|header| !IDENTITY.contains(&&*header.key)),
        "identity headers are not the client's"
    );
    Ok((status, value_of(&denied.headers, "holdfast-reason")?.unwrap_or_default()))
}

#[tokio::test]
async fn an_allowed_request_is_told_to_the_app() -> Result<()> {
    let server = Server::with(settings()).await?;
    let bound = server.bind("Zo\u{eb}").await?;
    let cookie = format!("{COOKIE}={}", bound.cookie);
    let sent = [
        ("cookie", &*cookie),
        ("user-agent", "Mozilla/5.0"),
        ("holdfast-user", "root"),
        ("holdfast-admin", "1"),
    ];
    let answer = asked(&server, question(&sent)).await?;
    assert_eq!(answer.status.as_ref().map(|status| status.code), Some(0), "{answer:?}");
    let ok = answer.ok.context("no answer")?;
    assert_eq!(ok.headers.len(), IDENTITY.len());
    for (name, value) in [
        ("holdfast-user", Some("Zo\u{eb}")),
        ("holdfast-session", Some(&*bound.id)),
        ("holdfast-binding", Some("hardware")),
        ("holdfast-client", Some("")),
        ("holdfast-scope", Some("")),
        ("holdfast-issuer", Some("")),
    ] {
        assert_eq!(value_of(&ok.headers, name)?.as_deref(), value, "{name}");
    }
    let assertion = value_of(&ok.headers, "holdfast-assertion")?;
    assert!(assertion.is_some_and(|jwt| jwt.split('.').count() == 3));
    assert_eq!(ok.headers_to_remove, ["holdfast-gateway-secret", "holdfast-admin"]);
    assert!(ok.response_headers_to_add.is_empty());
    let checked = server.audit().wait_for("session.checked", 1).await?;
    let told = (&checked[0]["client_ip"], &checked[0]["user_agent"]);
    assert_eq!(told, (&json!("203.0.113.7"), &json!("Mozilla/5.0")));
    assert!(server.metric(r#"holdfast_requests_total{listener="grpc",class="2xx"}"#).await? >= 1);
    Ok(())
}

#[tokio::test]
async fn a_denied_request_is_told_to_the_client() -> Result<()> {
    let server = Server::with(settings()).await?;
    let answer = asked(&server, question(&[])).await?;
    assert_eq!(denied(&answer)?, (401, "no_credential".to_owned()));
    let headers = &answer.denied.as_ref().context("denied")?.headers;
    assert!(value_of(headers, "www-authenticate")?.is_some_and(|challenge| challenge.starts_with("DPoP ")));
    let answer = asked(&server, question(&[("cookie", &format!("{COOKIE}=x"))])).await?;
    assert_eq!(denied(&answer)?, (401, "bad_cookie".to_owned()));
    // A person is sent to the login page.
    let answer = asked(&server, question(&[("sec-fetch-mode", "navigate")])).await?;
    assert_eq!(denied(&answer)?, (302, "no_credential".to_owned()));
    let headers = &answer.denied.as_ref().context("denied")?.headers;
    assert_eq!(value_of(headers, "location")?.as_deref(), Some("/login?return_to=/orders%3Fx%3D1"));
    Ok(())
}

#[tokio::test]
async fn a_device_can_be_asked_for_a_proof() -> Result<()> {
    let server = Server::with(settings()).await?;
    let bound = server.bind("alice").await?;
    server.advance(61);
    let cookie = format!("{COOKIE}={}", bound.cookie);
    let transfer = altered(question(&[("cookie", &cookie), (":path", "/transfer")]), |http| {
        http.path = "/transfer".into()
    });
    let answer = asked(&server, transfer).await?;
    assert_eq!(denied(&answer)?, (307, "proof_too_old".to_owned()));
    let headers = &answer.denied.as_ref().context("denied")?.headers;
    assert_eq!(value_of(headers, "location")?.as_deref(), Some("/transfer"));
    assert!(
        value_of(headers, "set-cookie")?.is_some_and(|cookie| cookie.starts_with(&format!("{COOKIE}=; ")))
    );
    Ok(())
}

/// A public route, with the client's own identity headers emptied.
#[tokio::test]
async fn nobody_passes_on_a_public_route() -> Result<()> {
    let server = Server::with(settings()).await?;
    let public = altered(question(&[("holdfast-user", "root"), (":path", "/public")]), |http| {
        http.path = "/public".into()
    });
    let ok = asked(&server, public).await?.ok.context("denied")?;
    for name in IDENTITY {
        assert_eq!(value_of(&ok.headers, name)?.as_deref(), Some(""), "{name}");
    }
    Ok(())
}

/// `encode_raw_headers`: fields one by one, and bytes that are no text.
#[tokio::test]
async fn fields_may_come_one_by_one() -> Result<()> {
    let server = Server::with(settings()).await?;
    let bound = server.bind("alice").await?;
    let field = |key: &str, value: &[u8]| HeaderValue {
        key: key.to_owned(),
        raw_value: value.to_owned(),
        value: String::new(),
    };
    let cookie = format!("{COOKIE}={}", bound.cookie);
    let raw = |fields: &[(&str, &[u8])]| {
        altered(question(&[]), |http| {
            http.headers.clear();
            let headers = fields.iter().map(|(key, value)| field(key, value)).collect();
            http.header_map = Some(HeaderMap { headers });
        })
    };
    let good: [(&str, &[u8]); 4] = [
        (":authority", b"shop.example"),
        ("cookie", b"a=b"),
        ("cookie", cookie.as_bytes()),
        ("x-name", b"Zo\xeb"),
    ];
    let answer = asked(&server, raw(&good)).await?;
    assert!(answer.ok.is_some(), "{answer:?}");
    let planted: [(&str, &[u8]); 2] = [("cookie", cookie.as_bytes()), ("cookie", b"__Host-holdfast=planted")];
    assert_eq!(denied(&asked(&server, raw(&planted)).await?)?, (401, "duplicate_cookie".to_owned()));
    for bad in [("x name", &b"x"[..]), ("", b"x"), ("x-name", b"a\r\nb"), ("holdfast_user", b"root")] {
        assert_eq!(denied(&asked(&server, raw(&[bad])).await?)?.0, 403, "{bad:?}");
    }
    Ok(())
}

/// Token, proof and nonce, both ways.
#[tokio::test]
async fn clients_with_tokens_pass() -> Result<()> {
    let server = Server::with(settings().set("dpop.nonce", "always")).await?;
    let device = holdfast_tests::server::Device::new()?;
    let granted = {
        let code = server.authorize("alice", json!({})).await?.expect(201)?;
        let first = server.redeem(code.text_at("/code")?, &server.token_proof(&device).sign(&device)).await?;
        let nonce = first.header("dpop-nonce").context("no nonce")?.to_owned();
        let proof = server.token_proof(&device).claim("nonce", nonce).sign(&device);
        server.redeem(code.text_at("/code")?, &proof).await?.expect(200)?
    };
    let token = granted.text_at("/access_token")?;
    let authorization = format!("DPoP {token}");
    let proof = || Proof::new(&device, "GET", &format!("{ORIGIN}/orders"), server.now()).over(token);
    let ask =
        |proof: String| asked(&server, question(&[("authorization", &authorization), ("dpop", &proof)]));
    let answer = ask(proof().sign(&device)).await?;
    assert_eq!(denied(&answer)?, (401, "use_dpop_nonce".to_owned()));
    let headers = &answer.denied.as_ref().context("denied")?.headers;
    let nonce = value_of(headers, "dpop-nonce")?.context("no nonce")?;
    let answer = ask(proof().claim("nonce", nonce.clone()).sign(&device)).await?;
    let ok = answer.ok.context("denied")?;
    assert_eq!(value_of(&ok.headers, "holdfast-user")?.as_deref(), Some("alice"));
    server.advance(200);
    let ok = ask(proof().claim("nonce", nonce).sign(&device)).await?.ok.context("denied")?;
    assert!(
        value_of(&ok.response_headers_to_add, "dpop-nonce")?.is_some(),
        "the client hears of the next nonce"
    );
    Ok(())
}

/// Denied, and not a failed call: an Envoy with `failure_mode_allow` takes that for a yes.
#[tokio::test]
async fn strangers_are_denied() -> Result<()> {
    let server = Server::with(settings()).await?;
    let address = server.grpc_addr().context("no gRPC")?;
    let bound = server.bind("alice").await?;
    let cookie = format!("{COOKIE}={}", bound.cookie);
    for secrets in [&[][..], &["x"], &[GATEWAY_SECRET, GATEWAY_SECRET], &["", GATEWAY_SECRET]] {
        // The client's own header is no secret of the gateway's.
        let sent = question(&[("cookie", &cookie), ("holdfast-gateway-secret", GATEWAY_SECRET)]);
        assert_eq!(
            denied(&ask(address, secrets, sent).await?)?,
            (403, "policy_denied".to_owned()),
            "{secrets:?}"
        );
    }
    assert_eq!(server.metric(r#"holdfast_gateway_refused_total{reason="gateway_secret"}"#).await?, 1);
    let elsewhere = Server::with(settings().set("gateways.trusted", "10.0.0.0/8")).await?;
    assert_eq!(denied(&asked(&elsewhere, question(&[])).await?)?.0, 403);
    Ok(())
}

/// What cannot be read is denied as well, and is no failed call either.
#[tokio::test]
async fn what_cannot_be_read_is_denied() -> Result<()> {
    use prost::Message as _;
    let server = Server::with(settings()).await?;
    let address = server.grpc_addr().context("no gRPC")?;
    let message = question(&[("x-text", "here")]).encode_to_vec();
    let framed = |flag: u8, length: usize, message: &[u8]| -> Result<Vec<u8>> {
        Ok([&[flag][..], &u32::try_from(length)?.to_be_bytes(), message].concat())
    };
    let whole = framed(0, message.len(), &message)?;
    let good = ask_in_bytes(address, GATEWAY_SECRET, "identity", whole.clone()).await?;
    assert_eq!(
        denied(&good.context("a good question was not answered")?)?,
        (401, "no_credential".to_owned())
    );
    let no_utf8: Vec<u8> = message.windows(4).position(|four| four == b"here").map_or_else(Vec::new, |at| {
        message.iter().enumerate().map(|(here, byte)| if here == at { 0xff } else { *byte }).collect()
    });
    for (what, encoding, bytes) in [
        ("nothing", "identity", Vec::new()),
        ("no frame", "identity", b"garbage".to_vec()),
        ("a torn frame", "identity", framed(0, message.len() + 1, &message)?),
        ("two frames", "identity", [whole.clone(), whole].concat()),
        ("no message", "identity", framed(0, 3, &[0xff; 3])?),
        ("bytes that are no text", "identity", framed(0, no_utf8.len(), &no_utf8)?),
        ("a compressed message", "gzip", framed(1, message.len(), &message)?),
    ] {
        let answer = ask_in_bytes(address, GATEWAY_SECRET, encoding, bytes).await?;
        let answer = answer.with_context(|| format!("{what}: the call failed"))?;
        assert_eq!(denied(&answer)?, (403, "policy_denied".to_owned()), "{what}");
    }
    Ok(())
}

#[tokio::test]
async fn questions_must_be_of_one_mind() -> Result<()> {
    let server = Server::with(settings()).await?;
    let bound = server.bind("alice").await?;
    let cookie = format!("{COOKIE}={}", bound.cookie);
    let good = || question(&[("cookie", &cookie)]);
    let header = |name: &str, value: &str| {
        altered(good(), |http| drop(http.headers.insert(name.to_owned(), value.to_owned())))
    };
    for (what, bad) in [
        ("another :authority", header(":authority", "other.example")),
        ("another Host", header("host", "other.example")),
        ("another :path", header(":path", "/public")),
        ("another :method", header(":method", "OPTIONS")),
        ("no method", altered(good(), |http| http.method.clear())),
        ("no host", altered(good(), |http| http.host.clear())),
        (
            "an absolute path",
            altered(good(), |http| {
                http.path = "https://evil.example/".to_owned();
                http.headers.remove(":path");
            }),
        ),
        (
            "no app",
            altered(good(), |http| {
                http.host = "evil.example".to_owned();
                http.headers.remove(":authority");
            }),
        ),
        ("no request", CheckRequest { attributes: None }),
        ("an alias", header("holdfast.user", "root")),
        ("a header bomb", header("x-bomb", &"a".repeat(70_000))),
        ("a body", altered(good(), |http| http.body = "a".repeat(300_000))),
    ] {
        assert_eq!(denied(&asked(&server, bad).await?)?, (403, "policy_denied".to_owned()), "{what}");
    }
    asked(&server, good()).await?.ok.context("denied")?;
    Ok(())
}

/// The source is the client, unless it is a gateway too.
#[tokio::test]
async fn the_client_is_the_source() -> Result<()> {
    let server = Server::with(settings()).await?;
    let from = |address: Option<Address>, chain: &str| {
        let mut asked = question(&[("x-forwarded-for", chain)]);
        if let Some(attributes) = &mut asked.attributes {
            attributes.source = Some(Peer { address, principal: String::new() });
        }
        asked
    };
    let socket = |address: &str| {
        let socket_address = Some(envoy::SocketAddressMessage { address: address.to_owned(), port_value: 1 });
        Some(Address { socket_address, pipe: None })
    };
    let pipe = || Some(Address { socket_address: None, pipe: Some(Pipe { path: "/run/x".to_owned() }) });
    for (number, (address, chain, client)) in [
        (socket("203.0.113.7"), "1.2.3.4", json!("203.0.113.7")),
        (socket("10.1.1.1"), "1.2.3.4, 198.51.100.9", json!("198.51.100.9")),
        (socket("2001:db8::1"), "1.2.3.4", json!("2001:db8::1")),
        (pipe(), "198.51.100.9", json!("198.51.100.9")),
    ]
    .into_iter()
    .enumerate()
    {
        denied(&asked(&server, from(address, chain)).await?)?;
        let events = server.audit().wait_for("session.denied", number + 1).await?;
        assert_eq!(events[number]["client_ip"], client, "{chain}");
    }
    for bad in [from(socket("nonsense"), "1.2.3.4"), from(socket("10.1.1.1"), "junk")] {
        assert_eq!(denied(&asked(&server, bad).await?)?.0, 403);
    }
    Ok(())
}

#[tokio::test]
async fn nothing_else_is_served_there() -> Result<()> {
    let server = Server::with(settings()).await?;
    let address = server.grpc_addr().context("no gRPC")?;
    let method = "/envoy.service.auth.v3.Authorization/Other";
    let status =
        envoy::call(address, method, &[GATEWAY_SECRET], question(&[])).await.err().context("served")?;
    assert_eq!(status.code(), tonic::Code::Unimplemented);
    let without = Server::with(Settings::default().behind_gateways()).await?;
    assert_eq!(without.grpc_addr(), None);
    Ok(())
}
