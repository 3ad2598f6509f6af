//! What leaves the pod: over mutual TLS to endpoints that are meshed, plain to others.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;
use tracing::{debug, info};

use super::control::Stream;
use super::creds::Credentials;
use super::metrics::{Metrics, count};
use super::original::OriginalDestination;
use super::route::{Endpoint, Route, Routes};

const HANDSHAKE: Duration = Duration::from_secs(5);
/// How long a client may take to say what it wants, when it can only be refused.
const SAY: Duration = Duration::from_secs(1);

pub(crate) struct Outbound<R> {
    pub(crate) creds: Arc<Credentials>,
    pub(crate) original: OriginalDestination,
    pub(crate) routes: R,
    pub(crate) connect_timeout: Duration,
    pub(crate) metrics: Arc<Metrics>,
    /// Where the round of endpoints stands.
    pub(crate) next: AtomicUsize,
}

/// Takes connections; each holds a clone of `open` while it lasts.
pub(crate) async fn serve<R: Routes>(listener: TcpListener, outbound: Arc<Outbound<R>>, open: mpsc::Sender<()>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let (outbound, open) = (Arc::clone(&outbound), open.clone());
        tokio::spawn(async move {
            if let Err(error) = outbound.carry(stream).await {
                debug!("outbound connection: {error}");
            }
            drop(open);
        });
    }
}

impl<R: Routes> Outbound<R> {
    async fn carry(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let target = self.original.of(&stream)?;
        match self.dial(target).await {
            Ok(mut peer) => {
                copy_bidirectional(&mut stream, &mut peer).await?;
                Ok(())
            }
            Err(why) => {
                info!("connection to {target} failed: {why}");
                refuse(stream, &why).await
            }
        }
    }

    /// Connects to the target's endpoints in turn until one takes the connection.
    ///
    /// The real balancer prefers endpoints that are ready, and one whose handshake fails never is;
    /// so a request fails only when every endpoint does.
    async fn dial(&self, target: SocketAddr) -> Result<Box<dyn Stream>, String> {
        let route = self.routes.of(target).await;
        let endpoints = match route.map_err(|error| error.to_string())? {
            Route::Direct => vec![Endpoint { address: target, identity: None }],
            Route::Endpoints(endpoints) => endpoints,
        };
        let mut why = "no endpoint is ready".to_owned();
        let start = self.next.fetch_add(1, Ordering::Relaxed);
        for step in 0..endpoints.len() {
            let endpoint = &endpoints[(start.wrapping_add(step)) % endpoints.len()];
            match self.connect(endpoint).await {
                Ok(stream) => return Ok(stream),
                Err(error) => why = format!("{}: {error}", endpoint.address),
            }
        }
        Err(why)
    }

    async fn connect(&self, endpoint: &Endpoint) -> io::Result<Box<dyn Stream>> {
        let tcp = within(self.connect_timeout, TcpStream::connect(endpoint.address)).await?;
        tcp.set_nodelay(true)?;
        let Some(identity) = &endpoint.identity else {
            count(&self.metrics.outbound.plain);
            return Ok(Box::new(tcp));
        };
        let tls = TlsConnector::from(self.creds.client());
        let mut stream = within(HANDSHAKE, tls.connect(identity.clone(), tcp))
            .await
            .inspect_err(|_| count(&self.metrics.outbound.tls_failed))?;
        stream.flush().await?;
        count(&self.metrics.outbound.over_tls);
        Ok(Box::new(stream))
    }
}

async fn within<T>(limit: Duration, doing: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    match tokio::time::timeout(limit, doing).await {
        Ok(done) => done,
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

/// Answers an HTTP client with 503 as the real proxy does, and resets any other connection.
async fn refuse(mut stream: TcpStream, why: &str) -> io::Result<()> {
    let mut beginning = [0; 16];
    let length = within(SAY, stream.peek(&mut beginning)).await.unwrap_or(0);
    if is_http1(&beginning[..length]) {
        let why: String = why.chars().filter(|c| !c.is_control()).collect();
        let answer = format!(
            "HTTP/1.1 503 Service Unavailable\r\nl5d-proxy-error: {why}\r\n\
             connection: close\r\ncontent-length: 0\r\n\r\n"
        );
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await?;
        // Unread bytes would turn the close into a reset that may overtake the answer.
        let mut rest = [0; 1024];
        while within(SAY, stream.read(&mut rest)).await? > 0 {}
        return Ok(());
    }
    stream.set_zero_linger()?;
    Ok(())
}

fn is_http1(beginning: &[u8]) -> bool {
    ["GET ", "HEAD ", "POST ", "PUT ", "DELETE ", "PATCH ", "OPTIONS "]
        .iter()
        .any(|method| beginning.starts_with(method.as_bytes()))
}
