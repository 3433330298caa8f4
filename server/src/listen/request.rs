//! Around every request: its context before, its log line, its metrics and its common headers after.

use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr},
    panic::AssertUnwindSafe,
    sync::Arc,
    time::Instant,
};

use axum::{
    Router,
    body::Body,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use http::{HeaderValue, Request, StatusCode, header};
use hyper::body::Incoming;

use crate::{
    context::{Context, Peer, RequestId, RequestIds},
    error::Trouble,
    extract::gateway::public_client_ip,
    house::Holdfast,
    respond::{Code, Problem},
    telemetry::{Event, EventName, log::RequestLine},
};

/// What serves the requests of one listener.
#[derive(Clone)]
pub(crate) struct Service(Arc<Shared>);

struct Shared {
    house: Arc<Holdfast>,
    router: Router,
    name: &'static str,
    is_public: bool,
    ids: Arc<RequestIds>,
}

impl Service {
    pub(crate) fn public(house: Arc<Holdfast>, router: Router, ids: Arc<RequestIds>) -> Self {
        Self(Arc::new(Shared { house, router, name: "public", is_public: true, ids }))
    }

    pub(crate) fn internal(house: Arc<Holdfast>, router: Router, ids: Arc<RequestIds>) -> Self {
        Self(Arc::new(Shared { house, router, name: "internal", is_public: false, ids }))
    }

    pub(crate) fn grpc(house: Arc<Holdfast>, router: Router, ids: Arc<RequestIds>) -> Self {
        Self(Arc::new(Shared { house, router, name: "grpc", is_public: false, ids }))
    }

    /// The service of one connection.
    pub(super) fn for_peer(&self, peer: Peer) -> PeerService {
        PeerService { shared: Arc::clone(&self.0), peer }
    }
}

/// Serves the requests that come from one peer.
#[derive(Clone)]
pub(super) struct PeerService {
    shared: Arc<Shared>,
    peer: Peer,
}

impl hyper::service::Service<Request<Incoming>> for PeerService {
    type Response = Response;
    type Error = Infallible;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let this = self.clone();
        let may_change = !request.method().is_safe();
        let answer = async move { this.shared.answer(request.map(Body::new), this.peer).await };
        if !may_change {
            return Box::pin(answer.map(Ok));
        }
        // What changes something goes on although its client hangs up: what has happened must be told, and nothing may stop
        // half-way.
        let answering = tokio::spawn(answer);
        Box::pin(async move {
            Ok(answering.await.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response()))
        })
    }
}

impl Shared {
    async fn answer(&self, mut request: Request<Body>, peer: Peer) -> Response {
        let started = Instant::now();
        // Whoever asks over the Unix socket is no client, and has no address.
        let address = peer.address().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let client_ip =
            if self.is_public { public_client_ip(&self.house, address, request.headers()) } else { address };
        let context = Context { now: self.house.clock.now(), peer, client_ip, request_id: self.ids.next() };
        request.extensions_mut().insert(context);
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let mut response = self.call(request).await;
        self.add_common_headers(&mut response);
        self.tell(&context, &method, uri.path(), &response, started);
        response
    }

    /// A panic is a fault of ours that must not take anything else along.
    async fn call(&self, request: Request<Body>) -> Response {
        let request_id = request.extensions().get::<Context>().map(|context| context.request_id);
        let call = tower_service::Service::call(&mut self.router.clone(), request);
        match AssertUnwindSafe(call).catch_unwind().await {
            Ok(Ok(response)) => response,
            Ok(Err(infallible)) => match infallible {},
            Err(_panic) => {
                let request_id = request_id.as_ref().map_or("", RequestId::as_str);
                self.house.log.error(
                    self.house.clock.now(),
                    &format!("request {request_id} met a mistake of the server"),
                );
                let detail = "the server made a mistake; its log says at which request";
                Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", detail).into_response()
            }
        }
    }

    fn add_common_headers(&self, response: &mut Response) {
        let headers = response.headers_mut();
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        if self.is_public {
            headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
            let policy = headers.entry("cross-origin-resource-policy");
            policy.or_insert(HeaderValue::from_static("same-origin"));
            headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
            if self.house.public_tls {
                let one_year = HeaderValue::from_static("max-age=31536000");
                headers.insert(header::STRICT_TRANSPORT_SECURITY, one_year);
            }
        }
    }

    fn tell(
        &self,
        context: &Context,
        method: &http::Method,
        path: &str,
        response: &Response,
        started: Instant,
    ) {
        let elapsed = started.elapsed();
        let status = response.status().as_u16();
        let code = response.extensions().get::<Code>().map(|code| code.0);
        self.house.metrics.request(self.name, status, elapsed.as_secs_f64());
        if let Some(trouble) = response.extensions().get::<Trouble>() {
            self.tell_of_trouble(context, trouble);
        }
        self.house.log.request(
            context.now,
            &RequestLine {
                listener: self.name,
                method: method.as_str(),
                path: path.get(..MOST_PATH_BYTES).unwrap_or(path),
                status,
                code,
                micros: u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX),
                peer: context.peer.address(),
                request_id: context.request_id.as_str(),
            },
        );
    }

    fn tell_of_trouble(&self, context: &Context, trouble: &Trouble) {
        let detail = match trouble {
            Trouble::Store(unavailable) => unavailable.to_string(),
            Trouble::Contention | Trouble::Randomness => trouble.to_string(),
            // Told once, where the keys were asked for, and not for each token that somebody may make up.
            Trouble::Issuer => return,
        };
        let event = Event {
            event: Some(EventName::StoreUnavailable),
            reason: Some(trouble.code()),
            request_id: Some(context.request_id.as_str()),
            detail: Some(&detail),
            ..Event::default()
        };
        self.house.record(context.now, &event);
        self.house.log.error(context.now, &detail);
    }
}

/// A path may be as long as a client likes; a log line need not be. Paths of requests are ASCII (RFC 3986 §2).
const MOST_PATH_BYTES: usize = 256;
