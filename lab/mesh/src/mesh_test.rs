//! The mesh in one process on loopback: identity with a token reviewer of its own, two sidecars, a
//! request between them, and what happens when their bundles do not fit.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Request, StatusCode};
use hyper::body::Incoming;
use linkerd2_proxy_api::identity::identity_server::{Identity as _, IdentityServer};
use rustls_pki_types::ServerName;
use time::Duration as Span;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use crate::chain::test_support::{Authority, anchor};
use crate::events::{Note, Record};
use crate::http1::{self, Answer, Handle};
use crate::identity::issuer::{Files, TrustAnchors};
use crate::identity::leaf::Validity;
use crate::identity::service::{Identity, Settings};
use crate::identity::token::{ReviewToken, TokenError};
use crate::proxy::certify::{Certifier, CertifyError, Request as LeafRequest};
use crate::proxy::control::ControlAddr;
use crate::proxy::creds::{Credentials, Roots};
use crate::proxy::inbound::{self, Inbound};
use crate::proxy::metrics::Metrics;
use crate::proxy::original::OriginalDestination;
use crate::proxy::outbound::{self, Outbound};
use crate::proxy::refresh::Limits;
use crate::proxy::route::{Endpoint, Route, Routes, Unresolved};

const DAY: Span = Span::days(1);

fn name(account: &str) -> String {
    format!("{account}.ns.serviceaccount.identity.linkerd.cluster.local")
}

/// Takes the service account's name for its token.
struct Tokens;

#[tonic::async_trait]
impl ReviewToken for Tokens {
    async fn review(&self, token: &str) -> Result<String, TokenError> {
        Ok(format!("system:serviceaccount:ns:{token}"))
    }
}

#[derive(Default)]
struct Notes(Mutex<Vec<Note>>);

impl Record for Notes {
    fn record(&self, note: Note) {
        self.0.lock().unwrap().push(note);
    }
}

impl Notes {
    fn reasons(&self) -> Vec<&'static str> {
        self.0.lock().unwrap().iter().map(|note| note.reason).collect()
    }
}

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("standin-{}-{next}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.join(name), text).unwrap();
    }

    fn issuer(&self, issuer: &Authority) {
        self.write("crt.pem", &issuer.pem);
        self.write("key.pem", &issuer.key.serialize_pem());
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The identity controller with its own sidecar in front.
struct Controller {
    folder: Folder,
    identity: Arc<Identity>,
    notes: Arc<Notes>,
    /// Where its sidecar takes connections.
    address: SocketAddr,
}

async fn controller(anchors: &str, issuer: &Authority) -> Controller {
    let folder = Folder::new();
    folder.issuer(issuer);
    let notes = Arc::new(Notes::default());
    let identity =
        Arc::new(Identity::new(settings(&folder.0, anchors), Arc::new(Tokens), Arc::clone(&notes) as Arc<dyn Record>));
    identity.load_issuer().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap();
    let service = IdentityServer::from_arc(Arc::clone(&identity));
    let serving = Server::builder().add_service(service);
    tokio::spawn(serving.serve_with_incoming(TcpIncoming::from(listener)));
    // Its own sidecar asks it in plain, as on localhost.
    let sidecar = sidecar("linkerd-identity", anchors, ControlAddr::of_test(own, None), &folder.0);
    sidecar.certifier.certify().await.unwrap();
    let address = sidecar.serve_inbound(own).await;
    Controller { folder, identity, notes, address }
}

fn settings(folder: &Path, anchors: &str) -> Settings {
    Settings {
        expected_name: "identity.linkerd.cluster.local".into(),
        namespace: "linkerd".into(),
        trust_domain: "cluster.local".into(),
        files: Files::of_scheme(folder, "linkerd.io/tls"),
        anchors: TrustAnchors::from_pem(anchors.as_bytes()).unwrap(),
        validity: Validity { lifetime: Duration::from_hours(1), clock_skew: Duration::from_secs(20) },
    }
}

struct Sidecar {
    creds: Arc<Credentials>,
    metrics: Arc<Metrics>,
    certifier: Certifier,
}

fn sidecar(account: &str, anchors: &str, identity: ControlAddr, folder: &Path) -> Sidecar {
    let token_file = folder.join(format!("token-{account}"));
    std::fs::write(&token_file, account).unwrap();
    let roots = Roots::from_pem(anchors).unwrap();
    let creds = Arc::new(Credentials::new(&name(account), roots).unwrap());
    let metrics = Arc::new(Metrics::default());
    let certifier = Certifier {
        token_file,
        identity,
        request: LeafRequest::generate(&name(account)).unwrap(),
        limits: Limits::default(),
        creds: Arc::clone(&creds),
        metrics: Arc::clone(&metrics),
    };
    Sidecar { creds, metrics, certifier }
}

impl Controller {
    /// A sidecar that reaches identity over mutual TLS, with its leaf.
    async fn certified(&self, account: &str, anchors: &str) -> Sidecar {
        let sidecar = self.uncertified(account, anchors);
        sidecar.certifier.certify().await.unwrap();
        sidecar
    }

    fn uncertified(&self, account: &str, anchors: &str) -> Sidecar {
        let identity = ControlAddr::of_test(self.address, Some(&name("linkerd-identity")));
        sidecar(account, anchors, identity, &self.folder.0)
    }
}

impl Sidecar {
    async fn serve_inbound(&self, application: SocketAddr) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let inbound = Inbound {
            creds: Arc::clone(&self.creds),
            original: OriginalDestination::Fixed(application),
            require_tls: Vec::new(),
            connect_timeout: Duration::from_secs(1),
            metrics: Arc::clone(&self.metrics),
        };
        tokio::spawn(inbound::serve(listener, Arc::new(inbound), mpsc::channel(1).0));
        address
    }

    async fn serve_outbound(&self, peer: SocketAddr, account: Option<&str>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let endpoint =
            Endpoint { address: peer, identity: account.map(|account| ServerName::try_from(name(account)).unwrap()) };
        let outbound = Outbound {
            creds: Arc::clone(&self.creds),
            original: OriginalDestination::Fixed(peer),
            routes: Only(endpoint),
            connect_timeout: Duration::from_secs(1),
            metrics: Arc::clone(&self.metrics),
            next: AtomicUsize::default(),
        };
        tokio::spawn(outbound::serve(listener, Arc::new(outbound), mpsc::channel(1).0));
        address
    }
}

