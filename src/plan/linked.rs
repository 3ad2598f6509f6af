//! Clusters that share trust with this one: what has to be so there before an issuer is swapped or an anchor goes here.
//!
//! A meshed connection between two clusters is mutual TLS between a proxy here and one there, through a gateway or from
//! pod to pod, and either side may open it (linkerd.io, "Multi-cluster communication": the clusters share a trust anchor,
//! while each has an issuer of its own). So every proxy there verifies what is presented here and the other way round, and
//! a cluster that is read counts like the proxies of this one. What could not be seen there is not fine.

use std::fmt;

use crate::{
    pki::{Certificate, verify},
    snapshot::{LinkedCluster, Snapshot, WorkloadRef},
};

use super::{Party, Presents, Standing, Trusts, Why};

/// A linked cluster, as far as a plan needs to know.
#[derive(Clone, Debug)]
pub struct Linked {
    /// What it is called by.
    pub name: String,
    /// The kubeconfig context that leads there.
    pub context: String,
    /// The Links of this cluster that it is the target of, as the operator would answer for them.
    pub links: Vec<String>,
    /// Where its own mesh stands, or what could not be read there and why.
    pub seen: Result<Standing, String>,
}

/// Something that a linked cluster lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lack {
    /// What the cluster is called by.
    pub cluster: String,
    /// The kubeconfig context that leads there.
    pub context: String,
    /// What for: [`Why::Extend`] where it has to trust `anchor` before this mesh signs under it, [`Why::Trim`] where
    /// nothing there may come from `anchor` before this mesh drops it.
    pub why: Why,
    /// The anchor.
    pub anchor: Certificate,
    /// What was seen there, never empty.
    pub evidence: Vec<Evidence>,
}

/// What shows that a linked cluster lacks something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// It, or a part of it that this depends on, could not be read: why.
    Unread(String),
    /// Its trust roots, which new pods there get, do not hold the anchor.
    Roots,
    /// The proxies of these workloads have not loaded the anchor.
    Loaded(Vec<WorkloadRef>),
    /// Its issuer comes from the anchor.
    Issuer,
    /// The proxies of these workloads present leafs that come from the anchor.
    Presented(Vec<WorkloadRef>),
    /// Of these workloads some proxy could not be seen, and counts as old.
    Unseen(Vec<WorkloadRef>),
}

/// The linked clusters of a snapshot, each with the Links that lead there. Of a cluster that shares no anchor with this
/// mesh that is not believed: whatever a Link names, it is another one.
pub(super) fn linked(snapshot: &Snapshot, here: &Standing) -> Vec<Linked> {
    let of = |one: &LinkedCluster| {
        let seen = standing(one);
        let mut linked = Linked { name: one.name().to_owned(), context: one.context.clone(), links: Vec::new(), seen };
        if !linked.is_stranger(here) {
            let links = snapshot.links.items().iter().filter(|link| one.is_target_of(link));
            linked.links = links.map(|link| format!("Link {}/{}", link.namespace, link.name)).collect();
        }
        linked
    };
    snapshot.linked.iter().map(of).collect()
}

/// Where the linked mesh stands, if everything that this says was read.
fn standing(linked: &LinkedCluster) -> Result<Standing, String> {
    let there = linked.seen.as_ref().map_err(Clone::clone)?;
    let hidden = [
        ("ConfigMap linkerd-identity-trust-roots", there.trust_roots.hidden()),
        ("Secret linkerd-identity-issuer", there.issuer.hidden()),
        ("the pods", there.mesh.hidden()),
    ];
    if let Some((what, why)) = hidden.into_iter().find_map(|(what, why)| Some((what, why?))) {
        return Err(format!("{what} cannot be read: {why}"));
    }
    match there.mesh.found() {
        None => Err("it has no pods with a proxy".to_owned()),
        Some(mesh) if !mesh.only.is_empty() => {
            Err(format!("pods outside of {} may not be listed", mesh.only.join(", ")))
        }
        Some(_) => Ok(Standing::of(there, &[])),
    }
}

impl Linked {
    /// Whether it was read, and nothing there trusts any anchor that is known here.
    pub fn is_stranger(&self, here: &Standing) -> bool {
        let known = here.known_anchors();
        let Ok(there) = &self.seen else { return false };
        let theirs = there.known_anchors();
        !known.is_empty() && !theirs.is_empty() && !theirs.iter().any(|anchor| known.contains(anchor))
    }

    /// Whether the operator answers for it: by its name, its context, or a Link that leads there.
    pub(super) fn is_any_of(&self, names: &std::collections::BTreeSet<String>) -> bool {
        [&self.name, &self.context].into_iter().chain(&self.links).any(|one| names.contains(one))
    }

    /// What it lacks before this mesh signs under `anchor`.
    fn lacks_trust(&self, anchor: &Certificate) -> Vec<Evidence> {
        let there = match &self.seen {
            Ok(there) => there,
            Err(why) => return vec![Evidence::Unread(why.clone())],
        };
        let lacks = |trusts: &Trusts| matches!(trusts, Trusts::Anchors(anchors) if !anchors.contains(anchor));
        let stale = there.of_which(|party| party.trusts.iter().any(lacks));
        let unseen = there.of_which(|party| !party.trusts(anchor) && !party.trusts.iter().any(lacks));
        let holds = there.roots.contains(anchor) && there.roots_load;
        let roots = (!holds).then_some(Evidence::Roots);
        roots.into_iter().chain(some(Evidence::Loaded, stale)).chain(some(Evidence::Unseen, unseen)).collect()
    }

