//! OWASP ASVS 5.0, chapter 16: what is logged, how it is kept, and what errors say.

use super::requirement::{Finding, Requirement, list};
use crate::{
    Config,
    config::{SinkConfig, SinkKind},
};

pub(super) const REQUIREMENTS: &[Requirement] = &[
    Requirement {
        id: "16.2.1",
        level: "L2",
        demand: "each entry says when, where, who and what",
        judge: trail,
        tests: &[
            "holdfast::telemetry::line::tests::is_one_json_object_whatever_others_write",
            "server::check_cookies::a_copy_in_use_is_reported_once_per_use",
        ],
    },
    Requirement {
        id: "16.2.2",
        level: "L2",
        demand: "clocks are synchronised, and times are UTC or have an offset",
        judge: |_| {
            Finding::met("RFC 3339 in UTC, with milliseconds")
                .with_task("synchronise the clock of the machine (NTP)")
        },
        tests: &["holdfast::doctor::transport::tests::times_are_compared_with_a_span"],
    },
    Requirement {
        id: "16.2.3",
        level: "L2",
        demand: "logs go only to the files and services of an inventory",
        judge: |config| {
            let file = config.audit.file.as_ref().map(|file| format!("file {}", file.display()));
            let sinks = config.audit.sinks.iter().map(place);
            Finding::met(format!(
                "trail: {}; log: standard error",
                list(file.into_iter().chain(sinks), "none")
            ))
            .with_task("keep this list, and where standard error goes, in your inventory")
        },
        tests: &["server::operations::reload::an_audit_file_that_was_moved_away_is_begun_anew"],
    },
    Requirement {
        id: "16.2.4",
        level: "L2",
        demand: "entries can be read and correlated by what processes them, in a common format",
        judge: |config| {
            let formats =
                config.audit.sinks.iter().map(|sink| format!("{} {}", sink.name, sink.format.as_str()));
            Finding::met(format!("JSON lines with request_id and trace_id; sinks: {}", list(formats, "none")))
        },
        tests: &[
            "audit::verify::what_nobody_touched_is_in_order",
            "server::operations::trace::the_log_line_of_a_request_has_its_trace",
        ],
    },
    Requirement {
        id: "16.2.5",
        level: "L2",
        demand: "credentials are not logged, and session tokens not in clear",
        judge: |_| {
            Finding::met(
                "no cookie, token, proof or challenge is written; a session's id is a handle and opens nothing",
            )
        },
        tests: &[
            "server::check_cookies::the_audit_trail_holds_no_credential",
            "holdfast_core::secret::tests::does_not_show_itself",
        ],
    },
    Requirement {
        id: "16.3.1",
        level: "L2",
        demand: "authentications are logged, failed ones too, with their factors",
        judge: |config| {
            trail(config)
                .with_task("the app logs failed logins: Holdfast learns of a login when it has succeeded")
        },
        tests: &[
            "server::api_access::metrics_count_what_happened",
            "server::dbsc_refresh::wrong_proofs_get_a_challenge_and_take_nothing_away",
        ],
    },
    Requirement {
        id: "16.3.2",
        level: "L2",
        demand: "refused authorizations are logged; at level 3 all decisions",
        judge: trail,
        tests: &[
            "server::routes::tags_are_in_the_trail",
            "server::risk::signals::the_reason_of_a_step_up_is_in_one_event",
            "server::operations::trace::a_gateway_can_go_on_with_the_trace",
        ],
    },
    Requirement {
        id: "16.3.3",
        level: "L2",
        demand: "security events are logged, and attempts to get round a control",
        judge: trail,
        tests: &[
            "server::gateway_trust::every_refusal_is_counted_and_told_once_a_minute",
            "server::check_cookies::a_copy_in_use_is_reported_once_per_use",
            "server::oauth_token::a_stolen_refresh_token_is_worth_nothing",
        ],
    },
    Requirement {
        id: "16.3.4",
        level: "L2",
        demand: "unexpected errors and failures of controls are logged",
        judge: trail,
        tests: &[
            "holdfast::telemetry::sink::tests::a_full_disk_is_counted_and_stops_nobody",
            "server::operations::reload::a_bad_configuration_changes_nothing_and_is_told",
        ],
    },
    Requirement {
        id: "16.4.1",
        level: "L2",
        demand: "what others write cannot forge entries",
        judge: |_| Finding::met("each line is one JSON object; whatever a client sends is escaped"),
        tests: &[
            "holdfast::telemetry::line::tests::is_one_json_object_whatever_others_write",
            "server::check_cookies::a_long_agent_fills_no_trail",
        ],
    },
    Requirement {
        id: "16.4.2",
        level: "L2",
        demand: "logs are protected from access, and cannot be changed",
        judge: |config| match &config.audit.file {
            Some(_) => Finding::met(
                "mode 0600; a hash chain with signed checkpoints, checked by holdfast audit verify",
            ),
            None => Finding::deviates("no audit.file", "no trail is kept", KEEP),
        },
        tests: &[
            "audit::verify::every_line_that_is_missing_is_missed",
            "audit::verify::a_byte_that_is_another_is_found",
        ],
    },
    Requirement {
        id: "16.4.3",
        level: "L2",
        demand: "logs are sent over a secure way to another system",
        judge: shipped,
        tests: &["holdfast::compliance::tests::trail_and_sinks_are_judged"],
    },
    Requirement {
        id: "16.5.1",
        level: "L2",
        demand: "an error tells the client nothing of the inside",
        judge: |_| {
            Finding::met("problem documents with a code of a closed list and a text of the server's own")
        },
        tests: &[
            "server::api_access::every_refusal_is_a_problem_document",
            "server::check_gateways::strangers_learn_nothing",
        ],
    },
    Requirement {
        id: "16.5.2",
        level: "L2",
        demand: "the server stays secure when a resource outside fails",
        judge: |_| {
            Finding::met("503 with Retry-After; nothing is decided, and no browser drops its session for it")
        },
        tests: &[
            "programs::process_life::a_full_disk_is_our_trouble_alone",
            "server::oauth_issuers::an_issuer_that_never_answered_is_our_trouble",
        ],
    },
    Requirement {
        id: "16.5.3",
        level: "L2",
        demand: "failures are failures: nothing is allowed for want of an answer",
        judge: |_| {
            Finding::met("what cannot be found, read or decided is refused; a policy that fails refuses")
        },
        tests: &[
            "policies::a_policy_that_fails_refuses_and_is_loud_unless_it_only_observes",
            "full_disk::a_full_disk_is_an_outage_and_no_loss",
        ],
    },
    Requirement {
        id: "16.5.4",
        level: "L3",
        demand: "a last handler catches what nobody expected",
        judge: |_| {
            Finding::met(
                "a request that panics is answered 500 internal_error, and logged; the server goes on",
            )
        },
        tests: &[],
    },
];

