//! A device registers its key and refreshes through the gateway, as a browser would.

use holdfast_core::dbsc::CookieName;
use serde::Deserialize;

use super::{
    Setup,
    device::Device,
    endpoints::{Expected, REFRESH, REGISTER, misplaced},
    forwarded::FORGED_ADDRESS,
    kinds::{self, Kind},
    report::{Finding, Outcome},
    seen::Seen,
    visit::Visit,
};

/// Registers, refreshes without a proof, and refreshes with one.
pub(super) async fn binds(setup: &Setup, visit: &Visit) -> Outcome {
    let Some(device) = Device::new() else { return Outcome::NotChecked(NO_RANDOMNESS.to_owned()) };
    let mut findings = Vec::new();
    match walk(setup, visit, &device, &mut findings).await {
        Ok(()) => findings.into(),
        Err(why) => Outcome::NotChecked(why),
    }
}

/// Goes as far as it can; a step whose answer is not as it must be is the last.
async fn walk(
    setup: &Setup,
    visit: &Visit,
    device: &Device,
    findings: &mut Vec<Finding>,
) -> Result<(), String> {
    let cookie = setup.cookie(visit);
    let proof = device.registration(&visit.challenge, &visit.authorization);
    let fields = [
        ("Secure-Session-Response", proof.as_str()),
        ("Cookie", &cookie),
        ("X-Forwarded-For", FORGED_ADDRESS),
    ];
    let seen = setup.stranger.post(REGISTER, &fields).await?;
    let sent = format!("POST {REGISTER} with a good proof");
    if !judge_bound(&seen, setup, visit, &sent, findings) {
        return Ok(());
    }

    // What a browser sends whose cookie has run out.
    let id = [("Sec-Secure-Session-Id", visit.id.as_str())];
    let asked = setup.stranger.post(REFRESH, &id).await?;
    let sent = format!("POST {REFRESH} without a proof");
    if let Some(kind) = misplaced(&asked, &Expected::CHALLENGE) {
        findings.push(Finding::new(kind, sent, asked.words()));
        return Ok(());
    }
    let challenge = match challenge_of(&asked, &visit.id) {
        Ok(challenge) => challenge,
        Err(kind) => {
            findings.push(Finding::new(kind, sent, challenge_words(&asked)));
            return Ok(());
        }
    };
    let proof = device.refresh(&challenge);
    let fields = [("Sec-Secure-Session-Id", visit.id.as_str()), ("Secure-Session-Response", &proof)];
    let seen = setup.stranger.post(REFRESH, &fields).await?;
    judge_bound(&seen, setup, visit, &format!("POST {REFRESH} with a good proof"), findings);
    Ok(())
}

/// Judges the answer to a proof that was good. Whether it is Holdfast's, though perhaps changed.
fn judge_bound(seen: &Seen, setup: &Setup, visit: &Visit, sent: &str, findings: &mut Vec<Finding>) -> bool {
    let is_nothing_of_ours = !seen.body.contains("session_identifier")
        && !seen.headers.contains_key("secure-session-challenge")
        && !seen.headers.contains_key(http::header::SET_COOKIE);
    let kind = misplaced(seen, &Expected::BOUND);
    if let Some(kind) = kind.or(is_nothing_of_ours.then_some(&kinds::DBSC_NOT_ROUTED)) {
        findings.push(Finding::new(kind, sent, seen.words()));
        return false;
    }
    if let Err(kind) = challenge_of(seen, &visit.id) {
        findings.push(Finding::new(kind, sent, challenge_words(seen)));
    }
    for name in [setup.cookie_name().clone(), setup.cookie_name().hint()] {
        if let Some(came) = changed_cookie(seen, &name) {
            findings.push(Finding::new(&kinds::COOKIE_CHANGED, sent, came));
        }
    }
    if let Some((kind, came)) = changed_instructions(seen, &visit.id, &setup.origin) {
        findings.push(Finding::new(kind, sent, came));
    }
    true
}

/// The challenge in `Secure-Session-Challenge`, which must come exactly as it was written: `"…";id="hs_…"`.
fn challenge_of(seen: &Seen, session: &str) -> Result<String, &'static Kind> {
    let value = seen.header("secure-session-challenge").ok_or(&kinds::DBSC_HEADER_DROPPED)?;
    let end = format!("\";id=\"{session}\"");
    let challenge = value.strip_prefix('"').and_then(|rest| rest.strip_suffix(&end));
    let challenge = challenge.filter(|text| !text.is_empty() && !text.contains(['"', '\\']));
    challenge.map(str::to_owned).ok_or(&kinds::DBSC_HEADER_DAMAGED)
}

fn challenge_words(seen: &Seen) -> String {
    let what = match seen.header("secure-session-challenge") {
        None => "without Secure-Session-Challenge",
        Some(value) if value.contains('"') => {
            "with another Secure-Session-Challenge than a quoted one and its id"
        }
        Some(_) => "with a Secure-Session-Challenge that has lost its quotes",
    };
    format!("{}, {what}", seen.words())
}

