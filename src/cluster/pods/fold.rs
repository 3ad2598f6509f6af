use std::collections::HashMap;

use jiff::Timestamp;

use crate::{
    pki::Bundle,
    snapshot::{BundleRef, Mesh, Namespace, PodGroup, PodTrouble, Workload},
};

use super::{
    pod::{Anchors, Pod, Proxy},
    unmeshed::Unproxied,
};

/// Enough names and troubles to find the rest by.
const MOST_NAMED: usize = 5;

/// Pods folded into workloads: it grows with distinct workloads and bundles, not with pods.
#[derive(Debug)]
pub struct Fold {
    control_plane: String,
    bundles: Vec<Bundle>,
    /// Each distinct text is parsed once.
    texts: HashMap<Box<str>, usize>,
    workloads: Vec<Growing>,
    index: HashMap<Box<str>, usize>,
    unproxied: Unproxied,
    /// The key of the pod at hand, kept to save an allocation for each.
    key: String,
}

#[derive(Debug)]
struct Growing {
    workload: Workload,
    /// The service account and identity's pattern of each group.
    accounts: Vec<(Box<str>, Box<str>)>,
}

impl Fold {
    /// Folds the pods of the control plane in `control_plane`. `namespaces` say where pods should have a proxy; where
    /// they cannot be read, only pods that ask for one themselves are missed.
    pub fn new(control_plane: &str, namespaces: &[Namespace]) -> Self {
        Self {
            control_plane: control_plane.to_owned(),
            bundles: Vec::new(),
            texts: HashMap::new(),
            workloads: Vec::new(),
            index: HashMap::new(),
            unproxied: Unproxied::new(namespaces),
            key: String::new(),
        }
    }

    /// Takes one pod.
    pub fn push(&mut self, pod: &Pod<'_>) {
        if pod.is_finished() {
            return;
        }
        let Some(proxy) = pod.proxy else { return self.unproxied.push(pod) };
        if pod.control_plane.or(proxy.control_plane) != Some(&self.control_plane) {
            return;
        }
        let bundle = self.bundle(proxy.anchors);
        let at = self.workload(pod);
        self.workloads[at].push(pod, &proxy, bundle);
    }

    /// The mesh that they make up.
    pub fn finish(self) -> Mesh {
        let mut workloads: Vec<_> = self.workloads.into_iter().map(|growing| growing.workload).collect();
        for workload in &mut workloads {
            workload.groups.sort_by(|one, other| (&one.bundle, &one.identity).cmp(&(&other.bundle, &other.identity)));
        }
        workloads.sort_by(|one, other| {
            (&one.namespace, &one.kind, &one.name).cmp(&(&other.namespace, &other.kind, &other.name))
        });
        Mesh { bundles: self.bundles, workloads, only: Vec::new(), unmeshed: self.unproxied.finish() }
    }

    fn bundle(&mut self, anchors: Anchors<'_>) -> BundleRef {
        match anchors {
            Anchors::ConfigMap => BundleRef::ConfigMap,
            Anchors::Unknown => BundleRef::Unknown,
            Anchors::Literal(text) => {
                let index = self.texts.get(text).copied().unwrap_or_else(|| {
                    self.bundles.push(Bundle::parse(text));
                    self.texts.insert(text.into(), self.bundles.len() - 1);
                    self.bundles.len() - 1
                });
                BundleRef::Literal(index)
            }
        }
    }

    fn workload(&mut self, pod: &Pod<'_>) -> usize {
        let (kind, name) = pod.workload();
        self.key.clear();
        for part in [pod.namespace, "/", kind, "/", name] {
            self.key.push_str(part);
        }
        if let Some(&at) = self.index.get(self.key.as_str()) {
            return at;
        }
        let component = (pod.namespace == self.control_plane).then_some(pod.component).flatten();
        let workload = Workload {
            namespace: pod.namespace.to_owned(),
            kind: kind.to_owned(),
            name: name.to_owned(),
            component: component.map(str::to_owned),
            groups: Vec::new(),
        };
        self.workloads.push(Growing { workload, accounts: Vec::new() });
        self.index.insert(self.key.as_str().into(), self.workloads.len() - 1);
        self.workloads.len() - 1
    }
}

impl Growing {
    fn push(&mut self, pod: &Pod<'_>, proxy: &Proxy<'_>, bundle: BundleRef) {
        let started = pod.proxy_started.or(pod.created).unwrap_or(Timestamp::UNIX_EPOCH);
        let account = (pod.service_account, proxy.local_name);
        let known = self
            .workload
            .groups
            .iter()
            .zip(&self.accounts)
            .position(|(group, (name, pattern))| group.bundle == bundle && (&**name, &**pattern) == account);
        let at = known.unwrap_or_else(|| {
            self.accounts.push((account.0.into(), account.1.into()));
            self.workload.groups.push(PodGroup {
                bundle,
                pods: 0,
                ready: 0,
                oldest: started,
                newest: started,
                names: Vec::new(),
                trouble: Vec::new(),
                identity: identity(pod, proxy),
            });
            self.workload.groups.len() - 1
        });
        let group = &mut self.workload.groups[at];
        group.pods += 1;
        group.ready += u32::from(pod.ready);
        group.oldest = group.oldest.min(started);
        group.newest = group.newest.max(started);
        keep(&mut group.names, pod.name, String::as_str, || Some(pod.name.to_owned()));
        keep(&mut group.trouble, pod.name, |trouble: &PodTrouble| &trouble.pod, || pod.trouble());
    }
}

