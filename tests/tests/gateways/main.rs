//! The published recipes with real proxies, a real Chromium and a small app behind them, and what goes wrong with other
//! configurations.
//!
//! A recipe is used as it stands in `server/deploy`: only ports and folders are others. Browsers and clients ask for
//! `https://shop.example` and are led to the proxy's port.

#![expect(
    clippy::indexing_slicing,
    reason = "a missing member of an answer reads as null, and fails the test"
)]

mod app;
mod browser;
mod doctor;
mod envoy;
mod faults;
mod gate;
mod house;
mod networks;
mod oauth;
mod proxy;
mod raw;
mod readme;
mod recipes;
mod requests;
mod risk;
mod stub;
mod traefik;
mod wire;

/// One test for each story and proxy.
macro_rules! through_each_proxy {
    ($($story:ident),+ $(,)?) => {
        through_each_proxy!(@ apache Apache $($story)+);
        through_each_proxy!(@ caddy Caddy $($story)+);
        through_each_proxy!(@ haproxy Haproxy $($story)+);
        through_each_proxy!(@ nginx Nginx $($story)+);
    };
    (@ $module:ident $proxy:ident $($story:ident)+) => {
        mod $module {
            $(
                #[tokio::test]
                async fn $story() -> anyhow::Result<()> {
                    super::$story(crate::proxy::Proxy::$proxy).await
                }
            )+
        }
    };
}
pub(crate) use through_each_proxy;
