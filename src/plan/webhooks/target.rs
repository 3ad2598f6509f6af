//! What a server shall serve in the end.

use jiff::Timestamp;

use crate::{
    pki::{Certificate, Thresholds, lifetime::Stage},
    plan::{FRESH, Refusal, Request},
};

use super::{Certified, Held, Keeper, Server, accepts};

/// What a server shall serve in the end.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Target<'a> {
    /// This chain, which these verify.
    Serves {
        /// The chain.
        chain: &'a [Certificate],
        /// What its callers shall verify it with.
        authorities: Vec<Certificate>,
    },
    /// Whatever cert-manager makes.
    Asked {
        /// Namespace and name of its Certificate.
        certificate: (String, String),
        /// Whether it is at it.
        asked: bool,
    },
    /// What it has; cert-manager sees to what verifies it.
    Kept,
}

/// The certificate in the Secret where that is good: one that is not near its end, or that a run before has written.
/// Else the one that is at hand.
pub(super) fn target<'a>(
    server: &'a Server,
    at_hand: Option<&'a Certified>,
    at: Timestamp,
    request: &Request,
) -> Result<Target<'a>, Refusal> {
    let held = server.secret.as_ref().map_err(|why| Refusal::Unseen(why.clone()))?;
    let near = |first: &Certificate| first.lifetime().stage(at, &Thresholds::default()) != Stage::Fine;
    let first = held.chain.first();
    if let Keeper::CertManager { certificate, asked, renewed_at, .. } = &server.keeper {
        let fresh = renewed_at.is_some_and(|made| is_recent(made, at));
        let due = first.is_none_or(near) || !held.is_good(&server.name(), at) || !server.is_accepted(&held.chain, at);
        // What it has made within the last day is what was asked for; whether callers know it is cainjector's business.
        if !(*asked || due && !fresh || request.renewal.anyway && !fresh) {
            return Ok(Target::Kept);
        }
        let certificate = certificate.clone().ok_or_else(|| {
            Refusal::Unfit(format!(
                "cert-manager fills the caBundle for Service {}, and no Certificate was found that fills its Secret",
                server.service
            ))
        })?;
        return Ok(Target::Asked { certificate, asked: *asked });
    }
    let is_at_hand = at_hand.is_some_and(|at_hand| at_hand.chain == held.chain);
    let by_a_run_before = held.is_ours && first.is_some_and(|first| is_fresh(first, at)) && !request.force;
    let stays = is_at_hand || by_a_run_before || !(request.renewal.anyway || first.is_none_or(near));
    if stays && held.is_good(&server.name(), at) {
        let authorities = authorities(server, held, at_hand, at);
        if !authorities.is_empty() {
            return Ok(Target::Serves { chain: &held.chain, authorities });
        }
    }
    let at_hand = at_hand
        .ok_or_else(|| Refusal::Unfit(format!("no new certificate is at hand for Service {}", server.service)))?;
    let authorities = vec![at_hand.authority.clone()];
    if !accepts(&authorities, &at_hand.chain, &server.name(), at) {
        return Err(Refusal::Unfit(format!(
            "the API server would not accept the new certificate for {}: it is for another name, or its authority did \
             not sign it, or one of them is not valid now",
            server.name()
        )));
    }
    Ok(Target::Serves { chain: &at_hand.chain, authorities })
}

/// What verifies the certificate in the Secret: itself, where it is signed by itself; the authority that is at hand or
/// came with it; else what of its callers' caBundles does.
fn authorities(server: &Server, held: &Held, at_hand: Option<&Certified>, at: Timestamp) -> Vec<Certificate> {
    let Some(first) = held.chain.first() else { return Vec::new() };
    if first.is_self_issued() {
        return vec![first.clone()];
    }
    let verifies = |one: &Certificate| accepts(std::slice::from_ref(one), &held.chain, &server.name(), at);
    let brought = at_hand.map(|at_hand| &at_hand.authority);
    let came = held.chain.iter().skip(1).filter(|one| one.is_self_issued());
    if let Some(one) = brought.into_iter().chain(came).find(|one| verifies(one)) {
        return vec![one.clone()];
    }
    let mut known: Vec<Certificate> = Vec::new();
    for one in server.hooks.iter().flat_map(super::Hook::anchors).filter(|one| verifies(one)) {
        if !known.contains(&one) {
            known.push(one);
        }
    }
    known
}

/// Whether a certificate was made within the last day.
pub(super) fn is_fresh(certificate: &Certificate, at: Timestamp) -> bool {
    is_recent(certificate.lifetime().not_before, at)
}

fn is_recent(made: Timestamp, at: Timestamp) -> bool {
    at.duration_since(made) < FRESH
}
