//! A token that was sent to be looked up or given back.

use holdfast_core::{
    UnixTime,
    oauth::{AccessToken, AuthenticRefreshToken},
};
use holdfast_store::{Backend, Found};

use crate::{error::Trouble, house::Holdfast};

/// A token of ours, of either kind. What has become of it is for its session to say.
pub(super) enum Named {
    Access(Box<AccessToken>),
    Refresh(AuthenticRefreshToken),
}

impl Named {
    /// Reads a token. `None` if it is none of ours, or an access token that has expired.
    pub(super) fn read(house: &Holdfast, text: &str, now: UnixTime) -> Result<Option<Self>, Trouble> {
        if let Some(token) = AuthenticRefreshToken::open(&house.keyring, text) {
            return Ok(Some(Self::Refresh(token)));
        }
        let token = house.oauth.tokens.of_any_app(house, text, now)?;
        Ok(token.map(|token| Self::Access(Box::new(token))))
    }

    /// The session that it names, whatever has become of either.
    pub(super) async fn session(&self, house: &Holdfast) -> Result<Option<Found>, Trouble> {
        let id = match self {
            Self::Access(token) => token.session,
            Self::Refresh(token) => Some(token.session()),
        };
        Ok(match id {
            Some(id) => house.store.load(id).await?,
            None => None,
        })
    }
}