/// Keeps the first few in order of their names, whatever order they come in.
fn keep<T>(kept: &mut Vec<T>, name: &str, of: impl Fn(&T) -> &str, make: impl FnOnce() -> Option<T>) {
    let at = kept.partition_point(|other| of(other) <= name);
    if at < MOST_NAMED
        && let Some(new) = make()
    {
        kept.insert(at, new);
        kept.truncate(MOST_NAMED);
    }
}

/// The kubelet puts the pod's service account and namespace into the pattern that the spec holds.
fn identity(pod: &Pod<'_>, proxy: &Proxy<'_>) -> String {
    let account = if pod.service_account.is_empty() { "default" } else { pod.service_account };
    proxy.local_name.replace("$(_pod_sa)", account).replace("$(_pod_ns)", pod.namespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATTERN: &str = "$(_pod_sa).$(_pod_ns).serviceaccount.identity.linkerd.cluster.local";

    #[expect(clippy::unnecessary_wraps, reason = "what a pod says of a time is optional")]
    fn at(second: i64) -> Option<Timestamp> {
        Some(Timestamp::from_second(second).unwrap())
    }

    fn pod<'a>(name: &'a str, anchors: Anchors<'a>) -> Pod<'a> {
        Pod {
            namespace: "shop",
            name,
            created: at(100),
            control_plane: Some("linkerd"),
            owner: Some(("StatefulSet", "db")),
            service_account: "db",
            phase: "Running",
            ready: true,
            proxy: Some(Proxy { anchors, local_name: PATTERN, control_plane: Some("linkerd") }),
            ..Pod::default()
        }
    }

    fn namespace(name: &str, inject: Option<&str>) -> Namespace {
        Namespace { name: name.to_owned(), inject: inject.map(str::to_owned), extension: None, not_injected: false }
    }

    #[test]
    fn groups_by_what_is_loaded_and_names_the_first_few() {
        let mut fold = Fold::new("linkerd", &[]);
        let names: Vec<_> = (0..9).rev().map(|n| format!("db-{n}")).collect();
        for name in &names {
            fold.push(&pod(name, Anchors::Literal("new")));
        }
        fold.push(&Pod { proxy_started: at(50), ready: false, ..pod("db-9", Anchors::Literal("old")) });
        let mesh = fold.finish();
        assert_eq!((mesh.bundles.len(), mesh.workloads.len(), mesh.pods()), (2, 1, 10));
        let [new, old] = mesh.workloads[0].groups.as_slice() else { panic!("{mesh:?}") };
        assert_eq!(new.names, ["db-0", "db-1", "db-2", "db-3", "db-4"]);
        assert_eq!((new.pods, new.ready, new.oldest), (9, 9, at(100).unwrap()));
        assert_eq!((old.pods, old.ready, old.newest), (1, 0, at(50).unwrap()));
        assert_eq!(old.trouble[0].pod, "db-9");
        assert_eq!(new.identity, "db.shop.serviceaccount.identity.linkerd.cluster.local");
    }

    #[test]
    fn pods_of_another_control_plane_or_without_one_or_finished_do_not_count() {
        let mut fold = Fold::new("linkerd", &[]);
        fold.push(&Pod { control_plane: Some("mesh"), ..pod("a", Anchors::ConfigMap) });
        fold.push(&Pod { phase: "Succeeded", ..pod("b", Anchors::ConfigMap) });
        fold.push(&Pod { proxy: None, ..pod("c", Anchors::ConfigMap) });
        assert_eq!(fold.finish(), Mesh::default());
        let mut fold = Fold::new("linkerd", &[]);
        fold.push(&Pod { control_plane: None, ..pod("d", Anchors::ConfigMap) });
        assert_eq!(fold.finish().workloads[0].groups[0].bundle, BundleRef::ConfigMap);
    }

    #[test]
    fn unmeshed_where_namespace_or_pod_ask_for_a_proxy() {
        let bare =
            |namespace, inject| Pod { namespace, inject, proxy: None, owner: None, ..pod("p", Anchors::Unknown) };
        let mut fold = Fold::new("linkerd", &[namespace("shop", Some("enabled")), namespace("plain", None)]);
        fold.push(&bare("shop", None));
        fold.push(&bare("shop", Some("")));
        fold.push(&bare("shop", Some("disabled")));
        fold.push(&Pod { host_network: true, ..bare("shop", None) });
        fold.push(&bare("plain", None));
        fold.push(&bare("plain", Some("ingress")));
        let unmeshed = fold.finish().unmeshed;
        let namespaces: Vec<_> = unmeshed.iter().map(|unmeshed| (&*unmeshed.namespace, unmeshed.pods)).collect();
        assert_eq!(namespaces, [("plain", 1), ("shop", 2)]);
    }

    #[test]
    fn who_cannot_have_a_proxy_is_not_missing_one() {
        let system = Namespace { not_injected: true, ..namespace("kube-system", Some("enabled")) };
        let bare = |namespace| Pod { namespace, proxy: None, inject: Some("enabled"), ..pod("p", Anchors::Unknown) };
        let mut fold = Fold::new("linkerd", &[system, namespace("shop", Some("enabled"))]);
        fold.push(&bare("kube-system"));
        fold.push(&Pod { component: Some("heartbeat"), ..bare("shop") });
        assert_eq!(fold.finish().unmeshed, []);
    }

    #[test]
    fn the_component_is_the_control_plane_s_own() {
        let mut fold = Fold::new("linkerd", &[]);
        fold.push(&Pod { namespace: "linkerd", component: Some("identity"), ..pod("i", Anchors::ConfigMap) });
        fold.push(&Pod { component: Some("identity"), ..pod("x", Anchors::ConfigMap) });
        let mesh = fold.finish();
        assert_eq!(mesh.component("identity").unwrap().namespace, "linkerd");
        assert_eq!(mesh.workloads[1].component, None);
    }
}
