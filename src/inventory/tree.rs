//! The PKI as a tree: anchors, below each the issuers that lead to it, below each the proxies that present its leafs.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::{
    mesh::{Obstacle, Rollout},
    pki::{Bundle, Certificate, Fingerprint, verify},
    plan,
    snapshot::{Snapshot, WorkloadRef},
    trust::{self, Held},
};

use super::{CertificateRow, Place, Role, collect};

/// The whole tree.
#[derive(Clone, Debug, PartialEq)]
pub struct Tree {
    /// Every anchor that anything holds, the oldest first.
    pub anchors: Vec<AnchorNode>,
    /// Issuers that lead to none of them.
    pub unanchored: Vec<IssuerNode>,
    /// Proxies whose leaf is not known.
    pub unseen: Vec<LeafGroup>,
}

/// A trust anchor.
#[derive(Clone, Debug, PartialEq)]
pub struct AnchorNode {
    /// A letter that stands for it in this tree.
    pub mark: String,
    /// The certificate.
    pub certificate: Certificate,
    /// Whether the trust roots hold it: new proxies load it.
    pub in_roots: bool,
    /// Every object that holds it.
    pub places: Vec<Place>,
    /// How many proxies are known to have it loaded.
    pub loaded_by: u64,
    /// The issuers that lead to it, the oldest first.
    pub issuers: Vec<IssuerNode>,
}

/// An identity issuer.
#[derive(Clone, Debug, PartialEq)]
pub struct IssuerNode {
    /// The issuer first, then what came with it.
    pub chain: Vec<Certificate>,
    /// Whether the issuer Secret holds it.
    pub in_secret: bool,
    /// Whether identity is known to sign with it.
    pub signs: bool,
    /// Every object that holds it.
    pub places: Vec<Place>,
    /// The proxies that present leafs of it.
    pub leafs: Vec<LeafGroup>,
}

/// Proxies that trust the same anchors.
#[derive(Clone, Debug, PartialEq)]
pub struct LeafGroup {
    /// Those anchors; `None` where they are not known.
    pub trusts: Option<BTreeSet<Fingerprint>>,
    /// The workloads, the control plane's own first.
    pub workloads: Vec<Holder>,
    /// When the first of the leafs that were seen ends.
    pub first_end: Option<Timestamp>,
}

/// Proxies of one workload.
#[derive(Clone, Debug, PartialEq)]
pub struct Holder {
    /// The workload.
    pub workload: WorkloadRef,
    /// `identity`, `destination` or `proxy-injector` for the control plane's own.
    pub component: Option<String>,
    /// How many of its proxies these are.
    pub proxies: u32,
    /// How many it has.
    pub of: u32,
    /// Why a restart would not bring new pods, where it would not.
    pub obstacle: Option<Obstacle>,
    /// What its rollout waits for, where something is wrong.
    pub trouble: Option<String>,
}

impl Tree {
    /// Grows it from a snapshot; `rollouts` says of which workloads a restart brings new pods.
    pub fn of(snapshot: &Snapshot, rollouts: &[Rollout]) -> Self {
        let rows = collect::certificates(snapshot);
        let held = trust::held(snapshot);
        let roots = snapshot.trust_roots.found().and_then(|roots| roots.bundle.as_ref());
        let mut anchors: Vec<AnchorNode> = rows
            .iter()
            .filter(|row| row.role == Role::Anchor)
            .map(|row| AnchorNode {
                mark: String::new(),
                certificate: row.certificate.clone(),
                in_roots: roots.is_some_and(|roots| roots.contains(&row.certificate)),
                places: row.places.clone(),
                loaded_by: loading(&held, &row.certificate),
                issuers: Vec::new(),
            })
            .collect();
        anchors.sort_by_key(|node| (node.certificate.lifetime().not_before, node.certificate.fingerprint()));
        for (index, node) in anchors.iter_mut().enumerate() {
            node.mark = mark(index);
        }
        let order: Order = anchors.iter().enumerate().map(|(at, node)| (node.certificate.fingerprint(), at)).collect();
        let mut tree = Self { anchors, unanchored: Vec::new(), unseen: Vec::new() };
        for issuer in issuers(snapshot, &rows, &held, |held| groups(held, &order, rollouts)) {
            let leads = |node: &&mut AnchorNode| verify::leads_to(&issuer.chain, &node.certificate);
            // An anchor may be there twice, with one key: the one that counts is in the trust roots.
            let at = tree.anchors.iter_mut().filter(leads).min_by_key(|node| !node.in_roots);
            at.map_or(&mut tree.unanchored, |node| &mut node.issuers).push(issuer);
        }
        tree.unseen = groups(held.iter().filter(|held| held.issuer.is_none()).collect(), &order, rollouts);
        tree
    }

    /// Leaves only the proxies of `namespace` and of the control plane below the issuers. How many have an anchor loaded
    /// is still told of all.
    pub fn narrow(&mut self, namespace: &str) {
        let issuers = self.anchors.iter_mut().flat_map(|anchor| &mut anchor.issuers).chain(&mut self.unanchored);
        for groups in issuers.map(|issuer| &mut issuer.leafs).chain([&mut self.unseen]) {
            for group in groups.iter_mut() {
                group.workloads.retain(|one| one.component.is_some() || one.workload.namespace == namespace);
            }
            groups.retain(|group| !group.workloads.is_empty());
        }
    }

    /// The letter of an anchor.
    pub fn mark(&self, anchor: Fingerprint) -> Option<&str> {
        self.anchors.iter().find(|node| node.certificate.fingerprint() == anchor).map(|node| node.mark.as_str())
    }
}

