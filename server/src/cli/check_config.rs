//! `holdfast check-config`.

use std::path::Path;

use super::Exit;
use crate::{Config, listen::acceptor, secrets::Secrets};

/// Reads the configuration and the files it names, and starts nothing.
pub(super) fn check_config(file: &Path, environment: Vec<(String, String)>) -> Exit {
    let config = match Config::load(file, environment) {
        Ok(config) => config,
        Err(problems) => return Exit::usage(format!("the configuration has problems\n{problems}")),
    };
    let (mut problems, mut warnings) = (Vec::new(), Vec::new());
    // A root key that is missing will be made at the first start; it is no problem yet.
    if config.secrets.root_key_file.exists() {
        match Secrets::read(&config) {
            Ok(secrets) => {
                warnings.extend(secrets.warnings.into_iter().map(|warning| format!("\nwarning: {warning}")))
            }
            Err(problem) => problems.push(problem),
        }
    }
    problems.extend(config.public.tls.as_ref().and_then(|tls| acceptor(tls).err()));
    if problems.is_empty() {
        Exit::done(format!("{}: in order{}", file.display(), warnings.concat()))
    } else {
        Exit::usage(format!("the configuration has problems\n{}", problems.join("\n")))
    }
}
