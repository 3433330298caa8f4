//! `holdfast check-config`.

use std::path::Path;

use super::Exit;
use crate::{Config, assemble::Files, listen::server_config, secrets::Secrets};

/// Reads the configuration and the files it names, and starts nothing.
pub(super) fn check_config(file: &Path, environment: Vec<(String, String)>) -> Exit {
    let config = match Config::load(file, environment) {
        Ok(config) => config,
        Err(problems) => return Exit::usage(format!("the configuration has problems\n{problems}")),
    };
    // A root key that is missing will be made at the first start; it is no problem yet.
    let checked = if config.secrets.root_key_file.exists() {
        Files::read(&config, Secrets::read).map(|files| files.secrets.warnings)
    } else {
        let tls = config.public.tls.as_ref().map(server_config).transpose();
        tls.map(|_tls| Vec::new()).map_err(|problem| vec![problem])
    };
    match checked {
        Ok(warnings) => {
            let warnings: String = warnings.iter().map(|warning| format!("\nwarning: {warning}")).collect();
            Exit::done(format!("{}: in order{warnings}", file.display()))
        }
        Err(problems) => Exit::usage(format!("the configuration has problems\n{}", problems.join("\n"))),
    }
}
