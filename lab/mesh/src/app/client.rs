//! A client that makes a new connection for each request, and may keep one open besides.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use http::Uri;
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::tally::Tally;
use super::time;
use crate::http1;
use crate::role::Failure;

#[derive(Debug, Args)]
pub(crate) struct Client {
    /// What to ask, such as <http://web:8080>/; may be given several times.
    #[arg(long = "target", required = true, value_delimiter = ',')]
    targets: Vec<Uri>,
    /// The time between two requests to a target.
    #[arg(long, default_value = "100ms", value_parser = time)]
    interval: Duration,
    /// How long a request may take. A broken mesh refuses at once; a short limit would only count a busy machine.
    #[arg(long, default_value = "10s", value_parser = time)]
    timeout: Duration,
    /// Keep one connection to each target open as well and count its requests apart.
    #[arg(long)]
    keep: bool,
    /// The port that tells the counts.
    #[arg(long, default_value_t = 9100)]
    stats_port: u16,
}

type Connection = SendRequest<Empty<Bytes>>;

impl Client {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let mut names: Vec<_> = self.targets.iter().map(Uri::to_string).collect();
        if self.keep {
            names.extend(self.targets.iter().map(kept_name));
        }
        let tally = Arc::new(Tally::of(names));
        for target in self.targets {
            let asking = ask(target.clone(), false, self.interval, self.timeout, Arc::clone(&tally));
            tokio::spawn(asking);
            if self.keep {
                tokio::spawn(ask(target, true, self.interval, self.timeout, Arc::clone(&tally)));
            }
        }
        let listener = TcpListener::bind(("0.0.0.0", self.stats_port)).await?;
        http1::serve(listener, tally).await;
        Ok(())
    }
}

fn kept_name(target: &Uri) -> String {
    format!("keep {target}")
}

async fn ask(target: Uri, keep: bool, every: Duration, limit: Duration, tally: Arc<Tally>) {
    let name = if keep { kept_name(&target) } else { target.to_string() };
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut kept: Option<Connection> = None;
    loop {
        ticks.tick().await;
        let asked = timeout(limit, request(&target, kept.take())).await;
        let outcome = match asked {
            Ok(Ok(connection)) => {
                kept = Some(connection).filter(|_| keep);
                Ok(())
            }
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("no answer within {limit:?}")),
        };
        tally.add(&name, outcome);
    }
}

/// Asks over the connection given, or over a new one, and gives it back.
async fn request(target: &Uri, kept: Option<Connection>) -> Result<Connection, Failure> {
    let authority = target.authority().ok_or("the target has no host")?;
    let mut connection = match kept.filter(|kept| !kept.is_closed()) {
        Some(connection) => connection,
        None => connect(authority.host(), authority.port_u16().unwrap_or(80)).await?,
    };
    connection.ready().await?;
    let path = target.path_and_query().map_or("/", |path| path.as_str());
    let asked = http::Request::get(path).header(http::header::HOST, authority.as_str()).body(Empty::new())?;
    let answer = connection.send_request(asked).await?;
    let status = answer.status();
    let why = answer.headers().get("l5d-proxy-error").cloned();
    answer.into_body().collect().await?;
    if status.is_success() {
        return Ok(connection);
    }
    let why = why.and_then(|why| why.to_str().map(|why| format!(": {why}")).ok());
    Err(format!("{status}{}", why.unwrap_or_default()).into())
}

async fn connect(host: &str, port: u16) -> Result<Connection, Failure> {
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}
