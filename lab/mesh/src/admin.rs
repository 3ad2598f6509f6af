//! The control plane's admin port: `/ping`, `/live`, `/ready`, `/metrics` (linkerd2 pkg/admin/admin.go).

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{Request, StatusCode};
use hyper::body::Incoming;
use tokio::net::TcpListener;

use crate::http1::{self, Answer, Handle};

/// Writes the text of `/metrics`.
type Metrics = Box<dyn Fn() -> String + Send + Sync>;

pub(crate) struct Admin {
    ready: AtomicBool,
    metrics: Metrics,
}

impl Admin {
    /// Binds the port and serves it in the background; not ready until [`Self::set_ready`].
    pub(crate) async fn start(
        address: SocketAddr,
        metrics: impl Fn() -> String + Send + Sync + 'static,
    ) -> std::io::Result<Arc<Self>> {
        let listener = TcpListener::bind(address).await?;
        let admin = Arc::new(Self { ready: AtomicBool::new(false), metrics: Box::new(metrics) });
        tokio::spawn(http1::serve(listener, Arc::clone(&admin)));
        Ok(admin)
    }

    pub(crate) fn set_ready(&self) {
        self.ready.store(true, Ordering::Relaxed);
    }
}

impl Handle for Admin {
    async fn handle(&self, request: Request<Incoming>) -> Answer {
        match request.uri().path() {
            "/ping" => http1::text(StatusCode::OK, "pong\n"),
            "/live" => http1::text(StatusCode::OK, "live\n"),
            "/ready" if self.ready.load(Ordering::Relaxed) => http1::text(StatusCode::OK, "ok\n"),
            "/ready" => http1::text(StatusCode::INTERNAL_SERVER_ERROR, "not ready\n"),
            "/metrics" => http1::text(StatusCode::OK, (self.metrics)()),
            _ => http1::text(StatusCode::NOT_FOUND, "404 page not found\n"),
        }
    }
}
