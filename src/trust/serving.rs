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

/// What identity signs with, best proof first: all its pods started after the Secret was last written, and it does not
/// start with an issuer that it refuses; its own event after that write; the newest leaf that was seen.
pub fn serving(snapshot: &Snapshot) -> Option<Serving<'_>> {
    let secret = snapshot.issuer.found();
    let written = secret.and_then(|secret| secret.chain.as_ref().zip(secret.changed_at));
    let identity = snapshot.mesh.found().and_then(|mesh| mesh.component("identity"));
    if let Some((chain, changed)) = written {
        let groups = identity.map_or(&[][..], |identity| &identity.groups);
        let sound = |group: &PodGroup| group.oldest > changed && group.ready == group.pods;
        if !groups.is_empty() && groups.iter().all(sound) {
            let since = groups.iter().map(|group| group.newest).max();
            return Some(Serving { chain: &chain.certificates, since });
        }
        let last = snapshot.identity_events.items().iter().rev().find(|event| {
            matches!(event.kind, IdentityEventKind::IssuerUpdated | IdentityEventKind::IssuerUpdateSkipped)
        });
        if let Some(event) = last.filter(|event| event.kind == IdentityEventKind::IssuerUpdated && event.at > changed) {
            // One event says nothing of other replicas, which each read their own copy of the Secret.
            let alone = identity.is_some_and(|identity| identity.pods() == 1);
            return Some(Serving { chain: &chain.certificates, since: alone.then_some(event.at) });
        }
    }
    serving_issuer(snapshot).map(|presented| Serving { chain: &presented.chain[1..], since: None })
}
