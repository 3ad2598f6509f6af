use std::fmt;

use crate::snapshot::WorkloadRef;

/// What is worth knowing of some workloads before they are restarted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Concerns {
    /// A workload and what is the matter with it.
    pub of: Vec<(WorkloadRef, Concern)>,
    /// Rights that were missing to see everything, in words.
    pub unseen: Vec<String>,
}

/// What decides whether a restart brings new pods, or how well.
///
/// `maxSurge` and `maxUnavailable` that are both zero are none: the API server refuses them, and where percentages come
/// to that the controller lets one pod go (kubernetes, pkg/controller/deployment/util, `ResolveFenceposts`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Concern {
    /// For a moment it may have no pod that is ready: there is one only, or all go at once.
    Gap,
    /// Its pods are replaced by evicting them one by one (`OnDelete`).
    Evicted,
    /// They have to be evicted, and this `PodDisruptionBudget` lets none of them go.
    Budget(String),
    /// A new pod comes before an old one goes, and this `ResourceQuota` leaves no room for it.
    Quota {
        /// Its name.
        name: String,
        /// Such as `pods`.
        resource: String,
        /// How many there are.
        used: u64,
        /// How many there may be.
        hard: u64,
    },
    /// `partition` of a `StatefulSet` keeps the pods below this ordinal as they are.
    Partition(u64),
}

impl Concern {
    /// What to do about it, where with it a restart would not come to its end.
    pub fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::Gap | Self::Evicted => None,
            Self::Budget(_) => Some("make the budget let one pod go, or leave the workload out with --leave"),
            Self::Quota { .. } => Some("raise the quota by one, or leave the workload out with --leave"),
            Self::Partition(_) => Some("set the partition to 0, or leave the workload out with --leave"),
        }
    }
}

impl fmt::Display for Concern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gap => f.write_str("for a moment it may have no pod that is ready"),
            Self::Evicted => f.write_str("its pods are evicted one by one (OnDelete)"),
            Self::Budget(name) => {
                write!(f, "its pods have to be evicted (OnDelete), and PodDisruptionBudget {name} lets none go")
            }
            Self::Quota { name, resource, used, hard } => {
                write!(
                    f,
                    "ResourceQuota {name} leaves no room for a new pod beside the old ({used} of {hard} {resource})"
                )
            }
            Self::Partition(first) => write!(f, "its partition keeps the pods below {first} as they are"),
        }
    }
}
