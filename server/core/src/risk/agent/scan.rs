//! Products and comments of a `User-Agent`, and what they add up to.

use super::{Agent, Family, Os};

/// What the parts of a field's value add up to.
#[derive(Default)]
pub(super) struct Facts {
    /// The place of the best product in [`PRODUCTS`], and its version.
    product: Option<(usize, Option<u16>)>,
    /// The place of the best system in [`SYSTEMS`].
    system: Option<usize>,
    chromium: Option<u16>,
    /// Of the `Version` product, which is Safari's own and that of old Android.
    version: Option<u16>,
    first: Option<(u32, Option<u16>)>,
    has_comment: bool,
    has_version: bool,
    is_webkit: bool,
    is_safari: bool,
    is_mobile: bool,
    is_view: bool,
    is_bot: bool,
}

impl Facts {
    pub(super) fn of(value: &[u8]) -> Self {
        let mut facts = Self::default();
        for part in Parts(value, Place::Outside) {
            match part {
                Part::Product { name, version } => facts.product(name, version),
                Part::Detail(detail) => facts.detail(detail),
            }
        }
        // Every browser says Mozilla/5.0 and what it runs on, Opera of old excepted.
        let is_claimed = value.starts_with(b"Mozilla/") || value.starts_with(b"Opera/");
        facts.is_bot |= !is_claimed || !facts.has_comment;
        facts
    }

    pub(super) fn agent(&self) -> Agent {
        let named = self.product.and_then(|(place, major)| PRODUCTS.get(place).map(|row| (row, major)));
        let (_, family, home) = named.map_or(("", Family::Other, None), |(row, _)| *row);
        let major = named.and_then(|(_, major)| major);
        let os = self.system.and_then(|place| SYSTEMS.get(place)).map_or(Os::Other, |(_, os)| *os);
        let os = home.unwrap_or(os);
        let (family, major) = match family {
            Family::Chrome if self.is_view || (os == Os::Android && self.has_version) => {
                (Family::WebView, major)
            }
            Family::Safari if os == Os::Android => (Family::WebView, self.version),
            Family::Safari => (Family::Safari, self.version),
            Family::Other if self.is_webkit && os == Os::Ios && !self.is_safari => {
                (Family::WebView, self.version)
            }
            Family::WebView => (Family::WebView, self.chromium.or(self.version)),
            Family::Other => (Family::Other, self.first.and_then(|(_, major)| major)),
            Family::Chrome
            | Family::ChromeIos
            | Family::Chromium
            | Family::Edge
            | Family::Firefox
            | Family::FirefoxIos
            | Family::Opera
            | Family::Samsung => (family, major),
        };
        let program = self.first.filter(|_| family == Family::Other).map_or(0, |(program, _)| program);
        Agent {
            family,
            major,
            chromium: self.chromium,
            os,
            mobile: self.is_mobile,
            automation: self.is_bot,
            program,
        }
    }

    fn product(&mut self, name: &[u8], version: &[u8]) {
        let major = major_of(version);
        self.first.get_or_insert_with(|| (name_hash(name), major));
        self.is_bot |= is_program(name);
        match name {
            b"AppleWebKit" => self.is_webkit = true,
            b"Chrome" | b"Chromium" | b"HeadlessChrome" => self.chromium = self.chromium.or(major),
            b"Mobile" => self.is_mobile = true,
            b"Safari" => self.is_safari = true,
            b"Version" => (self.has_version, self.version) = (true, self.version.or(major)),
            _ => {}
        }
        let place = PRODUCTS.iter().position(|(product, ..)| product.as_bytes() == name);
        if let Some(place) = place
            && self.product.is_none_or(|(best, _)| place < best)
        {
            self.product = Some((place, major));
        }
    }

