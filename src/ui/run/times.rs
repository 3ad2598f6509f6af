//! How long a run will still take, by the restarts that were seen.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::{
    plan::{Step, webhooks::Act},
    snapshot::WorkloadRef,
};

/// A write, with the look at the mesh before it.
const WRITE: Duration = Duration::from_secs(1);
/// Until identity has loaded a changed Secret.
const ISSUER: Duration = Duration::from_secs(10);
/// Until the kubelet has brought a changed Secret to every pod, as a rule.
const SERVED: Duration = Duration::from_mins(1);
/// Until every leaf has renewed itself: 70 % of 24 h.
const LEAFS: Duration = Duration::from_hours(17);

/// The restarts that were seen.
#[derive(Debug)]
pub(super) struct Times {
    at_once: usize,
    took: BTreeMap<WorkloadRef, Duration>,
}

impl Times {
    pub(super) fn new(at_once: usize) -> Self {
        Self { at_once: at_once.max(1), took: BTreeMap::new() }
    }

    /// How many workloads are restarted at once.
    pub(super) fn at_once(&self) -> usize {
        self.at_once
    }

    /// This workload took so long.
    pub(super) fn saw(&mut self, workload: &WorkloadRef, took: Duration) {
        self.took.insert(workload.clone(), took);
    }

    /// How long it takes to restart these; nothing where no restart was seen yet.
    pub(super) fn restart<'a>(&self, workloads: impl IntoIterator<Item = &'a WorkloadRef>) -> Option<Duration> {
        let seen = u32::try_from(self.took.len()).ok().filter(|seen| *seen > 0)?;
        let usual = self.took.values().sum::<Duration>() / seen;
        let each = workloads.into_iter().map(|workload| self.took.get(workload).copied().unwrap_or(usual));
        let (mut all, mut longest) = (Duration::ZERO, Duration::ZERO);
        for time in each {
            all += time;
            longest = longest.max(time);
        }
        let at_once = u32::try_from(self.at_once).unwrap_or(u32::MAX);
        Some(longest.max(all / at_once))
    }

    /// How long these steps take, of which the first has restarted `done` already; nothing where a restart is among them
    /// and none was seen yet.
    pub(super) fn left<'a>(
        &self,
        steps: impl IntoIterator<Item = &'a Step>,
        done: &BTreeSet<WorkloadRef>,
    ) -> Option<Duration> {
        let each = steps.into_iter().enumerate().map(|(index, step)| match step {
            Step::TrustRoots { .. } | Step::Copy(_) | Step::Issuer { .. } => Some(WRITE),
            Step::AwaitIssuer { .. } => Some(ISSUER),
            Step::AwaitLeafs { .. } => Some(LEAFS),
            Step::Webhook(act) => Some(if matches!(**act, Act::AwaitServed { .. }) { SERVED } else { WRITE }),
            // Whoever sees to it takes their own time.
            Step::AwaitLinked { .. } => None,
            Step::Restart { workloads, .. } => {
                self.restart(workloads.iter().filter(|workload| index > 0 || !done.contains(*workload)))
            }
        });
        each.sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Why;

    fn workload(name: &str) -> WorkloadRef {
        WorkloadRef { namespace: "shop".to_owned(), kind: "Deployment".to_owned(), name: name.to_owned() }
    }

    fn restart(names: &[&str]) -> Step {
        Step::Restart { workloads: names.iter().map(|name| workload(name)).collect(), why: Why::Trim }
    }

    #[test]
    fn nothing_is_foretold_before_a_restart_was_seen() {
        let times = Times::new(2);
        assert_eq!(times.left(&[restart(&["a"])], &BTreeSet::new()), None);
        let writes = [Step::Copy(crate::mesh::Copy::Config), Step::AwaitIssuer { chain: Vec::new() }];
        assert_eq!(times.left(&writes, &BTreeSet::new()), Some(Duration::from_secs(11)));
    }

    #[test]
    fn workloads_side_by_side_take_as_long_as_the_longest_or_their_share() {
        let mut times = Times::new(2);
        times.saw(&workload("a"), Duration::from_secs(10));
        times.saw(&workload("b"), Duration::from_secs(20));
        let left = |names: &[&str]| times.left(&[restart(names)], &BTreeSet::new()).unwrap().as_secs();
        assert_eq!((left(&["a"]), left(&["a", "b"]), left(&["a", "b", "new"])), (10, 20, 22));
    }

    #[test]
    fn what_is_done_of_the_present_step_is_not_counted_again() {
        let mut times = Times::new(1);
        times.saw(&workload("a"), Duration::from_secs(10));
        let done = BTreeSet::from([workload("a")]);
        let left = times.left(&[restart(&["a", "b"]), restart(&["a"])], &done);
        assert_eq!(left, Some(Duration::from_secs(20)));
    }
}
