//! Identity headers that the client forges, their aliases, and two session cookies.

use super::{
    Setup,
    asking::Field,
    binding::NO_RANDOMNESS,
    device::canary,
    kinds,
    report::{Finding, Outcome},
    seen::Seen,
    visit::{Page, USER, Visit},
};

/// Headers that would say who somebody is, under their own names.
pub(super) async fn forged(setup: &Setup, visit: &Visit, echo: Option<&str>) -> Outcome {
    let Some(echo) = echo else { return Outcome::NotChecked(NO_ECHO.to_owned()) };
    let cookie = setup.cookie(visit);
    let mut findings = Vec::new();
    let places =
        [(echo, Some(cookie.as_str()))].into_iter().chain(setup.open_page().map(|path| (path, None)));
    for (path, cookie) in places {
        let Some(forged) = Forged::under(&NAMES) else {
            return Outcome::NotChecked(NO_RANDOMNESS.to_owned());
        };
        let seen = match setup.stranger.get(path, &forged.fields(cookie)).await {
            Ok(seen) => seen,
            Err(why) => return Outcome::NotChecked(why),
        };
        match forged.arrived(&seen) {
            None => return Outcome::NotChecked(not_an_echo(path, &seen)),
            Some(names) if !names.is_empty() => {
                let sent = format!("GET {path} with {}", NAMES.join(", "));
                let came = format!("the app got {}", names.join(", "));
                findings.push(Finding::new(&kinds::IDENTITY_HEADER_FORGED, sent, came));
            }
            Some(_) => {}
        }
    }
    findings.into()
}

