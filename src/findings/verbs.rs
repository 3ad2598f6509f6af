//! What this program does itself about a finding, as a next step. Where cert-manager or trust-manager writes the
//! certificates, its rotations refuse, and the rule's own words stand.

use super::view::View;
use crate::plan;

/// A new anchor with an issuer under it.
pub(super) fn new_anchor(view: &View<'_>, otherwise: &str) -> String {
    either(view, "`rotate-anchor` replaces it step by step; `rotate-anchor --dry-run` only shows the plan", otherwise)
}

/// A new issuer under the anchor that is there.
pub(super) fn new_issuer(view: &View<'_>, otherwise: &str) -> String {
    const NEXT: &str = "`rotate-issuer --anchor-key FILE` makes a new one under the present trust anchor; where that anchor's \
                        key is gone, `rotate-anchor` replaces both";
    either(view, NEXT, otherwise)
}

/// A rotation that stopped half way, told by a bundle of several anchors.
pub(super) fn on_from_here(view: &View<'_>) -> Option<String> {
    const NEXT: &str =
        "`rotate-anchor` goes on with a rotation from here, in a safe order, whoever began it; or by hand:";
    let several = view.roots.is_some_and(|roots| roots.certificates.len() > 1);
    (several && plan::takes_values(view.snapshot)).then(|| NEXT.to_owned())
}

/// What is over, or lost, and keeps identity from signing. It is the same whoever writes the certificates: the verb goes
/// through their owner, or says what it takes.
pub(super) const RECOVERY: &str = "`recover-expired` shows the shortest safe way back and goes it; `recover-expired --dry-run` only \
                                   shows it. Or by hand:";

fn either(view: &View<'_>, ours: &str, otherwise: &str) -> String {
    if plan::takes_values(view.snapshot) { ours } else { otherwise }.to_owned()
}
