//! What a login gives to a browser, and what a device makes of it.

use anyhow::{Context as _, Result, anyhow, bail, ensure};

use super::{Answer, COOKIE, Device, HINT};

/// A login: what the app relays to its user's browser.
#[derive(Clone, Debug)]
pub struct Login {
    /// The session's id.
    pub id: String,
    /// The login cookie's value.
    pub cookie: String,
    /// The offer to register.
    pub offer: Offer,
    /// The whole answer.
    pub answer: Answer,
}

impl Login {
    /// Reads the answer of create or regenerate.
    pub fn read(answer: Answer) -> Result<Self> {
        let id = answer.text_at("/session/id")?.to_owned();
        let headers: Vec<(String, String)> =
            serde_json::from_value(answer.at("/response_headers").clone()).context(answer.text.clone())?;
        let prefix = format!("{COOKIE}=");
        let cookie = headers
            .iter()
            .filter(|(name, _)| name == "Set-Cookie")
            .find_map(|(_, value)| value.strip_prefix(&prefix)?.split(';').next().map(str::to_owned));
        let offer = headers.iter().find(|(name, _)| name == "Secure-Session-Registration");
        let offer = Offer::read(&offer.context("no offer to register")?.1)?;
        Ok(Self { id, cookie: cookie.context("no login cookie")?, offer, answer })
    }

    /// The `Cookie` header of a browser that has this login, hint included.
    #[must_use]
    pub fn cookies(&self) -> String {
        format!("{COOKIE}={}; {HINT}=1", self.cookie)
    }
}

/// What `Secure-Session-Registration` says, read as a strict parser of structured fields reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The algorithms, in the server's order.
    pub algorithms: Vec<String>,
    /// Where to register.
    pub path: String,
    /// The challenge.
    pub challenge: String,
    /// The one-time code.
    pub authorization: String,
}

impl Offer {
    /// Reads the header's value: exactly one inner list of tokens, its parameters strings.
    pub fn read(value: &str) -> Result<Self> {
        let list: sfv::List = sfv::Parser::new(value).parse().map_err(|error| anyhow!("{error}"))?;
        let [sfv::ListEntry::InnerList(inner)] = list.as_slice() else {
            bail!("not one inner list: {value}")
        };
        let tokens = inner.items.iter().map(|item| item.bare_item.as_token().map(|token| token.to_string()));
        let text = |name: &str| {
            let value = inner.params.get(name).and_then(|value| value.as_string());
            Ok::<_, anyhow::Error>(value.with_context(|| format!("no string {name}"))?.as_str().to_owned())
        };
        ensure!(inner.params.len() == 3, "other parameters: {value}");
        Ok(Self {
            algorithms: tokens.collect::<Option<_>>().context("an algorithm is a token")?,
            path: text("path")?,
            challenge: text("challenge")?,
            authorization: text("authorization")?,
        })
    }
}

/// A bound session with its device.
#[derive(Debug)]
pub struct Bound {
    /// The session's id.
    pub id: String,
    /// The current cookie's value.
    pub cookie: String,
    /// The next challenge.
    pub challenge: String,
    /// The key.
    pub device: Device,
}

impl Bound {
    /// Reads the answer to a registration.
    pub fn read(id: &str, device: Device, answer: &Answer) -> Result<Self> {
        let mut bound = Self { id: id.to_owned(), cookie: String::new(), challenge: String::new(), device };
        bound.take(answer)?;
        Ok(bound)
    }

    /// Takes cookie and challenge from an answer.
    pub fn take(&mut self, answer: &Answer) -> Result<()> {
        self.cookie = answer.cookie(COOKIE).filter(|value| !value.is_empty()).context("no bound cookie")?;
        self.challenge = answer.challenge(&self.id).context("no next challenge")?;
        Ok(())
    }
}
