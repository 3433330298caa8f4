//! A record as bytes. The id is the key beside which they lie, and not among them.
//!
//! ```text
//! created_at began_at · revision epoch · what follows · app user · [auth] [client] [attributes] [binding] [ended] [grant]
//! ```

use std::{net::IpAddr, sync::Arc};

use holdfast_core::{
    Level, Method, SessionId, UnixTime,
    jose::{PublicKey, RsaScheme, Thumbprint},
    oauth::{Grant, GrantState, Offer},
    session::{Auth, Binding, Client, DeviceId, EndReason, Ended, Record},
};

use super::cursor::{Malformed, Reader, Writer};
use crate::local::Words;

/// Writes a record. With `words`, common names become numbers that mean something to this process alone: for memory.
/// Without, the form is complete: for the disk.
pub(crate) fn encode(record: &Record, words: Option<&Words>, into: &mut Vec<u8>) {
    let mut w = Writer(into);
    w.fixed(record.created_at.as_millis());
    w.fixed(record.began_at.as_millis());
    w.number(record.revision);
    w.number(record.epoch);
    w.byte(
        flag(AUTH, record.auth.is_some())
            | flag(CLIENT, record.client.is_some())
            | flag(ATTRIBUTES, record.attributes.is_some())
            | flag(BINDING, record.binding.is_some())
            | flag(ENDED, record.ended.is_some())
            | flag(GRANT, record.grant.is_some()),
    );
    put_word(&mut w, &record.app, words);
    w.block(record.user.as_bytes());
    if let Some(auth) = &record.auth {
        put_auth(&mut w, auth);
    }
    if let Some(client) = &record.client {
        put_client(&mut w, client, words);
    }
    if let Some(attributes) = &record.attributes {
        w.block(attributes.as_bytes());
    }
    if let Some(binding) = &record.binding {
        put_binding(&mut w, binding);
    }
    if let Some(ended) = record.ended {
        w.fixed(ended.at.as_millis());
        w.byte(reason_byte(ended.reason));
    }
    if let Some(grant) = &record.grant {
        put_grant(&mut w, grant, words);
    }
}

/// Reads a record.
///
/// A P-256 key is taken as it stands, without asking again whether it is a point of the curve: it was asked when the key
/// was bound, the store keeps these bytes under a checksum, and asking a million times would take minutes. A signature
/// check refuses a key that is none.
pub(crate) fn decode(id: SessionId, bytes: &[u8], words: &Words) -> Result<Record, Malformed> {
    let mut r = Reader::new(bytes);
    let created_at = UnixTime::from_millis(r.fixed()?);
    let began_at = UnixTime::from_millis(r.fixed()?);
    let revision = r.number()?;
    let epoch = r.number()?;
    let follows = r.byte()?;
    if follows & !(AUTH | CLIENT | ATTRIBUTES | BINDING | ENDED | GRANT) != 0 {
        return Err(Malformed);
    }
    let has = |part: u8| follows & part != 0;
    let record = Record {
        id,
        revision,
        epoch,
        created_at,
        began_at,
        app: word(&mut r, words)?,
        user: r.text()?.into(),
        auth: has(AUTH).then(|| auth(&mut r)).transpose()?,
        client: has(CLIENT).then(|| client(&mut r, words)).transpose()?,
        attributes: has(ATTRIBUTES).then(|| r.text().map(Into::into)).transpose()?,
        binding: has(BINDING).then(|| binding(&mut r)).transpose()?,
        ended: has(ENDED).then(|| ended(&mut r)).transpose()?,
        grant: has(GRANT).then(|| grant(&mut r, words)).transpose()?,
    };
    r.end()?;
    Ok(record)
}

/// When the session of these bytes was made, without reading the rest.
pub(crate) fn created_at(bytes: &[u8]) -> Result<UnixTime, Malformed> {
    Reader::new(bytes).fixed().map(UnixTime::from_millis)
}

fn put_word(w: &mut Writer<'_>, word: &str, words: Option<&Words>) {
    match words.and_then(|words| words.number(word)) {
        Some(number) => {
            w.byte(BY_NUMBER);
            w.number(u64::from(number));
        }
        None => {
            w.byte(BY_TEXT);
            w.block(word.as_bytes());
        }
    }
}

