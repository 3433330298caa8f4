//! What a client says of itself, in the fields of a request.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::{
    agent::{Agent, AgentChange},
    hints::ClientHints,
    signal::{Score, Signal, SignalName},
};
use crate::UnixTime;

/// What a request says of the client that sent it. Values that are only compared are kept as their hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Client {
    /// Whether anything is known of it: an app may not have passed its `User-Agent` on.
    pub is_told: bool,
    /// The browser.
    pub agent: Agent,
    /// What it says of itself beside that.
    pub hints: ClientHints,
    /// The languages that its user likes.
    pub languages: Option<Digest>,
    /// How its TLS handshake looks, if a gateway tells (JA4).
    pub ja4: Option<Digest>,
}

/// The fields of a request that say something of its client, as they came.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClientFields<'a> {
    /// `User-Agent`. Absent if nobody has said whether there was one; a request that came without one has an empty one.
    pub user_agent: Option<&'a str>,
    /// `Sec-CH-UA`.
    pub brands: Option<&'a str>,
    /// `Sec-CH-UA-Mobile`.
    pub mobile: Option<&'a str>,
    /// `Sec-CH-UA-Platform`.
    pub platform: Option<&'a str>,
    /// `Accept-Language`.
    pub languages: Option<&'a str>,
    /// The JA4 fingerprint, from a gateway.
    pub ja4: Option<&'a str>,
}

impl ClientFields<'_> {
    /// All of it as one number, to see whether anything has changed.
    pub fn digest(&self) -> Digest {
        Digest::of(&(self.user_agent, self.brands, self.mobile, self.platform, self.languages, self.ja4))
    }
}

/// A number that stands for a text. Two texts may share one: nothing is granted for equality.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digest(u64);

impl Digest {
    /// The number of a value.
    pub fn of(value: &impl Hash) -> Self {
        let mut hasher = DefaultHasher::new();
        value.hash(&mut hasher);
        Self(hasher.finish())
    }
}

impl Client {
    /// Reads the fields.
    pub fn read(fields: &ClientFields<'_>) -> Self {
        Self {
            is_told: fields.user_agent.is_some(),
            agent: Agent::parse(fields.user_agent.unwrap_or_default()),
            hints: ClientHints::parse(fields.brands, fields.mobile, fields.platform),
            languages: fields.languages.map(|text| Digest::of(&text)),
            ja4: fields.ja4.map(|text| Digest::of(&text)),
        }
    }

