//! What a `User-Agent` means (RFC 9110 §10.1.5): which browser, how old, on what.
//!
//! The field is what the client says of itself. A thief who copies a cookie can copy it too, so nothing is ever granted for it;
//! but many do not take the trouble, and a browser that turns into another one has not merely been updated. Meanings are
//! compared and not bytes: browsers are updated while a session lives, and send less and less of the truth on purpose
//! (`Chrome/130.0.0.0`, `Windows NT 10.0` on Windows 11, `Mac OS X 10_15_7` for ever, `Android 10; K`).

mod scan;
#[cfg(test)]
mod tests;

use std::time::Duration;

use scan::Facts;

/// What a `User-Agent` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Agent {
    /// The browser.
    pub family: Family,
    /// Its major version; what [`Family::Other`] calls itself may have one too.
    pub major: Option<u16>,
    /// The major version of the Chromium that it is made of, if it is.
    pub chromium: Option<u16>,
    /// What it runs on. Browsers of iOS are on [`Os::Ios`] also while they ask for the desktop site, if they say who they are.
    pub os: Os,
    /// Whether it asks for the site for small screens.
    pub mobile: bool,
    /// Whether it is a program and not a browser, as far as it admits.
    pub automation: bool,
    /// Tells the programs apart that are of no family.
    program: u32,
}

/// The maker and the make of a browser, as it shows itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// Chrome, and browsers that say that they are (Brave, Arc, most Vivaldi).
    Chrome,
    /// Chrome on iOS: `WebKit` inside.
    ChromeIos,
    /// A browser made of Chromium that is none of the others.
    Chromium,
    /// Microsoft Edge, on every system.
    Edge,
    /// Firefox, and what says so.
    Firefox,
    /// Firefox on iOS: `WebKit` inside.
    FirefoxIos,
    /// Opera, on every system.
    Opera,
    /// Not a browser that this server knows, or not a browser.
    Other,
    /// Safari.
    Safari,
    /// Samsung Internet.
    Samsung,
    /// A page inside another app.
    WebView,
}

/// An operating system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Os {
    /// Android, while it does not ask for the desktop site.
    Android,
    /// Chrome OS.
    ChromeOs,
    /// iOS and iPadOS, while Safari does not ask for the desktop site.
    Ios,
    /// Linux; Chrome on Android says so too when it asks for the desktop site.
    Linux,
    /// macOS; Safari on an iPad says so too, which is its default.
    Macos,
    /// Another one, or none that is told.
    Other,
    /// Windows, of any version.
    Windows,
}

/// What became of an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AgentChange {
    /// A browser before, a program now.
    Automation,
    /// The version went down. Browsers do not do that; somebody with an older copy does.
    Fallen,
    /// The version rose as updates do.
    Grown,
    /// The version rose by more than an update does, within a day.
    Jumped,
    /// The same browser asks for the other kind of site: "Desktop site" was chosen, or a phone was unfolded.
    MobileFlip,
    /// Another browser, or another program.
    OtherFamily,
    /// The same browser on another operating system.
    OtherOs,
    /// Nothing that matters.
    Same,
}

impl Agent {
    /// Reads a field's value. Every text has a meaning: at worst a program of no family. Only the first 512 bytes are looked
    /// at, and nothing is allocated.
    pub fn parse(value: &str) -> Self {
        let bytes = value.as_bytes();
        Facts::of(bytes.get(..LOOKED_AT).unwrap_or(bytes)).agent()
    }

    /// What became of this agent, which was last seen `gap` ago.
    ///
    /// What cannot be compared is no change: a version that one of the two does not tell.
    pub fn compare(&self, now: &Self, gap: Duration) -> AgentChange {
        if now.automation && !self.automation {
            return AgentChange::Automation;
        }
        if (self.family, self.automation, self.program) != (now.family, now.automation, now.program) {
            return AgentChange::OtherFamily;
        }
        let asks_for_other_site = self.desktop_twin() == now.desktop_twin();
        if self.os != now.os && !asks_for_other_site {
            return AgentChange::OtherOs;
        }
        match self.rise(now) {
            Rise::Down => AgentChange::Fallen,
            Rise::Up(by) if by > UPDATE && gap < DAY => AgentChange::Jumped,
            Rise::Level | Rise::Up(_) if (self.os, self.mobile) != (now.os, now.mobile) => {
                AgentChange::MobileFlip
            }
            Rise::Up(_) => AgentChange::Grown,
            Rise::Level => AgentChange::Same,
        }
    }

