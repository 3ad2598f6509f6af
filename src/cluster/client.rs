//! The way to one cluster: which one, as whom, and how long an answer may take.

mod failure;
mod kubeconfig;
mod proxy;

use std::{io, path::PathBuf, time::Duration};

use http::{HeaderValue, Request, Uri, header};
use http_body_util::BodyExt as _;
use jiff::{Timestamp, fmt::rfc2822};
use kube::{Client, Config, client::Body};
use tokio::time::timeout;

use self::failure::Destination;
use super::error::Error;
use crate::snapshot;

/// How to reach the cluster: kubectl's own flags.
#[derive(Clone, Debug, Default)]
pub struct Connect {
    /// `--kubeconfig`: this file and no other.
    pub kubeconfig: Option<PathBuf>,
    /// `--context`.
    pub context: Option<String>,
    /// `--as`: the user to impersonate.
    pub user: Option<String>,
    /// `--as-group`: the groups to impersonate.
    pub groups: Vec<String>,
    /// `--request-timeout`: how long one request may take; zero for as long as it likes.
    pub request_timeout: Option<Duration>,
}

/// A cluster that answered.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
    destination: Destination,
    request_timeout: Option<Duration>,
    about: snapshot::Cluster,
}

/// An absent server is told within this, however long a request may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(8);

/// For requests, and for the time in which a stream says nothing, where the user does not set it.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

impl Cluster {
    /// Connects as kubectl would, and asks the server for its version.
    ///
    /// # Errors
    /// When there is no usable kubeconfig, or the server does not answer, or does not accept the user.
    pub async fn connect(connect: &Connect) -> Result<Self, Error> {
        let kubeconfig::Chosen { mut config, context } = kubeconfig::choose(connect).await?;
        let mut server = config.cluster_url.to_string().trim_end_matches('/').to_owned();
        if let Some(proxy) = config.proxy_url.as_ref() {
            server.push_str(&through(proxy));
        }
        let plugin = config.auth_info.exec.as_ref().and_then(|plugin| plugin.command.clone());
        let destination = Destination { context: context.clone(), server, plugin };
        let request_timeout = match connect.request_timeout {
            Some(Duration::ZERO) => None,
            other => Some(other.unwrap_or(REQUEST_TIMEOUT)),
        };
        set_up(&mut config, connect, request_timeout).map_err(|reason| destination.unusable(reason))?;
        tracing::debug!(?destination, "connecting");
        let client = Client::try_from(config).map_err(|error| destination.explain(&error))?;
        let about = snapshot::Cluster { context, version: None, clock_ahead_seconds: None };
        let mut cluster = Self { client, destination, request_timeout, about };
        cluster.greet().await?;
        Ok(cluster)
    }

    /// The kube client.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Which cluster it is.
    pub fn about(&self) -> &snapshot::Cluster {
        &self.about
    }

    /// The API server's address.
    pub fn server(&self) -> &str {
        &self.destination.server
    }

    /// Waits for a request no longer than a request may take.
    pub(crate) async fn within<T>(&self, request: impl Future<Output = kube::Result<T>>) -> kube::Result<T> {
        let Some(after) = self.request_timeout else { return request.await };
        timeout(after, request).await.unwrap_or_else(|_| {
            let late = format!("no answer within {} s", after.as_secs_f32());
            Err(kube::Error::Service(Box::new(io::Error::new(io::ErrorKind::TimedOut, late))))
        })
    }

    /// Says what a failed request means for the whole reading.
    pub(crate) fn explain(&self, error: &kube::Error) -> Error {
        self.destination.explain(error)
    }

    /// Asks for the version: everybody who is known to the server may, so a refusal is about who is asking.
    async fn greet(&mut self) -> Result<(), Error> {
        let after = self.request_timeout.map_or(CONNECT_TIMEOUT, |limit| limit.min(CONNECT_TIMEOUT));
        let late = || self.destination.unreachable(&format!("no answer within {} s", after.as_secs_f32()));
        let (version, clock_ahead) = timeout(after, self.version()).await.map_err(|_| late())??;
        (self.about.version, self.about.clock_ahead_seconds) = (version, clock_ahead);
        Ok(())
    }

