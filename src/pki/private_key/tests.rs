use proptest::prelude::*;

use super::{fixtures::*, *};

/// What openssl prints of the one key that most fixtures hold: `openssl pkey -pubout -outform DER | sha256sum`.
const EC: &str = "6a230fa42051116f14b867c41eb03ed107a1452a55105454290afe653fc7c26c";
const RSA: &str = "6043d69d67a17c3d929d561e207a16648859e2e38db4ae0f0d2050350767e393";

fn read(pem: &str) -> Result<PrivateKey, InvalidKey> {
    PrivateKey::from_pem(pem.as_bytes(), None)
}

fn read_with(pem: &str, password: &str) -> Result<PrivateKey, InvalidKey> {
    PrivateKey::from_pem(pem.as_bytes(), Some(&SecretString::from(password)))
}

fn why(result: Result<PrivateKey, InvalidKey>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn one_key_is_itself_in_every_format() {
    for pem in [EC_PARAMETERS_AND_SEC1, PKCS8] {
        assert_eq!(read(pem).unwrap().public_key().to_string(), EC);
    }
    for pem in [RSA_PKCS1, RSA_PKCS8] {
        assert_eq!(read(pem).unwrap().public_key().to_string(), RSA);
    }
    assert_eq!(*read(PKCS8).unwrap().algorithm(), KeyAlgorithm::Ecdsa(256));
    assert_eq!(*read(P384).unwrap().algorithm(), KeyAlgorithm::Ecdsa(384));
    assert_eq!(*read(RSA_PKCS1).unwrap().algorithm(), KeyAlgorithm::Rsa(2048));
    assert_eq!(*read(ED25519).unwrap().algorithm(), KeyAlgorithm::Ed25519);
}

#[test]
fn each_kind_of_encryption_asks_for_its_password_and_takes_no_other() {
    let encrypted = [
        (PBES2, EC),
        (PBES2_SHA1, EC),
        (PBES2_DES3, EC),
        (PBES2_SCRYPT, EC),
        (DEK_AES128, EC),
        (DEK_AES192, EC),
        (DEK_AES256, EC),
        (DEK_DES3, EC),
        (DEK_STEP, EC),
        (RSA_DEK_AES256, RSA),
    ];
    for (pem, fingerprint) in encrypted {
        assert_eq!(read(pem).unwrap_err(), InvalidKey::NeedsPassword, "{pem}");
        assert_eq!(read_with(pem, "mesh").unwrap().public_key().to_string(), fingerprint, "{pem}");
        assert_eq!(read_with(pem, "Mesh").unwrap_err(), InvalidKey::WrongPassword, "{pem}");
    }
}

#[test]
fn a_password_that_is_not_needed_does_no_harm() {
    assert_eq!(read_with(PKCS8, "mesh").unwrap().public_key().to_string(), EC);
}

#[test]
fn what_stands_around_a_key_is_passed_over() {
    let certificate = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    for text in [
        format!("Bag Attributes\n    friendlyName: issuer\nKey Attributes: <none>\n{PKCS8}"),
        format!("{certificate}{PKCS8}"),
        format!("{PKCS8}{certificate}"),
        PKCS8.replace('\n', "\r\n"),
        DEK_AES256.replace('\n', "\r\n"),
        format!("  {}\n\n", PKCS8.trim_end().replace('\n', "  \n  ")),
        PKCS8.trim_end().to_owned(),
    ] {
        assert_eq!(read_with(&text, "mesh").unwrap().public_key().to_string(), EC, "{text}");
    }
    assert_eq!(read(&format!("{PKCS8}{RSA_PKCS8}")).unwrap().public_key().to_string(), EC, "the first one counts");
}

#[test]
fn what_is_no_usable_key_says_why() {
    let half = &PKCS8[..PKCS8.len() / 2];
    let cases = [
        ("", "there is no private key in it"),
        ("PK\u{3}\u{4}", "there is no private key in it"),
        ("-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n", "there is no private key in it"),
        (half, "the private key in it is cut short: it has no end"),
        (&format!("{half}\n-----END PRIVATE KEY-----\n"), "the private key in it is damaged or cut short"),
        (&PKCS8.replacen('H', "!", 1), "the private key in it is damaged or cut short: it is not base64"),
        (&format!("{half}\n{PKCS8}"), "the private key in it is cut short: it has no end"),
        (NO_PUBLIC, "its public half is missing"),
        (P521, "an elliptic curve key on P-521 is not supported"),
        (RSA_1024, "an RSA key of 1024 bits is not supported"),
        (PBES1, "it is encrypted in a way that is not supported; `openssl pkcs8 -topk8"),
        (&DEK_AES256.replace("AES-256-CBC", "CAMELLIA-256-CBC"), "it is encrypted with CAMELLIA-256-CBC"),
        (&DEK_AES256.replace("AES-256-CBC,", "AES-256-CBC,00"), "the encrypted key in it is damaged"),
        (&DEK_AES256.replace("AES-256-CBC,", "AES-256-CBC"), "it is encrypted with AES-256-CBC"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n", "it is a key for SSH"),
        ("-----BEGIN DSA PRIVATE KEY-----\nAAAA\n-----END DSA PRIVATE KEY-----\n", "a block of type DSA PRIVATE KEY"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "the PKCS#8 key in it is damaged"),
    ];
    for (text, expected) in cases {
        let why = why(read_with(text, "mesh"));
        assert!(why.starts_with(expected), "{why}\n{text}");
    }
}

#[test]
fn a_public_half_of_another_key_is_noticed() {
    let other = PrivateKey::generate(NewKey::EcdsaP256).unwrap();
    let (_, own) = SecretDocument::from_pem(PKCS8).unwrap();
    let mut mixed = own.as_bytes().to_vec();
    let point = mixed.len() - 65;
    mixed[point..].copy_from_slice(&other.spki()[other.spki().len() - 65..]);
    assert!(why(PrivateKey::from_pkcs8(&mixed)).starts_with("its parts do not fit together"));
}

#[test]
fn what_is_written_is_read_again() {
    for what in [NewKey::EcdsaP256, NewKey::Rsa2048] {
        let key = PrivateKey::generate(what).unwrap();
        assert!(key.to_pem().starts_with("-----BEGIN PRIVATE KEY-----\n"));
        assert!(key.to_pem().ends_with("\n-----END PRIVATE KEY-----\n"));
        assert_eq!(read(key.to_pem()).unwrap().public_key(), key.public_key());
    }
    let step = read_with(DEK_STEP, "mesh").unwrap();
    assert_eq!(step.to_pem(), PKCS8, "byte for byte what openssl makes of the same key");
}

#[test]
fn no_two_keys_are_the_same() {
    let key = || PrivateKey::generate(NewKey::EcdsaP256).unwrap().public_key();
    assert_ne!(key(), key());
}

#[test]
fn nothing_of_a_key_is_shown() {
    let key = read(PKCS8).unwrap();
    assert_eq!(format!("{key:?}"), "PrivateKey(ECDSA P-256 6a230fa4)");
}

#[test]
fn only_what_linkerd_takes_is_signed_with() {
    for pem in [PKCS8, RSA_PKCS8] {
        assert!(read(pem).unwrap().sign(b"message").is_ok());
    }
    for pem in [P384, ED25519] {
        assert!(read(pem).unwrap().sign(b"message").is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn damage_never_panics_and_never_makes_another_key(at in 0..PKCS8.len(), byte in any::<u8>(), cut in 0..PKCS8.len()) {
        let mut damaged = PKCS8.as_bytes().to_vec();
        damaged[at] = byte;
        for text in [&damaged[..], &damaged[..cut]] {
            if let Ok(key) = PrivateKey::from_pem(text, None) {
                prop_assert_eq!(key.public_key().to_string(), EC);
            }
        }
        let mut damaged = DEK_AES256.as_bytes().to_vec();
        let at = at % damaged.len();
        damaged[at] = byte;
        let _ = PrivateKey::from_pem(&damaged, Some(&SecretString::from("mesh")));
    }
}
