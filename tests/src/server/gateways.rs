//! How each kind of gateway asks about a request.

use reqwest::Method;

use super::{Api, Call, ORIGIN};

/// The identity headers that reach the app, all of them with each request.
pub const IDENTITY: [&str; 7] = [
    "holdfast-user",
    "holdfast-session",
    "holdfast-binding",
    "holdfast-assertion",
    "holdfast-client",
    "holdfast-scope",
    "holdfast-issuer",
];

impl Api {
    /// How every kind asks about a request to the shop.
    #[must_use]
    pub fn kinds(&self, method: &Method, target: &str) -> Vec<(&'static str, Call)> {
        let forwarded = |path| self.forwarded(path, method.as_str(), target);
        vec![
            ("nginx", self.nginx(method.as_str(), &format!("{ORIGIN}{target}"))),
            ("caddy", forwarded("/verify/caddy")),
            ("traefik", forwarded("/verify/traefik")),
            ("haproxy", forwarded("/verify/haproxy")),
            ("envoy", self.envoy(method.clone(), target)),
        ]
    }

    /// nginx asks about this address.
    #[must_use]
    pub fn nginx(&self, method: &str, url: &str) -> Call {
        let call = self.gateway(Method::GET, "/verify/nginx").header("x-original-method", method);
        call.header("x-original-url", url)
    }

    /// Caddy, Traefik or HAProxy asks about this target of the shop.
    #[must_use]
    pub fn forwarded(&self, path: &str, method: &str, target: &str) -> Call {
        self.gateway(Method::GET, path)
            .header("x-forwarded-method", method)
            .header("x-forwarded-proto", "https")
            .header("x-forwarded-host", "shop.example")
            .header("x-forwarded-uri", target)
    }

    /// Envoy asks about this target of the shop.
    #[must_use]
    pub fn envoy(&self, method: Method, target: &str) -> Call {
        self.gateway(method, &format!("/verify/envoy{target}")).header("host", "shop.example")
    }
}
