use std::collections::BTreeSet;

use crate::{
    pki::{Certificate, Fingerprint},
    snapshot::WorkloadRef,
};

use super::{Selection, webhooks::Renewal};

/// What an operator wants.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
pub struct Request {
    /// Which certificate is to be another.
    pub goal: Goal,
    /// What was made or brought for it.
    pub materials: Materials,
    /// What becomes of proxies that still trust the old anchor.
    pub trim: Trim,
    /// Wait for leafs to renew themselves instead of restarting their pods.
    pub patient: bool,
    /// Anchors that stay in the bundle at the end although nothing here needs them.
    pub keep: BTreeSet<Fingerprint>,
    /// Workloads that the operator leaves as they are, knowing that the plan cannot see to them.
    pub leave: BTreeSet<WorkloadRef>,
    /// Which workloads are restarted, and which of them last.
    pub selection: Selection,
    /// Verifiers outside the cluster that the operator answers for, by name.
    pub answered_for: BTreeSet<String>,
    /// The trust roots and the issuer are written by somebody else, who is not waited for: only what follows from them is
    /// done.
    pub owned: bool,
    /// Rotate although what is there is new.
    pub force: bool,
    /// Where pairs refuse each other already, go on although more do until the last of them has been restarted.
    pub accept_refusals: bool,
    /// Which webhook certificates are to be new.
    pub renewal: Renewal,
}

/// Which certificate is to be another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// The trust anchor, and an issuer under it.
    Anchor,
    /// The issuer, under the present anchor.
    Issuer,
    /// Anchor and issuer as they were before: those of the materials, whatever the mesh is on its way to.
    Back,
    /// A mesh in which identity signs again and everybody accepts it: the anchor of the materials, and the issuer of the
    /// materials, or the one in the Secret where none is given.
    Recover,
    /// The webhooks' certificates, and neither anchor nor issuer.
    Webhooks,
}

/// The certificates that a plan may bring into the mesh. Their keys are elsewhere.
#[derive(Clone, Debug, Default)]
pub struct Materials {
    /// A new trust anchor, or the one to go back to.
    pub anchor: Option<Certificate>,
    /// A new issuer, or the one to go back to, then what stands between it and its anchor.
    pub issuer: Option<Vec<Certificate>>,
}

/// What becomes of proxies that still trust the old anchor once nothing needs it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trim {
    /// They are restarted.
    #[default]
    Now,
    /// They drop it when they are replaced for another reason.
    Lazy,
}

impl Request {
    /// A request with every choice left as it is by default.
    pub fn new(goal: Goal, materials: Materials) -> Self {
        Self {
            goal,
            materials,
            trim: Trim::default(),
            patient: false,
            keep: BTreeSet::new(),
            leave: BTreeSet::new(),
            selection: Selection::default(),
            answered_for: BTreeSet::new(),
            owned: false,
            force: false,
            accept_refusals: false,
            renewal: Renewal::default(),
        }
    }
}
