//! A session as the outside sees it.

use holdfast_core::{
    UnixTime,
    session::{Activity, Session, Standing},
};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::{house::Holdfast, telemetry::rfc3339};

/// A session as JSON. It holds no credential and nothing that would become one.
#[derive(Serialize)]
pub(crate) struct SessionView<'a> {
    id: String,
    app: &'a str,
    user: &'a str,
    state: &'static str,
    locked: bool,
    end_reason: Option<&'static str>,
    created_at: String,
    last_seen_at: String,
    idle_expires_at: String,
    expires_at: String,
    ended_at: Option<String>,
    binding: BindingView,
    auth: AuthView<'a>,
    client: ClientView<'a>,
    attributes: &'a RawValue,
}

#[derive(Serialize)]
struct BindingView {
    method: &'static str,
    level: &'static str,
    algorithm: Option<&'static str>,
    key_thumbprint: Option<String>,
    bound_at: Option<String>,
    last_proof_at: Option<String>,
    proofs: u32,
}

#[derive(Serialize)]
struct AuthView<'a> {
    acr: Option<&'a str>,
    amr: &'a [Box<str>],
    auth_time: String,
}

#[derive(Serialize)]
struct ClientView<'a> {
    ip: Option<std::net::IpAddr>,
    user_agent: Option<&'a str>,
    device_id: Option<&'a str>,
}

impl<'a> SessionView<'a> {
    /// How a session looks at `now`.
    pub(crate) fn of(house: &Holdfast, session: &'a Session, activity: Activity, now: UnixTime) -> Self {
        let record = session.record();
        let (ended, locked) = match house.standing(session, activity, now) {
            Standing::Ended(ended) => (Some(ended), false),
            Standing::Locked(_) => (None, true),
            Standing::Active | Standing::BindingOverdue => (None, false),
        };
        Self {
            id: record.id.to_string(),
            app: &record.app,
            user: &record.user,
            state: if ended.is_some() { "ended" } else { "active" },
            locked,
            end_reason: ended.map(|ended| ended.reason.as_str()),
            created_at: rfc3339(record.created_at),
            last_seen_at: rfc3339(activity.last_seen.max(record.created_at)),
            idle_expires_at: rfc3339(session.idle_at(activity, &house.policy, now)),
            expires_at: rfc3339(session.absolute_at(&house.policy, now)),
            ended_at: ended.map(|ended| rfc3339(ended.at)),
            binding: BindingView::of(session),
            auth: AuthView {
                acr: record.auth.as_ref().and_then(|auth| auth.acr.as_deref()),
                amr: record.auth.as_ref().map_or(&[], |auth| &auth.amr),
                auth_time: rfc3339(record.auth_time()),
            },
            client: ClientView {
                ip: record.client.as_ref().and_then(|client| client.ip),
                user_agent: record.client.as_ref().and_then(|client| client.user_agent.as_deref()),
                device_id: record
                    .client
                    .as_ref()
                    .and_then(|client| Some(client.device_id.as_ref()?.as_str())),
            },
            attributes: serde_json::from_str(record.attributes.as_deref().unwrap_or("{}"))
                .unwrap_or(RawValue::NULL),
        }
    }
}

impl BindingView {
    fn of(session: &Session) -> Self {
        let binding = session.record().binding.as_deref();
        Self {
            method: binding.map_or("none", |binding| binding.method.as_str()),
            level: session.level().as_str(),
            algorithm: binding.map(|binding| binding.key.algorithm().as_str()),
            key_thumbprint: binding.map(|binding| binding.key.thumbprint().to_string()),
            bound_at: binding.map(|binding| rfc3339(binding.bound_at)),
            last_proof_at: binding.map(|binding| rfc3339(binding.last_proof_at)),
            proofs: session.generation(),
        }
    }
}
