use std::{
    collections::BTreeMap,
    sync::{MutexGuard, PoisonError},
};

use jiff::{SignedDuration, Timestamp, Unit};
use serde_json::{Value, json};

use crate::{
    cluster::decode::Object,
    mesh::{Fault, Mode, Rollout},
    snapshot::WorkloadRef,
};

use super::{
    LiveMesh, Place,
    request::Patch,
    rollouts::{Rolling, Seen},
};

/// What `kubectl rollout restart` writes into the pod template (kubernetes, kubectl's
/// polymorphichelpers/objectrestarter.go).
pub(super) const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";

/// A restart older than this that is still rolling is no longer waited for, but begun anew.
const RECENT: SignedDuration = SignedDuration::from_mins(10);

/// Who deletes the old pods of a workload that we restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cluster) enum Replaced {
    /// We do, one after the other.
    ByHand,
    /// Its controller; we only where one is in its way that never gets ready.
    ByItsController,
}

impl LiveMesh {
    /// Changes the pod template, unless a restart of a moment ago is still rolling: a run that was killed and is run
    /// again would throw away pods that have just come up. Where the update strategy is `OnDelete`, nothing else would happen: then the pods are
    /// replaced one by one by [`Self::replace_one`], each time that the rollout is asked for.
    pub(super) async fn start_restart(&self, workload: &WorkloadRef, mode: Mode) -> Result<(), Fault> {
        let Some(rolling) = Rolling::of(&workload.kind) else {
            return Err(Fault::Failed(format!("{workload} has no pod template that could be restarted")));
        };
        let place = rolling.place(workload);
        let now = Timestamp::now();
        let before: Value = self.get(place).await?;
        let seen = Seen::of(rolling, &before);
        let by_hand = if mode == Mode::Do && is_under_way(&seen.rollout, now) && self.goes_on(seen).await? {
            is_by_hand(&before)
        } else {
            is_by_hand(&self.patch(place, Patch::Strategic, &body(now), mode).await?)
        };
        if mode == Mode::Do {
            let how = if by_hand { Replaced::ByHand } else { Replaced::ByItsController };
            self.restarting().insert(workload.clone(), how);
        }
        Ok(())
    }

    /// Whether the newest pods of a restart that is under way come up. One that crashes is not waited for: its kubelet would
    /// start it again after minutes, and a new one is started at once.
    async fn goes_on(&self, seen: Seen) -> Result<bool, Fault> {
        Ok(self.look(seen).await?.trouble.is_none())
    }

    /// The workloads that we restart, and whose pods may have to be deleted for it.
    pub(super) fn restarting(&self) -> MutexGuard<'_, BTreeMap<WorkloadRef, Replaced>> {
        self.restarting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Evicts one pod, so that a `PodDisruptionBudget` is kept. `Err` says why it is not let go.
    pub(super) async fn replace_one(&self, workload: &WorkloadRef, pod: &str, uid: &str) -> Result<(), Fault> {
        let place =
            Place { kind: crate::cluster::objects::PODS, word: "Pod", namespace: &workload.namespace, name: pod };
        let eviction = json!({
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": pod, "namespace": workload.namespace},
            "deleteOptions": {"preconditions": {"uid": uid}},
        });
        self.post(place, "/eviction", &eviction, Mode::Do).await?;
        Ok(())
    }
}

/// Whether its pods are being replaced for a restart, and nothing is wrong with that.
fn is_under_way(rollout: &Rollout, now: Timestamp) -> bool {
    let recent = rollout.restarted_at.is_some_and(|at| now.duration_since(at) < RECENT);
    recent && !rollout.complete && rollout.trouble.is_none()
}

/// Whether its controller waits until somebody deletes the pods.
pub(super) fn is_by_hand(workload: &Value) -> bool {
    Object::new(workload).text("/spec/updateStrategy/type") == Some("OnDelete")
}

/// As kubectl writes it, to the second.
fn body(now: Timestamp) -> Value {
    let now = now.round(Unit::Second).unwrap_or(now).to_string();
    json!({"spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: now}}}}})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_kubectl_would() {
        let body = body("2026-11-21T11:00:00.4Z".parse().unwrap());
        assert_eq!(body["spec"]["template"]["metadata"]["annotations"][RESTARTED_AT], "2026-11-21T11:00:00Z");
    }

    #[test]
    fn a_restart_that_still_rolls_is_not_begun_anew() {
        let now: Timestamp = "2026-11-21T11:00:30Z".parse().unwrap();
        let rollout = |restarted: &str, updated: u64, failure: bool| {
            let conditions = if failure {
                json!([{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota"}])
            } else {
                json!([])
            };
            let deployment = json!({
                "metadata": {"generation": 2}, "spec": {"replicas": 2, "template": {"metadata": {"annotations": {RESTARTED_AT: restarted}}}},
                "status": {"observedGeneration": 2, "replicas": 2, "updatedReplicas": updated, "availableReplicas": 2, "conditions": conditions},
            });
            Seen::of(Rolling::Deployment, &deployment).rollout
        };
        assert!(is_under_way(&rollout("2026-11-21T11:00:00Z", 1, false), now));
        assert!(!is_under_way(&rollout("2026-11-21T11:00:00Z", 2, false), now), "it is complete");
        assert!(!is_under_way(&rollout("2026-11-21T10:00:00Z", 1, false), now), "that was long ago");
        assert!(!is_under_way(&rollout("2026-11-21T11:00:00Z", 1, true), now), "it needs another change to go on");
        assert!(!is_under_way(&rollout("never", 1, false), now));
    }

    #[test]
    fn on_delete_is_told() {
        assert!(is_by_hand(&json!({"spec": {"updateStrategy": {"type": "OnDelete"}}})));
        assert!(!is_by_hand(&json!({"spec": {"updateStrategy": {"type": "RollingUpdate"}}})));
    }
}
