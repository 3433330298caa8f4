//! Around every request: its context before, its log line, its metrics and its common headers after.

use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr},
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use http::{HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body::Body as _;
use hyper::body::Incoming;

use super::{arrival::Arrivals, quiet::Quiet, timely::Timely, turn::Turn};
use crate::{
    context::{Context, Peer, RequestId, RequestIds},
    error::Trouble,
    extract::{
        gateway::public_client_ip,
        trace::{TRACEPARENT, trace_of},
    },
    house::Holdfast,
    limits::{Admission, Admitted, Joined, Limited, Queue, Waited},
    line::end_of_the_line,
    live::{Live, Served},
    respond::{Code, Problem, ProblemCode, header_value},
    telemetry::{Event, EventName, Finished, log::RequestLine},
};

/// What serves the requests of one listener.
#[derive(Clone)]
pub(crate) struct Service(Arc<Shared>);

struct Shared {
    live: Arc<Live>,
    routes: Routes,
    admission: Arc<Admission>,
    ids: Arc<RequestIds>,
}

/// Which of the three tables of routes a listener serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Routes {
    /// For browsers and OAuth clients.
    Public,
    /// For apps, gateways and operators.
    Internal,
    /// For Envoy.
    Grpc,
}

impl Service {
    pub(crate) fn new(routes: Routes, live: Arc<Live>, ids: Arc<RequestIds>) -> Self {
        let load = Arc::clone(&live.now().house.load);
        let admission = match routes {
            Routes::Public => &load.public,
            Routes::Internal | Routes::Grpc => &load.internal,
        };
        Self(Arc::new(Shared { live, routes, admission: Arc::clone(admission), ids }))
    }

    /// What it serves.
    pub(super) fn routes(&self) -> Routes {
        self.0.routes
    }

    /// What requests wait in until their turn.
    pub(super) fn queue(&self) -> Arc<Queue> {
        Arc::clone(self.0.admission.queue())
    }

    /// The service of one connection, whose bodies come in `patience`.
    pub(super) fn for_peer(
        &self,
        peer: Peer,
        patience: Duration,
        turn: &Turn,
        arrivals: Arc<Arrivals>,
        quiet: Option<Arc<Quiet>>,
    ) -> PeerService {
        PeerService { shared: Arc::clone(&self.0), peer, patience, turn: turn.clone(), arrivals, quiet }
    }
}

/// Serves the requests that come from one peer.
#[derive(Clone)]
pub(super) struct PeerService {
    shared: Arc<Shared>,
    peer: Peer,
    patience: Duration,
    turn: Turn,
    arrivals: Arc<Arrivals>,
    /// Of an HTTP/2 connection, which has as many turns as streams.
    quiet: Option<Arc<Quiet>>,
}

impl hyper::service::Service<Request<Incoming>> for PeerService {
    type Response = Response;
    type Error = Infallible;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        // From here to its end a request is served by the configuration that it found.
        let served = self.shared.live.now();
        let busy = self.quiet.as_ref().map(Quiet::begin);
        if self.turn.take() && busy.is_none() {
            // Most of an overload must cost as little as it can, not even the memory to wait in.
            let begun = Begun::new(&self.shared, &served.house, &request, self.peer, &self.arrivals.take());
            return match self.shared.admit(&served.house, &begun) {
                Ok(admitted) => Box::pin(self.clone().serve(served, request, begun, admitted)),
                Err(limited) => {
                    Box::pin(std::future::ready(Ok(self.shared.turn_away(&served.house, &begun, limited))))
                }
            };
        }
        let (own, has_turn) = (self.clone(), busy.is_some());
        let joined = if has_turn { self.arrivals.last() } else { self.shared.admission.queue().join() };
        Box::pin(async move {
            let _busy = busy;
            if !has_turn {
                end_of_the_line().await;
            }
            let begun = Begun::new(&own.shared, &served.house, &request, own.peer, &joined);
            match own.shared.admit(&served.house, &begun) {
                Ok(admitted) => own.serve(served, request, begun, admitted).await,
                Err(limited) => Ok(own.shared.turn_away(&served.house, &begun, limited)),
            }
        })
    }
}

