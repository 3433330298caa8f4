//! The demo app of development mode: a stand-in for any app in any language. What it does with sessions, it does by the
//! same calls that an app makes, and it obeys the answers.

pub(crate) mod authority;
mod pages;
mod story;
mod thief;
mod timeline;

use std::{collections::VecDeque, sync::Arc};

use axum::{
    Router,
    routing::{get, post},
};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use parking_lot::Mutex;

use crate::{
    checks::{Answer, Question, check},
    context::Context,
    error::Trouble,
    extract::{
        authorization::Authorization,
        cookies::{self, Credential},
        dbsc::SKIPPED,
    },
    house::{App, Holdfast},
    router,
};

/// The public routes, and the demo app beside them.
pub(crate) fn router(house: Arc<Holdfast>) -> Router {
    let Some(app) = house.apps.first().map(Arc::clone) else { return router::public(house) };
    let demo = Arc::new(Demo { house: Arc::clone(&house), app, copies: Mutex::default() });
    let pages = Router::new()
        .route("/", get(pages::home))
        .route("/private", get(pages::private))
        .route("/login", post(pages::login))
        .route("/everywhere", post(pages::everywhere))
        .route("/state", get(pages::state))
        .route("/thief", get(thief::page))
        .route("/thief/copy", post(thief::copy))
        .route("/thief/try", get(thief::attempt))
        .route("/demo/events", get(timeline::events))
        .route("/demo.css", get(pages::style))
        .route("/demo.js", get(pages::script))
        .with_state(demo);
    router::finish(router::public_routes().merge(pages), house)
}

/// The demo app.
pub(super) struct Demo {
    house: Arc<Holdfast>,
    app: Arc<App>,
    /// Cookies that visitors let the thief copy: his number and the value.
    copies: Mutex<VecDeque<(String, String)>>,
}

impl Demo {
    /// Asks Holdfast about a request, as a gateway or a back end would.
    async fn check(
        &self,
        method: &str,
        target: &str,
        headers: &HeaderMap,
        credential: Credential<'_>,
        context: &Context,
    ) -> Result<Answer, Trouble> {
        let values = |name| bytes(headers, name);
        let question = Question {
            credential,
            // The demo is a site for browsers.
            authorization: Authorization::None,
            client_ip: Some(context.client_ip),
            ..Question::read(&self.house, &self.app, method, Some(target), values).heard()
        };
        self.house.count_skipped(bytes(headers, SKIPPED));
        check(&self.house, &question, context).await
    }

    /// The session cookie of a request.
    fn credential<'a>(&self, headers: &'a HeaderMap) -> Credential<'a> {
        cookies::credential(bytes(headers, header::COOKIE), &self.house.cookie_name)
    }
}

fn bytes(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &[u8]> {
    headers.get_all(name).into_iter().map(HeaderValue::as_bytes)
}

fn texts(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    headers.get_all(name).into_iter().map(|value| value.to_str().unwrap_or_default())
}
