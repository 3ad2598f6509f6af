//! Connections to the control plane: over the peer sidecar's mutual TLS, or plain within the pod.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint, Uri};

use super::creds::Credentials;

const ATTEMPT: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Where a control plane service listens and who it has to be.
#[derive(Clone, Debug)]
pub(crate) struct ControlAddr {
    host: String,
    port: u16,
    /// None on localhost, where there is no sidecar in between.
    server: Option<ServerName<'static>>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum ControlError {
    #[error("{address}: {error}")]
    Connect { address: String, error: std::io::Error },
    #[error("{address}: {error}")]
    Transport { address: String, error: tonic::transport::Error },
}

impl ControlAddr {
    /// Reads `host.:port` and the server's identity.
    pub(crate) fn parse(address: &str, server: &str) -> Option<Self> {
        let (host, port) = address.rsplit_once(':')?;
        let port = port.parse().ok()?;
        let local = matches!(host.trim_end_matches('.'), "localhost" | "127.0.0.1");
        Some(if local {
            Self { host: "127.0.0.1".into(), port, server: None }
        } else {
            Self { host: host.to_owned(), port, server: Some(ServerName::try_from(server.to_owned()).ok()?) }
        })
    }

    #[cfg(test)]
    pub(crate) fn is_local(&self) -> bool {
        self.server.is_none()
    }

    #[cfg(test)]
    pub(crate) fn of_test(address: SocketAddr, server: Option<&str>) -> Self {
        Self {
            host: address.ip().to_string(),
            port: address.port(),
            server: server.map(|name| ServerName::try_from(name.to_owned()).unwrap()),
        }
    }

    fn to_text(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

/// A byte stream, encrypted or not.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A channel that connects when it is used and again whenever it has to, each time with the leaf
/// then in use.
pub(crate) fn channel(address: ControlAddr, creds: Arc<Credentials>) -> Channel {
    endpoint().connect_with_connector_lazy(connector(address, creds))
}

/// Connects, trying again for a while: the service may be just coming up.
pub(crate) async fn connect_patiently(
    address: &ControlAddr,
    creds: &Arc<Credentials>,
    patience: Duration,
) -> Result<Channel, ControlError> {
    let give_up = Instant::now() + patience;
    let mut pause = FIRST_PAUSE;
    loop {
        // The stream is opened first, for an error that says why.
        let failed = match open(address, creds).await {
            Ok(stream) => {
                let mut ready = Some(stream);
                let once = tower::service_fn(move |_: Uri| {
                    let stream = ready.take().ok_or(std::io::ErrorKind::NotConnected);
                    async move { Ok::<_, std::io::Error>(TokioIo::new(stream?)) }
                });
                match endpoint().connect_with_connector(once).await {
                    Ok(channel) => return Ok(channel),
                    Err(error) => ControlError::Transport { address: address.to_text(), error },
                }
            }
            Err(error) => ControlError::Connect { address: address.to_text(), error },
        };
        if Instant::now() + pause > give_up {
            return Err(failed);
        }
        tracing::debug!("trying again: {failed}");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn endpoint() -> Endpoint {
    // The connector decides where to go; the URI is only the HTTP/2 authority.
    Endpoint::from_static("http://control")
        .connect_timeout(ATTEMPT)
        .http2_keep_alive_interval(Duration::from_secs(10))
        .keep_alive_timeout(Duration::from_secs(3))
        .keep_alive_while_idle(true)
}

/// What hyper takes for a connection.
type Opened = TokioIo<Box<dyn Stream>>;

fn connector(
    address: ControlAddr,
    creds: Arc<Credentials>,
) -> impl tower::Service<
    Uri,
    Response = Opened,
    Error = std::io::Error,
    Future = impl Future<Output = std::io::Result<Opened>> + Send,
> + Send
+ 'static {
    tower::service_fn(move |_: Uri| {
        let (address, creds) = (address.clone(), Arc::clone(&creds));
        async move { open(&address, &creds).await.map(TokioIo::new) }
    })
}

/// Opens a connection to the first address that answers.
async fn open(address: &ControlAddr, creds: &Credentials) -> Result<Box<dyn Stream>, std::io::Error> {
    let opening = async {
        let found = tokio::net::lookup_host((address.host.as_str(), address.port)).await?;
        let addresses: Vec<SocketAddr> = found.collect();
        let tcp = TcpStream::connect(&addresses[..]).await?;
        tcp.set_nodelay(true)?;
        Ok::<_, std::io::Error>(match &address.server {
            None => Box::new(tcp) as Box<dyn Stream>,
            Some(server) => Box::new(TlsConnector::from(creds.client()).connect(server.clone(), tcp).await?),
        })
    };
    match tokio::time::timeout(ATTEMPT, opening).await {
        Ok(opened) => opened,
        Err(_) => Err(std::io::ErrorKind::TimedOut.into()),
    }
}