impl PeerService {
    /// Answers a request that was taken.
    async fn serve(
        self,
        served: Arc<Served>,
        request: Request<Incoming>,
        begun: Begun,
        admitted: Admitted,
    ) -> Result<Response, Infallible> {
        let may_change = !request.method().is_safe();
        let (shared, patience, metrics) = (self.shared, self.patience, Arc::clone(&served.house.metrics));
        let request = request.map(|body| {
            if body.is_end_stream() { Body::empty() } else { Body::new(Timely::new(body, patience, metrics)) }
        });
        let answer = async move {
            let answer = shared.answer(&served, request, &begun).await;
            drop(admitted);
            answer
        };
        if !may_change {
            return Ok(answer.await);
        }
        // What changes something goes on although its client hangs up: what has happened must be told, and nothing may
        // stop half-way.
        let answered = tokio::spawn(answer).await;
        Ok(answered.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response()))
    }
}

/// A request before it is looked into.
struct Begun {
    context: Context,
    started: Instant,
    waited: Waited,
    method: Method,
    uri: Uri,
}

impl Begun {
    fn new(
        shared: &Shared,
        house: &Holdfast,
        request: &Request<Incoming>,
        peer: Peer,
        joined: &Joined,
    ) -> Self {
        let started = Instant::now();
        let waited = shared.admission.queue().turn(joined, started);
        let is_public = shared.routes == Routes::Public;
        // Whoever asks over the Unix socket is no client, and has no address.
        let address = peer.address().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let headers = request.headers();
        let client_ip = if is_public { public_client_ip(house, address, headers) } else { address };
        let context = Context {
            now: house.clock.now(),
            peer,
            client_ip,
            request_id: shared.ids.next(),
            trace: trace_of(headers, house, &shared.ids, is_public),
            waited: waited.time,
        };
        Self { context, started, waited, method: request.method().clone(), uri: request.uri().clone() }
    }
}

impl Shared {
    async fn answer(&self, served: &Served, mut request: Request<Body>, begun: &Begun) -> Response {
        request.extensions_mut().insert(begun.context);
        let response = self.call(served, request).await;
        self.finish(&served.house, begun, response)
    }

    fn turn_away(&self, house: &Holdfast, begun: &Begun, limited: Limited) -> Response {
        house.metrics.limited(limited.limit);
        self.finish(house, begun, limited.answer(begun.uri.path()).into_response())
    }

    fn finish(&self, house: &Holdfast, begun: &Begun, mut response: Response) -> Response {
        self.add_common_headers(house, &mut response);
        // Not to strangers: they have no use for it.
        if let Some(trace) = begun.context.trace.filter(|_| self.routes == Routes::Internal) {
            response.headers_mut().insert(TRACEPARENT, header_value(trace.parent_of_others().to_string()));
        }
        self.tell(house, begun, &response);
        response
    }

    /// Takes the request, if there is time for it and its client has not asked too much.
    fn admit(&self, house: &Holdfast, begun: &Begun) -> Result<Admitted, Limited> {
        let (limits, method, path) = (&house.limits, &begun.method, begun.uri.path());
        let (client, waited) = (begun.context.client_ip, begun.waited);
        match self.routes {
            Routes::Public => {}
            Routes::Internal if is_watched(path) => return Ok(self.admission.admit_always()),
            Routes::Internal if *method == Method::DELETE => return Ok(self.admission.admit_always()),
            Routes::Internal => return self.admission.admit(waited, limits.config.requests, None),
            // A call that fails is a yes to an Envoy with failure_mode_allow, so none is turned away.
            Routes::Grpc => return Ok(self.admission.admit_always()),
        }
        // Before the load: whoever asks too much must not take the place of those who do not.
        let prefix = house.limits_by_address(client).then(|| limits.prefixes.of(client));
        if prefix.is_some() {
            limits.take_of_address(client)?;
        }
        // Whoever wants a session to be over is not made to wait. It costs little, and reads no body.
        if *method == Method::POST && path == "/_holdfast/logout" {
            return Ok(self.admission.admit_always());
        }
        self.admission.admit(waited, limits.config.requests, prefix)
    }

