//! Routes from the destination service, kept current by its stream while they are in use.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use linkerd2_proxy_api::destination as api;
use linkerd2_proxy_api::destination::destination_client::DestinationClient;
use rustls_pki_types::ServerName;
use tokio::sync::watch;
use tonic::Code;
use tonic::transport::Channel;

use super::config::Config;
use super::control;
use super::creds::Credentials;
use super::route::{Endpoint, Route, Routes, Unresolved};

/// How long a connection waits for the first answer about its target.
const FIRST_ANSWER: Duration = Duration::from_secs(3);
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// An address outside the cluster may become a service's.
const ASK_AGAIN: Duration = Duration::from_secs(5);

pub(crate) struct Discovery {
    shared: Arc<Shared>,
}

struct Shared {
    client: DestinationClient<Channel>,
    context: String,
    idle: Duration,
    table: Mutex<HashMap<SocketAddr, Entry>>,
    /// Why the service does not answer, and since when.
    trouble: Mutex<Option<Trouble>>,
}

struct Trouble {
    since: Instant,
    why: String,
}

struct Entry {
    route: watch::Receiver<Option<Route>>,
    used: Instant,
}

impl Discovery {
    pub(crate) fn new(config: &Config, creds: Arc<Credentials>) -> Self {
        let channel = control::channel(config.destination.clone(), creds);
        Self::over(channel, config.destination_context.clone(), config.discovery_idle)
    }

    /// Asks over this channel; a route that nobody used for `idle` is given up.
    fn over(channel: Channel, context: String, idle: Duration) -> Self {
        let client = DestinationClient::new(channel);
        let shared = Shared { client, context, idle, table: Mutex::default(), trouble: Mutex::default() };
        Self { shared: Arc::new(shared) }
    }
}

impl Routes for Discovery {
    async fn of(&self, target: SocketAddr) -> Result<Route, Unresolved> {
        let mut route = self.shared.lookup(target);
        let known = route.wait_for(Option::is_some);
        match tokio::time::timeout(self.shared.patience(), known).await {
            Ok(Ok(route)) => Ok(route.clone().unwrap_or(Route::Direct)),
            _ => Err(Unresolved { target, why: self.shared.why() }),
        }
    }
}

impl Shared {
    /// Once the service has not answered for a while, connections fail at once instead of waiting;
    /// the real proxy calls it fail-fast.
    fn patience(&self) -> Duration {
        let waited = self.trouble().as_ref().map(|trouble| trouble.since.elapsed());
        FIRST_ANSWER.saturating_sub(waited.unwrap_or_default())
    }

    fn why(&self) -> String {
        let trouble = self.trouble();
        trouble.as_ref().map_or_else(|| "no answer in time".into(), |trouble| trouble.why.clone())
    }

    fn trouble(&self) -> MutexGuard<'_, Option<Trouble>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lookup(self: &Arc<Self>, target: SocketAddr) -> watch::Receiver<Option<Route>> {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = table.entry(target).or_insert_with(|| {
            let (sender, route) = watch::channel(None);
            tokio::spawn(Arc::clone(self).follow(target, sender));
            Entry { route, used: Instant::now() }
        });
        entry.used = Instant::now();
        entry.route.clone()
    }

    /// Keeps the route current until nobody asked for it for a while.
    async fn follow(self: Arc<Self>, target: SocketAddr, route: watch::Sender<Option<Route>>) {
        tokio::select! {
            () = self.stream(target, &route) => {}
            () = self.unused(target) => {}
        }
    }

    async fn unused(&self, target: SocketAddr) {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
            let idle = |entry: &Entry| entry.used.elapsed() > self.idle;
            if table.get(&target).is_none_or(idle) {
                table.remove(&target);
                return;
            }
        }
    }

    /// Follows the stream, anew when it breaks; what was learned stays in use meanwhile.
    async fn stream(&self, target: SocketAddr, route: &watch::Sender<Option<Route>>) {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.updates(target, route).await {
                Ok(()) => pause = FIRST_PAUSE,
                Err(status) if matches!(status.code(), Code::InvalidArgument | Code::NotFound) => {
                    route.send_replace(Some(Route::Direct));
                    pause = ASK_AGAIN;
                }
                Err(status) => {
                    let why = status.message().to_owned();
                    let mut trouble = self.trouble();
                    if trouble.is_none() {
                        tracing::info!("the destination service does not answer: {why}");
                    }
                    let since = trouble.as_ref().map_or_else(Instant::now, |trouble| trouble.since);
                    *trouble = Some(Trouble { since, why });
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn updates(&self, target: SocketAddr, route: &watch::Sender<Option<Route>>) -> Result<(), tonic::Status> {
        let asked = api::GetDestination {
            scheme: "http:".into(),
            path: target.to_string(),
            context_token: self.context.clone(),
        };
        let answered = self.client.clone().get(asked).await;
        // A refusal is an answer too.
        if answered.as_ref().err().is_none_or(|status| status.code() == Code::InvalidArgument) {
            *self.trouble() = None;
        }
        let mut updates = answered?.into_inner();
        let mut endpoints = Vec::new();
        while let Some(update) = updates.message().await? {
            if let Some(now) = applied(&mut endpoints, update) {
                route.send_replace(Some(now));
            }
        }
        Ok(())
    }
}

/// Applies an update to the endpoints known so far.
fn applied(endpoints: &mut Vec<Endpoint>, update: api::Update) -> Option<Route> {
    use api::update::Update;
    match update.update? {
        Update::Add(set) => {
            for endpoint in set.addrs.into_iter().filter_map(endpoint) {
                endpoints.retain(|known| known.address != endpoint.address);
                endpoints.push(endpoint);
            }
        }
        Update::Remove(set) => {
            let gone: Vec<_> = set.addrs.into_iter().filter_map(address).collect();
            endpoints.retain(|known| !gone.contains(&known.address));
        }
        Update::NoEndpoints(api::NoEndpoints { exists: false }) => {
            endpoints.clear();
            return Some(Route::Direct);
        }
        Update::NoEndpoints(_) => endpoints.clear(),
    }
    Some(Route::Endpoints(endpoints.clone()))
}

fn endpoint(weighted: api::WeightedAddr) -> Option<Endpoint> {
    use api::tls_identity::Strategy;
    let identity = match weighted.tls_identity.and_then(|tls| tls.strategy) {
        Some(Strategy::DnsLikeIdentity(dns)) => ServerName::try_from(dns.name).ok(),
        _ => None,
    };
    Some(Endpoint { address: address(weighted.addr?)?, identity })
}

fn address(tcp: linkerd2_proxy_api::net::TcpAddress) -> Option<SocketAddr> {
    use linkerd2_proxy_api::net::ip_address::Ip;
    let ip = match tcp.ip?.ip? {
        Ip::Ipv4(bits) => IpAddr::from(bits.to_be_bytes()),
        Ip::Ipv6(v6) => {
            let bits = (u128::from(v6.first) << 64) | u128::from(v6.last);
            IpAddr::from(bits.to_be_bytes())
        }
    };
    Some((ip, u16::try_from(tcp.port).ok()?).into())
}

#[cfg(test)]
#[path = "discovery_test.rs"]
mod tests;
