//! The development CA: made once, good for localhost alone.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::Path,
};

use holdfast_core::UnixTime;
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, NameConstraints,
};
use time::{Duration, OffsetDateTime};

use crate::secrets::write_private;

/// Makes the CA if there is none, and a fresh certificate for this start.
///
/// # Errors
/// A sentence about what could not be made or written.
pub(crate) fn issue(folder: &Path, now: UnixTime) -> Result<(), String> {
    let now = i64::try_from(now.as_secs()).ok().and_then(|now| OffsetDateTime::from_unix_timestamp(now).ok());
    let now = now.ok_or("the clock of this machine is wrong")?;
    let issuer = authority(folder, now)?;
    let told = |error: rcgen::Error| error.to_string();
    let key = KeyPair::generate().map_err(told)?;
    let mut params =
        CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()])
            .map_err(told)?;
    params.distinguished_name.push(DnType::CommonName, "Holdfast development");
    params.not_before = now - Duration::days(1);
    // Browsers refuse certificates that live longer than 398 days.
    params.not_after = now + Duration::days(90);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let certificate = params.signed_by(&key, &issuer).map_err(told)?;
    replace(&folder.join("cert.pem"), &certificate.pem())?;
    replace(&folder.join("key.pem"), &key.serialize_pem())
}

/// The CA of this folder. Its name constraints keep a stolen key from vouching for anything but this machine.
fn authority(folder: &Path, now: OffsetDateTime) -> Result<Issuer<'static, KeyPair>, String> {
    let told = |error: rcgen::Error| error.to_string();
    let (key_file, cert_file) = (folder.join("ca.key"), folder.join("ca.pem"));
    let mut params = CertificateParams::new(Vec::new()).map_err(told)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "Holdfast development CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = now - Duration::days(1);
    params.not_after = now + Duration::days(3650);
    let host = |address: IpAddr| {
        GeneralSubtree::IpAddress(match address {
            IpAddr::V4(address) => CidrSubnet::from_v4_prefix(address.octets(), 32),
            IpAddr::V6(address) => CidrSubnet::from_v6_prefix(address.octets(), 128),
        })
    };
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![
            GeneralSubtree::DnsName("localhost".to_owned()),
            host(Ipv4Addr::LOCALHOST.into()),
            host(Ipv6Addr::LOCALHOST.into()),
        ],
        excluded_subtrees: Vec::new(),
    });
    if key_file.exists() && cert_file.exists() {
        let pem = fs::read_to_string(&key_file).map_err(|error| error.to_string())?;
        return Ok(Issuer::new(params, KeyPair::from_pem(&pem).map_err(told)?));
    }
    let key = KeyPair::generate().map_err(told)?;
    let certificate = params.self_signed(&key).map_err(told)?;
    replace(&key_file, &key.serialize_pem())?;
    replace(&cert_file, &certificate.pem())?;
    Ok(Issuer::new(params, key))
}

fn replace(file: &Path, text: &str) -> Result<(), String> {
    if file.exists() {
        fs::remove_file(file).map_err(|error| error.to_string())?;
    }
    write_private(file, text).map_err(|error| format!("{}: {error}", file.display()))
}
