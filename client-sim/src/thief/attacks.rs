//! The list of attacks on browsers: name, promise, and the function that plays it.

use std::pin::Pin;

use super::scenario::{bound_cookie, cross_site, forged_proof, login_cookie, logout, no_cookie};
use super::scenario::{own_key, stolen_proof};
use super::token_trial::TokenTrial;
use super::trial::Trial;
use crate::Failure;

/// An attack being played.
pub(super) type Act<'a> = Pin<Box<dyn Future<Output = Result<(), Failure>> + 'a>>;

/// A named attack.
pub struct Attack {
    /// The stable name.
    pub name: &'static str,
    /// What Holdfast promises.
    pub promise: &'static str,
    /// How the owner must find things afterwards.
    pub owner: OwnerAfterwards,
    pub(super) play: Play,
}

/// The function that plays an attack, by its victim.
#[derive(Clone, Copy)]
pub(super) enum Play {
    /// A browser with a device bound session.
    Browser(for<'a, 'r> fn(&'a mut Trial<'r>) -> Act<'a>),
    /// An OAuth client with bound tokens.
    Client(for<'a, 'r> fn(&'a mut TokenTrial<'r>) -> Act<'a>),
}

impl std::fmt::Debug for Attack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// How the owner must find things after an attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnerAfterwards {
    /// Logged out, by the owner's own wish.
    LoggedOut,
    /// Without a session: the server ended it, because it could not tell owner and thief apart.
    SessionEnded,
    /// As if nothing had happened: pages, session and refresh.
    Unharmed,
}

/// Every attack on browsers. The one that waits for a cookie to expire comes last.
pub static ATTACKS: &[Attack] = &[
    Attack {
        name: "stolen-login-cookie-before-binding",
        promise: "the honest limit: it works until the owner's browser is bound, and never after",
        owner: OwnerAfterwards::Unharmed,
        play: Play::Browser(|trial| Box::pin(login_cookie::before_binding(trial))),
    },
    Attack {
        name: "stolen-login-cookie-after-binding",
        promise: "once the first bound cookie was seen, the login cookie is worth nothing",
        owner: OwnerAfterwards::Unharmed,
        play: Play::Browser(|trial| Box::pin(login_cookie::after_binding(trial))),
    },
    Attack {
        name: "stolen-bound-cookie-fresh",
        promise: "it works until it expires or until the owner's next refresh plus the overlap, whichever is first",
        owner: OwnerAfterwards::Unharmed,
        play: Play::Browser(|trial| Box::pin(bound_cookie::fresh(trial))),
    },
    Attack {
        name: "stolen-hint-cookie",
        promise: "the hint grants nothing, under its own name or another",
        owner: OwnerAfterwards::Unharmed,
        play: Play::Browser(|trial| Box::pin(no_cookie::hint(trial))),
    },
    Attack {
        name: "older-copy-while-owner-active",
        promise: "a copy that is two refreshes old is refused and reported as a copy",
        owner: OwnerAfterwards::Unharmed,
        play: Play::Browser(|trial| Box::pin(bound_cookie::older_copy(trial))),
    },
    Attack {
        name: "own-key-with-victims-cookie",
        promise: "a cookie binds nobody's key: registration follows the challenge alone",
        owner: OwnerAfterwards::Unharmed,
        play: Play::Browser(|trial| Box::pin(own_key::with_victims_cookie(trial))),
    },
    Attack {
        name: "second-registration-replayed-challenge",
        promise: "a bound session takes no second key",
        owner: OwnerAfterwards::Unharmed,
        play: Play::Browser(|trial| Box::pin(own_key::second_registration(trial))),
    },
    Attack {
        name: "replayed-registration-proof",
        promise: "a registration works once",
        owner: OwnerAfterwards::Unharmed,
        play: Play::Browser(|trial| Box::pin(own_key::replayed_registration(trial))),
    },
    Attack {
        name: "registration-without-proof",
        promise: "no key, no binding",
        owner: OwnerAfterwards::Unharmed,
        play: Play::Browser(|trial| Box::pin(own_key::without_proof(trial))),
    },
    Attack {
        name: "refresh-wrong-key",
        promise: "another key gets a challenge and no cookie",
        owner: OwnerAfterwards::Unharmed,
        play: Play::Browser(|trial| Box::pin(stolen_proof::wrong_key(trial))),
    },
    Attack {
        name: "refresh-replayed-proof",
        promise: "a used proof gets a challenge; the very last one at most the same cookie again",
        owner: OwnerAfterwards::Unharmed,
        play: Play::Browser(|trial| Box::pin(stolen_proof::replayed(trial))),
    },
    Attack {
        name: "refresh-other-sessions-challenge",
        promise: "a challenge is good for the session it was issued for",
        owner: OwnerAfterwards::Unharmed,
        play: Play::Browser(|trial| Box::pin(stolen_proof::other_sessions_challenge(trial))),
    },
    Attack {
        name: "alg-none",
        promise: "no signature is no proof",
        owner: OwnerAfterwards::Unharmed,
        play: Play::Browser(|trial| Box::pin(forged_proof::alg_none(trial))),
    },
    Attack {
        name: "hs256-public-key",
        promise: "a public key is never a MAC key",
        owner: OwnerAfterwards::Unharmed,
        play: Play::Browser(|trial| Box::pin(forged_proof::hs256(trial))),
    },
    Attack {
        name: "tampered-payload",
        promise: "a changed payload breaks the signature",
        owner: OwnerAfterwards::Unharmed,
        play: Play::Browser(|trial| Box::pin(forged_proof::tampered_payload(trial))),
    },
    Attack {
        name: "cross-site-refresh",
        promise: "another site cannot cause a refresh, not even with a good proof",
        owner: OwnerAfterwards::Unharmed,
        play: Play::Browser(|trial| Box::pin(cross_site::refresh(trial))),
    },
    Attack {
        name: "forged-skipped-header",
        promise: "saying that a refresh was skipped changes no decision",
        owner: OwnerAfterwards::Unharmed,
        play: Play::Browser(|trial| Box::pin(no_cookie::forged_skipped(trial))),
    },
    Attack {
        name: "login-then-logout-then-refresh",
        promise: "after a logout neither cookie nor key nor proof brings the session back",
        owner: OwnerAfterwards::LoggedOut,
        play: Play::Browser(|trial| Box::pin(logout::then_refresh(trial))),
    },
    Attack {
        name: "stolen-bound-cookie-expired",
        promise: "the server's clock ends a bound cookie, not the browser's",
        owner: OwnerAfterwards::Unharmed,
        play: Play::Browser(|trial| Box::pin(bound_cookie::expired(trial))),
    },
];
