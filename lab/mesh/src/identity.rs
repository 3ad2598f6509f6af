//! The identity controller (linkerd2 controller/cmd/identity/main.go, pkg/identity/service.go).
//!
//! The anchors are read once at start: an issuer under an anchor added later is refused until the
//! process is started again (linkerd2#13613). The issuer's folder is watched; a new issuer that does
//! not load or verify is skipped, and the old one goes on signing.

pub(crate) mod issuer;
pub(crate) mod leaf;
pub(crate) mod notes;
pub(crate) mod request;
pub(crate) mod service;
pub(crate) mod token;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use linkerd2_proxy_api::identity::identity_server::IdentityServer;
use tonic::transport::Server;
use tracing::info;

use crate::admin::Admin;
use crate::events::recorder::KubeRecorder;
use crate::flags::Flags;
use crate::role::Failure;
use crate::watched::Watched;
use issuer::{Files, TrustAnchors};
use leaf::Validity;
use service::{Identity, Settings};
use token::KubeReviewer;

const ANCHORS: &str = "/var/run/linkerd/identity/trust-roots/ca-bundle.crt";
const ISSUER: &str = "/var/run/linkerd/identity/issuer";

pub(crate) async fn run(flags: Flags) -> Result<(), Failure> {
    notes::start_clock();
    let namespace = flags.text_or("controller-namespace", "linkerd").to_owned();
    let trust_domain = flags.text_or("identity-trust-domain", "cluster.local").to_owned();
    let folder = PathBuf::from(flags.text_or("issuer", ISSUER));
    // The stand-in's own: where a test keeps the anchors.
    let anchors_file = flags.text_or("trust-anchors", ANCHORS);
    let anchors = TrustAnchors::from_pem(
        &std::fs::read(anchors_file)
            .map_err(|error| format!("could not read identity trust anchors PEM: {anchors_file}: {error}"))?,
    )?;
    let client = kube::Client::try_default().await?;
    let settings = Settings {
        expected_name: format!("identity.{namespace}.{trust_domain}"),
        namespace: namespace.clone(),
        trust_domain,
        files: Files::of_scheme(&folder, flags.text_or("identity-scheme", "linkerd.io/tls")),
        anchors,
        validity: Validity {
            lifetime: flags.duration_or("identity-issuance-lifetime", Duration::from_hours(24)),
            // The default of pkg/tls/ca.go; installations set 20s.
            clock_skew: flags.duration_or("identity-clock-skew-allowance", Duration::from_secs(10)),
        },
    };
    let recorder = Arc::new(KubeRecorder::start(client.clone(), "linkerd-identity"));
    let reviewer = Arc::new(KubeReviewer::new(client));
    let identity = Arc::new(Identity::new(settings, reviewer, recorder));
    let metrics_of = Arc::clone(&identity);
    let admin = Admin::start(flags.listen_or("admin-addr", 9990), move || metrics_of.metrics()).await?;
    // Without a good issuer the process ends, and the pod crash-loops.
    identity.load_issuer().map_err(|error| format!("Failed to initialize identity service: {error}"))?;
    tokio::spawn(watch(folder, Arc::clone(&identity)));
    let address = flags.listen_or("addr", 8080);
    info!("starting gRPC server on {address}");
    admin.set_ready();
    Server::builder().add_service(IdentityServer::from_arc(identity)).serve(address).await?;
    Ok(())
}

/// Takes up each new version of the issuer's Secret.
async fn watch(folder: impl AsRef<Path>, identity: Arc<Identity>) {
    // Stands for the reports of Secret updates that identity never saw (linkerd2#15109, #8249).
    if std::env::var("STANDIN_MISS_UPDATES").is_ok_and(|value| value == "1") {
        info!("missing every update of the issuer, as told");
        return;
    }
    let mut watched = Watched::new(folder.as_ref());
    loop {
        watched.changed().await;
        identity.reload();
    }
}
