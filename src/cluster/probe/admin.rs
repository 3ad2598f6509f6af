//! HTTP to the proxy's admin server: `/env.json` and `/metrics` on one connection.

use std::time::Duration;

use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Empty};
use hyper::{
    body::{Bytes, Incoming},
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, timeout_at},
};

use super::too_long;

/// What a proxy says of itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Said {
    /// The text of its trust bundle, or why it does not tell.
    pub(super) bundle: Result<String, String>,
    /// Leafs that it was offered and did not take.
    pub(super) failed_refreshes: Option<u64>,
}

/// The environment cannot hold more in one variable (`MAX_ARG_STRLEN` of Linux is 128 KiB); JSON adds its escapes.
const MOST_ENV: usize = 512 * 1024;

/// A busy proxy has some MB of metrics, and those of its certificate come last.
const MOST_METRICS: usize = 16 * 1024 * 1024;

/// How long they may take.
const PER_METRICS: Duration = Duration::from_secs(2);

/// How long before its end a question is answered with what there is.
const MARGIN: Duration = Duration::from_millis(100);

/// `env.json` takes the names of variables as its query, and answers without them with the whole environment
/// (linkerd2-proxy, linkerd/app/admin/src/server.rs, `env_rsp`).
const ENV: &str = "/env.json?LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS";

/// Asks the proxy at the other end of `stream`. Its bundle has to be told by `bundle_by`; its metrics, which a gateway has
/// many MB of, are waited for no longer than [`PER_METRICS`] nor until `end`, and left out where they take longer.
///
/// # Errors
/// When it does not answer in HTTP or in time, or refuses.
pub(super) async fn ask<S>(stream: S, bundle_by: Instant, end: Instant) -> Result<Said, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    let conversation = async {
        let told = async { bundle(get(&mut sender, ENV).await?).await };
        let bundle = timeout_at(bundle_by, told).await.map_err(|_| too_long())??;
        // Whoever waits for all of this gives up at `end`, and the bundle with it.
        let metrics_by = (Instant::now() + PER_METRICS).min(end - MARGIN);
        let counted = async { failed_refreshes(get(&mut sender, "/metrics").await.ok()?).await };
        let failed_refreshes = timeout_at(metrics_by, counted).await.ok().flatten();
        Ok(Said { bundle, failed_refreshes })
    };
    tokio::pin!(conversation);
    tokio::select! {
        said = &mut conversation => said,
        // The connection may end before its last answer is read.
        _ = connection => conversation.await,
    }
}

async fn get(sender: &mut SendRequest<Empty<Bytes>>, path: &str) -> Result<Incoming, String> {
    sender.ready().await.map_err(|error| unanswered(&error))?;
    let request = Request::get(path)
        .header(header::HOST, "localhost")
        .header(header::ACCEPT, "application/json, text/plain, */*")
        .body(Empty::new())
        .map_err(|error| error.to_string())?;
    let response = sender.send_request(request).await.map_err(|error| unanswered(&error))?;
    match response.status() {
        StatusCode::OK => Ok(response.into_body()),
        // The inbound policy guards the admin port as well; only its probes are always allowed.
        status @ (StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED) => {
            Err(format!("the proxy's inbound policy refuses {} ({status})", path_only(path)))
        }
        StatusCode::NOT_FOUND => Err(format!("the proxy does not serve {} (it may be too old)", path_only(path))),
        status => Err(format!("{} answers {status}", path_only(path))),
    }
}

fn path_only(path: &str) -> &str {
    path.split('?').next().unwrap_or(path)
}

fn unanswered(error: &hyper::Error) -> String {
    if error.is_parse() { "it does not answer in HTTP".to_owned() } else { "it hangs up without an answer".to_owned() }
}

/// The outer error is one of the connection.
async fn bundle(mut body: Incoming) -> Result<Result<String, String>, String> {
    let mut text = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| unanswered(&error))?;
        text.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
        if text.len() > MOST_ENV {
            return Ok(Err("/env.json answers with more than an environment can hold".to_owned()));
        }
    }
    Ok(anchors(&text))
}

#[derive(Deserialize)]
struct Environment {
    #[serde(rename = "LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS")]
    anchors: Option<String>,
}

fn anchors(json: &[u8]) -> Result<String, String> {
    let environment: Environment =
        serde_json::from_slice(json).map_err(|_| "/env.json answers with something else than JSON".to_owned())?;
    environment.anchors.ok_or_else(|| "the proxy has no LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS".to_owned())
}

async fn failed_refreshes(mut body: Incoming) -> Option<u64> {
    let mut metrics = Metrics::default();
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.ok()?;
        let data = frame.data_ref()?;
        read += data.len();
        if metrics.take(data) || read > MOST_METRICS {
            break;
        }
    }
    metrics.failed
}

/// Looks for one sample in metrics as they come, and keeps no more than a line of them.
#[derive(Default)]
struct Metrics {
    line: Vec<u8>,
    failed: Option<u64>,
}

