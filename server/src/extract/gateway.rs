//! What a gateway says about the request it asks for. Each kind of proxy has one source of truth and no other: an
//! endpoint that guesses is an endpoint that can be told anything.

mod fields;
mod refusal;

pub(crate) use refusal::{REASON_HEADER, Refusal};

use std::{
    borrow::Cow,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use axum::extract::FromRequestParts;
use http::{HeaderMap, HeaderName, Uri, header, request::Parts};

use crate::{
    context::{Context, Peer},
    ext_authz::EnvoyQuestion,
    house::{Gateways, Holdfast},
    respond::Problem,
    telemetry::RefusalCode,
};
use fields::{address, method, method_of, only, refuse_aliases, refuse_too_much, refuse_two_hosts};

/// The header in which gateways send their secret.
pub(crate) const SECRET_HEADER: HeaderName = HeaderName::from_static("holdfast-gateway-secret");

/// A peer whose address and secret are those of a gateway of ours.
pub(crate) struct Gateway {
    house: Arc<Holdfast>,
    peer: Peer,
}

/// A request as a gateway saw it.
#[derive(Debug)]
pub(crate) struct GatewayRequest<'a> {
    pub(crate) method: &'a str,
    /// The absolute address that the client asked for.
    pub(crate) address: Cow<'a, str>,
    /// The client's address; not known where a gateway that asks over the Unix socket does not tell.
    pub(crate) client_ip: Option<IpAddr>,
}

impl FromRequestParts<Arc<Holdfast>> for Gateway {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, house: &Arc<Holdfast>) -> Result<Self, Problem> {
        let context = Context::from_request_parts(parts, house).await?;
        Self::recognise(house, context.peer, &parts.headers).map_err(|refusal| refusal.tell(house, &context))
    }
}

impl Gateway {
    fn recognise(house: &Arc<Holdfast>, peer: Peer, headers: &HeaderMap) -> Result<Self, Refusal> {
        let Some(gateways) = &house.gateways else {
            return Err(Refusal::new(
                RefusalCode::Off,
                "no gateway is configured; write [gateways] with trusted and secret_file",
            ));
        };
        // Whoever reaches the Unix socket was let in by its file.
        if !peer.address().is_none_or(|address| gateways.trusts(address)) {
            let detail = "this address is not in [gateways] trusted";
            return Err(Refusal::new(RefusalCode::Untrusted, detail));
        }
        let presented = only(headers, SECRET_HEADER)?;
        let _matches =
            gateways.secrets.iter().find_map(|secret| secret.matches(presented)).ok_or_else(|| {
                let detail = "Holdfast-Gateway-Secret does not hold the secret of [gateways] secret_file";
                Refusal::new(RefusalCode::Secret, detail)
            })?;
        refuse_too_much(headers)?;
        refuse_aliases(headers)?;
        Ok(Self { house: Arc::clone(house), peer })
    }

    /// nginx `auth_request`: `X-Original-Method` and `X-Original-URL`, set with `proxy_set_header`.
    pub(crate) fn nginx<'a>(&self, headers: &'a HeaderMap) -> Result<GatewayRequest<'a>, Refusal> {
        let method = method_of(headers, X_ORIGINAL_METHOD)?;
        let address = Cow::Borrowed(only(headers, X_ORIGINAL_URL)?);
        Ok(GatewayRequest { method, address, client_ip: self.client_ip(headers)? })
    }

    /// Traefik, Caddy and HAProxy: `X-Forwarded-Method`, `-Proto`, `-Host` and `-Uri`.
    pub(crate) fn forwarded<'a>(&self, headers: &'a HeaderMap) -> Result<GatewayRequest<'a>, Refusal> {
        let method = method_of(headers, X_FORWARDED_METHOD)?;
        let scheme = only(headers, X_FORWARDED_PROTO)?;
        let host = only(headers, X_FORWARDED_HOST)?;
        let target = only(headers, X_FORWARDED_URI)?;
        let address = Cow::Owned(address(scheme, host, target)?);
        Ok(GatewayRequest { method, address, client_ip: self.client_ip(headers)? })
    }

    /// Envoy `ext_authz`: the method and the path of the request itself, below the prefix, and its `Host`. The scheme is
    /// not told by default and not needed: every app's origin is https, and so is its cookie.
    pub(crate) fn envoy<'a>(
        &self,
        method: &'a http::Method,
        uri: &Uri,
        headers: &'a HeaderMap,
        prefix: &str,
    ) -> Result<GatewayRequest<'a>, Refusal> {
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        let target = target.strip_prefix(prefix).unwrap_or(target);
        let authority = uri.authority().map(http::uri::Authority::as_str);
        let host = match authority {
            Some(authority) if !headers.contains_key(header::HOST) => authority,
            _ => only(headers, header::HOST)?,
        };
        refuse_two_hosts(authority.into_iter().chain([host]))?;
        let address = Cow::Owned(address("https", host, target)?);
        Ok(GatewayRequest { method: method.as_str(), address, client_ip: self.client_ip(headers)? })
    }

    /// Envoy `ext_authz` over gRPC: what the question says. Its client is the source that Envoy tells, unless that is a
    /// gateway too.
    pub(crate) fn envoy_grpc<'a>(&self, asked: &'a EnvoyQuestion) -> Result<GatewayRequest<'a>, Refusal> {
        refuse_too_much(&asked.headers)?;
        refuse_aliases(&asked.headers)?;
        let method = method(&asked.method, "method")?;
        refuse_two_hosts(asked.hosts.iter().map(String::as_str))?;
        let host = asked.hosts.first().map_or("", String::as_str);
        let address = Cow::Owned(address("https", host, &asked.target)?);
        let values =
            asked.headers.get_all(X_FORWARDED_FOR).iter().map(|value| value.to_str().unwrap_or_default());
        let client_ip = match (&self.house.gateways, asked.source) {
            (Some(gateways), Some(source)) if gateways.trusts(source) => {
                client_ip(gateways, Some(source), values)?
            }
            (Some(gateways), None) => client_ip(gateways, None, values)?,
            (_, source) => source,
        };
        Ok(GatewayRequest { method, address, client_ip })
    }

    /// The client's address, by `X-Forwarded-For` from the peer on.
    fn client_ip(&self, headers: &HeaderMap) -> Result<Option<IpAddr>, Refusal> {
        let peer = self.peer.address();
        let Some(gateways) = &self.house.gateways else { return Ok(peer) };
        let values = headers.get_all(X_FORWARDED_FOR);
        client_ip(gateways, peer, values.iter().map(|value| value.to_str().unwrap_or_default()))
    }
}

