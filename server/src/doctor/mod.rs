//! `holdfast doctor`: attacks an operator's own set-up through the real gateway, and says in plain words what it found.
//!
//! Each check asks in one function and judges in another, which sees nothing but the answer.

mod asking;
mod binding;
mod device;
mod endpoints;
mod forwarded;
mod identity;
mod kinds;
mod report;
mod seen;
mod stand_in;
mod tokens;
mod trail;
mod transport;
mod visit;

use std::net::SocketAddr;

use holdfast_core::{UnixTime, dbsc::CookieName, secret::SecretText};

use self::{
    asking::{App, NO_TOKEN, Stranger},
    report::{Finding, Outcome},
    stand_in::StandIn,
    visit::{Page, Visit},
};
use crate::{Clock, Config, config::AppConfig};

pub(crate) use self::report::Report;

/// What the doctor is told.
pub(crate) struct Case {
    pub(crate) config: Config,
    /// The origin to examine, without a slash at its end.
    pub(crate) origin: String,
    /// PEM certificates that are trusted in place of the system's.
    pub(crate) ca: Option<Vec<u8>>,
    /// Where the origin's host is, in place of what its name says.
    pub(crate) connect: Option<SocketAddr>,
    /// The internal listener.
    pub(crate) api: String,
    /// The app's token.
    pub(crate) token: Option<SecretText>,
    /// The gateway secrets, which must not be seen anywhere.
    pub(crate) secrets: Vec<SecretText>,
    /// A page that needs a session.
    pub(crate) page: String,
    /// A page that answers with its request's headers.
    pub(crate) echo: Option<String>,
    /// Where to stand in for the app.
    pub(crate) stand_in: Option<SocketAddr>,
    pub(crate) clock: Clock,
}

/// What every check has at hand.
struct Setup {
    config: Config,
    app_config: AppConfig,
    origin: String,
    stranger: Stranger,
    app: App,
    clock: Clock,
    /// Whether the doctor itself is the app, at every path.
    is_app: bool,
}

/// What the gateway says of the time, and when it was said.
struct Heard {
    date: Option<String>,
    at: UnixTime,
}

impl Setup {
    fn cookie_name(&self) -> &CookieName {
        &self.config.cookie_name
    }

    /// The `Cookie` header of a session.
    fn cookie(&self, visit: &Visit) -> String {
        format!("{}={}", self.cookie_name().as_str(), visit.cookie.reveal())
    }

    /// A page that is open to everybody and that the doctor itself answers.
    fn open_page(&self) -> Option<&str> {
        self.app_config.login_url.as_ref().and_then(|page| page.local_path()).filter(|_| self.is_app)
    }
}

/// Examines a set-up.
///
/// # Errors
/// If it cannot even begin: what must be changed in the command or around it.
pub(crate) async fn examine(case: Case) -> Result<Report, String> {
    let stranger = Stranger::new(&case.origin, case.ca.as_deref(), case.connect, case.secrets)?;
    let app = App::new(&case.api, case.token)?;
    let mut report = Report::new(&case.origin);
    let stand_in = match case.stand_in {
        Some(address) => Some(StandIn::listen(address).await?),
        None => None,
    };
    let first = match stranger.get(OWN_SESSION, &[]).await {
        Ok(first) => first,
        Err(why) => {
            let sent = format!("GET {OWN_SESSION}");
            report.add("reachable", Some(Finding::new(&kinds::UNREACHABLE, sent, why)).into());
            report.add("everything else", Outcome::NotChecked("nobody answers".to_owned()));
            return Ok(report);
        }
    };
    let heard = Heard { date: first.header("date").map(str::to_owned), at: case.clock.now() };
    report.add("reachable", Outcome::Well);
    let routed = endpoints::routed(&stranger).await;
    let unlimited = match &routed {
        Outcome::Well => endpoints::unlimited(&stranger).await,
        Outcome::Found(_) | Outcome::NotChecked(_) => {
            Outcome::NotChecked("one refresh alone is not answered as it must be".to_owned())
        }
    };
    report.add("DBSC endpoints", routed);
    report.add("refreshes are not limited", unlimited);
    let own = case.config.apps.iter().find(|app| app.origin.as_str() == case.origin).cloned();
    let Some(app_config) = own else {
        let origins: Vec<_> = case.config.apps.iter().map(|app| app.origin.as_str()).collect();
        let came = format!("the configuration has {}", origins.join(", "));
        report.add("origin", Some(Finding::new(&kinds::ORIGIN_MISMATCH, case.origin, came)).into());
        let why = "the configuration has no app of this origin";
        report.add("everything that needs a session", Outcome::NotChecked(why.to_owned()));
        return Ok(report);
    };
    report.add("origin", Outcome::Well);
    let echo = if stand_in.is_some() { Some(case.page.clone()) } else { case.echo };
    let setup = Setup {
        config: case.config,
        app_config,
        origin: case.origin,
        stranger,
        app,
        clock: case.clock,
        is_app: stand_in.is_some(),
    };
    let mut ended = Vec::new();
    with_sessions(&setup, &case.page, echo.as_deref(), &heard, &mut report, &mut ended).await;
    for id in ended {
        setup.app.end(&id).await;
    }
    Ok(report)
}

