use std::time::Duration;

use proptest::prelude::*;

use super::{Agent, AgentChange as Change, Family, Family::*, Os};

const WINDOWS: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)";
const MAC: &str = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko)";
const MAC_SAFARI: &str =
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)";
const LINUX: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)";
const ANDROID: &str = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko)";
const IPHONE: &str =
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_6_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)";
const IPAD: &str = "Mozilla/5.0 (iPad; CPU OS 17_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)";

/// Browsers as they were seen: what follows the beginning, family, major, of Chromium, system, mobile.
type Seen = (&'static str, &'static str, Family, Option<u16>, Option<u16>, Os, bool);

const BROWSERS: &[Seen] = &[
    (WINDOWS, "Chrome/130.0.0.0 Safari/537.36", Chrome, Some(130), Some(130), Os::Windows, false),
    (WINDOWS, "Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0", Edge, Some(130), Some(130), Os::Windows, false),
    (
        WINDOWS,
        "Chrome/64.0.3282.140 Safari/537.36 Edge/18.17763",
        Edge,
        Some(18),
        Some(64),
        Os::Windows,
        false,
    ),
    (
        WINDOWS,
        "Chrome/129.0.0.0 Safari/537.36 OPR/115.0.0.0",
        Opera,
        Some(115),
        Some(129),
        Os::Windows,
        false,
    ),
    (
        WINDOWS,
        "Chrome/122.0.0.0 YaBrowser/24.4.0.0 Safari/537.36",
        Chromium,
        Some(24),
        Some(122),
        Os::Windows,
        false,
    ),
    (
        WINDOWS,
        "Chrome/130.0.0.0 Safari/537.36 Vivaldi/7.0.3495.10",
        Chromium,
        Some(7),
        Some(130),
        Os::Windows,
        false,
    ),
    (
        WINDOWS,
        "Teams/1.6.00.4472 Chrome/102.0.5005.167 Electron/19.1.8 Safari/537.36",
        WebView,
        Some(102),
        Some(102),
        Os::Windows,
        false,
    ),
    (MAC, "Chrome/147.0.0.0 Safari/537.36", Chrome, Some(147), Some(147), Os::Macos, false),
    (MAC_SAFARI, "Version/17.6 Safari/605.1.15", Safari, Some(17), None, Os::Macos, false),
    (MAC_SAFARI, "Version/17.6 Safari/605.1.15 Ddg/17.6", WebView, Some(17), None, Os::Macos, false),
    (MAC_SAFARI, "CriOS/130 Version/11.1.1 Safari/605.1.15", ChromeIos, Some(130), None, Os::Ios, false),
    (LINUX, "Chrome/130.0.0.0 Safari/537.36", Chrome, Some(130), Some(130), Os::Linux, false),
    (
        "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko)",
        "Chrome/130.0.0.0 Safari/537.36",
        Chrome,
        Some(130),
        Some(130),
        Os::ChromeOs,
        false,
    ),
    (
        "Mozilla/5.0 (X11; U; FreeBSD amd64) AppleWebKit/537.36 (KHTML, like Gecko)",
        "Chrome/120.0.0.0 Safari/537.36",
        Chrome,
        Some(120),
        Some(120),
        Os::Other,
        false,
    ),
    (ANDROID, "Chrome/130.0.0.0 Mobile Safari/537.36", Chrome, Some(130), Some(130), Os::Android, true),
    (ANDROID, "Chrome/130.0.0.0 Safari/537.36", Chrome, Some(130), Some(130), Os::Android, false),
    (
        ANDROID,
        "Chrome/130.0.0.0 Mobile Safari/537.36 EdgA/130.0.0.0",
        Edge,
        Some(130),
        Some(130),
        Os::Android,
        true,
    ),
    (
        ANDROID,
        "Chrome/130.0.0.0 Mobile Safari/537.36 OPR/86.0.0.0",
        Opera,
        Some(86),
        Some(130),
        Os::Android,
        true,
    ),
    (
        ANDROID,
        "SamsungBrowser/26.0 Chrome/122.0.0.0 Mobile Safari/537.36",
        Samsung,
        Some(26),
        Some(122),
        Os::Android,
        true,
    ),
    (
        ANDROID,
        "Version/4.0 Chrome/130.0.6723.58 Mobile Safari/537.36",
        WebView,
        Some(130),
        Some(130),
        Os::Android,
        true,
    ),
    (
        "Mozilla/5.0 (Linux; Android 14; Pixel 8 Build/AP2A.240805.005; wv) AppleWebKit/537.36 (KHTML, like Gecko)",
        "Version/4.0 Chrome/128.0.6613.127 Mobile Safari/537.36",
        WebView,
        Some(128),
        Some(128),
        Os::Android,
        true,
    ),
    (
        "Mozilla/5.0 (Linux; Android 13; SM-S918B; wv) AppleWebKit/537.36 (KHTML, like Gecko)",
        "Version/4.0 Chrome/119.0.6045.163 Mobile Safari/537.36 [FB_IAB/FB4A;FBAV/441.1.0.39.109;]",
        WebView,
        Some(119),
        Some(119),
        Os::Android,
        true,
    ),
    (
        "Mozilla/5.0 (Linux; U; Android 4.0.3; de-de; GT-I9100 Build/IML74K) AppleWebKit/534.30 (KHTML, like Gecko)",
        "Version/4.0 Mobile Safari/534.30",
        WebView,
        Some(4),
        None,
        Os::Android,
        true,
    ),
    (
        "Mozilla/5.0 (Linux; Android 9; CUBOT_X19 Build/PPR1) AppleWebKit/537.36 (KHTML, like Gecko)",
        "Chrome/87.0.4280.141 Mobile Safari/537.36",
        Chrome,
        Some(87),
        Some(87),
        Os::Android,
        true,
    ),
    (IPHONE, "Version/17.6 Mobile/15E148 Safari/604.1", Safari, Some(17), None, Os::Ios, true),
    (IPHONE, "CriOS/130.0.6723.90 Mobile/15E148 Safari/604.1", ChromeIos, Some(130), None, Os::Ios, true),
    (IPHONE, "FxiOS/131.0 Mobile/15E148 Safari/605.1.15", FirefoxIos, Some(131), None, Os::Ios, true),
    (
        IPHONE,
        "Version/17.0 EdgiOS/129.0.2792.84 Mobile/15E148 Safari/604.1",
        Edge,
        Some(129),
        None,
        Os::Ios,
        true,
    ),
    (IPHONE, "Mobile/15E148", WebView, None, None, Os::Ios, true),
    (
        IPHONE,
        "Mobile/21G93 Instagram 349.3.0.25.74 (iPhone15,4; iOS 17_6_1; de_DE; scale=3.00)",
        WebView,
        None,
        None,
        Os::Ios,
        true,
    ),
    (IPHONE, "GSA/337.0.681 Mobile/15E148 Safari/604.1", WebView, None, None, Os::Ios, true),
    (IPAD, "Version/17.6 Mobile/15E148 Safari/604.1", Safari, Some(17), None, Os::Ios, true),
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:130.0)",
        "Gecko/20100101 Firefox/130.0",
        Firefox,
        Some(130),
        None,
        Os::Windows,
        false,
    ),
    (
        "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:109.0)",
        "Gecko/20100101 Firefox/115.0",
        Firefox,
        Some(115),
        None,
        Os::Linux,
        false,
    ),
    (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:130.0)",
        "Gecko/20100101 Firefox/130.0",
        Firefox,
        Some(130),
        None,
        Os::Macos,
        false,
    ),
    (
        "Mozilla/5.0 (Android 14; Mobile; rv:130.0)",
        "Gecko/130.0 Firefox/130.0",
        Firefox,
        Some(130),
        None,
        Os::Android,
        true,
    ),
    (
        "Mozilla/5.0 (Android 14; Tablet; rv:130.0)",
        "Gecko/130.0 Firefox/130.0",
        Firefox,
        Some(130),
        None,
        Os::Android,
        false,
    ),
    (
        "Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0)",
        "like Gecko",
        Other,
        Some(5),
        None,
        Os::Windows,
        false,
    ),
    (
        "Opera/9.80 (Windows NT 6.1; U; en)",
        "Presto/2.8.131 Version/11.11",
        Opera,
        Some(9),
        None,
        Os::Windows,
        false,
    ),
    (
        "Mozilla/5.0 (PlayStation; PlayStation 5/8.20) AppleWebKit/605.1.15 (KHTML, like Gecko)",
        "Version/16.0 Safari/605.1.15",
        Safari,
        Some(16),
        None,
        Os::Other,
        false,
    ),
    (
        "Mozilla/5.0 (Windows Phone 10.0; Android 6.0.1; Microsoft; Lumia 950) AppleWebKit/537.36 (KHTML, like Gecko)",
        "Chrome/52.0.2743.116 Mobile Safari/537.36 Edge/15.15063",
        Edge,
        Some(15),
        Some(52),
        Os::Other,
        true,
    ),
];