fn trail(config: &Config) -> Finding {
    match &config.audit.file {
        Some(file) => Finding::met(format!("audit.file = {}", file.display())),
        None => Finding::deviates("no audit.file", "no trail is kept", KEEP),
    }
}

/// What is to be done where no trail is kept.
const KEEP: &str = "set audit.file, such as \"/var/lib/holdfast/audit.jsonl\"";

fn shipped(config: &Config) -> Finding {
    let sinks = &config.audit.sinks;
    let setting = list(sinks.iter().map(place), "no sink");
    let in_clear: Vec<_> = sinks.iter().filter(|sink| is_in_clear(sink)).map(|sink| &*sink.name).collect();
    if !in_clear.is_empty() {
        return Finding::deviates(
            setting,
            format!("not encrypted: {}", list(in_clear, "")),
            "give these sinks an address with tls:// (and ca_file) or https://",
        );
    }
    if sinks.iter().any(leaves) {
        Finding::met(setting)
    } else {
        Finding::operator(setting, "configure a sink that leaves the machine, or have the file collected")
    }
}

fn is_in_clear(sink: &SinkConfig) -> bool {
    matches!(&sink.kind, SinkKind::Syslog { ca_file: None, .. })
}

/// Whether events leave the machine. Without TLS an address is one of the machine's own.
fn leaves(sink: &SinkConfig) -> bool {
    match &sink.kind {
        SinkKind::Otlp { url, .. } | SinkKind::Webhook { url, .. } => url.starts_with("https://"),
        SinkKind::Syslog { .. } => true,
        SinkKind::File { .. } | SinkKind::Stdout => false,
    }
}

fn place(sink: &SinkConfig) -> String {
    let place = match &sink.kind {
        SinkKind::File { path, .. } => format!("file {}", path.display()),
        SinkKind::Otlp { url, .. } => format!("OTLP {}", host_of(url)),
        SinkKind::Stdout => "standard output".to_owned(),
        SinkKind::Syslog { host, port, .. } => format!("syslog {host}:{port}"),
        SinkKind::Webhook { url, .. } => format!("webhook {}", host_of(url)),
    };
    format!("{} ({place})", sink.name)
}

/// Scheme and host of an address: what follows, and who logs in there, may be a secret.
fn host_of(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}")
}