    async fn version(&self) -> Result<(Option<String>, Option<i64>), Error> {
        let request = Request::get("/version").body(Body::empty()).map_err(kube::Error::HttpError);
        let response = match request {
            Ok(request) => self.client.send(request).await,
            Err(error) => Err(error),
        };
        let (head, body) = response.map_err(|error| self.explain(&error))?.into_parts();
        let clock_ahead = head.headers.get(header::DATE).and_then(|date| clock_ahead(date, Timestamp::now()));
        let body = body.collect().await.map_err(|error| self.destination.explain_transport(&error))?.to_bytes();
        match head.status.as_u16() {
            200 => {}
            401 => return Err(self.destination.unauthorized("Unauthorized (HTTP 401)")),
            // A server may keep its version to itself; what else may be read is seen later.
            403 => return Ok((None, clock_ahead)),
            code => return Err(self.destination.unreachable(&format!("GET /version returned HTTP {code}"))),
        }
        let info: k8s_openapi::apimachinery::pkg::version::Info = serde_json::from_slice(&body)
            .map_err(|_| self.destination.unreachable("what answers there is not a Kubernetes API server"))?;
        Ok((Some(info.git_version), clock_ahead))
    }
}

/// The proxy without the password that its URL may hold: who cannot be reached may be either.
fn through(proxy: &Uri) -> String {
    let port = proxy.port().map_or_else(String::new, |port| format!(":{port}"));
    format!(" through the proxy {}{port}", proxy.host().unwrap_or_default())
}

fn set_up(config: &mut Config, connect: &Connect, request_timeout: Option<Duration>) -> Result<(), String> {
    if connect.user.is_none() && !connect.groups.is_empty() {
        return Err("--as-group needs --as: a group is impersonated together with a user".to_owned());
    }
    if let Some(user) = &connect.user {
        config.auth_info.impersonate = Some(user.clone());
        config.auth_info.impersonate_groups = Some(connect.groups.clone());
    }
    let agent = HeaderValue::from_static(concat!("linkerd-certs/", env!("CARGO_PKG_VERSION")));
    config.headers.push((header::USER_AGENT, agent));
    config.connect_timeout = Some(request_timeout.map_or(CONNECT_TIMEOUT, |limit| limit.min(CONNECT_TIMEOUT)));
    // How long a stream may say nothing, counted from the last request on its connection.
    config.read_timeout = request_timeout;
    config.reset_reader_on_write = true;
    // kube would try again for minutes where an aggregated API is down, which is one of the things to report.
    config.default_retry = false;
    Ok(())
}

/// Seconds by which the server's clock, as in its `Date` header, is ahead of `now`.
fn clock_ahead(date: &HeaderValue, now: Timestamp) -> Option<i64> {
    let server = rfc2822::parse(date.to_str().ok()?).ok()?.timestamp();
    Some(server.duration_since(now).as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_read_from_the_date_header() {
        let now = "2026-11-21T11:00:00Z".parse().unwrap();
        let date = HeaderValue::from_static("Sat, 21 Nov 2026 11:00:42 GMT");
        assert_eq!(clock_ahead(&date, now), Some(42));
        assert_eq!(clock_ahead(&HeaderValue::from_static("yesterday"), now), None);
    }

    #[test]
    fn a_proxy_is_named_without_its_password() {
        let proxy = Uri::from_static("http://jane:s3cret@proxy.example.com:3128");
        assert_eq!(through(&proxy), " through the proxy proxy.example.com:3128");
    }

    #[test]
    fn a_group_is_impersonated_with_a_user_only() {
        let mut config = Config::new(http::Uri::from_static("https://localhost"));
        let mut connect = Connect { groups: vec!["ops".to_owned()], ..Connect::default() };
        assert!(set_up(&mut config, &connect, None).is_err());
        connect.user = Some("jane".to_owned());
        set_up(&mut config, &connect, None).unwrap();
        assert_eq!(config.auth_info.impersonate_groups, Some(vec!["ops".to_owned()]));
        assert_eq!(config.connect_timeout, Some(CONNECT_TIMEOUT));
    }
}
