//! The list of attacks on OAuth clients.

use super::attacks::{Attack, OwnerAfterwards, Play};
use super::token_scenario::stolen_token;
use super::token_scenario::{code, dated_proof, grant, misused_proof, nonce, refresh_token, replayed_proof};

/// Every attack on the tokens of an OAuth client. Those that need time or a restart come last.
pub static DPOP_ATTACKS: &[Attack] = &[
    Attack {
        name: "stolen-access-token-without-proof",
        promise: "a bound token alone is worth nothing",
        owner: OwnerAfterwards::Unharmed,
        play: Play::Client(|trial| Box::pin(stolen_token::without_proof(trial))),
    },
    Attack {
        name: "stolen-access-token-with-own-proof",
        promise: "a good proof by another key does not fit the token",
        owner: OwnerAfterwards::Unharmed,
        play: Play::Client(|trial| Box::pin(stolen_token::with_own_proof(trial))),
    },
    Attack {
        name: "stolen-access-token-as-bearer",
        promise: "a bound token is no bearer token",
        owner: OwnerAfterwards::Unharmed,
        play: Play::Client(|trial| Box::pin(stolen_token::as_bearer(trial))),
    },
    Attack {
        name: "grant-as-browser-session",
        promise: "what a client was granted never becomes a browser's session",
        owner: OwnerAfterwards::Unharmed,
        play: Play::Client(|trial| Box::pin(grant::as_browser(trial))),
    },
    Attack {
        name: "replayed-dpop-proof",
        promise: "a proof works once",
        owner: OwnerAfterwards::Unharmed,
        play: Play::Client(|trial| Box::pin(replayed_proof::once(trial))),
    },
    Attack {
        name: "same-dpop-proof-64-at-once",
        promise: "of 64 equal proofs at the same time exactly one passes",
        owner: OwnerAfterwards::Unharmed,
        play: Play::Client(|trial| Box::pin(replayed_proof::at_once(trial))),
    },
    Attack {
        name: "dpop-proof-for-another-url",
        promise: "a proof is for one address",
        owner: OwnerAfterwards::Unharmed,
        play: Play::Client(|trial| Box::pin(misused_proof::for_another_url(trial))),
    },
    Attack {
        name: "dpop-proof-for-another-method",
        promise: "a proof is for one method",
        owner: OwnerAfterwards::Unharmed,
        play: Play::Client(|trial| Box::pin(misused_proof::for_another_method(trial))),
    },
    Attack {
        name: "pre-dated-dpop-proof",
        promise: "a proof of the past is worth nothing without a nonce of today",
        owner: OwnerAfterwards::Unharmed,
        play: Play::Client(|trial| Box::pin(dated_proof::of_the_past(trial))),
    },
    Attack {
        name: "post-dated-dpop-proof",
        promise: "a proof from store works at its own time at most, and never once the owner has used a nonce",
        owner: OwnerAfterwards::Unharmed,
        play: Play::Client(|trial| Box::pin(dated_proof::of_the_future(trial))),
    },
    Attack {
        name: "stolen-refresh-token-with-another-key",
        promise: "without the key a refresh token is worth nothing, and its use is reported",
        owner: OwnerAfterwards::Unharmed,
        play: Play::Client(|trial| Box::pin(refresh_token::with_another_key(trial))),
    },
    Attack {
        name: "code-with-another-key",
        promise: "a code is for the key that was named, and a thief does not use it up",
        owner: OwnerAfterwards::Unharmed,
        play: Play::Client(|trial| Box::pin(code::with_another_key(trial))),
    },
    Attack {
        name: "code-used-twice",
        promise: "a code that comes twice ends what the first use began",
        owner: OwnerAfterwards::SessionEnded,
        play: Play::Client(|trial| Box::pin(code::used_twice(trial))),
    },
    Attack {
        name: "dropped-dpop-nonce",
        promise: "who has used a nonce once cannot go back to proofs without one",
        owner: OwnerAfterwards::Unharmed,
        play: Play::Client(|trial| Box::pin(nonce::dropped(trial))),
    },
    Attack {
        name: "replayed-dpop-proof-after-restart",
        promise: "a server that has forgotten what it saw takes nothing from before",
        owner: OwnerAfterwards::Unharmed,
        play: Play::Client(|trial| Box::pin(replayed_proof::after_restart(trial))),
    },
    Attack {
        name: "replayed-dpop-proof-after-its-life",
        promise: "a proof is remembered for as long as it would be accepted",
        owner: OwnerAfterwards::Unharmed,
        play: Play::Client(|trial| Box::pin(replayed_proof::after_its_life(trial))),
    },
];
