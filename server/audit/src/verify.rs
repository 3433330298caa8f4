//! Finds what was changed, cut, moved or put into a trail.

use std::{
    fmt,
    io::{self, BufRead},
    time::Duration,
};

use aws_lc_rs::digest::{Context, SHA256};
use holdfast_core::{
    Rule, UnixTime,
    jose::{Algorithm, Limits, Object, PublicKey, UnverifiedJws, Value},
};
use serde::Deserialize;

use crate::{
    ChainedLine, ControlEvent, Hash, Link,
    stamp::{parse_rfc3339, rfc3339},
};

/// The public keys that may sign checkpoints.
#[derive(Clone, Debug, Default)]
pub struct Keys(Vec<(String, PublicKey)>);

impl Keys {
    /// These keys, each with its `kid`.
    pub fn new(keys: impl IntoIterator<Item = (String, PublicKey)>) -> Self {
        Self(keys.into_iter().collect())
    }

    /// The ES256 keys of a JWK set (RFC 7517 §5).
    ///
    /// # Errors
    /// A sentence, if there is none.
    pub fn from_jwks(bytes: &[u8]) -> Result<Self, String> {
        let set = Object::parse_within(bytes, Limits::DOCUMENT).map_err(|_| "it is no JWK set".to_owned())?;
        let Some(Value::Array(keys)) = set.member("keys") else { return Err("it is no JWK set".to_owned()) };
        let read = |key: &Value| {
            let key = key.as_object()?;
            Some((key.text("kid")?.to_owned(), PublicKey::from_jwk(key, Algorithm::Es256).ok()?))
        };
        let keys: Vec<_> = keys.iter().filter_map(read).collect();
        if keys.is_empty() { Err("it holds no ES256 key with a kid".to_owned()) } else { Ok(Self(keys)) }
    }

    fn find(&self, key_id: &str) -> Option<&PublicKey> {
        self.0.iter().find(|(id, _)| id == key_id).map(|(_, key)| key)
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file, by the name that the caller gave it.
    pub file: String,
    /// The line, counted from 1; 0 if it is about the whole file.
    pub line: u64,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            // About the file as a whole.
            0 => write!(f, "{}: {}", self.file, self.what),
            line => write!(f, "{}:{line}: {}", self.file, self.what),
        }
    }
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Lines of the chain.
    pub lines: u64,
    /// The number of its first line.
    pub first: Option<u64>,
    /// Its end.
    pub last: Option<Link>,
    /// Checkpoints; with keys, those whose signature fits.
    pub checkpoints: u64,
    /// Lines after the last checkpoint: whoever can write the file can have changed, added or removed them.
    pub unsigned: u64,
    /// What an auditor should know and is no fault.
    pub notes: Vec<String>,
    /// What is wrong, in the order of the lines; the first thousand.
    pub faults: Vec<Fault>,
}

/// What the server that wrote a trail was told to do, and what was removed of it on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The line that the trail begins with: more than 1 if older files were removed on purpose.
    pub first: u64,
    /// `audit.checkpoint_lines`, or more: so many lines are never without a checkpoint.
    pub lines: u64,
    /// `audit.checkpoint_interval`, or more: nothing that is this much later, and [some minutes](SLACK), than a checkpoint
    /// is without one of its own.
    pub span: Duration,
}

impl Default for Expected {
    fn default() -> Self {
        Self { first: 1, lines: MOST_UNSIGNED, span: SPAN }
    }
}

/// Reads a trail, file by file in the order of the chain.
pub struct Verifier<'k> {
    keys: Option<&'k Keys>,
    expected: Expected,
    report: Report,
    file: String,
    line: u64,
    /// Lines on end that are no links.
    outside: Option<Outside>,
    /// Whether no link was read in this file yet.
    is_fresh: bool,
    /// Whether the lack of checkpoints was told.
    told_unsigned: bool,
    /// What the last checkpoint says of the time; with keys, the last one whose signature fits.
    signed_at: Option<UnixTime>,
    tail: Option<Tail>,
}

/// The lines after the last checkpoint.
struct Tail {
    file: String,
    line: u64,
    /// The number of the first of them in the chain.
    first: u64,
    /// The time that the first of them gives itself, if it has one.
    since: Option<UnixTime>,
    /// The latest time that one of them gives itself.
    latest: Option<UnixTime>,
    /// Whether one has no time that can be read.
    lacks_time: bool,
}

