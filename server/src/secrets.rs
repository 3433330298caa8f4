//! Secrets come from files, never from the configuration itself.

use std::{
    collections::HashMap,
    fs, io,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

use holdfast_core::{RootKey, secret::SecretText};
use zeroize::Zeroizing;

use crate::{
    config::{Config, ReceiverDelivery, StoreConfig},
    random::random,
    root_keys::RootKeys,
    signals::RsaSigner,
    token::hex,
};

/// The root keys and the gateways' secret.
pub(crate) struct Secrets {
    pub(crate) root_key: RootKey,
    pub(crate) previous_root_keys: Vec<RootKey>,
    /// What gateways show: the secret in force, and a former one while they change.
    pub(crate) gateway: Option<Vec<SecretText>>,
    /// What receivers of signals show to the transmitters that they ask, by their names.
    pub(crate) poll_tokens: HashMap<String, SecretText>,
    /// The key that signs signals for others; none if nobody is told, or it is still to be made.
    pub(crate) signals_key: Option<RsaSigner>,
    /// What an operator should mend, though the server can work with it.
    pub(crate) warnings: Vec<String>,
}

impl Secrets {
    /// Reads every secret that the configuration names. The root key is made if it is missing and the store is embedded:
    /// with a store of its own the server is alone, and nobody else has to know the key.
    ///
    /// # Errors
    /// A sentence that names the key of the configuration, the file, and what would be right.
    pub(crate) fn load(config: &Config) -> Result<Self, String> {
        let file = &config.secrets.root_key_file;
        if !file.exists() && matches!(config.store, StoreConfig::Memory | StoreConfig::Sled(_)) {
            make_root_key(file)
                .map_err(|what| format!("secrets.root_key_file: {}: {what}", file.display()))?;
        }
        if let Some(file) = key_file(config).filter(|file| !file.exists()) {
            let told = |what| format!("{SIGNALS_KEY}: {}: it cannot be made: {what}", file.display());
            let pem = RsaSigner::generate().map_err(told)?;
            write_private(file, &pem).map_err(|error| told(error.to_string()))?;
        }
        Self::read(config)
    }

    /// Reads every secret and makes none.
    ///
    /// # Errors
    /// As [`Secrets::load`].
    pub(crate) fn read(config: &Config) -> Result<Self, String> {
        let mut warnings = Vec::new();
        let file = &config.secrets.root_key_file;
        let root_keys = read_root_keys("secrets.root_key_file", file, &mut warnings)?;
        let others = Others::read(config, Some((file, &root_keys)), &mut warnings)?;
        let (root_key, mut previous_root_keys) = root_keys.into_keys();
        previous_root_keys.extend(others.previous_root_keys);
        Ok(Self {
            root_key,
            previous_root_keys,
            gateway: others.gateway,
            poll_tokens: others.poll_tokens,
            signals_key: others.signals_key,
            warnings,
        })
    }

    /// Reads every secret that must be there before the first start, when there is no root key yet. Gives the warnings.
    ///
    /// # Errors
    /// As [`Secrets::load`].
    pub(crate) fn read_before_first_start(config: &Config) -> Result<Vec<String>, String> {
        let mut warnings = Vec::new();
        Others::read(config, None, &mut warnings).map(|_in_order| warnings)
    }
}

/// Every secret but the root key that is in force.
struct Others {
    previous_root_keys: Vec<RootKey>,
    gateway: Option<Vec<SecretText>>,
    poll_tokens: HashMap<String, SecretText>,
    signals_key: Option<RsaSigner>,
}

impl Others {
    fn read(
        config: &Config,
        in_force: Option<(&Path, &RootKeys)>,
        warnings: &mut Vec<String>,
    ) -> Result<Self, String> {
        let previous_root_keys = read_previous_root_keys(config, in_force, warnings)?;
        if config.gateways.is_none() && config.public.tls.is_none() {
            warnings.push(NO_ADDRESSES.to_owned());
        }
        let gateway = match &config.gateways {
            None => None,
            Some(gateways) => Some(read_gateway_secrets(&gateways.secret_file, warnings)?),
        };
        let mut poll_tokens = HashMap::new();
        for receiver in &config.signals.receivers {
            if let ReceiverDelivery::Poll { token_file, .. } = &receiver.delivery {
                let token = read_poll_token(token_file, warnings)?;
                poll_tokens.insert(receiver.name.clone(), token);
            }
        }
        let signals_key = match key_file(config).filter(|file| file.exists()) {
            None => None,
            Some(file) => {
                let pem = read_private(SIGNALS_KEY, file, warnings)?;
                let key = RsaSigner::read(&pem);
                Some(key.map_err(|what| format!("{SIGNALS_KEY}: {} {what}", file.display()))?)
            }
        };
        Ok(Self { previous_root_keys, gateway, poll_tokens, signals_key })
    }
}

/// Reads the files of former root keys. None of them may have a key that another file has, the one in force least of all:
/// somebody thinks then that a key was replaced, and it was not.
fn read_previous_root_keys(
    config: &Config,
    in_force: Option<(&Path, &RootKeys)>,
    warnings: &mut Vec<String>,
) -> Result<Vec<RootKey>, String> {
    let key = "secrets.previous_root_key_files";
    let mut previous: Vec<(&Path, RootKeys)> = Vec::new();
    for file in &config.secrets.previous_root_key_files {
        let keys = read_root_keys(key, file, warnings)?;
        let known = in_force.into_iter().chain(previous.iter().map(|(other, keys)| (*other, keys)));
        if let Some((other, _)) = known.into_iter().find(|(_, others)| keys.share_a_key_with(others)) {
            return Err(format!(
                "{key}: {} holds a key that {} holds too; a former key stands in one file, and is not the one in force",
                file.display(),
                other.display()
            ));
        }
        previous.push((file, keys));
    }
    let keys = previous.into_iter().flat_map(|(_, keys)| {
        let (first, others) = keys.into_keys();
        std::iter::once(first).chain(others)
    });
    Ok(keys.collect())
}

fn read_root_keys(key: &str, file: &Path, warnings: &mut Vec<String>) -> Result<RootKeys, String> {
    let text = read_private(key, file, warnings)?;
    RootKeys::parse(&text).map_err(|what| format!("{key}: {} {what}", file.display()))
}

fn read_gateway_secrets(file: &Path, warnings: &mut Vec<String>) -> Result<Vec<SecretText>, String> {
    let key = "gateways.secret_file";
    if !file.exists() {
        let file = file.display();
        return Err(format!("{key}: {file} is missing; make it with: openssl rand -hex 32 > {file}"));
    }
    let text = read_private(key, file, warnings)?;
    let secrets: Vec<_> = text.trim_ascii().lines().map(str::trim_ascii).collect();
    let (file, right) = (file.display(), "make it with: openssl rand -hex 32");
    let is_secret = |secret: &&str| {
        (1..=1024).contains(&secret.len()) && secret.bytes().all(|byte| byte.is_ascii_graphic())
    };
    match secrets.as_slice() {
        [secret] if is_secret(secret) => {}
        [secret, former] if is_secret(secret) && is_secret(former) && former.len() >= SHORT_SECRET => {
            if secret == former {
                return Err(format!(
                    "{key}: {file} holds the same secret twice; the former one stands below the new one"
                ));
            }
            warnings.push(format!(
                "{key}: {file} holds a former secret too, and gateways may show either; take its second line away when \
                 all of them show the first"
            ));
        }
        _ => {
            return Err(format!(
                "{key}: {file} must hold one line of printable characters, and for a change the former secret in a second, \
                 of 16 of them at least; {right}"
            ));
        }
    }
    if secrets.iter().any(|secret| secret.len() < SHORT_SECRET) {
        warnings.push(format!("{key}: {file} holds a secret that can be guessed; {right}"));
    }
    Ok(secrets.into_iter().map(SecretText::new).collect())
}

/// Where the key is that signs signals for others.
fn key_file(config: &Config) -> Option<&Path> {
    config.signals.transmitter.as_ref().map(|transmitter| transmitter.key_file.as_path())
}

fn read_poll_token(file: &Path, warnings: &mut Vec<String>) -> Result<SecretText, String> {
    let key = "signals.receivers.poll_token_file";
    let text = read_private(key, file, warnings)?;
    let token = text.trim_ascii();
    if !(1..=MOST_TOKEN_BYTES).contains(&token.len()) || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        let file = file.display();
        return Err(format!("{key}: {file} must hold the token that the transmitter gave, on one line"));
    }
    Ok(SecretText::new(token))
}

