//! The OAuth clients of the configuration, and how they show who they are (RFC 6749 §2).

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, header};

use crate::{config::ClientConfig, house::App, token::TokenHash};

/// An OAuth client.
pub(crate) struct Client {
    pub(crate) id: Arc<str>,
    pub(crate) app: Arc<App>,
    pub(crate) redirect_uris: Vec<String>,
    pub(crate) scopes: Vec<String>,
    pub(crate) audiences: Vec<String>,
    secret: Option<TokenHash>,
}

/// All of them.
pub(crate) struct Clients(Vec<Client>);

/// What a request says of its sender.
#[derive(Debug)]
pub(crate) struct Presented {
    pub(crate) id: String,
    secret: Option<TokenHash>,
}

/// Why nothing is known of the sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotPresented {
    /// The request names no client.
    Nobody,
    /// It names one in two ways, or unreadably.
    Malformed,
}

impl Client {
    /// A client with a secret that it can keep.
    pub(crate) const fn is_confidential(&self) -> bool {
        self.secret.is_some()
    }

    /// Where its access tokens may be good, the first unless it asks for another.
    pub(crate) fn audiences(&self) -> impl Iterator<Item = &str> {
        let own = self.audiences.is_empty().then(|| self.app.origin.as_str());
        own.into_iter().chain(self.audiences.iter().map(String::as_str))
    }
}

impl Clients {
    /// The clients of the configuration, each of which names a configured app.
    pub(crate) fn new(configured: Vec<ClientConfig>, apps: &[Arc<App>]) -> Self {
        let client = |config: ClientConfig| {
            let app = apps.iter().find(|app| *app.name == *config.app)?;
            Some(Client {
                id: config.client_id.into(),
                app: Arc::clone(app),
                redirect_uris: config.redirect_uris,
                scopes: config.scopes,
                audiences: config.audiences,
                secret: config.secret,
            })
        };
        Self(configured.into_iter().filter_map(client).collect())
    }

    pub(crate) fn named(&self, id: &str) -> Option<&Client> {
        self.0.iter().find(|client| *client.id == *id)
    }

    pub(crate) fn of_app<'a>(&'a self, app: &'a App) -> impl Iterator<Item = &'a Client> {
        self.0.iter().filter(|client| *client.app.name == *app.name)
    }

    /// The client that a request comes from: one with a secret has shown it, one without has shown none.
    pub(crate) fn authenticate(&self, presented: &Presented) -> Option<&Client> {
        let client = self.named(&presented.id)?;
        match (&client.secret, &presented.secret) {
            (None, None) => Some(client),
            (Some(secret), Some(shown)) => secret.matches(shown).map(|_matches| client),
            (Some(_), None) | (None, Some(_)) => None,
        }
    }

    /// Whether pages of this origin may read the answers of the token endpoint: those that codes are sent to.
    pub(crate) fn speak_from(&self, origin: &str) -> bool {
        self.0.iter().flat_map(|client| &client.redirect_uris).any(|uri| origin_of(uri) == Some(origin))
    }
}

impl Presented {
    /// Reads HTTP Basic, or `client_id` and `client_secret` of the form (RFC 6749 §2.3.1); one of the two.
    pub(crate) fn read(
        headers: &HeaderMap,
        form_id: Option<&str>,
        form_secret: Option<&str>,
    ) -> Result<Self, NotPresented> {
        let mut fields = headers.get_all(header::AUTHORIZATION).iter();
        let basic = match (fields.next(), fields.next()) {
            (None, _) => None,
            (Some(field), None) => Some(read_basic(field.to_str().unwrap_or_default())?),
            (Some(_), Some(_)) => return Err(NotPresented::Malformed),
        };
        match (basic, form_id, form_secret) {
            (Some((id, secret)), None, None) => Ok(Self { id, secret: Some(TokenHash::of(&secret)) }),
            // Naming itself a second time, the same way, is no second way of authenticating.
            (Some((id, secret)), Some(again), None) if id == again => {
                Ok(Self { id, secret: Some(TokenHash::of(&secret)) })
            }
            (Some(_), _, _) => Err(NotPresented::Malformed),
            (None, Some(id), secret) => Ok(Self { id: id.to_owned(), secret: secret.map(TokenHash::of) }),
            (None, None, Some(_)) => Err(NotPresented::Malformed),
            (None, None, None) => Err(NotPresented::Nobody),
        }
    }
}

/// Id and secret of an `Authorization: Basic`, each form-encoded before it was put there (RFC 6749 §2.3.1).
fn read_basic(field: &str) -> Result<(String, String), NotPresented> {
    let (scheme, rest) = field.split_once(' ').ok_or(NotPresented::Malformed)?;
    let bytes = STANDARD.decode(rest.trim_start_matches(' ')).map_err(|_| NotPresented::Malformed)?;
    let text = String::from_utf8(bytes).map_err(|_| NotPresented::Malformed)?;
    let (id, secret) = text.split_once(':').ok_or(NotPresented::Malformed)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(NotPresented::Malformed);
    }
    Ok((form_decoded(id), form_decoded(secret)))
}

fn form_decoded(text: &str) -> String {
    // A text without "=" and "&" is the name of one parameter without a value.
    let escaped = text.replace('=', "%3D").replace('&', "%26");
    form_urlencoded::parse(escaped.as_bytes()).next().map(|(name, _)| name.into_owned()).unwrap_or_default()
}

fn origin_of(uri: &str) -> Option<&str> {
    let host = uri.find("://")? + 3;
    let end = uri.get(host..)?.find(['/', '?', '#']).map_or(uri.len(), |end| host + end);
    uri.get(..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(text: &str) -> HeaderMap {
        let value = format!("Basic {}", STANDARD.encode(text));
        HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())])
    }

    #[test]
    fn a_client_shows_itself_in_one_way() {
        let read = |headers: &HeaderMap, id, secret| Presented::read(headers, id, secret);
        let shown = read(&basic("a%2Db:s%3D+x"), None, None).unwrap();
        assert_eq!(shown.id, "a-b");
        assert!(shown.secret == Some(TokenHash::of("s= x")));
        let none = HeaderMap::new();
        assert!(read(&none, Some("a"), None).is_ok_and(|shown| shown.secret.is_none()));
        assert!(read(&none, Some("a"), Some("s")).is_ok_and(|shown| shown.secret.is_some()));
        assert_eq!(read(&none, None, None).unwrap_err(), NotPresented::Nobody);
        for (headers, id, secret) in [
            (basic("a:s"), Some("b"), None),
            (basic("a:s"), Some("a"), Some("s")),
            (basic("a:s"), None, Some("s")),
            (basic("as"), None, None),
            (none, None, Some("s")),
        ] {
            assert_eq!(read(&headers, id, secret).unwrap_err(), NotPresented::Malformed, "{headers:?}");
        }
        let bearer = HeaderMap::from_iter([(header::AUTHORIZATION, "Bearer x".parse().unwrap())]);
        assert_eq!(read(&bearer, Some("a"), None).unwrap_err(), NotPresented::Malformed);
    }

    #[test]
    fn origins_end_where_the_path_begins() {
        assert_eq!(origin_of("https://spa.example/cb?x"), Some("https://spa.example"));
        assert_eq!(origin_of("https://spa.example"), Some("https://spa.example"));
        assert_eq!(origin_of("com.example.app:/cb"), None);
    }
}
