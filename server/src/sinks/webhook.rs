//! What a webhook is sent: lines in a body, and a signature over both the body and the time.
//!
//! ```text
//! Holdfast-Signature: t=1795341600,v1=<hex HMAC-SHA-256 of "1795341600." and the body>
//! Holdfast-Lines: 41-90
//! ```

use std::path::Path;

use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use super::Told;
use crate::{Clock, config::SinkFormat, token::hex};

/// What a webhook needs.
pub(super) struct Webhook {
    key: hmac::Key,
    media: &'static str,
    clock: Clock,
}

impl Webhook {
    /// # Errors
    /// If the secret cannot be read, or can be guessed.
    pub(super) fn new(secret_file: &Path, format: SinkFormat, clock: &Clock) -> Result<Self, String> {
        let file = secret_file.display();
        let told =
            |what: &str| format!("secret_file: {file} {what}; make it with: openssl rand -hex 32 > {file}");
        let text = std::fs::read_to_string(secret_file).map(Zeroizing::new);
        let text = text.map_err(|error| told(&format!("cannot be read: {error}")))?;
        let secret = text.trim_ascii();
        if !(SHORTEST..=1024).contains(&secret.len()) || !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(told("must hold one line of 32 to 1024 printable characters"));
        }
        let media = match format {
            SinkFormat::Ecs | SinkFormat::Json | SinkFormat::Ocsf => "application/x-ndjson",
            SinkFormat::Cef | SinkFormat::Rfc5424 => "text/plain; charset=utf-8",
        };
        Ok(Self { key: hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), media, clock: clock.clone() })
    }

    pub(super) fn fill(&self, request: reqwest::RequestBuilder, batch: &[Told]) -> reqwest::RequestBuilder {
        let mut body = String::new();
        for told in batch {
            body.push_str(&told.text);
            body.push('\n');
        }
        let seq = |told: Option<&Told>| told.map_or(0, |told| told.seq);
        let lines = format!("{}-{}", seq(batch.first()), seq(batch.last()));
        request
            .header(http::header::CONTENT_TYPE, self.media)
            .header("holdfast-signature", self.signature(&body))
            .header("holdfast-lines", lines)
            .body(body)
    }

    /// The time is signed too, so that whoever records a batch cannot send it again next week.
    fn signature(&self, body: &str) -> String {
        let now = self.clock.now().as_secs();
        let mut signing = hmac::Context::with_key(&self.key);
        signing.update(format!("{now}.").as_bytes());
        signing.update(body.as_bytes());
        format!("t={now},v1={}", hex(signing.sign().as_ref()))
    }
}

const SHORTEST: usize = 32;

#[cfg(test)]
mod tests {
    use holdfast_core::UnixTime;

    use super::*;

    #[test]
    fn the_signature_is_that_of_the_documentation() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        std::fs::write(&file, format!("{}\n", "0123456789abcdef".repeat(2))).unwrap();
        let clock = Clock::manual(UnixTime::from_secs(1_795_341_600));
        let webhook = Webhook::new(&file, SinkFormat::Json, &clock).unwrap();
        // printf '1795341600.{"a":1}\n' | openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef
        let expected = "89abc87e924b70355b44f1123913e2450c773a90a1f569a38179430f50f7a75e";
        assert_eq!(webhook.signature("{\"a\":1}\n"), format!("t=1795341600,v1={expected}"));
        clock.advance(std::time::Duration::from_secs(1));
        assert!(!webhook.signature("{\"a\":1}\n").contains(expected));
    }

    #[test]
    fn secrets_that_can_be_guessed_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        let clock = Clock::manual(UnixTime::EPOCH);
        for text in ["", "short", "with a space in the middle of it, which is none", &"x".repeat(1025)] {
            std::fs::write(&file, text).unwrap();
            let told = Webhook::new(&file, SinkFormat::Json, &clock).err().unwrap();
            assert!(
                told.contains("openssl rand -hex 32") && (text.is_empty() || !told.contains(text)),
                "{told}"
            );
        }
    }
}
