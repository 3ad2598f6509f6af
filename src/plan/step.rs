use crate::{
    mesh::{Copy, Obstacle},
    pki::Certificate,
    snapshot::WorkloadRef,
};

use super::{Lack, Pair, webhooks::Act};

/// What comes next.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// This step.
    Do(Step),
    /// Nothing, until somebody has seen to these.
    Hold(Vec<Hold>),
    /// Nothing: what was wanted is so.
    Done(Done),
    /// Nothing: it must not or cannot be done.
    Refuse(Refusal),
}

/// One step.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Writes ConfigMap `linkerd-identity-trust-roots`.
    TrustRoots {
        /// What it shall hold.
        anchors: Vec<Certificate>,
        /// Which way that leads.
        why: Why,
    },
    /// Brings a copy, from which the next `linkerd upgrade` starts, in line with trust roots and issuer Secret.
    Copy(Copy),
    /// Writes the issuer Secret.
    Issuer {
        /// The issuer first.
        chain: Vec<Certificate>,
    },
    /// Waits until identity signs with the issuer in its Secret; restarts it where it missed the change.
    AwaitIssuer {
        /// The issuer first.
        chain: Vec<Certificate>,
    },
    /// Replaces the pods of these workloads, and waits until they are ready.
    Restart {
        /// In this order, some at once.
        workloads: Vec<WorkloadRef>,
        /// What for.
        why: Why,
    },
    /// Waits until linked clusters lack nothing of this any more.
    AwaitLinked {
        /// What they lack.
        lacks: Vec<Lack>,
        /// Which way that leads: [`Why::Extend`] before the swap, [`Why::Trim`] before the trim.
        why: Why,
    },
    /// Waits until these proxies have renewed their leafs by themselves.
    AwaitLeafs {
        /// Whose.
        workloads: Vec<WorkloadRef>,
    },
    /// A step towards new webhook certificates.
    Webhook(Box<Act>),
}

/// What a step is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// Everything that verifies shall trust the new anchor beside the old one.
    Extend,
    /// Leafs shall come from the new issuer.
    Refresh,
    /// Nothing shall trust the old anchor any more.
    Trim,
    /// What has no leaf that works, or does not trust the anchor under which identity signs again, shall come back.
    Mend,
}

/// A workload that the next step waits for and that cannot be restarted by us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Which.
    pub workload: WorkloadRef,
    /// Why.
    pub obstacle: Obstacle,
    /// What it is waited for.
    pub why: Why,
}

/// How the mesh stands at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// What still trusts more than it needs to, and was left so as wished.
    pub trusting_old: Vec<WorkloadRef>,
    /// What is left without a leaf or bundle that works, since it cannot be restarted by us: only of a recovery, which
    /// does not wait for it.
    pub left: Vec<Hold>,
}

/// Why a plan is refused. Each is told with what to do instead.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// A source that every plan needs could not be read; the text names it and says why.
    Unseen(String),
    /// A rotation to `anchor` is under way and needs an issuer under it, for which there is no key.
    NoKeyFor {
        /// The anchor.
        anchor: Certificate,
    },
    /// A new issuer was wanted while the mesh is on its way to another anchor.
    AnchorRotation {
        /// That anchor.
        anchor: Certificate,
    },
    /// What was brought does not fit: the text says how.
    Unfit(String),
    /// Something outside the cluster verifies with these anchors and nobody has answered for it.
    Outside(Vec<String>),
    /// Linked clusters lack this, and nobody waits for it.
    Linked(Vec<Lack>),
    /// These objects are written by something that would undo the change.
    Owned {
        /// Each with who does.
        objects: Vec<String>,
        /// Whether they come from values that can be brought in line first.
        takes_values: bool,
    },
    /// The step would break these pairs.
    Breaks(Step, Vec<Pair>),
}
