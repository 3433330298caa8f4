//! What the server's configuration knows of a client.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::encoding::base64;
use crate::http::Request;

/// A client, and what it asks for.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// Its name.
    pub client_id: String,
    /// Where its codes are sent.
    pub redirect_uri: String,
    /// The scope to ask for; the server's choice without one.
    pub scope: Option<String>,
    /// Where the access tokens shall be good; the app's origin without one.
    pub audience: Option<String>,
    /// The secret of a confidential client.
    pub secret: Option<String>,
}

impl Registration {
    /// A public client that asks for nothing in particular.
    pub fn public(client_id: &str) -> Self {
        let redirect_uri = REDIRECT_URI.to_owned();
        Self { client_id: client_id.to_owned(), redirect_uri, scope: None, audience: None, secret: None }
    }

    /// A form for the token endpoint, with the client's name or its authentication (RFC 6749 §2.3.1).
    pub(crate) fn post(&self, request: Request, form: &[(&str, &str)]) -> Result<Request, Failure> {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(form);
        let mut request = request
            .header("content-type", "application/x-www-form-urlencoded")?
            .header("accept", "application/json")?;
        match self.authorization() {
            Some(authorization) => request = request.header("authorization", &authorization)?,
            None => drop(body.append_pair("client_id", &self.client_id)),
        }
        request.body = body.finish().into_bytes();
        Ok(request)
    }

    /// `Authorization: Basic` of a confidential client. Name and secret are form-encoded first.
    fn authorization(&self) -> Option<String> {
        let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let secret = self.secret.as_deref()?;
        Some(format!(
            "Basic {}",
            base64(format!("{}:{}", encoded(&self.client_id), encoded(secret)).as_bytes())
        ))
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration")
            .field("client_id", &self.client_id)
            .field("redirect_uri", &self.redirect_uri)
            .field("scope", &self.scope)
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}

/// Nobody listens there: the simulated app hands over its codes directly.
pub const REDIRECT_URI: &str = "http://127.0.0.1/callback";

#[cfg(test)]
mod tests {
    use http::Method;
    use url::Url;

    use super::*;

    fn posted(client: &Registration) -> Request {
        let url = Url::parse("https://shop.example/token").unwrap();
        client.post(Request::new(Method::POST, url), &[("code", "a b&c")]).unwrap()
    }

    #[test]
    fn a_public_client_names_itself_and_a_confidential_one_proves_itself() {
        let mut client = Registration::public("shop cli");
        assert_eq!(posted(&client).body, b"code=a+b%26c&client_id=shop+cli");
        client.secret = Some("s:s".to_owned());
        let request = posted(&client);
        assert_eq!(request.body, b"code=a+b%26c");
        // shop+cli:s%3As
        assert_eq!(request.headers.get("authorization").unwrap(), "Basic c2hvcCtjbGk6cyUzQXM=");
        assert!(!format!("{client:?}").contains("s:s"));
    }
}