struct Outside {
    first_line: u64,
    lines: u64,
    /// Of everything up to and without the last line feed.
    context: Context,
    bytes: u64,
}

/// A control line, as far as it is to be judged.
#[derive(Deserialize)]
struct Control {
    event: String,
    before: Option<Before>,
    checkpoint: Option<String>,
}

#[derive(Deserialize)]
struct Before {
    bytes: u64,
    sha256: String,
}

impl<'k> Verifier<'k> {
    /// A verifier that also checks signatures, if it has keys.
    pub fn new(keys: Option<&'k Keys>) -> Self {
        Self {
            keys,
            expected: Expected::default(),
            report: Report::default(),
            file: String::new(),
            line: 0,
            outside: None,
            is_fresh: true,
            told_unsigned: false,
            signed_at: None,
            tail: None,
        }
    }

    /// The same, for a trail of which this is known.
    #[must_use]
    pub fn expecting(self, expected: Expected) -> Self {
        Self { expected, ..self }
    }

    /// Reads the next file.
    ///
    /// # Errors
    /// If it cannot be read to its end.
    pub fn file(&mut self, name: &str, mut text: impl BufRead) -> io::Result<()> {
        name.clone_into(&mut self.file);
        (self.line, self.is_fresh) = (0, true);
        let mut line = Vec::new();
        while text.read_until(b'\n', &mut line)? > 0 {
            self.line += 1;
            match line.strip_suffix(b"\n") {
                Some(line) => self.line(line),
                None => self.fault(
                    "the file ends in the middle of a line: it was cut, or the server was killed, or is writing it just now. A server \
                     that starts with it closes the line off; verify again then",
                ),
            }
            line.clear();
        }
        if let Some(outside) = self.outside.take() {
            self.outside_fault(&outside);
        }
        Ok(())
    }

    /// What was found.
    pub fn finish(mut self) -> Report {
        self.judge_tail();
        let mut report = self.report;
        if report.lines == 0 {
            report.faults.push(Fault {
                file: self.file,
                line: 0,
                what: "there is no line of a chain: the file is empty, or is no audit trail of Holdfast's; give the files that audit.file \
                       names, with those that were put aside"
                    .to_owned(),
            });
        }
        if let (Some(tail), Some(last)) = (&self.tail, report.last) {
            let since = tail.since.map_or_else(|| "an unknown time".to_owned(), rfc3339);
            report.notes.push(format!(
                "{} of the chain are not signed yet and may be forged, or more of them cut off: the last {}, since {since} \
                 as they say themselves, are not covered by a signed checkpoint; the lines that a sink was told, or the next \
                 checkpoint, show what they are worth",
                lines(tail.first, last.seq),
                report.unsigned
            ));
        }
        if self.keys.is_none() {
            report.notes.push(
                "no keys were given: signatures of checkpoints were not checked, and whoever can write the file can forge \
                 a whole chain"
                    .to_owned(),
            );
        }
        report
    }

    fn line(&mut self, line: &[u8]) {
        let Some(chained) = ChainedLine::read(line) else { return self.outside(line) };
        let control = control_of(line);
        if let Some(outside) = self.outside.take() {
            self.close_off(&outside, control.as_ref());
        }
        if !chained.is_whole() {
            self.fault("the line was changed: its hash is another one");
        }
        self.compare(&chained);
        self.report.first.get_or_insert(chained.seq);
        self.report.last = Some(chained.link());
        self.report.lines += 1;
        self.report.unsigned += 1;
        self.note_unsigned(&chained, line);
        self.is_fresh = false;
        match control {
            Some(Control { event, checkpoint, .. }) if event == ControlEvent::Checkpoint.as_str() => {
                match self.checkpoint(&chained, checkpoint.as_deref().unwrap_or_default()) {
                    Ok(at) => {
                        self.signed_at = at;
                        self.tail = None;
                        self.report.checkpoints += 1;
                        self.report.unsigned = 0;
                        self.told_unsigned = false;
                    }
                    Err(what) => self.fault(&what),
                }
            }
            Some(_) | None => {}
        }
        if self.keys.is_some() && self.report.unsigned > self.expected.lines && !self.told_unsigned {
            self.told_unsigned = true;
            let most = self.expected.lines;
            self.fault(&format!(
                "there is no checkpoint in more than {most} lines, which may be forged; the server signs more often"
            ));
        }
    }

