//! `holdfast rotate-root-key`.

use std::{path::Path, time::Duration};

use clap::Args;
use zeroize::Zeroizing;

use super::{Exit, arguments::ConfigFile};
use crate::{
    Clock, Config,
    random::random,
    root_keys::{RootKeys, Rotation},
    secrets::replace_private,
};

/// The arguments of `holdfast rotate-root-key`.
#[derive(Args, Debug, PartialEq, Eq)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigFile,
    /// Drop former keys that were retired longer ago, such as 24h. Nobody is logged out if it is longer than session.absolute.
    #[arg(long, value_name = "SPAN", value_parser = holdfast_core::parse_duration)]
    forget_older_than: Option<Duration>,
}

/// Puts a new root key in force and keeps the former ones, so that nobody is logged out.
pub(super) fn rotate_root_key(arguments: &Arguments, environment: Vec<(String, String)>) -> Exit {
    let forget = arguments.forget_older_than;
    let config = match Config::load(&arguments.config.file, environment) {
        Ok(config) => config,
        Err(problems) => return Exit::usage(format!("the configuration has problems\n{problems}")),
    };
    match rotate(&config.secrets.root_key_file, forget) {
        Ok(rotation) => Exit::done(told(&config, rotation, forget)),
        Err(what) => Exit::failed(format!("{}: {what}", config.secrets.root_key_file.display())),
    }
}

fn rotate(file: &Path, forget: Option<Duration>) -> Result<Rotation, String> {
    let text = std::fs::read_to_string(file).map(Zeroizing::new).map_err(|error| {
        format!("cannot be read: {error}; where there is no key yet, the server makes one when it starts")
    })?;
    let mut keys = RootKeys::parse(&text)?;
    let fresh = random().map_err(|trouble| trouble.to_string())?;
    let rotation = keys.rotate(fresh, Clock::system().now(), forget);
    replace_private(file, &keys.to_text()).map_err(|error| {
        if error.kind() == std::io::ErrorKind::AlreadyExists {
            "another rotation is at work, or one has broken off and left a file of the same name and \".new\" behind; \
             remove that file if none is at work. Nothing was changed"
                .to_owned()
        } else {
            format!("cannot be replaced: {error}. Nothing was changed")
        }
    })?;
    Ok(rotation)
}

fn told(config: &Config, rotation: Rotation, forget: Option<Duration>) -> String {
    let Rotation { kept, forgotten } = rotation;
    let file = config.secrets.root_key_file.display();
    let mut words = format!(
        "{file}: a new root key is in force as soon as the server reads it: send it SIGHUP, or restart it.\n\
         Former keys kept: {kept}; forgotten: {forgotten}."
    );
    if forgotten > 0 && forget.is_some_and(|forget| forget < config.session.absolute) {
        words.push_str(
            "\nSome were retired less than session.absolute ago: sessions that were sealed with them have to log in again.",
        );
    }
    if forget.is_some_and(|forget| forget.is_zero()) && !config.secrets.previous_root_key_files.is_empty() {
        words.push_str(
            "\nsecrets.previous_root_key_files still names former keys, which stay in force: take them out of the configuration too.",
        );
    }
    words
}
