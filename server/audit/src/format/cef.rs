//! ArcSight Common Event Format, version 0 (implementation standard 26): `CEF:0|vendor|product|version|id|name|severity|…`.

use std::{fmt::Write, net::IpAddr};

use super::text::{cut, visible};
use crate::{Event, Outcome, Weight};

/// One line without a line feed. `version` is the product's.
pub fn cef(event: &Event, version: &str) -> String {
    let mut line = String::from("CEF:0|Holdfast|Holdfast|");
    let severity = match event.weight() {
        Weight::Information => 1,
        Weight::Low => 4,
        Weight::Medium => 6,
        Weight::High => 9,
    };
    for field in [version, &event.event, event.title()] {
        header(&mut line, field);
        line.push('|');
    }
    let _ = write!(line, "{severity}|");
    let mut out = Extension(line, true);
    out.put("rt", 64, &event.at().as_millis().to_string());
    out.put("externalId", 64, &event.seq.to_string());
    out.put("cat", 64, "audit");
    out.put_some("act", 63, event.decision.as_deref());
    out.put_some("outcome", 63, outcome(event));
    out.put_some("reason", 1023, event.reason.as_deref());
    out.put_some("destinationServiceName", 1023, event.app.as_deref());
    out.put_some("suser", 1023, event.user.as_deref());
    match event.client_ip.as_deref().and_then(|ip| ip.parse().ok()) {
        Some(IpAddr::V4(address)) => out.put("src", 64, &address.to_string()),
        Some(IpAddr::V6(address)) => out.labelled("c6a2", "Source IPv6 Address", 64, &address.to_string()),
        None => {}
    }
    out.put_some("requestClientApplication", 1023, event.user_agent.as_deref());
    for (key, label, value) in [
        ("cs1", "session", &event.session),
        ("cs2", "binding", &event.binding),
        ("cs3", "rule", &event.rule),
        ("cs6", "requestId", &event.request_id),
    ] {
        if let Some(value) = value {
            out.labelled(key, label, MOST_CUSTOM, value);
        }
    }
    let signals: Vec<_> = event.signals().map(|signal| format!("{}:{}", signal.name, signal.score)).collect();
    if !signals.is_empty() {
        out.labelled("cs4", "signals", MOST_CUSTOM, &signals.join(","));
    }
    let policies: Vec<_> =
        event.policies().map(|policy| format!("{}:{}:{}", policy.id, policy.decision, policy.mode)).collect();
    if !policies.is_empty() {
        out.labelled("cs5", "policies", MOST_CUSTOM, &policies.join(","));
    }
    if let Some(score) = event.risk_score() {
        out.labelled("cn1", "riskScore", 64, &score.to_string());
    }
    if let Some(trace) = &event.trace_id {
        out.labelled("flexString1", "traceId", 1023, trace);
    }
    if !event.tags.is_empty() {
        out.labelled("flexString2", "tags", 1023, &event.tags.join(","));
    }
    out.put_some("msg", 1023, event.detail.as_deref());
    out.0
}

fn outcome(event: &Event) -> Option<&'static str> {
    match event.outcome() {
        Outcome::Failure => Some("failure"),
        Outcome::Success => Some("success"),
        Outcome::Unknown => None,
    }
}

/// The last field of a line: keys and values.
struct Extension(String, bool);

impl Extension {
    fn put(&mut self, key: &str, most: usize, value: &str) {
        if !std::mem::take(&mut self.1) {
            self.0.push(' ');
        }
        self.0.push_str(key);
        self.0.push('=');
        let (value, mark) = cut(value, most);
        for character in value.chars().chain(mark.chars()) {
            match character {
                '\\' | '=' => self.0.extend(['\\', character]),
                '\n' => self.0.push_str("\\n"),
                '\r' => self.0.push_str("\\r"),
                other => self.0.push(visible(other)),
            }
        }
    }

    fn put_some(&mut self, key: &str, most: usize, value: Option<&str>) {
        if let Some(value) = value {
            self.put(key, most, value);
        }
    }

    fn labelled(&mut self, key: &str, label: &str, most: usize, value: &str) {
        self.put(key, most, value);
        self.put(&format!("{key}Label"), 64, label);
    }
}

/// A header field ends with a bar; an equals sign is nothing special there, and there is no way to write a line feed.
fn header(out: &mut String, text: &str) {
    let (text, _) = cut(text, 512);
    for character in text.chars() {
        match character {
            '\\' | '|' => out.extend(['\\', character]),
            other => out.push(visible(other)),
        }
    }
}

const MOST_CUSTOM: usize = 4000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::samples;

    #[test]
    fn an_event_is_one_line_of_keys() {
        let event = samples::event(&[("user", "\"alice\""), ("client_ip", "\"203.0.113.7\"")]);
        let line = cef(&event, "0.1.0");
        let begin = "CEF:0|Holdfast|Holdfast|0.1.0|session.denied|A request was refused|4|rt=1795341600042 externalId=7 cat=audit \
                     act=step_up outcome=failure";
        assert!(line.starts_with(begin), "{line}");
        assert!(line.ends_with(" suser=alice src=203.0.113.7"), "{line}");
        let risky = cef(&samples::risky(), "0.1.0");
        for part in [
            "|9|",
            "cs4=travel.impossible:90,network.changed:30 cs4Label=signals",
            "cs5=geo-1:step_up:enforce cs5Label=policies",
            "cn1=90 cn1Label=riskScore",
        ] {
            assert!(risky.contains(part), "{part}: {risky}");
        }
        let six = cef(&samples::event(&[("client_ip", "\"2001:db8::1\"")]), "1");
        assert!(six.contains("c6a2=2001:db8::1 c6a2Label=Source IPv6 Address"), "{six}");
    }

    /// As a reader of CEF takes a line apart: bars that are not escaped, then keys before equals signs that are not.
    fn read(line: &str) -> (usize, Vec<String>) {
        let (mut bars, mut keys, mut escaped, mut word) = (0, Vec::new(), false, String::new());
        for character in line.chars() {
            match character {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '|' if bars < 7 => bars += 1,
                '=' if bars == 7 => keys.push(std::mem::take(&mut word)),
                ' ' | '|' => word.clear(),
                other => word.push(other),
            }
        }
        (bars, keys)
    }

    #[test]
    fn no_text_adds_a_field_a_key_or_a_line() {
        let plain = read(&cef(&samples::filled("x"), "1"));
        for text in samples::HOSTILE {
            let line = cef(&samples::filled(text), "1");
            assert_eq!(read(&line), plain, "{text:?}: {line}");
            assert!(!line.chars().any(char::is_control), "{text:?}: {line}");
        }
        let huge = samples::filled(&"é|=\\\n".repeat(8192));
        assert!(cef(&huge, "1").len() < 64 * 1024);
    }
}
