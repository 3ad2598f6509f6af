//! What comes to the pod: TLS for the proxy's own name is ended here, all else is passed on as is.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tracing::{debug, info};

use super::creds::Credentials;
use super::detect::{self, First};
use super::metrics::{Metrics, count};
use super::original::OriginalDestination;

/// Linkerd's protocol detection timeout; then the bytes are passed on unseen.
const DETECT: Duration = Duration::from_secs(10);
const HANDSHAKE: Duration = Duration::from_secs(10);

pub(crate) struct Inbound {
    pub(crate) creds: Arc<Credentials>,
    pub(crate) original: OriginalDestination,
    pub(crate) require_tls: Vec<u16>,
    pub(crate) connect_timeout: Duration,
    pub(crate) metrics: Arc<Metrics>,
}

/// Takes connections; each holds a clone of `open` while it lasts.
pub(crate) async fn serve(listener: TcpListener, inbound: Arc<Inbound>, open: mpsc::Sender<()>) {
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let (inbound, open) = (Arc::clone(&inbound), open.clone());
        tokio::spawn(async move {
            if let Err(error) = inbound.carry(stream).await {
                debug!("inbound connection of {peer}: {error}");
            }
            drop(open);
        });
    }
}

impl Inbound {
    async fn carry(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let port = self.original.of(&stream)?.port();
        match detect::first(&stream, DETECT).await? {
            First::Hello(Some(name)) if name == self.creds.name() => self.end_tls(stream, port).await,
            // The application's own TLS, such as a webhook's.
            First::Hello(_) => self.forward(stream, port).await,
            First::Plain | First::Incomplete if self.require_tls.contains(&port) => {
                info!("connection to port {port} refused: it has to be meshed");
                Err(io::ErrorKind::PermissionDenied.into())
            }
            First::Plain | First::Incomplete => {
                count(&self.metrics.inbound.plain);
                self.forward(stream, port).await
            }
        }
    }

    async fn end_tls(&self, stream: TcpStream, port: u16) -> io::Result<()> {
        let peer = stream.peer_addr()?;
        let server = self.creds.server().ok_or(io::ErrorKind::NotConnected)?;
        let accepting = TlsAcceptor::from(server).accept(stream);
        let accepted =
            tokio::time::timeout(HANDSHAKE, accepting).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        match accepted {
            Ok(stream) => {
                count(&self.metrics.inbound.over_tls);
                self.forward(stream, port).await
            }
            Err(error) => {
                count(&self.metrics.inbound.tls_failed);
                info!("TLS handshake with {peer} failed: {error}");
                Err(error)
            }
        }
    }

    async fn forward<S>(&self, mut stream: S, port: u16) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let local = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut application = match tokio::time::timeout(self.connect_timeout, TcpStream::connect(local)).await {
            Ok(connected) => connected?,
            Err(_) => return Err(io::ErrorKind::TimedOut.into()),
        };
        application.set_nodelay(true)?;
        copy_bidirectional(&mut stream, &mut application).await?;
        Ok(())
    }
}