/// The client's address: the last one in `X-Forwarded-For` that is no gateway of ours. What stands left of it was
/// written by the client and means nothing.
fn client_ip<'a>(
    gateways: &Gateways,
    peer: Option<IpAddr>,
    values: impl DoubleEndedIterator<Item = &'a str>,
) -> Result<Option<IpAddr>, Refusal> {
    let mut client = peer;
    for hop in values.rev().flat_map(|value| value.rsplit(',')) {
        let hop = hop.trim_matches([' ', '\t']);
        let hop = hop.parse::<IpAddr>().map_err(|_| {
            Refusal::request(
                "X-Forwarded-For holds something that is not an address; the gateway must write it",
            )
        })?;
        client = Some(hop);
        if !gateways.trusts(hop) {
            break;
        }
    }
    Ok(client.map(|client| client.to_canonical()))
}

/// The address of a client that reaches the public listener, perhaps through a gateway of ours. What anybody else says
/// about addresses is ignored. Clients of whom a gateway tells nothing that can be read share one address: that of the
/// gateway has no limits.
pub(crate) fn public_client_ip(house: &Holdfast, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    let Some(gateways) = house.gateways.as_ref().filter(|gateways| gateways.trusts(peer)) else {
        return peer;
    };
    let values = headers.get_all(X_FORWARDED_FOR).iter().map(|value| value.to_str().unwrap_or_default());
    match client_ip(gateways, Some(peer), values) {
        Ok(client) => client.unwrap_or(peer),
        Err(_unreadable) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    }
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_METHOD: HeaderName = HeaderName::from_static("x-forwarded-method");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_URI: HeaderName = HeaderName::from_static("x-forwarded-uri");
const X_ORIGINAL_METHOD: HeaderName = HeaderName::from_static("x-original-method");
const X_ORIGINAL_URL: HeaderName = HeaderName::from_static("x-original-url");

#[cfg(test)]
mod tests {
    use holdfast_core::secret::SecretText;

    use super::*;

    #[test]
    fn the_client_is_the_last_stranger() {
        let gateways = Gateways {
            trusted: vec!["10.0.0.0/8".parse().unwrap(), "127.0.0.1/32".parse().unwrap()],
            secrets: vec![SecretText::new("s")],
            assertion: false,
        };
        let peer = IpAddr::from([127, 0, 0, 1]);
        let read = |values: &[&'static str]| {
            client_ip(&gateways, Some(peer), values.iter().copied()).ok().flatten().map(|ip| ip.to_string())
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
        let over_the_socket = |values: &[&'static str]| client_ip(&gateways, None, values.iter().copied());
        assert_eq!(over_the_socket(&[]).unwrap(), None, "nobody knows");
        assert_eq!(over_the_socket(&["203.0.113.7"]).unwrap(), Some(IpAddr::from([203, 0, 113, 7])));
        for bad in ["junk", "203.0.113.7, junk", "", "203.0.113.7:80", "[::1]"] {
            assert_eq!(read(&[bad]), None, "{bad}");
        }
    }
}