struct Only(Endpoint);

impl Routes for Only {
    async fn of(&self, _: SocketAddr) -> Result<Route, Unresolved> {
        Ok(Route::Endpoints(vec![self.0.clone()]))
    }
}

struct Hello;

impl Handle for Hello {
    async fn handle(&self, _: Request<Incoming>) -> Answer {
        http1::text(StatusCode::OK, "hello\n")
    }
}

async fn application() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(http1::serve(listener, Arc::new(Hello)));
    address
}

const ASK: &[u8] = b"GET / HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n";

async fn ask(outbound: SocketAddr) -> String {
    let mut stream = TcpStream::connect(outbound).await.unwrap();
    stream.write_all(ASK).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_request_travels_over_mutual_tls() {
    let root = anchor("root", DAY);
    let controller = controller(&root.pem, &root.issuer("issuer", DAY)).await;
    let web = controller.certified("web", &root.pem).await;
    let vote = controller.certified("vote", &root.pem).await;
    let inbound = web.serve_inbound(application().await).await;
    let outbound = vote.serve_outbound(inbound, Some("web")).await;
    let answer = ask(outbound).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("hello\n"), "{answer}");
    assert_eq!(web.metrics.inbound.over_tls.load(Ordering::Relaxed), 1);
    assert_eq!(controller.notes.reasons(), ["IssuedLeafCertificate"; 3]);
    // Unmeshed clients get through as well.
    assert!(ask(inbound).await.starts_with("HTTP/1.1 200"));
    assert_eq!(web.metrics.inbound.plain.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn bundles_that_do_not_fit_fail_the_request_with_503() {
    let (old, new) = (anchor("root", DAY), anchor("root", DAY));
    let ours = controller(&old.pem, &old.issuer("issuer", DAY)).await;
    let theirs = controller(&new.pem, &new.issuer("issuer", DAY)).await;
    let web = ours.certified("web", &old.pem).await;
    let vote = theirs.certified("vote", &new.pem).await;
    let inbound = web.serve_inbound(application().await).await;
    let outbound = vote.serve_outbound(inbound, Some("web")).await;
    let answer = ask(outbound).await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert_eq!(vote.metrics.outbound.tls_failed.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_client_whose_certificate_does_not_verify_is_turned_away_too() {
    let (old, new) = (anchor("root", DAY), anchor("root", DAY));
    let both = format!("{}{}", old.pem, new.pem);
    let ours = controller(&old.pem, &old.issuer("issuer", DAY)).await;
    let theirs = controller(&new.pem, &new.issuer("issuer", DAY)).await;
    let web = ours.certified("web", &old.pem).await;
    // Trusts web, but web knows only the old anchor.
    let vote = theirs.certified("vote", &both).await;
    let inbound = web.serve_inbound(application().await).await;
    let outbound = vote.serve_outbound(inbound, Some("web")).await;
    let answer = ask(outbound).await;
    assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(web.metrics.inbound.tls_failed.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_connection_that_stands_outlives_the_trust_it_was_made_with() {
    let root = anchor("root", DAY);
    let controller = controller(&root.pem, &root.issuer("issuer", DAY)).await;
    let web = controller.certified("web", &root.pem).await;
    let vote = controller.certified("vote", &root.pem).await;
    let inbound = web.serve_inbound(application().await).await;
    let outbound = vote.serve_outbound(inbound, Some("web")).await;
    let mut stream = TcpStream::connect(outbound).await.unwrap();
    let mut buffer = [0; 1024];
    for _ in 0..2 {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: web\r\n\r\n").await.unwrap();
        let length = stream.read(&mut buffer).await.unwrap();
        assert!(buffer[..length].starts_with(b"HTTP/1.1 200"));
        // A second leaf in between changes nothing for it.
        web.certifier.certify().await.unwrap();
    }
}

#[tokio::test]
async fn a_leaf_under_an_anchor_the_proxy_does_not_know_is_not_taken() {
    let (old, new) = (anchor("root", DAY), anchor("root", DAY));
    let both = format!("{}{}", old.pem, new.pem);
    let controller = controller(&both, &old.issuer("issuer", DAY)).await;
    let stale = controller.certified("web", &old.pem).await;
    controller.folder.issuer(&new.issuer("issuer", DAY));
    controller.identity.reload();
    assert!(controller.notes.reasons().contains(&"IssuerUpdated"));
    let error = stale.certifier.certify().await.unwrap_err();
    assert!(matches!(error, CertifyError::Certificate(_)), "{error}");
    // The old leaf stays in use, and the metric tells.
    assert!(stale.creds.is_ready());
    let text = stale.metrics.to_text();
    assert!(text.contains("control_identity_cert_refreshes_total{result=\"error\"} 1"), "{text}");
}

#[tokio::test]
async fn an_issuer_under_an_anchor_read_too_late_is_skipped() {
    let (old, new) = (anchor("root", DAY), anchor("root", DAY));
    let controller = controller(&old.pem, &old.issuer("issuer", DAY)).await;
    controller.folder.issuer(&new.issuer("issuer", DAY));
    controller.identity.reload();
    let last = controller.notes.0.lock().unwrap().last().cloned().unwrap();
    assert_eq!(last.reason, "IssuerUpdateSkipped");
    assert!(last.message.contains("certificate signed by unknown authority"), "{}", last.message);
    // The old one goes on signing.
    controller.certified("web", &old.pem).await;
}

#[tokio::test]
async fn a_token_of_another_account_gets_no_leaf() {
    let root = anchor("root", DAY);
    let controller = controller(&root.pem, &root.issuer("issuer", DAY)).await;
    let web = controller.uncertified("web", &root.pem);
    controller.folder.write("token-web", "vote");
    let error = web.certifier.certify().await.unwrap_err().to_string();
    assert!(error.contains("requested identity did not match provided token"), "{error}");
}

#[tokio::test]
async fn an_issuer_that_runs_out_refuses_from_then_on() {
    let root = anchor("root", DAY);
    let controller = controller(&root.pem, &root.issuer("issuer", Span::seconds(2))).await;
    let web = controller.uncertified("web", &root.pem);
    let local = controller.uncertified("vote", &root.pem);
    local.certifier.certify().await.unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(web.certifier.certify().await.is_err());
    // Identity's own sidecar presents a dead leaf by then, so the CSR is put in directly.
    let request = LeafRequest::generate(&name("web")).unwrap();
    let asked = linkerd2_proxy_api::identity::CertifyRequest {
        identity: name("web"),
        token: b"web".to_vec(),
        certificate_signing_request: request.csr,
    };
    let status = controller.identity.certify(tonic::Request::new(asked)).await.unwrap_err();
    assert!(status.message().starts_with("x509: certificate has expired"), "{status}");
    assert!(controller.notes.reasons().contains(&"IssuerValidationFailed"));
}
