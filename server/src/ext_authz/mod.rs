//! Envoy's `ext_authz` over gRPC: the messages of `envoy.service.auth.v3.Authorization`, and how they are read and
//! written. What is decided is decided where every gateway's question is.

mod answer;
pub(crate) mod proto;
mod question;

pub(crate) use answer::answer;
pub(crate) use question::EnvoyQuestion;
