//! The whole plan: the next step, asked over and over of a standing on which each step has had its effect.

use super::{Hold, Next, Request, Standing, Step, next};

/// More steps than this no plan has; a plan that goes on is a mistake of ours.
const MOST_STEPS: usize = 64;

/// Every step to come, and how it ends.
#[derive(Clone, Debug, PartialEq)]
pub struct Outlook {
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// Where it waits for somebody to restart what a selection leaves out.
    pub waits: Vec<Wait>,
    /// What stands after them; never [`Next::Do`].
    pub end: Next,
}

/// A place in a plan where somebody else has to restart workloads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// So many steps have been taken by then.
    pub after: usize,
    /// Which, and why.
    pub holds: Vec<Hold>,
}

impl Outlook {
    /// Whether what was wanted is so already.
    pub fn is_done(&self) -> bool {
        self.steps.is_empty() && self.waits.is_empty() && matches!(self.end, Next::Done(_))
    }
}

/// Looks ahead from `standing`. That somebody restarts what a selection leaves to them is taken to happen; of what cannot
/// be restarted nobody knows, so there the outlook ends.
pub fn outlook(standing: &Standing, request: &Request) -> Outlook {
    let mut standing = standing.clone();
    let (mut steps, mut waits) = (Vec::new(), Vec::new());
    loop {
        match next(&standing, request) {
            Next::Do(step) if steps.len() < MOST_STEPS => {
                standing = standing.after(&step);
                steps.push(step);
            }
            Next::Hold(holds) if waits.len() < MOST_STEPS && holds.iter().all(|hold| hold.obstacle.is_by_choice()) => {
                // They are of one round, so all for the same reason; what a restart brings does not depend on it.
                if let Some(why) = holds.first().map(|hold| hold.why) {
                    let workloads = holds.iter().map(|hold| hold.workload.clone()).collect();
                    standing = standing.after(&Step::Restart { workloads, why });
                }
                waits.push(Wait { after: steps.len(), holds });
            }
            end => return Outlook { steps, waits, end },
        }
    }
}
