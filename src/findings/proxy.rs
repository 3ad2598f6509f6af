//! Family P: what proxies have loaded, present, and refuse.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    pki::Bundle,
    snapshot::BundleRef,
    trust::{self, Loaded, Presented, Refused},
};

use super::{
    Code, Finding, Severity,
    text::{count, end, named, restart, some_of, workload},
    view::View,
};

/// Proxies ask again after 70 % of a leaf's life; a little later they are late.
const OVERDUE_SHARE: f64 = 0.75;

/// LC-P01: proxies whose loaded bundle is not the ConfigMap's. They restart into the present one.
pub(super) fn stale(view: &View<'_>) -> Vec<Finding> {
    let Some(roots) = view.roots.filter(|roots| !roots.is_empty()) else { return Vec::new() };
    let stale: Vec<(&Loaded<'_>, &Bundle)> = view
        .loaded
        .iter()
        .filter_map(|loaded| Some((loaded, loaded.bundle?)))
        .filter(|(_, bundle)| !bundle.same_set(roots))
        .collect();
    if stale.is_empty() {
        return Vec::new();
    }
    let pods: u64 = stale.iter().map(|(loaded, _)| u64::from(loaded.pods)).sum();
    let summary = format!("{} a trust bundle that is not the present one", verb(pods, "proxy holds", "proxies hold"));
    let finding = Finding::new(Code::StaleBundle, Severity::Warning, view.roots_place(), summary)
        .seen_all(some_of(by_difference(&stale, roots)))
        .next("restart the control plane first (identity, then the injector), then these workloads:")
        .next_all(some_of(restarts(stale.iter().map(|(loaded, _)| *loaded))));
    vec![finding]
}

/// A line for each kind of difference, with the workloads that have it.
fn by_difference(stale: &[(&Loaded<'_>, &Bundle)], roots: &Bundle) -> Vec<String> {
    let mut kinds: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (loaded, bundle) in stale {
        let lacks = only_in(roots, bundle);
        let holds = only_in(bundle, roots);
        let difference = match (lacks.is_empty(), holds.is_empty()) {
            (false, false) => format!("lacks {}, holds {}", lacks.join(", "), holds.join(", ")),
            (false, true) => format!("lacks {}", lacks.join(", ")),
            (true, _) => format!("also holds {}", holds.join(", ")),
        };
        kinds.entry(difference).or_default().push(workload(loaded.workload, loaded.pods));
    }
    kinds
        .into_iter()
        .flat_map(|(difference, workloads)| {
            workloads.into_iter().map(move |workload| format!("{workload} {difference}")).collect::<Vec<_>>()
        })
        .collect()
}

fn only_in(these: &Bundle, those: &Bundle) -> Vec<String> {
    these.certificates.iter().filter(|one| !those.contains(one)).map(named).collect()
}

/// LC-P02: pairs that refuse each other now, by chains and bundles that were seen. Expired leafs are refused by all and
/// reported by themselves.
pub(super) fn refused_pairs(view: &View<'_>) -> Vec<Finding> {
    let refused: Vec<Refused<'_>> = trust::refused(view.snapshot, view.seen_at)
        .into_iter()
        .filter(|pair| pair.presented.leaf().lifetime().contains(view.seen_at))
        .collect();
    if refused.is_empty() {
        return Vec::new();
    }
    let lines: BTreeSet<String> = refused.iter().map(pair).collect();
    let summary = format!("proxies refuse each other: {}", count(lines.len() as u64, "pair"));
    let finding =
        Finding::new(Code::RefusedPairs, Severity::Critical, format!("mesh of {}", view.snapshot.namespace), summary)
            .seen_all(some_of(lines))
            .seen("new connections between them fail; open ones go on until either side restarts")
            .next("give every proxy a bundle with both anchors: put both into the trust bundle, then restart the one that refuses");
    vec![finding]
}

fn pair(refused: &Refused<'_>) -> String {
    let by = refused.by.workload;
    format!(
        "{}/{} refuses {}/{}: {}",
        by.namespace, by.name, refused.presented.workload.namespace, refused.presented.workload.name, refused.reason
    )
}

/// LC-P03 and P04: leafs that should have been renewed, or have ended.
pub(super) fn leaf_lifetime(view: &View<'_>) -> Vec<Finding> {
    let (expired, living): (Vec<&Presented<'_>>, Vec<_>) =
        view.presented.iter().partition(|presented| presented.leaf().lifetime().not_after < view.seen_at);
    let overdue: Vec<_> = living
        .into_iter()
        .filter(|presented| presented.leaf().lifetime().share_used(view.seen_at) > OVERDUE_SHARE)
        .collect();
    let mut findings = Vec::new();
    if !expired.is_empty() {
        let summary = format!("{} an expired leaf", verb(expired.len() as u64, "proxy presents", "proxies present"));
        let finding = Finding::new(Code::LeafExpired, Severity::Critical, "leaf certificates", summary)
            .seen_all(some_of(expired.iter().map(|presented| leaf(view, presented))))
            .seen("every new connection to or from them fails")
            .next("find out why identity does not renew them, then restart them");
        findings.push(finding);
    }
    if !overdue.is_empty() {
        let summary = format!("{} overdue for refresh", verb(overdue.len() as u64, "leaf is", "leafs are"));
        let finding = Finding::new(Code::LeafOverdue, Severity::Warning, "leaf certificates", summary)
            .seen_all(some_of(overdue.iter().map(|presented| leaf(view, presented))))
            .seen("a proxy asks again at 70 % of a leaf's life and keeps the old one when that fails")
            .next("look for refused renewals: `kubectl get events -n ".to_owned() + &view.snapshot.namespace + "`");
        findings.push(finding);
    }
    findings
}

fn leaf(view: &View<'_>, presented: &Presented<'_>) -> String {
    format!("{}/{}: {}", presented.workload.namespace, presented.pod, end(presented.leaf(), view.seen_at))
}

/// LC-P05: pods that came up without the proxy that their namespace or annotation asks for.
pub(super) fn unmeshed(view: &View<'_>) -> Vec<Finding> {
    let unmeshed = view.snapshot.mesh.found().map_or(&[][..], |mesh| &mesh.unmeshed);
    if unmeshed.is_empty() {
        return Vec::new();
    }
    let pods: u64 = unmeshed.iter().map(|owner| u64::from(owner.pods)).sum();
    let summary = format!("{} no proxy where one is asked for", verb(pods, "pod has", "pods have"));
    let lines = unmeshed
        .iter()
        .map(|owner| format!("{}/{} ({}, {})", owner.namespace, owner.name, owner.kind, count(owner.pods, "pod")));
    let finding = Finding::new(Code::Unmeshed, Severity::Warning, "injection", summary)
        .seen_all(some_of(lines))
        .seen("their traffic is not encrypted by the mesh, and policy that asks for identity refuses them")
        .next("once the injector's webhook is healthy, restart them");
    vec![finding]
}

/// LC-P06: proxies that were asked and did not answer, and those whose bundle nothing else tells.
pub(super) fn unseen(view: &View<'_>) -> Vec<Finding> {
    let mut reasons: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for probe in &view.snapshot.probes {
        if let Err(reason) = &probe.answer {
            reasons.entry(reason).or_default().push(format!("{}/{}", probe.pod.namespace, probe.pod.name));
        }
    }
    let unknown = view.snapshot.mesh.found().map_or(0, |mesh| {
        let groups = mesh.workloads.iter().flat_map(|workload| &workload.groups);
        groups.filter(|group| group.bundle == BundleRef::Unknown).map(|group| u64::from(group.pods)).sum()
    });
    if reasons.is_empty() && unknown == 0 {
        return Vec::new();
    }
    let silent: usize = reasons.values().map(Vec::len).sum();
    let summary = if silent > 0 {
        format!("{} not be asked what it has loaded", verb(silent as u64, "proxy could", "proxies could"))
    } else {
        format!("{} a trust bundle that cannot be told", verb(unknown, "proxy has", "proxies have"))
    };
    let mut lines: Vec<String> = Vec::new();
    for (reason, pods) in reasons {
        lines.extend(some_of(pods).into_iter().map(|pod| format!("{pod}: {reason}")));
    }
    let finding = Finding::new(Code::ProxyUnseen, Severity::Warning, "live probes", summary)
        .seen_all(lines)
        .seen("what cannot be seen counts as old")
        .next("make sure that you may `create pods/portforward`, and that the pods run");
    vec![finding]
}

/// LC-P07: proxies outside the cluster, whose bundles no probe reaches.
pub(super) fn external_workloads(view: &View<'_>) -> Vec<Finding> {
    let outside = view.snapshot.external_workloads.items();
    if outside.is_empty() {
        return Vec::new();
    }
    let summary = format!("{} outside the cluster trust these anchors", count(outside.len() as u64, "workload"));
    let lines = outside.iter().map(|workload| format!("ExternalWorkload {}/{}", workload.namespace, workload.name));
    let finding = Finding::new(Code::ExternalWorkloads, Severity::Info, "mesh expansion", summary)
        .seen_all(some_of(lines))
        .next("an anchor rotation must reach them by hand, before the issuer is swapped");
    vec![finding]
}

/// LC-P08: clusters that are linked share a trust anchor.
pub(super) fn linked_clusters(view: &View<'_>) -> Vec<Finding> {
    let links = view.snapshot.links.items();
    if links.is_empty() {
        return Vec::new();
    }
    let summary =
        format!("{} trust these anchors", verb(links.len() as u64, "linked cluster must", "linked clusters must"));
    let lines = links.iter().map(|link| format!("Link {}/{} to cluster {}", link.namespace, link.name, link.target));
    let finding = Finding::new(Code::LinkedClusters, Severity::Info, "multicluster", summary)
        .seen_all(some_of(lines))
        .next("check them too (`--context`); an anchor rotation goes through its stages in all of them together");
    vec![finding]
}

/// What every pod goes through on its way up.
const STARTING: [&str; 3] = ["Pending", "PodInitializing", "ContainerCreating"];

/// LC-P09: proxies that are up and have no leaf: their pods do not become ready.
pub(super) fn without_leaf(view: &View<'_>) -> Vec<Finding> {
    let Some(mesh) = view.snapshot.mesh.found() else { return Vec::new() };
    let lines: Vec<String> = mesh
        .workloads
        .iter()
        .flat_map(|workload| workload.groups.iter().map(move |group| (workload, group)))
        .flat_map(|(workload, group)| group.trouble.iter().map(move |trouble| (workload, trouble)))
        .filter(|(_, trouble)| {
            trouble.container.as_deref() == Some("linkerd-proxy") && !STARTING.contains(&trouble.reason.as_str())
        })
        .map(|(workload, trouble)| format!("{}/{}: its proxy is {}", workload.namespace, trouble.pod, trouble.reason))
        .collect();
    if lines.is_empty() {
        return Vec::new();
    }
    let summary = format!("{} not ready", verb(lines.len() as u64, "proxy is", "proxies are"));
    let finding = Finding::new(Code::ProxyWithoutLeaf, Severity::Warning, "proxies that are not ready", summary)
        .seen_all(some_of(lines))
        .seen("a proxy becomes ready with its first leaf")
        .next("`kubectl logs POD -c linkerd-proxy` says whether identity refuses it");
    vec![finding]
}

fn restarts<'a>(loaded: impl Iterator<Item = &'a Loaded<'a>>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let order = |loaded: &&Loaded<'_>| match loaded.workload.component.as_deref() {
        Some("identity") => 0,
        Some("proxy-injector") => 1,
        Some(_) => 2,
        None => 3,
    };
    let mut ordered: Vec<_> = loaded.collect();
    ordered.sort_by_key(order);
    ordered.into_iter().map(|loaded| restart(loaded.workload)).filter(|line| seen.insert(line.clone())).collect()
}

/// `1 proxy holds`, `2 proxies hold`.
fn verb(number: u64, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
}
