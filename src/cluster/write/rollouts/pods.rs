use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::{
    cluster::{decode::Object, objects::Kind},
    mesh::Rollout,
};

use super::{Rolling, status::Seen};

/// How much longer than its grace period a pod may take to end before that is worth telling.
const LATE: SignedDuration = SignedDuration::from_secs(30);

/// Finds out which mark the newest pods of a workload carry.
pub(super) struct Revisions<'a> {
    seen: &'a Seen,
    newest: Option<(u64, String)>,
}

impl<'a> Revisions<'a> {
    pub(super) fn new(seen: &'a Seen) -> Self {
        Self { seen, newest: None }
    }

    /// What tells it; a StatefulSet says it itself.
    pub(super) fn kind(&self) -> Option<Kind> {
        let plural = match self.seen.rolling {
            Rolling::Deployment => "replicasets",
            Rolling::DaemonSet => "controllerrevisions",
            Rolling::StatefulSet => return None,
        };
        Some(Kind { group: "apps", version: "v1", plural })
    }

    /// Takes a ReplicaSet or `ControllerRevision`.
    pub(super) fn push(&mut self, value: &Value) {
        let object = Object::new(value);
        if controller(object) != Some(&self.seen.rollout.workload.name) {
            return;
        }
        let (number, mark) = if self.seen.rolling == Rolling::Deployment {
            let number = object.annotation("deployment.kubernetes.io/revision").and_then(|text| text.parse().ok());
            (number, object.label("pod-template-hash"))
        } else {
            (object.number("/revision"), object.label("controller-revision-hash"))
        };
        if let (Some(number), Some(mark)) = (number, mark)
            && self.newest.as_ref().is_none_or(|(newest, _)| *newest < number)
        {
            self.newest = Some((number, mark.to_owned()));
        }
    }

    /// The label's value on the newest pods; `None` where it could not be found out.
    pub(super) fn newest(self) -> Option<String> {
        if self.seen.rolling == Rolling::StatefulSet {
            self.seen.revision.clone()
        } else {
            self.newest.map(|(_, mark)| mark)
        }
    }
}

/// The pods of a workload, by whether they are of its newest template.
pub(super) struct Watched<'a> {
    seen: &'a Seen,
    newest: Option<String>,
    updated: u32,
    ready: u32,
    /// Pods that are on their way out: their names, and when they should have gone.
    ending: Vec<(String, Option<Timestamp>)>,
    trouble: Option<String>,
    /// Older pods: whether they are ready, their names and uids.
    older: Vec<(bool, String, String)>,
}

impl<'a> Watched<'a> {
    pub(super) fn new(seen: &'a Seen, newest: Option<String>) -> Self {
        Self { seen, newest, updated: 0, ready: 0, ending: Vec::new(), trouble: None, older: Vec::new() }
    }

    /// Takes a pod.
    pub(super) fn push(&mut self, value: &Value) {
        let pod = Object::new(value);
        let label = match self.seen.rolling {
            Rolling::Deployment => "pod-template-hash",
            Rolling::StatefulSet | Rolling::DaemonSet => "controller-revision-hash",
        };
        let is_finished = matches!(pod.text("/status/phase"), Some("Succeeded" | "Failed"));
        if !self.owns(pod) || is_finished {
            return;
        }
        if pod.at("/metadata/deletionTimestamp").is_some() {
            self.ending.push((pod.name().to_owned(), pod.time("/metadata/deletionTimestamp")));
            return;
        }
        let is_ready = pod.conditions().iter().any(|one| one.kind == "Ready" && one.status == "True");
        if self.newest.is_none() || pod.label(label) != self.newest.as_deref() {
            self.older.push((is_ready, pod.name().to_owned(), pod.string("/metadata/uid")));
            return;
        }
        self.updated += 1;
        self.ready += u32::from(is_ready);
        if self.trouble.is_none() {
            self.trouble = trouble(pod).map(|what| format!("pod {}: {what}", pod.name()));
        }
    }

    /// Its ReplicaSet's name goes before a Deployment's pod; the other kinds own theirs.
    fn owns(&self, pod: Object<'_>) -> bool {
        let name = &self.seen.rollout.workload.name;
        controller(pod).is_some_and(|owner| match self.seen.rolling {
            Rolling::Deployment => {
                let hash = pod.label("pod-template-hash");
                hash.and_then(|hash| owner.strip_suffix(hash)?.strip_suffix('-')) == Some(name)
            }
            Rolling::StatefulSet | Rolling::DaemonSet => owner == name,
        })
    }

    /// The rollout, with what the pods say more exactly than the status.
    pub(super) fn judge(&self, rollout: Rollout) -> Rollout {
        if self.newest.is_none() {
            return rollout;
        }
        let trouble = self.trouble.clone().or_else(|| rollout.trouble.clone());
        Rollout { updated: self.updated, ready: self.ready, trouble, ..rollout }
    }

