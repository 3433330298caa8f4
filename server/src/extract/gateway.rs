//! What a gateway says about the request it asks for. Each kind of proxy has one source of truth and no other: an
//! endpoint that guesses is an endpoint that can be told anything.

use std::{borrow::Cow, net::IpAddr, sync::Arc};

use axum::extract::FromRequestParts;
use holdfast_core::check::Reason;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, request::Parts};

use crate::{
    context::Context,
    house::{Gateways, Holdfast},
    respond::{Code, Problem, ProblemCode},
};

/// The header in which gateways send their secret.
pub(crate) const SECRET_HEADER: &str = "holdfast-gateway-secret";

/// The header in which gateways, and whoever watches them, find the reason of a refusal.
pub(crate) const REASON_HEADER: HeaderName = HeaderName::from_static("holdfast-reason");

/// A peer whose address and secret are those of a gateway of ours.
pub(crate) struct Gateway {
    client_ip_of: ClientIpOf,
}

/// Walks `X-Forwarded-For` from the right over gateways of ours.
struct ClientIpOf(Arc<Holdfast>, IpAddr);

/// A request as a gateway saw it.
#[derive(Debug)]
pub(crate) struct GatewayRequest<'a> {
    pub(crate) method: &'a str,
    /// The absolute address that the client asked for.
    pub(crate) address: Cow<'a, str>,
    pub(crate) client_ip: IpAddr,
}

impl FromRequestParts<Arc<Holdfast>> for Gateway {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, house: &Arc<Holdfast>) -> Result<Self, Problem> {
        let context = Context::from_request_parts(parts, house).await?;
        let Some(gateways) = &house.gateways else {
            return Err(refused(
                ProblemCode::GatewaysOff,
                "no gateway is configured; write [gateways] with trusted and secret_file",
            ));
        };
        if !gateways.trusts(context.peer) {
            return Err(refused(ProblemCode::GatewayUntrusted, "this address is not in [gateways] trusted"));
        }
        let presented = only(&parts.headers, SECRET_HEADER)?;
        let _matches = gateways.secret.matches(presented).ok_or_else(|| {
            refused(
                ProblemCode::GatewaySecret,
                "Holdfast-Gateway-Secret does not hold the secret of [gateways] secret_file",
            )
        })?;
        refuse_aliases(&parts.headers)?;
        Ok(Self { client_ip_of: ClientIpOf(Arc::clone(house), context.peer) })
    }
}

impl Gateway {
    /// nginx `auth_request`: `X-Original-Method` and `X-Original-URL`, set with `proxy_set_header`.
    pub(crate) fn nginx<'a>(&self, headers: &'a HeaderMap) -> Result<GatewayRequest<'a>, Problem> {
        let method = only(headers, "x-original-method")?;
        let address = Cow::Borrowed(only(headers, "x-original-url")?);
        Ok(GatewayRequest { method, address, client_ip: self.client_ip_of.read(headers)? })
    }

    /// Traefik, Caddy and HAProxy: `X-Forwarded-Method`, `-Proto`, `-Host` and `-Uri`.
    pub(crate) fn forwarded<'a>(&self, headers: &'a HeaderMap) -> Result<GatewayRequest<'a>, Problem> {
        let method = only(headers, "x-forwarded-method")?;
        let scheme = only(headers, "x-forwarded-proto")?;
        let host = only(headers, "x-forwarded-host")?;
        let target = only(headers, "x-forwarded-uri")?;
        let address = Cow::Owned(format!("{scheme}://{host}{target}"));
        Ok(GatewayRequest { method, address, client_ip: self.client_ip_of.read(headers)? })
    }

    /// Envoy `ext_authz`: the method and the path of the request itself, below the prefix, and its `Host`. The scheme is
    /// not told by default and not needed: every app's origin is https, and so is its cookie.
    pub(crate) fn envoy<'a>(
        &self,
        method: &'a http::Method,
        uri: &Uri,
        headers: &'a HeaderMap,
        prefix: &str,
    ) -> Result<GatewayRequest<'a>, Problem> {
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        let target = target.strip_prefix(prefix).unwrap_or(target);
        let host = match uri.authority() {
            Some(authority) => authority.as_str(),
            None => only(headers, "host")?,
        };
        let address = Cow::Owned(format!("https://{host}{target}"));
        Ok(GatewayRequest { method: method.as_str(), address, client_ip: self.client_ip_of.read(headers)? })
    }
}

impl ClientIpOf {
    fn read(&self, headers: &HeaderMap) -> Result<IpAddr, Problem> {
        let Some(gateways) = &self.0.gateways else { return Ok(self.1) };
        let values = headers.get_all("x-forwarded-for");
        client_ip(gateways, self.1, values.iter().map(|value| value.to_str().unwrap_or_default()))
    }
}

