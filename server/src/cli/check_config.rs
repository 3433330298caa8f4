//! `holdfast check-config`.

use std::path::Path;

use super::Exit;
use crate::{Config, assemble::Files, config::StoreConfig, secrets::Secrets};

/// Reads the configuration and the files it names, and starts nothing.
pub(super) fn check_config(file: &Path, environment: Vec<(String, String)>) -> Exit {
    let config = match Config::load(file, environment) {
        Ok(config) => config,
        Err(problems) => return Exit::usage(format!("the configuration has problems\n{problems}")),
    };
    let is_first_start = !config.secrets.root_key_file.exists();
    let checked = if is_first_start {
        // All but the root key, which the first start makes.
        let files = Files::read(&config, Secrets::read_before_first_start, None);
        files.map(|files| [files.secrets, files.warnings])
    } else {
        Files::read(&config, Secrets::read, None).map(|files| [files.secrets.warnings, files.warnings])
    };
    match checked {
        Ok([of_secrets, of_files]) => {
            let root_key = if is_first_start { "\nroot key: will be made at the first start" } else { "" };
            // A reload does not make this one: a key that vanished under a running server shall not be replaced unseen.
            let signals_key = config.signals.transmitter.as_ref().map(|transmitter| &transmitter.key_file);
            let signals_key = signals_key.filter(|file| !file.exists()).map_or_else(String::new, |file| {
                format!(
                    "\nsignals.transmitter.key_file: {0} will be made at the next start; a reload needs it before: \
                     (umask 077; openssl genrsa -out {0} 2048)",
                    file.display()
                )
            });
            let warnings = [of_secrets, of_files, missing_folders(&config)].concat();
            let warnings: String = warnings.iter().map(|warning| format!("\nwarning: {warning}")).collect();
            Exit::done(format!("{}: in order{root_key}{signals_key}{warnings}", file.display()))
        }
        Err(problems) => Exit::usage(format!("the configuration has problems\n{}", problems.join("\n"))),
    }
}

