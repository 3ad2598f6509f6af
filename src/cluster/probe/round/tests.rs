use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use rustls::{ServerConfig, crypto::ring};
use rustls_pki_types::PrivatePkcs8KeyDer;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::cluster::probe::{ADMIN_PORT, tunnel::Tunnel};

const IDENTITY: &str = "sa.ns.serviceaccount.identity.linkerd.cluster.local";

/// Pods that behave as their names say.
struct Pods {
    tls: Arc<ServerConfig>,
    /// The leaf as PEM: it does for a bundle as well.
    pem: String,
    opened: AtomicUsize,
}

impl Pods {
    fn new() -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let leaf = rcgen::CertificateParams::new(vec![IDENTITY.to_owned()]).unwrap().self_signed(&key).unwrap();
        let tls = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())
            .unwrap();
        Self { tls: Arc::new(tls), pem: leaf.pem(), opened: AtomicUsize::new(0) }
    }
}

impl Doors for Pods {
    async fn open(&self, pod: &PodRef, port: u16) -> Result<Tunnel, NoTunnel> {
        assert_eq!(port, ADMIN_PORT);
        self.opened.fetch_add(1, Ordering::Relaxed);
        let (near, mut far) = tokio::io::duplex(64 * 1024);
        let kind = pod.name.split('-').next().unwrap_or_default().to_owned();
        match kind.as_str() {
            "gone" | "strange" => return Err(NoTunnel::Failed("sandbox container is not running".to_owned())),
            "forbidden" => return Err(NoTunnel::Forbidden(format!("forbidden in {}", pod.namespace))),
            "closed" => return Ok(Tunnel::to(near, Some("connect: connection refused"))),
            _ => {}
        }
        let (tls, pem) = (self.tls.clone(), self.pem.clone());
        tokio::spawn(async move {
            let mut first = [0];
            if kind == "hangs" || far.read(&mut first).await.unwrap() == 0 {
                std::future::pending::<()>().await;
            }
            let is_tls = first == [0x16];
            let (read, write) = tokio::io::split(far);
            let mut stream = tokio::io::join(std::io::Cursor::new(first).chain(read), write);
            match kind.as_str() {
                "mute" if is_tls => std::future::pending::<()>().await,
                "leafless" if is_tls => stream.write_all(&[21, 3, 3, 0, 2, 2, 49]).await.unwrap(),
                "half" if is_tls => drop(TlsAcceptor::from(tls).accept(stream).await),
                _ if is_tls => serve(TlsAcceptor::from(tls).accept(stream).await.unwrap(), &pem, kind == "busy").await,
                _ => serve(stream, &pem, kind == "busy").await,
            }
        });
        Ok(Tunnel::to(near, None))
    }

