//! Vectors of grants and of access tokens.

mod codes;
mod http;
mod refresh_tokens;
mod tokens;

use std::collections::BTreeMap;

use holdfast_core::{
    Keyring, Rule, SessionId, UnixTime,
    oauth::{AuthenticRefreshToken, RefreshToken, code},
};

use super::{
    dpop::{Draft, text},
    file,
};
use crate::{
    dpop::hex,
    keys::Device,
    oauth::{GrantVector, Granted, Request, State, TOKEN_ENDPOINT, Tokens},
    world::{BEGAN, World},
};

/// Every file with its text.
pub(super) fn files(world: &World) -> Vec<(String, String)> {
    vec![
        file("oauth/codes.json", "Authorization codes, redeemed.", codes::vectors(world)),
        file("oauth/http.json", "What only a server decides about grants.", http::stories(world)),
        file("oauth/refresh_tokens.json", "Refresh tokens, exchanged.", refresh_tokens::vectors(world)),
        file("oauth/tokens.json", "Access tokens, as a resource reads them.", tokens::vectors(world)),
    ]
}

/// The client of every grant.
const CLIENT: &str = "app-1";
const REDIRECT_URI: &str = "https://client.example/back?x=1";
/// The example of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
/// The random bytes of the first refresh token.
const RANDOM: [u8; 32] = [0x11; 32];
/// The generation of a grant that runs.
const GENERATION: u32 = 3;
/// When its refresh token came last.
const LAST_PROOF: u64 = BEGAN + 1000;

/// The session, its code not yet redeemed.
fn offered() -> Granted {
    Granted {
        id: World::session().to_string(),
        ended: None,
        client_id: Some(CLIENT.to_owned()),
        state: State::Offered {
            redirect_uri: REDIRECT_URI.to_owned(),
            code_challenge: Some(CHALLENGE.to_owned()),
            dpop_jkt: None,
        },
    }
}

/// The session, running in its third generation with the key of `device`.
fn running(world: &World, device: &impl Device) -> Granted {
    let jwk: BTreeMap<_, _> = serde_json::from_str(&device.jwk()).unwrap();
    let token_hash = token(world, GENERATION).hash;
    let state = State::Running { jwk, generation: GENERATION, last_proof_at: LAST_PROOF, token_hash };
    Granted { state, ..offered() }
}

/// A refresh token: its text, and what is stored of it.
struct Sealed {
    text: String,
    hash: String,
}

/// The refresh token of a generation.
fn token(world: &World, generation: u32) -> Sealed {
    token_of(&world.ring, World::session(), RANDOM, generation)
}

/// The refresh token of a generation, of any grant and any server.
fn token_of(ring: &Keyring, session: SessionId, random: [u8; 32], generation: u32) -> Sealed {
    let sealed = |token: &RefreshToken| Sealed {
        text: token.seal(ring).reveal().to_owned(),
        hash: hex(&token.hash()),
    };
    (1..generation).fold(sealed(&RefreshToken::first(session, random)), |before, _| {
        sealed(AuthenticRefreshToken::open(ring, &before.text).unwrap().successor().unwrap())
    })
}

/// The code of the session.
fn good_code(world: &World) -> String {
    code_of(&world.ring, World::session())
}

fn code_of(ring: &Keyring, session: SessionId) -> String {
    code(ring, session, UnixTime::from_secs(BEGAN)).reveal().to_owned()
}

/// A good proof for the token endpoint.
fn proof(device: &impl Device, alg: &str, jti: &str, at: u64) -> String {
    Draft::of(device, alg)
        .for_tokens(TOKEN_ENDPOINT)
        .claim("jti", &text(jti))
        .claim("iat", &at.to_string())
        .sign(device)
}

/// An ordinary redemption, ten seconds after the code went out.
fn redemption(world: &World, name: &str, note: &str) -> GrantVector {
    let at = BEGAN + 10;
    GrantVector {
        name: format!("code-{name}"),
        note: note.to_owned(),
        checks: Vec::new(),
        rule: None,
        at,
        session: offered(),
        client_id: CLIENT.to_owned(),
        request: Request::AuthorizationCode {
            code: good_code(world),
            redirect_uri: Some(REDIRECT_URI.to_owned()),
            code_verifier: Some(VERIFIER.to_owned()),
            random: hex(&RANDOM),
        },
        proof: proof(&world.device, "ES256", "proof-1", at),
        accepted: None,
    }
}

/// An ordinary exchange of the current refresh token.
fn exchange(world: &World, name: &str, note: &str) -> GrantVector {
    let at = LAST_PROOF + 500;
    GrantVector {
        name: format!("refresh-token-{name}"),
        at,
        session: running(world, &world.device),
        request: Request::RefreshToken { refresh_token: token(world, GENERATION).text },
        proof: proof(&world.device, "ES256", "proof-1", at),
        ..redemption(world, "", note)
    }
}

impl GrantVector {
    fn breaks(self, rule: Rule) -> Self {
        Self { rule: Some(rule.id().to_owned()), ..self }
    }

    fn checks(self, checks: &[&str]) -> Self {
        Self { checks: checks.iter().map(|check| (*check).to_owned()).collect(), ..self }
    }

    /// The same request at another time, with a proof of that time.
    fn at(self, world: &World, at: u64) -> Self {
        Self { at, proof: proof(&world.device, "ES256", "proof-1", at), ..self }
    }

    fn by(self, device: &impl Device, alg: &str) -> Self {
        Self { proof: proof(device, alg, "proof-1", self.at), ..self }
    }

    fn of_client(self, client_id: &str) -> Self {
        Self { client_id: client_id.to_owned(), ..self }
    }

    fn with_session(self, change: impl FnOnce(&mut Granted)) -> Self {
        let mut session = self.session;
        change(&mut session);
        Self { session, ..self }
    }

    fn with_code(mut self, text: String) -> Self {
        if let Request::AuthorizationCode { code, .. } = &mut self.request {
            *code = text;
        }
        self
    }

    fn with_redirect_uri(mut self, uri: Option<&str>) -> Self {
        if let Request::AuthorizationCode { redirect_uri, .. } = &mut self.request {
            *redirect_uri = uri.map(str::to_owned);
        }
        self
    }

    fn with_verifier(mut self, verifier: Option<String>) -> Self {
        if let Request::AuthorizationCode { code_verifier, .. } = &mut self.request {
            *code_verifier = verifier;
        }
        self
    }

    fn with_token(mut self, text: String) -> Self {
        if let Request::RefreshToken { refresh_token } = &mut self.request {
            *refresh_token = text;
        }
        self
    }

    /// The grant belongs to this key afterwards, and has come so far.
    fn leaves(self, device: &impl Device, generation: u32, token: Sealed) -> Self {
        let thumbprint = super::dpop::jkt(device);
        let accepted = Tokens { refresh_token: token.text, thumbprint, generation, token_hash: token.hash };
        Self { accepted: Some(accepted), ..self }
    }
}

impl Granted {
    fn offer(&mut self, challenge: Option<&str>, jkt: Option<String>) {
        if let State::Offered { code_challenge, dpop_jkt, .. } = &mut self.state {
            *code_challenge = challenge.map(str::to_owned);
            *dpop_jkt = jkt;
        }
    }
}
