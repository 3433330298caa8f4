//! The configuration, loaded anew while the server runs.

use crate::{
    Config, StartError,
    assemble::{self, Files},
    config::Problems,
    geo::tell_of_geo,
    live::Live,
    secrets::Secrets,
    telemetry::{Event, EventName},
};

/// Puts a new configuration in force, with everything that its files hold: certificates, keys and secrets. Requests that
/// have begun are finished by the one before, and no connection is closed.
///
/// # Errors
/// The problems, a line each, as `check-config` tells them. The former configuration is then still in force.
pub(crate) async fn reload(
    live: &std::sync::Arc<Live>,
    read: impl FnOnce() -> Result<Config, Problems> + Send + 'static,
) -> Result<(), String> {
    let preparing = std::sync::Arc::clone(live);
    // Files are read here, and perhaps from a slow disk.
    let prepared = tokio::task::spawn_blocking(move || prepare(&preparing, read)).await;
    let outcome = prepared.unwrap_or_else(|_panic| Err("the configuration could not be read".to_owned()));
    let house = &live.now().house;
    let now = house.clock.now();
    house.metrics.reload(outcome.is_ok());
    match &outcome {
        Ok(warnings) => {
            warnings.iter().for_each(|warning| house.log.warn(now, warning));
            house.log.info(now, "the configuration was loaded anew");
            house.metrics.loaded(now);
            let detail = concat!("loaded anew by ", env!("CARGO_PKG_VERSION"));
            let event =
                Event { event: Some(EventName::ConfigLoaded), detail: Some(detail), ..Event::default() };
            house.record(now, &event);
        }
        Err(problems) => {
            for problem in problems.lines() {
                house.log.error(now, &format!("the configuration was not loaded: {problem}"));
            }
            let event =
                Event { event: Some(EventName::ConfigRejected), detail: Some(problems), ..Event::default() };
            house.record(now, &event);
        }
    }
    outcome.map(|_warnings| ())
}

/// Reads everything, and puts it in force if all of it is in order. Gives the warnings.
fn prepare(live: &Live, read: impl FnOnce() -> Result<Config, Problems>) -> Result<Vec<String>, String> {
    let config = read().map_err(|problems| problems.to_string())?;
    let former = live.now();
    let fixed = what_cannot_change(&former.config, &config);
    if !fixed.is_empty() {
        return Err(fixed.join("\n"));
    }
    // A root key that is missing is not made here: a running server had one, and somebody has to know where it went.
    let files = Files::read(&config, Secrets::read, Some(&former.house.geo));
    let files = files.map_err(|problems| problems.join("\n"))?;
    let Files { mut secrets, tls, policies, geo, geo_changes, warnings: of_files } = files;
    let mut warnings = std::mem::take(&mut secrets.warnings);
    warnings.extend(of_files);
    let house = assemble::next(&former.house, config.clone(), secrets, (geo, policies))
        .map_err(|error: StartError| error.to_string())?;
    live.replace(house, tls, config);
    tell_of_geo(&live.now().house, &geo_changes);
    former.house.audit.end_listeners();
    live.now().house.signals.announce();
    Ok(warnings)
}

/// What a running server holds open, and would have to let go of.
fn what_cannot_change(former: &Config, next: &Config) -> Vec<String> {
    let unchanged = [
        ("public.listen", former.public.listen == next.public.listen),
        ("internal.listen", former.internal == next.internal),
        ("internal.socket", former.internal_socket == next.internal_socket),
        ("gateways.grpc_listen", grpc_listen(former) == grpc_listen(next)),
        ("store", former.store == next.store),
        ("telemetry", former.telemetry == next.telemetry),
    ];
    let changed = unchanged.into_iter().filter(|(_, is_same)| !is_same);
    changed
        .map(|(key, _)| {
            format!("{key}: this cannot change while the server runs; change it back, or restart")
        })
        .collect()
}

fn grpc_listen(config: &Config) -> Option<std::net::SocketAddr> {
    config.gateways.as_ref().and_then(|gateways| gateways.grpc_listen)
}
