//! Syslog: messages of RFC 5424, and the frames of RFC 6587 §3.4.1 in which they travel over TCP and TLS.

use std::fmt::Write;

use super::text::{cut, visible};
use crate::{Event, Weight};

/// Who sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    host: String,
    process: u32,
}

impl Sender {
    /// A sender. What a name of a host cannot have is left out of it; without any it is the nil value.
    pub fn new(host: &str, process: u32) -> Self {
        let host: String = host.chars().filter(char::is_ascii_graphic).take(255).collect();
        Self { host: if host.is_empty() { "-".to_owned() } else { host }, process }
    }
}

/// A message whose structured data has every member of the event, and a sentence. No line feed is in it.
pub fn rfc5424(event: &Event, sender: &Sender) -> String {
    let mut message = begin(event, sender);
    message.push_str("[event@");
    message.push_str(ENTERPRISE);
    parameter(&mut message, "seq", &event.seq.to_string());
    for (name, value) in [
        ("app", &event.app),
        ("user", &event.user),
        ("session", &event.session),
        ("reason", &event.reason),
        ("client_ip", &event.client_ip),
        ("user_agent", &event.user_agent),
        ("binding", &event.binding),
        ("rule", &event.rule),
        ("request_id", &event.request_id),
        ("trace_id", &event.trace_id),
        ("detail", &event.detail),
        ("decision", &event.decision),
    ] {
        if let Some(value) = value {
            parameter(&mut message, name, value);
        }
    }
    for tag in &event.tags {
        // A name may come more than once (§6.3.3).
        parameter(&mut message, "tag", tag);
    }
    for signal in event.signals() {
        parameter(&mut message, "signal", &format!("{}:{}", signal.name, signal.score));
    }
    for policy in event.policies() {
        parameter(&mut message, "policy", &format!("{}:{}:{}", policy.id, policy.decision, policy.mode));
    }
    if let Some(score) = event.risk_score() {
        parameter(&mut message, "risk_score", &score.to_string());
    }
    parameter(&mut message, "hash", &event.hash);
    message.push_str("] ");
    message.push_str(event.title());
    message
}

/// A message that carries the event in another format, a text on one line.
pub fn with_message(event: &Event, sender: &Sender, text: &str) -> String {
    let mut message = begin(event, sender);
    message.push_str("- ");
    message.push_str(text);
    message
}

/// A message in its frame: its length in bytes, a space, the message (octet counting).
pub fn frame(message: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(message.len().to_string().as_bytes());
    out.push(b' ');
    out.extend_from_slice(message.as_bytes());
}

/// Everything before the structured data.
fn begin(event: &Event, Sender { host, process }: &Sender) -> String {
    let severity = match event.weight() {
        Weight::Information => 6,
        Weight::Low => 5,
        Weight::Medium => 4,
        Weight::High => 2,
    };
    let priority = FACILITY * 8 + severity;
    let time = if is_time(&event.time) { event.time.as_str() } else { "-" };
    let id: String = event.event.chars().filter(char::is_ascii_graphic).take(32).collect();
    let id = if id.is_empty() { "-" } else { &id };
    format!("<{priority}>1 {time} {host} holdfast {process} {id} ")
}

/// RFC 5424 §6.3.3: `"`, `\` and `]` are escaped, and nothing else.
fn parameter(out: &mut String, name: &str, value: &str) {
    let _ = write!(out, " {name}=\"");
    let (value, mark) = cut(value, MOST_VALUE);
    for character in value.chars().chain(mark.chars()) {
        if matches!(character, '"' | '\\' | ']') {
            out.push('\\');
        }
        out.push(visible(character));
    }
    out.push('"');
}

fn is_time(time: &str) -> bool {
    (20..=32).contains(&time.len())
        && time.bytes().all(|byte| byte.is_ascii_digit() || b"T:.Z-+".contains(&byte))
}

/// Security and authorization messages.
const FACILITY: u32 = 10;

/// The number of private enterprises that RFC 5612 keeps for examples: Holdfast has none of its own.
const ENTERPRISE: &str = "32473";

/// So that a whole message stays below the 8 KiB that syslog servers take.
const MOST_VALUE: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::samples;

    fn sender() -> Sender {
        Sender::new("node-1", 42)
    }

    #[test]
    fn a_message_is_that_of_the_rfc() {
        let message = rfc5424(&samples::event(&[("user", "\"alice\"")]), &sender());
        let begin = "<85>1 2026-11-22T10:00:00.042Z node-1 holdfast 42 session.denied [event@32473 seq=\"7\" app=\"shop\" \
                     user=\"alice\"";
        assert!(message.starts_with(begin), "{message}");
        assert!(message.ends_with("\"] A request was refused"), "{message}");
        assert!(
            rfc5424(&samples::risky(), &sender())
                .contains("signal=\"travel.impossible:90\" signal=\"network.changed:30\"")
        );
        assert_eq!(Sender::new("", 1).host, "-");
        assert_eq!(Sender::new("a b\n", 1).host, "ab");
    }

    #[test]
    fn frames_count_bytes() {
        let mut out = Vec::new();
        frame("é", &mut out);
        frame("abc", &mut out);
        assert_eq!(out, "2 é3 abc".as_bytes());
    }

    /// The names of the parameters, read as §6.3 says, and what comes after the structured data.
    fn read(message: &str) -> (Vec<String>, String) {
        let (_, mut rest) = message.split_once("[event@32473").unwrap();
        let mut names = Vec::new();
        while let Some(parameter) = rest.strip_prefix(' ') {
            let (name, value) = parameter.split_once("=\"").unwrap();
            names.push(name.to_owned());
            let (mut escaped, mut end) = (false, value.len());
            for (at, character) in value.char_indices() {
                match character {
                    _ if escaped => escaped = false,
                    '\\' => escaped = true,
                    '"' => {
                        end = at;
                        break;
                    }
                    ']' => panic!("{message}"),
                    _ => {}
                }
            }
            rest = &value[end + 1..];
        }
        (names, rest.to_owned())
    }

    #[test]
    fn no_text_adds_a_parameter_an_element_or_a_line() {
        let plain = read(&rfc5424(&samples::filled("x"), &sender()));
        for text in samples::HOSTILE {
            let message = rfc5424(&samples::filled(text), &sender());
            assert_eq!(read(&message), plain, "{text:?}: {message}");
            assert!(!message.chars().any(char::is_control), "{text:?}: {message}");
        }
        let huge = samples::event(&[("user_agent", &serde_json::to_string(&"é]\"".repeat(4096)).unwrap())]);
        assert!(rfc5424(&huge, &sender()).len() < 4096);
    }
}
