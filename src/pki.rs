//! Certificates, keys and trust bundles as facts: parsed once, compared by fingerprint, verified as a proxy or the
//! identity controller would, and signed as Linkerd wants them. Pure: no clock, no files, no network.

pub mod authority;
pub mod bundle;
pub mod certificate;
pub mod fingerprint;
pub mod key;
pub mod lifetime;
mod pem;
pub mod private_key;
mod requirements;
mod serial;
mod trust_domain;
pub mod verify;

pub use authority::{Authority, AuthorityParams};
pub use bundle::{Bundle, PemProblem};
pub use certificate::{Certificate, KeyAlgorithm};
pub use fingerprint::Fingerprint;
pub use key::KeyState;
pub use lifetime::{Lifetime, Thresholds};
pub use private_key::PrivateKey;
pub use serial::Serial;
pub use trust_domain::{InvalidName, TrustDomain};
