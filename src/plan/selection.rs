//! Which workloads a run restarts, and which of them after all others.
//!
//! A selection never makes a plan bolder. What it leaves out is a workload with an [`Obstacle`] like a paused one: the
//! gate waits for it, and somebody else has to restart it. The control plane stands outside of all selections, since
//! what it gives to new pods decides what every other restart brings.

use std::fmt;

use kube::core::{Selector, SelectorExt as _};

use crate::mesh::Obstacle;

use super::{Party, Standing};

/// Which workloads are restarted, and which of them last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// These and no others; empty for all.
    pub only: Vec<Which>,
    /// Not these, whatever else names them.
    pub exclude: Vec<Which>,
    /// These after all others of each round.
    pub last: Vec<Which>,
}

/// Some workloads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// All of a namespace, those of one kind in it, or a single one.
    Place {
        /// Namespace.
        namespace: String,
        /// Kind, whatever its case.
        kind: Option<String>,
        /// Name.
        name: Option<String>,
    },
    /// Those with such labels of their own, as `kubectl rollout restart -l` takes them; not those of their pods.
    Labels(Selector),
}

/// A part of a selection that no workload answers to: a slip of the pen must not silently select nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("--{flag} {which} {}", if *control_plane {
    "names the control plane alone, which is always restarted, and first"
} else {
    "names no workload with a proxy"
})]
pub struct Unmatched {
    /// `only`, `exclude` or `last`.
    pub flag: &'static str,
    /// What was asked for.
    pub which: Which,
    /// Whether it is the control plane, of which that cannot be asked.
    pub control_plane: bool,
}

impl Selection {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.only.is_empty() && self.exclude.is_empty() && self.last.is_empty()
    }

    /// Whether each part of it names a workload of `standing`.
    ///
    /// # Errors
    /// The first part that names none.
    pub fn check(&self, standing: &Standing) -> Result<(), Unmatched> {
        for (flag, parts) in [("only", &self.only), ("exclude", &self.exclude), ("last", &self.last)] {
            for which in parts {
                let named = || standing.parties.iter().filter(|party| which.names(party));
                let control_plane = flag != "only" && named().next().is_some();
                // To restart the control plane and nothing else makes sense; the others would have no effect on it.
                if !named().any(|party| flag == "only" || !party.is_control_plane()) {
                    return Err(Unmatched { flag, which: which.clone(), control_plane });
                }
            }
        }
        Ok(())
    }

    fn obstacle(&self, party: &Party) -> Option<Obstacle> {
        let named = |parts: &[Which]| parts.iter().any(|which| which.names(party));
        if named(&self.exclude) {
            Some(Obstacle::Excluded)
        } else {
            (!self.only.is_empty() && !named(&self.only)).then_some(Obstacle::NotSelected)
        }
    }
}

impl Which {
    fn names(&self, party: &Party) -> bool {
        let who = &party.who;
        match self {
            Self::Place { namespace, kind, name } => {
                *namespace == who.namespace
                    && kind.as_ref().is_none_or(|kind| kind.eq_ignore_ascii_case(&who.kind))
                    && name.as_ref().is_none_or(|name| *name == who.name)
            }
            Self::Labels(selector) => selector.matches(&party.labels),
        }
    }
}

impl Standing {
    /// The standing as a run with this selection sees it: what it leaves out cannot be restarted, and what comes last is
    /// marked. A workload that could not be restarted anyway keeps that as its reason.
    #[must_use]
    pub fn selected(mut self, selection: &Selection) -> Self {
        for party in self.parties.iter_mut().filter(|party| !party.is_control_plane()) {
            party.obstacle = party.obstacle.or_else(|| selection.obstacle(party));
            party.last = selection.last.iter().any(|which| which.names(party));
        }
        self
    }
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Place { namespace, kind, name } => {
                f.write_str(namespace)?;
                kind.iter().chain(name).try_for_each(|part| write!(f, "/{part}"))
            }
            Self::Labels(selector) => write!(f, "'{selector}'"),
        }
    }
}
