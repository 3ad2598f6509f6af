use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Loaded, Presented, by_bundle, loaded, presented};
use crate::{
    pki::{Fingerprint, verify},
    snapshot::Snapshot,
};

/// Pairs that refuse each other for one reason: each of `by` refuses each of `presented`.
#[derive(Clone, Debug)]
pub struct Refused<'a> {
    /// Who presents; their chains differ in nothing but the leaf.
    pub presented: Vec<Presented<'a>>,
    /// Who verifies; they hold the same anchors.
    pub by: Vec<Loaded<'a>>,
    /// Why the chains are refused.
    pub reason: verify::Refusal,
}

/// Every presented chain against every loaded bundle at `now`; what does not verify is returned. A leaf that is out of
/// its own time is left out: everybody refuses it.
///
/// A mesh has thousands of proxies and a handful of issuers and bundles, so each distinct pair of these is verified once.
pub fn refused(snapshot: &Snapshot, now: Timestamp) -> Vec<Refused<'_>> {
    let loaded = loaded(snapshot);
    let bundles = by_bundle(&loaded);
    let mut all = Vec::new();
    for presented in by_issuer(presented(snapshot), now) {
        for (bundle, by) in &bundles {
            if let Err(reason) = verify::as_proxy(presented[0].chain, bundle, now) {
                all.push(Refused { presented: presented.clone(), by: by.clone(), reason });
            }
        }
    }
    all
}

/// Chains that verify alike: their leafs are valid at `now` and signed by the same issuer, below the same intermediates.
fn by_issuer(presented: Vec<Presented<'_>>, now: Timestamp) -> Vec<Vec<Presented<'_>>> {
    let mut alike: BTreeMap<Vec<Fingerprint>, Vec<Presented<'_>>> = BTreeMap::new();
    for one in presented.into_iter().filter(|one| one.leaf().lifetime().contains(now)) {
        let signed = one.issuer().is_some_and(|issuer| one.leaf().is_signed_by(issuer));
        let same = &one.chain[usize::from(signed)..];
        alike.entry(same.iter().map(crate::pki::Certificate::fingerprint).collect()).or_default().push(one);
    }
    alike.into_values().collect()
}
