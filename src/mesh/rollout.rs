use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::snapshot::WorkloadRef;

/// How a workload replaces its pods, and how far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rollout {
    /// Which.
    pub workload: WorkloadRef,
    /// Its own labels, where it is of a kind that can be restarted; those of its pods may be others.
    pub labels: BTreeMap<String, String>,
    /// Why it cannot be restarted by the restart annotation, where it cannot.
    pub obstacle: Option<Obstacle>,
    /// Pods that it should have.
    pub wanted: u32,
    /// Pods of its newest template.
    pub updated: u32,
    /// Pods that are ready and of the newest template.
    pub ready: u32,
    /// Whether all its pods are of the newest template, are ready, and no other is left.
    pub complete: bool,
    /// Annotation `kubectl.kubernetes.io/restartedAt` of its template.
    pub restarted_at: Option<Timestamp>,
    /// What its pods wait for, where something is wrong: such as `ImagePullBackOff` of a container.
    pub trouble: Option<String>,
}

/// Why a restart by us would not bring new pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Obstacle {
    /// `spec.paused` of a Deployment.
    Paused,
    /// The proxy stands in the workload's own template (`linkerd inject` by hand): new pods are as the old ones.
    InjectedByHand,
    /// Pods without a controller that would replace them.
    Bare,
    /// A Job: its pods run to their end.
    Job,
    /// A controller of a kind that this program does not know.
    Unknown,
    /// The operator asked for it not to be restarted: `--exclude`.
    Excluded,
    /// The operator asked for others to be restarted: `--only`.
    NotSelected,
}

impl Obstacle {
    /// Whether a restart would help, and is only not wished.
    pub fn is_by_choice(self) -> bool {
        matches!(self, Self::Excluded | Self::NotSelected)
    }
}
