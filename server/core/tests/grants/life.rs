//! A grant, the store that holds it, and everybody who wants its tokens.

use std::{sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use holdfast_core::{
    Keyring, Level, Method, Rejection, RootKey, Rule, SessionId, UnixTime, Verified,
    dpop::{Boot, DpopPolicy, Expected, NonceDemand, Proof, TargetUri, UnverifiedProof},
    oauth::{
        AuthenticCode, AuthenticRefreshToken, CODE_LIFE, Exchange, Grant, GrantState, Offer, Redemption,
        RefreshToken, code,
    },
    session::{EndReason, Login, Session},
};
use proptest::sample::Index;
use sha2::{Digest, Sha256};

use crate::prover::Prover;

const CLIENT: &str = "app-1";
const REDIRECT_URI: &str = "https://client.example/back";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const TOKEN_ENDPOINT: &str = "https://shop.example/token";
/// How long a token that was taken leads to the same successor again.
const GRACE: Duration = Duration::from_secs(60);

pub(crate) struct Life {
    /// What the store holds. It changes by `replace` alone, as a store's record does.
    stored: Session,
    now: UnixTime,
    ring: Keyring,
    owner: Prover,
    thief: Prover,
    code: String,
    code_expires_at: UnixTime,
    /// Every refresh token that the server has made for the owner, by generation, whether or not it arrived.
    tokens: Vec<String>,
    /// When the current one was made.
    rotated_at: UnixTime,
    /// Whether something happened that must end the grant.
    must_have_ended: bool,
}

impl Life {
    pub(crate) fn begin(names_key: bool) -> Self {
        let now = UnixTime::from_millis(1_800_000_000_123);
        let ring = Keyring::new(&RootKey::from_bytes([7; 32]), &[]);
        let id = SessionId::from_bytes([1; 16]);
        let owner = Prover::new(1);
        let offer = Offer {
            redirect_uri: REDIRECT_URI.into(),
            code_challenge: Some(Sha256::digest(VERIFIER).into()),
            key: names_key.then(|| owner.thumbprint()),
        };
        let grant = Grant {
            client_id: Arc::from(CLIENT),
            scope: "read".into(),
            audience: "https://api.test".into(),
            state: GrantState::Offered(offer),
        };
        let login = Login {
            app: Arc::from("shop"),
            user: "alice".into(),
            auth: None,
            client: None,
            attributes: None,
            grant: Some(Box::new(grant)),
        };
        Self {
            code: code(&ring, id, now).reveal().to_owned(),
            code_expires_at: now.after(CODE_LIFE),
            stored: Session::begin(id, login, 0, now),
            rotated_at: now,
            thief: Prover::new(2),
            tokens: Vec::new(),
            must_have_ended: false,
            owner,
            ring,
            now,
        }
    }

    pub(crate) fn pass(&mut self, span: Duration) {
        self.now = self.now.after(span);
    }

    pub(crate) fn pass_to_edge(&mut self) {
        let edge = if self.tokens.is_empty() { self.code_expires_at } else { self.rotated_at.after(GRACE) };
        self.now = self.now.max(edge);
    }

    pub(crate) fn redeem(&mut self) {
        let before = self.stored.clone();
        let expected = self.redemption_verdict();
        match self.try_redeem(&before, &self.owner, CLIENT, Some(VERIFIER)) {
            Ok((next, token)) => {
                assert_eq!(expected, None, "a code was redeemed that may not be");
                assert!(self.replace(&before, next));
                self.give(token);
            }
            Err(rejection) => {
                assert_eq!(Some(rejection.rule), expected);
                self.refuse(&before, rejection);
            }
        }
    }

    /// Of two that redeem at the same time one wins; the other one comes too late, and the code came twice.
    pub(crate) fn race_to_redeem(&mut self) {
        let snapshot = self.stored.clone();
        let tries = [0, 1].map(|_| self.try_redeem(&snapshot, &self.owner, CLIENT, Some(VERIFIER)));
        let [Ok((first, token)), Ok((second, _))] = tries else { return };
        assert!(self.replace(&snapshot, first));
        assert!(!self.replace(&snapshot, second), "one code was redeemed twice");
        self.give(token);
        self.redeem();
    }

    pub(crate) fn refresh(&mut self, behind: usize) {
        let Some(index) = self.tokens.len().checked_sub(behind + 1) else { return };
        let token = self.tokens.get(index).unwrap().clone();
        let before = self.stored.clone();
        let (current, alive) = (self.tokens.last().unwrap().clone(), before.record().ended.is_none());
        let tried = self.try_exchange(&before, &self.owner, CLIENT, &token);
        let opened = AuthenticRefreshToken::open(&self.ring, &token).unwrap();
        assert_eq!(before.would_take(&opened, self.now), tried.is_ok(), "who asks first is told the truth");
        match tried {
            Ok((Exchange::Rotated(next, _), successor)) => {
                assert!(behind == 0 && alive, "an old token moved the grant on");
                assert_eq!(next.generation(), before.generation() + 1);
                assert!(self.replace(&before, next));
                self.give(successor);
            }
            Ok((Exchange::Repeated(_), successor)) => {
                assert!(behind == 1 && alive, "only the token before may come again");
                assert!(self.now < self.rotated_at.after(GRACE), "a token came again too late");
                assert_eq!(successor, current, "the answer is the same again");
            }
            Err(rejection) => {
                let in_time = self.now < self.rotated_at.after(GRACE);
                let may_come = behind == 0 || behind == 1 && in_time;
                assert!(!(alive && may_come), "the owner was locked out: {rejection}");
                assert_eq!(rejection.rule, if alive { Rule::G10 } else { Rule::G11 });
                self.refuse(&before, rejection);
            }
        }
    }

    /// The answer is lost, and the client tries again with what it has.
    pub(crate) fn refresh_in_vain(&mut self) {
        self.refresh(0);
        self.refresh(1);
    }

    pub(crate) fn race_to_refresh(&mut self) {
        let Some(token) = self.tokens.last().cloned() else { return };
        let snapshot = self.stored.clone();
        let tries = [0, 1].map(|_| self.try_exchange(&snapshot, &self.owner, CLIENT, &token));
        let [Ok((Exchange::Rotated(first, _), one)), Ok((Exchange::Rotated(second, _), other))] = tries
        else {
            return;
        };
        assert_eq!(one, other, "two workers would have different tokens");
        assert!(self.replace(&snapshot, first));
        assert!(!self.replace(&snapshot, second), "one token was taken twice");
        self.give(one);
        // The one that lost is judged against what is stored now, and gets the winner's token.
        self.refresh(1);
    }

    /// The thief has the code, and perhaps even the verifier, but not the key.
    pub(crate) fn steal_code(&mut self, knows_verifier: bool) {
        let before = self.stored.clone();
        let verifier = knows_verifier.then_some(VERIFIER);
        match self.try_redeem(&before, &self.thief, CLIENT, verifier) {
            Ok(_) => {
                // Whoever knows code and verifier is the client, unless the client has named its key.
                let named = matches!(self.offer(&before), Some(Offer { key: Some(_), .. }));
                assert!(knows_verifier && !named, "a thief redeemed the code");
            }
            Err(rejection) => self.refuse(&before, rejection),
        }
    }

    pub(crate) fn steal_token(&mut self, which: Index) {
        if self.tokens.is_empty() {
            return;
        }
        let before = self.stored.clone();
        let token = self.tokens.get(which.index(self.tokens.len())).unwrap().clone();
        let rejection = self
            .try_exchange(&before, &self.thief, CLIENT, &token)
            .expect_err("a thief without the key got a token");
        assert!(matches!(rejection.rule, Rule::G09 | Rule::G11), "{rejection}");
        assert_eq!(self.stored, before, "a thief without the key changed something");
    }

    pub(crate) fn confuse(&mut self) {
        let before = self.stored.clone();
        let rejection = self.try_redeem(&before, &self.owner, "app-2", Some(VERIFIER)).unwrap_err();
        assert!(matches!(rejection.rule, Rule::G04 | Rule::G11), "{rejection}");
        if let Some(token) = self.tokens.last() {
            let rejection = self.try_exchange(&before, &self.owner, "app-2", token).unwrap_err();
            assert!(matches!(rejection.rule, Rule::G04 | Rule::G11), "{rejection}");
        }
    }

    pub(crate) fn end(&mut self) {
        let before = self.stored.clone();
        if let Some(ended) = before.end(EndReason::Logout, self.now) {
            assert!(self.replace(&before, ended));
            self.must_have_ended = true;
        }
    }

    pub(crate) fn refresh_while_ending(&mut self) {
        let Some(token) = self.tokens.last().cloned() else { return };
        let snapshot = self.stored.clone();
        let tried = self.try_exchange(&snapshot, &self.owner, CLIENT, &token);
        let Ok((Exchange::Rotated(next, _), _)) = tried else { return };
        self.end();
        assert!(!self.replace(&snapshot, next), "a refresh undid an ending");
    }

    /// What holds at any time.
    pub(crate) fn keeps_its_promises(&self) {
        let record = self.stored.record();
        assert_eq!(
            record.ended.is_some(),
            self.must_have_ended,
            "an end for no reason, or none for a good one"
        );
        let state = record.grant.as_ref().map(|grant| &grant.state);
        let Some(binding) = &record.binding else {
            assert!(self.tokens.is_empty() && matches!(state, Some(GrantState::Offered(_))));
            return;
        };
        assert_eq!(binding.key.thumbprint(), self.owner.thumbprint(), "the key changed");
        assert_eq!((binding.method, binding.level), (Method::Dpop, Level::Software));
        assert_eq!(usize::try_from(binding.generation).unwrap(), self.tokens.len());
        let Some(GrantState::Running { token_hash }) = state else { unreachable!("a bound grant runs") };
        assert_eq!(*token_hash, hash_of(self.tokens.last().unwrap()), "another token is the current one");
    }

    /// What must become of a good request with the code.
    fn redemption_verdict(&self) -> Option<Rule> {
        if self.stored.record().ended.is_some() {
            Some(Rule::G11)
        } else if self.now >= self.code_expires_at {
            Some(Rule::G02)
        } else {
            (!self.tokens.is_empty()).then_some(Rule::G03)
        }
    }

    fn offer<'a>(&self, session: &'a Session) -> Option<&'a Offer> {
        match &session.record().grant.as_ref()?.state {
            GrantState::Offered(offer) => Some(offer),
            GrantState::Running { .. } => None,
        }
    }

    /// What the server does with a refusal: it ends a grant whose code or token came again, and nothing else.
    fn refuse(&mut self, before: &Session, rejection: Rejection) {
        assert_eq!(self.stored, *before, "a rejection changed something");
        if matches!(rejection.rule, Rule::G03 | Rule::G10) {
            let ended = before.end(EndReason::Revoked, self.now).expect("only a living grant is judged");
            assert!(self.replace(before, ended));
            self.must_have_ended = true;
        }
    }

    fn give(&mut self, token: String) {
        self.tokens.push(token);
        self.rotated_at = self.now;
    }

    fn try_redeem(
        &self,
        session: &Session,
        by: &Prover,
        client_id: &str,
        verifier: Option<&str>,
    ) -> Result<(Session, String), Rejection> {
        let code = AuthenticCode::open(&self.ring, &self.code).expect("a code of ours opens");
        assert_eq!(code.session(), session.record().id);
        let first = RefreshToken::first(code.session(), [9; 32]);
        let request = Redemption { client_id, redirect_uri: Some(REDIRECT_URI), code_verifier: verifier };
        let next = session.redeem(&code, &request, &self.prove(by), &first, self.now)?;
        Ok((next, first.seal(&self.ring).reveal().to_owned()))
    }

    /// What the token leads to, and the text of its successor.
    fn try_exchange(
        &self,
        session: &Session,
        by: &Prover,
        client_id: &str,
        token: &str,
    ) -> Result<(Exchange, String), Rejection> {
        let token = AuthenticRefreshToken::open(&self.ring, token).expect("a token of ours opens");
        let exchange = session.exchange(&token, client_id, &self.prove(by), self.now)?;
        Ok((exchange, token.successor().unwrap().seal(&self.ring).reveal().to_owned()))
    }

    fn prove(&self, by: &Prover) -> Verified<Proof> {
        let iat = self.now.as_secs();
        let text = by.proof(&format!(r#"{{"jti":"1","htm":"POST","htu":"{TOKEN_ENDPOINT}","iat":{iat}}}"#));
        let target = TargetUri::parse(TOKEN_ENDPOINT);
        let expected =
            Expected { method: "POST", target: target.as_ref(), token: None, nonce: NonceDemand::No };
        let (policy, boot) = (DpopPolicy::default(), Boot { id: [0; 4], at: UnixTime::EPOCH });
        UnverifiedProof::parse([text.as_str()].into_iter(), &policy.algorithms)
            .unwrap()
            .verify(&expected, &self.ring, &boot, &policy, self.now)
            .unwrap()
    }

    /// Stores `next` if what is stored is still `expected`: the promise of a store.
    fn replace(&mut self, expected: &Session, next: Session) -> bool {
        let unchanged = self.stored.record().revision == expected.record().revision;
        if unchanged {
            assert_eq!(next.record().revision, expected.record().revision + 1, "a change is one revision");
            self.stored = next;
        }
        unchanged
    }
}

/// What is stored of a refresh token: the hash of its last 32 bytes before the MAC.
fn hash_of(token: &str) -> [u8; 32] {
    let bytes = URL_SAFE_NO_PAD.decode(token).unwrap();
    let (_, rest) = bytes.split_at(bytes.len() - 64);
    Sha256::digest(rest.first_chunk::<32>().unwrap()).into()
}
