//! Family P: what proxies have loaded, present, and refuse.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::{
    pki::{Bundle, verify::Refusal},
    snapshot::{Admin, BundleRef, PodRef, PodTrouble, Workload},
    trust::{self, Loaded, Presented, Proof, Refused},
};

use super::{
    Code, Finding, Severity,
    text::{count, end, moment, named, restart, some_of, some_of_many, workload},
    verbs,
    view::View,
    webhook::was_not_asked,
};

/// Proxies ask again after 70 % of a leaf's life; a little later they are late.
const OVERDUE_SHARE: f64 = 0.75;

/// LC-P01: proxies whose loaded bundle is not the ConfigMap's. They restart into the present one. What a proxy that
/// started before the ConfigMap last changed holds is not known, and counts as old.
pub(super) fn stale(view: &View<'_>) -> Vec<Finding> {
    let Some(roots) = view.roots.filter(|roots| !roots.is_empty()) else { return Vec::new() };
    let mut stale: Vec<Loaded<'_>> = Vec::new();
    let mut lines = Vec::new();
    for (bundle, holders) in trust::by_bundle(&view.loaded) {
        if bundle.same_set(roots) {
            continue;
        }
        let difference = difference(bundle, roots);
        lines.extend(holders.iter().map(|loaded| format!("{} {difference}", workload(loaded.workload, loaded.pods))));
        stale.extend(holders);
    }
    let before: Vec<_> = view.loaded.iter().filter(|loaded| loaded.proof == Proof::StartedBefore).copied().collect();
    lines.extend(before.iter().map(|loaded| {
        format!("{} was not asked, and started before the trust bundle", workload(loaded.workload, loaded.pods))
            + &changed(view)
    }));
    if lines.is_empty() {
        return Vec::new();
    }
    let pods = |of: &[Loaded<'_>]| of.iter().map(|loaded| u64::from(loaded.pods)).sum::<u64>();
    let summary = if stale.is_empty() {
        let who = verb(pods(&before), "proxy", "proxies");
        format!("{who} started before the trust bundle last changed and may hold the one before it")
    } else {
        format!("{} a trust bundle that is not the present one", verb(pods(&stale), "proxy holds", "proxies hold"))
    };
    stale.extend(before);
    let finding = Finding::new(Code::StaleBundle, Severity::Warning, view.roots_place(), summary)
        .seen_all(some_of(lines))
        .next_all(verbs::on_from_here(view))
        .next("restart the control plane first (identity, then the injector), then these workloads:")
        .next_all(some_of(restarts(&stale)));
    vec![finding]
}

/// ` last changed, at ...`, for the end of a sentence.
fn changed(view: &View<'_>) -> String {
    let at = view.snapshot.trust_roots.found().and_then(|roots| roots.changed_at);
    at.map_or_else(|| " last changed".to_owned(), |at| format!(" last changed, at {}", moment(at)))
}

fn difference(bundle: &Bundle, roots: &Bundle) -> String {
    let (lacks, holds) = (only_in(roots, bundle), only_in(bundle, roots));
    match (lacks.is_empty(), holds.is_empty()) {
        (false, false) => format!("lacks {}, holds {}", lacks.join(", "), holds.join(", ")),
        (false, true) => format!("lacks {}", lacks.join(", ")),
        (true, _) => format!("also holds {}", holds.join(", ")),
    }
}

fn only_in(these: &Bundle, those: &Bundle) -> Vec<String> {
    these.certificates.iter().filter(|one| !those.contains(one)).map(named).collect()
}

/// Subject of pairs of which one presents a chain that leads to no anchor of the other's bundle.
pub(super) const NO_ANCHOR: &str = "proxies without an anchor in common";
/// Subject of pairs of which one presents an authority that is past its end, or not valid yet.
pub(super) const OUT_OF_TIME: &str = "proxies under an authority that is out of its time";
/// Subject of pairs that refuse each other for any other reason.
const REFUSED_OTHERWISE: &str = "proxies whose chain is refused";

/// LC-P02: pairs that refuse each other now, by chains and bundles that were seen; a finding for each kind of reason,
/// since each has another way out. Expired leafs are refused by all and reported by themselves.
pub(super) fn refused_pairs(view: &View<'_>) -> Vec<Finding> {
    let mut kinds: BTreeMap<&str, Vec<Refused<'_>>> = BTreeMap::new();
    for refused in trust::refused(view.snapshot, view.seen_at) {
        let kind = match refused.reason {
            Refusal::UnknownIssuer => NO_ANCHOR,
            Refusal::Expired { .. } | Refusal::NotYetValid { .. } => OUT_OF_TIME,
            Refusal::Nothing | Refusal::NotAnAuthority(_) | Refusal::Other(_) => REFUSED_OTHERWISE,
        };
        kinds.entry(kind).or_default().push(refused);
    }
    kinds.into_iter().map(|(kind, refused)| refused_for(kind, &refused)).collect()
}

fn refused_for(kind: &str, refused: &[Refused<'_>]) -> Finding {
    // Workloads, not pods: the pairs of a large mesh are counted, and only the first of them are put into words.
    let mut pairs: BTreeMap<[(&str, &str); 2], &Refusal> = BTreeMap::new();
    for block in refused {
        let presented: BTreeSet<_> = block.presented.iter().map(|presented| name_of(presented.workload)).collect();
        for by in block.by.iter().map(|loaded| name_of(loaded.workload)).collect::<BTreeSet<_>>() {
            pairs.extend(presented.iter().map(|&presented| ([by, presented], &block.reason)));
        }
    }
    let (why, next) = match kind {
        NO_ANCHOR => (
            "they have no trust anchor in common",
            "give every proxy a bundle with both anchors: put both into the trust bundle, then restart the one that refuses",
        ),
        OUT_OF_TIME => (
            "an authority above their leafs is out of its time",
            "make sure that identity signs with an issuer that is valid, then restart the proxies that still present the other one",
        ),
        _ => (
            "a chain is not accepted",
            "make sure that identity signs with a sound issuer, then restart the proxies that present the other one",
        ),
    };
    let summary = format!("proxies refuse each other, since {why}: {}", count(pairs.len() as u64, "pair"));
    let lines = some_of_many(&pairs, |([by, presented], reason)| {
        format!("{}/{} refuses {}/{}: {reason}", by.0, by.1, presented.0, presented.1)
    });
    Finding::new(Code::RefusedPairs, Severity::Critical, kind, summary)
        .seen_all(lines)
        .seen("new connections between them fail; open ones go on until either side restarts")
        .next(next)
}

fn name_of(workload: &Workload) -> (&str, &str) {
    (&workload.namespace, &workload.name)
}

/// LC-P03 and P04: leafs that should have been renewed, or have ended.
pub(super) fn leaf_lifetime(view: &View<'_>) -> Vec<Finding> {
    let (expired, living): (Vec<&Presented<'_>>, Vec<_>) =
        view.presented.iter().partition(|presented| presented.leaf().lifetime().not_after < view.seen_at);
    let overdue: Vec<_> = living
        .into_iter()
        .filter(|presented| presented.leaf().lifetime().share_used(view.seen_at) > OVERDUE_SHARE)
        .collect();
    let failed = failed_refreshes(view);
    let mut findings = Vec::new();
    if !expired.is_empty() {
        let summary = format!("{} an expired leaf", verb(expired.len() as u64, "proxy presents", "proxies present"));
        let finding = Finding::new(Code::LeafExpired, Severity::Critical, "leaf certificates", summary)
            .seen_all(some_of_many(&expired, |presented| leaf(view, presented) + &refreshes(&failed, presented)))
            .seen("every new connection to or from them fails")
            .next("`recover-expired` restarts them once identity signs; or find out why it does not renew them, then restart them");
        findings.push(finding);
    }
    if !overdue.is_empty() {
        let summary = format!("{} overdue for refresh", verb(overdue.len() as u64, "leaf is", "leafs are"));
        let finding = Finding::new(Code::LeafOverdue, Severity::Warning, "leaf certificates", summary)
            .seen_all(some_of_many(&overdue, |presented| leaf(view, presented) + &refreshes(&failed, presented)))
            .seen("a proxy asks again at 70 % of a leaf's life and keeps the old one when that fails")
            .next("look for refused renewals: `kubectl get events -n ".to_owned() + &view.snapshot.namespace + "`");
        findings.push(finding);
    }
    findings
}

/// Refreshes that failed since its start, of each pod that tells.
fn failed_refreshes<'a>(view: &View<'a>) -> HashMap<(&'a str, &'a str), u64> {
    let answers = view.snapshot.probes.iter().filter_map(|probe| Some((&probe.pod, probe.answer.as_ref().ok()?)));
    answers.filter_map(|(pod, admin)| Some(((&*pod.namespace, &*pod.name), admin.failed_refreshes?))).collect()
}

/// `; 3 of its refreshes failed since it started`.
fn refreshes(failed: &HashMap<(&str, &str), u64>, presented: &Presented<'_>) -> String {
    match failed.get(&(presented.workload.namespace.as_str(), presented.pod)) {
        Some(0) => "; it counts no refresh that failed".to_owned(),
        Some(failed) => format!("; {failed} of its refreshes failed since it started"),
        None => String::new(),
    }
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

/// LC-P06: proxies and webhook servers that were asked and did not answer, and proxies whose bundle nothing else tells.
pub(super) fn unseen(view: &View<'_>) -> Vec<Finding> {
    let mut unseen = silent(view);
    let silent = unseen.len();
    let unknown = view.loaded.iter().filter(|loaded| loaded.proof == Proof::Unknown);
    unseen.extend(unknown.map(|loaded| {
        let what = workload(loaded.workload, loaded.pods);
        let matters = loaded.workload.groups.iter().any(|group| group.bundle == BundleRef::Unknown);
        let why = if matters {
            "its pods' spec does not tell which trust bundle it has loaded"
        } else {
            "it was not asked, and nothing dates the trust bundle's last change"
        };
        Unseen { what, why: why.to_owned(), proxies: u64::from(loaded.pods), matters }
    }));
    if unseen.is_empty() {
        return Vec::new();
    }
    let proxies = |of: &[Unseen]| of.iter().map(|unseen| unseen.proxies).sum::<u64>();
    let summary = match (proxies(&unseen[..silent]), proxies(&unseen[silent..])) {
        (0, 0) => "webhook servers could not be asked what they serve".to_owned(),
        (0, unknown) => {
            format!("{} a trust bundle that cannot be told", verb(unknown, "proxy has", "proxies have"))
        }
        (1, _) => "1 proxy could not be asked what it has loaded".to_owned(),
        (asked, _) => format!("{asked} proxies could not be asked what they have loaded"),
    };
    let (severity, meaning) = if unseen.iter().any(|unseen| unseen.matters) {
        (Severity::Warning, "whether they hold the present trust bundle is not known")
    } else {
        (Severity::Info, "nothing says that they hold another trust bundle than the present one")
    };
    let finding = Finding::new(Code::ProxyUnseen, severity, "live probes", summary)
        .seen_all(some_of_many(&unseen, |unseen| format!("{}: {}", unseen.what, unseen.why)))
        .seen(meaning)
        .next("make sure that you may `get` pods/portforward (from Kubernetes 1.35 on also `create`), and that the pods run");
    vec![finding]
}

/// Something that was asked in vain.
struct Unseen {
    what: String,
    why: String,
    proxies: u64,
    /// Whether what it would have said is in doubt.
    matters: bool,
}

fn silent(view: &View<'_>) -> Vec<Unseen> {
    let workloads = view.snapshot.mesh.found().map_or(&[][..], |mesh| &mesh.workloads);
    let mut unseen = Vec::new();
    for probe in &view.snapshot.probes {
        let PodRef { namespace, name } = &probe.pod;
        let group = workloads.get(probe.workload).and_then(|workload| workload.groups.get(probe.group));
        let by_spec = group.is_some_and(|group| matches!(group.bundle, BundleRef::Literal(_)));
        let pod = |why: &str, matters| {
            let what = format!("{namespace}/{name}");
            Unseen { what, why: why.to_owned(), proxies: 1, matters }
        };
        match &probe.answer {
            // The first refusal stands for its whole namespace: nobody else was asked there.
            Err(why) if why.starts_with("forbidden") => {
                let here = workloads.iter().filter(|workload| workload.namespace == *namespace);
                let proxies = here.map(|workload| u64::from(workload.pods())).sum::<u64>().max(1);
                let what = format!("namespace {namespace} ({})", verb(proxies, "proxy", "proxies"));
                unseen.push(Unseen { what, why: why.clone(), proxies, matters: true });
            }
            Err(why) => unseen.push(pod(why, true)),
            Ok(Admin { bundle: Err(why), .. }) => unseen.push(pod(why, !by_spec)),
            Ok(_) => {}
        }
    }
    unseen.extend(view.snapshot.webhooks.items().iter().filter_map(|webhook| {
        let why = webhook.served.as_ref()?.as_ref().err().filter(|why| was_not_asked(why))?;
        let what = format!("the server of webhook {}", webhook.name);
        Some(Unseen { what, why: why.clone(), proxies: 0, matters: true })
    }));
    unseen
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
        .next("check them too (`--context`)")
        .next("an anchor rotation goes through its stages in all of them together: `rotate-anchor --linked-context CONTEXT`");
    vec![finding]
}

/// What every pod goes through on its way up and down.
const ON_ITS_WAY: [&str; 4] = ["Pending", "PodInitializing", "ContainerCreating", "Terminating"];

/// LC-P09: proxies that run without a leaf, so that their pods do not become ready, and those that do not run.
pub(super) fn without_leaf(view: &View<'_>) -> Vec<Finding> {
    let Some(mesh) = view.snapshot.mesh.found() else { return Vec::new() };
    let (mut without, mut failing) = (BTreeMap::new(), BTreeMap::new());
    let mut more = false;
    for workload in &mesh.workloads {
        for group in &workload.groups {
            let of_proxy = |trouble: &&PodTrouble| {
                trouble.container.as_deref() == Some("linkerd-proxy") && !ON_ITS_WAY.contains(&trouble.reason.as_str())
            };
            for trouble in group.trouble.iter().filter(of_proxy) {
                let kind = if trouble.reason == "not ready" { &mut without } else { &mut failing };
                let pod = (workload.namespace.as_str(), trouble.pod.as_str());
                kind.insert(pod, format!("its proxy is in state {}", trouble.reason));
            }
            // A snapshot keeps the first few troubles of a group.
            let kept = u32::try_from(group.trouble.len()).unwrap_or(u32::MAX);
            more |= group.trouble.iter().any(|trouble| of_proxy(&trouble))
                && group.pods - group.ready.min(group.pods) > kept;
        }
    }
    for probe in &view.snapshot.probes {
        if let Ok(Admin { chain: Err(why), .. }) = &probe.answer {
            let pod = (probe.pod.namespace.as_str(), probe.pod.name.as_str());
            without.entry(pod).or_insert_with(|| format!("its proxy presents no certificate: {why}"));
        }
    }
    let at_least = if more { "at least " } else { "" };
    let summary = match (without.len() as u64, failing.len() as u64) {
        (0, 0) => return Vec::new(),
        (without, 0) => format!("{at_least}{} no certificate", verb(without, "proxy has", "proxies have")),
        (0, failing) => format!("{at_least}{} not run", verb(failing, "proxy does", "proxies do")),
        (without, failing) => format!(
            "{at_least}{} no certificate, and {failing} more not run",
            verb(without, "proxy has", "proxies have")
        ),
    };
    let mut finding = Finding::new(Code::ProxyWithoutLeaf, Severity::Warning, "proxies that are not ready", summary)
        .seen_all(some_of_many(without.iter().chain(&failing), |((namespace, pod), why)| {
            format!("{namespace}/{pod}: {why}")
        }));
    if !without.is_empty() {
        finding = finding
            .seen("a proxy becomes ready with its first leaf")
            .next("`kubectl logs POD -c linkerd-proxy` says whether identity refuses it");
    }
    if !failing.is_empty() {
        finding = finding.next("`kubectl logs POD -c linkerd-proxy --previous` says why it ended");
    }
    vec![finding]
}

fn restarts(loaded: &[Loaded<'_>]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let order = |loaded: &&Loaded<'_>| match loaded.workload.component.as_deref() {
        Some("identity") => 0,
        Some("proxy-injector") => 1,
        Some(_) => 2,
        None => 3,
    };
    let mut ordered: Vec<_> = loaded.iter().collect();
    ordered.sort_by_key(order);
    ordered.into_iter().map(|loaded| restart(loaded.workload)).filter(|line| seen.insert(line.clone())).collect()
}

/// `1 proxy holds`, `2 proxies hold`.
fn verb(number: u64, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
}
