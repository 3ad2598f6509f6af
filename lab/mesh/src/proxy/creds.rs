//! Whom the sidecar trusts and what it presents (linkerd2-proxy linkerd/meshtls/src/creds).

use std::sync::Arc;

use rustls::client::danger::ServerCertVerifier;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use tokio::sync::watch;

use crate::chain;

#[derive(Debug, thiserror::Error)]
pub(crate) enum CredsError {
    #[error("no trust roots loaded: {0}")]
    Roots(String),
    #[error("{0:?} is not a DNS name")]
    Name(String),
    #[error("the certificate is not accepted: {0}")]
    Refused(#[from] rustls::Error),
}

/// The trust bundle in use, read once.
#[derive(Debug)]
pub(crate) struct Roots {
    store: Arc<RootCertStore>,
    verifier: Arc<WebPkiServerVerifier>,
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

impl Roots {
    pub(crate) fn from_pem(pem: &str) -> Result<Self, CredsError> {
        let failed = |error: String| CredsError::Roots(error);
        let certificates = chain::certificates(pem.as_bytes()).map_err(|error| failed(error.to_string()))?;
        let mut store = RootCertStore::empty();
        let (added, skipped) = store.add_parsable_certificates(certificates);
        if skipped > 0 {
            tracing::warn!("skipped {skipped} invalid trust anchors");
        }
        if added == 0 {
            return Err(failed("no certificate in the trust bundle".into()));
        }
        let store = Arc::new(store);
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::clone(&store), provider())
            .build()
            .map_err(|error| failed(error.to_string()))?;
        Ok(Self { store, verifier })
    }

    /// Whether the chain, leaf first, verifies for the name: the judgment of every handshake.
    pub(crate) fn verify(
        &self,
        certificates: &[CertificateDer<'_>],
        name: &str,
        now: UnixTime,
    ) -> Result<(), CredsError> {
        let server = ServerName::try_from(name).map_err(|_| CredsError::Name(name.into()))?;
        let (leaf, above) = certificates.split_first().ok_or(rustls::Error::NoCertificatesPresented)?;
        self.verifier.verify_server_cert(leaf, above, &server, &[], now)?;
        Ok(())
    }
}

/// A certified leaf: the chain it is presented with and its key.
pub(crate) struct Certified {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: PrivatePkcs8KeyDer<'static>,
}

/// The TLS settings in use; replaced as a whole with every new leaf.
#[derive(Clone)]
struct Current {
    client: Arc<ClientConfig>,
    /// None until the first leaf: there is nothing to present.
    server: Option<Arc<ServerConfig>>,
}

pub(crate) struct Credentials {
    name: String,
    roots: Roots,
    current: watch::Sender<Current>,
}

impl Credentials {
    pub(crate) fn new(name: &str, roots: Roots) -> Result<Self, CredsError> {
        // Before the first leaf connections are made without a certificate: that is how identity
        // itself is reached.
        let mut client = client_builder(&roots)?.with_no_client_auth();
        client.resumption = Resumption::disabled();
        let (current, _) = watch::channel(Current { client: Arc::new(client), server: None });
        Ok(Self { name: name.to_owned(), roots, current })
    }

    /// The identity, which is the server name and the SNI too.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn client(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.current.borrow().client)
    }

    pub(crate) fn server(&self) -> Option<Arc<ServerConfig>> {
        self.current.borrow().server.clone()
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.current.borrow().server.is_some()
    }

    /// Returns once there is a leaf.
    pub(crate) async fn ready(&self) {
        let mut current = self.current.subscribe();
        // The sender lives as long as self does.
        let _ = current.wait_for(|current| current.server.is_some()).await;
    }

    /// Takes a new leaf into use, if it verifies against this proxy's own roots. If not, the old
    /// one stays; so a mistake in the issuer shows up when the old leaf ends.
    pub(crate) fn set(&self, certified: Certified) -> Result<(), CredsError> {
        self.roots.verify(&certified.chain, &self.name, UnixTime::now())?;
        let Certified { chain, key } = certified;
        let mut client = client_builder(&self.roots)?.with_client_auth_cert(chain.clone(), key.clone_key().into())?;
        client.resumption = Resumption::disabled();
        let server = server_config(&self.roots, chain, key)?;
        self.current.send_replace(Current { client: Arc::new(client), server: Some(Arc::new(server)) });
        Ok(())
    }
}

fn client_builder(
    roots: &Roots,
) -> Result<rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>, rustls::Error> {
    Ok(ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_webpki_verifier(Arc::clone(&roots.verifier)))
}

fn server_config(
    roots: &Roots,
    chain: Vec<CertificateDer<'static>>,
    key: PrivatePkcs8KeyDer<'static>,
) -> Result<ServerConfig, rustls::Error> {
    // A client without a certificate is let in (a proxy asking for its first leaf has none); one
    // with a certificate that does not verify is not.
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots.store), provider())
        .allow_unauthenticated()
        .build()
        .map_err(|error| rustls::Error::General(error.to_string()))?;
    ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(clients)
        .with_single_cert(chain, key.into())
}