#[test]
fn browsers_are_told_apart() {
    for (head, tail, family, major, chromium, os, mobile) in BROWSERS {
        let agent = Agent::parse(&format!("{head} {tail}"));
        let told = (agent.family, agent.major, agent.chromium, agent.os, agent.mobile, agent.automation);
        assert_eq!(told, (*family, *major, *chromium, *os, *mobile, false), "{head} {tail}");
    }
}

#[test]
fn programs_admit_it() {
    let claims = |tail: &str| format!("{WINDOWS} {tail}");
    let programs = [
        "",
        " ",
        "curl/8.5.0",
        "Wget/1.21.4",
        "python-requests/2.32.3",
        "Python-urllib/3.12",
        "Python/3.11 aiohttp/3.9.5",
        "python-httpx/0.27.0",
        "Go-http-client/2.0",
        "okhttp/4.12.0",
        "node-fetch/1.0 (+https://github.com/bitinn/node-fetch)",
        "node",
        "undici",
        "axios/1.7.2",
        "got (https://github.com/sindresorhus/got)",
        "Java/17.0.9",
        "Apache-HttpClient/4.5.14 (Java/17.0.9)",
        "PostmanRuntime/7.39.0",
        "Dalvik/2.1.0 (Linux; U; Android 14; Pixel 8 Build/AP2A)",
        "Shop/4.2 CFNetwork/1498.700.2 Darwin/23.6.0",
        "libwww-perl/6.72",
        "Chrome/130.0.0.0",
        "mozilla/5.0 (Windows NT 10.0) Chrome/130.0.0.0",
        "Mozilla/5.0",
        "Mozilla/5.0 ()",
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)",
        "Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1.19041.1",
        "Mozilla/5.0 (Unknown; Linux x86_64) AppleWebKit/538.1 (KHTML, like Gecko) PhantomJS/2.1.1 Safari/538.1",
        "\u{1f36a}",
        "(",
        ")",
        "/",
        ";;;",
        "\0",
    ];
    for value in programs {
        assert!(Agent::parse(value).automation, "{value:?}");
    }
    for tail in [
        "HeadlessChrome/130.0.0.0 Safari/537.36",
        "Chrome/130.0.0.0 Safari/537.36 Selenium/4",
        "Chrome/130.0.0.0 Safari/537.36 playwright/1.48",
        "Chrome/130.0.0.0 Safari/537.36 Cypress/13.6",
    ] {
        assert!(Agent::parse(&claims(tail)).automation, "{tail}");
    }
}