    async fn is_going(&self, pod: &PodRef) -> bool {
        pod.name.starts_with("gone")
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, pem: &str, busy: bool) {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    while stream.read_line(&mut line).await.is_ok_and(|length| length > 0) {
        if line.ends_with("\r\n\r\n") {
            let body = if line.contains("/env.json") {
                serde_json::json!({"LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS": pem}).to_string()
            } else if busy {
                std::future::pending().await
            } else {
                "control_identity_cert_refreshes_total{result=\"error\"} 1\n".to_owned()
            };
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.flush().await.unwrap();
            line.clear();
        }
    }
}

fn targets(pods: &[(&str, &str)]) -> Vec<Target> {
    let target = |(group, (namespace, name)): (usize, &(&str, &str))| Target {
        pod: PodRef { namespace: (*namespace).to_owned(), name: (*name).to_owned() },
        workload: 0,
        group,
        identity: IDENTITY.into(),
        port: ADMIN_PORT,
    };
    pods.iter().enumerate().map(target).collect()
}

async fn ask(names: &[(&str, &str)]) -> (Vec<Probe>, usize) {
    let pods = Pods::new();
    let probes = Round::new(&pods, Known::default()).ask_all(targets(names)).await;
    (probes, pods.opened.into_inner())
}

#[tokio::test]
async fn one_connection_is_enough_for_a_sound_proxy() {
    let (probes, opened) = ask(&[("ns", "sound")]).await;
    let admin = probes[0].answer.as_ref().unwrap();
    assert_eq!(admin.chain.as_ref().unwrap()[0].dns_names(), [IDENTITY]);
    assert_eq!(admin.bundle.as_ref().unwrap().certificates.len(), 1);
    assert_eq!((admin.failed_refreshes, opened), (Some(1), 1));
}

#[tokio::test(start_paused = true)]
async fn metrics_that_take_too_long_do_not_cost_the_bundle() {
    let begin = Instant::now();
    let (probes, opened) = ask(&[("ns", "busy")]).await;
    let admin = probes[0].answer.as_ref().unwrap();
    assert!(admin.chain.is_ok() && admin.bundle.is_ok(), "{admin:?}");
    assert_eq!((admin.failed_refreshes, opened, begin.elapsed().as_secs()), (None, 1, 2));
}

#[tokio::test(start_paused = true)]
async fn what_a_proxy_can_say_is_had_by_a_second_connection() {
    let (probes, opened) = ask(&[("ns", "leafless"), ("ns", "half"), ("ns", "mute")]).await;
    let chains: Vec<_> = probes.iter().map(|probe| probe.answer.as_ref().unwrap().chain.clone()).collect();
    assert_eq!(chains[0], Err("it refuses the handshake, as a proxy does that has no leaf".to_owned()));
    assert_eq!(chains[1].as_ref().map(Vec::len), Ok(1));
    assert_eq!(chains[2], Err("no handshake within 2 s".to_owned()));
    assert!(probes.iter().all(|probe| probe.answer.as_ref().is_ok_and(|admin| admin.bundle.is_ok())), "{probes:?}");
    assert_eq!(opened, 6);
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_says_nothing_takes_its_time_and_no_more() {
    let begin = Instant::now();
    let (probes, _) = ask(&[("ns", "hangs"), ("ns", "closed"), ("ns", "strange"), ("ns", "sound")]).await;
    assert_eq!(begin.elapsed().as_secs(), PER_POD.as_secs());
    let hangs = probes[0].answer.as_ref().unwrap();
    assert_eq!(hangs.bundle, Err("no answer within 5 s".to_owned()));
    assert_eq!(probes[1].answer, Err("nothing listens on port 4191".to_owned()));
    assert_eq!(probes[2].answer, Err("sandbox container is not running".to_owned()));
    assert_eq!(probes.iter().map(|probe| probe.group).collect::<Vec<_>>(), [0, 1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_goes_while_it_is_asked_is_no_silent_one() {
    let (probes, _) = ask(&[("ns", "sound"), ("ns", "gone"), ("ns", "strange")]).await;
    assert_eq!(probes.iter().map(|probe| probe.pod.name.as_str()).collect::<Vec<_>>(), ["sound", "strange"]);
}

#[tokio::test(start_paused = true)]
async fn a_forbidden_namespace_is_told_once() {
    let many: Vec<_> = (0..300).map(|number| format!("forbidden-{number}")).collect();
    let mut names = vec![("other", "sound")];
    names.extend(many.iter().map(|name| ("ns", name.as_str())));
    let (probes, opened) = ask(&names).await;
    assert_eq!(probes.len(), 2);
    assert!(probes[0].answer.is_ok());
    assert_eq!((probes[1].pod.name.as_str(), &probes[1].answer), ("forbidden-0", &Err("forbidden in ns".to_owned())));
    assert!(opened <= 2 * AT_ONCE, "{opened}");
}

#[tokio::test(start_paused = true)]
async fn all_of_them_have_their_end() {
    let many: Vec<_> = (0..30 * AT_ONCE).map(|number| format!("hangs-{number}")).collect();
    let names: Vec<_> = many.iter().map(|name| ("ns", name.as_str())).collect();
    let begin = Instant::now();
    let (probes, _) = ask(&names).await;
    assert_eq!(begin.elapsed(), ALTOGETHER);
    assert_eq!(probes.len(), many.len());
    assert_eq!(probes.last().unwrap().answer, Err("not asked: the others took 120 s".to_owned()));
}
