//! Private keys, as far as a reader needs them: which public key they belong to. The key itself is never kept.

use serde::{Deserialize, Serialize};

use super::{Certificate, Fingerprint, PrivateKey};

/// What was found where a private key belongs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", content = "is", rename_all = "camelCase")]
pub enum KeyState {
    /// There is none.
    Missing,
    /// There is something, but not a key that can be used.
    Unreadable(String),
    /// A key; this is the SHA-256 of its subject public key info.
    Present(Fingerprint),
}

impl KeyState {
    /// Reads PEM (PKCS#8, PKCS#1 or SEC 1), as found in a Secret. Linkerd looks at the first block alone (linkerd2,
    /// pkg/tls/codec.go, `DecodePEMKey`), so what `openssl ecparam -genkey` writes is no key to it.
    pub fn of_pem(pem: &[u8]) -> Self {
        if pem.iter().all(u8::is_ascii_whitespace) {
            return Self::Missing;
        }
        if let Some(label) = labels(pem).next().filter(|label| !READ.contains(label)) {
            let label: String = label.chars().take(40).filter(|c| !c.is_control()).collect();
            return Self::Unreadable(format!("its first block is {label}, and Linkerd reads the first alone"));
        }
        match PrivateKey::from_pem(pem, None) {
            Ok(key) => Self::Present(key.public_key()),
            Err(error) => Self::Unreadable(error.to_string()),
        }
    }

    /// Whether it is the key of `certificate`.
    pub fn fits(&self, certificate: &Certificate) -> bool {
        *self == Self::Present(certificate.public_key())
    }
}

/// The types of block that Linkerd takes for a key.
const READ: [&str; 3] = ["EC PRIVATE KEY", "RSA PRIVATE KEY", "PRIVATE KEY"];

/// Whether the only key in `pem` is in SEC 1 (`EC PRIVATE KEY`).
pub fn is_sec1(pem: &[u8]) -> bool {
    let mut keys = labels(pem).filter(|label| READ.contains(label)).peekable();
    keys.peek().is_some() && keys.all(|label| label == READ[0])
}

/// The types of the blocks that begin in `pem`. A key on the same line is not one of them.
fn labels(pem: &[u8]) -> impl Iterator<Item = &str> {
    let lines = pem.split(|&byte| byte == b'\n').filter_map(|line| std::str::from_utf8(line).ok());
    let labels = lines.filter_map(|line| line.trim_end().strip_prefix("-----BEGIN ")?.strip_suffix("-----"));
    labels.filter(|label| !label.contains('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fits_its_certificate_and_no_other() {
        let (key, other) = (rcgen::KeyPair::generate().unwrap(), rcgen::KeyPair::generate().unwrap());
        let certificate = rcgen::CertificateParams::default().self_signed(&key).unwrap();
        let certificate = Certificate::parse(certificate.der()).unwrap();
        assert!(KeyState::of_pem(key.serialize_pem().as_bytes()).fits(&certificate));
        assert!(!KeyState::of_pem(other.serialize_pem().as_bytes()).fits(&certificate));
    }

    /// A throwaway P-256 key in the layout of `step certificate create` and `openssl ecparam -genkey -noout`.
    const SEC1: &str = "-----BEGIN EC PRIVATE KEY-----\n\
            MHcCAQEEIDxrQzV4SlCcph4t5vfSthh1cVEV9SiyDHiTVecZhyaUoAoGCCqGSM49\n\
            AwEHoUQDQgAEFOiSrqtZ8Y1lKJlcwEwM7CqHxVdX/mTgWUGoJePp4+7BRxt6cawL\n\
            7j7yE2YR+NBUjHkpuRIqcxg8MWKMfJSXzQ==\n-----END EC PRIVATE KEY-----";

    #[test]
    fn step_writes_sec1() {
        assert!(matches!(KeyState::of_pem(SEC1.as_bytes()), KeyState::Present(_)));
        assert!(is_sec1(SEC1.as_bytes()));
        assert!(!is_sec1(rcgen::KeyPair::generate().unwrap().serialize_pem().as_bytes()) && !is_sec1(b""));
    }

    #[test]
    fn what_stands_before_the_key_keeps_linkerd_from_it() {
        let openssl = format!("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n{SEC1}");
        let KeyState::Unreadable(why) = KeyState::of_pem(openssl.as_bytes()) else { panic!("it was read") };
        assert!(why.starts_with("its first block is EC PARAMETERS"), "{why}");
        assert!(matches!(KeyState::of_pem(format!("a comment\n{SEC1}").as_bytes()), KeyState::Present(_)));
    }

    #[test]
    fn half_a_key_is_unreadable_and_nothing_is_missing() {
        let pem = rcgen::KeyPair::generate().unwrap().serialize_pem();
        assert!(matches!(KeyState::of_pem(&pem.as_bytes()[..60]), KeyState::Unreadable(_)));
        assert_eq!(KeyState::of_pem(b" \n"), KeyState::Missing);
    }
}
