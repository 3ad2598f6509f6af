//! How workloads roll over: what their status says, and what their newest pods wait for.
//!
//! - `status`: the rules of `kubectl rollout status`; pure
//! - `pods`: revisions, and the pods of the newest one; pure
//! - `concerns`: what is worth knowing before a restart
//! - here: what is read for it

mod concerns;
mod pods;
mod status;

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::Value;

use crate::{
    cluster::{
        objects::{Kind, Listing, Objects as _, PODS, Unread},
        pods::Fold,
    },
    mesh::{Fault, Mesh as _, Rollout},
    snapshot::{Mesh, Workload, WorkloadRef},
};

use self::pods::{Revisions, Watched};
pub(super) use self::status::Seen;
use super::{LiveMesh, Place, restart::Replaced};

/// How many requests run at once.
const AT_ONCE: usize = 8;

/// With more places than this, one list of everything is less than a list for each.
const MOST_LISTS: usize = 12;

/// Up to so many workloads that are asked for by name, the pods of complete ones are looked at as well.
const MOST_LOOKED_AT: usize = 64;

/// The kinds whose pods are replaced by changing a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rolling {
    Deployment,
    StatefulSet,
    DaemonSet,
}

impl Rolling {
    const ALL: [Self; 3] = [Self::Deployment, Self::StatefulSet, Self::DaemonSet];

    pub(super) fn of(kind: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rolling| rolling.word() == kind)
    }

    fn word(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
        }
    }

    fn kind(self) -> Kind {
        let plural = match self {
            Self::Deployment => "deployments",
            Self::StatefulSet => "statefulsets",
            Self::DaemonSet => "daemonsets",
        };
        Kind { group: "apps", version: "v1", plural }
    }

    /// Where this workload is.
    pub(super) fn place(self, workload: &WorkloadRef) -> Place<'_> {
        Place { kind: self.kind(), word: self.word(), namespace: &workload.namespace, name: &workload.name }
    }
}

impl LiveMesh {
    /// The rollouts of these workloads, or of all that have a proxy, in the order of namespace, kind and name.
    pub(super) async fn read_rollouts(&self, of: &[WorkloadRef]) -> Result<Vec<Rollout>, Fault> {
        let others = of.iter().any(|workload| Rolling::of(&workload.kind).is_none());
        let mesh = if of.is_empty() || others { Some(self.pods_of_all().await?) } else { None };
        let wanted: BTreeSet<WorkloadRef> = match &mesh {
            Some(mesh) if of.is_empty() => mesh.workloads.iter().map(Workload::key).collect(),
            _ => of.iter().cloned().collect(),
        };
        let seen = self.statuses(&wanted).await?;
        for done in seen.iter().filter(|seen| seen.rollout.complete) {
            self.restarting().remove(&done.rollout.workload);
        }
        let closely = !of.is_empty() && of.len() <= MOST_LOOKED_AT;
        let looked: Vec<_> = stream::iter(seen)
            .map(|seen| async move {
                match seen.rollout.complete {
                    true if closely => self.look_for_the_ending(seen).await,
                    false if seen.can_be_looked_at() => self.look(seen).await,
                    _ => Ok(seen.rollout),
                }
            })
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        let mut rollouts: BTreeMap<_, _> = looked.into_iter().map(|one| (one.workload.clone(), one)).collect();
        for workload in mesh.iter().flat_map(|mesh| &mesh.workloads) {
            let key = workload.key();
            if Rolling::of(&workload.kind).is_none() && wanted.contains(&key) {
                rollouts.insert(key, status::unrolled(workload));
            }
        }
        Ok(rollouts.into_values().collect())
    }

    async fn pods_of_all(&self) -> Result<Mesh, Fault> {
        let mut fold = Fold::new(&self.namespace, &[]);
        self.cluster.pods(None, &mut fold).await?;
        Ok(fold.finish())
    }