impl LeafGroup {
    /// How many proxies there are in it.
    pub fn proxies(&self) -> u64 {
        self.workloads.iter().map(|holder| u64::from(holder.proxies)).sum()
    }
}

impl IssuerNode {
    /// The issuer itself.
    pub fn certificate(&self) -> Option<&Certificate> {
        self.chain.first()
    }

    /// How many proxies present a leaf of it.
    pub fn proxies(&self) -> u64 {
        self.leafs.iter().map(LeafGroup::proxies).sum()
    }
}

fn loading(held: &[Held<'_>], anchor: &Certificate) -> u64 {
    let loads = |held: &&Held<'_>| held.bundle.is_some_and(|bundle| bundle.contains(anchor));
    held.iter().filter(loads).map(|held| u64::from(held.pods)).sum()
}

/// `A` to `Z`, then `A1`.
fn mark(index: usize) -> String {
    let letter = char::from(b'A' + u8::try_from(index % 26).unwrap_or_default());
    let round = index / 26;
    if round == 0 { letter.to_string() } else { format!("{letter}{round}") }
}

/// Every issuer that is held for signing, signs, or stands under a leaf; the oldest first.
fn issuers<'a>(
    snapshot: &'a Snapshot,
    rows: &[CertificateRow],
    held: &[Held<'a>],
    groups: impl Fn(Vec<&Held<'a>>) -> Vec<LeafGroup>,
) -> Vec<IssuerNode> {
    let secret = snapshot.issuer.found().and_then(|secret| secret.chain.as_ref()).map(chain_of);
    let serving = trust::serving(snapshot).map(|serving| serving.chain);
    let release = snapshot.helm.found().map(|release| &release.values);
    let values = [snapshot.config.found(), snapshot.overrides.found(), release].into_iter().flatten();
    let values = values.filter_map(|values| values.issuer.as_ref()).map(chain_of);
    // Where one came with what stands above it and elsewhere without, the longer chain leads further.
    let mut chains: BTreeMap<Fingerprint, &[Certificate]> = BTreeMap::new();
    for chain in secret.into_iter().chain(serving).chain(held.iter().filter_map(|held| held.issuer)).chain(values) {
        let Some(first) = chain.first() else { continue };
        let known = chains.entry(first.fingerprint()).or_insert(chain);
        if chain.len() > known.len() {
            *known = chain;
        }
    }
    let is = |other: Option<&[Certificate]>, print| {
        other.and_then(<[_]>::first).is_some_and(|other| other.fingerprint() == print)
    };
    let mut all: Vec<IssuerNode> = chains
        .into_iter()
        .map(|(print, chain)| IssuerNode {
            chain: chain.to_vec(),
            in_secret: is(secret, print),
            signs: is(serving, print),
            places: rows
                .iter()
                .find(|row| row.certificate.fingerprint() == print)
                .map_or_else(Vec::new, |row| row.places.clone()),
            leafs: groups(held.iter().filter(|held| is(held.issuer, print)).collect()),
        })
        .collect();
    all.sort_by_key(|node| node.certificate().map(|issuer| (issuer.lifetime().not_before, issuer.fingerprint())));
    all
}

fn chain_of(bundle: &Bundle) -> &[Certificate] {
    &bundle.certificates
}

/// Where each anchor stands in the tree.
type Order = BTreeMap<Fingerprint, usize>;

/// Proxies by what they trust, in the order of the anchors; what is not known comes last.
fn groups(held: Vec<&Held<'_>>, order: &Order, rollouts: &[Rollout]) -> Vec<LeafGroup> {
    // The places of the anchors; after all of them for what is not known.
    let unknown = || vec![usize::MAX];
    let place = |one: &Fingerprint| order.get(one).copied().unwrap_or(usize::MAX);
    let mut groups: BTreeMap<Vec<usize>, LeafGroup> = BTreeMap::new();
    let mut at: BTreeMap<(Vec<usize>, WorkloadRef), usize> = BTreeMap::new();
    for one in held {
        let trusts = one.bundle.map(Bundle::set);
        let mut key = trusts.as_ref().map_or_else(unknown, |set| set.iter().map(place).collect());
        key.sort_unstable();
        let new = || LeafGroup { trusts, workloads: Vec::new(), first_end: None };
        let group = groups.entry(key.clone()).or_insert_with(new);
        let end = one.leaf.map(|leaf| leaf.lifetime().not_after);
        group.first_end = group.first_end.into_iter().chain(end).min();
        let index = *at.entry((key, one.workload.key())).or_insert_with(|| {
            group.workloads.push(holder(one, rollouts));
            group.workloads.len() - 1
        });
        group.workloads[index].proxies += one.pods;
    }
    let mut groups: Vec<LeafGroup> = groups.into_values().collect();
    for group in &mut groups {
        group.workloads.sort_by_cached_key(|holder| (holder.component.is_none(), holder.workload.clone()));
    }
    groups
}

/// Who holds it, without its proxies, which are counted up.
fn holder(held: &Held<'_>, rollouts: &[Rollout]) -> Holder {
    let workload = held.workload.key();
    let rollout = rollouts.iter().find(|rollout| rollout.workload == workload);
    Holder {
        component: held.workload.component.clone(),
        proxies: 0,
        of: held.workload.pods(),
        obstacle: plan::obstacle(&workload, rollouts),
        trouble: rollout.and_then(|rollout| rollout.trouble.clone()),
        workload,
    }
}
