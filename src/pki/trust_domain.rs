//! The names that a mesh gives to its authorities and proxies.

/// A control plane's namespace and its trust domain (linkerd2, controller/identity/domain.go, `TrustDomain`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustDomain {
    namespace: String,
    domain: String,
}

/// The text is not such a name; this says what one looks like.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not {what}")]
pub struct InvalidName {
    name: String,
    what: &'static str,
}

impl TrustDomain {
    /// The trust domain of the control plane in `namespace`; identity does not start with other names than these
    /// (`NewTrustDomain`).
    ///
    /// # Errors
    /// When one of them is not a name as Kubernetes takes it.
    pub fn new(namespace: &str, domain: &str) -> Result<Self, InvalidName> {
        let invalid = |name: &str, what| InvalidName { name: name.to_owned(), what };
        if !is_label(namespace) {
            return Err(invalid(namespace, "a namespace: small letters, digits and `-`"));
        }
        // The longest name that is made from it has to be a DNS name as well.
        if domain.len() > 200 || !domain.split('.').all(is_label) {
            return Err(invalid(domain, "a trust domain: small letters, digits and `-`, between dots"));
        }
        Ok(Self { namespace: namespace.to_owned(), domain: domain.to_owned() })
    }

    /// The control plane's namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The trust domain itself, such as `cluster.local`.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// What Linkerd's guides call a trust anchor.
    pub fn anchor(&self) -> String {
        format!("root.linkerd.{}", self.domain)
    }

    /// What identity expects of its issuer (linkerd2, controller/cmd/identity/main.go, `expectedName`; cli/cmd/options.go,
    /// `issuerName`). Since #5237 no release refuses an issuer that has another name.
    pub fn issuer(&self) -> String {
        format!("identity.{}.{}", self.namespace, self.domain)
    }

    /// The identity of pods of a service account.
    pub fn identity(&self, account: &str, namespace: &str) -> String {
        format!("{account}.{namespace}.serviceaccount.identity.{}.{}", self.namespace, self.domain)
    }
}

/// A DNS label of RFC 1123.
fn is_label(text: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&text.len()) && text.bytes().all(inside) && !text.starts_with('-') && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_linkerds_own() {
        let domain = TrustDomain::new("linkerd", "cluster.local").unwrap();
        assert_eq!(domain.anchor(), "root.linkerd.cluster.local");
        assert_eq!(domain.issuer(), "identity.linkerd.cluster.local");
        assert_eq!(domain.identity("web", "shop"), "web.shop.serviceaccount.identity.linkerd.cluster.local");
    }

    #[test]
    fn what_identity_does_not_start_with_is_refused() {
        for (namespace, domain) in [
            ("", "cluster.local"),
            ("a.b", "cluster.local"),
            ("linkerd", ""),
            ("linkerd", "cluster..local"),
            ("linkerd", "-cluster.local"),
            ("linkerd", "Cluster.local"),
            ("linkerd", "cluster.local."),
            ("linkerd", "a b"),
            ("linkerd", &"a.".repeat(150)),
        ] {
            assert!(TrustDomain::new(namespace, domain).is_err(), "{namespace} {domain}");
        }
        assert_eq!(
            TrustDomain::new("Linkerd", "x").unwrap_err().to_string(),
            "`Linkerd` is not a namespace: small letters, digits and `-`"
        );
    }
}
