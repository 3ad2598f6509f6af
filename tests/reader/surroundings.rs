//! API servers that misbehave: what still can be read is read, and the rest says why not.

use std::time::Duration;

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
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, answer));
        }
    });
    let kubeconfig = json!({
        "clusters": [{"name": "c", "cluster": {"server": server}}], "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "test", "context": {"cluster": "c", "user": "u"}}], "current-context": "test",
    });
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), kubeconfig.to_string()).unwrap();
    let connect = Connect {
        kubeconfig: Some(file.path().to_owned()),
        request_timeout: Some(Duration::from_secs(1)),
        ..Connect::default()
    };
    let what = Observe { control_plane_namespace: Some("linkerd".to_owned()), probe: ProbeScope::None };
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
