//! Keys as `EC PRIVATE KEY`, the form `step` writes and the recorded Secrets hold.

use base64::{Engine, prelude::BASE64_STANDARD};
use rcgen::KeyPair;

use crate::error::{Error, Result};

/// Start of an `ECPrivateKey` (RFC 5915) with a 32-byte scalar; PKCS #8 wraps the same structure.
const SCALAR: [u8; 5] = [0x02, 0x01, 0x01, 0x04, 0x20];
/// `[0] prime256v1`, which PKCS #8 leaves out because its own header says it.
const CURVE: [u8; 12] = [0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];

pub(super) fn pem(key: &KeyPair) -> Result<String> {
    let pkcs8 = key.serialized_der();
    let start = pkcs8.windows(SCALAR.len()).position(|window| window == SCALAR).ok_or_else(unexpected)? + SCALAR.len();
    let scalar = pkcs8.get(start..start + 32).ok_or_else(unexpected)?;
    let public = key.public_key_raw();
    if public.len() != 65 {
        return Err(unexpected());
    }
    let mut der = vec![0x30, 0x77];
    der.extend(SCALAR);
    der.extend(scalar);
    der.extend(CURVE);
    der.extend([0xa1, 0x44, 0x03, 0x42, 0x00]);
    der.extend(public);
    let text = BASE64_STANDARD.encode(der);
    let mut out = String::from("-----BEGIN EC PRIVATE KEY-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, tail) = rest.split_at(rest.len().min(64));
        out.extend([line, "\n"]);
        rest = tail;
    }
    out.push_str("-----END EC PRIVATE KEY-----\n");
    Ok(out)
}

fn unexpected() -> Error {
    Error::malformed("a generated key", &"it is not a P-256 key in PKCS #8")
}
