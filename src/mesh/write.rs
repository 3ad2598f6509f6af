use std::{borrow::Cow, fmt};

use secrecy::SecretString;

use crate::{pki::Certificate, plan::webhooks::Caller, snapshot::ServiceRef};

/// The field manager under which the live side writes: how a run recognises what an earlier run did.
pub const FIELD_MANAGER: &str = "linkerd-certs";

/// Whether to do something or only to ask whether it would be taken (a server-side dry run).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Do it.
    Do,
    /// Only ask.
    Try,
}

/// An issuer's certificates and its private key.
#[derive(Clone)]
pub struct IssuerPair {
    /// The issuer first, then what stands between it and its anchor.
    pub chain: Vec<Certificate>,
    /// PKCS#8 PEM.
    pub key: SecretString,
}

/// One object changed, against the version that was read of it.
#[derive(Clone, Debug)]
pub enum Write {
    /// ConfigMap `linkerd-identity-trust-roots`: these anchors.
    TrustRoots {
        /// What it shall hold, in this order.
        anchors: Vec<Certificate>,
        /// `metadata.resourceVersion` that was read.
        against: String,
    },
    /// Secret `linkerd-identity-issuer`, in the scheme that it has.
    Issuer {
        /// What it shall hold.
        pair: IssuerPair,
        /// What `ca.crt` shall hold, where the scheme has it.
        anchors: Vec<Certificate>,
        /// `metadata.resourceVersion` that was read.
        against: String,
    },
    /// A copy of both that the next `linkerd upgrade` starts from: the anchors of the trust roots as given, the issuer
    /// as the issuer Secret holds it at the time of the write.
    Copy {
        /// Which.
        copy: Copy,
        /// The anchors.
        anchors: Vec<Certificate>,
        /// `metadata.resourceVersion` that was read.
        against: String,
    },
    /// The caBundle of everything in one object that calls one server.
    CaBundle {
        /// The object, and the server.
        of: Caller,
        /// What it shall hold, in this order.
        anchors: Vec<Certificate>,
        /// `metadata.resourceVersion` that was read.
        against: String,
    },
    /// A Secret of type `kubernetes.io/tls` with the certificate and key of a webhook's server.
    Server {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// What it shall hold.
        pair: ServerPair,
        /// `metadata.resourceVersion` that was read.
        against: String,
    },
    /// Asks cert-manager to renew a Certificate, as `cmctl renew` does.
    Renewal {
        /// Namespace of the Certificate.
        namespace: String,
        /// Its name.
        name: String,
    },
}

/// A webhook server's certificates and its private key.
#[derive(Clone, Debug)]
pub struct ServerPair {
    /// The server.
    pub of: ServiceRef,
    /// The certificate first, then what stands between it and its authority; and its key.
    pub pair: IssuerPair,
    /// What verifies it.
    pub authority: Certificate,
}

/// Where Linkerd's CLI keeps copies of anchors and issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Copy {
    /// ConfigMap `linkerd-config`.
    Config,
    /// Secret `linkerd-config-overrides`.
    Overrides,
}

impl Write {
    /// Kind and name of the object.
    pub fn object(&self) -> Cow<'static, str> {
        match self {
            Self::TrustRoots { .. } => "ConfigMap linkerd-identity-trust-roots".into(),
            Self::Issuer { .. } => "Secret linkerd-identity-issuer".into(),
            Self::Copy { copy, .. } => copy.object().into(),
            Self::CaBundle { of, .. } => of.reference().into(),
            Self::Server { namespace, name, .. } => format!("Secret {namespace}/{name}").into(),
            Self::Renewal { namespace, name, .. } => format!("Certificate {namespace}/{name}").into(),
        }
    }
}

impl Copy {
    /// Kind and name of the object.
    pub fn object(self) -> &'static str {
        match self {
            Self::Config => "ConfigMap linkerd-config",
            Self::Overrides => "Secret linkerd-config-overrides",
        }
    }
}

impl fmt::Debug for IssuerPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuerPair").field("chain", &self.chain).finish_non_exhaustive()
    }
}