    /// What it says that this client is `now` another one. `before` was seen at `seen_at`.
    pub fn changed(&self, seen_at: UnixTime, now_client: &Self, now: UnixTime) -> Signal {
        let change = self.agent.compare(&now_client.agent, now.since(seen_at));
        let (score, what) = match change {
            AgentChange::Automation => (95, "a program now"),
            AgentChange::Fallen => (70, "an older version"),
            AgentChange::Grown => (0, "a newer version"),
            AgentChange::Jumped => (30, "a much newer version"),
            AgentChange::MobileFlip => (20, "the other kind of site"),
            AgentChange::OtherFamily => (80, "another browser"),
            AgentChange::OtherOs => (90, "another system"),
            AgentChange::Same => (0, "the same"),
        };
        let is_the_same = matches!(change, AgentChange::Same);
        // What the client does not tell, or did not, is no difference: proxies add and remove fields.
        let differs =
            |before: Option<Digest>, now: Option<Digest>| before.zip(now).is_some_and(|(b, n)| b != n);
        let found = [
            (score, what),
            // A browser does not change its handshake without a new version. Tools in between have their own.
            (if differs(self.ja4, now_client.ja4) && is_the_same { 70 } else { 0 }, "another TLS handshake"),
            (
                if now_client.hints.fell_silent(&self.hints, &now_client.agent) { 50 } else { 0 },
                "no more hints",
            ),
            // Users do change their languages, but seldom.
            (if differs(self.languages, now_client.languages) { 30 } else { 0 }, "other languages"),
        ];
        let contradictions = now_client.hints.coherent_with(&now_client.agent);
        let mut signal = Signal::new(SignalName::AgentChanged, Score::NONE);
        for (score, what) in found.into_iter().filter(|(score, _)| *score > 0) {
            signal = signal.because("now", what);
            signal.score = signal.score.max(Score::new(score));
        }
        if !contradictions.is_empty() && self.hints.coherent_with(&self.agent).is_empty() {
            let words: Vec<_> = contradictions.iter().map(|found| found.as_str()).collect();
            signal = signal.because("hints_contradict", words.join(", "));
            signal.score = signal.score.max(Score::new(60));
        }
        // Two small differences together are more than one.
        let small = signal.factors.len();
        if small > 1 {
            let more = u8::try_from(small - 1).unwrap_or(u8::MAX).saturating_mul(10);
            signal.score = Score::new(signal.score.get().saturating_add(more));
        }
        signal.because("from", self.agent.family.as_str()).because("to", now_client.agent.family.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const CHROME: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                          Chrome/150.0.0.0 Safari/537.36";
    const BRANDS: &str = "\"Chromium\";v=\"150\", \"Google Chrome\";v=\"150\", \"Not?A_Brand\";v=\"8\"";

    fn browser() -> ClientFields<'static> {
        ClientFields {
            user_agent: Some(CHROME),
            brands: Some(BRANDS),
            mobile: Some("?0"),
            platform: Some("\"Windows\""),
            languages: Some("en-GB,en;q=0.9"),
            ja4: Some("t13d1516h2_8daaf6152771_02713d6af862"),
        }
    }

    fn score(before: &ClientFields<'_>, now: &ClientFields<'_>) -> u8 {
        let at = UnixTime::from_secs(1_800_000_000);
        let later = at.after(Duration::from_secs(600));
        Client::read(before).changed(at, &Client::read(now), later).score.get()
    }

    #[test]
    fn the_same_browser_is_the_same() {
        assert_eq!(score(&browser(), &browser()), 0);
        let newer = CHROME.replace("150", "151");
        let newer_brands = BRANDS.replace("150", "151");
        let updated = ClientFields {
            user_agent: Some(&newer),
            brands: Some(&newer_brands),
            ja4: Some("another"),
            ..browser()
        };
        assert_eq!(score(&browser(), &updated), 0);
    }

    #[test]
    fn what_is_not_told_is_no_difference() {
        let bare = ClientFields { languages: None, ja4: None, ..browser() };
        assert_eq!(score(&browser(), &bare), 0);
        assert_eq!(score(&bare, &browser()), 0);
        assert_eq!(score(&ClientFields::default(), &ClientFields::default()), 0);
    }

    #[test]
    fn a_tool_with_a_copied_agent_gives_itself_away() {
        let no_hints = ClientFields { brands: None, mobile: None, platform: None, ..browser() };
        assert_eq!(score(&browser(), &no_hints), 50);
        let own_handshake = ClientFields { ja4: Some("t13d1715h1_5b57614c22b0_3d5424432f57"), ..browser() };
        assert_eq!(score(&browser(), &own_handshake), 70);
        let on_linux = ClientFields { platform: Some("\"Linux\""), ..browser() };
        assert_eq!(score(&browser(), &on_linux), 60);
        let languages = ClientFields { languages: Some("ru"), ..browser() };
        assert_eq!(score(&browser(), &languages), 30);
        let all = ClientFields { languages: Some("ru"), ja4: Some("x"), ..no_hints };
        assert!(score(&browser(), &all) >= 85);
        let program = ClientFields { user_agent: Some("python-requests/2.32.3"), ..ClientFields::default() };
        assert_eq!(score(&browser(), &program), 95);
        let older = CHROME.replace("150", "120");
        assert!(score(&browser(), &ClientFields { user_agent: Some(&older), ..browser() }) >= 70);
    }
}
