//! Envoy's side of `ext_authz`: messages with the numbers of Envoy's own files, without a line of the server's code.

use std::collections::HashMap;
use std::net::SocketAddr;

use anyhow::{Context as _, Result, anyhow};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use prost::Message;
use tonic::client::Grpc;
use tonic::metadata::MetadataValue;

#[derive(Clone, PartialEq, Message)]
pub(crate) struct CheckRequest {
    #[prost(message, optional, tag = "1")]
    pub(crate) attributes: Option<Attributes>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Attributes {
    #[prost(message, optional, tag = "1")]
    pub(crate) source: Option<Peer>,
    #[prost(message, optional, tag = "2")]
    pub(crate) destination: Option<Peer>,
    #[prost(message, optional, tag = "4")]
    pub(crate) request: Option<Request>,
    #[prost(map = "string, string", tag = "10")]
    pub(crate) context_extensions: HashMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Peer {
    #[prost(message, optional, tag = "1")]
    pub(crate) address: Option<Address>,
    #[prost(string, tag = "4")]
    pub(crate) principal: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Address {
    #[prost(message, optional, tag = "1")]
    pub(crate) socket_address: Option<SocketAddressMessage>,
    #[prost(message, optional, tag = "2")]
    pub(crate) pipe: Option<Pipe>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct SocketAddressMessage {
    #[prost(string, tag = "2")]
    pub(crate) address: String,
    #[prost(uint32, tag = "3")]
    pub(crate) port_value: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Pipe {
    #[prost(string, tag = "1")]
    pub(crate) path: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Request {
    #[prost(message, optional, tag = "2")]
    pub(crate) http: Option<HttpRequest>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct HttpRequest {
    #[prost(string, tag = "1")]
    pub(crate) id: String,
    #[prost(string, tag = "2")]
    pub(crate) method: String,
    #[prost(map = "string, string", tag = "3")]
    pub(crate) headers: HashMap<String, String>,
    #[prost(string, tag = "4")]
    pub(crate) path: String,
    #[prost(string, tag = "5")]
    pub(crate) host: String,
    #[prost(string, tag = "6")]
    pub(crate) scheme: String,
    #[prost(int64, tag = "9")]
    pub(crate) size: i64,
    #[prost(string, tag = "10")]
    pub(crate) protocol: String,
    #[prost(string, tag = "11")]
    pub(crate) body: String,
    #[prost(message, optional, tag = "13")]
    pub(crate) header_map: Option<HeaderMap>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct HeaderMap {
    #[prost(message, repeated, tag = "1")]
    pub(crate) headers: Vec<HeaderValue>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct HeaderValue {
    #[prost(string, tag = "1")]
    pub(crate) key: String,
    #[prost(string, tag = "2")]
    pub(crate) value: String,
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) raw_value: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct BoolValue {
    #[prost(bool, tag = "1")]
    pub(crate) value: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct HeaderValueOption {
    #[prost(message, optional, tag = "1")]
    pub(crate) header: Option<HeaderValue>,
    #[prost(message, optional, tag = "2")]
    pub(crate) append: Option<BoolValue>,
    #[prost(int32, tag = "3")]
    pub(crate) append_action: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct CheckResponse {
    #[prost(message, optional, tag = "1")]
    pub(crate) status: Option<Status>,
    #[prost(message, optional, tag = "2")]
    pub(crate) denied: Option<Denied>,
    #[prost(message, optional, tag = "3")]
    pub(crate) ok: Option<Allowed>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Status {
    #[prost(int32, tag = "1")]
    pub(crate) code: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct HttpStatus {
    #[prost(int32, tag = "1")]
    pub(crate) code: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Denied {
    #[prost(message, optional, tag = "1")]
    pub(crate) status: Option<HttpStatus>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) headers: Vec<HeaderValueOption>,
    #[prost(string, tag = "3")]
    pub(crate) body: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Allowed {
    #[prost(message, repeated, tag = "2")]
    pub(crate) headers: Vec<HeaderValueOption>,
    #[prost(string, repeated, tag = "5")]
    pub(crate) headers_to_remove: Vec<String>,
    #[prost(message, repeated, tag = "6")]
    pub(crate) response_headers_to_add: Vec<HeaderValueOption>,
}

/// A question about a `GET` of the shop's `/orders`, as Envoy asks it by default.
pub(crate) fn question(headers: &[(&str, &str)]) -> CheckRequest {
    let usual =
        [(":authority", "shop.example"), (":path", "/orders?x=1"), (":method", "GET"), (":scheme", "https")];
    let all = usual.iter().chain(headers);
    let http = HttpRequest {
        id: "1".to_owned(),
        method: "GET".to_owned(),
        headers: all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        path: "/orders?x=1".to_owned(),
        host: "shop.example".to_owned(),
        scheme: "https".to_owned(),
        size: -1,
        protocol: "HTTP/2".to_owned(),
        ..HttpRequest::default()
    };
    let peer = |address: &str| {
        let socket_address = Some(SocketAddressMessage { address: address.to_owned(), port_value: 4711 });
        Some(Peer { address: Some(Address { socket_address, pipe: None }), principal: String::new() })
    };
    CheckRequest {
        attributes: Some(Attributes {
            source: peer("203.0.113.7"),
            destination: peer("10.0.0.1"),
            request: Some(Request { http: Some(http) }),
            context_extensions: HashMap::from([("virtual_host".to_owned(), "shop".to_owned())]),
        }),
    }
}

/// Asks with these bytes in place of a framed message, and gives the answer as it is framed; none if the call failed.
pub(crate) async fn ask_in_bytes(
    address: SocketAddr,
    secret: &str,
    encoding: &str,
    bytes: Vec<u8>,
) -> Result<Option<CheckResponse>> {
    let client = reqwest::Client::builder().http2_prior_knowledge().build()?;
    let answer = client
        .post(format!("http://{address}/envoy.service.auth.v3.Authorization/Check"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("grpc-encoding", encoding)
        .header("holdfast-gateway-secret", secret)
        .body(bytes)
        .send()
        .await?;
    let body = answer.bytes().await?;
    body.get(5..)
        .filter(|message| !message.is_empty())
        .map(|message| Ok(CheckResponse::decode(message)?))
        .transpose()
}

/// The same question with something else in its request.
pub(crate) fn altered(mut question: CheckRequest, change: impl FnOnce(&mut HttpRequest)) -> CheckRequest {
    let attributes = question.attributes.as_mut();
    let http = attributes
        .and_then(|attributes| attributes.request.as_mut())
        .and_then(|request| request.http.as_mut());
    http.map(change);
    question
}

/// Asks as Envoy does, over a connection of its own.
pub(crate) async fn ask(
    address: SocketAddr,
    secrets: &[&str],
    question: CheckRequest,
) -> Result<CheckResponse> {
    call(address, "/envoy.service.auth.v3.Authorization/Check", secrets, question)
        .await
        .map_err(|status| anyhow!("{status}"))
}

/// Calls any method.
pub(crate) async fn call(
    address: SocketAddr,
    method: &'static str,
    secrets: &[&str],
    question: CheckRequest,
) -> Result<CheckResponse, tonic::Status> {
    let client: Client<HttpConnector, tonic::body::Body> =
        Client::builder(TokioExecutor::new()).http2_only(true).build_http();
    let origin = format!("http://{address}").parse().map_err(|_| tonic::Status::internal("no address"))?;
    let mut grpc = Grpc::with_origin(client, origin);
    let mut request = tonic::Request::new(question);
    for secret in secrets {
        let value = MetadataValue::try_from(*secret).map_err(|_| tonic::Status::internal("no metadata"))?;
        request.metadata_mut().append("holdfast-gateway-secret", value);
    }
    grpc.ready().await.map_err(|error| tonic::Status::unavailable(error.to_string()))?;
    let codec = tonic_prost::ProstCodec::<CheckRequest, CheckResponse>::default();
    let answer = grpc.unary(request, http::uri::PathAndQuery::from_static(method), codec).await?;
    Ok(answer.into_inner())
}

/// The one value of a header field that takes the place of others.
pub(crate) fn value_of(headers: &[HeaderValueOption], name: &str) -> Result<Option<String>> {
    let mut found =
        headers.iter().filter(|option| option.header.as_ref().is_some_and(|header| header.key == name));
    let Some(option) = found.next() else { return Ok(None) };
    anyhow::ensure!(found.next().is_none(), "{name} twice");
    let append =
        option.append.as_ref().context("append is not said, and some versions of Envoy then append")?;
    anyhow::ensure!(!append.value && option.append_action == 0, "{name} does not replace");
    Ok(option.header.as_ref().map(|header| header.value.clone()))
}
