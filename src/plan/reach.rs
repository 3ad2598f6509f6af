//! How far a mesh is on its way: who has loaded the new bundle, and whose leafs have moved.

use crate::{
    pki::{Certificate, verify},
    snapshot::WorkloadRef,
};

use super::{
    Goal, Party, Presents, Request, Standing, Target, Why,
    target::{self, is_fresh},
};

/// How far a mesh is on its way.
#[derive(Clone, Debug, PartialEq)]
pub struct Reach {
    /// What is to be new.
    pub goal: Goal,
    /// The anchor that shall vouch for everything in the end, where it is known.
    pub anchor: Option<Certificate>,
    /// The issuer that every leaf shall come from, where it is known by now.
    pub issuer: Option<Certificate>,
    /// Every workload with a proxy.
    pub parties: Vec<PartyReach>,
}

/// How far one workload is. What could not be seen counts as not there yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartyReach {
    /// Which.
    pub who: WorkloadRef,
    /// How many pods it has.
    pub pods: u32,
    /// Whether they all trust the anchor.
    pub loaded: bool,
    /// Whether all their leafs come from where they shall.
    pub moved: bool,
    /// Whether none trusts another anchor any more.
    pub trimmed: bool,
}

impl Reach {
    /// How far `standing` is on the way that `request` asks for.
    pub fn of(standing: &Standing, request: &Request) -> Self {
        let anchor = match (target::target(standing, &request.keep), request.goal) {
            (_, Goal::Back | Goal::Recover) => request.materials.anchor.as_ref(),
            (_, Goal::Webhooks) | (None, _) => None,
            (Some(Target::Towards(anchor)), _) => Some(anchor),
            (Some(Target::Rest(present)), Goal::Anchor) => request.materials.anchor.as_ref().or(Some(present)),
            (Some(Target::Rest(present)), Goal::Issuer) => Some(present),
        };
        let issuer = match request.goal {
            Goal::Anchor | Goal::Back => standing
                .issuer
                .first()
                .filter(|_| anchor.is_some_and(|anchor| verify::leads_to(&standing.issuer, anchor))),
            Goal::Issuer => wanted_issuer(standing, request),
            Goal::Recover => request.materials.issuer.as_ref().unwrap_or(&standing.issuer).first(),
            Goal::Webhooks => None,
        };
        let party = |party: &Party| PartyReach {
            who: party.who.clone(),
            pods: party.pods,
            loaded: anchor.is_some_and(|anchor| party.trusts(anchor)),
            moved: match (request.goal, anchor, issuer) {
                (Goal::Anchor | Goal::Back, Some(anchor), _) => leads_there(party, anchor),
                (Goal::Issuer | Goal::Recover, _, Some(issuer)) => party.presents(issuer),
                _ => false,
            },
            trimmed: anchor.is_some_and(|anchor| party.trusts_just(std::slice::from_ref(anchor))),
        };
        Self {
            goal: request.goal,
            anchor: anchor.cloned(),
            issuer: issuer.cloned(),
            parties: standing.parties.iter().map(party).collect(),
        }
    }

    /// Takes note of a workload whose pods are all new, before the next look shows it.
    pub fn restarted(&mut self, who: &WorkloadRef, why: Why) {
        for party in self.parties.iter_mut().filter(|party| party.who == *who) {
            match why {
                Why::Extend => party.loaded = true,
                Why::Refresh => party.moved = true,
                Why::Trim => party.trimmed = true,
                Why::Mend => (party.loaded, party.moved) = (true, true),
            }
        }
    }
}

/// The issuer that leafs move to: one of ours in the Secret that is not a day old, else the one that was brought.
fn wanted_issuer<'a>(standing: &'a Standing, request: &'a Request) -> Option<&'a Certificate> {
    let present = standing.issuer.first()?;
    if standing.issuer_is_ours && is_fresh(present, standing) && !request.force {
        return Some(present);
    }
    request.materials.issuer.as_ref().and_then(|chain| chain.first()).or(Some(present))
}

fn leads_there(party: &Party, anchor: &Certificate) -> bool {
    let leads = |presents: &Presents| matches!(presents, Presents::Issuer(chain) if verify::leads_to(chain, anchor));
    party.presents.iter().all(leads)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::planned::Scene;

    #[test]
    fn nobody_is_there_at_first_and_each_step_brings_its_own() {
        let scene = Scene::new();
        let (request, way) = (scene.request(), scene.way(Goal::Anchor));
        let share = |standing: &Standing| {
            let reach = Reach::of(standing, &request);
            assert_eq!(reach.anchor.as_ref(), Some(&scene.anchor.certificate));
            let count = |which: fn(&PartyReach) -> bool| reach.parties.iter().filter(|party| which(party)).count();
            (count(|party| party.loaded), count(|party| party.moved), count(|party| party.trimmed))
        };
        let all = way[0].parties.len();
        let seen: Vec<_> = way.iter().map(share).collect();
        assert_eq!(seen[0], (0, 0, 0));
        assert!(seen.contains(&(all, 0, 0)) && seen.contains(&(all, all, 0)));
        assert_eq!(seen.last(), Some(&(all, all, all)));
        assert!(seen.is_sorted(), "{seen:?}");
    }
}