    /// A panic is a fault of ours that must not take anything else along.
    async fn call(&self, served: &Served, request: Request<Body>) -> Response {
        let request_id = request.extensions().get::<Context>().map(|context| context.request_id);
        let router = match self.routes {
            Routes::Public => &served.public,
            Routes::Internal => &served.internal,
            Routes::Grpc => &served.grpc,
        };
        let call = tower_service::Service::call(&mut router.clone(), request);
        match AssertUnwindSafe(call).catch_unwind().await {
            Ok(Ok(response)) => response,
            Ok(Err(infallible)) => match infallible {},
            Err(_panic) => {
                let request_id = request_id.as_ref().map_or("", RequestId::as_str);
                served.house.log.error(
                    served.house.clock.now(),
                    &format!("request {request_id} met a mistake of the server"),
                );
                let detail = "the server made a mistake; its log says at which request";
                Problem::of(ProblemCode::InternalError, detail).into_response()
            }
        }
    }

    fn add_common_headers(&self, house: &Holdfast, response: &mut Response) {
        let headers = response.headers_mut();
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        if self.routes == Routes::Public {
            headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
            let policy = headers.entry("cross-origin-resource-policy");
            policy.or_insert(HeaderValue::from_static("same-origin"));
            headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
            if house.public_tls {
                let one_year = HeaderValue::from_static("max-age=31536000");
                headers.insert(header::STRICT_TRANSPORT_SECURITY, one_year);
            }
        }
    }

    fn tell(&self, house: &Holdfast, begun: &Begun, response: &Response) {
        let (context, method, path) = (&begun.context, &begun.method, begun.uri.path());
        let elapsed = begun.started.elapsed();
        let status = response.status().as_u16();
        let code = response.extensions().get::<Code>().map(|code| code.as_str());
        let trace_id = context.trace_id().map(|trace| trace.to_string());
        house.metrics.request(self.routes.name(), status, elapsed.as_secs_f64());
        if let Some(trace) = context.trace.filter(|trace| trace.sampled) {
            house.spans.record(Finished {
                trace,
                listener: self.routes.name(),
                method: method.clone(),
                path: path.get(..MOST_PATH_BYTES).unwrap_or(path).to_owned(),
                status,
                code,
                began: context.now,
                took: elapsed,
                client: context.client_ip,
                request_id: context.request_id.as_str().to_owned(),
            });
        }
        if let Some(trouble) = response.extensions().get::<Trouble>() {
            self.tell_of_trouble(house, context, trouble);
        }
        house.log.request(
            context.now,
            &RequestLine {
                listener: self.routes.name(),
                method: method.as_str(),
                path: path.get(..MOST_PATH_BYTES).unwrap_or(path),
                status,
                code,
                micros: u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX),
                peer: context.peer.address(),
                request_id: context.request_id.as_str(),
                trace_id: trace_id.as_deref(),
            },
        );
    }

    fn tell_of_trouble(&self, house: &Holdfast, context: &Context, trouble: &Trouble) {
        let detail = match trouble {
            Trouble::Store(unavailable) => unavailable.to_string(),
            Trouble::Contention | Trouble::Randomness => trouble.to_string(),
            // Counted where it was met; a client that asks too much must not fill the disk as well.
            Trouble::Busy | Trouble::Overloaded => return,
            // An operator who has taken an app out knows it, and its browsers ask on.
            Trouble::App => return,
            // Told once, where the keys were asked for, and not for each token that somebody may make up.
            Trouble::Issuer => return,
        };
        let event = Event {
            event: Some(EventName::StoreUnavailable),
            reason: Some(trouble.code().as_str()),
            request_id: Some(context.request_id.as_str()),
            trace_id: context.trace_id(),
            detail: Some(&detail),
            ..Event::default()
        };
        house.record(context.now, &event);
        house.log.error(context.now, &detail);
    }
}

impl Routes {
    /// The name of the listener in log and metrics.
    const fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Internal => "internal",
            Self::Grpc => "grpc",
        }
    }
}

/// Whether whoever watches the server asks. They are answered however much there is to do.
fn is_watched(path: &str) -> bool {
    matches!(path, "/healthz" | "/readyz" | "/metrics")
}

/// A path may be as long as a client likes; a log line need not be. Paths of requests are ASCII (RFC 3986 §2).
const MOST_PATH_BYTES: usize = 256;
