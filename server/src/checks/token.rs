//! Requests that come with an access token instead of a cookie.

use holdfast_core::{
    Rejection, Rule,
    check::{Decision, Reason, judge_foreign_token, judge_token_session},
    dpop::{BoundToken, Expected, NonceDemand, TargetUri},
    oauth::UnverifiedAccessToken,
};
use holdfast_store::{Backend, Found};

use super::{Judged, Question};
use crate::{
    context::Context,
    dpop::{self, ErrorCode, Refused},
    error::Trouble,
    house::{App, Holdfast},
    oauth::{Recognised, key_of},
};

/// Judges a bound token and the proof that comes with it, the cheapest question first, and whether the proof was seen
/// before last.
pub(super) async fn judge(
    house: &Holdfast,
    question: &Question<'_>,
    target: &str,
    text: &str,
    context: &Context,
) -> Result<Judged, Trouble> {
    let proof = match dpop::read(house, question.proofs.iter().copied()) {
        Ok(proof) => proof,
        Err(refused) => return Ok(Judged::refused(refused, None)),
    };
    let refused = |rejection| Refused { rejection, key: Some(*proof.thumbprint()) };
    let recognised = match house.oauth.tokens.recognise(house, question.app, text, context).await? {
        Ok(recognised) => recognised,
        Err(rejection) => return Ok(Judged::refused(refused(rejection), None)),
    };
    let key = match key_of(&recognised.token) {
        Ok(key) => *key,
        Err(rejection) => return Ok(Judged::refused(refused(rejection), None)),
    };
    let (verdict, found) = if recognised.is_ours {
        let Some(found) = session_of(house, &recognised).await? else {
            return Ok(Judged::denied(Reason::SessionUnknown));
        };
        let (session, requirements) = (&found.session, &question.demands.requirements);
        let now = context.now;
        let verdict = judge_token_session(&key, session, found.activity, requirements, &house.policy, now);
        (verdict, Some(found))
    } else {
        (judge_foreign_token(&question.demands.requirements), None)
    };
    if verdict.decision != Decision::Allow {
        // P-20 · RFC 9449 §4.3 number 12: asked before anything is said of the session, of which a thief must learn nothing.
        if *proof.thumbprint() != key {
            return Ok(Judged::refused(refused(Rule::P20.into()), found));
        }
        return Ok(Judged { verdict, found, ..Judged::denied(verdict.reason) });
    }
    let held = recognised.token.scope.as_deref().unwrap_or_default();
    if !question.demands.scope.as_deref().is_none_or(|demanded| covers(held, demanded)) {
        return Ok(Judged { found, ..Judged::denied(Reason::InsufficientScope) });
    }
    let address = TargetUri::parse(&format!("{}{target}", question.app.origin));
    let has_shown_nonce = found.as_ref().is_some_and(|found| found.activity.confirmed_at.is_some());
    let expected = Expected {
        method: question.method,
        target: address.as_ref(),
        token: Some(BoundToken { hash: &recognised.hash, key: &key }),
        // The proof names the token, and cannot be older than it.
        nonce: NonceDemand::of(has_shown_nonce, recognised.is_of_this_run),
    };
    let proof = match dpop::verify(house, proof, &expected, context) {
        Ok(proof) => proof,
        Err(refused) => return Ok(Judged::refused(refused, found)),
    };
    Ok(match dpop::remember(house, &proof, context).await? {
        Ok(()) => Judged {
            verdict,
            foreign: (!recognised.is_ours).then_some(recognised.token),
            found,
            confirms: proof.get().nonce_is_worn.is_some(),
            cookie: None,
            nonce: dpop::next_nonce(house, proof.get(), context.now),
            refused: None,
        },
        Err(refused) => Judged::refused(refused, found),
    })
}

/// Whether a scope holds every word of another.
fn covers(held: &str, demanded: &str) -> bool {
    demanded.split(' ').filter(|word| !word.is_empty()).all(|word| held.split(' ').any(|other| other == word))
}

/// What is wrong with a token that came as a bearer token, if it is one that this server knows.
pub(super) fn bearer_refusal(house: &Holdfast, text: &str) -> Option<Refused> {
    let unverified = UnverifiedAccessToken::parse(text).ok()?;
    // T-09 · RFC 9449 §7.2: a bound token that is taken without its key is a bearer token after all.
    let rejection = Rejection::of(Rule::T09);
    house.oauth.tokens.knows(house, unverified.issuer()).then_some(Refused { rejection, key: None })
}

/// The reason of a refusal.
pub(super) const fn reason_of(refused: &Refused) -> Reason {
    match ErrorCode::of(refused.rejection.rule) {
        ErrorCode::InvalidDpopProof => Reason::InvalidDpopProof,
        ErrorCode::InvalidToken => Reason::InvalidToken,
        ErrorCode::UseDpopNonce => Reason::UseDpopNonce,
    }
}

/// The session that a token names. It belongs to the app that issued the token; where the token is good, its audience
/// says.
async fn session_of(house: &Holdfast, recognised: &Recognised) -> Result<Option<Found>, Trouble> {
    let Some(id) = recognised.token.session else { return Ok(None) };
    let issued_by = |app: &App| app.origin.as_str() == &*recognised.token.issuer;
    let found = house.store.load(id).await?;
    Ok(found.filter(|found| house.app_named(&found.session.record().app).is_some_and(|app| issued_by(app))))
}
