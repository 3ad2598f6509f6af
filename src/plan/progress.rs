//! Which stage a rotation is in and what comes next: the planner, asked without anything to bring in.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use crate::{
    pki::{Certificate, Fingerprint, verify},
    trust::Held,
};

use super::{
    Done, Goal, Materials, Next, Party, Presents, Refusal, Request, Standing, Step, Target, Trusts, Why,
    effect::fingerprints, next, target,
};

/// More copies than this there are not.
const MOST_COPIES: usize = 4;

/// Where a mesh is on its way.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// The stage.
    pub stage: Position,
    /// Which certificate is being replaced; at rest it says nothing.
    pub goal: Goal,
    /// The anchor that shall vouch for everything in the end; at rest the one that does.
    pub anchor: Option<Certificate>,
    /// The issuer in its Secret.
    pub issuer: Option<Certificate>,
    /// Every other anchor that the trust roots hold or something has loaded.
    pub others: Vec<Certificate>,
    /// Anchors that something alive depends on and that the trust roots do not hold.
    pub lacking: Vec<Certificate>,
    /// How many workloads have done what the stage is about. What could not be seen counts as not done.
    pub workloads: Count,
    /// What comes next. A step that needs a key is a refusal here, since none was brought.
    pub next: Next,
}

/// The stages of a rotation, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Position {
    /// It cannot be told.
    Unknown,
    /// No rotation is under way.
    Rest,
    /// Everything that verifies shall load the new anchor beside the old one.
    Extend,
    /// It has; the issuer in the Secret is not yet one of the new anchor.
    Ready,
    /// The Secret holds the new issuer; that identity signs with it is not proven.
    Swap,
    /// Leafs shall come from the new issuer.
    Refresh,
    /// Nothing shall trust the old anchor any more.
    Trim,
}

/// How many have done it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// So many have.
    pub done: u64,
    /// Of so many it could not be seen.
    pub unseen: u64,
    /// So many there are.
    pub of: u64,
}

/// Infers it from where the mesh stands and from nothing else.
pub fn progress(standing: &Standing) -> Progress {
    let (anchor, goal, issuer) = match target(standing, &BTreeSet::new()) {
        None => return Progress::unknown(standing),
        Some(Target::Towards(anchor)) => (anchor, Goal::Anchor, None),
        // Another issuer below the same anchor: somebody replaces the issuer.
        Some(Target::Rest(anchor)) if standing.chains().len() > 1 => (anchor, Goal::Issuer, Some(&standing.issuer)),
        Some(Target::Rest(anchor)) => {
            return Progress::new(standing, anchor, Position::Rest, Next::Done(Done::default()));
        }
    };
    let materials = Materials { anchor: None, issuer: issuer.cloned() };
    let request = Request::new(goal, materials);
    let progress = Progress::new(standing, anchor, stage(standing, &request), next(standing, &request));
    Progress { goal, ..progress }
}

/// The stage of the first step that is not about a copy: copies follow in every stage.
fn stage(standing: &Standing, request: &Request) -> Position {
    let mut ahead = standing.clone();
    for _ in 0..MOST_COPIES {
        match next(&ahead, request) {
            Next::Do(step @ Step::Copy(_)) => ahead = ahead.after(&step),
            other => return before(&other),
        }
    }
    Position::Unknown
}

/// The stage in which this comes next.
fn before(next: &Next) -> Position {
    match next {
        Next::Do(step) | Next::Refuse(Refusal::Breaks(step, _)) => of_step(step),
        Next::Hold(holds) => holds.first().map_or(Position::Unknown, |hold| of_why(hold.why)),
        Next::Done(done) if done.trusting_old.is_empty() => Position::Rest,
        Next::Done(_) => Position::Trim,
        Next::Refuse(Refusal::NoKeyFor { .. } | Refusal::Outside(_) | Refusal::Linked(_)) => Position::Ready,
        Next::Refuse(_) => Position::Unknown,
    }
}

fn of_step(step: &Step) -> Position {
    match step {
        Step::TrustRoots { why, .. } | Step::Restart { why, .. } => of_why(*why),
        Step::AwaitLinked { why: Why::Trim, .. } => Position::Trim,
        Step::Issuer { .. } | Step::AwaitLinked { .. } => Position::Ready,
        Step::AwaitIssuer { .. } => Position::Swap,
        Step::AwaitLeafs { .. } => Position::Refresh,
        Step::Copy(_) | Step::Webhook(_) => Position::Unknown,
    }
}

