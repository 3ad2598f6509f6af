//! API servers that misbehave: what still can be read is read, and the rest says why not.

use std::{net::SocketAddr, time::Duration};

use linkerd_certs::{
    cluster::{Cluster, Connect, Error, Observe},
    mesh::ProbeScope,
    snapshot::Snapshot,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::{
    fixtures::{Recorded, folder},
    protobuf,
};

/// What the server does with a request.
enum Answer {
    Json(Value),
    Protobuf(Vec<u8>),
    /// Says how long the body is and hangs up in the middle of it.
    Half(Vec<u8>),
    /// A status without more.
    Status(u16),
    /// Accepts and never answers.
    Silence,
    /// Hangs up.
    Nothing,
}

/// Reads from a server that answers as `answer` says by path and accepted type.
async fn observe(answer: fn(&str, &str) -> Answer) -> Result<Snapshot, Error> {
    let server = format!("http://{}", start(answer).await);
    observe_cluster(&json!({"server": server}), None).await
}

async fn start(answer: fn(&str, &str) -> Answer) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, answer));
        }
    });
    address
}

/// Reads from the cluster that a kubeconfig describes so, as `check -n` does.
async fn observe_cluster(cluster: &Value, namespace: Option<&str>) -> Result<Snapshot, Error> {
    let kubeconfig = json!({
        "clusters": [{"name": "c", "cluster": cluster}], "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "test", "context": {"cluster": "c", "user": "u"}}], "current-context": "test",
    });
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), kubeconfig.to_string()).unwrap();
    let connect = Connect {
        kubeconfig: Some(file.path().to_owned()),
        request_timeout: Some(Duration::from_secs(1)),
        ..Connect::default()
    };
    let what = Observe {
        control_plane_namespace: Some("linkerd".to_owned()),
        namespace: namespace.map(str::to_owned),
        probe: ProbeScope::None,
    };
    Cluster::connect(&connect).await?.observe(&what, "2026-11-21T12:00:00Z".parse().unwrap()).await
}

async fn serve(mut stream: TcpStream, answer: fn(&str, &str) -> Answer) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read_exact(&mut byte).await.is_err() {
            return;
        }
        request.push(byte[0]);
    }
    let request = String::from_utf8(request).unwrap();
    let path = request.split(' ').nth(1).unwrap();
    let accepts = request.lines().find_map(|line| line.strip_prefix("accept: ")).unwrap_or_default();
    let (status, kind, body, sent) = match answer(path, accepts) {
        Answer::Json(value) => (200, "application/json", value.to_string().into_bytes(), usize::MAX),
        Answer::Protobuf(body) => (200, "application/vnd.kubernetes.protobuf", body, usize::MAX),
        Answer::Half(body) => (200, "application/vnd.kubernetes.protobuf", body.clone(), body.len() / 2),
        Answer::Status(status) => (status, "text/plain", Vec::new(), 0),
        Answer::Silence => return std::future::pending().await,
        Answer::Nothing => return,
    };
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(&body[..sent.min(body.len())]).await;
}

fn pods() -> Vec<Value> {
    folder("healthy").map(|folder| Recorded::of(&folder).lists["pods"].clone()).unwrap_or_default()
}

/// A version, and a control plane that is nothing but its trust roots.
fn basics(path: &str) -> Answer {
    match path {
        "/version" => Answer::Json(json!({
            "major": "1", "minor": "34", "gitVersion": "v1.34.4", "gitCommit": "", "gitTreeState": "", "buildDate": "",
            "goVersion": "", "compiler": "", "platform": "",
        })),
        _ if path.ends_with("/linkerd-identity-trust-roots") => Answer::Json(json!({"data": {"ca-bundle.crt": ""}})),
        _ => Answer::Status(404),
    }
}

fn is_pods(path: &str) -> bool {
    path.starts_with("/api/v1/pods?")
}

#[tokio::test]
async fn a_list_that_breaks_off_half_way() {
    let snapshot = observe(|path, _| if is_pods(path) { Answer::Half(protobuf::list(&pods())) } else { basics(path) });
    let snapshot = snapshot.await.unwrap();
    let reason = snapshot.mesh.hidden().unwrap();
    assert!(reason.starts_with("the list of pods broke off after "), "{reason}");
    assert!(snapshot.trust_roots.found().is_some());
    assert_eq!(snapshot.cluster.version.as_deref(), Some("v1.34.4"));
}

#[tokio::test]
async fn a_server_that_does_not_speak_protobuf() {
    let pages = |path: &str, accepts: &str| {
        if !is_pods(path) {
            return basics(path);
        }
        if accepts.contains("protobuf") {
            return Answer::Status(406);
        }
        let pods = pods();
        let (first, second) = pods.split_at(pods.len() / 2);
        if path.contains("continue=more") {
            Answer::Json(json!({"metadata": {}, "items": second}))
        } else {
            Answer::Json(json!({"metadata": {"continue": "more"}, "items": first}))
        }
    };
    let paged = observe(pages).await.unwrap();
    let whole = observe(|path, _| if is_pods(path) { Answer::Protobuf(protobuf::list(&pods())) } else { basics(path) });
    assert!(paged.mesh.found().is_some());
    assert_eq!(paged.mesh, whole.await.unwrap().mesh);
}

