//! One endpoint, one file: what can go wrong, what that means in HTTP, the handler.

pub(crate) mod check;
pub(crate) mod devices;
pub(crate) mod events;
pub(crate) mod ext_authz;
pub(crate) mod jwks;
pub(crate) mod logout;
pub(crate) mod oauth;
pub(crate) mod operations;
pub(crate) mod own_session;
pub(crate) mod refresh;
pub(crate) mod register;
pub(crate) mod resume;
pub(crate) mod sessions;
pub(crate) mod signals;
pub(crate) mod store;
pub(crate) mod verify;

use crate::respond::{Problem, ProblemCode};

/// What is not in the table of routes.
pub(crate) async fn not_found() -> Problem {
    Problem::of(
        ProblemCode::NotFound,
        "there is nothing at this address; see /openapi.json on the internal listener",
    )
}

/// A method that an endpoint does not take.
pub(crate) async fn method_not_allowed() -> Problem {
    Problem::of(ProblemCode::MethodNotAllowed, "this endpoint takes another method; Allow says which")
}
