//! What is in force at the moment: the house and its routes, exchanged as one when the configuration is loaded anew.

use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::Router;
use rustls::ServerConfig;

use crate::{Config, house::Holdfast, router};

/// What serves requests. A request holds on to the one that it found, and so do those that began before a change.
pub(crate) struct Served {
    pub(crate) house: Arc<Holdfast>,
    pub(crate) public: Router,
    pub(crate) internal: Router,
    pub(crate) grpc: Router,
    /// Of the public listener; none behind a proxy that ends TLS.
    pub(crate) tls: Option<Arc<ServerConfig>>,
    /// What all of it was made of.
    pub(crate) config: Config,
}

/// The public table of routes for a house.
pub(crate) type PublicRouter = Box<dyn Fn(Arc<Holdfast>) -> Router + Send + Sync>;

/// What serves requests now.
pub(crate) struct Live {
    served: ArcSwap<Served>,
    public_router: PublicRouter,
}

impl Live {
    pub(crate) fn new(
        house: Holdfast,
        tls: Option<Arc<ServerConfig>>,
        config: Config,
        public_router: PublicRouter,
    ) -> Self {
        let served = serve_by(house, tls, config, &public_router);
        Self { served: ArcSwap::from(served), public_router }
    }

    /// What is in force.
    pub(crate) fn now(&self) -> Arc<Served> {
        self.served.load_full()
    }

    /// Puts a house in the place of the one before, for every request that comes from now on.
    pub(crate) fn replace(&self, house: Holdfast, tls: Option<Arc<ServerConfig>>, config: Config) {
        self.served.store(serve_by(house, tls, config, &self.public_router));
    }
}

fn serve_by(
    house: Holdfast,
    tls: Option<Arc<ServerConfig>>,
    config: Config,
    public_router: &PublicRouter,
) -> Arc<Served> {
    let house = Arc::new(house);
    let (public, internal) = (public_router(Arc::clone(&house)), router::internal(Arc::clone(&house)));
    let grpc = router::grpc(Arc::clone(&house));
    Arc::new(Served { house, public, internal, grpc, tls, config })
}
