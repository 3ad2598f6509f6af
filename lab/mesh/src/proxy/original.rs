//! Where a redirected connection was meant to go.

use std::io;
use std::net::SocketAddr;

use socket2::SockRef;
use tokio::net::TcpStream;

#[derive(Clone, Copy, Debug)]
pub(crate) enum OriginalDestination {
    /// Asked from the kernel (`SO_ORIGINAL_DST`), which remembers what iptables rewrote.
    Socket,
    /// The same for every connection, where nothing was rewritten.
    #[cfg(test)]
    Fixed(SocketAddr),
}

impl OriginalDestination {
    /// The original destination; an error where the connection was made to the proxy's own port.
    pub(crate) fn of(self, stream: &TcpStream) -> io::Result<SocketAddr> {
        match self {
            Self::Socket => {
                let original =
                    SockRef::from(stream).original_dst_v4()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
                // Forwarding this would come back here for ever.
                if original == stream.local_addr()? {
                    return Err(io::ErrorKind::AddrNotAvailable.into());
                }
                Ok(original)
            }
            #[cfg(test)]
            Self::Fixed(address) => Ok(address),
        }
    }
}
