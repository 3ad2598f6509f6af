//! The certificate a webhook serves, replaced when its Secret is.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::crypto::ring::sign::any_supported_type;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use tracing::{info, warn};

use crate::chain;
use crate::watched::Watched;

#[derive(Debug, thiserror::Error)]
#[error("failed to read cert from disk: {path}: {why}")]
pub(crate) struct CertificateError {
    path: PathBuf,
    why: String,
}

/// Which forms of private keys a server reads.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Keys {
    /// Those of Go's `crypto/tls`.
    All,
    /// PKCS #8 and PKCS #1, but no `EC PRIVATE KEY` (kubert server.rs `load_private_key`).
    Pkcs,
}

#[derive(Debug)]
pub(crate) struct Served(RwLock<Arc<CertifiedKey>>);

impl Served {
    pub(crate) fn load(folder: &Path, keys: Keys) -> Result<Self, CertificateError> {
        Ok(Self(RwLock::new(Arc::new(read(folder, keys)?))))
    }

    fn replace(&self, key: CertifiedKey) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(key);
    }
}

impl ResolvesServerCert for Served {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&current))
    }
}

/// Takes up each new version; what does not load is skipped and the old one stays.
pub(crate) async fn keep_current(folder: PathBuf, keys: Keys, served: Arc<Served>) {
    let mut watched = Watched::new(&folder);
    loop {
        watched.changed().await;
        match read(&folder, keys) {
            Ok(key) => {
                served.replace(key);
                info!("Updated certificate");
            }
            Err(error) => {
                warn!("Skipping update as cert could not be read from disk: {error}");
            }
        }
    }
}

fn read(folder: &Path, keys: Keys) -> Result<CertifiedKey, CertificateError> {
    let (certificate, key) = (folder.join("tls.crt"), folder.join("tls.key"));
    let bytes = |path: &Path| std::fs::read(path).map_err(|error| failed(path, error.to_string()));
    let chain = chain::certificates(&bytes(&certificate)?).map_err(|error| failed(&certificate, error.to_string()))?;
    let private = PrivateKeyDer::from_pem_slice(&bytes(&key)?).map_err(|error| failed(&key, error.to_string()))?;
    if matches!((&private, keys), (PrivateKeyDer::Sec1(_), Keys::Pkcs)) {
        return Err(failed(&key, "no PKCS #8 or PKCS #1 private key was found".to_owned()));
    }
    let signer = any_supported_type(&private).map_err(|error| failed(&key, error.to_string()))?;
    let certified = CertifiedKey::new(chain, signer);
    certified.keys_match().map_err(|error| failed(&certificate, error.to_string()))?;
    Ok(certified)
}

fn failed(path: &Path, why: String) -> CertificateError {
    CertificateError { path: path.to_owned(), why }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::test_support::anchor;
    use time::Duration;

    #[test]
    fn a_pair_loads_and_a_mismatch_does_not() {
        let folder = std::env::temp_dir().join(format!("standin-certificate-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (one, two) = (anchor("a.svc", Duration::days(1)), anchor("a.svc", Duration::days(1)));
        std::fs::write(folder.join("tls.crt"), &one.pem).unwrap();
        std::fs::write(folder.join("tls.key"), one.key.serialize_pem()).unwrap();
        assert!(Served::load(&folder, Keys::All).is_ok());
        assert!(Served::load(&folder, Keys::Pkcs).is_ok());
        std::fs::write(folder.join("tls.key"), two.key.serialize_pem()).unwrap();
        assert!(Served::load(&folder, Keys::All).is_err());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