fn word(r: &mut Reader<'_>, words: &Words) -> Result<Arc<str>, Malformed> {
    match r.byte()? {
        BY_TEXT => Ok(words.share(r.text()?)),
        BY_NUMBER => {
            let number = u32::try_from(r.number()?).map_err(|_| Malformed)?;
            words.word(number).ok_or(Malformed)
        }
        _ => Err(Malformed),
    }
}

fn put_auth(w: &mut Writer<'_>, auth: &Auth) {
    w.byte(flag(ACR, auth.acr.is_some()) | flag(AUTH_TIME, auth.auth_time.is_some()));
    if let Some(acr) = &auth.acr {
        w.block(acr.as_bytes());
    }
    w.number(u64::try_from(auth.amr.len()).unwrap_or(u64::MAX));
    for method in &auth.amr {
        w.block(method.as_bytes());
    }
    if let Some(time) = auth.auth_time {
        w.fixed(time.as_millis());
    }
}

fn auth(r: &mut Reader<'_>) -> Result<Box<Auth>, Malformed> {
    let has = r.byte()?;
    let acr = (has & ACR != 0).then(|| r.text().map(Into::into)).transpose()?;
    // No capacity is reserved for a count that nobody has checked; the bytes run out before the memory does.
    let amr = (0..r.number()?).map(|_| r.text().map(Into::into)).collect::<Result<_, _>>()?;
    let auth_time = (has & AUTH_TIME != 0).then(|| r.fixed().map(UnixTime::from_millis)).transpose()?;
    Ok(Box::new(Auth { acr, amr, auth_time }))
}

fn put_client(w: &mut Writer<'_>, client: &Client, words: Option<&Words>) {
    let family = match client.ip {
        None => 0,
        Some(IpAddr::V4(_)) => IP_V4,
        Some(IpAddr::V6(_)) => IP_V6,
    };
    w.byte(
        family | flag(USER_AGENT, client.user_agent.is_some()) | flag(DEVICE_ID, client.device_id.is_some()),
    );
    match client.ip {
        None => {}
        Some(IpAddr::V4(address)) => w.bytes(&address.octets()),
        Some(IpAddr::V6(address)) => w.bytes(&address.octets()),
    }
    if let Some(user_agent) = &client.user_agent {
        put_word(w, user_agent, words);
    }
    if let Some(device_id) = &client.device_id {
        w.block(device_id.as_str().as_bytes());
    }
}

fn client(r: &mut Reader<'_>, words: &Words) -> Result<Box<Client>, Malformed> {
    let has = r.byte()?;
    let ip = match has & (IP_V4 | IP_V6) {
        0 => None,
        IP_V4 => Some(IpAddr::from(r.array::<4>()?)),
        IP_V6 => Some(IpAddr::from(r.array::<16>()?)),
        _ => return Err(Malformed),
    };
    let user_agent = (has & USER_AGENT != 0).then(|| word(r, words)).transpose()?;
    let device_id = (has & DEVICE_ID != 0).then(|| device_id(r)).transpose()?;
    Ok(Box::new(Client { ip, user_agent, device_id }))
}

fn device_id(r: &mut Reader<'_>) -> Result<DeviceId, Malformed> {
    r.text()?.parse().map_err(|_| Malformed)
}

fn put_binding(w: &mut Writer<'_>, binding: &Binding) {
    w.byte(match binding.method {
        Method::Dbsc => DBSC,
        Method::Dpop => DPOP,
    });
    w.byte(binding.level.as_byte());
    match &binding.key {
        PublicKey::P256(coordinates) => {
            w.byte(P256);
            w.bytes(coordinates);
        }
        PublicKey::Ed25519(bytes) => {
            w.byte(ED25519);
            w.bytes(bytes);
        }
        PublicKey::Rsa { n, e, scheme } => {
            w.byte(match scheme {
                RsaScheme::Pkcs1 => RSA,
                RsaScheme::Pss => RSA_PSS,
            });
            w.block(n);
            w.block(e);
        }
    }
    w.fixed(binding.bound_at.as_millis());
    w.fixed(binding.last_proof_at.as_millis());
    w.number(u64::from(binding.generation));
}

