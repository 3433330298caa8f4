//! Registration: a fresh key, a proof that carries it, and the session that the server answers with.

use http::Method;

use super::visit::{Exchange, Happening, redirect_target};
use super::{BoundSession, Browser, FetchError, Source};
use crate::Failure;
use crate::http::{Answer, Request};
use crate::jar::Context;
use crate::key::DeviceKey;
use crate::origin::same_site;
use crate::wire::instructions::Instructions;
use crate::wire::proof::{self, Claims};
use crate::wire::registration::Offer;
use crate::wire::{CHALLENGE, RESPONSE, challenge};

impl Browser {
    /// Acts on every offer that was seen. A failed registration is silent: the user stays logged in, unbound.
    pub async fn register_offers(&mut self) -> Result<(), Failure> {
        // An answer may carry a further offer; the limit keeps two servers from playing ping-pong with us.
        for _ in 0..MAX_REGISTRATIONS {
            let Some((offer, context)) = (!self.offers.is_empty()).then(|| self.offers.remove(0)) else {
                return Ok(());
            };
            let outcome = self.register(&offer, context).await?;
            self.happenings.push(match outcome {
                Ok(session) => Happening::Registered { session },
                Err(why) => Happening::RegistrationFailed { why },
            });
        }
        Ok(())
    }

    async fn register(
        &mut self,
        offer: &Offer,
        context: Context,
    ) -> Result<Result<String, FetchError>, Failure> {
        let Some(algorithm) = self.keys.choose(&offer.algorithms) else {
            return Ok(Err(FetchError::SigningKeyGenerationError));
        };
        if !self.may_sign() {
            return Ok(Err(FetchError::SigningQuotaExceeded));
        }
        let key = self.keys.make(algorithm).await?;
        let proof = registration_proof(&key, offer).await?;
        let mut request = self.endpoint_request(&offer.endpoint, context)?;
        if let Some(proof) = &proof {
            request = request.header(RESPONSE, proof)?;
        }
        let (answer, request) = match self.post(request, context).await {
            Ok(done) => done,
            Err(_) => return Ok(Err(FetchError::NetError)),
        };
        let source = Source { body: answer.text(), from: request.url };
        Ok(accepted(&answer, &source, self.now())
            .map(|instructions| self.adopt(BoundSession::new(instructions, source, key), &answer)))
    }

    /// Keeps a new session; one with the same id is replaced.
    fn adopt(&mut self, mut session: BoundSession, answer: &Answer) -> String {
        let id = session.id().to_owned();
        session.challenge = answer.list(CHALLENGE).and_then(|header| challenge::challenge_for(&header, &id));
        if self.session(&id).is_some() {
            self.sessions.retain(|old| old.id() != id);
            self.note_end(&id, "Replaced");
        }
        self.sessions.push(session);
        id
    }

    /// A request as Chromium sends it to both endpoints: no body, no `Accept`, same-origin.
    pub(super) fn endpoint_request(&self, url: &url::Url, context: Context) -> Result<Request, Failure> {
        let request = Request::new(Method::POST, url.clone())
            .header("sec-fetch-mode", "no-cors")?
            .header("sec-fetch-dest", "empty")?
            .header("sec-fetch-site", "same-origin")?
            .header("origin", &self.network.origin.serialized())?
            .header("user-agent", super::USER_AGENT)?;
        match self.jar.header(url, context, self.now()) {
            Some(cookies) => request.header("cookie", &cookies),
            None => Ok(request),
        }
    }

    /// Posts to an endpoint, following same-site redirects. Cookies of every answer count.
    pub(super) async fn post(
        &mut self,
        mut request: Request,
        caused: Context,
    ) -> Result<(Answer, Request), Failure> {
        for _ in 0..MAX_ENDPOINT_REDIRECTS {
            let sent = self.network.send(&request).await;
            self.exchanges.push(Exchange { request: request.clone(), answer: sent.as_ref().ok().cloned() });
            let answer = sent?;
            self.read(&answer, &request.url, caused);
            let Some(target) = redirect_target(&answer, &request.url) else { return Ok((answer, request)) };
            if !same_site(&target, &request.url) {
                return Err(Failure::Network(format!("an unsafe redirect to {target}")));
            }
            if !matches!(answer.status, 307 | 308) {
                request.method = Method::GET;
            }
            request.url = target;
        }
        Err(Failure::Network("too many redirects".to_owned()))
    }
}

/// Without a challenge and an authorization Chromium sends no proof at all.
async fn registration_proof(key: &DeviceKey, offer: &Offer) -> Result<Option<String>, Failure> {
    if offer.challenge.is_none() && offer.authorization.is_none() {
        return Ok(None);
    }
    let (jti, authorization) = (offer.challenge.as_deref(), offer.authorization.as_deref());
    proof::registration(key, &Claims { aud: None, authorization, jti }).await.map(Some)
}

fn accepted(answer: &Answer, source: &Source, now: std::time::Duration) -> Result<Instructions, FetchError> {
    match answer.status {
        200..=299 if source.body.is_empty() => Err(FetchError::EmptySessionConfig),
        200..=299 => Instructions::parse(&source.body, &source.from, now),
        403 => Err(FetchError::RegistrationAttemptedChallenge),
        500..=599 => Err(FetchError::TransientHttpError),
        _ => Err(FetchError::PersistentHttpError),
    }
}

/// Registrations in a row before the browser gives up.
const MAX_REGISTRATIONS: usize = 8;

/// Redirects in a row at an endpoint.
const MAX_ENDPOINT_REDIRECTS: usize = 5;