impl Metrics {
    /// Takes the next part; whether the sample was found.
    fn take(&mut self, part: &[u8]) -> bool {
        let mut lines = part.split(|&byte| byte == b'\n');
        let Some(first) = lines.next() else { return false };
        self.keep(first);
        for next in lines {
            self.failed = self.failed.or_else(|| failed(&self.line));
            self.line.clear();
            self.keep(next);
        }
        self.failed.is_some()
    }

    /// The sample's line is short; of longer ones the rest does not matter.
    fn keep(&mut self, part: &[u8]) {
        const MOST: usize = 256;
        let room = MOST.saturating_sub(self.line.len());
        self.line.extend_from_slice(&part[..part.len().min(room)]);
    }
}

/// `control_identity_cert_refreshes_total{result="error"} 3` (linkerd2-proxy, linkerd/identity/src/metrics.rs). Proxies
/// before it counted what they took (`identity_cert_refresh_count`) and not what they refused.
fn failed(line: &[u8]) -> Option<u64> {
    let line = std::str::from_utf8(line).ok()?;
    let (name, rest) = line.split_once('{')?;
    let (labels, value) = rest.rsplit_once('}')?;
    if !name.ends_with("identity_cert_refreshes_total") || !labels.split(',').any(|label| label == "result=\"error\"") {
        return None;
    }
    value.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    /// A server that gives these answers, one a request, and then hangs up.
    async fn answers(answers: &[&str]) -> Result<Said, String> {
        let (near, mut far) = tokio::io::duplex(64 * 1024);
        let answers: Vec<String> = answers.iter().map(ToString::to_string).collect();
        let server = tokio::spawn(async move {
            let mut asked = Vec::new();
            for answer in answers {
                let mut request = [0; 1024];
                let length = far.read(&mut request).await.unwrap();
                asked.push(String::from_utf8_lossy(&request[..length]).into_owned());
                far.write_all(answer.as_bytes()).await.unwrap();
            }
            asked
        });
        let end = Instant::now() + Duration::from_secs(5);
        let said = ask(near, end, end).await;
        let asked = server.await.unwrap();
        assert!(asked[0].starts_with("GET /env.json?LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS HTTP/1.1\r\n"), "{asked:?}");
        assert!(asked[0].contains("accept: application/json"), "{asked:?}");
        said
    }

    fn ok(body: &str) -> String {
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    }

    const ENVIRONMENT: &str = r#"{"LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS":"-----BEGIN"}"#;

    #[tokio::test]
    async fn bundle_and_metrics_over_one_connection() {
        let metrics = "# TYPE control_identity_cert_refreshes counter\n\
                       control_identity_cert_refreshes_total{result=\"ok\"} 7\n\
                       control_identity_cert_refreshes_total{result=\"error\"} 3\n# EOF\n";
        let said = answers(&[&ok(ENVIRONMENT), &ok(metrics)]).await.unwrap();
        assert_eq!(said, Said { bundle: Ok("-----BEGIN".to_owned()), failed_refreshes: Some(3) });
    }

    #[tokio::test]
    async fn a_server_that_closes_after_one_answer_has_told_the_bundle() {
        let closing = ok(ENVIRONMENT).replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n");
        let said = answers(&[&closing]).await.unwrap();
        assert_eq!(said, Said { bundle: Ok("-----BEGIN".to_owned()), failed_refreshes: None });
    }

    #[tokio::test]
    async fn refusals_are_told() {
        let forbidden = answers(&["HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n"]).await.unwrap_err();
        assert!(forbidden.contains("policy"), "{forbidden}");
        let old = answers(&["HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"]).await.unwrap_err();
        assert!(old.contains("too old"), "{old}");
        assert_eq!(answers(&["\u{16}\u{3}\u{1} what?\r\n\r\n"]).await.unwrap_err(), "it does not answer in HTTP");
        assert_eq!(answers(&[""]).await.unwrap_err(), "it hangs up without an answer");
    }

    #[tokio::test]
    async fn what_is_not_an_environment_is_told() {
        let bundle = async |body: &str| answers(&[&ok(body), &ok("")]).await.unwrap().bundle.unwrap_err();
        assert!(bundle(r#"{"LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS":null}"#).await.contains("has no LINKERD2"));
        assert!(bundle("{}").await.contains("has no LINKERD2"));
        assert!(bundle("<html>").await.contains("something else than JSON"));
    }

    #[test]
    fn metrics_may_be_cut_anywhere() {
        let text = b"long{x=\"y\"} 1\ncontrol_identity_cert_refreshes_total{result=\"error\",a=\"b\"} 12\nmore 1\n";
        for cut in 0..text.len() {
            let mut metrics = Metrics::default();
            metrics.take(&text[..cut]);
            metrics.take(&text[cut..]);
            assert_eq!(metrics.failed, Some(12), "cut at {cut}");
        }
        let mut long = Metrics::default();
        assert!(!long.take(&vec![b'x'; 1 << 20]));
        assert!(long.line.capacity() < 1024);
    }
}