fn binding(r: &mut Reader<'_>) -> Result<Box<Binding>, Malformed> {
    let method = match r.byte()? {
        DBSC => Method::Dbsc,
        DPOP => Method::Dpop,
        _ => return Err(Malformed),
    };
    let level = Level::from_byte(r.byte()?).ok_or(Malformed)?;
    let key = match r.byte()? {
        P256 => PublicKey::P256(r.array()?),
        RSA => rsa(r, RsaScheme::Pkcs1)?,
        RSA_PSS => rsa(r, RsaScheme::Pss)?,
        ED25519 => PublicKey::ed25519(r.array()?).map_err(|_| Malformed)?,
        _ => return Err(Malformed),
    };
    Ok(Box::new(Binding {
        method,
        level,
        key,
        bound_at: UnixTime::from_millis(r.fixed()?),
        last_proof_at: UnixTime::from_millis(r.fixed()?),
        generation: u32::try_from(r.number()?).map_err(|_| Malformed)?,
    }))
}

fn rsa(r: &mut Reader<'_>, scheme: RsaScheme) -> Result<PublicKey, Malformed> {
    PublicKey::rsa(r.block()?.into(), r.block()?.into(), scheme).map_err(|_| Malformed)
}

fn ended(r: &mut Reader<'_>) -> Result<Ended, Malformed> {
    let at = UnixTime::from_millis(r.fixed()?);
    let byte = r.byte()?;
    let reason = EndReason::ALL.into_iter().find(|reason| reason_byte(*reason) == byte).ok_or(Malformed)?;
    Ok(Ended { at, reason })
}

fn put_grant(w: &mut Writer<'_>, grant: &Grant, words: Option<&Words>) {
    put_word(w, &grant.client_id, words);
    w.block(grant.scope.as_bytes());
    w.block(grant.audience.as_bytes());
    match &grant.state {
        GrantState::Running { token_hash } => {
            w.byte(RUNNING);
            w.bytes(token_hash);
        }
        GrantState::Offered(offer) => {
            w.byte(
                OFFERED | flag(CHALLENGE, offer.code_challenge.is_some()) | flag(KEY, offer.key.is_some()),
            );
            w.block(offer.redirect_uri.as_bytes());
            if let Some(challenge) = &offer.code_challenge {
                w.bytes(challenge);
            }
            if let Some(key) = &offer.key {
                w.bytes(key.as_bytes());
            }
        }
    }
}

fn grant(r: &mut Reader<'_>, words: &Words) -> Result<Box<Grant>, Malformed> {
    let client_id = word(r, words)?;
    let scope = r.text()?.into();
    let audience = r.text()?.into();
    let state = match r.byte()? {
        RUNNING => GrantState::Running { token_hash: r.array()? },
        has if has & OFFERED != 0 && has & !(OFFERED | CHALLENGE | KEY) == 0 => GrantState::Offered(Offer {
            redirect_uri: r.text()?.into(),
            code_challenge: (has & CHALLENGE != 0).then(|| r.array()).transpose()?,
            key: (has & KEY != 0).then(|| r.array().map(Thumbprint::from_bytes)).transpose()?,
        }),
        _ => return Err(Malformed),
    };
    Ok(Box::new(Grant { client_id, scope, audience, state }))
}

/// The byte of a reason. Written to disks: a number is never used for anything else.
pub(crate) const fn reason_byte(reason: EndReason) -> u8 {
    match reason {
        EndReason::Absolute => 1,
        EndReason::Idle => 2,
        EndReason::Logout => 3,
        EndReason::Regenerated => 4,
        EndReason::Replaced => 5,
        EndReason::Revoked => 6,
        EndReason::Risk => 7,
        EndReason::UserCap => 8,
    }
}

const fn flag(bit: u8, set: bool) -> u8 {
    if set { bit } else { 0 }
}

const AUTH: u8 = 1;
const CLIENT: u8 = 2;
const ATTRIBUTES: u8 = 4;
const BINDING: u8 = 8;
const ENDED: u8 = 16;
const GRANT: u8 = 32;

const BY_TEXT: u8 = 0;
const BY_NUMBER: u8 = 1;

const ACR: u8 = 1;
const AUTH_TIME: u8 = 2;

const IP_V4: u8 = 1;
const IP_V6: u8 = 2;
const USER_AGENT: u8 = 4;
const DEVICE_ID: u8 = 8;

const DBSC: u8 = 0;
const DPOP: u8 = 1;

const RUNNING: u8 = 0;
const OFFERED: u8 = 1;
const CHALLENGE: u8 = 2;
const KEY: u8 = 4;

const P256: u8 = 0;
const RSA: u8 = 1;
const RSA_PSS: u8 = 2;
const ED25519: u8 = 3;
