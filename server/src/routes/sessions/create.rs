//! `POST /v1/sessions`: the app has just authenticated a user.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use holdfast_core::session::{Client, DeviceId, Login, MalformedDeviceId};
use holdfast_policy::groups;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    AuthInput, begun_answer,
    grant::{GrantInput, code_answer},
};
use crate::{
    context::Context,
    extract::{AppPermit, Json, Object, user_agent},
    house::{App, Holdfast},
    respond::Problem,
    sessions::{begin, is_user, open},
};

/// Begins the new session, and ends the one that the browser had.
pub(crate) async fn create(
    State(house): State<Arc<Holdfast>>,
    AppPermit(app): AppPermit,
    context: Context,
    Json(input): Json<Input>,
) -> Result<Response, Problem> {
    let previous = input.previous_cookie.clone();
    let (kind, login) = input.accept(&house, &app)?;
    house.admit_write(&context)?;
    match kind {
        Kind::Browser => {
            let begun = begin(&house, login, previous.as_deref(), &context).await?;
            Ok(begun_answer(&house, &begun, context.now))
        }
        Kind::OAuth => {
            let session = open(&house, login, None, &context).await?;
            Ok(code_answer(&house, &session, context.now))
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    #[serde(default)]
    kind: Kind,
    user: Box<str>,
    auth: Option<Object<AuthInput>>,
    client: Option<Object<ClientInput>>,
    attributes: Option<Box<RawValue>>,
    previous_cookie: Option<Box<str>>,
    client_id: Option<Box<str>>,
    redirect_uri: Option<Box<str>>,
    scope: Option<Box<str>>,
    audience: Option<Box<str>>,
    code_challenge: Option<Box<str>>,
    code_challenge_method: Option<Box<str>>,
    dpop_jkt: Option<Box<str>>,
}

/// For whom a session is.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Kind {
    /// A browser, which gets cookies.
    #[default]
    Browser,
    /// An OAuth client, which gets a code.
    OAuth,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClientInput {
    ip: Option<Box<str>>,
    user_agent: Option<Box<str>>,
    device_id: Option<Box<str>>,
}

impl Input {
    fn accept(self, house: &Holdfast, app: &App) -> Result<(Kind, Login), Problem> {
        refuse_bad_user(&self.user)?;
        let asked = GrantInput {
            client_id: self.client_id,
            redirect_uri: self.redirect_uri,
            scope: self.scope,
            audience: self.audience,
            code_challenge: self.code_challenge,
            code_challenge_method: self.code_challenge_method,
            dpop_jkt: self.dpop_jkt,
        };
        let grant = match self.kind {
            Kind::Browser => asked.refuse().map(|()| None)?,
            Kind::OAuth if self.previous_cookie.is_some() => {
                let detail = "previous_cookie is for browsers; an OAuth client has no cookie";
                return Err(Problem::bad_request(detail));
            }
            Kind::OAuth => Some(asked.accept(house, app)?),
        };
        let login = Login {
            app: Arc::clone(&app.name),
            user: self.user,
            auth: self.auth.map(|Object(auth)| auth.accept()).transpose()?,
            client: self.client.map(|Object(client)| client.accept()).transpose()?,
            attributes: self.attributes.as_deref().map(accept_attributes).transpose()?,
            grant,
        };
        Ok((self.kind, login))
    }
}

impl ClientInput {
    fn accept(self) -> Result<Box<Client>, Problem> {
        let parse =
            |ip: Box<str>| ip.parse().map_err(|_| Problem::bad_request("client.ip is not an IP address"));
        Ok(Box::new(Client {
            ip: self.ip.map(parse).transpose()?,
            user_agent: self.user_agent.map(|text| Arc::from(user_agent(&text))),
            device_id: self.device_id.as_deref().map(device_id).transpose()?,
        }))
    }
}

fn device_id(text: &str) -> Result<DeviceId, Problem> {
    text.parse().map_err(|malformed: MalformedDeviceId| {
        Problem::bad_request(format!("client.device_id: {malformed}"))
    })
}

fn refuse_bad_user(user: &str) -> Result<(), Problem> {
    if is_user(user) {
        return Ok(());
    }
    let detail =
        "user must be 1 to 256 bytes, without control characters and without white space at its ends";
    Err(Problem::bad_request(detail))
}

fn accept_attributes(raw: &RawValue) -> Result<Box<str>, Problem> {
    let text = raw.get();
    if text.len() > MAX_ATTRIBUTES_BYTES {
        return Err(Problem::bad_request(
            "attributes are larger than 4096 bytes; keep large things in the app",
        ));
    }
    // Kept as it was written: numbers that no float can hold stay as they are.
    match serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text) {
        Ok(_object) => refuse_bad_groups(text).map(|()| text.into()),
        Err(_) => Err(Problem::bad_request("attributes must be a JSON object")),
    }
}

/// Policies ask for the groups: those that they could not read would be none, and a policy against them would be silent.
fn refuse_bad_groups(attributes: &str) -> Result<(), Problem> {
    let is_group = |group: &str| (1..=MAX_GROUP_BYTES).contains(&group.len());
    match groups(attributes) {
        Ok(groups) if groups.len() <= MAX_GROUPS && groups.iter().all(|group| is_group(group)) => Ok(()),
        Ok(_) | Err(_) => Err(Problem::bad_request(
            "attributes.groups, if it is there, must be there once and be a list of at most 64 texts of 1 to 128 bytes",
        )),
    }
}

const MAX_ATTRIBUTES_BYTES: usize = 4096;
const MAX_GROUPS: usize = 64;
const MAX_GROUP_BYTES: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_a_list_of_texts_or_are_refused() {
        let list = |count: usize| format!("{:?}", vec!["g"; count]);
        let is_taken = |attributes: &str| {
            accept_attributes(&RawValue::from_string(attributes.to_owned()).unwrap()).is_ok()
        };
        let long = "x".repeat(128);
        for groups in ["[]", r#"["staff"]"#, r#"["a b", "Zoë"]"#, &list(64), &format!("[{long:?}]")] {
            assert!(is_taken(&format!(r#"{{"groups": {groups}, "x": 7}}"#)), "{groups}");
        }
        assert!(is_taken("{}") && is_taken(r#"{"x": {"groups": 7}}"#));
        for groups in [
            r#"["staff", 7]"#,
            r#"["staff", null]"#,
            r#"[["staff"]]"#,
            r#""staff""#,
            r#"{"staff": true}"#,
            "null",
            "7",
            r#"[""]"#,
            r#"["staff"], "groups": ["staff"]"#,
            &list(65),
            &format!("[\"{long}x\"]"),
        ] {
            assert!(!is_taken(&format!(r#"{{"groups": {groups}}}"#)), "{groups}");
        }
    }

    #[test]
    fn users_survive_a_header() {
        for user in ["alice", "a b", "Zoë", "urn:user:1", &"x".repeat(256)] {
            assert!(refuse_bad_user(user).is_ok(), "{user}");
        }
        for user in ["", " alice", "alice ", "a\nb", "a\0b", "a\u{7f}", "\u{a0}a", &"x".repeat(257)] {
            assert!(refuse_bad_user(user).is_err(), "{user:?}");
        }
    }
}
