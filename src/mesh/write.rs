use std::fmt;

use secrecy::SecretString;

use crate::pki::Certificate;

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
    pub fn object(&self) -> &'static str {
        match self {
            Self::TrustRoots { .. } => "ConfigMap linkerd-identity-trust-roots",
            Self::Issuer { .. } => "Secret linkerd-identity-issuer",
            Self::Copy { copy, .. } => copy.object(),
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
