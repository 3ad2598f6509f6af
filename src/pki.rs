//! Certificates, keys and trust bundles as facts: parsed once, compared by fingerprint, verified as a proxy or the
//! identity controller would. Pure: no clock, no files, no network.

pub mod bundle;
pub mod certificate;
pub mod fingerprint;
pub mod key;
pub mod lifetime;
mod pem;
pub mod verify;

pub use bundle::{Bundle, PemProblem};
pub use certificate::{Certificate, KeyAlgorithm};
pub use fingerprint::Fingerprint;
pub use key::KeyState;
pub use lifetime::{Lifetime, Thresholds};