/// What is wrong with a cookie that must come, if anything is; attributes alone are shown.
fn changed_cookie(seen: &Seen, name: &CookieName) -> Option<String> {
    let prefix = format!("{}=", name.as_str());
    let lines = seen.headers.get_all(http::header::SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut lines = lines.filter(|line| line.starts_with(&prefix));
    let (Some(line), None) = (lines.next(), lines.next()) else {
        return Some(format!("{}, where {} does not come exactly once", seen.words(), name.as_str()));
    };
    let attributes: Vec<_> = line.split(';').skip(1).map(str::trim).collect();
    let mut sorted: Vec<_> = attributes
        .iter()
        .map(|attribute| attribute.to_ascii_lowercase())
        .filter(|attribute| !attribute.starts_with("max-age="))
        .collect();
    sorted.sort_unstable();
    let is_whole = sorted == ["httponly", "path=/", "samesite=lax", "secure"]
        && attributes.iter().any(|attribute| attribute.to_ascii_lowercase().starts_with("max-age="));
    (!is_whole).then(|| {
        let shown = super::seen::printable(&attributes.join("; "));
        format!("{}, where {} has the attributes {shown}", seen.words(), name.as_str())
    })
}

/// What is wrong with the session instructions, if anything is.
fn changed_instructions(seen: &Seen, session: &str, origin: &str) -> Option<(&'static Kind, String)> {
    let Ok(told) = serde_json::from_str::<Instructions>(&seen.body) else {
        return Some((&kinds::DBSC_HEADER_DAMAGED, format!("{}, and no session instructions", seen.words())));
    };
    if told.scope.origin != origin {
        let came = format!("session instructions for {}", super::seen::printable(&told.scope.origin));
        return Some((&kinds::SCOPE_ORIGIN_MISMATCH, came));
    }
    if told.session_identifier != session || told.refresh_url != REFRESH {
        let came = format!("{}, with other session instructions than Holdfast writes", seen.words());
        return Some((&kinds::DBSC_HEADER_DAMAGED, came));
    }
    None
}

#[derive(Deserialize)]
struct Instructions {
    session_identifier: String,
    refresh_url: String,
    scope: Scope,
}

#[derive(Deserialize)]
struct Scope {
    origin: String,
}

pub(super) const NO_RANDOMNESS: &str = "the system gives no randomness";

#[cfg(test)]
mod tests {
    use super::{super::seen::tests::seen, *};

    #[test]
    fn a_challenge_is_whole_or_it_is_none() {
        let read = |value: &str| challenge_of(&seen(403, &[("secure-session-challenge", value)], ""), "hs_a");
        assert_eq!(read("\"abc\";id=\"hs_a\"").as_deref(), Ok("abc"));
        for value in
            ["abc;id=hs_a", "\"abc\"", "\"abc\";id=\"hs_b\"", "\"\";id=\"hs_a\"", "\"a\\\"b\";id=\"hs_a\""]
        {
            assert_eq!(read(value), Err(&kinds::DBSC_HEADER_DAMAGED), "{value}");
        }
        assert_eq!(challenge_of(&seen(403, &[], ""), "hs_a"), Err(&kinds::DBSC_HEADER_DROPPED));
    }

    #[test]
    fn cookies_are_compared_by_their_attributes() {
        let name: CookieName = "__Host-holdfast".parse().unwrap();
        let read = |lines: &[&str]| {
            let lines: Vec<_> = lines.iter().map(|line| ("set-cookie", *line)).collect();
            let mut headers = http::HeaderMap::new();
            for (name, value) in lines {
                headers.append(name, value.parse().unwrap());
            }
            changed_cookie(&Seen { status: 200, headers, body: String::new() }, &name)
        };
        let whole = "__Host-holdfast=secret; Max-Age=600; Path=/; Secure; HttpOnly; SameSite=Lax";
        assert_eq!(read(&[whole]), None);
        assert_eq!(
            read(&["other=1", "__Host-holdfast=s; secure; httponly; path=/; max-age=1; samesite=lax"]),
            None
        );
        for lines in [
            &[][..],
            &[whole, whole],
            &["__Host-holdfast=secret; Max-Age=600; Path=/; HttpOnly; SameSite=Lax"],
            &["__Host-holdfast=secret; Max-Age=600; Path=/app; Secure; HttpOnly; SameSite=Lax"],
            &["__Host-holdfast=secret; Max-Age=600; Path=/; Domain=a; Secure; HttpOnly; SameSite=Lax"],
            &["__Host-holdfast=secret; Max-Age=600; Path=/; Secure; HttpOnly; SameSite=None"],
            &["__Host-holdfast=secret; Path=/; Secure; HttpOnly; SameSite=Lax"],
        ] {
            let came = read(lines).unwrap_or_else(|| panic!("{lines:?}"));
            assert!(!came.contains("secret"), "{came}");
        }
    }

    #[test]
    fn instructions_must_be_for_this_origin() {
        let read = |origin: &str, url: &str| {
            let body = format!(
                r#"{{"session_identifier":"hs_a","refresh_url":"{url}","scope":{{"origin":"{origin}","include_site":false}}}}"#
            );
            changed_instructions(&seen(200, &[], &body), "hs_a", "https://shop.example")
                .map(|(kind, _)| kind.id)
        };
        assert_eq!(read("https://shop.example", REFRESH), None);
        assert_eq!(read("https://www.shop.example", REFRESH), Some("scope_origin_mismatch"));
        assert_eq!(read("https://shop.example", "/x"), Some("dbsc_header_damaged"));
        assert!(changed_instructions(&seen(200, &[], "<html>"), "hs_a", "x").is_some());
    }
}
