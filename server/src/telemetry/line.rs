//! One JSON object on one line, member by member. Two of them are written for each check, so what needs no escaping is
//! not searched for it.

use std::{io::Write, net::IpAddr};

/// A line being written.
pub(super) struct Line<'a>(&'a mut Vec<u8>);

impl<'a> Line<'a> {
    /// Opens the object with its first member, a text of ours.
    pub(super) fn begin(out: &'a mut Vec<u8>, first: (&'static str, &str)) -> Self {
        out.push(b'{');
        let mut line = Self(out);
        line.name(first.0);
        line.quoted(first.1);
        line
    }

    /// A text that this program wrote itself and that JSON needs no escape for: a name, an id, a time, an address.
    pub(super) fn own(&mut self, name: &'static str, text: &str) {
        self.member(name);
        self.quoted(text);
    }

    /// The same, or `null`.
    pub(super) fn own_or_null(&mut self, name: &'static str, text: Option<&str>) {
        match text {
            Some(text) => self.own(name, text),
            None => self.null(name),
        }
    }

    /// A text that somebody else had a hand in, or `null`. JSON escapes whatever they have put into it.
    pub(super) fn text(&mut self, name: &'static str, text: Option<&str>) {
        let Some(text) = text else { return self.null(name) };
        self.member(name);
        // Writing to memory cannot fail.
        let _ = serde_json::to_writer(&mut *self.0, text);
    }

    /// Texts of the configuration, as a list, or `null` if there are none.
    pub(super) fn texts(&mut self, name: &'static str, texts: &[Box<str>]) {
        if texts.is_empty() {
            return self.null(name);
        }
        self.member(name);
        let _ = serde_json::to_writer(&mut *self.0, texts);
    }

    /// A JSON object that this program made, or `null`.
    pub(super) fn object(&mut self, name: &'static str, json: Option<&str>) {
        let Some(json) = json else { return self.null(name) };
        debug_assert!(json.starts_with('{') && !json.contains('\n'), "{json:?} is no object on one line");
        self.member(name);
        self.0.extend_from_slice(json.as_bytes());
    }

    /// An address, or `null`.
    pub(super) fn address(&mut self, name: &'static str, address: Option<IpAddr>) {
        self.member(name);
        match address {
            None => self.0.extend_from_slice(b"null"),
            Some(IpAddr::V6(address)) => {
                let _ = write!(self.0, "\"{address}\"");
            }
            // The usual one, without the machinery of formatting.
            Some(IpAddr::V4(address)) => {
                let mut before = b'"';
                for octet in address.octets() {
                    self.0.push(before);
                    self.digits(octet.into());
                    before = b'.';
                }
                self.0.push(b'"');
            }
        }
    }

    /// A number.
    pub(super) fn number(&mut self, name: &'static str, value: u64) {
        self.member(name);
        self.digits(value);
    }

    /// A member without a value.
    pub(super) fn null(&mut self, name: &'static str) {
        self.member(name);
        self.0.extend_from_slice(b"null");
    }

    /// Closes the object.
    pub(super) fn end(self) {
        self.0.push(b'}');
    }

    fn digits(&mut self, mut value: u64) {
        let begin = self.0.len();
        loop {
            self.0.push(b'0' + u8::try_from(value % 10).unwrap_or(0));
            value /= 10;
            if value == 0 {
                break;
            }
        }
        if let Some(digits) = self.0.get_mut(begin..) {
            digits.reverse();
        }
    }

    fn member(&mut self, name: &'static str) {
        self.0.push(b',');
        self.name(name);
    }

    fn name(&mut self, name: &'static str) {
        self.quoted(name);
        self.0.push(b':');
    }

    fn quoted(&mut self, text: &str) {
        debug_assert!(
            text.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\'),
            "{text:?} needs an escape"
        );
        self.0.push(b'"');
        self.0.extend_from_slice(text.as_bytes());
        self.0.push(b'"');
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn is_one_json_object_whatever_others_write() {
        for text in ["", "a\"b", "line\nfeed\u{0}\\", "{\"event\":\"forged\"}", "é\u{2028}"] {
            let mut out = Vec::new();
            let mut line = Line::begin(&mut out, ("time", "2026-11-22T10:00:00.000Z"));
            line.text("user", Some(text));
            line.text("detail", None);
            line.own("event", "session.checked");
            line.own_or_null("session", None);
            line.address("client_ip", Some(IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])));
            line.address("peer", Some(IpAddr::from([203, 0, 113, 255])));
            line.address("nobody", None);
            line.number("status", 200);
            line.number("zero", 0);
            line.number("much", u64::MAX);
            line.end();
            assert!(!out.contains(&b'\n'));
            let read: Value = serde_json::from_slice(&out).unwrap();
            let expected = json!({
                "time": "2026-11-22T10:00:00.000Z", "user": text, "detail": null, "event": "session.checked",
                "session": null, "client_ip": "::1", "peer": "203.0.113.255", "nobody": null, "status": 200,
                "zero": 0, "much": u64::MAX,
            });
            assert_eq!(read, expected);
        }
    }
}