/// Headers that some back ends read as one of ours. Each is refused, or does not reach the app.
pub(super) async fn aliases(setup: &Setup, visit: &Visit, page: &Page, echo: Option<&str>) -> Outcome {
    let cookie = setup.cookie(visit);
    let path = echo.unwrap_or(&page.path);
    let (mut findings, mut unknown) = (Vec::new(), Vec::new());
    for sign in ["_", ".", "~"] {
        let names: Vec<String> = NAMES.iter().map(|name| name.replacen('-', sign, 1)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let Some(forged) = Forged::under(&names) else {
            return Outcome::NotChecked(NO_RANDOMNESS.to_owned());
        };
        let seen = match setup.stranger.get(path, &forged.fields(Some(&cookie))).await {
            Ok(seen) => seen,
            Err(why) => return Outcome::NotChecked(why),
        };
        // Refused as a whole: nothing has reached the app.
        if (400..500).contains(&seen.status) && !page.lets_through(&seen) {
            continue;
        }
        let arrived = echo.and_then(|_| forged.arrived(&seen));
        match arrived {
            None => unknown.extend(names.first().map(|name| (*name).to_owned())),
            Some(arrived) if !arrived.is_empty() => {
                let sent = format!("GET {path} with {}", names.join(", "));
                let came = format!("the app got {}", arrived.join(", "));
                findings.push(Finding::new(&kinds::IDENTITY_HEADER_ALIAS, sent, came));
            }
            Some(_) => {}
        }
    }
    if findings.is_empty() && !unknown.is_empty() {
        let names = unknown.join(", ");
        return Outcome::NotChecked(format!(
            "a request with {names} was answered; only the app knows whether the header reached it. {NO_ECHO}"
        ));
    }
    findings.into()
}

/// Whether the app is told whose session it is.
pub(super) async fn told(setup: &Setup, visit: &Visit, echo: Option<&str>) -> Outcome {
    let Some(echo) = echo else { return Outcome::NotChecked(NO_ECHO.to_owned()) };
    let Some(forged) = Forged::under(&[]) else { return Outcome::NotChecked(NO_RANDOMNESS.to_owned()) };
    let cookie = setup.cookie(visit);
    match setup.stranger.get(echo, &forged.fields(Some(&cookie))).await {
        Err(why) => Outcome::NotChecked(why),
        Ok(seen) if forged.arrived(&seen).is_none() => Outcome::NotChecked(not_an_echo(echo, &seen)),
        Ok(seen) => {
            let missing: Vec<_> = [("Holdfast-User", USER), ("Holdfast-Session", visit.id.as_str())]
                .into_iter()
                .filter_map(|(name, value)| (!seen.body.contains(value)).then_some(name))
                .collect();
            let sent = format!("GET {echo} with a good session");
            let came = format!("the app did not get {}", missing.join(", "));
            (!missing.is_empty()).then(|| Finding::new(&kinds::IDENTITY_HEADER_MISSING, sent, came)).into()
        }
    }
}

/// Two session cookies that differ, in one field and in either order.
pub(super) async fn two_cookies(setup: &Setup, visit: &Visit, page: &Page) -> Outcome {
    let good = setup.cookie(visit);
    let planted = format!("{}=planted", setup.cookie_name().as_str());
    for (order, cookies) in [("first", format!("{good}; {planted}")), ("last", format!("{planted}; {good}"))]
    {
        match setup.stranger.get(&page.path, &[("Cookie", &cookies)]).await {
            Err(why) => return Outcome::NotChecked(why),
            Ok(seen) if page.lets_through(&seen) => {
                let sent = format!("GET {} with two session cookies, the good one {order}", page.path);
                return Some(Finding::new(&kinds::DUPLICATE_COOKIE_HIDDEN, sent, seen.words())).into();
            }
            Ok(_) => {}
        }
    }
    Outcome::Well
}

/// Forged headers, each with a value that nobody else writes, and one that any app is given.
pub(super) struct Forged {
    control: String,
    headers: Vec<(String, String)>,
}

impl Forged {
    /// `None` if the system has no randomness.
    pub(super) fn under(names: &[&str]) -> Option<Self> {
        let headers = names.iter().map(|name| Some(((*name).to_owned(), canary("forged")?)));
        Some(Self { control: canary("control")?, headers: headers.collect::<Option<_>>()? })
    }

    /// The fields of the request.
    pub(super) fn fields<'a>(&'a self, cookie: Option<&'a str>) -> Vec<Field<'a>> {
        let forged = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let cookie = cookie.map(|cookie| ("Cookie", cookie));
        forged.chain([(CONTROL, self.control.as_str())]).chain(cookie).collect()
    }

    /// The names of those that the app has shown again; `None` if it shows no headers at all.
    pub(super) fn arrived(&self, seen: &Seen) -> Option<Vec<&str>> {
        let arrived = self.headers.iter().filter(|(_, value)| seen.body.contains(value.as_str()));
        seen.body.contains(&self.control).then(|| arrived.map(|(name, _)| name.as_str()).collect())
    }
}

pub(super) fn not_an_echo(path: &str, seen: &Seen) -> String {
    format!("{path} does not answer with the request headers that it got ({})", seen.words())
}

/// Said where only the app knows.
pub(super) const NO_ECHO: &str = "Name a page of the app that answers with its request headers (--echo), or let this command stand in for the app (--stand-in)";

/// It must not hold what the app is to be told.
const CONTROL: &str = "X-Control";

/// The identity headers, and the one that makes a gateway.
const NAMES: [&str; 8] = [
    "Holdfast-User",
    "Holdfast-Session",
    "Holdfast-Binding",
    "Holdfast-Assertion",
    "Holdfast-Client",
    "Holdfast-Scope",
    "Holdfast-Issuer",
    "Holdfast-Gateway-Secret",
];

#[cfg(test)]
mod tests {
    use super::{super::seen::tests::seen, *};

    #[test]
    fn what_the_app_shows_again_has_arrived() {
        let forged = Forged::under(&["Holdfast-User", "Holdfast-Scope"]).unwrap();
        let [(_, user), (_, _)] = forged.headers.as_slice() else { panic!("two") };
        let body = format!("{{\"x\":\"{}\",\"holdfast-user\":\"{user}\"}}", forged.control);
        assert_eq!(forged.arrived(&seen(200, &[], &body)), Some(vec!["Holdfast-User"]));
        assert_eq!(forged.arrived(&seen(200, &[], &forged.control)), Some(vec![]));
        assert_eq!(forged.arrived(&seen(200, &[], user)), None, "no echo is no proof");
    }

    #[test]
    fn every_identity_header_is_forged() {
        let names = NAMES.map(str::to_ascii_lowercase);
        for name in crate::routes::verify::IDENTITY {
            assert!(names.iter().any(|forged| forged == name.as_str()), "{name}");
        }
    }
}