    /// What there still comes from `anchor`, which this mesh is about to drop.
    fn depends_on(&self, anchor: &Certificate) -> Vec<Evidence> {
        let there = match &self.seen {
            Ok(there) => there,
            Err(why) => return vec![Evidence::Unread(why.clone())],
        };
        let comes_from =
            |presents: &Presents| matches!(presents, Presents::Issuer(chain) if verify::leads_to(chain, anchor));
        let signs = [&there.issuer[..], there.serving.as_deref().unwrap_or_default()];
        let issuer = signs.iter().any(|chain| verify::leads_to(chain, anchor)).then_some(Evidence::Issuer);
        let old = there.of_which(|party| party.presents.iter().any(comes_from));
        // A leaf that nobody saw is of an anchor that is trusted there, if it is of any.
        let possible = there.known_anchors().contains(&anchor);
        let is_unseen = |party: &Party| party.presents.contains(&Presents::Unseen);
        let unseen = there.of_which(|party| possible && is_unseen(party) && !party.presents.iter().any(comes_from));
        issuer.into_iter().chain(some(Evidence::Presented, old)).chain(some(Evidence::Unseen, unseen)).collect()
    }

    /// The same once it lacks nothing of this kind any more, for looking ahead.
    pub(super) fn without_lack(&mut self, why: Why, anchor: &Certificate) {
        let Ok(there) = &mut self.seen else { return };
        let add = |anchors: &mut Vec<Certificate>| {
            if !anchors.contains(anchor) {
                anchors.push(anchor.clone());
            }
        };
        match why {
            Why::Extend => {
                add(&mut there.roots);
                there.roots_load = true;
                let roots = there.roots.clone();
                for trusts in there.parties.iter_mut().flat_map(|party| &mut party.trusts) {
                    match trusts {
                        Trusts::Anchors(anchors) => add(anchors),
                        Trusts::Unseen => *trusts = Trusts::Anchors(roots.clone()),
                    }
                }
            }
            Why::Refresh | Why::Trim | Why::Mend => {
                there.issuer.clear();
                there.serving = None;
                there.parties.iter_mut().for_each(|party| party.presents.clear());
            }
        }
    }
}

fn some(evidence: fn(Vec<WorkloadRef>) -> Evidence, workloads: Vec<WorkloadRef>) -> Option<Evidence> {
    (!workloads.is_empty()).then(|| evidence(workloads))
}

impl Standing {
    /// Contexts of linked clusters that share no anchor with this mesh, and so cannot be linked with it.
    pub fn strangers(&self) -> Vec<&str> {
        self.linked.iter().filter(|one| one.is_stranger(self)).map(|one| one.context.as_str()).collect()
    }

    /// What linked clusters lack before this mesh signs under `anchor`.
    pub(super) fn lacking_trust(&self, anchor: &Certificate) -> Vec<Lack> {
        self.lacks(Why::Extend, anchor, |linked| linked.lacks_trust(anchor))
    }

    /// What in linked clusters still comes from anchors that this mesh is about to drop.
    pub(super) fn depending_on<'a>(&self, going: impl IntoIterator<Item = &'a Certificate>) -> Vec<Lack> {
        let of = |anchor: &Certificate| self.lacks(Why::Trim, anchor, |linked| linked.depends_on(anchor));
        going.into_iter().flat_map(of).collect()
    }

    /// What of these is still lacking.
    pub fn still_lacking(&self, lacks: &[Lack]) -> Vec<Lack> {
        let again = |lack: &Lack| match lack.why {
            Why::Extend => self.lacking_trust(&lack.anchor),
            Why::Refresh | Why::Trim | Why::Mend => self.depending_on([&lack.anchor]),
        };
        lacks.iter().flat_map(|lack| again(lack).into_iter().filter(|one| one.cluster == lack.cluster)).collect()
    }

    fn lacks(&self, why: Why, anchor: &Certificate, evidence: impl Fn(&Linked) -> Vec<Evidence>) -> Vec<Lack> {
        let of = |linked: &Linked| {
            let evidence = evidence(linked);
            let (cluster, context) = (linked.name.clone(), linked.context.clone());
            (!evidence.is_empty()).then(|| Lack { cluster, context, why, anchor: anchor.clone(), evidence })
        };
        self.linked.iter().filter_map(of).collect()
    }

    fn of_which(&self, which: impl Fn(&Party) -> bool) -> Vec<WorkloadRef> {
        self.parties.iter().filter(|party| which(party)).map(|party| party.who.clone()).collect()
    }
}

impl Lack {
    /// Whether it rests on proxies that were not asked, and on nothing else.
    pub fn is_in_doubt(&self) -> bool {
        self.evidence.iter().all(|evidence| matches!(evidence, Evidence::Unseen(_)))
    }
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let evidence: Vec<String> = self.evidence.iter().map(ToString::to_string).collect();
        write!(f, "linked cluster {}: {}", self.cluster, evidence.join("; "))
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unread(why) => f.write_str(why),
            Self::Roots => f.write_str("its trust roots do not hold that anchor"),
            Self::Issuer => f.write_str("its issuer comes from that anchor"),
            Self::Loaded(who) => write!(f, "{} not loaded it: {}", verb(who, "has", "have"), names(who)),
            Self::Presented(who) => {
                write!(f, "{} leafs that come from it: {}", verb(who, "presents", "present"), names(who))
            }
            Self::Unseen(who) => write!(f, "{} not be asked: {}", verb(who, "could", "could"), names(who)),
        }
    }
}

fn verb(who: &[WorkloadRef], one: &str, many: &str) -> String {
    let (noun, verb) = if who.len() == 1 { ("workload", one) } else { ("workloads", many) };
    format!("{} {noun} {verb}", who.len())
}

/// The first few, and how many more there are.
fn names(who: &[WorkloadRef]) -> String {
    const SOME: usize = 3;
    let first = who.iter().take(SOME).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match who.len().saturating_sub(SOME) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}