fn windows(chrome: &str) -> Agent {
    Agent::parse(&format!("{WINDOWS} Chrome/{chrome} Safari/537.36"))
}

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3600);

#[test]
fn updates_are_growth_and_what_goes_down_is_not() {
    for (before, after, gap, change) in [
        ("130.0.0.0", "130.0.0.0", MINUTE, Change::Same),
        ("130.0.6723.58", "130.0.6723.92", MINUTE, Change::Same),
        ("130.0.6723.92", "130.0.6723.58", MINUTE, Change::Same),
        ("130.0.0.0", "131.0.0.0", Duration::ZERO, Change::Grown),
        ("130.0.0.0", "133.0.0.0", MINUTE, Change::Grown),
        ("130.0.0.0", "134.0.0.0", MINUTE, Change::Jumped),
        ("130.0.0.0", "134.0.0.0", DAY - MINUTE, Change::Jumped),
        ("130.0.0.0", "134.0.0.0", DAY, Change::Grown),
        ("9.0.0.0", "147.0.0.0", DAY, Change::Grown),
        ("130.0.0.0", "129.0.0.0", MINUTE, Change::Fallen),
        ("130.0.0.0", "129.0.0.0", 300 * DAY, Change::Fallen),
        ("65535.0", "0.0", MINUTE, Change::Fallen),
        ("0", "65535", MINUTE, Change::Jumped),
        ("130.0.0.0", "65536", MINUTE, Change::Same),
        ("x", "130", MINUTE, Change::Same),
        ("130", "13O", MINUTE, Change::Same),
    ] {
        assert_eq!(windows(before).compare(&windows(after), gap), change, "{before} {after}");
    }
}

