//! The gRPC service that signs leafs, and the issuer it signs with.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use linkerd2_proxy_api::identity as api;
use time::OffsetDateTime;
use tonic::{Code, Response, Status};
use tracing::{error, info, warn};

use super::issuer::{Files, Issuer, IssuerError, TrustAnchors};
use super::leaf::{self, Validity};
use super::token::{ReviewToken, TokenError, identity_of};
use super::{notes, request};
use crate::events::Record;

pub(crate) struct Settings {
    /// How the issuer is called in messages: `identity.<namespace>.<trust domain>`.
    pub(crate) expected_name: String,
    pub(crate) namespace: String,
    pub(crate) trust_domain: String,
    pub(crate) files: Files,
    pub(crate) anchors: TrustAnchors,
    pub(crate) validity: Validity,
}

pub(crate) struct Identity {
    settings: Settings,
    tokens: Arc<dyn ReviewToken>,
    events: Arc<dyn Record>,
    issuer: RwLock<Option<Arc<Issuer>>>,
    /// Serial numbers start anew with each issuer, as the real controller's do.
    next_serial: AtomicU64,
}

impl Identity {
    pub(crate) fn new(settings: Settings, tokens: Arc<dyn ReviewToken>, events: Arc<dyn Record>) -> Self {
        Self { settings, tokens, events, issuer: RwLock::new(None), next_serial: AtomicU64::new(1) }
    }

    /// Loads the issuer from its folder; what was loaded before stays on failure.
    pub(crate) fn load_issuer(&self) -> Result<(), IssuerError> {
        let Settings { files, expected_name, anchors, .. } = &self.settings;
        let issuer = Issuer::load(files, expected_name, anchors, OffsetDateTime::now_utc())?;
        info!("issuer loaded, valid until {}", issuer.not_after);
        *self.issuer.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(issuer));
        self.next_serial.store(1, Ordering::Relaxed);
        Ok(())
    }

    /// Takes up a changed folder and tells how that went.
    pub(crate) fn reload(&self) {
        let namespace = &self.settings.namespace;
        let note = match self.load_issuer() {
            Ok(()) => notes::updated(namespace),
            Err(error) => notes::skipped(namespace, &error),
        };
        info!("{}", note.message);
        self.events.record(note);
    }

    fn issuer(&self) -> Option<Arc<Issuer>> {
        self.issuer.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn metrics(&self) -> String {
        let left = self.issuer().map_or(0.0, |issuer| (issuer.not_after - OffsetDateTime::now_utc()).as_seconds_f64());
        format!(
            "# HELP issuer_cert_ttl_seconds The remaining seconds until the issuer certificate \
             expires\n# TYPE issuer_cert_ttl_seconds gauge\nissuer_cert_ttl_seconds {left}\n"
        )
    }

    async fn identity_of_token(&self, token: Vec<u8>) -> Result<String, TokenError> {
        let token = String::from_utf8(token).map_err(|_| TokenError::Invalid("the token is not text".into()))?;
        let user = self.tokens.review(token.trim()).await?;
        identity_of(&user, &self.settings.namespace, &self.settings.trust_domain)
    }
}

#[tonic::async_trait]
impl api::identity_server::Identity for Identity {
    async fn certify(
        &self,
        asked: tonic::Request<api::CertifyRequest>,
    ) -> Result<Response<api::CertifyResponse>, Status> {
        let asked = asked.into_inner();
        let Some(issuer) = self.issuer() else {
            return Err(Status::unavailable("cert issuer not ready yet"));
        };
        let identity = asked.identity;
        if identity.is_empty() {
            return Err(Status::invalid_argument("missing identity"));
        }
        if asked.token.is_empty() {
            return Err(Status::invalid_argument("missing token"));
        }
        let csr = request::parse(&asked.certificate_signing_request)
            .map_err(|error| Status::invalid_argument(error.to_string()))?;
        let now = OffsetDateTime::now_utc();
        // The issuer is judged anew for every CSR: when it runs out, the process stays and refuses.
        if let Err(invalid) = issuer.verify(&self.settings.anchors, now) {
            let refusal = notes::refusal(&invalid, now, issuer.not_before, issuer.not_after);
            error!("refused a CSR because of the issuer: {refusal} - CSR Identity : {identity}");
            self.events.record(notes::refused(&self.settings.namespace, &refusal, &identity));
            return Err(Status::new(Code::Unknown, refusal));
        }
        request::check(&csr, &identity).map_err(|error| Status::failed_precondition(error.to_string()))?;
        let found = self.identity_of_token(asked.token).await.map_err(|error| {
            warn!("token for {identity} refused: {error}");
            match error {
                TokenError::NotAuthenticated => Status::failed_precondition(error.to_string()),
                TokenError::Invalid(reason) => Status::invalid_argument(reason),
                TokenError::Unavailable(reason) => {
                    Status::internal(format!("error validating token for {identity}: {reason}"))
                }
            }
        })?;
        if found != identity {
            return Err(Status::failed_precondition(format!(
                "requested identity did not match provided token: requested={identity}; \
                 found={found}"
            )));
        }
        let serial = self.next_serial.fetch_add(1, Ordering::Relaxed);
        let leaf = leaf::issue(&issuer, csr, serial, self.settings.validity, now)
            .map_err(|error| Status::internal(error.to_string()))?;
        let note = notes::issued(&identity, &leaf);
        info!("{}", note.message);
        self.events.record(note);
        Ok(Response::new(api::CertifyResponse {
            leaf_certificate: leaf.der.to_vec(),
            intermediate_certificates: std::iter::once(&issuer.certificate)
                .chain(&issuer.above)
                .map(|der| der.to_vec())
                .collect(),
            valid_until: Some(prost_types::Timestamp { seconds: leaf.not_after.unix_timestamp(), nanos: 0 }),
        }))
    }
}