/// Reads a secret, and warns if everybody may.
fn read_private(key: &str, file: &Path, warnings: &mut Vec<String>) -> Result<Zeroizing<String>, String> {
    let told = |error: io::Error| format!("{key}: {} cannot be read: {error}", file.display());
    warnings.extend(open_to_everybody(key, file));
    fs::read_to_string(file).map(Zeroizing::new).map_err(told)
}

/// A warning, if everybody may read a secret. A file that cannot be looked at is told of by whoever reads it.
pub(crate) fn open_to_everybody(key: &str, file: &Path) -> Option<String> {
    let mode = fs::metadata(file).ok()?.permissions().mode();
    (mode & 0o007 != 0)
        .then(|| format!("{key}: {} can be read by everybody; run: chmod 600 {0}", file.display()))
}

fn make_root_key(file: &Path) -> Result<(), String> {
    let bytes: [u8; 32] = random().map_err(|trouble| trouble.to_string())?;
    write_private(file, &format!("{}\n", hex(&bytes))).map_err(|error| format!("it cannot be made: {error}"))
}

/// Writes a new file that only its owner may read, and sees it on the disk before it returns.
pub(crate) fn write_private(file: &Path, text: &str) -> io::Result<()> {
    use io::Write;
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    let mut out = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    out.write_all(text.as_bytes())?;
    out.sync_all()
}

/// Puts a text in the place of what a secret file holds. Whoever reads the file finds the one or the other, whole; owner and
/// mode stay those of the file.
///
/// # Errors
/// If the folder cannot be written, or somebody else is doing the same. The file is then as it was.
pub(crate) fn replace_private(file: &Path, text: &str) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, chown};
    // Where the name is a link, what it leads to is replaced.
    let file = fs::canonicalize(file)?;
    let was = fs::metadata(&file)?;
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let next = file.with_file_name(name);
    write_private(&next, text)?;
    let is_now = fs::metadata(&next)?;
    let own = (is_now.uid(), is_now.gid()) != (was.uid(), was.gid());
    let moved = (if own { chown(&next, Some(was.uid()), Some(was.gid())) } else { Ok(()) })
        .and_then(|()| fs::rename(&next, &file));
    if moved.is_err() {
        let _ = fs::remove_file(&next);
        return moved;
    }
    fs::File::open(file.parent().unwrap_or(Path::new(".")))?.sync_all()
}

const SIGNALS_KEY: &str = "signals.transmitter.key_file";

const SHORT_SECRET: usize = 16;

const MOST_TOKEN_BYTES: usize = 4096;

/// Nothing is wrong with it, but an operator should know what does not hold.
const NO_ADDRESSES: &str = "public.tls is off and no proxy is named in [gateways] trusted: every client has the proxy's \
                            address, so limits.address_rate and limits.connections_per_address do not apply";
