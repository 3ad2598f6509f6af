//! The PEM block that holds a key. Read here and not by the crates that read PEM elsewhere: those refuse the headers of
//! old encrypted keys, or leave copies of the key behind.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::{InvalidKey, encrypted, unusable};

/// A private key's block.
pub(super) struct Block {
    /// Its type, such as `EC PRIVATE KEY`.
    pub(super) label: String,
    /// What the block holds, decoded.
    pub(super) body: Zeroizing<Vec<u8>>,
    /// Cipher and initialisation vector, where the header `DEK-Info` says that the body is encrypted.
    dek_info: Option<String>,
}

impl Block {
    /// The body, decrypted where its headers say so.
    pub(super) fn decrypted(self, password: Option<&SecretString>) -> Result<Zeroizing<Vec<u8>>, InvalidKey> {
        match &self.dek_info {
            None => Ok(self.body),
            Some(dek_info) => encrypted::legacy(dek_info, self.body, password),
        }
    }
}

/// The first block of `text` that is a private key of any kind.
pub(super) fn first_key(text: &[u8]) -> Result<Option<Block>, InvalidKey> {
    let mut lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let Some(label) = lines.find_map(key_label) else { return Ok(None) };
    // As long as it will ever be: a buffer that grows leaves copies behind.
    let mut encoded = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut dek_info = None;
    for line in lines {
        if line.starts_with(b"-----END ") {
            return Ok(Some(Block { label, body: decode(&encoded)?, dek_info }));
        }
        if line.starts_with(b"-----") {
            break;
        }
        match header(line) {
            Some(("DEK-Info", value)) => dek_info = Some(value.to_owned()),
            Some(_) => {}
            None => encoded.extend_from_slice(line),
        }
    }
    Err(unusable("the private key in it is cut short: it has no end"))
}

fn key_label(line: &[u8]) -> Option<String> {
    let label = std::str::from_utf8(line).ok()?.strip_prefix("-----BEGIN ")?.strip_suffix("-----")?;
    label.ends_with("PRIVATE KEY").then(|| label.to_owned())
}

/// A header of RFC 1421; base64 has no colon.
fn header(line: &[u8]) -> Option<(&str, &str)> {
    let (name, value) = std::str::from_utf8(line).ok()?.split_once(':')?;
    Some((name, value.trim()))
}

fn decode(encoded: &[u8]) -> Result<Zeroizing<Vec<u8>>, InvalidKey> {
    let mut decoded = Zeroizing::new(vec![0; base64::decoded_len_estimate(encoded.len())]);
    let length = BASE64
        .decode_slice(encoded, &mut decoded)
        .map_err(|_| unusable("the private key in it is damaged or cut short: it is not base64"))?;
    decoded.truncate(length);
    Ok(decoded)
}
