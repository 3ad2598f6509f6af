use jiff::{SignedDuration, Timestamp};

use crate::{mesh::IssuerPair, pki::Certificate};

/// A pod with a proxy.
#[derive(Clone, Debug)]
pub(super) struct Pod {
    pub(super) name: String,
    /// When its containers started.
    pub(super) started: Timestamp,
    /// What its proxy verifies with.
    pub(super) anchors: Vec<Certificate>,
    /// What its proxy presents; none until identity gave it one.
    pub(super) leaf: Option<Leaf>,
    /// When its proxy asks for the next leaf.
    pub(super) asks_at: Timestamp,
    /// For a pod of identity: what the controller in it has loaded.
    pub(super) controller: Option<Controller>,
    /// When its application is ready, given a leaf; never where it is `None`.
    pub(super) ready_at: Option<Timestamp>,
    /// Whether it is of the newest template.
    pub(super) updated: bool,
    /// Whether it came up without a proxy.
    pub(super) is_bare: bool,
}

/// A leaf and the issuer that came with it.
#[derive(Clone, Debug)]
pub(super) struct Leaf {
    pub(super) certificate: Certificate,
    pub(super) chain: Vec<Certificate>,
}

/// The identity controller in a pod.
#[derive(Clone, Debug)]
pub(super) struct Controller {
    /// The anchors, read once at start (#13613).
    pub(super) anchors: Vec<Certificate>,
    /// What it signs with; none where the one that it found at start did not verify.
    pub(super) issuer: Option<IssuerPair>,
    /// When it will look at a changed Secret.
    pub(super) reloads_at: Option<Timestamp>,
}

/// How long a proxy waits after it was refused a leaf.
pub(super) const RETRY: SignedDuration = SignedDuration::from_secs(10);

impl Leaf {
    /// Whether neither it nor an issuer above it has ended.
    pub(super) fn is_valid(&self, now: Timestamp) -> bool {
        [&self.certificate].into_iter().chain(&self.chain).all(|one| one.lifetime().contains(now))
    }
}

impl Pod {
    /// One without a proxy.
    pub(super) fn bare(name: String, started: Timestamp, ready_at: Option<Timestamp>) -> Self {
        Self {
            name,
            started,
            anchors: Vec::new(),
            leaf: None,
            asks_at: Timestamp::MAX,
            controller: None,
            ready_at,
            updated: true,
            is_bare: true,
        }
    }

    /// Whether it carries traffic.
    pub(super) fn is_live(&self, now: Timestamp) -> bool {
        self.leaf.is_some() && self.is_ready(now)
    }

    /// Whether it is ready: its proxy has a leaf, its application is up, and an identity controller has an issuer.
    pub(super) fn is_ready(&self, now: Timestamp) -> bool {
        if self.is_bare {
            return self.ready_at.is_some_and(|ready| ready <= now);
        }
        let signs = self.controller.as_ref().is_none_or(|controller| controller.issuer.is_some());
        signs && self.leaf.is_some() && self.ready_at.is_some_and(|ready| ready <= now)
    }
}