    /// Whether this browser binds sessions (DBSC) as it comes from its maker: Chrome since 146 on Windows and 147 on macOS. A
    /// session of one that stays unbound had its offer taken away on the way, or has no chip to keep keys in.
    pub fn could_bind(&self) -> bool {
        let least = match self.os {
            Os::Windows => 146,
            Os::Macos => 147,
            Os::Android | Os::ChromeOs | Os::Ios | Os::Linux | Os::Other => return false,
        };
        self.is_chromium_browser() && self.chromium.is_some_and(|major| major >= least)
    }

    /// Whether this browser sends `Sec-CH-UA` with every request over HTTPS: those made of Chromium do since 89.
    pub fn sends_hints(&self) -> bool {
        self.is_chromium_browser() && self.chromium.is_some_and(|major| major >= 89)
    }

    /// Pages inside apps are left out: what they send is the app's choice.
    fn is_chromium_browser(&self) -> bool {
        match self.family {
            Family::Chrome | Family::Chromium | Family::Edge | Family::Opera | Family::Samsung => {
                !self.automation
            }
            Family::ChromeIos
            | Family::Firefox
            | Family::FirefoxIos
            | Family::Other
            | Family::Safari
            | Family::WebView => false,
        }
    }

    /// The system that the same device names while it asks for the desktop site.
    fn desktop_twin(&self) -> Os {
        match (self.os, self.family) {
            (Os::Ios, Family::Safari) => Os::Macos,
            (Os::Android, _) => Os::Linux,
            (os, _) => os,
        }
    }

    fn rise(&self, now: &Self) -> Rise {
        let (Some(before), Some(after)) = (self.ordinal(), now.ordinal()) else { return Rise::Level };
        match after.checked_sub(before) {
            None => Rise::Down,
            Some(0) => Rise::Level,
            Some(by) => Rise::Up(by),
        }
    }

    /// The number of the major version among its family's: Apple left out 19 to 25.
    fn ordinal(&self) -> Option<u16> {
        let major = self.major?;
        Some(if self.family == Family::Safari && major >= 26 { major - 7 } else { major })
    }
}

enum Rise {
    Down,
    Level,
    Up(u16),
}

impl Family {
    /// The word for it in events and policies.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chrome => "chrome",
            Self::ChromeIos => "chrome_ios",
            Self::Chromium => "chromium",
            Self::Edge => "edge",
            Self::Firefox => "firefox",
            Self::FirefoxIos => "firefox_ios",
            Self::Opera => "opera",
            Self::Other => "other",
            Self::Safari => "safari",
            Self::Samsung => "samsung",
            Self::WebView => "webview",
        }
    }
}

impl Os {
    /// The word for it in events and policies.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Android => "android",
            Self::ChromeOs => "chromeos",
            Self::Ios => "ios",
            Self::Linux => "linux",
            Self::Macos => "macos",
            Self::Other => "other",
            Self::Windows => "windows",
        }
    }
}

impl AgentChange {
    /// The word for it in events and policies.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Automation => "automation",
            Self::Fallen => "fallen",
            Self::Grown => "grown",
            Self::Jumped => "jumped",
            Self::MobileFlip => "mobile_flip",
            Self::OtherFamily => "other_family",
            Self::OtherOs => "other_os",
            Self::Same => "same",
        }
    }
}

/// The longest of real browsers have about 200 bytes, of pages inside apps 400; the rest would be a client's way to our time.
const LOOKED_AT: usize = 512;

/// By how many major versions an update takes a browser on: after a holiday by more, but then a day has gone by.
const UPDATE: u16 = 3;

const DAY: Duration = Duration::from_secs(24 * 3600);