    fn detail(&mut self, detail: &[u8]) {
        self.has_comment = true;
        match detail {
            b"Mobile" => self.is_mobile = true,
            b"wv" => self.is_view = true,
            _ if detail.starts_with(b"iPhone") || detail.starts_with(b"iPod") => self.is_mobile = true,
            _ => {}
        }
        let (name, version) = split_product(detail);
        self.is_bot |= !version.is_empty() && (is_program(name) || ends_like_a_bot(name));
        let place = SYSTEMS.iter().position(|(word, _)| detail.starts_with(word.as_bytes()));
        self.system = match (self.system, place) {
            (Some(best), Some(place)) => Some(best.min(place)),
            (best, place) => best.or(place),
        };
    }
}

/// Goes over products and what stands in parentheses, in the order of the text.
struct Parts<'a>(&'a [u8], Place);

enum Part<'a> {
    Product {
        name: &'a [u8],
        version: &'a [u8],
    },
    /// What stands between semicolons in a comment.
    Detail(&'a [u8]),
}

#[derive(Clone, Copy, PartialEq)]
enum Place {
    Comment,
    Outside,
}

impl<'a> Iterator for Parts<'a> {
    type Item = Part<'a>;

    fn next(&mut self) -> Option<Part<'a>> {
        loop {
            let rest = self.0.trim_ascii_start();
            let first = *rest.first()?;
            if self.1 == Place::Outside && first == b'(' {
                *self = Self(rest.get(1..).unwrap_or_default(), Place::Comment);
            } else if self.1 == Place::Outside {
                let end = rest.iter().position(|byte| matches!(byte, b' ' | b'\t' | b'('));
                let (word, rest) = rest.split_at(end.unwrap_or(rest.len()));
                self.0 = rest;
                let (name, version) = split_product(word);
                return Some(Part::Product { name, version });
            } else {
                let end = end_of_detail(rest);
                let (detail, after) = rest.split_at(end);
                // A comment that nobody closes goes on to the end.
                let place = if after.first() == Some(&b')') { Place::Outside } else { Place::Comment };
                *self = Self(after.get(1..).unwrap_or_default(), place);
                if !detail.is_empty() {
                    return Some(Part::Detail(detail.trim_ascii_end()));
                }
            }
        }
    }
}

/// Where a detail ends: at a semicolon or the parenthesis that closes its comment. Comments may hold comments.
fn end_of_detail(text: &[u8]) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' | b';' if depth == 0 => return at,
            b')' => depth -= 1,
            _ => {}
        }
    }
    text.len()
}

fn split_product(word: &[u8]) -> (&[u8], &[u8]) {
    let slash = word.iter().position(|byte| *byte == b'/');
    let (name, rest) = word.split_at(slash.unwrap_or(word.len()));
    (name, rest.get(1..).unwrap_or_default())
}

/// The digits before the first dot. Anything else is no version.
fn major_of(version: &[u8]) -> Option<u16> {
    let digits = version.split(|byte| *byte == b'.').next()?;
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u16, |major, digit| {
        let digit = u16::from(digit.checked_sub(b'0').filter(|digit| *digit <= 9)?);
        major.checked_mul(10)?.checked_add(digit)
    })
}

fn is_program(name: &[u8]) -> bool {
    PROGRAMS.iter().any(|program| name.eq_ignore_ascii_case(program.as_bytes()))
}

fn ends_like_a_bot(name: &[u8]) -> bool {
    let ends = |word: &[u8]| {
        let at = name.len().checked_sub(word.len());
        at.and_then(|at| name.get(at..)).is_some_and(|end| end.eq_ignore_ascii_case(word))
    };
    ends(b"bot") || ends(b"spider") || ends(b"crawler")
}

/// FNV-1a: this tells programs apart that do not hide. Whoever wants to pass for another takes its name.
fn name_hash(name: &[u8]) -> u32 {
    name.iter().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0193)
    })
}

