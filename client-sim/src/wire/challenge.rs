//! `Secure-Session-Challenge`: something fresh to sign, for one session.

use sfv::{List, ListEntry, Parser};

use super::string_of;

/// A challenge and the session it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// What becomes the proof's `jti`.
    pub text: String,
    /// The session's id.
    pub session: String,
}

/// Reads every usable challenge. A syntax error anywhere loses all of them.
pub fn challenges(header: &str) -> Vec<Challenge> {
    let Ok(list) = Parser::new(header).parse::<List>() else { return Vec::new() };
    list.iter().filter_map(challenge).collect()
}

/// The last challenge for `session`: with several, the last one wins.
pub fn challenge_for(header: &str, session: &str) -> Option<String> {
    challenges(header).into_iter().rev().find(|challenge| challenge.session == session).map(|c| c.text)
}

fn challenge(entry: &ListEntry) -> Option<Challenge> {
    let ListEntry::Item(item) = entry else { return None };
    let text = string_of(&item.bare_item).filter(|text| !text.is_empty())?;
    let (_, id) = item.params.iter().find(|(key, _)| key.as_str() == "id")?;
    Some(Challenge { text, session: string_of(id)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_one_for_a_session_wins() {
        let header = r#""a";id="s", "b";id="t", "c\"\\";id="s""#;
        assert_eq!(challenge_for(header, "s").as_deref(), Some("c\"\\"));
        assert_eq!(challenge_for(header, "t").as_deref(), Some("b"));
    }

    #[test]
    fn wrong_entries_are_skipped_and_wrong_syntax_loses_all() {
        assert_eq!(challenges(r#"1;id="s", "b";id="s""#).len(), 1);
        for header in [r#""a""#, r#""a";id=s"#, r#"a;id="s""#, r#""";id="s""#, r#""a";id="s","#] {
            assert_eq!(challenges(header), [], "{header}");
        }
    }
}