#[test]
fn safari_had_no_versions_between_18_and_26() {
    let safari = |version: u16| Agent::parse(&format!("{MAC_SAFARI} Version/{version}.0 Safari/605.1.15"));
    assert_eq!(safari(18).compare(&safari(26), MINUTE), Change::Grown);
    assert_eq!(safari(16).compare(&safari(26), MINUTE), Change::Grown);
    assert_eq!(safari(15).compare(&safari(26), MINUTE), Change::Jumped);
    assert_eq!(safari(26).compare(&safari(18), MINUTE), Change::Fallen);
    assert_eq!(windows("18").compare(&windows("26"), MINUTE), Change::Jumped);
}

#[test]
fn another_browser_is_no_update() {
    let chrome = windows("130.0.0.0");
    let mac = Agent::parse(&format!("{MAC} Chrome/130.0.0.0 Safari/537.36"));
    let linux = Agent::parse(&format!("{LINUX} Chrome/130.0.0.0 Safari/537.36"));
    let phone = Agent::parse(&format!("{ANDROID} Chrome/130.0.0.0 Mobile Safari/537.36"));
    let tablet = Agent::parse(&format!("{ANDROID} Chrome/130.0.0.0 Safari/537.36"));
    let old_phone = Agent::parse(&format!("{ANDROID} Chrome/120.0.0.0 Mobile Safari/537.36"));
    let edge = Agent::parse(&format!("{WINDOWS} Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0"));
    let iphone = Agent::parse(&format!("{IPHONE} Version/17.6 Mobile/15E148 Safari/604.1"));
    let ipad = Agent::parse(&format!("{IPAD} Version/17.6 Mobile/15E148 Safari/604.1"));
    let safari = Agent::parse(&format!("{MAC_SAFARI} Version/17.6 Safari/605.1.15"));
    let crios = Agent::parse(&format!("{IPHONE} CriOS/130.0.6723.90 Mobile/15E148 Safari/604.1"));
    let crios_desktop = Agent::parse(&format!("{MAC_SAFARI} CriOS/130 Version/11.1.1 Safari/605.1.15"));
    let [curl, python] = ["curl/8.5.0", "python-requests/8.0"].map(Agent::parse);
    let headless = Agent::parse(&format!("{WINDOWS} HeadlessChrome/130.0.0.0 Safari/537.36"));
    for (name, before, now, change) in [
        ("edge", chrome, edge, Change::OtherFamily),
        ("chrome again", edge, chrome, Change::OtherFamily),
        ("mac", chrome, mac, Change::OtherOs),
        ("linux", chrome, linux, Change::OtherOs),
        ("phone", chrome, phone, Change::OtherOs),
        ("desktop site of a phone", phone, linux, Change::MobileFlip),
        ("and back", linux, phone, Change::MobileFlip),
        ("desktop site of an older phone", phone, old_phone, Change::Fallen),
        ("the other way round", linux, old_phone, Change::Fallen),
        ("unfolded", phone, tablet, Change::MobileFlip),
        ("desktop site of a tablet", ipad, safari, Change::MobileFlip),
        ("of Chrome on iOS", crios, crios_desktop, Change::MobileFlip),
        ("another machine of Apple", iphone, mac, Change::OtherFamily),
        ("phone to Windows", phone, chrome, Change::OtherOs),
        ("curl", chrome, curl, Change::Automation),
        ("python", phone, python, Change::Automation),
        ("no field", safari, Agent::parse(""), Change::Automation),
        ("headless", chrome, headless, Change::Automation),
        ("a program becomes a browser", headless, chrome, Change::OtherFamily),
        ("a program becomes another", curl, python, Change::OtherFamily),
        ("a program stays", curl, Agent::parse("curl/8.9.1"), Change::Same),
        ("a program ages", curl, Agent::parse("curl/7.1.0"), Change::Fallen),
    ] {
        assert_eq!(before.compare(&now, MINUTE), change, "{name}");
    }
}

