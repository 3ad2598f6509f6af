//! The gRPC service sidecars ask.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use futures::{Stream, stream};
use linkerd2_proxy_api::destination as api;
use linkerd2_proxy_api::net::{IPv6, IpAddress, TcpAddress, ip_address::Ip};
use tokio::sync::watch;
use tonic::{Request, Response, Status};

use super::resolve::{self, Endpoint};
use super::world::World;

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

pub(crate) struct Destination {
    world: Arc<World>,
}

impl Destination {
    pub(crate) fn new(world: Arc<World>) -> Self {
        Self { world }
    }
}

#[tonic::async_trait]
impl api::destination_server::Destination for Destination {
    type GetStream = Answers<api::Update>;
    type GetProfileStream = Answers<api::DestinationProfile>;

    async fn get(&self, asked: Request<api::GetDestination>) -> Result<Response<Self::GetStream>, Status> {
        let authority = asked.into_inner().path;
        let following = Following {
            world: Arc::clone(&self.world),
            changed: self.world.changed.subscribe(),
            authority,
            told: None,
            pending: Vec::new(),
        };
        if !following.world.is_synced() {
            return Err(Status::unavailable("the cluster has not been read yet"));
        }
        if following.endpoints().is_none() {
            let authority = &following.authority;
            return Err(Status::invalid_argument(format!("not in the cluster: {authority}")));
        }
        let updates = stream::unfold(following, |mut following| async {
            let update = following.next().await?;
            Some((Ok(update), following))
        });
        Ok(Response::new(Box::pin(updates)))
    }

    /// No routes for anything.
    async fn get_profile(&self, _: Request<api::GetDestination>) -> Result<Response<Self::GetProfileStream>, Status> {
        let one = Ok(api::DestinationProfile::default());
        let forever = futures::StreamExt::chain(stream::iter([one]), stream::pending());
        Ok(Response::new(Box::pin(forever)))
    }
}

/// One sidecar's interest in one address.
struct Following {
    world: Arc<World>,
    changed: watch::Receiver<()>,
    authority: String,
    /// What the sidecar knows; None before the first answer.
    told: Option<BTreeSet<Endpoint>>,
    pending: Vec<api::Update>,
}

impl Following {
    fn endpoints(&self) -> Option<BTreeSet<Endpoint>> {
        let state = self.world.read();
        resolve::endpoints(&state, &self.authority, &self.world.mesh.cluster_domain)
    }

    async fn next(&mut self) -> Option<api::Update> {
        loop {
            if let Some(update) = self.pending.pop() {
                return Some(update);
            }
            if self.told.is_some() {
                self.changed.changed().await.ok()?;
            }
            let now = self.endpoints();
            let exists = now.is_some();
            let now = now.unwrap_or_default();
            if self.told.as_ref() != Some(&now) {
                self.pending = updates(self.told.as_ref(), &now, exists);
                self.told = Some(now);
            }
        }
    }
}

/// From what was told to what is, last update first.
fn updates(told: Option<&BTreeSet<Endpoint>>, now: &BTreeSet<Endpoint>, exists: bool) -> Vec<api::Update> {
    use api::update::Update;
    let update = |update| api::Update { update: Some(update) };
    if now.is_empty() {
        return vec![update(Update::NoEndpoints(api::NoEndpoints { exists }))];
    }
    let nothing = BTreeSet::new();
    let told = told.unwrap_or(&nothing);
    let added: Vec<_> = now.difference(told).map(weighted).collect();
    let gone: Vec<_> = told
        .difference(now)
        // One whose identity changed is added again under its address.
        .filter(|old| now.iter().all(|new| new.address != old.address))
        .map(|endpoint| tcp(endpoint.address))
        .collect();
    let mut updates = Vec::new();
    if !gone.is_empty() {
        updates.push(update(Update::Remove(api::AddrSet { addrs: gone })));
    }
    if !added.is_empty() {
        updates.push(update(Update::Add(api::WeightedAddrSet { addrs: added, ..api::WeightedAddrSet::default() })));
    }
    updates
}

fn weighted(endpoint: &Endpoint) -> api::WeightedAddr {
    use api::tls_identity::{DnsLikeIdentity, Strategy};
    let tls = endpoint.identity.clone().map(|name| api::TlsIdentity {
        server_name: Some(DnsLikeIdentity { name: name.clone() }),
        strategy: Some(Strategy::DnsLikeIdentity(DnsLikeIdentity { name })),
    });
    api::WeightedAddr {
        addr: Some(tcp(endpoint.address)),
        weight: 10_000,
        tls_identity: tls,
        ..api::WeightedAddr::default()
    }
}

fn tcp(address: SocketAddr) -> TcpAddress {
    let ip = match address.ip() {
        IpAddr::V4(v4) => Ip::Ipv4(v4.to_bits()),
        IpAddr::V6(v6) => {
            let bytes = v6.octets();
            let (first, last) = bytes.split_at(8);
            let half = |half: &[u8]| half.iter().fold(0, |bits, byte| (bits << 8) | u64::from(*byte));
            Ip::Ipv6(IPv6 { first: half(first), last: half(last) })
        }
    };
    TcpAddress { ip: Some(IpAddress { ip: Some(ip) }), port: u32::from(address.port()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::update::Update;

    fn endpoint(port: u16, identity: Option<&str>) -> Endpoint {
        Endpoint { address: ([10, 0, 0, 1], port).into(), identity: identity.map(str::to_owned) }
    }

    #[test]
    fn only_differences_are_told() {
        let told = [endpoint(1, None), endpoint(2, None)].into();
        let now = [endpoint(2, Some("web")), endpoint(3, None)].into();
        let updates: Vec<_> = updates(Some(&told), &now, true)
            .into_iter()
            .rev()
            .map(|update| match update.update {
                Some(Update::Add(set)) => {
                    format!(
                        "add {:?}",
                        set.addrs.iter().filter_map(|a| a.addr.as_ref()).map(|a| a.port).collect::<Vec<_>>()
                    )
                }
                Some(Update::Remove(set)) => {
                    format!("remove {:?}", set.addrs.iter().map(|a| a.port).collect::<Vec<_>>())
                }
                other => format!("{other:?}"),
            })
            .collect();
        assert_eq!(updates, ["add [2, 3]", "remove [1]"]);
    }

    #[test]
    fn an_empty_service_is_told_as_such() {
        let updates = updates(None, &BTreeSet::new(), true);
        assert!(matches!(updates[0].update, Some(Update::NoEndpoints(api::NoEndpoints { exists: true }))));
    }
}
