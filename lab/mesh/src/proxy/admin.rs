//! The admin port (linkerd2-proxy linkerd/app/admin): HTTP, plain or over TLS for the own identity.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tracing::debug;

use super::creds::Credentials;
use super::detect::{self, First};
use super::metrics::Metrics;
use crate::http1::{self, Answer, Handle};

const DETECT: Duration = Duration::from_secs(1);

pub(crate) struct Admin {
    creds: Arc<Credentials>,
    metrics: Arc<Metrics>,
}

impl Admin {
    pub(crate) fn new(creds: Arc<Credentials>, metrics: Arc<Metrics>) -> Self {
        Self { creds, metrics }
    }
}

pub(crate) async fn serve(listener: TcpListener, admin: Arc<Admin>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(connection(stream, Arc::clone(&admin)));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn connection(stream: TcpStream, admin: Arc<Admin>) {
    let _ = stream.set_nodelay(true);
    match detect::first(&stream, DETECT).await {
        Ok(First::Hello(Some(name))) if name == admin.creds.name() => {
            let Some(server) = admin.creds.server() else {
                debug!("TLS on the admin port before there is a leaf");
                return;
            };
            match TlsAcceptor::from(server).accept(stream).await {
                Ok(stream) => http1::serve_connection(stream, admin).await,
                Err(error) => debug!("TLS handshake on the admin port failed: {error}"),
            }
        }
        Ok(First::Hello(name)) => debug!("TLS on the admin port for another name: {name:?}"),
        Ok(_) => http1::serve_connection(stream, admin).await,
        Err(error) => debug!("admin connection: {error}"),
    }
}

impl Handle for Admin {
    async fn handle(&self, request: Request<Incoming>) -> Answer {
        match request.uri().path() {
            "/live" => http1::text(StatusCode::OK, "live\n"),
            "/ready" if self.creds.is_ready() => http1::text(StatusCode::OK, "ready\n"),
            "/ready" => http1::text(StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
            "/metrics" => http1::text(StatusCode::OK, self.metrics.to_text()),
            "/env.json" if request.method() != Method::GET => http1::text(StatusCode::METHOD_NOT_ALLOWED, ""),
            "/env.json" => environment(request.uri().query(), |name| std::env::var(name).ok()),
            "/shutdown" => http1::text(StatusCode::NOT_FOUND, "shutdown endpoint is not enabled\n"),
            _ => http1::text(StatusCode::NOT_FOUND, ""),
        }
    }
}

/// All of the environment, or the variables named in the query; those unset are null.
fn environment(query: Option<&str>, lookup: impl Fn(&str) -> Option<String>) -> Answer {
    let Some(query) = query else {
        let all: BTreeMap<_, _> = std::env::vars_os()
            .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
            .collect();
        return http1::json(StatusCode::OK, &all);
    };
    if query.contains('=') {
        return http1::json(
            StatusCode::BAD_REQUEST,
            &json!({
                "error": "env.json query parameters may not contain key-value pairs",
                "status": 400,
            }),
        );
    }
    let named: BTreeMap<_, _> = query.split('&').map(|name| (name, lookup(name))).collect();
    http1::json(StatusCode::OK, &named)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    async fn body(answer: Answer) -> (StatusCode, String) {
        let status = answer.status();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn env_json_answers_what_it_is_asked() {
        let lookup = |name: &str| (name == "A").then(|| "x\n".to_owned());
        let found = body(environment(Some("A&B"), lookup)).await;
        assert_eq!(found, (StatusCode::OK, r#"{"A":"x\n","B":null}"#.into()));
        let refused = body(environment(Some("A=1"), lookup)).await;
        assert_eq!(refused.0, StatusCode::BAD_REQUEST);
    }
}
