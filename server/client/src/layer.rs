//! A tower layer, for axum and everything else that speaks `http`.

use std::{future::Future, mem, pin::Pin, sync::Arc, task};

use http::{HeaderMap, Request, Response, StatusCode};
use tower_layer::Layer;
use tower_service::Service;

use crate::{Refusal, Verifier};

/// Lets a request through with an [`Identity`](crate::Identity) in its extensions, or answers 401 or 503 itself.
///
/// It belongs around the routes that need a session, before anything that rewrites their paths.
#[derive(Clone)]
pub struct AssertionLayer(Arc<Verifier>);

impl AssertionLayer {
    /// Asks `verifier`, which may be shared.
    #[must_use]
    pub fn new(verifier: impl Into<Arc<Verifier>>) -> Self {
        Self(verifier.into())
    }
}

impl<S> Layer<S> for AssertionLayer {
    type Service = AssertionGuard<S>;

    fn layer(&self, inner: S) -> Self::Service {
        AssertionGuard { inner, verifier: Arc::clone(&self.0) }
    }
}

/// What [`AssertionLayer`] puts around a service.
#[derive(Clone)]
pub struct AssertionGuard<S> {
    inner: S,
    verifier: Arc<Verifier>,
}

impl<S, B, R> Service<Request<B>> for AssertionGuard<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
    R: Default,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<R>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut task::Context<'_>) -> task::Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // The service that was asked whether it is ready must be the one that is called.
        let later = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, later);
        let verifier = Arc::clone(&self.verifier);
        Box::pin(async move {
            let assertion = only_assertion(request.headers());
            let (method, path) = (request.method().clone(), request.uri().path().to_owned());
            let verified = match assertion {
                Some(assertion) => verifier.verify(&assertion, method.as_str(), &path).await,
                None => Err(Refusal::Invalid),
            };
            match verified {
                Ok(identity) => {
                    request.extensions_mut().insert(identity);
                    inner.call(request).await
                }
                Err(refusal) => {
                    let mut response = Response::new(R::default());
                    *response.status_mut() = match refusal {
                        Refusal::Invalid => StatusCode::UNAUTHORIZED,
                        Refusal::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
                    };
                    Ok(response)
                }
            }
        })
    }
}

/// The assertion, if there is exactly one: with two, somebody besides the gateway has a say.
fn only_assertion(headers: &HeaderMap) -> Option<String> {
    let mut values = headers.get_all("holdfast-assertion").iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    value.to_str().ok().map(str::to_owned)
}