    /// What the status of each says, with as few requests as it takes: one for a workload that is alone in its
    /// namespace, a list where there are more, and a list of everything where there are many namespaces.
    async fn statuses(&self, wanted: &BTreeSet<WorkloadRef>) -> Result<Vec<Seen>, Fault> {
        let reads: Vec<_> = places(wanted)
            .into_iter()
            .map(|((rolling, namespace), names)| self.status_of(rolling, namespace, names, wanted))
            .collect();
        Ok(stream::iter(reads).buffered(AT_ONCE).try_collect::<Vec<_>>().await?.concat())
    }

    async fn status_of(
        &self,
        rolling: Rolling,
        namespace: Option<&str>,
        names: Vec<&str>,
        wanted: &BTreeSet<WorkloadRef>,
    ) -> Result<Vec<Seen>, Fault> {
        let alone = if let [name] = names[..] { format!("metadata.name={name}") } else { String::new() };
        let listing = Listing { namespace, ..Listing::all(rolling.kind()) }.selected(&alone);
        let mut seen = Vec::new();
        let read = self.cluster.list(listing, |value| {
            let one = Seen::of(rolling, value);
            if wanted.contains(&one.rollout.workload) {
                seen.push(one);
            }
        });
        read.await?;
        Ok(seen)
    }

    /// Looks at the pods of a workload that is not complete, and replaces the next one where that is ours to do.
    pub(super) async fn look(&self, seen: Seen) -> Result<Rollout, Fault> {
        let workload = seen.rollout.workload.clone();
        let mut revisions = Revisions::new(&seen);
        if let Some(kind) = revisions.kind() {
            self.each(kind, &workload, &seen.selector, |value| revisions.push(value)).await?;
        }
        let mut watched = Watched::new(&seen, revisions.newest());
        self.each(PODS, &workload, &seen.selector, |value| watched.push(value)).await?;
        let ours = self.restarting().get(&workload).copied();
        let mut rollout = watched.judge(seen.rollout.clone());
        let next = match ours {
            Some(Replaced::ByHand) => watched.next(),
            Some(Replaced::ByItsController) => watched.stuck(),
            None => None,
        };
        if let Some((pod, uid)) = next {
            match self.replace_one(&workload, pod, uid).await {
                Ok(()) | Err(Fault::Conflict(_)) => {}
                Err(Fault::Lost(error)) => return Err(Fault::Lost(error)),
                Err(why) => rollout.trouble = Some(format!("pod {pod} is not let go: {why}")),
            }
        }
        Ok(rollout)
    }

    /// A controller no longer counts a pod that is on its way out; its proxy goes on speaking until it has gone.
    async fn look_for_the_ending(&self, seen: Seen) -> Result<Rollout, Fault> {
        let mut watched = Watched::new(&seen, None);
        self.each(PODS, &seen.rollout.workload, &seen.selector, |value| watched.push(value)).await?;
        Ok(watched.wait_for_the_ending(seen.rollout.clone(), self.now()))
    }

    async fn each(
        &self,
        kind: Kind,
        workload: &WorkloadRef,
        selector: &str,
        each: impl FnMut(&Value) + Send,
    ) -> Result<(), Unread> {
        self.cluster.list(Listing::within(kind, &workload.namespace).labelled(selector), each).await
    }
}

/// Kind and namespace of each list that shows these workloads, with the names that are wanted of it.
fn places(wanted: &BTreeSet<WorkloadRef>) -> BTreeMap<(Rolling, Option<&str>), Vec<&str>> {
    let mut places: BTreeMap<(Rolling, Option<&str>), Vec<&str>> = BTreeMap::new();
    for workload in wanted {
        if let Some(rolling) = Rolling::of(&workload.kind) {
            places.entry((rolling, Some(&workload.namespace))).or_default().push(&workload.name);
        }
    }
    if places.len() > MOST_LISTS {
        places = Rolling::ALL.into_iter().map(|rolling| ((rolling, None), Vec::new())).collect();
    }
    places
}
