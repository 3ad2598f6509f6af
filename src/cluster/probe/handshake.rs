//! A TLS handshake that reads the chain a server presents, and judges nothing: what is wrong with it is to be shown,
//! and `pki::verify` says what each verifier would make of it.

use std::{
    io,
    sync::{Arc, LazyLock},
};

use rustls::{
    AlertDescription, ClientConfig, DigitallySignedStruct, SignatureScheme,
    client::{
        Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring},
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// The chain that a server at the other end presents for `name`, as it came, and the connection to go on with.
///
/// A proxy answers on its admin port with TLS when the name is its own; with another name it takes the handshake for
/// HTTP and hangs up (linkerd2-proxy, linkerd/tls/src/server.rs, `DetectTls`). The client has to offer
/// `ECDSA_NISTP256_SHA256`, or it is given no certificate (linkerd/meshtls/src/creds/store.rs).
pub(super) async fn chain<S>(stream: S, name: &str) -> Result<(TlsStream<S>, Vec<CertificateDer<'static>>), String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let server_name = ServerName::try_from(name.to_owned()).map_err(|_| format!("`{name}` is no name for TLS"))?;
    let connector = TlsConnector::from(CONFIG.clone()?);
    let stream = connector.connect(server_name, stream).await.map_err(|error| explain(&error))?;
    let chain = stream.get_ref().1.peer_certificates().unwrap_or_default().to_vec();
    Ok((stream, chain))
}

static CONFIG: LazyLock<Result<Arc<ClientConfig>, String>> = LazyLock::new(config);

fn config() -> Result<Arc<ClientConfig>, String> {
    let provider = Arc::new(ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anything(provider)))
        .with_no_client_auth();
    // A resumed session presents no certificate.
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

fn explain(error: &io::Error) -> String {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match tls {
        // What rustls says without a certificate to present: so does a proxy that never got a leaf.
        Some(rustls::Error::AlertReceived(AlertDescription::AccessDenied | AlertDescription::HandshakeFailure)) => {
            "it refuses the handshake, as a proxy does that has no leaf".to_owned()
        }
        Some(rustls::Error::AlertReceived(alert)) => format!("it refuses the handshake ({alert:?})"),
        Some(rustls::Error::InvalidMessage(_)) => "it does not answer in TLS".to_owned(),
        Some(other) => format!("the handshake fails: {other}"),
        None => match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => {
                "it hangs up during the handshake".to_owned()
            }
            _ => format!("the handshake fails: {error}"),
        },
    }
}

/// Accepts every certificate and every signature.
#[derive(Debug)]
struct Anything(Arc<CryptoProvider>);

impl ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests;
