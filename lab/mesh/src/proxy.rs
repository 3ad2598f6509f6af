//! The sidecar (linkerd2-proxy): a leaf of its own, an admin port, and mutual TLS to its peers.
//!
//! Connections are carried as they are; HTTP is looked at only to answer 503 where a peer can't be
//! reached. What the real proxy decides about certificates is decided here by the same rules:
//! [`certify`] and [`refresh`] for its own leaf, [`creds`] for whom it trusts, [`inbound`] and
//! [`outbound`] for what is encrypted. A connection that stands is never looked at again, so it
//! outlives the certificates it was made with, as on a real mesh.

pub(crate) mod admin;
pub(crate) mod certify;
pub(crate) mod config;
pub(crate) mod control;
pub(crate) mod creds;
pub(crate) mod detect;
pub(crate) mod discovery;
pub(crate) mod inbound;
pub(crate) mod metrics;
pub(crate) mod original;
pub(crate) mod outbound;
pub(crate) mod refresh;
pub(crate) mod route;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tracing::info;

use crate::role::Failure;
use crate::shutdown;
use admin::Admin;
use certify::{Certifier, Request};
use config::Config;
use creds::{Credentials, Roots};
use discovery::Discovery;
use inbound::Inbound;
use metrics::Metrics;
use original::OriginalDestination;
use outbound::Outbound;

/// Runs the sidecar from its environment until it is told to stop and its connections have ended.
pub(crate) async fn run() -> Result<(), Failure> {
    let config = Config::from_env(|name| std::env::var(name).ok())?;
    let roots = Roots::from_pem(&config.trust_anchors)?;
    let creds = Arc::new(Credentials::new(&config.name, roots)?);
    let metrics = Arc::new(Metrics::default());

    let admin = TcpListener::bind(config.admin).await?;
    let inbound = TcpListener::bind(config.inbound).await?;
    let outbound = TcpListener::bind(config.outbound).await?;
    let admin_port = Admin::new(Arc::clone(&creds), Arc::clone(&metrics));
    tokio::spawn(admin::serve(admin, Arc::new(admin_port)));

    let certifier = Certifier {
        token_file: config.token_file.clone(),
        identity: config.identity.clone(),
        request: Request::generate(&config.name)?,
        limits: config.refresh,
        creds: Arc::clone(&creds),
        metrics: Arc::clone(&metrics),
    };
    tokio::spawn(certifier.run());

    // Held by every open connection: when the last one is gone, so are the senders.
    let (open, mut all_closed) = mpsc::channel::<()>(1);
    let carry = {
        let discovery = Discovery::new(&config, Arc::clone(&creds));
        let inbound_half = Arc::new(Inbound {
            creds: Arc::clone(&creds),
            original: OriginalDestination::Socket,
            require_tls: config.require_tls.clone(),
            connect_timeout: config.inbound_connect,
            metrics: Arc::clone(&metrics),
        });
        let outbound_half = Arc::new(Outbound {
            creds: Arc::clone(&creds),
            original: OriginalDestination::Socket,
            routes: discovery,
            connect_timeout: config.outbound_connect,
            metrics,
            next: AtomicUsize::default(),
        });
        async move {
            // No traffic before there is an identity (linkerd2-proxy linkerd/app/src/lib.rs).
            creds.ready().await;
            info!("Certified identity");
            tokio::join!(
                inbound::serve(inbound, inbound_half, open.clone()),
                outbound::serve(outbound, outbound_half, open),
            );
        }
    };
    tokio::select! {
        () = carry => {}
        () = shutdown::asked() => {}
    }
    info!("asked to stop; waiting for open connections");
    let _ = tokio::time::timeout(config.grace, all_closed.recv()).await;
    Ok(())
}