#[tokio::test]
async fn a_source_that_is_refused_or_never_answered() {
    let snapshot = observe(|path, _| match path {
        _ if is_pods(path) => Answer::Status(403),
        _ if path.ends_with("/linkerd-config") => Answer::Silence,
        _ if path.ends_with("/linkerd-identity-issuer") => Answer::Nothing,
        _ if path.contains("mutatingwebhook") => Answer::Json(json!(["not a list"])),
        _ if path.contains("validatingwebhook") => Answer::Status(500),
        _ => basics(path),
    });
    let snapshot = snapshot.await.unwrap();
    assert_eq!(snapshot.mesh.hidden(), Some("list pods in all namespaces"));
    for (hidden, expected) in [
        (snapshot.config.hidden(), "no answer in time"),
        (snapshot.issuer.hidden(), "no answer from the API server"),
        (snapshot.webhooks.hidden(), "cannot be understood"),
    ] {
        assert!(hidden.unwrap().contains(expected), "{hidden:?}");
    }
    assert!(snapshot.links.is_missing());
}

#[tokio::test]
async fn a_server_that_is_gone_after_the_first_word() {
    let error = observe(|path, _| if path == "/version" { basics(path) } else { Answer::Nothing }).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    let error =
        observe(|path, _| if path == "/version" { basics(path) } else { Answer::Status(401) }).await.unwrap_err();
    assert!(matches!(error, Error::Unauthorized { .. }), "{error}");
    let error = observe(|path, _| match path {
        "/version" => basics(path),
        _ if path.starts_with("/api/v1/namespaces?") => Answer::Json(json!({"items": null})),
        _ => Answer::Nothing,
    });
    let error = error.await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
}

/// Reads up to the end of a request's head and answers its first line.
async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap().lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn the_kubeconfig_s_proxy_is_the_only_way() {
    let server = start(|path, _| basics(path)).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                // Only a proxy knows where this is.
                assert_eq!(head(&mut stream).await, "CONNECT api.mesh.invalid:6443 HTTP/1.1");
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                let mut server = TcpStream::connect(server).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut server).await;
            });
        }
    });
    let cluster = json!({"server": "http://api.mesh.invalid:6443", "proxy-url": proxy});
    assert!(observe_cluster(&cluster, None).await.unwrap().trust_roots.found().is_some());
}

#[tokio::test]
async fn a_proxy_of_socks() {
    let server = start(|path, _| basics(path)).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = format!("socks5://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                // RFC 1928: a greeting without authentication, then CONNECT to a name.
                let mut greeting = [0; 3];
                stream.read_exact(&mut greeting).await.unwrap();
                assert_eq!(greeting, [5, 1, 0]);
                stream.write_all(&[5, 0]).await.unwrap();
                let mut request = [0; 4 + 1 + 16 + 2];
                stream.read_exact(&mut request).await.unwrap();
                assert_eq!(&request[..21], b"\x05\x01\x00\x03\x10api.mesh.invalid");
                stream.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 1]).await.unwrap();
                let mut server = TcpStream::connect(server).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut server).await;
            });
        }
    });
    let cluster = json!({"server": "http://api.mesh.invalid:6443", "proxy-url": proxy});
    assert!(observe_cluster(&cluster, None).await.unwrap().trust_roots.found().is_some());
}

#[tokio::test]
async fn a_proxy_that_refuses() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            head(&mut stream).await;
            let _ = stream.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await;
        }
    });
    let cluster = json!({"server": "http://api.mesh.invalid:6443", "proxy-url": proxy});
    let error = observe_cluster(&cluster, None).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("http://api.mesh.invalid:6443 through the proxy 127.0.0.1:"), "{error}");
}

#[tokio::test]
async fn pods_of_one_namespace_where_those_of_all_are_refused() {
    let server = start(|path, accepts| match path.split('?').next().unwrap_or_default() {
        "/api/v1/pods" => Answer::Status(403),
        "/api/v1/namespaces/linkerd/pods" if accepts.contains("protobuf") => {
            let own = pods().into_iter().filter(|pod| pod["metadata"]["namespace"] == "linkerd");
            Answer::Protobuf(protobuf::list(&own.collect::<Vec<_>>()))
        }
        "/api/v1/namespaces/emojivoto/pods" => {
            let theirs = pods().into_iter().filter(|pod| pod["metadata"]["namespace"] == "emojivoto");
            Answer::Json(json!({"metadata": {}, "items": theirs.collect::<Vec<_>>()}))
        }
        _ => basics(path),
    });
    let cluster = json!({"server": format!("http://{}", server.await)});
    let snapshot = observe_cluster(&cluster, Some("emojivoto")).await.unwrap();
    let mesh = snapshot.mesh.found().unwrap();
    assert_eq!(mesh.only, ["linkerd", "emojivoto"]);
    let whole = observe(|path, _| if is_pods(path) { Answer::Protobuf(protobuf::list(&pods())) } else { basics(path) });
    assert_eq!(mesh.workloads, whole.await.unwrap().mesh.found().unwrap().workloads);
}
