//! Faults that other products and other configurations had. Each attack succeeds on a configuration that looks
//! reasonable and is naive, and fails on all that we publish.

mod attack;
mod naive;

use anyhow::{Result, ensure};

use self::attack::{Attack, VARIABLES};
use crate::gate::Gate;
use crate::proxy::{Configuration, Places, Proxy};
use crate::stub::Stub;
use crate::through_each_proxy;

through_each_proxy!(no_attack_succeeds, an_answer_without_identity_gives_none);

async fn no_attack_succeeds(proxy: Proxy) -> Result<()> {
    let Some(mut gate) = Gate::with(proxy, None, VARIABLES).await? else { return Ok(()) };
    for attack in Attack::ALL {
        ensure!(!attack.succeeds(&mut gate).await?, "{attack:?} succeeds behind {proxy:?}");
    }
    Ok(())
}

/// GHSA-7r4p-vjf4-gxv4: what the auth server does not say, the client must not say either.
async fn an_answer_without_identity_gives_none(proxy: Proxy) -> Result<()> {
    let Some(mut gate) = Gate::published(proxy).await? else { return Ok(()) };
    let stub = Stub::start(200, &[]).await?;
    gate.ask_instead(&Configuration::published(proxy)?, stub.address).await?;
    for call in gate.gets("/orders") {
        let _whatever = call.header("holdfast-user", "root").header("Holdfast_User", "root").send().await?;
        let seen = gate.app.seen();
        assert!(seen.iter().all(|seen| seen.as_cgi("holdfast-user").is_empty()), "{seen:?}");
    }
    Ok(())
}

/// Tests that an attack succeeds where nobody has thought of it: a test that could not fail would prove nothing.
macro_rules! naive {
    ($($name:ident: $attack:ident by $configuration:expr),+ $(,)?) => {
        $(
            #[tokio::test]
            async fn $name() -> Result<()> {
                succeeds(Attack::$attack, $configuration).await
            }
        )+
    };
}

naive! {
    a_forwarded_method_is_believed: ForgedMethod by naive::forwarded_method(),
    a_forwarded_prefix_is_believed: ForgedPrefix by naive::forwarded_prefix(),
    a_forwarded_address_is_believed: ForgedUri by naive::forwarded_uri(),
    a_forwarded_client_is_believed: ForgedClient by naive::forwarded_client(),
    a_health_check_is_let_through: HealthCheck by naive::health_check(),
    a_query_matches_a_route: Query by naive::match_anywhere(),
    a_fragment_matches_a_route: Fragment by naive::match_anywhere(),
    a_path_is_open_to_the_proxy_alone: OpenInDisguise by naive::open_as_written(),
    a_name_with_an_underscore_arrives: Underscore by naive::all_names(),
    a_name_with_a_dot_arrives: Dot by naive::all_names(),
    a_header_that_nobody_sets_arrives: Unset by naive::one_header(),
    one_of_two_cookies_is_chosen: TwoCookies by naive::first_cookie(),
    a_redirect_becomes_an_error: RedirectIsError by naive::other_endpoint(),
    a_page_stands_in_front_of_the_refresh: PageBeforeRefresh by naive::all_behind_the_check(),
    an_outage_is_an_open_door: Outage by naive::highly_available(),
    the_cookies_of_the_app_are_lost: LostCookies by naive::set_cookie(),
}

async fn succeeds(attack: Attack, configuration: Configuration) -> Result<()> {
    let proxy = configuration.proxy();
    let Some(mut gate) = Gate::with(proxy, Some(configuration), VARIABLES).await? else { return Ok(()) };
    ensure!(attack.succeeds(&mut gate).await?, "{attack:?} is harmless: {}", gate.proxy.log());
    Ok(())
}

/// Two cookies of a check cannot pass nginx: an old one sees the first alone, a new one joins them with a comma, and
/// neither is what was sent. So Holdfast sends one at most.
#[tokio::test]
async fn nginx_cannot_pass_two_cookies_of_a_check() -> Result<()> {
    let Some(mut gate) = Gate::published(Proxy::Nginx).await? else { return Ok(()) };
    let stub = Stub::start(
        401,
        &[
            ("Holdfast-Decision", "reprove"),
            ("Holdfast-Redirect", "/orders"),
            ("Set-Cookie", "__Host-a=; Max-Age=0; Path=/; Secure"),
            ("Set-Cookie", "__Host-b=; Max-Age=0; Path=/; Secure"),
        ],
    )
    .await?;
    gate.ask_instead(&Configuration::published(Proxy::Nginx)?, stub.address).await?;
    let answer = gate.get("/orders").send().await?.expect(307)?;
    assert_eq!(answer.all("set-cookie").len(), 1, "{:?}", answer.headers);
    Ok(())
}

/// What nginx makes of an auth server that answers something else than 401 and 403.
#[tokio::test]
async fn nginx_makes_an_error_of_other_refusals() -> Result<()> {
    for status in [302, 307, 429, 503] {
        let Some(mut gate) = Gate::published(Proxy::Nginx).await? else { return Ok(()) };
        let stub = Stub::start(status, &[("Location", "/login")]).await?;
        gate.ask_instead(&Configuration::published(Proxy::Nginx)?, stub.address).await?;
        gate.get("/orders").send().await?.expect(500)?;
        assert!(gate.app.seen().is_empty());
    }
    Ok(())
}

impl Gate {
    /// Starts the proxy again, with somebody else in Holdfast's place.
    async fn ask_instead(
        &mut self,
        configuration: &Configuration,
        internal: std::net::SocketAddr,
    ) -> Result<()> {
        let places = Places { app: self.app.address, public: self.house.api.public_addr(), internal };
        self.replace(configuration.start(places, &self.authority).await?)
    }
}
