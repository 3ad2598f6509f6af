//! What is known of the cluster, cut down to what resolving needs.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use tokio::sync::watch;

/// The names identities are made of.
#[derive(Clone, Debug)]
pub(crate) struct Mesh {
    pub(crate) namespace: String,
    pub(crate) trust_domain: String,
    pub(crate) cluster_domain: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pod {
    pub(crate) addresses: Vec<IpAddr>,
    /// None when it has no sidecar of this control plane.
    pub(crate) identity: Option<String>,
    /// Ports its sidecar does not see.
    pub(crate) skipped: Vec<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Service {
    pub(crate) addresses: Vec<IpAddr>,
    /// Port number and name; the name may be empty.
    pub(crate) ports: Vec<(u16, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Slice {
    /// The service it belongs to.
    pub(crate) service: Key,
    pub(crate) ready: Vec<IpAddr>,
    /// Port name and number.
    pub(crate) ports: Vec<(String, u16)>,
}

/// Pods, services and slices.
const KINDS: usize = 3;

/// Namespace and name.
pub(crate) type Key = (String, String);

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) pods: HashMap<Key, Pod>,
    pub(crate) services: HashMap<Key, Service>,
    pub(crate) slices: HashMap<Key, Slice>,
    pub(crate) pod_of: HashMap<IpAddr, Key>,
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) mesh: Mesh,
    state: RwLock<State>,
    /// Tells that something changed.
    pub(crate) changed: watch::Sender<()>,
    /// How many kinds of objects have not been read once.
    pub(crate) unread: watch::Sender<usize>,
}

impl World {
    pub(crate) fn new(mesh: Mesh) -> Self {
        Self { mesh, state: RwLock::default(), changed: watch::channel(()).0, unread: watch::channel(KINDS).0 }
    }

    /// Whether all is known that there is; before that "not in the cluster" is no answer.
    pub(crate) fn is_synced(&self) -> bool {
        *self.unread.borrow() == 0
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and tells so.
    pub(crate) fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.write().unwrap_or_else(PoisonError::into_inner));
        self.changed.send_replace(());
    }
}

impl State {
    pub(crate) fn set_pod(&mut self, key: Key, pod: Option<Pod>) {
        if let Some(old) = self.pods.remove(&key) {
            for address in old.addresses {
                // The address may be another pod's by now.
                if self.pod_of.get(&address) == Some(&key) {
                    self.pod_of.remove(&address);
                }
            }
        }
        if let Some(pod) = pod {
            for address in &pod.addresses {
                self.pod_of.insert(*address, key.clone());
            }
            self.pods.insert(key, pod);
        }
    }

    pub(crate) fn pod_at(&self, address: IpAddr) -> Option<&Pod> {
        self.pods.get(self.pod_of.get(&address)?)
    }
}
