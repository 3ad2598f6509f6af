//! Keys under a password: PKCS#8 with PBES2, and the way of openssl and step before it.

use cbc::{
    Decryptor,
    cipher::{BlockCipherDecrypt, BlockModeDecrypt as _, KeyInit, KeyIvInit as _, block_padding::Pkcs7},
};
use md5::{Digest as _, Md5};
use pkcs8::{EncryptedPrivateKeyInfoRef, Error, SecretDocument, der::Decode as _, pkcs5};
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::{InvalidKey, unusable};

/// What rewrites a key that is encrypted in a way that is not read here.
const REWRITE: &str = "`openssl pkcs8 -topk8 -v2 aes-256-cbc -in FILE -out NEW` rewrites it";

/// Decrypts `EncryptedPrivateKeyInfo`.
pub(super) fn pkcs8(der: &[u8], password: Option<&SecretString>) -> Result<SecretDocument, InvalidKey> {
    let unsupported = || unusable(&format!("it is encrypted in a way that is not supported; {REWRITE}"));
    let info = EncryptedPrivateKeyInfoRef::from_der(der).map_err(|_| unsupported())?;
    if matches!(info.encryption_algorithm, pkcs5::EncryptionScheme::Pbes1(_)) {
        return Err(unsupported());
    }
    let password = password.ok_or(InvalidKey::NeedsPassword)?;
    info.decrypt(password.expose_secret().as_bytes()).map_err(|error| match error {
        // Padding may look right by chance; what it wraps then is no DER.
        Error::EncryptedPrivateKey(pkcs5::Error::DecryptFailed) | Error::Asn1(_) => InvalidKey::WrongPassword,
        _ => unsupported(),
    })
}

/// Decrypts the body of a block with the header `DEK-Info: CIPHER,IV`, as `step certificate create` and openssl before
/// 1.0 write it: CBC, under one round of MD5 over password and salt (openssl's `EVP_BytesToKey`, Go's
/// `x509.EncryptPEMBlock`).
pub(super) fn legacy(
    dek_info: &str,
    mut body: Zeroizing<Vec<u8>>,
    password: Option<&SecretString>,
) -> Result<Zeroizing<Vec<u8>>, InvalidKey> {
    let (cipher, iv) = dek_info.split_once(',').unwrap_or((dek_info, ""));
    let (decrypt, key_length): (Decrypt, usize) = match cipher.trim() {
        "AES-256-CBC" => (decrypt::<aes::Aes256>, 32),
        "AES-192-CBC" => (decrypt::<aes::Aes192>, 24),
        "AES-128-CBC" => (decrypt::<aes::Aes128>, 16),
        "DES-EDE3-CBC" => (decrypt::<des::TdesEde3>, 24),
        other => return Err(unusable(&format!("it is encrypted with {other}, which is not supported; {REWRITE}"))),
    };
    let iv = from_hex(iv.trim()).ok_or_else(damaged)?;
    let salt = iv.get(..8).ok_or_else(damaged)?;
    if body.is_empty() || !body.len().is_multiple_of(iv.len()) {
        return Err(damaged());
    }
    let password = password.ok_or(InvalidKey::NeedsPassword)?;
    let key = derive(password.expose_secret().as_bytes(), salt, key_length);
    let length = decrypt(&key, &iv, &mut body)?;
    body.truncate(length);
    // Padding may look right by chance; a document is one piece of DER, neither shorter nor longer.
    SecretDocument::try_from(body.as_slice()).map_err(|_| InvalidKey::WrongPassword)?;
    Ok(body)
}

fn damaged() -> InvalidKey {
    unusable("the encrypted key in it is damaged or cut short")
}

type Decrypt = fn(&[u8], &[u8], &mut [u8]) -> Result<usize, InvalidKey>;

/// Decrypts in place; how many bytes are left without the padding.
fn decrypt<C: BlockCipherDecrypt + KeyInit>(key: &[u8], iv: &[u8], body: &mut [u8]) -> Result<usize, InvalidKey> {
    let cipher = Decryptor::<C>::new_from_slices(key, iv).map_err(|_| damaged())?;
    cipher.decrypt_padded::<Pkcs7>(body).map(<[u8]>::len).map_err(|_| InvalidKey::WrongPassword)
}

fn derive(password: &[u8], salt: &[u8], length: usize) -> Zeroizing<Vec<u8>> {
    const DIGEST: usize = 16;
    // As long as it will ever be: a buffer that grows leaves copies behind.
    let mut key = Zeroizing::new(Vec::with_capacity(length + DIGEST));
    while key.len() < length {
        let last = key.len().saturating_sub(DIGEST)..;
        let digest = Md5::new().chain_update(&key[last]).chain_update(password).chain_update(salt).finalize();
        key.extend_from_slice(&digest);
    }
    key.truncate(length);
    key
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    let pairs = (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok());
    pairs.collect()
}
