//! The thief's own hands: requests with stolen things, dressed up as the owner's browser would send them.

use http::Method;

use crate::Failure;
use crate::app::Decision;
use crate::browser::{Network, USER_AGENT};
use crate::http::{Answer, Request};
use crate::jar::SetCookie;
use crate::wire::{RESPONSE, SESSION_ID};

/// Somebody else, somewhere else, with good tools.
#[derive(Debug)]
pub(super) struct Burglar {
    pub(super) network: Network,
}

impl Burglar {
    /// Asks for a page with these cookies.
    pub(super) async fn page(&self, cookies: &str) -> Result<Decision, Failure> {
        self.page_with(cookies, None).await
    }

    /// Asks for a page with these cookies and one more header.
    pub(super) async fn page_with(
        &self,
        cookies: &str,
        extra: Option<(&'static str, &str)>,
    ) -> Result<Decision, Failure> {
        let mut request = Request::new(Method::GET, self.network.origin.at("/account")?)
            .header("cookie", cookies)?
            .header("user-agent", USER_AGENT)?
            .header("sec-fetch-site", "none")?
            .header("sec-fetch-mode", "navigate")?;
        if let Some((name, value)) = extra {
            request = request.header(name, value)?;
        }
        let app = self.network.app.as_ref();
        app.ok_or_else(|| Failure::Usage("the thief needs an app to rob".to_owned()))?.check(&request).await
    }

    /// Posts to the registration endpoint.
    pub(super) async fn register(
        &self,
        proof: Option<&str>,
        cookies: Option<&str>,
    ) -> Result<Answer, Failure> {
        let mut request = self.endpoint(REGISTER, &self.network.origin.serialized(), "same-origin")?;
        if let Some(proof) = proof {
            request = request.header(RESPONSE, proof)?;
        }
        if let Some(cookies) = cookies {
            request = request.header("cookie", cookies)?;
        }
        self.network.public.send(&request).await
    }

    /// Posts to the refresh endpoint.
    pub(super) async fn refresh(&self, session: &str, proof: Option<&str>) -> Result<Answer, Failure> {
        let origin = self.network.origin.serialized();
        self.refresh_from(session, proof, &origin, "same-origin").await
    }

    /// Posts to the refresh endpoint as another site's page would.
    pub(super) async fn refresh_from(
        &self,
        session: &str,
        proof: Option<&str>,
        origin: &str,
        fetch_site: &str,
    ) -> Result<Answer, Failure> {
        let mut request = self.endpoint(REFRESH, origin, fetch_site)?.header(SESSION_ID, session)?;
        if let Some(proof) = proof {
            request = request.header(RESPONSE, proof)?;
        }
        self.network.public.send(&request).await
    }

    fn endpoint(&self, path: &str, origin: &str, fetch_site: &str) -> Result<Request, Failure> {
        Request::new(Method::POST, self.network.origin.at(path)?)
            .header("sec-fetch-mode", "no-cors")?
            .header("sec-fetch-dest", "empty")?
            .header("sec-fetch-site", fetch_site)?
            .header("origin", origin)?
            .header("user-agent", USER_AGENT)
    }
}

/// The value of a cookie that an answer gives, as opposed to one that it removes.
pub(super) fn given_cookie(answer: &Answer, name: &str) -> Option<SetCookie> {
    let cookies = answer.set_cookies().into_iter().filter_map(SetCookie::parse);
    let gives = |set: &SetCookie| {
        set.name == name && !set.value.is_empty() && set.attributes.max_age.is_none_or(|age| age > 0)
    };
    cookies.into_iter().find(gives)
}

const REGISTER: &str = "/_holdfast/dbsc/register";
const REFRESH: &str = "/_holdfast/dbsc/refresh";
