//! Reads a live Linkerd mesh and guides an operator safely through its certificates.
pub mod findings;
pub mod pki;
pub mod snapshot;
#[cfg(test)]
mod testing;
pub mod trust;