/// Files that cannot be made where they shall be. No problem yet: whatever starts the server may make the folder first.
fn missing_folders(config: &Config) -> Vec<String> {
    let store = match &config.store {
        StoreConfig::Sled(path) => Some(path),
        StoreConfig::Memory => None,
    };
    let files = [
        ("secrets.root_key_file", Some(&config.secrets.root_key_file)),
        ("audit.file", config.audit.file.as_ref()),
        ("store.path", store),
    ];
    let missing = files.into_iter().filter_map(|(key, file)| {
        let folder = file?.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir())?;
        Some(format!("{key}: the folder {} does not exist; make it before the first start", folder.display()))
    });
    missing.collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config::smallest;

    fn check(text: &str, folder: &Path) -> (u8, String) {
        let file = folder.join("holdfast.toml");
        fs::write(&file, text).unwrap();
        let exit = check_config(&file, Vec::new());
        (exit.code, exit.words)
    }

    fn configuration(audit: &str) -> String {
        let more = format!(
            r#"
[gateways]
trusted = ["127.0.0.1/32"]
secret_file = "gateway.secret"
[store]
kind = "sled"
path = "data"
[audit]
file = "{audit}"
"#
        );
        smallest(&"1".repeat(64), &more)
    }

    #[test]
    fn before_the_first_start_all_but_the_root_key_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("gateway.secret");
        let text = configuration("audit.jsonl");

        let (code, words) = check(&text, folder.path());
        let right = format!("make it with: openssl rand -hex 32 > {}", secret.display());
        assert!(code == 2 && words.contains(&right), "{words}");

        fs::write(&secret, "short").unwrap();
        let (code, words) = check(&text, folder.path());
        assert!(
            code == 0 && words.contains("in order\nroot key: will be made at the first start\n"),
            "{words}"
        );
        assert!(words.contains("warning: gateways.secret_file: "), "{words}");

        let tls = text.replace("tls = \"off\"", "tls = { cert = \"none.pem\", key = \"none.pem\" }");
        fs::remove_file(&secret).unwrap();
        let (code, words) = check(&tls, folder.path());
        assert!(code == 2 && words.contains(&right) && words.contains("public.tls.cert"), "{words}");

        fs::write(&secret, "0123456789abcdef0123456789abcdef").unwrap();
        fs::write(folder.path().join("root.key"), "2".repeat(64)).unwrap();
        let (code, words) = check(&text, folder.path());
        assert!(code == 0 && !words.contains("root key:"), "{words}");
    }

    #[test]
    fn sinks_and_key_sets_are_read_as_at_a_start() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let secret = "0123456789abcdef0123456789abcdef";
        for name in ["gateway.secret", "sink.secret"] {
            fs::write(at(name), secret).unwrap();
            fs::set_permissions(at(name), fs::Permissions::from_mode(0o600)).unwrap();
        }
        let text = configuration("audit.jsonl");
        let with = |more: &str| check(&format!("{text}{more}"), folder.path());

        let (code, words) =
            with("[[audit.sinks]]\nname = \"a\"\nkind = \"file\"\npath = \"./audit.jsonl\"\n");
        let told = "audit.sinks.0.path: ";
        assert!(code == 2 && words.contains(told) && words.contains("is the file of audit.file"), "{words}");

        let webhook = "[[audit.sinks]]\nname = \"a\"\nkind = \"webhook\"\nurl = \"https://siem.example/\"\nsecret_file = \"sink.secret\"\n";
        let (code, words) = with(webhook);
        assert!(code == 0 && !words.contains("can be read by everybody"), "{words}");
        fs::set_permissions(at("sink.secret"), fs::Permissions::from_mode(0o644)).unwrap();
        let (code, words) = with(webhook);
        let told = format!(
            "warning: audit.sinks.0.secret_file: {0} can be read by everybody; run: chmod 600 {0}",
            at("sink.secret").display()
        );
        assert!(code == 0 && words.contains(&told), "{words}");

        let issuer = "[[issuers]]\nissuer = \"https://id.example\"\njwks_file = \"id.jwks\"\n";
        let receiver = "[[signals.receivers]]\nname = \"idp\"\nissuer = \"https://id.example\"\naudience = \"a\"\njwks_file = \"id.jwks\"\n";
        let receiver = format!("{receiver}token_sha256 = \"{}\"\n", "3".repeat(64));
        for (more, key) in [(issuer, "issuers.0.jwks_file"), (&receiver, "signals.receivers.0.jwks_file")] {
            let (code, words) = with(more);
            assert!(
                code == 2 && words.contains(&format!("{key}: ")) && words.contains("cannot be read"),
                "{words}"
            );
            fs::write(at("id.jwks"), "{}").unwrap();
            let (code, words) = with(more);
            assert!(code == 2 && words.contains("id.jwks: it is no JWK set"), "{words}");
            fs::remove_file(at("id.jwks")).unwrap();
        }
    }

    #[test]
    fn root_keys_that_protect_nothing_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("gateway.secret"), "0123456789abcdef0123456789abcdef").unwrap();
        let former =
            "root_key_file = \"root.key\"\nprevious_root_key_files = [\"former.key\", \"older.key\"]";
        let text = configuration("audit.jsonl").replace("root_key_file = \"root.key\"", former);
        let keys = |in_force: &str, former: &str, older: &str| {
            for (name, text) in [("root.key", in_force), ("former.key", former), ("older.key", older)] {
                fs::write(at(name), text.repeat(64)).unwrap();
            }
            check(&text, folder.path())
        };
        assert_eq!(keys("1", "2", "3").0, 0);
        let (code, words) = keys("0", "2", "3");
        assert!(
            code == 2 && words.contains("secrets.root_key_file: ") && words.contains("but zeros"),
            "{words}"
        );
        let (code, words) = keys("1", "0", "3");
        assert!(code == 2 && words.contains("secrets.previous_root_key_files: "), "{words}");
        for (in_force, former, older, names) in
            [("a", "A", "3", ["former.key", "root.key"]), ("1", "2", "2", ["older.key", "former.key"])]
        {
            let (code, words) = keys(in_force, former, older);
            let told = format!(
                "secrets.previous_root_key_files: {} holds a key that {} holds too",
                at(names[0]).display(),
                at(names[1]).display()
            );
            assert!(code == 2 && words.contains(&told), "{words}");
        }
    }

    #[test]
    fn a_key_that_the_next_start_makes_is_told() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("gateway.secret"), "0123456789abcdef0123456789abcdef").unwrap();
        let transmitter =
            "[signals.transmitter]\nissuer = \"https://id.example\"\nkey_file = \"signals.key\"\n";
        let text = format!("{}{transmitter}", configuration("audit.jsonl"));
        let (code, words) = check(&text, folder.path());
        let told = format!(
            "\nsignals.transmitter.key_file: {0} will be made at the next start; a reload needs it before: (umask 077; openssl \
             genrsa -out {0} 2048)",
            folder.path().join("signals.key").display()
        );
        assert!(code == 0 && words.contains(&told), "{words}");
        let (_, words) = check(&configuration("audit.jsonl"), folder.path());
        assert!(!words.contains("key_file: "), "{words}");
    }

    #[test]
    fn a_folder_that_is_missing_is_told() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("gateway.secret"), "0123456789abcdef0123456789abcdef").unwrap();
        let (code, words) = check(&configuration("audit.jsonl"), folder.path());
        assert!(code == 0 && !words.contains("does not exist"), "{words}");

        let text = configuration("log/audit.jsonl")
            .replace("\"data\"", "\"state/data\"")
            .replace("\"root.key\"", "\"keys/root.key\"");
        let (code, words) = check(&text, folder.path());
        assert_eq!(code, 0, "{words}");
        for (key, name) in [("audit.file", "log"), ("store.path", "state"), ("secrets.root_key_file", "keys")]
        {
            let told =
                format!("warning: {key}: the folder {} does not exist", folder.path().join(name).display());
            assert!(words.contains(&told), "{words}");
        }
    }

    #[test]
    fn a_token_is_not_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let token = format!("hft_{}", "a1".repeat(32));
        let text = configuration("audit.jsonl").replace(&"1".repeat(64), &token);
        let (code, words) = check(&text, folder.path());
        let told = "holdfast.toml:10: apps.0.token_sha256: this is the token itself; its hash belongs here";
        assert!(code == 2 && words.contains(told) && !words.contains(&token), "{words}");
        // What was cut off or pasted in another place may be a secret as well.
        let (_, words) = check(&text.replace("hft_a1", "x-secret"), folder.path());
        assert!(words.contains("64 hex digits") && !words.contains("x-secret"), "{words}");
    }

    #[test]
    fn a_port_alone_is_no_address() {
        let folder = tempfile::tempdir().unwrap();
        let text = configuration("audit.jsonl").replacen("\"127.0.0.1:0\"", "22013", 1);
        let (code, words) = check(&text, folder.path());
        assert!(code == 2 && words.contains("an address is an IP address and a port"), "{words}");
    }
}
