//! How far a run is, as its events tell it.

use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

use crate::{
    event::{Event, Looked},
    plan::{Goal, Step, Why},
    snapshot::WorkloadRef,
};

use super::times::Times;

/// How far a run is.
#[derive(Debug)]
pub(super) struct Walk {
    seen: Option<Looked>,
    ahead: VecDeque<Step>,
    taken: usize,
    restarted: BTreeSet<WorkloadRef>,
    is_trimming: bool,
    times: Times,
}

impl Walk {
    /// A run that restarts so many workloads at once, before its first event.
    pub(super) fn new(at_once: usize) -> Self {
        Self {
            seen: None,
            ahead: VecDeque::new(),
            taken: 0,
            restarted: BTreeSet::new(),
            is_trimming: false,
            times: Times::new(at_once),
        }
    }

    /// Takes note of an event; whether it changed anything that is shown.
    pub(super) fn notice(&mut self, event: &Event) -> bool {
        match event {
            Event::Looked(looked) => self.seen = Some(looked.as_ref().clone()),
            Event::Planned(outlook) => self.ahead = outlook.steps.iter().cloned().collect(),
            Event::Begun(step) => {
                self.restarted.clear();
                self.is_trimming =
                    matches!(step, Step::TrustRoots { why: Why::Trim, .. } | Step::Restart { why: Why::Trim, .. })
                        || self.is_trimming;
            }
            Event::Restarted(workload, took) => {
                self.times.saw(workload, *took);
                self.restarted.insert(workload.clone());
                if let (Some(seen), Some(Step::Restart { why, .. })) = (&mut self.seen, self.ahead.front()) {
                    seen.reach.restarted(workload, *why);
                }
            }
            Event::Proven(step) => {
                if self.ahead.front() == Some(step) {
                    self.ahead.pop_front();
                    self.taken += 1;
                    self.restarted.clear();
                }
            }
            _ => return false,
        }
        true
    }

    /// The last look.
    pub(super) fn seen(&self) -> Option<&Looked> {
        self.seen.as_ref()
    }

    /// The step that is being taken, or comes next.
    pub(super) fn present(&self) -> Option<&Step> {
        self.ahead.front()
    }

    /// How many workloads of the present step are restarted.
    pub(super) fn restarted(&self) -> usize {
        self.restarted.len()
    }

    /// The namespace that the present step has come to, where it goes through more than one.
    pub(super) fn namespace(&self) -> Option<&str> {
        let Some(Step::Restart { workloads, .. }) = self.present() else { return None };
        let first = &workloads.first()?.namespace;
        let goes_on = workloads.iter().any(|workload| workload.namespace != *first);
        let next = workloads.iter().find(|workload| !self.restarted.contains(*workload))?;
        goes_on.then_some(next.namespace.as_str())
    }

    /// The number of the present step, and of all.
    pub(super) fn place(&self) -> (usize, usize) {
        (self.taken + 1, self.taken + self.ahead.len().max(1))
    }

    /// What is to be new.
    pub(super) fn goal(&self) -> Option<Goal> {
        self.seen.as_ref().map(|seen| seen.reach.goal)
    }

    /// Whether the last part has begun, in which the old anchor goes.
    pub(super) fn is_trimming(&self) -> bool {
        self.is_trimming
    }

    /// The restarts so far.
    pub(super) fn times(&self) -> &Times {
        &self.times
    }

    /// How long it still takes.
    pub(super) fn left(&self) -> Option<Duration> {
        self.times.left(&self.ahead, &self.restarted)
    }

    /// The name of the one workload of the control plane that these are, if they are one.
    pub(super) fn component<'a>(&self, workloads: &'a [WorkloadRef]) -> Option<&'a str> {
        let seen = self.seen.as_ref()?;
        match workloads {
            [one] if one.namespace == seen.namespace => Some(&one.name),
            _ => None,
        }
    }
}
