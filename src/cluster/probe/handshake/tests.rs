use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{ServerConfig, server::ResolvesServerCertUsingSni};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use super::*;

const NAME: &str = "web.emojivoto.serviceaccount.identity.linkerd.cluster.local";

/// A leaf for [`NAME`] with its issuer, long past their end: to be shown, not to be judged.
fn presented() -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let issuer = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![NAME.to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let leaf = params.signed_by(&key, &issuer).unwrap();
    let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
    (vec![leaf.der().clone(), issuer.der().clone()], key)
}

fn server() -> ServerConfig {
    let (chain, key) = presented();
    builder().with_no_client_auth().with_single_cert(chain, key).unwrap()
}

fn builder() -> rustls::ConfigBuilder<ServerConfig, rustls::WantsVerifier> {
    ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
}

fn serve(config: ServerConfig) -> DuplexStream {
    let (near, far) = tokio::io::duplex(64 * 1024);
    tokio::spawn(async move {
        if let Ok(mut stream) = TlsAcceptor::from(Arc::new(config)).accept(far).await {
            let _ = stream.write_all(b"hello").await;
            let _ = stream.shutdown().await;
        }
    });
    near
}

#[tokio::test]
async fn the_chain_is_read_and_the_connection_goes_on() {
    let config = server();
    let (mut stream, chain) = chain(serve(config), NAME).await.unwrap();
    assert_eq!(chain.len(), 2);
    let leaf = crate::pki::Certificate::parse(&chain[0]).unwrap();
    assert_eq!(leaf.dns_names(), [NAME]);
    let mut said = String::new();
    stream.read_to_string(&mut said).await.unwrap();
    assert_eq!(said, "hello");
}

#[tokio::test]
async fn a_second_handshake_presents_the_chain_again() {
    let config = server();
    for _ in 0..2 {
        assert_eq!(chain(serve(config.clone()), NAME).await.unwrap().1.len(), 2);
    }
}

#[tokio::test]
async fn a_proxy_without_a_leaf_refuses() {
    // What a proxy does until it has one (linkerd2-proxy, linkerd/meshtls/src/creds.rs, `watch`).
    let config = builder().with_no_client_auth().with_cert_resolver(Arc::new(ResolvesServerCertUsingSni::new()));
    let reason = chain(serve(config), NAME).await.unwrap_err();
    assert_eq!(reason, "it refuses the handshake, as a proxy does that has no leaf");
}

#[tokio::test]
async fn garbage_silence_and_a_closed_door_are_told_apart() {
    let (near, mut far) = tokio::io::duplex(1024);
    far.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    assert_eq!(chain(near, NAME).await.unwrap_err(), "it does not answer in TLS");

    let (near, far) = tokio::io::duplex(1024);
    drop(far);
    assert_eq!(chain(near, NAME).await.unwrap_err(), "it hangs up during the handshake");

    let (near, _far) = tokio::io::duplex(1024);
    assert!(timeout(Duration::from_millis(50), chain(near, NAME)).await.is_err());
}

#[tokio::test]
async fn a_name_that_is_none_is_not_tried() {
    let (near, _far) = tokio::io::duplex(1024);
    assert!(chain(near, "no name").await.unwrap_err().contains("no name"));
}
