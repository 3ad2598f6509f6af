//! A world that is like an observed mesh. The real mesh's private keys stay where they are, so every authority in it is
//! a likeness: same name, same validity, another key.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::{
    mesh::{Copy, IssuerPair, Rollout},
    pki::{Bundle, Certificate, Fingerprint, verify},
    plan::obstacle,
    snapshot::{BundleRef, PodGroup, PodTrouble, Snapshot, Source, Unmeshed, Values, Workload as Seen, WorkloadRef},
    trust,
};

use super::{
    World,
    identity::LEAF,
    pod::{Controller, Leaf, Pod},
    sign::{Authority, NotSigned, Signer},
    workload::{START, Workload},
    world::{CopyText, Kept},
};

/// Why no likeness could be made.
#[derive(Debug, thiserror::Error)]
pub enum NoLikeness {
    /// Something that a rotation needs was not in the snapshot.
    #[error("the snapshot does not say what {0} holds")]
    Missing(&'static str),
    /// The issuer leads to no anchor that the snapshot knows, so nothing can stand in for it.
    #[error("the issuer leads to no trust anchor of the snapshot")]
    Untrusted,
    /// A certificate could not be made.
    #[error(transparent)]
    NotSigned(#[from] NotSigned),
}

/// The likenesses of real authorities, by the fingerprint of the real one.
struct Likenesses {
    signer: Signer,
    made: BTreeMap<Fingerprint, IssuerPair>,
}

impl Likenesses {
    fn anchor(&mut self, real: &Certificate) -> Result<Certificate, NoLikeness> {
        if !self.made.contains_key(&real.fingerprint()) {
            let made = self.signer.anchor(&like(real))?;
            self.made.insert(real.fingerprint(), made);
        }
        self.certificate(real)
    }

    fn anchors(&mut self, real: &Bundle) -> Result<Vec<Certificate>, NoLikeness> {
        let mut all: Vec<Certificate> = Vec::new();
        for one in &real.certificates {
            let likeness = self.anchor(one)?;
            if !all.contains(&likeness) {
                all.push(likeness);
            }
        }
        Ok(all)
    }

    /// The likeness of an issuer, under that of the anchor it leads to. What stands between them is left out.
    fn issuer(&mut self, real: &[Certificate], anchors: &[&Certificate]) -> Result<IssuerPair, NoLikeness> {
        let first = real.first().ok_or(NoLikeness::Missing("the issuer Secret"))?;
        if let Some(made) = self.made.get(&first.fingerprint()) {
            return Ok(made.clone());
        }
        let above = match anchors.iter().find(|anchor| verify::leads_to(real, anchor)) {
            Some(anchor) => {
                self.anchor(anchor)?;
                self.made.get(&anchor.fingerprint()).ok_or(NoLikeness::Untrusted)?.clone()
            }
            // It comes from an anchor that nothing here knows, and so does its likeness.
            None => self.signer.anchor(&like(first))?,
        };
        let made = self.signer.issuer(&like(first), &above)?;
        self.made.insert(first.fingerprint(), made.clone());
        Ok(made)
    }

    fn certificate(&self, real: &Certificate) -> Result<Certificate, NoLikeness> {
        let made = self.made.get(&real.fingerprint()).and_then(|pair| pair.chain.first());
        made.cloned().ok_or(NoLikeness::Untrusted)
    }
}

pub(super) fn like(real: &Certificate) -> Authority<'_> {
    Authority { name: real.name(), from: real.lifetime().not_before, until: real.lifetime().not_after }
}

impl World {
    /// A world that is like the mesh in `snapshot`; `rollouts` says which of its workloads cannot be restarted.
    ///
    /// # Errors
    /// When the snapshot lacks the trust roots, the issuer or the pods.
    pub fn of(snapshot: &Snapshot, rollouts: &[Rollout]) -> Result<Self, NoLikeness> {
        let now = snapshot.taken_at;
        let mut likenesses = Likenesses { signer: Signer::new()?, made: BTreeMap::new() };
        let roots =
            snapshot.trust_roots.found().ok_or(NoLikeness::Missing("ConfigMap linkerd-identity-trust-roots"))?;
        let bundle = roots.bundle.as_ref().ok_or(NoLikeness::Missing("ConfigMap linkerd-identity-trust-roots"))?;
        let secret = snapshot.issuer.found().ok_or(NoLikeness::Missing("Secret linkerd-identity-issuer"))?;
        let chain = secret.chain.as_ref().ok_or(NoLikeness::Missing("Secret linkerd-identity-issuer"))?;
        let mesh = snapshot.mesh.found().ok_or(NoLikeness::Missing("the mesh's pods"))?;
        let mut known = trust::known_anchors(snapshot);
        let copies =
            [&snapshot.config, &snapshot.overrides].into_iter().filter_map(|source| source.found()?.anchors.as_ref());
        known.extend(copies.flat_map(|bundle| &bundle.certificates));

        let anchors = likenesses.anchors(bundle)?;
        let issuer = likenesses.issuer(&chain.certificates, &known)?;
        let mut copies = BTreeMap::new();
        for (copy, source) in [(Copy::Config, &snapshot.config), (Copy::Overrides, &snapshot.overrides)] {
            if let Some(text) = copy_text(&mut likenesses, source, &known)? {
                copies.insert(copy, Kept::new(text, now));
            }
        }
        let loaded = trust::loaded(snapshot);
        let signing = trust::serving(snapshot).map_or(chain.certificates.as_slice(), |serving| serving.chain);
        let mut workloads = Vec::new();
        for (index, seen) in mesh.workloads.iter().enumerate().filter(|(_, seen)| seen.pods() > 0) {
            let mut pods = Vec::new();
            let own: Vec<_> = loaded.iter().filter(|one| std::ptr::eq(one.workload, seen)).collect();
            for (place, group) in seen.groups.iter().enumerate() {
                let literal = match group.bundle {
                    BundleRef::Literal(index) => mesh.bundles.get(index),
                    _ => own.iter().find_map(|one| one.bundle),
                };
                let anchors = likenesses.anchors(literal.unwrap_or(bundle))?;
                let shown = presented(snapshot, (index, place));
                let issuer = likenesses.issuer(shown.unwrap_or(signing), &known)?;
                let controls = (seen.component.as_deref() == Some("identity")).then(|| Controller {
                    anchors: anchors.clone(),
                    issuer: Some(issuer.clone()),
                    reloads_at: None,
                });
                let issuer = (shown.is_some() || group.ready > 0).then_some(&issuer);
                pods.extend(likenesses.pods(seen, group, now, (&anchors, issuer), controls.as_ref()));
            }
            workloads.push(Workload {
                key: seen.key(),
                component: seen.component.clone(),
                identity: seen.groups.first().map(|group| group.identity.clone()).unwrap_or_default(),
                wanted: seen.pods(),
                obstacle: obstacle(&seen.key(), rollouts),
                restarted_at: None,
                pods,
            });
        }
        add_unmeshed(&mut workloads, &mesh.unmeshed, now);
        let servers = super::webhooks::servers(snapshot, &mut likenesses.signer)?;
        let mut world = Self {
            now,
            // Anchors of other clusters have no likeness here.
            base: Snapshot { linked: Vec::new(), ..snapshot.clone() },
            roots: vec![Kept::new(anchors, roots.changed_at.unwrap_or(now))],
            copies,
            first_issuer: issuer.chain.first().map(Certificate::fingerprint),
            issuer: Kept::new(issuer, secret.changed_at.unwrap_or(now)),
            workloads,
            events: Vec::new(),
            lease: None,
            notes: Vec::new(),
            concerns: Vec::new(),
            faults: Vec::new(),
            signer: likenesses.signer,
            authorities: likenesses.made.into_values().filter(|pair| pair.chain[0].is_self_issued()).collect(),
            leads: BTreeMap::new(),
            refused: Vec::new(),
            writes: 0,
            named: 0,
            servers,
            called: BTreeSet::new(),
            uncalled: Vec::new(),
        };
        world.witness();
        Ok(world)
    }
}

impl Likenesses {
    /// The pods of a group, each with a leaf from the middle of its life.
    fn pods(
        &mut self,
        seen: &Seen,
        group: &PodGroup,
        now: Timestamp,
        (anchors, issuer): (&[Certificate], Option<&IssuerPair>),
        controller: Option<&Controller>,
    ) -> Vec<Pod> {
        let count = group.pods;
        let pod = |number: u32| {
            let name = group.names.get(usize::try_from(number).unwrap_or(usize::MAX)).cloned();
            let crashes = |name: &String| {
                let in_it = |trouble: &&PodTrouble| trouble.container.as_deref() == Some("identity");
                group.trouble.iter().filter(in_it).any(|trouble| trouble.pod == *name && trouble.restarts > 0)
            };
            // One that ends at each start has loaded nothing, and is started again and again.
            let is_crashing = name.as_ref().is_some_and(crashes);
            let controller = controller.cloned().map(|loaded| {
                let again = Controller { issuer: None, reloads_at: Some(now), ..loaded.clone() };
                if is_crashing { again } else { loaded }
            });
            let issued = (now - LEAF / 3).max(group.oldest);
            let signs = issuer.filter(|_| controller.as_ref().is_none_or(|controller| controller.issuer.is_some()));
            let leaf = signs.and_then(|issuer| {
                let certificate = self.signer.leaf(issuer, &group.identity, issued, LEAF)?;
                Some(Leaf { certificate, chain: issuer.chain.clone() })
            });
            let left = leaf.as_ref().map_or(SignedDuration::ZERO, |leaf| leaf.certificate.lifetime().left(issued));
            Pod {
                name: name.unwrap_or_else(|| format!("{}-old-{number}", seen.name)),
                started: group.oldest,
                anchors: anchors.to_vec(),
                leaf,
                asks_at: (issued + left / 10 * 7).max(now),
                controller,
                ready_at: Some(group.oldest + START),
                updated: true,
                is_bare: false,
            }
        };
        (0..count).map(pod).collect()
    }
}

/// Pods that came up without a proxy: a restart gives them one.
fn add_unmeshed(workloads: &mut Vec<Workload>, unmeshed: &[Unmeshed], now: Timestamp) {
    for one in unmeshed {
        let Unmeshed { namespace, kind, name, pods } = one.clone();
        let key = WorkloadRef { namespace, kind, name };
        let bare = (0..pods).map(|number| Pod::bare(format!("{}-bare-{number}", key.name), now, Some(now)));
        let bare: Vec<Pod> = bare.collect();
        if let Some(workload) = workloads.iter_mut().find(|workload| workload.key == key) {
            workload.wanted += pods;
            workload.pods.extend(bare);
            continue;
        }
        workloads.push(Workload {
            component: None,
            identity: format!("default.{}.serviceaccount.identity.linkerd.cluster.local", key.namespace),
            wanted: pods,
            obstacle: obstacle(&key, &[]),
            restarted_at: None,
            pods: bare,
            key,
        });
    }
}

fn copy_text(
    likenesses: &mut Likenesses,
    source: &Source<Values>,
    known: &[&Certificate],
) -> Result<Option<CopyText>, NoLikeness> {
    let Some(values) = source.found() else { return Ok(None) };
    let Some(anchors) = &values.anchors else { return Ok(None) };
    let issuer = values.issuer.as_ref().map(|chain| likenesses.issuer(&chain.certificates, known));
    let issuer = issuer.transpose()?.map(|pair| pair.chain);
    Ok(Some(CopyText { anchors: likenesses.anchors(anchors)?, issuer }))
}

/// The issuer that a pod of this group was seen to present.
fn presented(snapshot: &Snapshot, place: (usize, usize)) -> Option<&[Certificate]> {
    let mut probes = snapshot.probes.iter().filter(|probe| (probe.workload, probe.group) == place);
    probes.find_map(|probe| probe.answer.as_ref().ok()?.chain.as_ref().ok()?.get(1..)).filter(|chain| !chain.is_empty())
}
