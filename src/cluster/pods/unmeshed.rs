use std::collections::{HashMap, HashSet};

use crate::snapshot::{Namespace, Unmeshed};

use super::pod::Pod;

/// Pods that ask for a proxy, themselves or through their namespace, and have none.
#[derive(Debug)]
pub(super) struct Unproxied {
    /// Namespaces whose annotation asks for injection.
    injected: HashSet<String>,
    /// Namespaces that the injector is not asked about.
    exempt: HashSet<String>,
    found: HashMap<(String, String, String), u32>,
}

impl Unproxied {
    pub(super) fn new(namespaces: &[Namespace]) -> Self {
        let names = |which: fn(&&Namespace) -> bool| {
            namespaces.iter().filter(which).map(|namespace| namespace.name.clone()).collect()
        };
        Self {
            injected: names(|namespace| asks(namespace.inject.as_deref())),
            exempt: names(|namespace| namespace.not_injected),
            found: HashMap::new(),
        }
    }

    pub(super) fn push(&mut self, pod: &Pod<'_>) {
        // The injector leaves pods on the host's network alone, and its namespace's annotation to the pod's own
        // (linkerd2, pkg/inject/report.go).
        let wanted = match pod.inject.filter(|own| !own.is_empty()) {
            Some(own) => asks(Some(own)),
            None => self.injected.contains(pod.namespace),
        };
        // The webhook's selectors keep whole namespaces from it, and what the control plane labels as its own (linkerd2,
        // charts/linkerd-control-plane/values.yaml, `proxyInjector.objectSelector`).
        let out_of_reach = self.exempt.contains(pod.namespace) || pod.component.is_some();
        if !wanted || pod.host_network || out_of_reach {
            return;
        }
        let (kind, name) = pod.workload();
        let key = (pod.namespace.to_owned(), kind.to_owned(), name.to_owned());
        *self.found.entry(key).or_default() += 1;
    }

    pub(super) fn finish(self) -> Vec<Unmeshed> {
        let mut unmeshed: Vec<_> = self
            .found
            .into_iter()
            .map(|((namespace, kind, name), pods)| Unmeshed { namespace, kind, name, pods })
            .collect();
        unmeshed.sort_by(|one, other| {
            (&one.namespace, &one.kind, &one.name).cmp(&(&other.namespace, &other.kind, &other.name))
        });
        unmeshed
    }
}

fn asks(annotation: Option<&str>) -> bool {
    matches!(annotation, Some("enabled" | "ingress"))
}
