//! User-agent client hints: what a browser made of Chromium says of itself beside its `User-Agent`.
//!
//! Whoever changes one of the two without the other contradicts himself; tools that replay cookies with a copied `User-Agent` forget
//! the hints, or send their own.

use sfv::{BareItem, Item, List, ListEntry, Parser};

use super::agent::{Agent, Family, Os};

/// The hints that are sent with every request over HTTPS (<https://wicg.github.io/ua-client-hints/>).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ClientHints {
    /// The browser that the list of brands names beside Chromium, with its major version.
    pub brand: Option<(Family, u16)>,
    /// The major version of Chromium.
    pub chromium: Option<u16>,
    /// `Sec-CH-UA-Mobile`.
    pub mobile: Option<bool>,
    /// `Sec-CH-UA-Platform`.
    pub platform: Option<Os>,
    /// Whether a brand is that of a browser without a window.
    pub headless: bool,
    /// Whether a field was there that no browser writes like that.
    pub malformed: bool,
}

/// In what hints and `User-Agent` do not go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Contradiction {
    /// Another browser is named.
    Brand,
    /// The hints come from a browser without a window, and the agent does not say so.
    Headless,
    /// A field that no browser writes like that.
    Malformed,
    /// One is for small screens and the other is not.
    Mobile,
    /// Another operating system.
    Platform,
    /// Browsers of this family send no hints.
    Unexpected,
    /// Another version.
    Version,
}

impl ClientHints {
    /// Reads the fields `Sec-CH-UA`, `Sec-CH-UA-Mobile` and `Sec-CH-UA-Platform`, each as it came, none if it did not.
    pub fn parse(brands: Option<&str>, mobile: Option<&str>, platform: Option<&str>) -> Self {
        let mut hints = Self::default();
        if let Some(value) = brands {
            hints.read_brands(value);
        }
        if let Some(value) = mobile {
            hints.mobile = read_mobile(value);
            hints.malformed |= hints.mobile.is_none();
        }
        if let Some(value) = platform {
            hints.platform = read_platform(value);
            hints.malformed |= hints.platform.is_none();
        }
        hints
    }

    /// Whether any came.
    pub fn are_sent(&self) -> bool {
        *self != Self::default()
    }

    /// Whether this client sent hints `before` and does not now, although its `User-Agent` is still of a browser that does. No
    /// browser stops; but over plain HTTP none of them begins, so that the absence alone says nothing.
    pub fn fell_silent(&self, before: &Self, now: &Agent) -> bool {
        before.are_sent() && !self.are_sent() && now.sends_hints()
    }

    /// In what these hints contradict the agent of the same request. Hints that were not sent contradict nothing.
    pub fn coherent_with(&self, agent: &Agent) -> Vec<Contradiction> {
        if !self.are_sent() {
            return Vec::new();
        }
        let found = [
            (Contradiction::Brand, self.names_another_brand(agent)),
            (Contradiction::Headless, self.headless && !agent.automation),
            (Contradiction::Malformed, self.malformed),
            (Contradiction::Mobile, self.mobile.is_some_and(|mobile| mobile != agent.mobile)),
            (Contradiction::Platform, self.platform.is_some_and(|os| os != agent.os)),
            (Contradiction::Unexpected, !may_send(agent)),
            (Contradiction::Version, self.names_another_version(agent)),
        ];
        found.into_iter().filter(|(_, is_so)| *is_so).map(|(contradiction, _)| contradiction).collect()
    }

    fn read_brands(&mut self, value: &str) {
        let list = Some(value).filter(|value| value.len() <= MAX_BRANDS_BYTES);
        let list = list.and_then(|value| Parser::new(value).parse::<List>().ok());
        let Some(list) = list.filter(|list| !list.is_empty()) else {
            self.malformed = true;
            return;
        };
        for entry in &list {
            let Some((name, major)) = brand(entry) else {
                self.malformed = true;
                continue;
            };
            match name {
                "Chromium" => self.chromium = Some(major),
                "HeadlessChrome" => self.headless = true,
                // Brands that mean nothing are strewn in on purpose, so that nobody takes the list for complete.
                _ => self.brand = self.brand.or_else(|| family(name).map(|family| (family, major))),
            }
        }
    }