    /// A rollout that is complete but for pods that are still on their way out.
    pub(super) fn wait_for_the_ending(&self, rollout: Rollout, now: Timestamp) -> Rollout {
        let overdue = self.ending.iter().find_map(|(name, end)| {
            let end = end.filter(|end| now.duration_since(*end) > LATE)?;
            Some(format!("pod {name} should have ended at {end} and is still there: is its node?"))
        });
        let trouble = overdue.or_else(|| rollout.trouble.clone());
        Rollout { complete: rollout.complete && self.ending.is_empty(), trouble, ..rollout }
    }

    /// An older pod of a `StatefulSet` that is not ready. Its controller waits for that one before it replaces any
    /// (kubernetes, pkg/controller/statefulset, `updateStatefulSet`, unless pods are managed in parallel), and a pod whose
    /// proxy gets no leaf is never ready: so it would wait for ever.
    pub(super) fn stuck(&self) -> Option<(&str, &str)> {
        let waits = self.seen.rolling == Rolling::StatefulSet && self.newest.is_some() && self.ending.is_empty();
        let unready = self.older.iter().filter(|(is_ready, ..)| waits && !is_ready);
        unready.max_by_key(|(_, name, _)| ordinal(name)).map(|(_, name, uid)| (name.as_str(), uid.as_str()))
    }

    /// The pod that goes next where pods are replaced by deleting them: one at a time, an unready one first, the others
    /// from the last name on as a StatefulSet's controller does it.
    pub(super) fn next(&self) -> Option<(&str, &str)> {
        let steady = self.newest.is_some() && self.ending.is_empty() && self.ready == self.updated;
        let all = self.updated as usize + self.older.len();
        if !steady || all < self.seen.rollout.wanted as usize {
            return None;
        }
        let next = self.older.iter().min_by_key(|(is_ready, name, _)| (*is_ready, std::cmp::Reverse(ordinal(name))));
        next.map(|(_, name, uid)| (name.as_str(), uid.as_str()))
    }
}

/// `web-10` comes after `web-9`.
fn ordinal(name: &str) -> (Option<u32>, &str) {
    (name.rsplit_once('-').and_then(|(_, number)| number.parse().ok()), name)
}

fn controller(object: Object<'_>) -> Option<&str> {
    object.items("/metadata/ownerReferences").find(|owner| owner.flag("/controller"))?.text("/name")
}

