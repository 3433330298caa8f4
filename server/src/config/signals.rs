//! `[signals]`: what other parties may tell us, and what we tell them.

use std::{path::PathBuf, time::Duration};

use holdfast_core::jose::Algorithm;

use super::{
    AppConfig, IssuerConfig,
    oauth::{is_fetchable, read_source, refuse_twice},
    reader::Reader,
};
use crate::token::TokenHash;

/// Signals shared with other parties.
#[derive(Clone, Debug, Default)]
pub struct SignalsConfig {
    /// Those who tell us something.
    pub receivers: Vec<ReceiverConfig>,
    /// How we tell others; absent if we do not.
    pub transmitter: Option<TransmitterConfig>,
}

/// Where one transmitter's events are received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiverConfig {
    /// Its name in addresses, metrics and audit.
    pub name: String,
    /// The transmitter, its keys, and the apps that it speaks for.
    pub issuer: IssuerConfig,
    /// How events come.
    pub delivery: ReceiverDelivery,
    /// The formats of subject identifiers that name our users.
    pub subject_formats: Vec<SubjectFormat>,
    /// The issuers whose `sub` is the name of our user; the transmitter itself if there are none.
    pub subject_issuers: Vec<String>,
    /// What a changed or lost credential does to the user's sessions.
    pub credential_change: CredentialAction,
    /// How far its clock and ours may be apart.
    pub tolerance: Duration,
    /// How old an event may be when it comes. What was taken is remembered as long.
    pub max_age: Duration,
}

/// How events come to a receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReceiverDelivery {
    /// They are fetched from this address (RFC 8936), with the token that this file holds.
    Poll {
        /// The address.
        url: String,
        /// The file with the token.
        token_file: PathBuf,
    },
    /// They are posted here (RFC 8935), with this token.
    Push {
        /// The hash of the token.
        token: TokenHash,
    },
}

/// A format of subject identifiers (RFC 9493 §3.2) that can name our users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectFormat {
    /// `acct:` URIs; the user is what follows the scheme.
    Account,
    /// Addresses, as they stand.
    Email,
    /// The `sub` of an issuer that is known.
    IssSub,
    /// Texts that are users' names, or ids of sessions.
    Opaque,
}

impl SubjectFormat {
    const ALL: [(&'static str, Self); 4] = [
        ("account", Self::Account),
        ("email", Self::Email),
        ("iss_sub", Self::IssSub),
        ("opaque", Self::Opaque),
    ];
}

/// What a changed or lost credential does to the user's sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialAction {
    /// They end.
    End,
    /// Nothing.
    Ignore,
    /// Their user must authenticate again.
    StepUp,
}

/// How others are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransmitterConfig {
    /// Its name: `iss` of its tokens, and where the public listener is found.
    pub issuer: String,
    /// The file with its RSA key.
    pub key_file: PathBuf,
    /// How many events wait for one receiver before its stream is paused.
    pub outbox: u32,
    /// How long a session is told of as used only once.
    pub presented_interval: Duration,
    /// Those who are told.
    pub receivers: Vec<StreamReceiverConfig>,
}

/// Somebody who may have a stream of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamReceiverConfig {
    /// Its name in log and metrics.
    pub name: String,
    /// The hash of its token.
    pub token: TokenHash,
    /// Whether it may make, change and delete its stream (`ssf.manage`).
    pub may_manage: bool,
    /// `aud` of its tokens.
    pub audience: String,
    /// The apps that it is told of; all of them if there are none.
    pub apps: Vec<String>,
    /// What addresses to push to begin with; it can only poll if there are none.
    pub push_endpoints: Vec<String>,
    /// Whether it is told of everybody but those that it removes, or of nobody but those that it adds.
    pub all_subjects: bool,
}

pub(super) fn read_signals(mut section: Reader<'_>) -> SignalsConfig {
    let receivers = section.sections("receivers", read_receiver);
    let transmitter = section.optional_section("transmitter").and_then(read_transmitter);
    section.finish();
    SignalsConfig { receivers, transmitter }
}

