//! `holdfast new-token`.

use super::Exit;
use crate::{TokenHash, random::random, token::new_token};

/// Makes an API token and shows it with its line for the configuration.
pub(super) fn show_new_token() -> Exit {
    match random() {
        Ok(bytes) => {
            let token = new_token(bytes);
            let hash = TokenHash::of(&token);
            Exit::done(format!(
                "{token}\n\ntoken_sha256 = \"{hash}\"\n\nGive the first line to the app and keep it nowhere else; the second goes into the configuration."
            ))
        }
        Err(trouble) => Exit::failed(trouble.to_string()),
    }
}
