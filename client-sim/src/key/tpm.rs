//! Keys in a TPM 2.0, stored outside of it as blobs that only this TPM can open.
//!
//! Every operation opens its own connection and leaves nothing behind: without a resource manager a TPM has three
//! slots for loaded objects, and whoever forgets one is out of memory at the third signature.

#[cfg(test)]
mod tests;

use std::str::FromStr;

use tss_esapi::Context;
use tss_esapi::attributes::ObjectAttributesBuilder;
use tss_esapi::constants::CapabilityType;
use tss_esapi::constants::tss::{TPM2_RH_NULL, TPM2_ST_HASHCHECK};
use tss_esapi::handles::{KeyHandle, ObjectHandle, PersistentTpmHandle, TpmHandle};
use tss_esapi::interface_types::algorithm::{HashingAlgorithm, PublicAlgorithm};
use tss_esapi::interface_types::ecc::EccCurve;
use tss_esapi::interface_types::resource_handles::Hierarchy;
use tss_esapi::interface_types::session_handles::AuthSession;
use tss_esapi::structures::{
    CapabilityData, Digest, EccPoint, EccScheme, HashScheme, HashcheckTicket, Private, Public, PublicBuilder,
    PublicEccParametersBuilder, Signature, SignatureScheme, SymmetricDefinitionObject,
};
use tss_esapi::tcti_ldr::TctiNameConf;
use tss_esapi::traits::{Marshall, UnMarshall};
use tss_esapi::tss2_esys::TPMT_TK_HASHCHECK;

use super::{Jwk, SavedKey};
use crate::Failure;
use crate::encoding::{base64url, from_base64url};

/// A P-256 signing key below the storage root key.
#[derive(Clone, Debug)]
pub(super) struct TpmKey {
    tcti: String,
    public: Public,
    private: Private,
    x: [u8; COORDINATE],
    y: [u8; COORDINATE],
}

impl TpmKey {
    pub(super) async fn generate(tcti: String) -> Result<Self, Failure> {
        blocking(move || {
            let mut tpm = Tpm::open(&tcti)?;
            let (public, private) = tpm.below_storage_root(|tpm, root| {
                let made = tpm.create(root, signing_template()?, None, None, None, None)?;
                Ok((made.out_public, made.out_private))
            })?;
            Self::new(tcti, public, private)
        })
        .await
    }

    pub(super) fn restore(tcti: &str, public: &str, private: &str) -> Result<Self, Failure> {
        let public = Public::unmarshall(&from_base64url(public)?).map_err(failed("reading a public blob"))?;
        let private =
            Private::try_from(from_base64url(private)?).map_err(failed("reading a private blob"))?;
        Self::new(tcti.to_owned(), public, private)
    }

    pub(super) fn saved(&self) -> SavedKey {
        SavedKey::Tpm {
            tcti: self.tcti.clone(),
            public: self.public.marshall().map(|bytes| base64url(&bytes)).unwrap_or_default(),
            private: base64url(self.private.value()),
        }
    }

    pub(super) fn jwk(&self) -> Jwk {
        Jwk::p256(&self.x, &self.y)
    }

    pub(super) fn public_der(&self) -> Result<Vec<u8>, Failure> {
        Ok([SPKI_P256, &[0x04], &self.x, &self.y].concat())
    }

    pub(super) async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Failure> {
        let key = self.clone();
        let digest = super::sha256(message);
        blocking(move || key.sign_digest(digest)).await
    }

    fn sign_digest(self, digest: Vec<u8>) -> Result<Vec<u8>, Failure> {
        let digest = Digest::try_from(digest).map_err(failed("hashing"))?;
        let mut tpm = Tpm::open(&self.tcti)?;
        let signature = tpm.below_storage_root(|tpm, root| {
            let key = tpm.load(root, self.private, self.public)?;
            let signature = tpm.sign(key, digest, SignatureScheme::Null, hashed_outside()?);
            tpm.flush_context(key.into())?;
            signature
        })?;
        let Signature::EcDsa(signature) = signature else {
            return Err(Failure::Key("the TPM made a signature of another kind".to_owned()));
        };
        let r = padded(signature.signature_r().value())?;
        let s = padded(signature.signature_s().value())?;
        Ok([r, s].concat())
    }

    fn new(tcti: String, public: Public, private: Private) -> Result<Self, Failure> {
        let Public::Ecc { unique, .. } = &public else {
            return Err(Failure::Key("the TPM blob is not an EC key".to_owned()));
        };
        let (x, y) = (padded(unique.x().value())?, padded(unique.y().value())?);
        Ok(Self { tcti, public, private, x, y })
    }
}

/// An open connection.
struct Tpm(Context);

impl Tpm {
    fn open(tcti: &str) -> Result<Self, Failure> {
        let tcti = TctiNameConf::from_str(tcti).map_err(failed("reading the TCTI"))?;
        Context::new(tcti).map(Self).map_err(failed("reaching the TPM"))
    }