/// The client's address: the last one in `X-Forwarded-For` that is no gateway of ours. What stands left of it was
/// written by the client and means nothing.
fn client_ip<'a>(
    gateways: &Gateways,
    peer: IpAddr,
    values: impl DoubleEndedIterator<Item = &'a str>,
) -> Result<IpAddr, Problem> {
    let mut client = peer;
    for hop in values.rev().flat_map(|value| value.rsplit(',')) {
        let hop = hop.trim_matches([' ', '\t']);
        client = hop.parse::<IpAddr>().map_err(|_| {
            refused(
                ProblemCode::GatewayRequest,
                "X-Forwarded-For holds something that is not an address; the gateway must write it",
            )
        })?;
        if !gateways.trusts(client) {
            break;
        }
    }
    Ok(client.to_canonical())
}

/// The address of a client that reaches the public listener, perhaps through a gateway of ours. What anybody else says
/// about addresses is ignored.
pub(crate) fn public_client_ip(house: &Holdfast, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    let Some(gateways) = house.gateways.as_ref().filter(|gateways| gateways.trusts(peer)) else {
        return peer;
    };
    let values = headers.get_all("x-forwarded-for").iter().map(|value| value.to_str().unwrap_or_default());
    client_ip(gateways, peer, values).unwrap_or(peer)
}

/// The one value of a header that the gateway must send exactly once.
fn only<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<&'a str, Problem> {
    let mut values = headers.get_all(name).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(refused(
            ProblemCode::GatewayRequest,
            format!("the gateway must send {name} exactly once"),
        ));
    };
    value
        .to_str()
        .map_err(|_| refused(ProblemCode::GatewayRequest, format!("{name} holds bytes that are no text")))
}

/// Refuses headers that some back ends read as one of ours: `Holdfast_User` and `Holdfast.User` reach a CGI program as
/// `HTTP_HOLDFAST_USER` (GHSA-vjrc-mh2v-45x6 and its kin).
fn refuse_aliases(headers: &HeaderMap) -> Result<(), Problem> {
    let alias = headers.keys().any(|name| {
        let name = name.as_str();
        name.contains(['_', '.']) && name.replace(['_', '.'], "-").starts_with("holdfast-")
    });
    if alias {
        return Err(refused(
            Reason::PolicyDenied,
            "a request header imitates one of the identity headers with \"_\" or \".\"",
        ));
    }
    Ok(())
}

/// 403: the only refusal besides 401 that nginx passes on, and the gateway's matter, not the user's.
fn refused(code: impl Into<Code>, detail: impl Into<Cow<'static, str>>) -> Problem {
    let reason = HeaderValue::from_static(Reason::PolicyDenied.as_str());
    Problem::new(StatusCode::FORBIDDEN, code, detail).with(REASON_HEADER, reason)
}

#[cfg(test)]
mod tests {
    use holdfast_core::secret::SecretText;

    use super::*;

    #[test]
    fn the_client_is_the_last_stranger() {
        let gateways = Gateways {
            trusted: vec!["10.0.0.0/8".parse().unwrap(), "127.0.0.1/32".parse().unwrap()],
            secret: SecretText::new("s"),
            assertion: false,
        };
        let peer = IpAddr::from([127, 0, 0, 1]);
        let read = |values: &[&'static str]| {
            client_ip(&gateways, peer, values.iter().copied()).map(|ip| ip.to_string()).ok()
        };
        assert_eq!(read(&[]).as_deref(), Some("127.0.0.1"));
        assert_eq!(read(&["203.0.113.7"]).as_deref(), Some("203.0.113.7"));
        assert_eq!(read(&["1.1.1.1, 203.0.113.7, 10.1.2.3"]).as_deref(), Some("203.0.113.7"));
        assert_eq!(read(&["1.1.1.1", "203.0.113.7", "10.1.2.3"]).as_deref(), Some("203.0.113.7"));
        assert_eq!(read(&["10.9.9.9, 10.1.2.3"]).as_deref(), Some("10.9.9.9"));
        assert_eq!(read(&["::ffff:203.0.113.7"]).as_deref(), Some("203.0.113.7"));
        assert_eq!(
            read(&["junk, 203.0.113.7"]).as_deref(),
            Some("203.0.113.7"),
            "what the client wrote is not even read"
        );
        for bad in ["junk", "203.0.113.7, junk", "", "203.0.113.7:80", "[::1]"] {
            assert_eq!(read(&[bad]), None, "{bad}");
        }
    }
}
