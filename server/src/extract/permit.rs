//! Who asks on the internal listener.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::{HeaderMap, HeaderValue, header, request::Parts};

use crate::{
    house::{App, Holdfast},
    respond::{Problem, ProblemCode},
    token::TokenHash,
};

/// The caller holds the API token of this app.
pub(crate) struct AppPermit(pub(crate) Arc<App>);

/// The caller holds the operators' token.
pub(crate) struct OperatorPermit(());

/// The caller is an app or an operator.
pub(crate) enum Permit {
    App(Arc<App>),
    Operator,
}

impl Permit {
    /// Whether the caller may see sessions of this app.
    pub(crate) fn covers(&self, app: &str) -> bool {
        match self {
            Self::App(own) => *own.name == *app,
            Self::Operator => true,
        }
    }

    /// The app whose sessions the caller may see; all of them if `None`.
    pub(crate) fn app(&self) -> Option<&str> {
        match self {
            Self::App(app) => Some(&app.name),
            Self::Operator => None,
        }
    }
}

impl FromRequestParts<Arc<Holdfast>> for Permit {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, house: &Arc<Holdfast>) -> Result<Self, Problem> {
        let presented = TokenHash::of(bearer(&parts.headers)?);
        let operator = house.operators.as_ref().and_then(|token| token.matches(&presented));
        match (operator, house.app_of_token(&presented)) {
            (Some(_matches), _) => Ok(Self::Operator),
            (None, Some(app)) => Ok(Self::App(Arc::clone(app))),
            (None, None) => {
                Err(unauthorized("this API token is not known here; the configuration holds its SHA-256"))
            }
        }
    }
}

impl FromRequestParts<Arc<Holdfast>> for AppPermit {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, house: &Arc<Holdfast>) -> Result<Self, Problem> {
        match Permit::from_request_parts(parts, house).await? {
            Permit::App(app) => Ok(Self(app)),
            Permit::Operator => Err(forbidden("this call needs the token of an app, not the operators'")),
        }
    }
}

impl FromRequestParts<Arc<Holdfast>> for OperatorPermit {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, house: &Arc<Holdfast>) -> Result<Self, Problem> {
        match Permit::from_request_parts(parts, house).await? {
            Permit::Operator => Ok(Self(())),
            Permit::App(_) => Err(forbidden("this call needs the operators' token, not an app's")),
        }
    }
}

fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(unauthorized("send exactly one Authorization header: \"Bearer\" and the API token"));
    };
    let text = value.to_str().unwrap_or_default();
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    if scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() {
        Ok(token.trim_start_matches(' '))
    } else {
        Err(unauthorized("the Authorization header must be \"Bearer\" and the API token"))
    }
}

fn unauthorized(detail: &'static str) -> Problem {
    Problem::of(ProblemCode::Unauthorized, detail)
        .with(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"holdfast\""))
}

fn forbidden(detail: &'static str) -> Problem {
    Problem::of(ProblemCode::Forbidden, detail)
}