    fn names_another_brand(&self, agent: &Agent) -> bool {
        let Some((brand, _)) = self.brand else { return false };
        // Smaller browsers call themselves Chrome in one place and by their name in the other.
        let kind = |family| if family == Family::Chromium { Family::Chrome } else { family };
        kind(brand) != kind(agent.family)
    }

    fn names_another_version(&self, agent: &Agent) -> bool {
        let differs =
            |hint: Option<u16>, told: Option<u16>| hint.zip(told).is_some_and(|(hint, told)| hint != told);
        let own = self.brand.filter(|(family, _)| *family == agent.family && *family != Family::Chromium);
        differs(self.chromium, agent.chromium) || differs(own.map(|(_, major)| major), agent.major)
    }
}

impl Contradiction {
    /// The word for it in events and policies.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Brand => "brand",
            Self::Headless => "headless",
            Self::Malformed => "malformed",
            Self::Mobile => "mobile",
            Self::Platform => "platform",
            Self::Unexpected => "unexpected",
            Self::Version => "version",
        }
    }
}

fn may_send(agent: &Agent) -> bool {
    match agent.family {
        Family::Chrome
        | Family::Chromium
        | Family::Edge
        | Family::Opera
        | Family::Other
        | Family::Samsung
        | Family::WebView => true,
        Family::ChromeIos | Family::Firefox | Family::FirefoxIos | Family::Safari => false,
    }
}

/// A brand with its version: `"Google Chrome";v="130"`.
fn brand(entry: &ListEntry) -> Option<(&str, u16)> {
    let ListEntry::Item(item) = entry else { return None };
    let name = item.bare_item.as_string()?.as_str();
    let version = item.params.get("v")?.as_string()?.as_str();
    let major = version.split('.').next()?;
    Some((name, major.parse().ok()?))
}

fn family(brand: &str) -> Option<Family> {
    Some(match brand {
        "Google Chrome" => Family::Chrome,
        "Microsoft Edge" => Family::Edge,
        "Opera" | "Opera GX" | "Opera Mobile" | "OperaMobile" => Family::Opera,
        "Samsung Internet" => Family::Samsung,
        "Android WebView" => Family::WebView,
        "Brave" | "Vivaldi" | "Whale" | "YaBrowser" | "Yandex" => Family::Chromium,
        _ => return None,
    })
}

fn read_mobile(value: &str) -> Option<bool> {
    let value = Some(value).filter(|value| value.len() <= MAX_BYTES)?;
    match Parser::new(value).parse::<Item>().ok()?.bare_item {
        BareItem::Boolean(mobile) => Some(mobile),
        BareItem::ByteSequence(_)
        | BareItem::Date(_)
        | BareItem::Decimal(_)
        | BareItem::DisplayString(_)
        | BareItem::Integer(_)
        | BareItem::String(_)
        | BareItem::Token(_) => None,
    }
}

fn read_platform(value: &str) -> Option<Os> {
    let value = Some(value).filter(|value| value.len() <= MAX_BYTES)?;
    let item = Parser::new(value).parse::<Item>().ok()?;
    Some(match item.bare_item.as_string()?.as_str() {
        "Android" => Os::Android,
        "Chrome OS" | "Chromium OS" => Os::ChromeOs,
        "Linux" => Os::Linux,
        "Windows" => Os::Windows,
        "iOS" => Os::Ios,
        "macOS" => Os::Macos,
        _ => Os::Other,
    })
}

