//! Ways in which certificates bring a mesh down, done to a simulated one.

use std::fmt;

use jiff::SignedDuration;

use crate::{mesh::IssuerPair, pki::Certificate, plan::Goal, snapshot::WorkloadRef};

use super::{NoLikeness, World, sign::Authority, world::Kept};

/// Long enough for leafs that end with their issuer to be over.
const SOON: SignedDuration = SignedDuration::from_hours(1);
const YEAR: SignedDuration = SignedDuration::from_hours(365 * 24);
/// Long enough for pods to start, to ask for leafs, and to fail.
const A_WHILE: SignedDuration = SignedDuration::from_mins(3);

/// Something that has happened to a mesh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// The issuer ran out under a running mesh.
    IssuerExpired,
    /// The anchor ran out; the issuer and the leafs have time left.
    AnchorExpired,
    /// Both ran out.
    BothExpired,
    /// The issuer ran out, and somebody restarted identity, which does not start any more.
    IdentityDown,
    /// Anchor and issuer were replaced at once, and only the control plane follows.
    TrimmedTooEarly,
    /// The Secret holds an issuer under an anchor that nothing trusts; the former one goes on from memory.
    PrematureIssuer,
}

impl Broken {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::IssuerExpired,
        Self::AnchorExpired,
        Self::BothExpired,
        Self::IdentityDown,
        Self::TrimmedTooEarly,
        Self::PrematureIssuer,
    ];
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::IssuerExpired => "issuer-expired",
            Self::AnchorExpired => "anchor-expired",
            Self::BothExpired => "both-expired",
            Self::IdentityDown => "identity-down",
            Self::TrimmedTooEarly => "trimmed-too-early",
            Self::PrematureIssuer => "premature-issuer",
        })
    }
}

impl World {
    /// Does it to this world.
    ///
    /// # Errors
    /// When a certificate cannot be made.
    pub fn break_by(&mut self, broken: Broken) -> Result<(), NoLikeness> {
        match broken {
            Broken::IssuerExpired | Broken::IdentityDown => self.installed_with(YEAR * 10, SOON)?,
            Broken::AnchorExpired => self.installed_with(SOON, YEAR)?,
            Broken::BothExpired => self.installed_with(SOON, SOON)?,
            Broken::TrimmedTooEarly | Broken::PrematureIssuer => {}
        }
        match broken {
            Broken::IssuerExpired | Broken::AnchorExpired | Broken::BothExpired => self.pass(SOON + A_WHILE),
            Broken::IdentityDown => {
                self.pass(SOON + A_WHILE);
                self.restart_components(&["identity"]);
            }
            Broken::PrematureIssuer => {
                let made = self.make(Goal::Anchor, YEAR * 10, YEAR)?;
                self.written_by_others(None, made.issuer);
            }
            Broken::TrimmedTooEarly => {
                let made = self.make(Goal::Anchor, YEAR * 10, YEAR)?;
                self.written_by_others(Some(made.anchor), made.issuer);
                self.pass(A_WHILE);
                self.restart_components(&["identity", "destination", "proxy-injector"]);
            }
        }
        self.pass(A_WHILE);
        self.refused.clear();
        Ok(())
    }

    /// As if it had been installed a moment ago with an anchor and an issuer that end so soon.
    fn installed_with(&mut self, anchor: SignedDuration, issuer: SignedDuration) -> Result<(), NoLikeness> {
        let now = self.now;
        let from = now - SOON;
        let root = self.signer.anchor(&Authority { name: "root.linkerd.cluster.local", from, until: now + anchor })?;
        let below = Authority { name: "identity.linkerd.cluster.local", from, until: now + issuer };
        let issuer = self.signer.issuer(&below, &root)?;
        self.first_issuer = issuer.chain.first().map(Certificate::fingerprint);
        self.roots = vec![Kept::new(root.chain.clone(), from)];
        self.issuer = Kept::new(issuer.clone(), from);
        for copy in self.copies.values_mut() {
            copy.value.anchors.clone_from(&root.chain);
            copy.value.issuer = copy.value.issuer.is_some().then(|| issuer.chain.clone());
        }
        for pod in self.workloads.iter_mut().flat_map(|workload| &mut workload.pods) {
            pod.anchors.clone_from(&root.chain);
            pod.asks_at = now;
            if let Some(controller) = &mut pod.controller {
                controller.anchors.clone_from(&root.chain);
                controller.issuer = Some(issuer.clone());
            }
        }
        self.authorities = vec![root];
        Ok(())
    }

    /// Somebody writes the issuer Secret, and replaces the trust roots, by hand.
    fn written_by_others(&mut self, anchor: Option<Certificate>, issuer: IssuerPair) {
        let now = self.now;
        if let Some(anchor) = anchor {
            let mut next = self.roots_now().clone();
            next.value = vec![anchor];
            next.touch(now);
            self.roots.push(next);
        }
        self.issuer.value = issuer;
        self.issuer.touch(now);
        self.secret_changed();
    }

    fn restart_components(&mut self, names: &[&str]) {
        let of = |component: Option<&str>| component.is_some_and(|component| names.contains(&component));
        let keys: Vec<WorkloadRef> =
            self.workloads.iter().filter(|one| of(one.component.as_deref())).map(|one| one.key.clone()).collect();
        for key in keys {
            self.restart(&key);
        }
        self.settle();
    }
}
