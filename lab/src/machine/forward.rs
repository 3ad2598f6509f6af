//! The process behind `lab forward`: accepts on a socket it was given, connects in the network it runs in.

use std::net::TcpListener as StdListener;
use std::os::fd::AsFd;

use tokio::io::copy_bidirectional_with_sizes;
use tokio::net::{TcpListener, TcpStream};

use crate::error::{Error, Result};

/// Enough for a large list to pass in few steps.
const BUFFER: usize = 256 * 1024;

/// Carries connections from the listening socket on stdin to `to`, and from the same port inside, for ever.
///
/// The second listener makes the kubeconfig that names the port work on both sides.
pub async fn forward(to: &str) -> Result<()> {
    let given = std::io::stdin().as_fd().try_clone_to_owned().map_err(Error::io("taking the socket on stdin"))?;
    let given = StdListener::from(given);
    let port = given.local_addr().map_err(Error::io("stdin is not a listening socket"))?.port();
    given.set_nonblocking(true).map_err(Error::io("preparing the socket on stdin"))?;
    let outside = TcpListener::from_std(given).map_err(Error::io("listening on stdin"))?;
    let inside = TcpListener::bind(("127.0.0.1", port)).await.map_err(Error::io("listening inside"))?;
    tokio::try_join!(carry(outside, to), carry(inside, to)).map(drop)
}

async fn carry(listener: TcpListener, to: &str) -> Result<()> {
    loop {
        // Failures to accept are those of one connection, or of too many open files: later ones may do better.
        let Ok((mut near, _)) = listener.accept().await else {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            continue;
        };
        let to = to.to_owned();
        tokio::spawn(async move {
            let Ok(mut far) = TcpStream::connect(&to).await else { return };
            let _ = (near.set_nodelay(true), far.set_nodelay(true));
            let _ = copy_bidirectional_with_sizes(&mut near, &mut far, BUFFER, BUFFER).await;
        });
    }
}