    /// Runs `work` with the storage root key: the persistent one, or the same one made again from its template.
    fn below_storage_root<T>(
        &mut self,
        work: impl FnOnce(&mut Context, KeyHandle) -> tss_esapi::Result<T>,
    ) -> Result<T, Failure> {
        let (root, transient) = self.storage_root().map_err(failed("finding the storage root key"))?;
        let result = self.0.execute_with_session(Some(AuthSession::Password), |tpm| work(tpm, root));
        if transient {
            self.0.flush_context(root.into()).map_err(failed("flushing the storage root key"))?;
        }
        result.map_err(failed("using the TPM"))
    }

    fn storage_root(&mut self) -> tss_esapi::Result<(KeyHandle, bool)> {
        let persistent = PersistentTpmHandle::new(STORAGE_ROOT).map(TpmHandle::Persistent)?;
        // Asking for the list first keeps libtss2 from complaining aloud about a handle that need not exist.
        let (handles, _) = self.0.get_capability(CapabilityType::Handles, STORAGE_ROOT, 1)?;
        if matches!(handles, CapabilityData::Handles(list) if list.contains(&persistent)) {
            let root: ObjectHandle =
                self.0.execute_without_session(|tpm| tpm.tr_from_tpm_public(persistent))?;
            return Ok((root.into(), false));
        }
        let made = self.0.execute_with_session(Some(AuthSession::Password), |tpm| {
            tpm.create_primary(Hierarchy::Owner, storage_root_template()?, None, None, None, None)
        })?;
        Ok((made.key_handle, true))
    }
}

/// The TCG's storage root key on P-256. The same template gives the same key on the same TPM.
fn storage_root_template() -> tss_esapi::Result<Public> {
    let attributes = ObjectAttributesBuilder::new()
        .with_fixed_tpm(true)
        .with_fixed_parent(true)
        .with_sensitive_data_origin(true)
        .with_user_with_auth(true)
        .with_no_da(true)
        .with_restricted(true)
        .with_decrypt(true)
        .build()?;
    let parameters = PublicEccParametersBuilder::new_restricted_decryption_key(
        SymmetricDefinitionObject::AES_128_CFB,
        EccCurve::NistP256,
    );
    template(attributes, parameters)
}

/// Unrestricted, so that it signs what a JWS needs signed; no lockout, because it has no password to guess.
fn signing_template() -> tss_esapi::Result<Public> {
    let attributes = ObjectAttributesBuilder::new()
        .with_fixed_tpm(true)
        .with_fixed_parent(true)
        .with_sensitive_data_origin(true)
        .with_user_with_auth(true)
        .with_no_da(true)
        .with_sign_encrypt(true)
        .build()?;
    let scheme = EccScheme::EcDsa(HashScheme::new(HashingAlgorithm::Sha256));
    let parameters = PublicEccParametersBuilder::new_unrestricted_signing_key(scheme, EccCurve::NistP256);
    template(attributes, parameters)
}

fn template(
    attributes: tss_esapi::attributes::ObjectAttributes,
    parameters: PublicEccParametersBuilder,
) -> tss_esapi::Result<Public> {
    PublicBuilder::new()
        .with_public_algorithm(PublicAlgorithm::Ecc)
        .with_name_hashing_algorithm(HashingAlgorithm::Sha256)
        .with_object_attributes(attributes)
        .with_ecc_parameters(parameters.build()?)
        .with_ecc_unique_identifier(EccPoint::default())
        .build()
}

/// The ticket that says "this digest was not made by the TPM", which an unrestricted key accepts.
fn hashed_outside() -> tss_esapi::Result<HashcheckTicket> {
    let (tag, hierarchy) = (TPM2_ST_HASHCHECK, TPM2_RH_NULL);
    HashcheckTicket::try_from(TPMT_TK_HASHCHECK { tag, hierarchy, digest: Default::default() })
}

/// A TPM drops leading zeros; JWS and JWK want 32 bytes.
fn padded(number: &[u8]) -> Result<[u8; COORDINATE], Failure> {
    let mut out = [0; COORDINATE];
    let start = COORDINATE.checked_sub(number.len());
    let place = start.and_then(|start| out.get_mut(start..));
    place.ok_or_else(|| Failure::Key("a number of more than 32 bytes".to_owned()))?.copy_from_slice(number);
    Ok(out)
}

fn failed(doing: &'static str) -> impl Fn(tss_esapi::Error) -> Failure {
    move |error| Failure::key(doing, error)
}

/// A TPM takes its time: its calls must not hold up the other tasks.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Failure::key("waiting for the TPM", error))?
}

/// The bytes of a P-256 coordinate, and of each half of a signature.
const COORDINATE: usize = 32;

/// Where the TCG wants the storage root key to persist.
const STORAGE_ROOT: u32 = 0x8100_0001;

/// What stands before the point in a P-256 SubjectPublicKeyInfo.
const SPKI_P256: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