/// Browsers name three or four brands, each in less than 40 bytes.
const MAX_BRANDS_BYTES: usize = 512;
const MAX_BYTES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    const CHROME: &str = r#""Chromium";v="130", "Google Chrome";v="130", "Not?A_Brand";v="99""#;
    const EDGE: &str = r#""Microsoft Edge";v="130", "Not_A Brand";v="8", "Chromium";v="130""#;

    fn windows(products: &str) -> Agent {
        let engine = "AppleWebKit/537.36 (KHTML, like Gecko)";
        Agent::parse(&format!("Mozilla/5.0 (Windows NT 10.0; Win64; x64) {engine} {products} Safari/537.36"))
    }

    fn hints(brands: &str, mobile: &str, platform: &str) -> ClientHints {
        ClientHints::parse(Some(brands), Some(mobile), Some(platform))
    }

    #[test]
    fn what_browsers_send_goes_together() {
        let android = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko)";
        for (agent, brands, mobile, platform) in [
            (windows("Chrome/130.0.0.0"), CHROME, "?0", "\"Windows\""),
            (windows("Chrome/130.0.0.0 Edg/130.0.0.0"), EDGE, "?0", "\"Windows\""),
            (
                windows("Chrome/130.0.0.0"),
                r#""Chromium";v="130", "Brave";v="130", "Not?A_Brand";v="99""#,
                "?0",
                "\"Windows\"",
            ),
            (
                windows("Chrome/129.0.0.0 OPR/115.0.0.0"),
                r#""Opera";v="115", "Chromium";v="129", "Not=A?Brand";v="8""#,
                "?0",
                "\"Windows\"",
            ),
            (
                windows("Chrome/122.0.0.0 YaBrowser/24.4.0.0"),
                r#""Chromium";v="122", "Not(A:Brand";v="24", "YaBrowser";v="24.4", "Yowser";v="2.5""#,
                "?0",
                "\"Windows\"",
            ),
            (
                Agent::parse(&format!("{android} Chrome/130.0.0.0 Mobile Safari/537.36")),
                CHROME,
                "?1",
                "\"Android\"",
            ),
            (
                Agent::parse(&format!("{android} SamsungBrowser/26.0 Chrome/122.0.0.0 Mobile Safari/537.36")),
                r#""Samsung Internet";v="26", "Chromium";v="122", "Not(A:Brand";v="24""#,
                "?1",
                "\"Android\"",
            ),
        ] {
            let hints = hints(brands, mobile, platform);
            assert_eq!(hints.coherent_with(&agent), [], "{brands}");
            assert!(hints.are_sent() && agent.sends_hints());
        }
    }

    #[test]
    fn each_contradiction_is_found_alone() {
        let agent = windows("Chrome/130.0.0.0");
        let headless = r#""HeadlessChrome";v="130", "Chromium";v="130""#;
        for (brands, mobile, platform, found) in [
            (EDGE, "?0", "\"Windows\"", Contradiction::Brand),
            (headless, "?0", "\"Windows\"", Contradiction::Headless),
            ("", "?0", "\"Windows\"", Contradiction::Malformed),
            ("Chromium;v=130", "?0", "\"Windows\"", Contradiction::Malformed),
            (r#""Chromium";v="x""#, "?0", "\"Windows\"", Contradiction::Malformed),
            (r#"("Chromium");v="130""#, "?0", "\"Windows\"", Contradiction::Malformed),
            (CHROME, "0", "\"Windows\"", Contradiction::Malformed),
            (CHROME, "?0", "Windows", Contradiction::Malformed),
            (CHROME, "?1", "\"Windows\"", Contradiction::Mobile),
            (CHROME, "?0", "\"Linux\"", Contradiction::Platform),
            (CHROME, "?0", "\"Unknown\"", Contradiction::Platform),
            (r#""Chromium";v="131", "Google Chrome";v="131""#, "?0", "\"Windows\"", Contradiction::Version),
        ] {
            assert_eq!(hints(brands, mobile, platform).coherent_with(&agent), [found], "{brands} {platform}");
        }
        let firefox =
            Agent::parse("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:130.0) Gecko/20100101 Firefox/130.0");
        let found = hints(CHROME, "?0", "\"Windows\"").coherent_with(&firefox);
        assert_eq!(found, [Contradiction::Brand, Contradiction::Unexpected]);
    }

    #[test]
    fn a_field_that_is_too_long_is_not_read() {
        let long = format!("{CHROME}, {}", "\"x\";v=\"1\", ".repeat(100));
        assert!(ClientHints::parse(Some(&long), None, None).malformed);
        assert!(ClientHints::parse(None, None, Some(&format!("\"{}\"", "x".repeat(100)))).malformed);
    }

    #[test]
    fn silence_is_told_only_of_who_spoke_before() {
        let (spoke, silent) = (hints(CHROME, "?0", "\"Windows\""), ClientHints::default());
        let chrome = windows("Chrome/130.0.0.0");
        assert_eq!(silent.coherent_with(&chrome), []);
        assert!(silent.fell_silent(&spoke, &chrome));
        assert!(!silent.fell_silent(&silent, &chrome), "over plain HTTP nobody begins");
        assert!(!spoke.fell_silent(&spoke, &chrome));
        assert!(!silent.fell_silent(&spoke, &windows("Chrome/88.0.0.0")));
        assert!(!silent.fell_silent(&spoke, &Agent::parse("curl/8.5.0")), "another alarm's work");
    }
}
