use jiff::Timestamp;

use crate::{
    pki::Certificate,
    snapshot::{IdentityEventKind, PodGroup, Snapshot},
};

use super::serving_issuer;

/// The issuer that identity signs with, as far as it is proven.
#[derive(Clone, Copy, Debug)]
pub struct Serving<'a> {
    /// The issuer first.
    pub chain: &'a [Certificate],
    /// A proxy that started after this has its leaf from that issuer. `None` where some replica of identity may still
    /// have signed with another.
    pub since: Option<Timestamp>,
}

impl Serving<'_> {
    /// Whether every pod of this group has its leaf from that issuer, by its age alone.
    pub fn is_of_all(&self, group: &PodGroup) -> bool {
        self.since.is_some_and(|since| group.oldest > since)
    }
}

/// What identity signs with, best proof first: all its pods started after the Secret was last written, and it does not
/// start with an issuer that it refuses; its own event after that write; the newest leaf that was seen.
pub fn serving(snapshot: &Snapshot) -> Option<Serving<'_>> {
    proven(snapshot)
        .or_else(|| serving_issuer(snapshot).map(|presented| Serving { chain: &presented.chain[1..], since: None }))
}

/// The Secret's issuer, where it is proven that identity signs with it.
fn proven(snapshot: &Snapshot) -> Option<Serving<'_>> {
    let secret = snapshot.issuer.found()?;
    let (chain, changed) = (secret.chain.as_ref()?, secret.changed_at?);
    let identity = snapshot.mesh.found()?.component("identity")?;
    let sound = |group: &PodGroup| group.oldest > changed && group.ready == group.pods;
    let restarted = !identity.groups.is_empty() && identity.groups.iter().all(sound);
    let started = restarted.then(|| identity.groups.iter().map(|group| group.newest).max()).flatten();
    let told = told(snapshot).filter(|at| *at > changed);
    if started.is_none() && told.is_none() {
        return None;
    }
    // One event says nothing of other replicas, which each read their own copy of the Secret.
    let told = told.filter(|_| identity.pods() == 1);
    Some(Serving { chain: &chain.certificates, since: told.into_iter().chain(started).min() })
}

/// When identity last said that it loaded a new issuer, where it has not refused another since.
fn told(snapshot: &Snapshot) -> Option<Timestamp> {
    let mut events = snapshot.identity_events.items().iter().rev();
    let last = events.find(|event| {
        matches!(event.kind, IdentityEventKind::IssuerUpdated | IdentityEventKind::IssuerUpdateSkipped)
    })?;
    (last.kind == IdentityEventKind::IssuerUpdated).then_some(last.at)
}
