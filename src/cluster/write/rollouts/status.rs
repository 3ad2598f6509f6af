use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    cluster::decode::Object,
    mesh::{Obstacle, Rollout},
    snapshot::{Workload, WorkloadRef, condition},
};

use super::{
    super::restart::{RESTARTED_AT, is_by_hand},
    Rolling,
};

/// What a workload says of itself.
#[derive(Clone, Debug)]
pub(in crate::cluster::write) struct Seen {
    pub(in crate::cluster::write) rollout: Rollout,
    pub(super) rolling: Rolling,
    /// Of its pods and revisions.
    pub(super) selector: String,
    /// Its own revision: what `deployment.kubernetes.io/revision` or `status.updateRevision` says.
    pub(super) revision: Option<String>,
    /// Whether its controller has seen the newest template.
    pub(super) observed: bool,
}

impl Seen {
    pub(in crate::cluster::write) fn of(rolling: Rolling, value: &Value) -> Self {
        let object = Object::new(value);
        let observed = object.number("/status/observedGeneration") >= object.number("/metadata/generation");
        let count = Counts::of(rolling, object);
        let by_hand = is_by_hand(value);
        let whole_revision = by_hand
            || rolling != Rolling::StatefulSet
            || object.text("/status/updateRevision") == object.text("/status/currentRevision");
        let rollout = Rollout {
            workload: WorkloadRef {
                namespace: object.namespace().to_owned(),
                kind: rolling.word().to_owned(),
                name: object.name().to_owned(),
            },
            labels: object
                .map("/metadata/labels")
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
            obstacle: obstacle(object),
            wanted: count.wanted,
            // What is counted before the controller has seen the template is of the one before.
            updated: if observed { count.updated } else { 0 },
            ready: if observed { count.ready() } else { 0 },
            complete: observed && whole_revision && count.complete(),
            restarted_at: object
                .entry("/spec/template/metadata/annotations", RESTARTED_AT)
                .and_then(|text| text.parse().ok()),
            trouble: trouble(object),
        };
        let revision = match rolling {
            Rolling::Deployment => object.annotation("deployment.kubernetes.io/revision"),
            Rolling::StatefulSet => object.text("/status/updateRevision"),
            Rolling::DaemonSet => None,
        };
        Self { rollout, rolling, selector: selector(object), revision: revision.map(str::to_owned), observed }
    }

    /// Whether there may be pods of the newest template already.
    pub(super) fn can_be_looked_at(&self) -> bool {
        self.observed && !self.selector.is_empty()
    }
}

/// The numbers that `kubectl rollout status` goes by (kubernetes, kubectl's `rollout_status.go`).
struct Counts {
    wanted: u32,
    all: u32,
    updated: u32,
    available: u32,
}

impl Counts {
    fn of(rolling: Rolling, object: Object<'_>) -> Self {
        let number = |pointer: &str| object.number(pointer).map(|number| u32::try_from(number).unwrap_or(u32::MAX));
        let status = |pointer: &str| number(pointer).unwrap_or(0);
        if rolling == Rolling::DaemonSet {
            return Self {
                wanted: status("/status/desiredNumberScheduled"),
                all: status("/status/currentNumberScheduled"),
                updated: status("/status/updatedNumberScheduled"),
                available: status("/status/numberAvailable"),
            };
        }
        Self {
            wanted: number("/spec/replicas").unwrap_or(1),
            all: status("/status/replicas"),
            updated: status("/status/updatedReplicas"),
            available: status("/status/availableReplicas"),
        }
    }

    /// Older pods may be among the available: those that must be new at least.
    fn ready(&self) -> u32 {
        self.available.saturating_sub(self.all.saturating_sub(self.updated)).min(self.updated)
    }

    fn complete(&self) -> bool {
        self.updated >= self.wanted && self.all <= self.updated && self.available >= self.wanted
    }
}

fn obstacle(object: Object<'_>) -> Option<Obstacle> {
    if object.flag("/spec/paused") {
        return Some(Obstacle::Paused);
    }
    // The control plane's own templates hold a proxy as well, but one that reads the ConfigMap.
    let containers = ["/spec/template/spec/initContainers", "/spec/template/spec/containers"];
    let proxies = containers.into_iter().flat_map(|list| object.items(list));
    let mut env = proxies.filter(|one| one.text("/name") == Some("linkerd-proxy")).flat_map(|one| one.items("/env"));
    env.any(|variable| {
        variable.text("/name") == Some("LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS") && variable.text("/value").is_some()
    })
    .then_some(Obstacle::InjectedByHand)
}

fn trouble(object: Object<'_>) -> Option<String> {
    let conditions = object.conditions();
    let failure = condition(&conditions, "ReplicaFailure").filter(|one| one.status == "True");
    let late = condition(&conditions, "Progressing").filter(|one| one.reason == "ProgressDeadlineExceeded");
    if let Some(one) = failure.or(late) {
        return Some(format!("{}: {}", one.reason, one.message));
    }
    let partition = object.number("/spec/updateStrategy/rollingUpdate/partition").filter(|&first| first > 0)?;
    Some(format!("spec.updateStrategy.rollingUpdate.partition keeps the pods below {partition} as they are"))
}

/// `spec.selector` as a request has it.
fn selector(object: Object<'_>) -> String {
    let labels = object.map("/spec/selector/matchLabels").into_iter().map(|(key, value)| format!("{key}={value}"));
    let expressions = object.items("/spec/selector/matchExpressions").map(|one| {
        let key = one.string("/key");
        let values = one.at("/values").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let values = values.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",");
        match one.text("/operator") {
            Some("In") => format!("{key} in ({values})"),
            Some("NotIn") => format!("{key} notin ({values})"),
            Some("DoesNotExist") => format!("!{key}"),
            _ => key,
        }
    });
    labels.chain(expressions).collect::<Vec<_>>().join(",")
}

/// A workload that has no rollout: all its pods are of one template.
pub(super) fn unrolled(workload: &Workload) -> Rollout {
    let obstacle = match workload.kind.as_str() {
        "Pod" => Obstacle::Bare,
        "Job" | "CronJob" => Obstacle::Job,
        _ => Obstacle::Unknown,
    };
    let ready = workload.groups.iter().map(|group| group.ready).sum();
    let trouble = workload.groups.iter().flat_map(|group| &group.trouble).next();
    Rollout {
        workload: workload.key(),
        labels: BTreeMap::new(),
        obstacle: Some(obstacle),
        wanted: workload.pods(),
        updated: workload.pods(),
        ready,
        complete: ready == workload.pods(),
        restarted_at: None,
        trouble: trouble.map(|one| format!("pod {}: {}", one.pod, one.reason)),
    }
}

#[cfg(test)]
mod tests;
