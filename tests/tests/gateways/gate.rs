//! A proxy with an app and Holdfast behind it.

use anyhow::Result;
use holdfast_tests::server::{Call, Login, ORIGIN};
use holdfast_tests::{Authority, http, require};
use reqwest::{Client, Method};

use crate::app::App;
use crate::house::House;
use crate::proxy::{Configuration, Places, Proxy, Started};

/// Everything that stands between a client and the app.
pub(crate) struct Gate {
    // Declared first: the proxy goes before what it asks.
    pub(crate) proxy: Started,
    pub(crate) app: App,
    pub(crate) house: House,
    pub(crate) authority: Authority,
    /// Whose recipe it is.
    pub(crate) recipe: Proxy,
    clients: [Client; 2],
}

impl Gate {
    /// The recipe of `proxy`; `None` when it is not installed.
    pub(crate) async fn published(proxy: Proxy) -> Result<Option<Self>> {
        Self::with(proxy, None, &[]).await
    }

    /// With another configuration of the proxy, and variables of Holdfast.
    pub(crate) async fn with(
        proxy: Proxy,
        configuration: Option<Configuration>,
        variables: &[(&str, &str)],
    ) -> Result<Option<Self>> {
        let Some(()) = require(&[proxy.prerequisite()]) else { return Ok(None) };
        let recipe = proxy;
        let house = House::start(proxy.folder(), variables).await?;
        let app = App::start(house.internal()).await?;
        let places = places(&app, &house);
        let configuration = configuration.map_or_else(|| Configuration::published(proxy), Ok)?;
        let authority = Authority::new()?;
        let proxy = configuration.start(places, &authority).await?;
        let clients = http::clients_behind(&authority, proxy.https)?;
        Ok(Some(Self { proxy, app, house, authority, recipe, clients }))
    }

    /// What stands behind the proxy.
    pub(crate) fn places(&self) -> Places {
        places(&self.app, &self.house)
    }

    /// Puts another proxy in the place of the one that runs.
    pub(crate) fn replace(&mut self, proxy: Started) -> Result<()> {
        self.clients = http::clients_behind(&self.authority, proxy.https)?;
        self.proxy = proxy;
        Ok(())
    }

    /// A request by HTTP/1.1 through the proxy.
    pub(crate) fn request(&self, method: Method, path: &str) -> Call {
        let [client, _] = &self.clients;
        client.request(method, format!("{ORIGIN}{path}")).into()
    }

    /// A `GET` by HTTP/1.1 through the proxy.
    pub(crate) fn get(&self, path: &str) -> Call {
        self.request(Method::GET, path)
    }

    /// The same request by HTTP/1.1 and by HTTP/2.
    pub(crate) fn gets(&self, path: &str) -> [Call; 2] {
        self.clients.each_ref().map(|client| client.get(format!("{ORIGIN}{path}")).into())
    }

    /// A user who is logged in, without a key.
    pub(crate) async fn login(&self, user: &str) -> Result<Login> {
        self.house.api.login(user).await
    }
}

fn places(app: &App, house: &House) -> Places {
    Places { app: app.address, public: house.api.public_addr(), internal: house.internal() }
}
