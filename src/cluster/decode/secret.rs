use serde_json::Value;
use zeroize::Zeroizing;

use crate::{
    pki::{Bundle, KeyState, key::is_sec1},
    snapshot::{CaSecret, IssuerScheme, IssuerSecret, Meta, Source, TlsSecret, Values},
};

use super::{
    Object,
    object::{bundle, decode},
    values,
};

/// Secret `linkerd-identity-issuer`. `configured` is the scheme that identity was started with; where that is not known,
/// the Secret's keys tell, and its type where it holds neither certificate.
pub fn issuer(value: &Value, configured: Option<IssuerScheme>) -> IssuerSecret {
    let secret = Secret::new(value);
    let scheme = configured.unwrap_or_else(|| by_keys(&secret));
    let written = secret.object.written(&["f:data"]);
    IssuerSecret {
        meta: secret.meta(),
        scheme,
        chain: secret.pem(scheme.certificate_key()),
        key: secret.key(scheme.private_key()),
        ca: secret.pem("ca.crt"),
        unread: secret.pem(scheme.other().certificate_key()),
        changed_at: written.map(|(at, _)| at),
        changed_by: written.map(|(_, manager)| manager.to_owned()),
    }
}

fn by_keys(secret: &Secret<'_>) -> IssuerScheme {
    let has = |key: &str| secret.bytes(key).is_some();
    let kubernetes = has("tls.crt") || (!has("crt.pem") && secret.object.text("/type") == Some("kubernetes.io/tls"));
    if kubernetes { IssuerScheme::Kubernetes } else { IssuerScheme::Linkerd }
}

/// A Secret of type `kubernetes.io/tls` that a webhook's server mounts.
pub fn tls(value: &Value) -> TlsSecret {
    let secret = Secret::new(value);
    let key_is_sec1 = secret.bytes("tls.key").is_some_and(|bytes| is_sec1(&bytes));
    let written = secret.object.written(&["f:data"]);
    TlsSecret {
        meta: secret.meta(),
        chain: secret.pem("tls.crt"),
        key: secret.key("tls.key"),
        key_is_sec1,
        changed_at: written.map(|(at, _)| at),
        changed_by: written.map(|(_, manager)| manager.to_owned()),
    }
}

/// The certificates of a Secret that cert-manager or trust-manager works with.
pub fn ca(value: &Value) -> CaSecret {
    let secret = Secret::new(value);
    CaSecret {
        namespace: secret.object.namespace().to_owned(),
        name: secret.object.name().to_owned(),
        chain: secret.pem("tls.crt").map_or(Source::Missing, Source::Found),
        ca: secret.pem("ca.crt"),
    }
}

/// Secret `linkerd-config-overrides`.
pub fn overrides(value: &Value) -> Source<Values> {
    const KEY: &str = "linkerd-config-overrides";
    let secret = Secret::new(value);
    match secret.bytes(KEY) {
        Some(bytes) => match std::str::from_utf8(&bytes) {
            Ok(text) => values::of_yaml(text, secret.meta()),
            Err(error) => Source::Failed(format!("the values in {} are not text: {error}", secret.meta().reference())),
        },
        None => Source::Failed(format!("{} has no key `{KEY}`", secret.meta().reference())),
    }
}

/// What is decoded here is wiped once it was looked at. The answer it came in is out of reach: hyper's buffers and the
/// text that kube parses are dropped as they are, so that the base64 of a key may stay in freed memory until it is used
/// again. Wiping the parsed object alone would promise more than it does.
struct Secret<'a> {
    object: Object<'a>,
}

impl<'a> Secret<'a> {
    fn new(value: &'a Value) -> Self {
        Self { object: Object::new(value) }
    }

    fn meta(&self) -> Meta {
        self.object.meta("Secret")
    }

    fn bytes(&self, key: &str) -> Option<Zeroizing<Vec<u8>>> {
        self.object.entry("/data", key).map(decode)
    }

    fn pem(&self, key: &str) -> Option<Bundle> {
        self.bytes(key).map(|bytes| bundle(&bytes))
    }

    fn key(&self, key: &str) -> KeyState {
        self.bytes(key).map_or(KeyState::Missing, |bytes| KeyState::of_pem(&bytes))
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
    use serde_json::json;

    use super::*;

    fn identity() -> (String, String) {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::default().self_signed(&key).unwrap();
        (BASE64.encode(certificate.pem()), BASE64.encode(key.serialize_pem()))
    }

    #[test]
    fn either_scheme_by_its_keys() {
        let (certificate, key) = identity();
        let linkerd = issuer(&json!({"type": "Opaque", "data": {"crt.pem": certificate, "key.pem": key}}), None);
        assert_eq!(linkerd.scheme, IssuerScheme::Linkerd);
        assert!(linkerd.key.fits(linkerd.chain.unwrap().first().unwrap()));
        let data = json!({"tls.crt": certificate, "tls.key": key, "ca.crt": certificate});
        let kubernetes = issuer(&json!({"type": "Opaque", "data": data}), None);
        assert_eq!(kubernetes.scheme, IssuerScheme::Kubernetes);
        assert!(kubernetes.ca.is_some() && kubernetes.chain.is_some());
    }

    #[test]
    fn what_identity_was_told_counts_and_not_what_the_secret_has() {
        let ((own, own_key), (other, other_key)) = (identity(), identity());
        let both = json!({"data": {"crt.pem": own, "key.pem": own_key, "tls.crt": other, "tls.key": other_key}});
        let read = issuer(&both, Some(IssuerScheme::Linkerd));
        let unread = read.unread.unwrap();
        assert!(read.key.fits(read.chain.unwrap().first().unwrap()) && !read.key.fits(unread.first().unwrap()));
        let strange = issuer(&json!({"data": {"tls.crt": other}}), Some(IssuerScheme::Linkerd));
        assert!(strange.chain.is_none() && strange.unread.is_some());
        assert_eq!(IssuerScheme::of_flag("kubernetes.io/tls"), IssuerScheme::Kubernetes);
    }

    #[test]
    fn empty_secrets_say_which_keys_are_missing() {
        let empty = issuer(&json!({"type": "kubernetes.io/tls"}), None);
        assert_eq!((empty.scheme, empty.chain, empty.key), (IssuerScheme::Kubernetes, None, KeyState::Missing));
        assert_eq!(issuer(&json!({"data": null}), None).scheme, IssuerScheme::Linkerd);
        assert_eq!(ca(&json!({})).chain, Source::Missing);
        assert!(overrides(&json!({"data": {}})).hidden().unwrap().contains("has no key"));
    }

    #[test]
    fn private_keys_are_not_kept() {
        let (certificate, key) = identity();
        let value = json!({"data": {"tls.crt": key, "tls.key": key, "ca.crt": certificate}});
        let pem = String::from_utf8(BASE64.decode(&key).unwrap()).unwrap();
        let secret_line = pem.lines().nth(1).unwrap();
        for written in [
            serde_json::to_string(&issuer(&value, None)).unwrap(),
            serde_json::to_string(&tls(&value)).unwrap(),
            serde_json::to_string(&ca(&value)).unwrap(),
        ] {
            assert!(!written.contains(secret_line) && !written.contains(&key[60..100]));
        }
    }
}
