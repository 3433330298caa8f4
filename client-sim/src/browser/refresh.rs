//! Refresh: the proof that the key is still here, and what each wrong answer costs the session.

use super::visit::Happening;
use super::{Browser, FetchError, Source};
use crate::Failure;
use crate::http::{Answer, Request};
use crate::jar::Context;
use crate::wire::instructions::Instructions;
use crate::wire::proof::{self, Claims};
use crate::wire::skipped::Reason;
use crate::wire::{CHALLENGE, RESPONSE, SESSION_ID, challenge};

/// How a refresh ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresh {
    /// The server renewed the session.
    Done,
    /// The browser forgot the session.
    Ended(FetchError),
    /// The session lives; the request goes out without its cookie and says why.
    Postponed(Reason),
}

/// What one answer means.
enum Verdict {
    Over(Refresh),
    Sign,
}

/// What to put on the next request.
enum Proof {
    None,
    OverQuota,
    Ready(String),
    TooMany,
}

impl Browser {
    /// Refreshes a session now, as a request of the site itself would.
    pub async fn refresh(&mut self, id: &str) -> Result<Refresh, Failure> {
        self.refresh_as(id, Context::SameSite).await
    }

    /// Refreshes with the cookies that `caused` lets through.
    pub(super) async fn refresh_as(&mut self, id: &str, caused: Context) -> Result<Refresh, Failure> {
        let refresh = self.rounds(id, caused).await?;
        self.settle(id, refresh);
        Ok(refresh)
    }

    /// A proactive refresh: a failure is remembered and not repeated before a success.
    pub(super) async fn refresh_beside(&mut self, id: &str, caused: Context) -> Result<(), Failure> {
        let refresh = self.refresh_as(id, caused).await?;
        if let Some(session) = self.session_mut(id) {
            session.proactive_failed = refresh != Refresh::Done;
        }
        Ok(())
    }

    /// Posts, signs what the answer asks for, and posts again: one bare request and four signed ones at most.
    async fn rounds(&mut self, id: &str, caused: Context) -> Result<Refresh, Failure> {
        let now = self.now();
        if self.session(id).is_some_and(|session| session.backoff.is_active(now)) {
            return Ok(Refresh::Postponed(Reason::Unreachable));
        }
        let mut signed = 0;
        // One round more than signatures: the first may be bare.
        for _ in 0..=MAX_SIGNED {
            let proof = match self.proof(id, &mut signed).await? {
                Proof::None => None,
                Proof::OverQuota => return Ok(Refresh::Postponed(Reason::QuotaExceeded)),
                Proof::Ready(proof) => Some(proof),
                Proof::TooMany => return Ok(Refresh::Ended(FetchError::TooManyChallenges)),
            };
            let request = self.refresh_request(id, proof.as_deref(), caused)?;
            let Ok((answer, request)) = self.post(request, caused).await else {
                return Ok(Refresh::Postponed(Reason::Unreachable));
            };
            match self.judge(id, &answer, &request) {
                Verdict::Over(refresh) => return Ok(refresh),
                Verdict::Sign => {}
            }
        }
        Ok(Refresh::Ended(FetchError::TooManyChallenges))
    }

    /// The proof for the cached challenge. One that was made before is sent again and costs nothing.
    async fn proof(&mut self, id: &str, signed: &mut usize) -> Result<Proof, Failure> {
        let Some(session) = self.session(id) else { return Ok(Proof::None) };
        let Some(challenge) = session.challenge.clone() else { return Ok(Proof::None) };
        if *signed >= MAX_SIGNED {
            return Ok(Proof::TooMany);
        }
        *signed += 1;
        if let Some((_, proof)) = session.signed.as_ref().filter(|(of, _)| *of == challenge) {
            return Ok(Proof::Ready(proof.clone()));
        }
        if !self.may_sign() {
            return Ok(Proof::OverQuota);
        }
        let Some(session) = self.session_mut(id) else { return Ok(Proof::None) };
        let claims = Claims { jti: Some(&challenge), ..Claims::default() };
        let proof = proof::refresh(&session.key, &claims).await?;
        session.signed = Some((challenge, proof.clone()));
        Ok(Proof::Ready(proof))
    }

    fn refresh_request(&self, id: &str, proof: Option<&str>, caused: Context) -> Result<Request, Failure> {
        let Some(session) = self.session(id) else {
            return Err(Failure::Usage(format!("there is no bound session {id}")));
        };
        let request = self.endpoint_request(&session.instructions.refresh_url, caused)?;
        let request = request.header(SESSION_ID, id)?;
        match proof {
            Some(proof) => request.header(RESPONSE, proof),
            None => Ok(request),
        }
    }

    fn judge(&mut self, id: &str, answer: &Answer, request: &Request) -> Verdict {
        let over = match answer.status {
            200..=299 => self.renewed(id, answer, request),
            403 if brings_challenge(answer, id) => return Verdict::Sign,
            403 => Refresh::Ended(FetchError::InvalidChallenge),
            // Chromium takes a proxy's 407 for a network error.
            407 => Refresh::Postponed(Reason::Unreachable),
            500..=599 => Refresh::Postponed(Reason::ServerError),
            _ => Refresh::Ended(FetchError::PersistentHttpError),
        };
        Verdict::Over(over)
    }

    /// An empty body renews; a body must be instructions for the same session.
    fn renewed(&mut self, id: &str, answer: &Answer, request: &Request) -> Refresh {
        if answer.body.is_empty() {
            return Refresh::Done;
        }
        let source = Source { body: answer.text(), from: request.url.clone() };
        match Instructions::parse(&source.body, &source.from, self.now()) {
            Err(why) => Refresh::Ended(why),
            Ok(instructions) if instructions.id != id => Refresh::Ended(FetchError::MismatchedSessionId),
            Ok(instructions) => {
                if let Some(session) = self.session_mut(id) {
                    (session.instructions, session.source) = (instructions, source);
                }
                Refresh::Done
            }
        }
    }

    /// Remembers what the outcome means for later refreshes.
    fn settle(&mut self, id: &str, refresh: Refresh) {
        let now = self.now();
        match refresh {
            Refresh::Ended(why) => return self.end(id, why),
            Refresh::Done => {
                if let Some(session) = self.session_mut(id) {
                    session.backoff.succeeded();
                    session.proactive_failed = false;
                }
            }
            Refresh::Postponed(Reason::ServerError) => {
                if let Some(session) = self.session_mut(id) {
                    session.backoff.failed(now);
                }
            }
            Refresh::Postponed(Reason::QuotaExceeded | Reason::Unreachable) => {}
        }
        let session = id.to_owned();
        self.happenings.push(match refresh {
            Refresh::Postponed(reason) => Happening::Postponed { session, reason: reason.token() },
            Refresh::Done | Refresh::Ended(_) => Happening::Refreshed { session },
        });
    }
}

fn brings_challenge(answer: &Answer, id: &str) -> bool {
    answer.list(CHALLENGE).is_some_and(|header| challenge::challenge_for(&header, id).is_some())
}

/// Signed requests within one refresh before Chromium calls it too many challenges.
const MAX_SIGNED: usize = 4;