/// What a pod waits for that will not come by itself.
fn trouble(pod: Object<'_>) -> Option<String> {
    let unscheduled = pod.conditions().into_iter().find(|one| one.kind == "PodScheduled" && one.status == "False");
    if let Some(condition) = unscheduled {
        return Some(format!("{}: {}", condition.reason, condition.message));
    }
    ["/status/initContainerStatuses", "/status/containerStatuses"]
        .into_iter()
        .flat_map(|list| pod.items(list))
        .find_map(|container| {
            let Some(reason) = container.text("/state/waiting/reason") else {
                let restarts =
                    container.number("/restartCount").filter(|times| *times > 0 && !container.flag("/ready"))?;
                let name = container.text("/name").unwrap_or_default();
                return Some(format!("container {name}: it has ended and was started again, {restarts} times so far"));
            };
            if matches!(reason, "ContainerCreating" | "PodInitializing") {
                return None;
            }
            let name = container.text("/name").unwrap_or_default();
            Some(match container.text("/state/waiting/message") {
                Some(message) => format!("container {name}: {reason} ({message})"),
                None => format!("container {name}: {reason}"),
            })
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn seen(rolling: Rolling, wanted: u64) -> Seen {
        Seen::of(
            rolling,
            &json!({
                "metadata": {"name": "db"}, "spec": {"replicas": wanted},
                "status": {"updateRevision": "db-new", "desiredNumberScheduled": wanted},
            }),
        )
    }

    fn pod(name: &str, revision: &str, ready: bool) -> Value {
        json!({
            "metadata": {"name": name, "uid": format!("uid of {name}"),
                "labels": {"controller-revision-hash": revision},
                "ownerReferences": [{"kind": "StatefulSet", "name": "db", "controller": true}]},
            "status": {"phase": "Running",
                "conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }}]},
        })
    }

    fn watched<'a>(seen: &'a Seen, pods: &[Value]) -> Watched<'a> {
        let mut watched = Watched::new(seen, Revisions::new(seen).newest());
        for pod in pods {
            watched.push(pod);
        }
        watched
    }

    #[test]
    fn pods_are_deleted_one_by_one_and_the_next_waits_for_the_last() {
        let seen = seen(Rolling::StatefulSet, 3);
        let next = |pods: &[Value]| watched(&seen, pods).next().map(|(name, _)| name.to_owned());
        let old = |name: &str| pod(name, "db-old", true);
        assert_eq!(next(&[old("db-0"), old("db-9"), old("db-10")]).as_deref(), Some("db-10"));
        assert_eq!(next(&[old("db-0"), old("db-1"), pod("db-2", "db-new", false)]), None, "it is not ready yet");
        assert_eq!(next(&[old("db-0"), old("db-1")]), None, "it is not back yet");
        let mut ending = old("db-2");
        ending["metadata"]["deletionTimestamp"] = json!("2026-11-21T11:00:00Z");
        assert_eq!(next(&[old("db-0"), old("db-1"), ending]), None, "it is not gone yet");
        assert_eq!(next(&[old("db-0"), pod("db-1", "db-old", false), old("db-2")]).as_deref(), Some("db-1"));
        let new = |name: &str| pod(name, "db-new", true);
        assert_eq!(next(&[new("db-0"), new("db-1"), new("db-2")]), None);
        assert_eq!(watched(&seen, &[old("db-0"), new("db-1")]).judge(seen.rollout.clone()).updated, 1);
    }

    #[test]
    fn an_older_pod_that_never_gets_ready_is_in_the_way_of_a_stateful_set() {
        let seen = seen(Rolling::StatefulSet, 3);
        let stuck = |pods: &[Value]| watched(&seen, pods).stuck().map(|(name, _)| name.to_owned());
        let old = |name: &str, ready: bool| pod(name, "db-old", ready);
        assert_eq!(stuck(&[old("db-0", true), old("db-1", true)]), None, "its controller replaces them");
        assert_eq!(stuck(&[old("db-0", false), old("db-1", false)]).as_deref(), Some("db-1"));
        assert_eq!(stuck(&[old("db-0", true), pod("db-1", "db-new", false)]), None, "it is on its way");
    }

    #[test]
    fn a_rollout_waits_for_pods_that_are_on_their_way_out() {
        let seen = seen(Rolling::StatefulSet, 1);
        let whole = Rollout { complete: true, ..seen.rollout.clone() };
        let new = pod("db-0", "db-new", true);
        let mut old = pod("db-1", "db-old", true);
        old["metadata"]["deletionTimestamp"] = json!("2026-11-21T11:00:00Z");
        let soon = "2026-11-21T11:00:05Z".parse().unwrap();
        let late = "2026-11-21T11:05:00Z".parse().unwrap();
        let judged = watched(&seen, &[new.clone(), old.clone()]).wait_for_the_ending(whole.clone(), soon);
        assert_eq!((judged.complete, judged.trouble), (false, None));
        let judged = watched(&seen, &[new.clone(), old]).wait_for_the_ending(whole.clone(), late);
        assert!(!judged.complete && judged.trouble.unwrap().contains("db-1"));
        assert!(watched(&seen, &[new]).wait_for_the_ending(whole, late).complete);
    }

    #[test]
    fn the_newest_revision_of_a_daemon_set() {
        let seen = seen(Rolling::DaemonSet, 1);
        let mut revisions = Revisions::new(&seen);
        let revision = |owner: &str, number: u64, hash: &str| {
            json!({"revision": number, "metadata": {"labels": {"controller-revision-hash": hash},
                "ownerReferences": [{"name": owner, "controller": true}]}})
        };
        for one in [revision("db", 2, "b"), revision("db", 10, "c"), revision("other", 99, "z"), revision("db", 1, "a")]
        {
            revisions.push(&one);
        }
        assert_eq!(revisions.newest().as_deref(), Some("c"));
    }

    #[test]
    fn what_new_pods_wait_for_is_told_and_what_old_ones_do_is_not() {
        let seen = seen(Rolling::StatefulSet, 2);
        let mut stuck = pod("db-1", "db-new", false);
        stuck["status"]["containerStatuses"] = json!([
            {"name": "linkerd-proxy", "state": {"running": {}}},
            {"name": "db", "state": {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}}},
        ]);
        let mut old = pod("db-0", "db-old", false);
        old["status"]["containerStatuses"] =
            json!([{"name": "db", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]);
        let rollout = watched(&seen, &[old, stuck]).judge(seen.rollout.clone());
        assert_eq!(
            rollout.trouble.as_deref(),
            Some("pod db-1: container db: ImagePullBackOff (Back-off pulling image)")
        );
        let mut crashing = pod("db-1", "db-new", false);
        crashing["status"]["containerStatuses"] =
            json!([{"name": "db", "ready": false, "restartCount": 2, "state": {"running": {}}}]);
        let rollout = watched(&seen, &[crashing]).judge(seen.rollout.clone());
        assert!(rollout.trouble.unwrap().ends_with("container db: it has ended and was started again, 2 times so far"));
        let mut creating = pod("db-1", "db-new", false);
        creating["status"]["containerStatuses"] =
            json!([{"name": "db", "state": {"waiting": {"reason": "ContainerCreating"}}}]);
        assert_eq!(watched(&seen, &[creating]).judge(seen.rollout.clone()).trouble, None);
        let mut pending = pod("db-1", "db-new", false);
        pending["status"]["conditions"] =
            json!([{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"}]);
        let rollout = watched(&seen, &[pending]).judge(seen.rollout.clone());
        assert_eq!(rollout.trouble.as_deref(), Some("pod db-1: Unschedulable: 0/1 nodes"));
    }
}
