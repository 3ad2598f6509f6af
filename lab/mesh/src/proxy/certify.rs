//! Gets and renews the sidecar's leaf (linkerd2-proxy linkerd/proxy/identity-client/src/certify.rs).

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use linkerd2_proxy_api::identity as api;
use linkerd2_proxy_api::identity::identity_client::IdentityClient;
use rcgen::{CertificateParams, DnType, KeyPair};
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tracing::{error, info};

use super::control::{self, ControlAddr};
use super::creds::{Certified, Credentials, CredsError};
use super::metrics::Metrics;
use super::refresh::Limits;

/// How long connecting is tried before a request counts as failed: the real client reconnects with
/// backoff underneath its requests.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);
const ANSWER_PATIENCE: Duration = Duration::from_secs(10);

/// The key made at start and the request for its certificate; both stay the same for life.
pub(crate) struct Request {
    pub(crate) csr: Vec<u8>,
    key: PrivatePkcs8KeyDer<'static>,
}

impl Request {
    /// A P-256 key and a request with the identity as common name and only DNS name.
    pub(crate) fn generate(name: &str) -> Result<Self, rcgen::Error> {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        let mut params = CertificateParams::new([name.to_owned()])?;
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        Ok(Self {
            csr: params.serialize_request(&key)?.der().to_vec(),
            key: PrivatePkcs8KeyDer::from(key.serialize_der()),
        })
    }
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum CertifyError {
    #[error("could not read {path}: {error}")]
    Token { path: PathBuf, error: std::io::Error },
    #[error("the identity service cannot be reached: {0}")]
    Connect(#[from] control::ControlError),
    #[error("the identity service refused: {0}")]
    Refused(Box<tonic::Status>),
    #[error("the identity service did not answer in time")]
    Silent,
    #[error("identity certification missing expiration")]
    NoEnd,
    #[error("certificate already expired")]
    Expired,
    #[error(transparent)]
    Certificate(#[from] CredsError),
}

pub(crate) struct Certifier {
    pub(crate) token_file: PathBuf,
    pub(crate) identity: ControlAddr,
    pub(crate) request: Request,
    pub(crate) limits: Limits,
    pub(crate) creds: Arc<Credentials>,
    pub(crate) metrics: Arc<Metrics>,
}

impl Certifier {
    /// Keeps the leaf fresh for as long as the process runs.
    pub(crate) async fn run(self) {
        let mut expiry = SystemTime::UNIX_EPOCH;
        loop {
            match self.certify().await {
                Ok(until) => expiry = until,
                Err(error) => error!("Failed to obtain identity: {error}"),
            }
            tokio::time::sleep(self.limits.wait(expiry, SystemTime::now())).await;
        }
    }

    /// Asks once and takes the answer into use.
    pub(crate) async fn certify(&self) -> Result<SystemTime, CertifyError> {
        // The kubelet replaces the token now and then.
        let token = tokio::fs::read(&self.token_file)
            .await
            .map_err(|error| CertifyError::Token { path: self.token_file.clone(), error })?;
        let channel = control::connect_patiently(&self.identity, &self.creds, CONNECT_PATIENCE).await?;
        let asked = api::CertifyRequest {
            token,
            identity: self.creds.name().to_owned(),
            certificate_signing_request: self.request.csr.clone(),
        };
        let answer = tokio::time::timeout(ANSWER_PATIENCE, IdentityClient::new(channel).certify(asked))
            .await
            .map_err(|_| CertifyError::Silent)?
            .map_err(|status| CertifyError::Refused(Box::new(status)))?
            .into_inner();
        let until = answer.valid_until.ok_or(CertifyError::NoEnd)?;
        let until = SystemTime::try_from(until).map_err(|_| CertifyError::NoEnd)?;
        if until <= SystemTime::now() {
            return Err(CertifyError::Expired);
        }
        let chain = std::iter::once(answer.leaf_certificate)
            .chain(answer.intermediate_certificates)
            .map(CertificateDer::from)
            .collect();
        let certified = Certified { chain, key: self.request.key.clone_key() };
        match self.creds.set(certified) {
            Ok(()) => self.metrics.refreshed(until),
            Err(error) => {
                self.metrics.not_refreshed();
                return Err(error.into());
            }
        }
        info!(
            "leaf of {} in use for {} s",
            self.creds.name(),
            until.duration_since(SystemTime::now()).unwrap_or_default().as_secs()
        );
        Ok(until)
    }
}
