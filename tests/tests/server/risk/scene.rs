//! A server with databases and a policy, and clients all over the world.

#![expect(clippy::indexing_slicing, reason = "what is not as it should be fails the test")]

use anyhow::Result;
use holdfast_tests::mmdb::Mmdb;
use holdfast_tests::server::{
    Answer, Bound, COOKIE, Device, GATEWAY_SECRET, Login, ORIGIN, Server, Settings,
};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

pub(super) const HOME: &str = "81.2.69.10";
pub(super) const OFFICE: &str = "81.5.1.10";
pub(super) const DATA_CENTRE: &str = "5.9.1.10";
pub(super) const NEW_YORK: &str = "12.81.96.10";

pub(super) const CHROME: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                                 Chrome/156.0.0.0 Safari/537.36";
pub(super) const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

/// A server whose policies are enforced, unless the settings say otherwise.
pub(super) async fn enforcing(settings: Settings) -> Result<Server> {
    with(settings.set("policy.mode", "enforce")).await
}

/// A server with databases.
pub(super) async fn with(settings: Settings) -> Result<Server> {
    let folder = tempfile::tempdir()?;
    write_databases(&folder)?;
    Server::in_folder(folder, located(settings)).await
}

/// With a policy file of this text.
pub(super) async fn with_policies(text: &str, settings: Settings) -> Result<Server> {
    let folder = tempfile::tempdir()?;
    write_databases(&folder)?;
    std::fs::write(folder.path().join("policy.cedar"), text)?;
    Server::in_folder(folder, located(settings.set("policy.file", "policy.cedar"))).await
}

pub(super) fn located(settings: Settings) -> Settings {
    let settings = settings.behind_gateways();
    settings.set("risk.city", "city.mmdb").set("risk.asn", "asn.mmdb").set("risk.anonymous", "anonymous.mmdb")
}

pub(super) fn write_databases(folder: &TempDir) -> Result<()> {
    let city = |continent: &str, country: &str, latitude: f64, longitude: f64| {
        json!({
            "continent": { "code": continent }, "country": { "iso_code": country },
            "location": { "accuracy_radius": 20, "latitude": latitude, "longitude": longitude },
        })
    };
    let asn = |number: u32| json!({ "autonomous_system_number": number });
    let city = Mmdb::new("GeoLite2-City")
        .row("81.2.0.0/16", city("EU", "GB", 51.5, -0.1))
        .row("81.5.0.0/16", city("EU", "GB", 51.4, -0.2))
        .row("12.81.0.0/16", city("NA", "US", 40.7, -74.0));
    let asn = Mmdb::new("GeoLite2-ASN")
        .row("81.2.0.0/16", asn(2856))
        .row("81.5.0.0/16", asn(5378))
        .row("12.81.0.0/16", asn(7018));
    let anonymous = Mmdb::new("GeoIP2-Anonymous-IP")
        .row("9.1.0.0/16", json!({ "is_anonymous": true }))
        .row("5.9.0.0/16", json!({ "is_hosting_provider": true }));
    for (name, made) in [("city", city), ("asn", asn), ("anonymous", anonymous)] {
        std::fs::write(folder.path().join(format!("{name}.mmdb")), made.to_bytes())?;
    }
    Ok(())
}

/// A client somewhere.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    pub(super) ip: &'a str,
    pub(super) agent: &'a str,
}

pub(super) const fn at<'a>(ip: &'a str, agent: &'a str) -> At<'a> {
    At { ip, agent }
}

impl At<'_> {
    /// Alice logs in.
    pub(super) async fn login(self, server: &Server) -> Result<Login> {
        self.login_with(server, json!({})).await
    }

    /// Alice logs in, and the app says more.
    pub(super) async fn login_with(self, server: &Server, more: Value) -> Result<Login> {
        let mut body = json!({
            "user": "alice", "client": { "ip": self.ip, "user_agent": self.agent },
            "auth": { "amr": ["pwd", "otp"] },
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            if name == "client" {
                for (name, value) in value.as_object().into_iter().flatten() {
                    body["client"][name] = value.clone();
                }
            } else {
                body[name] = value.clone();
            }
        }
        Login::read(server.app(Method::POST, "/v1/sessions").json(&body).send().await?.expect(201)?)
    }

    /// The browser binds the session of a login.
    pub(super) async fn bind(self, server: &Server, login: &Login) -> Result<Bound> {
        let device = Device::new()?;
        let proof = device.registration(&login.offer);
        let answer =
            self.post(server, "/_holdfast/dbsc/register", &[("secure-session-response", &proof)]).await?;
        Bound::read(&login.id, device, &answer.expect(200)?)
    }

    /// The browser proves its key.
    pub(super) async fn refresh(self, server: &Server, bound: &mut Bound) -> Result<()> {
        let proof = bound.device.refresh(&bound.challenge);
        let fields =
            [("sec-secure-session-id", bound.id.as_str()), ("secure-session-response", proof.as_str())];
        let answer = self.post(server, "/_holdfast/dbsc/refresh", &fields).await?.expect(200)?;
        bound.take(&answer)
    }

    async fn post(self, server: &Server, path: &str, fields: &[(&str, &str)]) -> Result<Answer> {
        let call = server.public(Method::POST, path).header("user-agent", self.agent);
        let call = call.header("holdfast-gateway-secret", GATEWAY_SECRET).header("x-forwarded-for", self.ip);
        fields.iter().fold(call, |call, (name, value)| call.header(name, value)).send().await
    }

    /// The app asks about a request with this cookie.
    pub(super) async fn check(self, server: &Server, cookie: &str) -> Result<Answer> {
        self.check_at(server, cookie, "/orders").await
    }

    /// The app asks about a request for this path.
    pub(super) async fn check_at(self, server: &Server, cookie: &str, path: &str) -> Result<Answer> {
        let cookie = format!("{COOKIE}={cookie}");
        server
            .ask(json!({
                "url": format!("{ORIGIN}{path}"), "client_ip": self.ip,
                "headers": [["Cookie", cookie], ["User-Agent", self.agent]],
            }))
            .await
    }
}