/// The checks that need sessions, or would say more with one. Sessions to end are added to `ended`.
async fn with_sessions(
    setup: &Setup,
    path: &str,
    echo: Option<&str>,
    heard: &Heard,
    report: &mut Report,
    ended: &mut Vec<String>,
) {
    let began = setup.clock.now();
    let visits = if setup.app.has_token() { visits(setup).await } else { Err(NO_TOKEN.to_owned()) };
    let created = setup.clock.now();
    let visit = visits.as_ref().ok().map(|[visit, _]| visit);
    ended.extend(visits.iter().flatten().map(|visit| visit.id.clone()));
    let page = match &visits {
        Ok([visit, bound]) => sessions(setup, visit, bound, path, echo, report).await,
        Err(why) => {
            report.add("everything that needs a session", Outcome::NotChecked(why.clone()));
            None
        }
    };
    report.add("clocks", transport::clocks(setup, visit, (began, created), heard));
    report.add("HSTS", transport::hsts(setup, page.as_ref()).await);
    report.add("internal endpoints", transport::internal(setup, visit).await);
    if !setup.config.clients.iter().all(|client| client.app != setup.app_config.name) {
        report.add("OAuth metadata", tokens::metadata(setup).await);
        report.add("DPoP", tokens::nonces(setup, page.as_ref(), ended).await);
    }
    report.add("refreshes in the audit trail", trail::refreshes(setup));
    report.add("gateway secret", secret(&setup.stranger));
}

/// Two sessions: one for pages, and one for a key.
async fn visits(setup: &Setup) -> Result<[Visit; 2], String> {
    let visit = Visit::begin(setup).await?;
    match Visit::begin(setup).await {
        Ok(bound) => Ok([visit, bound]),
        Err(why) => {
            setup.app.end(&visit.id).await;
            Err(why)
        }
    }
}

/// The checks that cannot do without a session.
async fn sessions(
    setup: &Setup,
    visit: &Visit,
    bound: &Visit,
    path: &str,
    echo: Option<&str>,
    report: &mut Report,
) -> Option<Page> {
    report.add("registration and refresh", binding::binds(setup, bound).await);
    let (page, outcome) = Page::visit(&setup.stranger, path, &setup.cookie(visit)).await;
    report.add("the page", outcome);
    report.add("identity headers", identity::forged(setup, visit, echo).await);
    report.add("the app is told", identity::told(setup, visit, echo).await);
    report.add("X-Forwarded-* to the app", forwarded::to_app(setup, visit, echo).await);
    match &page {
        Some(page) => {
            report.add("aliases", identity::aliases(setup, visit, page, echo).await);
            report.add("two cookies", identity::two_cookies(setup, visit, page).await);
            report.add("X-Forwarded-* in the check", forwarded::believed(setup, visit, page).await);
            report.add("client address", forwarded::address(setup, visit, page, bound).await);
        }
        None => {
            let why = transport::NO_PAGE.to_owned();
            report.add("aliases, cookies, X-Forwarded-* and client address", Outcome::NotChecked(why));
        }
    }
    page
}

/// Whether the gateway secret was in anything that came back.
fn secret(stranger: &Stranger) -> Outcome {
    match stranger.leak() {
        Some(path) => {
            let came = "the gateway secret is in the answer, or was sent to the app";
            Some(Finding::new(&kinds::GATEWAY_SECRET_LEAKED, format!("GET {path}"), came)).into()
        }
        None if stranger.knows_the_secret() => Outcome::Well,
        None => Outcome::NotChecked("gateways.secret_file cannot be read".to_owned()),
    }
}

const OWN_SESSION: &str = "/_holdfast/session";
