//! From an address to endpoints.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use super::world::{Key, State};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Endpoint {
    pub(crate) address: SocketAddr,
    pub(crate) identity: Option<String>,
}

/// The endpoints behind `ip:port` or `service.namespace.svc.<domain>:port`; None when the cluster
/// does not know it.
pub(crate) fn endpoints(state: &State, authority: &str, cluster_domain: &str) -> Option<BTreeSet<Endpoint>> {
    if let Ok(address) = authority.parse::<SocketAddr>() {
        if let Some((key, service)) =
            state.services.iter().find(|(_, service)| service.addresses.contains(&address.ip()))
        {
            let port = service.ports.iter().find(|(port, _)| *port == address.port())?;
            return Some(of_service(state, key, &port.1));
        }
        // A pod addressed directly, as those behind a headless service are.
        state.pod_at(address.ip())?;
        return Some([of_address(state, address)].into());
    }
    let (host, port) = authority.rsplit_once(':')?;
    let port: u16 = port.parse().ok()?;
    let name = host.trim_end_matches('.').strip_suffix(&format!(".svc.{cluster_domain}"))?;
    let (service, namespace) = name.split_once('.')?;
    let key = (namespace.to_owned(), service.to_owned());
    let known = state.services.get(&key)?;
    let (_, port_name) = known.ports.iter().find(|(known, _)| *known == port)?;
    Some(of_service(state, &key, port_name))
}

fn of_service(state: &State, key: &Key, port: &str) -> BTreeSet<Endpoint> {
    state
        .slices
        .values()
        .filter(|slice| slice.service == *key)
        .flat_map(|slice| {
            let ports = slice.ports.iter().filter(|(name, _)| name == port);
            ports.flat_map(|(_, number)| {
                let at = |ip| SocketAddr::new(ip, *number);
                slice.ready.iter().copied().map(at)
            })
        })
        .map(|address| of_address(state, address))
        .collect()
}

fn of_address(state: &State, address: SocketAddr) -> Endpoint {
    let identity = state
        .pod_at(address.ip())
        .filter(|pod| !pod.skipped.contains(&address.port()))
        .and_then(|pod| pod.identity.clone());
    Endpoint { address, identity }
}

#[cfg(test)]
mod tests {
    use super::super::world::{Pod, Service, Slice};
    use super::*;

    fn key(namespace: &str, name: &str) -> Key {
        (namespace.into(), name.into())
    }

    fn state() -> State {
        let mut state = State::default();
        for (name, ip, identity) in [("web-1", "10.0.0.1", Some("web")), ("web-2", "10.0.0.2", None)] {
            let pod = Pod {
                addresses: vec![ip.parse().unwrap()],
                identity: identity.map(str::to_owned),
                skipped: vec![9000],
            };
            state.set_pod(key("ns", name), Some(pod));
        }
        let service = Service { addresses: vec!["10.96.0.1".parse().unwrap()], ports: vec![(80, "http".into())] };
        state.services.insert(key("ns", "web"), service);
        let slice = Slice {
            service: key("ns", "web"),
            ready: vec!["10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()],
            ports: vec![("http".into(), 8080), ("other".into(), 9090)],
        };
        state.slices.insert(key("ns", "web-abc"), slice);
        state
    }

    fn resolved(authority: &str) -> Option<Vec<(String, Option<String>)>> {
        endpoints(&state(), authority, "cluster.local")
            .map(|found| found.into_iter().map(|endpoint| (endpoint.address.to_string(), endpoint.identity)).collect())
    }

    #[test]
    fn a_service_by_address_or_name() {
        let both = Some(vec![("10.0.0.1:8080".to_owned(), Some("web".to_owned())), ("10.0.0.2:8080".to_owned(), None)]);
        assert_eq!(resolved("10.96.0.1:80"), both);
        assert_eq!(resolved("web.ns.svc.cluster.local.:80"), both);
        assert_eq!(resolved("10.96.0.1:81"), None);
    }

    #[test]
    fn a_pod_by_its_own_address() {
        let meshed = vec![("10.0.0.1:1234".to_owned(), Some("web".to_owned()))];
        assert_eq!(resolved("10.0.0.1:1234"), Some(meshed));
        let skipped = vec![("10.0.0.1:9000".to_owned(), None)];
        assert_eq!(resolved("10.0.0.1:9000"), Some(skipped));
        assert_eq!(resolved("192.0.2.1:80"), None);
    }
}
