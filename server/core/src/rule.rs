//! Every protocol rule that can say no, by name.
//!
//! A rule has one name in four places: the comment above its check, its row in `spec-notes/requirements/*.toml`, the
//! `rule` of the [`Rejection`](crate::Rejection), and the vectors that break it. A test keeps the four equal.

macro_rules! rules {
    ($($(#[doc = $says:literal])+ $variant:ident = $id:literal $code:literal $cite:literal;)+) => {
        /// A protocol rule that a message can break.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Rule {
            $($(#[doc = $says])+ $variant,)+
        }

        impl Rule {
            /// Every rule, in the order of the requirements.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The name of the rule, such as `D-REG-02`.
            pub const fn id(self) -> &'static str {
                match self { $(Self::$variant => $id,)+ }
            }

            /// The stable code of its rejection, for clients and metrics.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// Where the rule comes from.
            pub const fn citation(self) -> &'static str {
                match self { $(Self::$variant => $cite,)+ }
            }

            /// What the rule demands, for the one who broke it.
            pub const fn says(self) -> &'static str {
                match self { $(Self::$variant => concat!($($says,)+).trim_ascii(),)+ }
            }
        }
    };
}

rules! {
    /// A proof is at most 8192 bytes long.
    J01 = "J-01" "proof_too_large" "RFC 8725 §3.11; conformance check H15";
    /// A compact JWS has exactly three parts, none of them empty.
    J02 = "J-02" "not_compact_jws" "RFC 7515 §7.1";
    /// Each part is canonical base64url: its alphabet only, no padding, no stray bits.
    J03 = "J-03" "not_base64url" "RFC 7515 §2; RFC 4648 §3.5";
    /// Header and payload are JSON objects in UTF-8 of modest depth and size, with nothing behind them.
    J04 = "J-04" "not_json_object" "RFC 7515 §4; RFC 8259";
    /// No object names a member twice.
    J05 = "J-05" "duplicate_member" "RFC 7515 §4; RFC 8725 §2.4";
    /// The header has no crit: no extension is understood here.
    J06 = "J-06" "critical_extension" "RFC 7515 §4.1.11";
    /// The key's type and curve fit the algorithm.
    K01 = "K-01" "key_misfit" "RFC 7518 §3.1; RFC 8725 §3.1";
    /// An EC key is a point of P-256, with two coordinates of exactly 32 bytes.
    K02 = "K-02" "bad_ec_key" "RFC 7518 §6.2.1; RFC 8725 §3.4";
    /// An RSA key has an odd modulus of 2048 to 4096 bits and an odd exponent from 65537 to 2^32.
    K03 = "K-03" "bad_rsa_key" "RFC 7518 §6.3.1; RFC 8725 §3.5";
    /// A key sent to us has no private members.
    K04 = "K-04" "private_key_sent" "RFC 7517 §9.2";
    /// What a key says of its own use does not contradict the proof.
    K05 = "K-05" "key_contradicts" "RFC 7517 §4.2 to §4.4";
    /// An Ed25519 key is the one spelling of a point that is not of small order.
    K06 = "K-06" "bad_ed25519_key" "RFC 8037 §2; RFC 8032 §5.1.3";
    /// Exactly one Secure-Session-Response field is sent.
    DHdr01 = "D-HDR-01" "proof_header_repeated" "DBSC §9.3";
    /// Exactly one Sec-Secure-Session-Id field is sent.
    DHdr02 = "D-HDR-02" "session_id_header" "DBSC §9.4";
    /// The request comes from the app's own site.
    DHdr03 = "D-HDR-03" "cross_site" "DBSC §5; Fetch Metadata §2";
    /// A registration carries a proof: a session without a key is never made.
    DReg01 = "D-REG-01" "proof_missing" "DBSC §8.8";
    /// The proof's typ is dbsc+jwt.
    DReg02 = "D-REG-02" "wrong_typ" "DBSC §9.9; RFC 8725 §3.11";
    /// The proof's alg is one that the registration offered.
    DReg03 = "D-REG-03" "alg_not_offered" "DBSC §9.1, §9.9; RFC 8725 §3.1";
    /// The proof's header carries the public key.
    DReg04 = "D-REG-04" "key_missing" "DBSC §9.9";
    /// The proof's jti is a non-empty text: the challenge.
    DReg05 = "D-REG-05" "challenge_missing" "DBSC §9.9";
    /// The challenge was issued by this server.
    DReg06 = "D-REG-06" "challenge_unknown" "DBSC §8.8";
    /// The challenge was issued for a registration.
    DReg07 = "D-REG-07" "challenge_purpose" "DBSC §8.8; RFC 8725 §3.12";
    /// The challenge is still alive.
    DReg08 = "D-REG-08" "challenge_expired" "DBSC §5";
    /// The authorization claim is the one that went out with the challenge.
    DReg09 = "D-REG-09" "authorization_mismatch" "DBSC §8.8, §9.9";
    /// The proof is signed by the key in its header.
    DReg10 = "D-REG-10" "bad_signature" "DBSC §9.9; RFC 7515 §5.2";
    /// The aud claim, if there is one, is the address of this endpoint.
    DReg11 = "D-REG-11" "wrong_audience" "RFC 7519 §4.1.3; RFC 8725 §3.9";
    /// The session of the challenge is alive.
    DReg12 = "D-REG-12" "session_not_alive" "DBSC §8.8";
    /// The session has no key yet: a registration challenge is good for one key, once.
    DReg13 = "D-REG-13" "already_bound" "DBSC §8.8";
    /// The session is known and alive.
    DRef01 = "D-REF-01" "session_not_alive" "DBSC §8.8";
    /// The session has a key.
    DRef02 = "D-REF-02" "session_not_bound" "DBSC §8.8";
    /// The proof's typ is dbsc+jwt.
    DRef03 = "D-REF-03" "wrong_typ" "DBSC §9.9; RFC 8725 §3.11";
    /// The proof's header carries no key: the key was fixed at registration.
    DRef04 = "D-REF-04" "key_sent" "DBSC §9.9; RFC 8725 §3.10";
    /// The proof's alg is the one of the stored key.
    DRef05 = "D-REF-05" "wrong_alg" "DBSC §9.9; RFC 8725 §3.1";
    /// The proof is signed by the stored key.
    DRef06 = "D-REF-06" "bad_signature" "DBSC §9.9; RFC 7515 §5.2";
    /// The proof's jti is a non-empty text: the challenge.
    DRef07 = "D-REF-07" "challenge_missing" "DBSC §9.9";
    /// The challenge was issued by this server.
    DRef08 = "D-REF-08" "challenge_unknown" "DBSC §8.8";
    /// The challenge was issued for a refresh.
    DRef09 = "D-REF-09" "challenge_purpose" "DBSC §8.8; RFC 8725 §3.12";
    /// The challenge was issued for this session.
    DRef10 = "D-REF-10" "challenge_of_other_session" "DBSC §8.8";
    /// The challenge is still alive.
    DRef11 = "D-REF-11" "challenge_expired" "DBSC §5";
    /// The challenge is the current one, or the one it has just replaced.
    DRef12 = "D-REF-12" "challenge_used" "DBSC §5";
    /// The aud claim, if there is one, is the address of this endpoint.
    DRef13 = "D-REF-13" "wrong_audience" "RFC 7519 §4.1.3; RFC 8725 §3.9";
    /// Exactly one DPoP field is sent, and it holds one JWT.
    P01 = "P-01" "dpop_header" "RFC 9449 §4.3(1)";
    /// A DPoP proof is at most 4096 bytes long.
    P02 = "P-02" "dpop_too_large" "RFC 8725 §3.11";
    /// The typ of a DPoP proof is dpop+jwt.
    P03 = "P-03" "dpop_typ" "RFC 9449 §4.3(4); RFC 8725 §3.11";
    /// The alg of a DPoP proof is one that this server accepts.
    P04 = "P-04" "dpop_alg" "RFC 9449 §4.3(5); RFC 8725 §3.1";
    /// The header of a DPoP proof carries its public key in jwk.
    P05 = "P-05" "dpop_jwk" "RFC 9449 §4.2";
    /// The jti of a DPoP proof is a text of 1 to 256 bytes.
    P06 = "P-06" "dpop_jti" "RFC 9449 §4.2, §11.1";
    /// The htm of a DPoP proof is there, and a text.
    P07 = "P-07" "dpop_htm" "RFC 9449 §4.2";
    /// The htu of a DPoP proof is there, and a text.
    P08 = "P-08" "dpop_htu" "RFC 9449 §4.2";
    /// The htm of a DPoP proof is the method of the request.
    P09 = "P-09" "dpop_method_mismatch" "RFC 9449 §4.3(8); RFC 9110 §9.1";
    /// The htu of a DPoP proof is the address of the request.
    P10 = "P-10" "dpop_address_mismatch" "RFC 9449 §4.3(9); RFC 3986 §6.2";
    /// The iat of a DPoP proof is there, and a number of seconds.
    P11 = "P-11" "dpop_iat" "RFC 9449 §4.2; RFC 7519 §2";
    /// A DPoP proof for the token endpoint has no ath.
    P12 = "P-12" "dpop_ath_unexpected" "RFC 9449 §5";
    /// The ath of a DPoP proof that comes with an access token is there, and a text.
    P13 = "P-13" "dpop_ath" "RFC 9449 §4.2, §7.1";
    /// The ath of a DPoP proof is the hash of the access token.
    P14 = "P-14" "dpop_ath_mismatch" "RFC 9449 §4.3(11)";
    /// The DPoP proof has a nonce where this server asks for one.
    P15 = "P-15" "dpop_nonce_missing" "RFC 9449 §8, §11.3";
    /// The nonce of a DPoP proof is a text.
    P16 = "P-16" "dpop_nonce_type" "RFC 9449 §4.2";
    /// The nonce of a DPoP proof was issued here, for this key, and is alive.
    P17 = "P-17" "dpop_nonce_stale" "RFC 9449 §4.3(10)";
    /// The iat of a DPoP proof is within the time that is accepted; a nonce replaces it.
    P18 = "P-18" "dpop_stale" "RFC 9449 §4.3(11), §11.1";
    /// The DPoP proof is signed by the key in its header.
    P19 = "P-19" "dpop_signature" "RFC 9449 §4.3(6); RFC 7515 §5.2";
    /// The key of a DPoP proof is the one that the access token is bound to.
    P20 = "P-20" "dpop_key_mismatch" "RFC 9449 §4.3(12), §7.1";
    /// The exp and nbf of a DPoP proof, if there are any, are kept.
    P21 = "P-21" "dpop_expired" "RFC 7519 §4.1.4, §4.1.5";
    /// The DPoP proof is younger than this run of the server, or has a nonce.
    P22 = "P-22" "dpop_older_than_server" "RFC 9449 §11.1";
    /// A DPoP proof is used once.
    P23 = "P-23" "dpop_replayed" "RFC 9449 §4.3(11), §11.1";
    /// An access token is a signed JWT of typ at+jwt with the claims of RFC 9068.
    T01 = "T-01" "token_malformed" "RFC 9068 §4; RFC 8725 §3.11";
    /// An access token comes from an issuer that this server knows.
    T02 = "T-02" "token_issuer" "RFC 9068 §4; RFC 8725 §3.8";
    /// An access token is signed by a key of its issuer, with that key's algorithm.
    T03 = "T-03" "token_key" "RFC 9068 §4; RFC 8725 §3.1";
    /// The signature of an access token fits.
    T04 = "T-04" "token_signature" "RFC 9068 §4; RFC 7515 §5.2";
    /// An access token is meant for this resource.
    T05 = "T-05" "token_audience" "RFC 9068 §4; RFC 8725 §3.9";
    /// An access token has not expired.
    T06 = "T-06" "token_expired" "RFC 9068 §4; RFC 7519 §4.1.4";
    /// An access token is not used before its time.
    T07 = "T-07" "token_not_yet" "RFC 7519 §4.1.5, §4.1.6";
    /// An access token that comes with a proof is bound to a key.
    T08 = "T-08" "token_not_bound" "RFC 9449 §6.1, §7.1";
    /// A bound access token is sent with the DPoP scheme.
    T09 = "T-09" "token_as_bearer" "RFC 9449 §7.2";
    /// An authorization code was issued here.
    G01 = "G-01" "code_unknown" "RFC 6749 §5.2";
    /// An authorization code is redeemed within its minute.
    G02 = "G-02" "code_expired" "RFC 6749 §4.1.2";
    /// An authorization code is redeemed once.
    G03 = "G-03" "code_used" "RFC 6749 §4.1.2, §10.5; RFC 9700 §2.1.1";
    /// A grant is used by the client that it was made for.
    G04 = "G-04" "grant_of_other_client" "RFC 6749 §5.2, §10.5";
    /// The redirect_uri is the one that the code was issued for.
    G05 = "G-05" "redirect_uri_mismatch" "RFC 6749 §4.1.3";
    /// The code_verifier fits the code_challenge.
    G06 = "G-06" "code_verifier_mismatch" "RFC 7636 §4.6; RFC 9700 §2.1.1";
    /// A code that was asked for with dpop_jkt is redeemed with that key.
    G07 = "G-07" "code_of_other_key" "RFC 9449 §10";
    /// A refresh token was issued here.
    G08 = "G-08" "refresh_token_unknown" "RFC 6749 §5.2";
    /// A refresh token is used with the key that it is bound to.
    G09 = "G-09" "refresh_token_of_other_key" "RFC 9449 §5; RFC 9700 §2.2.2";
    /// A refresh token is used once, and again only for a moment.
    G10 = "G-10" "refresh_token_used" "RFC 9700 §4.14.2";
    /// The session of a grant is alive.
    G11 = "G-11" "grant_ended" "RFC 6749 §5.2";
}
