//! Headers by which a client says what its request is and where it comes from.

use holdfast_core::risk::Network;

use super::{
    Setup,
    binding::NO_RANDOMNESS,
    device::canary,
    identity::{Forged, NO_ECHO, not_an_echo},
    kinds,
    report::{Finding, Outcome},
    seen::printable,
    trail::Trail,
    visit::{AGENT, Page, Visit},
};

/// Headers that would change what the gateway asks about. Holdfast refuses each of these values, so a gateway that passes
/// one on is refused itself, and Holdfast counts that.
pub(super) async fn believed(setup: &Setup, visit: &Visit, page: &Page) -> Outcome {
    let cookie = setup.cookie(visit);
    let mut findings = Vec::new();
    for (name, value) in ABSURD {
        let before = setup.app.refused_gateways().await;
        let seen = match setup.stranger.get(&page.path, &[("Cookie", &cookie), (name, value)]).await {
            Ok(seen) => seen,
            Err(why) => return Outcome::NotChecked(why),
        };
        let (Some(before), Some(after)) = (before, setup.app.refused_gateways().await) else {
            return Outcome::NotChecked("GET /metrics of the internal listener does not answer".to_owned());
        };
        // A gateway that refuses such a request by itself does not ask.
        if !page.lets_through(&seen) && after > before {
            let sent = format!("GET {} with {name}: {value}", page.path);
            let came = format!("{}, and Holdfast refused what the gateway asked", seen.words());
            findings.push(Finding::new(&kinds::FORWARDED_BELIEVED, sent, came));
        }
    }
    findings.into()
}

/// Whether the app is told what the client says of its address and scheme.
pub(super) async fn to_app(setup: &Setup, visit: &Visit, echo: Option<&str>) -> Outcome {
    let Some(echo) = echo else { return Outcome::NotChecked(NO_ECHO.to_owned()) };
    let Some(forged) = Forged::under(&["X-Forwarded-Proto"]) else {
        return Outcome::NotChecked(NO_RANDOMNESS.to_owned());
    };
    let cookie = setup.cookie(visit);
    let mut fields = forged.fields(Some(&cookie));
    fields.push(("X-Forwarded-For", FORGED_ADDRESS));
    match setup.stranger.get(echo, &fields).await {
        Err(why) => Outcome::NotChecked(why),
        Ok(seen) => {
            let Some(mut arrived) = forged.arrived(&seen) else {
                return Outcome::NotChecked(not_an_echo(echo, &seen));
            };
            if seen.body.contains(FORGED_ADDRESS) {
                arrived.push("X-Forwarded-For");
            }
            let sent = format!("GET {echo} with X-Forwarded-For and X-Forwarded-Proto");
            let came = format!("the app got {}", arrived.join(", "));
            (!arrived.is_empty()).then(|| Finding::new(&kinds::FORWARDED_TO_APP, sent, came)).into()
        }
    }
}

/// The client's address in the audit trail, of a page and of the registration of `bound`, both of which forged it.
pub(super) async fn address(setup: &Setup, visit: &Visit, page: &Page, bound: &Visit) -> Outcome {
    let trail = match Trail::at_its_end(setup.config.audit.file.as_deref()) {
        Ok(trail) => trail,
        Err(why) => return Outcome::NotChecked(why),
    };
    let Some(canary) = canary("address") else { return Outcome::NotChecked(NO_RANDOMNESS.to_owned()) };
    // The same client, and a request that can be told from the others.
    let agent = format!("{AGENT} {canary}");
    let cookie = setup.cookie(visit);
    let fields = [("Cookie", cookie.as_str()), ("User-Agent", &agent), ("X-Forwarded-For", FORGED_ADDRESS)];
    if let Err(why) = setup.stranger.get(&page.path, &fields).await {
        return Outcome::NotChecked(why);
    }
    let Some(line) = trail
        .wait_for(|line| line.event == "session.checked" && line.user_agent.as_deref() == Some(&agent))
        .await
    else {
        return Outcome::NotChecked("the audit trail has no line of the request".to_owned());
    };
    let mut findings = Vec::new();
    let mut judge = |what: String, ip: Option<&str>| {
        if ip == Some(FORGED_ADDRESS) {
            let sent = format!("{what} with X-Forwarded-For: {FORGED_ADDRESS}");
            let came = format!("the audit trail has client_ip {}", printable(ip.unwrap_or_default()));
            findings.push(Finding::new(&kinds::CLIENT_ADDRESS_BELIEVED, sent, came));
        }
    };
    judge(format!("GET {}", page.path), line.client_ip.as_deref());
    // Nothing if no registration got through, which is told elsewhere.
    if let Some(proof) =
        trail.before(|line| line.event == "session.bound" && line.session.as_deref() == Some(&bound.id))
    {
        judge("a registration".to_owned(), proof.client_ip.as_deref());
        if findings.is_empty() {
            findings.extend(two_addresses(&page.path, line.client_ip.as_deref(), proof.client_ip.as_deref()));
        }
    }
    findings.into()
}

/// A client that has one address for its requests and another one for its proofs.
fn two_addresses(path: &str, request: Option<&str>, proof: Option<&str>) -> Option<Finding> {
    let network = |text: Option<&str>| text?.parse().ok().map(Network::of);
    let (of_request, of_proof) = (network(request)?, network(proof)?);
    // A machine with both versions of the protocol may use now one, now the other.
    let differ = of_request.shares_version(&of_proof) && !of_request.shares_site(&of_proof);
    differ.then(|| {
        let came = format!(
            "the audit trail has client_ip {} for the page and {} for the registration",
            printable(request.unwrap_or_default()),
            printable(proof.unwrap_or_default())
        );
        Finding::new(&kinds::CLIENT_ADDRESS_DIFFERS, format!("GET {path} and a registration"), came)
    })
}

/// An address of nobody's (RFC 5737).
pub(super) const FORGED_ADDRESS: &str = "192.0.2.66";

/// What no gateway may say, each in a header from which some gateway endpoint of Holdfast's reads.
const ABSURD: [(&str, &str); 6] = [
    ("X-Forwarded-Host", "holdfast-doctor.invalid"),
    ("X-Forwarded-Proto", "doctor"),
    ("X-Forwarded-Uri", "https://holdfast-doctor.invalid/"),
    ("X-Forwarded-Method", "GET@"),
    ("X-Original-URL", "https://holdfast-doctor.invalid/"),
    ("X-Original-Method", "GET@"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_client_has_one_network() {
        let differ = |request, proof| two_addresses("/", request, proof).map(|finding| finding.kind.id);
        assert_eq!(differ(Some("203.0.113.9"), Some("127.0.0.1")), Some("client_address_differs"));
        assert_eq!(differ(Some("2001:db8:1::1"), Some("2001:db8:2::1")), Some("client_address_differs"));
        for (request, proof) in [
            (Some("203.0.113.9"), Some("203.0.113.77")),
            (Some("203.0.113.9"), Some("::ffff:203.0.113.9")),
            (Some("203.0.113.9"), Some("2001:db8::1")),
            (Some("203.0.113.9"), None),
            (None, Some("203.0.113.9")),
            (Some("203.0.113.9"), Some("nonsense")),
        ] {
            assert_eq!(differ(request, proof), None, "{request:?} {proof:?}");
        }
    }
}
