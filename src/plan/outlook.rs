//! The whole plan: the next step, asked over and over of a standing on which each step has had its effect.

use super::{Next, Request, Standing, Step, next};

/// More steps than this no plan has; a plan that goes on is a mistake of ours.
const MOST_STEPS: usize = 64;

/// Every step to come, and how it ends.
#[derive(Clone, Debug, PartialEq)]
pub struct Outlook {
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// What stands after them; never [`Next::Do`].
    pub end: Next,
}

/// Looks ahead from `standing`. What a hold waits for is taken to happen.
pub fn outlook(standing: &Standing, request: &Request) -> Outlook {
    let mut standing = standing.clone();
    let mut steps = Vec::new();
    loop {
        match next(&standing, request) {
            Next::Do(step) if steps.len() < MOST_STEPS => {
                standing = standing.after(&step);
                steps.push(step);
            }
            end => return Outlook { steps, end },
        }
    }
}