fn read_receiver(mut section: Reader<'_>) -> Option<ReceiverConfig> {
    let name = read_name(&mut section);
    let issuer: Option<String> = section.require("issuer", "\"https://id.example\"");
    let audience: Option<String> = section.require("audience", "\"https://shop.example\"");
    let apps = section.take_or("apps", Vec::new());
    let algorithms = section.take_or("algorithms", ALGORITHMS.to_vec());
    if algorithms.is_empty() || algorithms.iter().any(|algorithm| !ALGORITHMS.contains(algorithm)) {
        section.problem("algorithms", "events are signed with \"RS256\" or \"ES256\"; name at least one");
    }
    refuse_twice(&mut section, "algorithms", &algorithms);
    let source = read_source(&mut section);
    let delivery = read_delivery(&mut section);
    let subject_formats = read_formats(&mut section);
    let subject_issuers = section.take_or("subject_issuers", Vec::new());
    let credential_change = read_action(&mut section);
    let tolerance = span(&mut section, "tolerance", TOLERANCE, (Duration::ZERO, Duration::from_secs(600)));
    let max_age = span(
        &mut section,
        "max_age",
        MAX_AGE,
        (Duration::from_secs(60), Duration::from_secs(30 * 24 * 3600)),
    );
    section.finish();
    let issuer =
        IssuerConfig { issuer: issuer?, audiences: vec![audience?], apps, algorithms, source: source? };
    Some(ReceiverConfig {
        name: name?,
        issuer,
        delivery: delivery?,
        subject_formats,
        subject_issuers,
        credential_change,
        tolerance,
        max_age,
    })
}

fn read_name(section: &mut Reader<'_>) -> Option<String> {
    let name: Option<String> = section.require("name", "\"idp\"");
    if name.as_deref().is_some_and(|name| !super::is_app_name(name)) {
        section.problem("name", "a name is 1 to 64 letters, digits, \"-\", \"_\" or \".\"");
    }
    name
}

fn read_delivery(section: &mut Reader<'_>) -> Option<ReceiverDelivery> {
    let token: Option<TokenHash> = section.take("token_sha256");
    let url: Option<String> = section.take("poll_url");
    let token_file: Option<PathBuf> = section.take("poll_token_file");
    if url.as_deref().is_some_and(|url| !is_fetchable(url)) {
        section.problem("poll_url", "this is an https address, or http on the loopback interface");
    }
    match (token, url, token_file) {
        (Some(token), None, None) => Some(ReceiverDelivery::Push { token }),
        (None, Some(url), Some(token_file)) => Some(ReceiverDelivery::Poll { url, token_file }),
        _ => {
            let right = "for events that are pushed write token_sha256, for events that are fetched poll_url and \
                         poll_token_file, and not both";
            section.problem("token_sha256", right);
            None
        }
    }
}

fn read_formats(section: &mut Reader<'_>) -> Vec<SubjectFormat> {
    let Some(words) = section.take::<Vec<String>>("subject_formats") else {
        return SubjectFormat::ALL.map(|(_, format)| format).to_vec();
    };
    let known =
        |word: &String| SubjectFormat::ALL.iter().find(|(name, _)| name == word).map(|(_, format)| *format);
    let formats: Option<Vec<_>> = words.iter().map(known).collect();
    formats.filter(|formats| !formats.is_empty()).unwrap_or_else(|| {
        let right = "name at least one of \"account\", \"email\", \"iss_sub\" and \"opaque\"";
        section.problem("subject_formats", right);
        Vec::new()
    })
}

fn read_action(section: &mut Reader<'_>) -> CredentialAction {
    match section.take::<String>("credential_change").as_deref() {
        None | Some("step_up") => CredentialAction::StepUp,
        Some("end") => CredentialAction::End,
        Some("ignore") => CredentialAction::Ignore,
        Some(_) => {
            section.problem("credential_change", "write \"step_up\", \"end\" or \"ignore\"");
            CredentialAction::StepUp
        }
    }
}

fn read_transmitter(mut section: Reader<'_>) -> Option<TransmitterConfig> {
    let issuer: Option<String> = section.require("issuer", "\"https://shop.example\"");
    // SSF 1.0 §7.1: an https address without query and fragment. The document that describes it is found beside its path,
    // and the public listener has one place for it: so there is no path.
    let is_issuer =
        |text: &str| is_fetchable(text) && !text.contains(['?', '#', '@']) && text.matches('/').count() == 2;
    if issuer.as_deref().is_some_and(|issuer| !is_issuer(issuer)) {
        section.problem(
            "issuer",
            "this is an origin, such as \"https://shop.example\", without path and slash at its end",
        );
    }
    let key_file = section.require("key_file", "\"ssf.key\"");
    let outbox = section.take_or("outbox", OUTBOX);
    if !(1..=MOST_OUTBOX).contains(&outbox) {
        section.problem("outbox", format!("this is a number from 1 to {MOST_OUTBOX}"));
    }
    let day = Duration::from_secs(24 * 3600);
    let presented_interval =
        span(&mut section, "presented_interval", PRESENTED_INTERVAL, (Duration::from_secs(60), day));
    let receivers = section.sections("receivers", read_stream_receiver);
    section.finish();
    Some(TransmitterConfig { issuer: issuer?, key_file: key_file?, outbox, presented_interval, receivers })
}

