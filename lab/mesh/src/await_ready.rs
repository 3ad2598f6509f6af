//! `linkerd-await`: holds a container back until the sidecar beside it is ready.
//!
//! The injector adds it as `postStart` hook of an ordinary sidecar when `proxy.await` is set.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::flags::Flags;
use crate::role::Failure;

pub(crate) async fn run(flags: Flags) -> Result<(), Failure> {
    let port = flags.text_or("port", "4191").parse()?;
    let patience = flags.duration_or("timeout", Duration::from_mins(2));
    let ready = async {
        while !is_ready(port).await {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(patience, ready)
        .await
        .map_err(|_| format!("the proxy on port {port} was not ready within {patience:?}").into())
}

async fn is_ready(port: u16) -> bool {
    let asked = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(b"GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok::<_, std::io::Error>(answer.starts_with(b"HTTP/1.1 200"))
    };
    matches!(timeout(Duration::from_secs(1), asked).await, Ok(Ok(true)))
}
