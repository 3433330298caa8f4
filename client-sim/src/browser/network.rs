//! Which part of the site answers: the app for its pages, Holdfast for everything below `/_holdfast/`.

use crate::Failure;
use crate::app::App;
use crate::http::{Answer, Request, Transport};
use crate::origin::Origin;

/// The way from a browser to its one site.
#[derive(Clone, Debug)]
pub struct Network {
    /// The site's origin.
    pub origin: Origin,
    /// Holdfast's public listener.
    pub public: Transport,
    /// The app; without one the public listener answers everything.
    pub app: Option<App>,
}

impl Network {
    /// Sends a request to whoever answers it.
    pub async fn send(&self, request: &Request) -> Result<Answer, Failure> {
        if !self.origin.owns(&request.url) {
            let known = self.origin.serialized();
            return Err(Failure::Network(format!("{} is not on {known}, the only known site", request.url)));
        }
        match &self.app {
            Some(app) if !belongs_to_holdfast(request.url.path()) => app.answer(request).await,
            Some(_) | None => self.public.send(request).await,
        }
    }
}

/// What a gateway routes to Holdfast on the app's own origin.
fn belongs_to_holdfast(path: &str) -> bool {
    path.starts_with("/_holdfast/")
        || path.starts_with("/.well-known/oauth-")
        || path == "/.well-known/device-bound-sessions"
}
