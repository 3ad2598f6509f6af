//! The HTTPS server of the webhooks (linkerd2 controller/webhook/server.go).
//!
//! It serves what the mounted Secret holds and takes up a new version within seconds, without a
//! restart. It looks at no date: an expired certificate is served until it is replaced, and it is
//! the API server that refuses it.

pub(crate) mod certificate;
pub(crate) mod review;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tracing::{debug, info};

use crate::http1::{self, Answer, Handle};
use crate::role::Failure;
use certificate::{Keys, Served};
use review::{AdmissionRequest, Review, Verdict};

/// Where the serving certificate is mounted.
pub(crate) const MOUNTED: &str = "/var/run/linkerd/tls";
const LARGEST_REVIEW: usize = 10 << 20;
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Decides about an object that is about to be written.
pub(crate) trait Admit: Send + Sync + 'static {
    fn admit(&self, request: AdmissionRequest) -> impl Future<Output = Result<Verdict, Failure>> + Send;
}

struct Webhook<A>(A);

/// Serves the webhook with the certificate in `folder` until the process ends.
pub(crate) async fn serve<A: Admit>(
    address: SocketAddr,
    (folder, keys): (&Path, Keys),
    admit: A,
    ready: impl FnOnce(),
) -> Result<(), Failure> {
    serve_over_tls(address, (folder, keys), Webhook(admit), ready).await
}

/// Serves anything else in the same way: Linkerd's servers share how they come by their certificate.
pub(crate) async fn serve_over_tls<H: Handle>(
    address: SocketAddr,
    (folder, keys): (&Path, Keys),
    handler: H,
    ready: impl FnOnce(),
) -> Result<(), Failure> {
    let served = Arc::new(Served::load(folder, keys)?);
    tokio::spawn(certificate::keep_current(folder.to_owned(), keys, Arc::clone(&served)));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_cert_resolver(served);
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(address).await?;
    let handler = Arc::new(handler);
    info!("listening at {address}");
    ready();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let (acceptor, handler) = (acceptor.clone(), Arc::clone(&handler));
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true);
            match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => http1::serve_connection(stream, handler).await,
                Ok(Err(error)) => info!("TLS handshake failed: {error}"),
                Err(_) => debug!("TLS handshake timed out"),
            }
        });
    }
}

impl<A: Admit> Handle for Webhook<A> {
    async fn handle(&self, request: Request<Incoming>) -> Answer {
        let body = Limited::new(request.into_body(), LARGEST_REVIEW);
        let body = match body.collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) => return http1::text(StatusCode::BAD_REQUEST, error.to_string()),
        };
        match serde_json::from_slice::<Review>(&body) {
            Ok(review) => {
                let uid = review.request.uid.clone();
                let version = review.api_version;
                let verdict = match self.0.admit(review.request).await {
                    Ok(verdict) => verdict,
                    Err(error) => Verdict::Deny(error.to_string()),
                };
                http1::json(StatusCode::OK, &review::answer(&version, &uid, verdict))
            }
            Err(error) => {
                http1::text(StatusCode::BAD_REQUEST, format!("failed to decode admission review request: {error}"))
            }
        }
    }
}
