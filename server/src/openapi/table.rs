//! The table of routes: where a handler and its description go in together.

use std::sync::Arc;

use axum::{
    Router,
    handler::Handler,
    routing::{MethodFilter, any, on},
};

use super::Operation;
use crate::house::Holdfast;

/// Routes in the making.
pub(crate) struct Table {
    router: Router<Arc<Holdfast>>,
    routes: Vec<Route>,
}

/// What is known of a route besides its handler.
pub(super) struct Route {
    path: &'static str,
    /// In lower case, as OpenAPI writes them.
    pub(super) methods: &'static [&'static str],
    pub(super) describe: fn() -> Operation,
}

impl Table {
    pub(crate) fn new() -> Self {
        Self { router: Router::new(), routes: Vec::new() }
    }

    /// Answers `GET`, and with it `HEAD`.
    pub(crate) fn get<H, T>(self, path: &'static str, handler: H, describe: fn() -> Operation) -> Self
    where
        H: Handler<T, Arc<Holdfast>>,
        T: 'static,
    {
        self.on(MethodFilter::GET, &["get"], path, handler, describe)
    }

    /// Answers `POST`.
    pub(crate) fn post<H, T>(self, path: &'static str, handler: H, describe: fn() -> Operation) -> Self
    where
        H: Handler<T, Arc<Holdfast>>,
        T: 'static,
    {
        self.on(MethodFilter::POST, &["post"], path, handler, describe)
    }

    /// Answers `PATCH`.
    pub(crate) fn patch<H, T>(self, path: &'static str, handler: H, describe: fn() -> Operation) -> Self
    where
        H: Handler<T, Arc<Holdfast>>,
        T: 'static,
    {
        self.on(MethodFilter::PATCH, &["patch"], path, handler, describe)
    }

    /// Answers `PUT`.
    pub(crate) fn put<H, T>(self, path: &'static str, handler: H, describe: fn() -> Operation) -> Self
    where
        H: Handler<T, Arc<Holdfast>>,
        T: 'static,
    {
        self.on(MethodFilter::PUT, &["put"], path, handler, describe)
    }

    /// Answers `DELETE`.
    pub(crate) fn delete<H, T>(self, path: &'static str, handler: H, describe: fn() -> Operation) -> Self
    where
        H: Handler<T, Arc<Holdfast>>,
        T: 'static,
    {
        self.on(MethodFilter::DELETE, &["delete"], path, handler, describe)
    }

    /// Answers `OPTIONS`.
    pub(crate) fn options<H, T>(self, path: &'static str, handler: H, describe: fn() -> Operation) -> Self
    where
        H: Handler<T, Arc<Holdfast>>,
        T: 'static,
    {
        self.on(MethodFilter::OPTIONS, &["options"], path, handler, describe)
    }

    /// Answers whatever method comes.
    pub(crate) fn any<H, T>(mut self, path: &'static str, handler: H, describe: fn() -> Operation) -> Self
    where
        H: Handler<T, Arc<Holdfast>>,
        T: 'static,
    {
        self.routes.push(Route { path, methods: EVERY_METHOD, describe });
        Self { router: self.router.route(path, any(handler)), ..self }
    }

    /// The routes themselves.
    pub(crate) fn into_router(self) -> Router<Arc<Holdfast>> {
        self.router
    }

    /// What is known of them.
    pub(super) fn into_routes(self) -> Vec<Route> {
        self.routes
    }

    fn on<H, T>(
        mut self,
        filter: MethodFilter,
        methods: &'static [&'static str],
        path: &'static str,
        handler: H,
        describe: fn() -> Operation,
    ) -> Self
    where
        H: Handler<T, Arc<Holdfast>>,
        T: 'static,
    {
        self.routes.push(Route { path, methods, describe });
        Self { router: self.router.route(path, on(filter, handler)), ..self }
    }
}

impl Route {
    /// The path as OpenAPI writes it: the rest of a path is a part like any other there.
    pub(super) fn template(&self) -> String {
        self.path.replace("{*", "{")
    }
}

/// Those that a description can name.
const EVERY_METHOD: &[&str] = &["delete", "get", "head", "options", "patch", "post", "put", "trace"];
