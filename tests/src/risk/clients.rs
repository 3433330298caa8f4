//! Browsers, and what they say of themselves.

use holdfast_core::risk::ClientFields;

use super::random::Random;

/// A browser on a device, as it is now.
#[derive(Clone, Debug)]
pub(crate) struct Browser {
    kind: Kind,
    major: u16,
    languages: &'static str,
    fields: Fields,
}

/// What it is, apart from its version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Chrome on Android.
    AndroidChrome,
    /// Edge on Windows.
    Edge,
    /// Firefox on Linux.
    Firefox,
    /// Chrome on macOS.
    MacChrome,
    /// Safari on an iPhone.
    PhoneSafari,
    /// A script.
    Script,
    /// Safari on macOS.
    Safari,
    /// Chrome on Windows.
    WindowsChrome,
}

#[derive(Clone, Debug, Default)]
struct Fields {
    user_agent: String,
    brands: Option<String>,
    mobile: Option<&'static str>,
    platform: Option<&'static str>,
    ja4: String,
}

impl Browser {
    /// A browser of this kind, of the version that was current before the month began.
    #[must_use]
    pub(crate) fn new(kind: Kind, languages: &'static str) -> Self {
        Self::of_version(kind, current(kind), languages)
    }

    /// One of another version.
    #[must_use]
    pub(crate) fn of_version(kind: Kind, major: u16, languages: &'static str) -> Self {
        Self { kind, major, languages, fields: Fields::of(kind, major) }
    }

    /// What it sends, and what a gateway tells of its handshake.
    #[must_use]
    pub(crate) fn fields(&self, tells_handshake: bool) -> ClientFields<'_> {
        ClientFields {
            user_agent: Some(&self.fields.user_agent),
            brands: self.fields.brands.as_deref(),
            mobile: self.fields.mobile,
            platform: self.fields.platform,
            languages: (self.kind != Kind::Script).then_some(self.languages),
            ja4: tells_handshake.then_some(&self.fields.ja4),
        }
    }

    /// The same, as a tool says it that copies all fields and has a handshake of its own.
    #[must_use]
    pub(crate) fn copied_by_a_tool(&self) -> Self {
        let fields = Fields { ja4: "a tool's".to_owned(), ..self.fields.clone() };
        Self { fields, ..self.clone() }
    }

    /// The next version is installed.
    pub(crate) fn update(&mut self) {
        *self = Self::of_version(self.kind, self.major + 1, self.languages);
    }
}

impl Kind {
    /// A computer's browser that binds its sessions.
    pub(crate) fn that_binds(random: &mut Random) -> Self {
        *random.weighed(&[(60, Self::WindowsChrome), (25, Self::Edge), (15, Self::MacChrome)])
    }

    /// A computer's browser that does not.
    pub(crate) fn that_does_not_bind(random: &mut Random) -> Self {
        *random.weighed(&[(50, Self::Firefox), (50, Self::Safari)])
    }

    /// A telephone's browser.
    pub(crate) fn of_phone(random: &mut Random) -> Self {
        *random.weighed(&[(55, Self::AndroidChrome), (45, Self::PhoneSafari)])
    }
}

impl Fields {
    fn of(kind: Kind, major: u16) -> Self {
        let webkit = "AppleWebKit/537.36 (KHTML, like Gecko)";
        let safari = "AppleWebKit/605.1.15 (KHTML, like Gecko)";
        let chrome = |system: &str, also: &str| {
            format!("Mozilla/5.0 ({system}) {webkit} Chrome/{major}.0.0.0{also} Safari/537.36")
        };
        let brands = |own: &str| {
            Some(format!("\"Chromium\";v=\"{major}\", \"{own}\";v=\"{major}\", \"Not?A_Brand\";v=\"99\""))
        };
        let windows = "Windows NT 10.0; Win64; x64";
        let mac = "Macintosh; Intel Mac OS X 10_15_7";
        let (user_agent, brands, mobile, platform) = match kind {
            Kind::AndroidChrome => (
                chrome("Linux; Android 10; K", " Mobile"),
                brands("Google Chrome"),
                Some("?1"),
                Some("\"Android\""),
            ),
            Kind::Edge => (
                format!("{} Edg/{major}.0.0.0", chrome(windows, "")),
                brands("Microsoft Edge"),
                Some("?0"),
                Some("\"Windows\""),
            ),
            Kind::Firefox => (
                format!("Mozilla/5.0 (X11; Linux x86_64; rv:{major}.0) Gecko/20100101 Firefox/{major}.0"),
                None,
                None,
                None,
            ),
            Kind::MacChrome => (chrome(mac, ""), brands("Google Chrome"), Some("?0"), Some("\"macOS\"")),
            Kind::PhoneSafari => (
                format!(
                    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) {safari} Version/{major}.0 Mobile/15E148 Safari/604.1"
                ),
                None,
                None,
                None,
            ),
            Kind::Safari => {
                (format!("Mozilla/5.0 ({mac}) {safari} Version/{major}.0 Safari/605.1.15"), None, None, None)
            }
            Kind::Script => (format!("python-requests/{major}.3"), None, None, None),
            Kind::WindowsChrome => {
                (chrome(windows, ""), brands("Google Chrome"), Some("?0"), Some("\"Windows\""))
            }
        };
        Self { user_agent, brands, mobile, platform, ja4: format!("{kind:?}-{major}") }
    }
}

const fn current(kind: Kind) -> u16 {
    match kind {
        Kind::AndroidChrome | Kind::Edge | Kind::MacChrome | Kind::WindowsChrome => 150,
        Kind::Firefox => 150,
        Kind::PhoneSafari | Kind::Safari => 26,
        Kind::Script => 2,
    }
}
