use std::{
    collections::BTreeSet,
    sync::{MutexGuard, PoisonError},
};

use jiff::{Timestamp, Unit};
use serde_json::{Value, json};

use crate::{
    cluster::decode::Object,
    mesh::{Fault, Mode},
    snapshot::WorkloadRef,
};

use super::{LiveMesh, Place, request::Patch, rollouts::Rolling};

/// What `kubectl rollout restart` writes into the pod template (kubernetes, kubectl's
/// polymorphichelpers/objectrestarter.go).
pub(super) const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";

impl LiveMesh {
    /// Changes the pod template. Where the update strategy is `OnDelete`, nothing else would happen: then the pods are
    /// replaced one by one by [`Self::replace_one`], each time that the rollout is asked for.
    pub(super) async fn start_restart(&self, workload: &WorkloadRef, mode: Mode) -> Result<(), Fault> {
        let Some(rolling) = Rolling::of(&workload.kind) else {
            return Err(Fault::Failed(format!("{workload} has no pod template that could be restarted")));
        };
        let after = self.patch(rolling.place(workload), Patch::Strategic, &body(Timestamp::now()), mode).await?;
        if mode == Mode::Do && is_by_hand(&after) {
            self.by_hand().insert(workload.clone());
        }
        Ok(())
    }

    /// The workloads whose pods we replace.
    pub(super) fn by_hand(&self) -> MutexGuard<'_, BTreeSet<WorkloadRef>> {
        self.by_hand.lock().unwrap_or_else(PoisonError::into_inner)
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
    fn on_delete_is_told() {
        assert!(is_by_hand(&json!({"spec": {"updateStrategy": {"type": "OnDelete"}}})));
        assert!(!is_by_hand(&json!({"spec": {"updateStrategy": {"type": "RollingUpdate"}}})));
    }
}