fn of_why(why: Why) -> Position {
    match why {
        Why::Extend => Position::Extend,
        Why::Refresh | Why::Mend => Position::Refresh,
        Why::Trim => Position::Trim,
    }
}

impl Progress {
    fn new(standing: &Standing, anchor: &Certificate, stage: Position, next: Next) -> Self {
        let others = standing.known_anchors().into_iter().filter(|one| *one != anchor);
        let lacking = standing.in_use().into_iter().filter(|one| !standing.roots.contains(one));
        let mut progress = Self {
            stage,
            goal: Goal::Anchor,
            anchor: Some(anchor.clone()),
            issuer: standing.issuer.first().cloned(),
            others: others.cloned().collect(),
            lacking: lacking.cloned().collect(),
            workloads: Count::default(),
            next,
        };
        progress.workloads = Count::of(standing.parties.iter().map(|party| (1, progress.of_party(party))));
        progress
    }

    fn unknown(standing: &Standing) -> Self {
        let why = "the issuer in its Secret leads to no trust anchor that is known here".to_owned();
        Self {
            stage: Position::Unknown,
            goal: Goal::Anchor,
            anchor: None,
            issuer: standing.issuer.first().cloned(),
            others: standing.known_anchors().into_iter().cloned().collect(),
            lacking: Vec::new(),
            workloads: Count { of: u64::try_from(standing.parties.len()).unwrap_or(u64::MAX), ..Count::default() },
            next: Next::Refuse(Refusal::Unseen(why)),
        }
    }

    /// Whether a proxy that trusts these anchors and presents a leaf of this issuer has done what the stage is about;
    /// `None` where what that depends on was not seen.
    pub fn has_moved(&self, trusts: Option<&BTreeSet<Fingerprint>>, issuer: Option<Fingerprint>) -> Option<bool> {
        let anchor = self.anchor.as_ref()?.fingerprint();
        match self.stage {
            Position::Unknown => None,
            Position::Extend | Position::Ready => Some(trusts?.contains(&anchor)),
            Position::Swap | Position::Refresh => Some(issuer? == self.issuer.as_ref()?.fingerprint()),
            Position::Rest | Position::Trim => Some(trusts?.iter().all(|one| *one == anchor)),
        }
    }

    /// How many proxies have done it, each counted by itself.
    pub fn proxies(&self, held: &[Held<'_>]) -> Count {
        Count::of(held.iter().map(|held| {
            let trusts = held.bundle.map(crate::pki::Bundle::set);
            let issuer = held.issuer.and_then(<[_]>::first).map(Certificate::fingerprint);
            (u64::from(held.pods), self.has_moved(trusts.as_ref(), issuer))
        }))
    }

    /// How many proxies are known to refuse the leafs that the issuer in the Secret signs. Before the swap those who have
    /// not loaded the new anchor refuse nothing.
    pub fn refusing(&self, held: &[Held<'_>]) -> u64 {
        let Some(anchor) = &self.anchor else { return 0 };
        // It may have come before the restarts.
        let is_its = self.issuer.as_ref().is_some_and(|issuer| verify::leads_to(std::slice::from_ref(issuer), anchor));
        if matches!(self.stage, Position::Unknown | Position::Ready) || (self.stage == Position::Extend && !is_its) {
            return 0;
        }
        let refuses = |held: &&Held<'_>| held.bundle.is_some_and(|bundle| !bundle.contains(anchor));
        held.iter().filter(refuses).map(|held| u64::from(held.pods)).sum()
    }

    /// Whether a whole workload has done it: one of its proxies that has not done it is enough for a no.
    fn of_party(&self, party: &Party) -> Option<bool> {
        let mut all = Some(true);
        for trusts in &party.trusts {
            for presents in &party.presents {
                let trusts = match trusts {
                    Trusts::Anchors(anchors) => Some(fingerprints(anchors)),
                    Trusts::Unseen => None,
                };
                let issuer = match presents {
                    Presents::Issuer(chain) => chain.first().map(Certificate::fingerprint),
                    Presents::Unseen => None,
                };
                match self.has_moved(trusts.as_ref(), issuer) {
                    Some(true) => {}
                    Some(false) => return Some(false),
                    None => all = None,
                }
            }
        }
        all
    }
}

impl Count {
    fn of(each: impl Iterator<Item = (u64, Option<bool>)>) -> Self {
        each.fold(Self::default(), |count, (number, done)| Self {
            done: count.done + if done == Some(true) { number } else { 0 },
            unseen: count.unseen + if done.is_none() { number } else { 0 },
            of: count.of + number,
        })
    }
}