#[test]
fn who_could_bind() {
    let on = |head: &str, products: &str| Agent::parse(&format!("{head} {products} Safari/537.36"));
    for (agent, could) in [
        (windows("146.0.0.0"), true),
        (windows("145.0.0.0"), false),
        (windows("x"), false),
        (on(WINDOWS, "HeadlessChrome/150.0.0.0"), false),
        (on(WINDOWS, "Chrome/146.0.0.0 Electron/40.0"), false),
        (on(WINDOWS, "Chrome/131.0.0.0 OPR/146.0.0.0"), false),
        (on(MAC, "Chrome/147.0.0.0"), true),
        (on(MAC, "Chrome/146.0.0.0"), false),
        (on(LINUX, "Chrome/156.0.0.0"), false),
        (on(ANDROID, "Chrome/156.0.0.0 Mobile"), false),
        (on(MAC_SAFARI, "CriOS/150 Version/11.1.1"), false),
        (on(MAC_SAFARI, "Version/150.0"), false),
    ] {
        assert_eq!(agent.could_bind(), could, "{agent:?}");
    }
}

#[test]
fn only_the_beginning_is_looked_at() {
    let long = format!("{WINDOWS} {}HeadlessChrome/130.0.0.0", "x ".repeat(4096));
    assert_eq!(Agent::parse(&long), Agent::parse(long.get(..512).unwrap()));
    assert!(!Agent::parse(&long).automation);
    let deep = format!("Mozilla/5.0 {} Chrome/1", "(".repeat(8192));
    assert_eq!(Agent::parse(&deep).family, Other);
    let late = format!("{WINDOWS} {}\u{20ac}", "x".repeat(511 - WINDOWS.len() - 1));
    assert_eq!(Agent::parse(&late).os, Os::Windows, "a character that lies across the end");
}

proptest! {
    #[test]
    fn every_text_has_a_meaning(text in ".*") {
        let agent = Agent::parse(&text);
        prop_assert_eq!(agent.compare(&agent, Duration::ZERO), Change::Same);
        prop_assert!(agent.automation || text.starts_with("Mozilla/") || text.starts_with("Opera/"));
    }

    #[test]
    fn also_texts_that_look_like_one(
        parts in proptest::collection::vec(
            prop_oneof![
                "[ ();/.]{1,3}",
                Just("Mozilla/5.0 (".to_owned()),
                Just("Chrome/".to_owned()),
                Just("Windows NT".to_owned()),
                Just("Version/".to_owned()),
                "[0-9]{1,6}",
                "\\PC{0,4}",
            ],
            0..60,
        ),
        gap in any::<u64>(),
    ) {
        let text = parts.concat();
        let (one, other) = (Agent::parse(&text), Agent::parse(&format!("Mozilla/5.0 {text}")));
        let _ = one.compare(&other, Duration::from_secs(gap));
        let changed = one.compare(&one, Duration::ZERO);
        prop_assert_eq!(changed, Change::Same);
    }
}
