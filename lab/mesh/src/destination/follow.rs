//! Follows pods, services and endpoint slices.

use std::collections::HashSet;
use std::fmt::Debug;
use std::net::IpAddr;
use std::sync::Arc;

use futures::StreamExt;
use k8s_openapi::api::core::v1 as core;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;

use super::world::{Key, Mesh, Pod, Service, Slice, State, World};

/// Starts following all of it.
pub(crate) fn start(client: Client, world: &Arc<World>) {
    let pods = Kind::<core::Pod> {
        keys: |state| state.pods.keys().cloned().collect(),
        set: |state, mesh, key, pod| state.set_pod(key, pod.map(|pod| of_pod(pod, mesh))),
    };
    let services = Kind::<core::Service> {
        keys: |state| state.services.keys().cloned().collect(),
        set: |state, _, key, service| match service {
            Some(service) => {
                state.services.insert(key, of_service(service));
            }
            None => {
                state.services.remove(&key);
            }
        },
    };
    let slices = Kind::<EndpointSlice> {
        keys: |state| state.slices.keys().cloned().collect(),
        set: |state, _, key, slice| match slice.and_then(of_slice) {
            Some(slice) => {
                state.slices.insert(key, slice);
            }
            None => {
                state.slices.remove(&key);
            }
        },
    };
    tokio::spawn(pods.follow(client.clone(), Arc::clone(world)));
    tokio::spawn(services.follow(client.clone(), Arc::clone(world)));
    tokio::spawn(slices.follow(client, Arc::clone(world)));
}

/// How objects of a kind are kept.
struct Kind<K> {
    keys: fn(&State) -> HashSet<Key>,
    set: fn(&mut State, &Mesh, Key, Option<&K>),
}

impl<K> Kind<K>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + 'static,
{
    async fn follow(self, client: Client, world: Arc<World>) {
        let set = self.set;
        let config = watcher::Config::default();
        let mut events = watcher(Api::<K>::all(client), config).default_backoff().boxed();
        let mut first = true;
        // What was known before a list and is not in it is gone.
        let mut stale = HashSet::new();
        while let Some(event) = events.next().await {
            match event {
                Ok(Event::Init) => stale = (self.keys)(&world.read()),
                Ok(Event::InitApply(object)) => {
                    let key = key_of(&object);
                    stale.remove(&key);
                    world.change(|state| set(state, &world.mesh, key, Some(&object)));
                }
                Ok(Event::InitDone) => {
                    for key in stale.drain() {
                        world.change(|state| set(state, &world.mesh, key, None));
                    }
                    if std::mem::take(&mut first) {
                        world.unread.send_modify(|unread| *unread = unread.saturating_sub(1));
                    }
                }
                Ok(Event::Apply(object)) => {
                    let key = key_of(&object);
                    world.change(|state| set(state, &world.mesh, key, Some(&object)));
                }
                Ok(Event::Delete(object)) => {
                    let key = key_of(&object);
                    world.change(|state| set(state, &world.mesh, key, None));
                }
                Err(error) => tracing::warn!("watching the cluster: {error}"),
            }
        }
    }
}

fn key_of(object: &impl ResourceExt) -> Key {
    (object.namespace().unwrap_or_default(), object.name_any())
}

fn of_pod(pod: &core::Pod, mesh: &Mesh) -> Pod {
    let spec = pod.spec.clone().unwrap_or_default();
    let status = pod.status.as_ref();
    let ended =
        status.and_then(|status| status.phase.as_deref()).is_some_and(|phase| matches!(phase, "Succeeded" | "Failed"));
    let on_host = spec.host_network == Some(true);
    let addresses = if ended || on_host {
        Vec::new()
    } else {
        status
            .and_then(|status| status.pod_ips.as_ref())
            .into_iter()
            .flatten()
            .filter_map(|ip| ip.ip.parse().ok())
            .collect()
    };
    let meshed = pod.labels().get("linkerd.io/control-plane-ns") == Some(&mesh.namespace)
        && spec
            .init_containers
            .iter()
            .flatten()
            .chain(&spec.containers)
            .any(|container| container.name == "linkerd-proxy");
    let identity = meshed.then(|| {
        format!(
            "{}.{}.serviceaccount.identity.{}.{}",
            spec.service_account_name.as_deref().unwrap_or("default"),
            pod.namespace().unwrap_or_default(),
            mesh.namespace,
            mesh.trust_domain
        )
    });
    Pod {
        addresses,
        identity,
        skipped: pod
            .annotations()
            .get("config.linkerd.io/skip-inbound-ports")
            .map(|ports| ports.split(',').filter_map(|port| port.trim().parse().ok()).collect())
            .unwrap_or_default(),
    }
}

fn of_service(service: &core::Service) -> Service {
    let spec = service.spec.clone().unwrap_or_default();
    Service {
        addresses: spec.cluster_ips.unwrap_or_default().iter().filter_map(|ip| ip.parse::<IpAddr>().ok()).collect(),
        ports: spec
            .ports
            .unwrap_or_default()
            .into_iter()
            .filter_map(|port| Some((u16::try_from(port.port).ok()?, port.name.unwrap_or_default())))
            .collect(),
    }
}

fn of_slice(slice: &EndpointSlice) -> Option<Slice> {
    let service = slice.labels().get("kubernetes.io/service-name")?.clone();
    let ready = slice
        .endpoints
        .iter()
        // No condition means ready.
        .filter(|endpoint| endpoint.conditions.as_ref().is_none_or(|conditions| conditions.ready != Some(false)))
        .flat_map(|endpoint| &endpoint.addresses)
        .filter_map(|address| address.parse().ok())
        .collect();
    Some(Slice {
        service: (slice.namespace().unwrap_or_default(), service),
        ready,
        ports: slice
            .ports
            .iter()
            .flatten()
            .filter_map(|port| {
                let number = u16::try_from(port.port?).ok()?;
                Some((port.name.clone().unwrap_or_default(), number))
            })
            .collect(),
    })
}