    fn note_unsigned(&mut self, chained: &ChainedLine<'_>, line: &[u8]) {
        let (file, number) = (&self.file, self.line);
        let tail = self.tail.get_or_insert_with(|| Tail {
            file: file.clone(),
            line: number,
            first: chained.seq,
            since: time_of(line),
            latest: None,
            lacks_time: false,
        });
        match time_of(line) {
            Some(at) => tail.latest = tail.latest.max(Some(at)),
            None => tail.lacks_time = true,
        }
    }

    /// With keys, what nobody has signed must be as little as a server leaves unsigned.
    fn judge_tail(&mut self) {
        let (Some(tail), Some(last), Some(_)) = (&self.tail, self.report.last, self.keys) else { return };
        let unsigned =
            format!("{} of the chain are not signed yet and may be forged", lines(tail.first, last.seq));
        let most = self.expected.span.saturating_add(SLACK);
        let what = if self.report.checkpoints == 0 {
            "no checkpoint is signed with a key that was given: whoever can write the file can have forged every line".to_owned()
        } else if tail.lacks_time {
            format!("{unsigned}: one of them has no time, which the server always writes")
        } else if tail.latest.zip(self.signed_at).is_none_or(|(latest, signed)| latest.since(signed) > most) {
            format!(
                "{unsigned}: they go on for more than {} seconds after the last checkpoint, and the server signs sooner; if it \
                 has begun again just now, verify once more when it has signed",
                most.as_secs()
            )
        } else {
            return;
        };
        let (file, line) = (tail.file.clone(), tail.line);
        // Told even if there are a thousand already: it is about all of them.
        self.report.faults.push(Fault { file, line, what });
    }

    /// Compares a line with the one before it.
    fn compare(&mut self, line: &ChainedLine<'_>) {
        let Some(last) = self.report.last else {
            let first = self.expected.first;
            if line.seq == 1 && line.prev != Link::BEGINNING.hash {
                self.fault("the first line of the chain names a line before it");
            } else if line.seq != first {
                self.fault(&format!(
                    "the chain begins with line {0} and not with line {first}: its beginning was cut off, or a file was not \
                     given; if older files were removed on purpose, say so with --from-seq {0}",
                    line.seq
                ));
            } else if first > 1 {
                let note = format!(
                    "the chain begins with line {first}, as was said; what came before is not in these files"
                );
                self.report.notes.push(note);
            }
            return;
        };
        let expected = last.seq.saturating_add(1);
        if line.prev == last.hash && line.seq == expected {
            return;
        }
        let what = if line.seq > expected {
            let missing = if line.seq == expected + 1 {
                format!("line {expected} of the chain is missing")
            } else {
                format!("lines {expected} to {} of the chain are missing", line.seq - 1)
            };
            if self.is_fresh {
                format!("{missing}: the file before was cut, or one in between was not given")
            } else {
                missing
            }
        } else if line.seq < expected {
            format!(
                "line {} of the chain stands where {expected} belongs: it was moved, repeated or put in",
                line.seq
            )
        } else {
            format!(
                "line {} does not follow the line before it: one of them was put in the place of another",
                line.seq
            )
        };
        self.fault(&what);
    }

    /// When it was signed, as it says itself.
    fn checkpoint(&self, line: &ChainedLine<'_>, jws: &str) -> Result<Option<UnixTime>, String> {
        let parsed = UnverifiedJws::parse_token(jws)
            .map_err(|_| "the checkpoint is not readable: it was changed".to_owned())?;
        let says = |claims: &Object| {
            let hash = line.prev.to_string();
            claims.text("hash") == Some(hash.as_str())
                && matches!(claims.member("seq"), Some(Value::Number(number)) if number.to_string() == (line.seq - 1).to_string())
        };
        if parsed.typ() != Some(CHECKPOINT_TYPE) || line.seq == 0 || !says(parsed.unverified_claims()) {
            return Err("the checkpoint signs another place of the chain: it was moved here".to_owned());
        }
        let signed_at = match parsed.unverified_claims().member("iat") {
            Some(Value::Number(iat)) => iat.as_u64().map(UnixTime::from_secs),
            Some(_) | None => None,
        };
        let Some(keys) = self.keys else { return Ok(signed_at) };
        let key = parsed.key_id().and_then(|id| keys.find(id));
        let key = key.ok_or(
            "the checkpoint is signed with a key that is not among the given ones: give the key set that was kept with the \
             trail, or the root keys of that time; if they were given, somebody else has signed",
        )?;
        let signed = parsed.verify(key, Rule::T04).is_ok();
        if signed {
            Ok(signed_at)
        } else {
            Err("the signature of the checkpoint does not fit: it, or what it signs, was changed".to_owned())
        }
    }