/// Products that name a browser, the telling ones first: all say `Safari`, most say `Chrome`. Those that exist on one system
/// alone say which.
const PRODUCTS: [(&str, Family, Option<Os>); 38] = [
    ("EdgiOS", Family::Edge, Some(Os::Ios)),
    ("EdgA", Family::Edge, None),
    ("Edg", Family::Edge, None),
    ("Edge", Family::Edge, None),
    ("OPiOS", Family::Opera, Some(Os::Ios)),
    ("OPT", Family::Opera, Some(Os::Ios)),
    ("OPR", Family::Opera, None),
    ("OPX", Family::Opera, None),
    ("Opera", Family::Opera, None),
    ("SamsungBrowser", Family::Samsung, None),
    ("[FBAN", Family::WebView, None),
    ("[FB_IAB", Family::WebView, None),
    ("Ddg", Family::WebView, None),
    ("DuckDuckGo", Family::WebView, None),
    ("Electron", Family::WebView, None),
    ("GSA", Family::WebView, None),
    ("Instagram", Family::WebView, None),
    ("Line", Family::WebView, None),
    ("LinkedInApp", Family::WebView, None),
    ("MicroMessenger", Family::WebView, None),
    ("Pinterest", Family::WebView, None),
    ("Snapchat", Family::WebView, None),
    ("Teams", Family::WebView, None),
    ("musical_ly", Family::WebView, None),
    ("HuaweiBrowser", Family::Chromium, None),
    ("MiuiBrowser", Family::Chromium, None),
    ("UCBrowser", Family::Chromium, None),
    ("Vivaldi", Family::Chromium, None),
    ("Whale", Family::Chromium, None),
    ("YaBrowser", Family::Chromium, None),
    ("FxiOS", Family::FirefoxIos, Some(Os::Ios)),
    ("Focus", Family::FirefoxIos, Some(Os::Ios)),
    ("CriOS", Family::ChromeIos, Some(Os::Ios)),
    ("Firefox", Family::Firefox, None),
    ("HeadlessChrome", Family::Chrome, None),
    ("Chrome", Family::Chrome, None),
    ("Chromium", Family::Chrome, None),
    ("Safari", Family::Safari, None),
];

/// How the details begin that name a system, the telling ones first: Windows phones claimed to be all the others, and Android is a
/// Linux.
const SYSTEMS: [(&str, Os); 19] = [
    ("Windows Phone", Os::Other),
    ("Tizen", Os::Other),
    ("Web0S", Os::Other),
    ("PlayStation", Os::Other),
    ("FreeBSD", Os::Other),
    ("NetBSD", Os::Other),
    ("OpenBSD", Os::Other),
    ("iPhone", Os::Ios),
    ("iPad", Os::Ios),
    ("iPod", Os::Ios),
    ("Android", Os::Android),
    ("CrOS", Os::ChromeOs),
    ("Windows NT", Os::Windows),
    ("Windows", Os::Windows),
    ("Win64", Os::Windows),
    ("Macintosh", Os::Macos),
    ("Ubuntu", Os::Linux),
    ("Linux", Os::Linux),
    ("X11", Os::Linux),
];

/// Products of programs that also claim to be browsers, or that a browser's shell is driven by. Those that claim nothing are
/// known by that.
const PROGRAMS: [&str; 37] = [
    "aiohttp",
    "Apache-HttpClient",
    "axios",
    "BingPreview",
    "CFNetwork",
    "colly",
    "curl",
    "Cypress",
    "Dalvik",
    "evilginx",
    "Go-http-client",
    "got",
    "Headless",
    "HeadlessChrome",
    "HeadlessEdg",
    "HeadlessShell",
    "HTTPie",
    "httpx",
    "Java",
    "libwww-perl",
    "Lighthouse",
    "node-fetch",
    "okhttp",
    "PhantomJS",
    "Playwright",
    "PostmanRuntime",
    "Puppeteer",
    "python-httpx",
    "python-requests",
    "Python-urllib",
    "Scrapy",
    "Selenium",
    "SlimerJS",
    "undici",
    "WebDriver",
    "Wget",
    "WindowsPowerShell",
];
