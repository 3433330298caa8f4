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
}