fn read_stream_receiver(mut section: Reader<'_>) -> Option<StreamReceiverConfig> {
    let name = read_name(&mut section);
    let token = section.require("token_sha256", "the line that `holdfast new-token` prints");
    let audience = section.require("audience", "\"https://siem.example\"");
    let scopes = section.take_or("scopes", vec![READ.to_owned(), MANAGE.to_owned()]);
    if scopes.is_empty() || scopes.iter().any(|scope| scope != READ && scope != MANAGE) {
        section.problem("scopes", format!("name at least one of {READ:?} and {MANAGE:?}"));
    }
    let apps = section.take_or("apps", Vec::new());
    let push_endpoints: Vec<String> = section.take_or("push_endpoints", Vec::new());
    if push_endpoints.iter().any(|address| !is_fetchable(address) || address.contains(['?', '#', '@'])) {
        let right = "these are https addresses, or http on the loopback interface, without query";
        section.problem("push_endpoints", right);
    }
    let subjects = section.take::<String>("default_subjects");
    if !matches!(subjects.as_deref(), None | Some("all" | "none")) {
        section.problem("default_subjects", "write \"all\" or \"none\"");
    }
    section.finish();
    Some(StreamReceiverConfig {
        name: name?,
        token: token?,
        may_manage: scopes.iter().any(|scope| scope == MANAGE),
        audience: audience?,
        apps,
        push_endpoints,
        all_subjects: subjects.as_deref() != Some("none"),
    })
}

fn span(
    section: &mut Reader<'_>,
    key: &'static str,
    default: Duration,
    (least, most): (Duration, Duration),
) -> Duration {
    let span = section.take_or(key, default);
    if !(least..=most).contains(&span) {
        section.problem(key, format!("this is between \"{}s\" and \"{}s\"", least.as_secs(), most.as_secs()));
    }
    span
}

/// Two of one name could not be told apart, and an app that is not there would never be told of.
pub(super) fn refuse_misplaced_signals(
    root: &mut Reader<'_>,
    signals: &SignalsConfig,
    apps: Option<&[AppConfig]>,
) {
    let receivers = &signals.receivers;
    let told = signals.transmitter.iter().flat_map(|transmitter| &transmitter.receivers);
    let names = receivers.iter().map(|receiver| ("signals.receivers", &receiver.name, &receiver.issuer.apps));
    let more = told.map(|told| ("signals.transmitter.receivers", &told.name, &told.apps));
    let mut seen = Vec::new();
    for (key, name, served) in names.chain(more) {
        if seen.contains(&(key, name)) {
            root.problem(key, format!("two receivers are named {name:?}; give each its own name"));
        }
        seen.push((key, name));
        let unknown = |served: &&String| apps.is_some_and(|apps| apps.iter().all(|app| app.name != **served));
        if let Some(unknown) = served.iter().find(unknown) {
            root.problem(key, format!("{name:?} names the app {unknown:?}, which is not configured"));
        }
    }
    let tokens: Vec<_> = signals
        .transmitter
        .iter()
        .flat_map(|transmitter| &transmitter.receivers)
        .map(|told| &told.token)
        .collect();
    if tokens.iter().enumerate().any(|(index, token)| tokens.iter().take(index).any(|other| other == token)) {
        root.problem("signals.transmitter.receivers", "two receivers have the same token; give each its own");
    }
}

/// What the interoperability profile wants, and what others use.
const ALGORITHMS: [Algorithm; 2] = [Algorithm::Rs256, Algorithm::Es256];

const TOLERANCE: Duration = Duration::from_secs(60);

/// A transmitter that was down for a weekend still has its say.
const MAX_AGE: Duration = Duration::from_secs(7 * 24 * 3600);

const OUTBOX: u32 = 10_000;
const MOST_OUTBOX: u32 = 1_000_000;
const PRESENTED_INTERVAL: Duration = Duration::from_secs(3600);

const READ: &str = "ssf.read";
const MANAGE: &str = "ssf.manage";
