//! Tells a TLS `ClientHello` from anything else without consuming it
//! (linkerd2-proxy linkerd/tls/src/server.rs).

use std::io;
use std::time::Duration;

use rustls::server::Acceptor;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout_at};

/// A `ClientHello` of a proxy is about 300 bytes; others may be longer.
const LONGEST_HELLO: usize = 8192;
const LOOK_AGAIN: Duration = Duration::from_millis(5);

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum First {
    /// No TLS, or nothing said in time.
    Plain,
    /// A `ClientHello`, with the server name it asks for.
    Hello(Option<String>),
    /// More bytes are needed to tell.
    Incomplete,
}

/// Looks at the connection's first bytes, for at most `patience`.
pub(crate) async fn first(stream: &TcpStream, patience: Duration) -> io::Result<First> {
    let until = Instant::now() + patience;
    let mut buffer = vec![0; LONGEST_HELLO];
    loop {
        let Ok(peeked) = timeout_at(until, stream.peek(&mut buffer)).await else {
            return Ok(First::Plain);
        };
        let length = peeked?;
        match parse(&buffer[..length]) {
            First::Incomplete if length == 0 || Instant::now() > until => return Ok(First::Plain),
            First::Incomplete => sleep(LOOK_AGAIN).await,
            told => return Ok(told),
        }
    }
}

/// What the bytes are the beginning of.
pub(crate) fn parse(bytes: &[u8]) -> First {
    // A handshake record of some TLS version; else there is no use in parsing.
    match bytes {
        [] | [22] => return First::Incomplete,
        [22, 3, ..] if bytes.len() < LONGEST_HELLO => {}
        _ => return First::Plain,
    }
    let mut acceptor = Acceptor::default();
    let mut unread = bytes;
    while !unread.is_empty() {
        if acceptor.read_tls(&mut unread).is_err() {
            return First::Plain;
        }
        match acceptor.accept() {
            Ok(Some(accepted)) => {
                let name = accepted.client_hello().server_name().map(str::to_owned);
                return First::Hello(name);
            }
            Ok(None) => {}
            Err(_) => return First::Plain,
        }
    }
    First::Incomplete
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::{ClientConfig, ClientConnection, RootCertStore};
    use std::sync::Arc;

    fn hello(name: &str) -> Vec<u8> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        let name = name.to_owned().try_into().unwrap();
        let mut bytes = Vec::new();
        ClientConnection::new(Arc::new(config), name).unwrap().write_tls(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn finds_the_server_name() {
        let name = "default.emojivoto.serviceaccount.identity.linkerd.cluster.local";
        let bytes = hello(name);
        assert_eq!(parse(&bytes), First::Hello(Some(name.into())));
        for cut in [0, 1, 5, bytes.len() - 1] {
            assert_eq!(parse(&bytes[..cut]), First::Incomplete, "first {cut} bytes");
        }
    }

    #[test]
    fn anything_else_is_plain() {
        assert_eq!(parse(b"GET / HTTP/1.1\r\n"), First::Plain);
        assert_eq!(parse(b"PRI * HTTP/2.0"), First::Plain);
        assert_eq!(parse(&[22, 3, 1, 0, 4, 9, 0, 0, 0]), First::Plain);
    }
}