    fn outside(&mut self, line: &[u8]) {
        let number = self.line;
        let outside = self.outside.get_or_insert_with(|| Outside {
            first_line: number,
            lines: 0,
            context: Context::new(&SHA256),
            bytes: 0,
        });
        if outside.lines > 0 {
            outside.context.update(b"\n");
            outside.bytes += 1;
        }
        outside.lines += 1;
        outside.context.update(line);
        outside.bytes += u64::try_from(line.len()).unwrap_or(u64::MAX);
    }

    /// Judges what is in no chain by what the line after it says.
    fn close_off(&mut self, outside: &Outside, control: Option<&Control>) {
        let said = control.and_then(|control| Some((control.event.as_str(), control.before.as_ref()?)));
        let Some((event, before)) = said.filter(|(_, before)| outside.is(before)) else {
            return self.outside_fault(outside);
        };
        let bytes = before.bytes;
        if event == ControlEvent::Opened.as_str() && self.is_fresh {
            let note = format!(
                "{}: the {bytes} bytes before line {} are from before the chain",
                self.file, self.line
            );
            self.report.notes.push(note);
        } else if event == ControlEvent::Recovered.as_str() && outside.lines == 1 {
            let note = format!(
                "{}:{}: {bytes} bytes of a line that a crash has cut off",
                self.file, outside.first_line
            );
            self.report.notes.push(note);
        } else {
            self.outside_fault(outside);
        }
    }

    fn outside_fault(&mut self, outside: &Outside) {
        let what = match outside.lines {
            1 => "the line is in no chain: it was changed, cut or put in".to_owned(),
            many => format!("{many} lines from here on are in no chain: they were changed, cut or put in"),
        };
        self.fault_at(outside.first_line, &what);
    }

    fn fault(&mut self, what: &str) {
        self.fault_at(self.line, what);
    }

    fn fault_at(&mut self, line: u64, what: &str) {
        if self.report.faults.len() < MOST_FAULTS {
            self.report.faults.push(Fault { file: self.file.clone(), line, what: what.to_owned() });
        }
    }
}

impl Outside {
    /// Whether it is what a control line says was there, with or without the line feed that closed it off.
    fn is(&self, before: &Before) -> bool {
        let hash_of = |context: Context| Hash::finish(context).to_string();
        if before.bytes == self.bytes {
            return hash_of(self.context.clone()) == before.sha256;
        }
        let mut with_line_feed = self.context.clone();
        with_line_feed.update(b"\n");
        before.bytes == self.bytes + 1 && hash_of(with_line_feed) == before.sha256
    }
}

/// The time that a line begins with.
fn time_of(line: &[u8]) -> Option<UnixTime> {
    let text = line.strip_prefix(TIME)?;
    let end = text.iter().position(|byte| *byte == b'"')?;
    parse_rfc3339(std::str::from_utf8(text.get(..end)?).ok()?)
}

/// Some lines in words.
fn lines(first: u64, last: u64) -> String {
    format!("lines {first} to {last}")
}

fn control_of(line: &[u8]) -> Option<Control> {
    let is_control = line.windows(CONTROL.len()).take(MOST_BEFORE_EVENT).any(|window| window == CONTROL);
    is_control.then(|| serde_json::from_slice(line).ok()).flatten()
}

/// The `typ` of a checkpoint's signature.
pub const CHECKPOINT_TYPE: &str = "holdfast-audit+jwt";

/// More lines than this are never without a checkpoint.
pub const MOST_UNSIGNED: u64 = 10_000;

/// How far clocks and busy disks may put off a checkpoint.
pub const SLACK: Duration = Duration::from_secs(300);

/// Five times what `audit.checkpoint_interval` is if nobody has set it.
const SPAN: Duration = Duration::from_secs(300);

const TIME: &[u8] = b"{\"time\":\"";

/// The event stands behind the time; nobody else can write a quotation mark in front of it.
const CONTROL: &[u8] = b"\"event\":\"audit.";
const MOST_BEFORE_EVENT: usize = 64;

const MOST_FAULTS: usize = 1000;
