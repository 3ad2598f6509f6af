use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use crate::{
    event::{Answer, Event, Looked, Watch},
    mesh::{Copy, Fault, IssuerPair, Mesh, Mode, ProbeScope, Write},
    pki::Certificate,
    plan::{
        Done, Hold, Lack, Next, Party, Presents, Reach, Refusal, Request, Standing, Step, Trim, Why, next, outlook,
    },
    snapshot::{IssuerScheme, Meta, ServiceRef, Snapshot, WorkloadRef},
};

use super::{Keys, Options, Stop, Stopper, issuer, linked, notes::Notes, restart, webhooks};

/// So often in a row may somebody else change the mesh before the run gives up.
const MOST_CONFLICTS: u32 = 5;
/// So often may one step come up again without anything having changed.
const MOST_REPEATS: u32 = 3;
/// Between two looks at leafs that renew themselves.
const LEAF_LOOK: Duration = Duration::from_mins(5);
/// A leaf lives for a day at most; one that is not renewed by then is not renewed at all.
const MOST_LEAF_LOOKS: u32 = 25 * 12;
/// An answer that took longer was given to a mesh that may have changed since.
const PROMPT: Duration = Duration::from_secs(5);
/// Between two looks at what an operator has to see to.
const LOOK: Duration = Duration::from_secs(5);

/// What a run works with.
pub(super) struct Run<'a, M, W> {
    pub(super) mesh: &'a M,
    pub(super) options: &'a Options,
    pub(super) stopper: &'a Stopper,
    pub(super) watch: &'a mut W,
    /// What the issuer Secret held before this run wrote it.
    pub(super) issuer_before: Option<IssuerPair>,
    /// Webhooks' servers for which this run has written something, and whether the API server was seen to call them since.
    pub(super) proofs: BTreeMap<ServiceRef, bool>,
    notes: Notes,
}

/// Carries out what `request` wants, from wherever the mesh stands.
///
/// # Errors
/// Why it ended before its goal; the mesh is safe, and running it again goes on.
pub async fn run<M: Mesh, W: Watch>(
    mesh: &M,
    request: &Request,
    keys: impl Into<Keys<'_>>,
    options: &Options,
    stopper: &Stopper,
    watch: &mut W,
) -> Result<Done, Stop> {
    let keys = keys.into();
    if let Some(holder) = mesh.lock(&options.holder).await? {
        return Err(Stop::Locked(holder));
    }
    let notes = Notes::new(request.goal, &options.holder);
    let mut run = Run { mesh, options, stopper, watch, issuer_before: None, proofs: BTreeMap::new(), notes };
    run.tell(&Event::Locked);
    let ended = run.walk(request, keys).await;
    run.notes.ended(mesh, &ended).await;
    // A lock that cannot be given back runs out by itself.
    let _ = mesh.unlock(&options.holder).await;
    ended
}

/// One look at the mesh.
pub(super) struct Look {
    pub(super) snapshot: Snapshot,
    pub(super) standing: Standing,
}

impl Look {
    fn told(&self, request: &Request) -> Looked {
        Looked {
            namespace: self.snapshot.namespace.clone(),
            scheme: self.snapshot.issuer.found().map_or(IssuerScheme::Linkerd, |secret| secret.scheme),
            roots: self.standing.roots.clone(),
            issuer: self.standing.issuer.clone(),
            reach: Reach::of(&self.standing, request),
        }
    }
}

impl<M: Mesh, W: Watch> Run<'_, M, W> {
    async fn walk(&mut self, request: &Request, keys: Keys<'_>) -> Result<Done, Stop> {
        let (mut conflicts, mut repeats) = (0, 0);
        let mut request = request.clone();
        let mut allowed: Option<Step> = None;
        let mut last: Option<Step> = None;
        let mut told: VecDeque<Step> = VecDeque::new();
        loop {
            self.go_on().await?;
            let mut look = self.look(self.options.probe).await?;
            let mut decided = next(&look.standing, &request);
            if self.options.probe != ProbeScope::All && is_in_doubt(&look.standing, &decided) {
                look = self.look(ProbeScope::All).await?;
                decided = next(&look.standing, &request);
            }
            self.tell(&Event::Looked(Box::new(look.told(&request))));
            let step = match decided {
                Next::Do(step) => step,
                Next::Done(done) => {
                    self.notes.at_the_end(self.mesh, &look.standing).await;
                    self.tell(&Event::Finished(done.clone()));
                    return Ok(done);
                }
                Next::Refuse(refusal) => return Err(Stop::Refused(Box::new(refusal))),
                Next::Hold(holds) => {
                    self.hold(&request, holds).await?;
                    continue;
                }
            };
            // The plan is told anew where it is not going as it was told.
            if told.pop_front().as_ref() != Some(&step) {
                let outlook = outlook(&look.standing, &request);
                told = outlook.steps.iter().skip(1).cloned().collect();
                self.tell(&Event::Planned(outlook));
            }
            repeats = if last.as_ref() == Some(&step) { repeats + 1 } else { 0 };
            let most = if matches!(step, Step::AwaitLeafs { .. }) { MOST_LEAF_LOOKS } else { MOST_REPEATS };
            if repeats > most {
                return Err(Stop::NoEffect(Box::new(step)));
            }
            // A step that was allowed stands allowed when the look after a long answer shows it again.
            if allowed.take().as_ref() != Some(&step) {
                let asked = self.mesh.now();
                match self.watch.allow(&step)? {
                    Answer::Skip if matches!(step, Step::Restart { why: Why::Trim, .. }) => {
                        request.trim = Trim::Lazy;
                        last = None;
                        continue;
                    }
                    Answer::Skip | Answer::GoOn => {}
                }
                if self.mesh.now().duration_since(asked).unsigned_abs() > PROMPT {
                    told.push_front(step.clone());
                    (allowed, last) = (Some(step), None);
                    continue;
                }
            }
            self.notes.before(self.mesh, &step, &look.standing).await;
            self.notes.begun(self.mesh).await;
            self.tell(&Event::Begun(step.clone()));
            match self.take(&step, &look, keys).await {
                Ok(()) => conflicts = 0,
                Err(Stop::Fault(Fault::Conflict(object))) => {
                    conflicts += 1;
                    if conflicts > MOST_CONFLICTS {
                        return Err(Stop::Contended(object));
                    }
                    self.tell(&Event::Changed(object));
                    last = None;
                    continue;
                }
                Err(other) => return Err(other),
            }
            self.tell(&Event::Proven(step.clone()));
            last = Some(step);
        }
    }

    pub(super) fn tell(&mut self, event: &Event) {
        self.watch.notice(self.mesh.now(), event);
    }

    /// Ends the run where it was asked to; keeps the lock otherwise.
    pub(super) async fn go_on(&self) -> Result<(), Stop> {
        if self.stopper.is_stopped() {
            return Err(Stop::Asked);
        }
        match self.mesh.lock(&self.options.holder).await? {
            Some(holder) => Err(Stop::Locked(holder)),
            None => Ok(()),
        }
    }

    pub(super) async fn look(&self, scope: ProbeScope) -> Result<Look, Stop> {
        let snapshot = self.mesh.observe(scope).await?;
        let rollouts = self.mesh.rollouts(&[]).await?;
        let standing = Standing { proofs: self.proofs.clone(), ..Standing::of(&snapshot, &rollouts) };
        Ok(Look { snapshot, standing })
    }

    async fn take(&mut self, step: &Step, look: &Look, keys: Keys<'_>) -> Result<(), Stop> {
        match step {
            Step::TrustRoots { .. } | Step::Copy(_) | Step::Issuer { .. } => {
                // The planner names an issuer that it was given; its key came with it.
                let Some(write) = write_of(step, &look.snapshot, &look.standing.roots, keys) else {
                    return Err(Stop::NoEffect(Box::new(step.clone())));
                };
                if matches!(write, Write::Issuer { .. }) {
                    self.issuer_before = Some(self.mesh.issuer().await?);
                }
                self.write(&write).await?;
                self.tell(&Event::Written(write.object()));
                Ok(())
            }
            Step::Webhook(act) => webhooks::take(self, step, act, look, keys).await,
            Step::AwaitIssuer { chain } => issuer::await_issuer(self, chain, look).await,
            Step::AwaitLinked { lacks, .. } => linked::await_linked(self, lacks).await,
            Step::Restart { workloads, why } => restart::restart(self, workloads, *why, look).await,
            Step::AwaitLeafs { workloads } => {
                let waiting: BTreeSet<_> = workloads.iter().collect();
                self.tell(&Event::Waiting(format!("{} workloads to renew their leafs", waiting.len())));
                // The longest life of a leaf is the longest wait; each look decides whether there is more to wait for.
                self.rest(LEAF_LOOK).await;
                Ok(())
            }
        }
    }

    /// Writes. Where that is left to an owner, waits for them as for any other operator: with the lock kept, and no
    /// longer once the run is asked to end.
    pub(super) async fn write(&mut self, write: &Write) -> Result<(), Stop> {
        let begun = self.mesh.now();
        let mut told = false;
        loop {
            let written = self.mesh.write(write, Mode::Do).await;
            let waited = self.mesh.now().duration_since(begun).unsigned_abs();
            if !matches!(written, Err(Fault::HandedOver(_))) || waited >= self.options.hold {
                return Ok(written?);
            }
            if !std::mem::replace(&mut told, true) {
                self.tell(&Event::Waiting(format!("the owner of {}", write.object())));
            }
            self.until_next_look().await?;
        }
    }

    /// Lets time pass between two looks at what somebody else has to do, and keeps the lock.
    pub(super) async fn until_next_look(&self) -> Result<(), Stop> {
        self.rest(LOOK).await;
        self.go_on().await
    }

    /// Lets time pass, unless the run is asked to end.
    async fn rest(&self, time: Duration) {
        tokio::select! {
            () = self.mesh.pause(time) => {}
            () = self.stopper.asked() => {}
        }
    }

    /// Waits for an operator to see to what cannot be restarted, as long as that was allowed.
    async fn hold(&mut self, request: &Request, holds: Vec<Hold>) -> Result<(), Stop> {
        self.tell(&Event::Held(holds.clone()));
        let begun = self.mesh.now();
        loop {
            let waited = self.mesh.now().duration_since(begun);
            if waited.unsigned_abs() >= self.options.hold {
                return Err(Stop::Held(holds));
            }
            self.until_next_look().await?;
            if !matches!(next(&self.look(self.options.probe).await?.standing, request), Next::Hold(still) if still == holds)
            {
                return Ok(());
            }
        }
    }
}

/// Whether what is decided rests on proxies that were not asked: then all are asked before anything is done to them.
fn is_in_doubt(standing: &Standing, decided: &Next) -> bool {
    let unasked = |party: &Party| party.presents.contains(&Presents::Unseen);
    let only_unasked = |who: &WorkloadRef| {
        let party = standing.parties.iter().find(|party| party.who == *who);
        // One leaf that was seen to be old is reason enough.
        let old = |presents: &Presents| matches!(presents, Presents::Issuer(chain) if chain.first() != standing.issuer.first());
        party.is_some_and(|party| unasked(party) && !party.presents.iter().any(old))
    };
    match decided {
        Next::Do(Step::Restart { workloads, why: Why::Refresh | Why::Mend }) => workloads.iter().any(only_unasked),
        Next::Do(Step::AwaitLinked { lacks, .. }) => lacks.iter().any(Lack::is_in_doubt),
        Next::Refuse(Refusal::Breaks(..)) | Next::Hold(_) => standing.parties.iter().any(unasked),
        _ => false,
    }
}

/// What a step writes, against the versions that `snapshot` read; `roots` are the anchors that the trust roots hold when
/// it is taken. `None` where it writes no object, or a certificate whose key is not at hand.
pub fn write_of<'a>(
    step: &Step,
    snapshot: &Snapshot,
    roots: &[Certificate],
    keys: impl Into<Keys<'a>>,
) -> Option<Write> {
    let keys = keys.into();
    let version = |meta: Option<&Meta>| meta.map(|meta| meta.resource_version.clone()).unwrap_or_default();
    match step {
        Step::TrustRoots { anchors, .. } => {
            let against = version(snapshot.trust_roots.found().map(|roots| &roots.meta));
            Some(Write::TrustRoots { anchors: anchors.clone(), against })
        }
        Step::Copy(copy) => {
            let values = match copy {
                Copy::Config => &snapshot.config,
                Copy::Overrides => &snapshot.overrides,
            };
            let against = version(values.found().map(|values| &values.meta));
            Some(Write::Copy { copy: *copy, anchors: roots.to_vec(), against })
        }
        Step::Issuer { chain } => {
            let pair = keys.issuer.filter(|pair| pair.chain == *chain)?;
            let against = version(snapshot.issuer.found().map(|secret| &secret.meta));
            Some(Write::Issuer { pair: pair.clone(), anchors: roots.to_vec(), against })
        }
        Step::Webhook(act) => webhooks::write_of(act, snapshot, keys),
        Step::AwaitIssuer { .. } | Step::Restart { .. } | Step::AwaitLeafs { .. } | Step::AwaitLinked { .. } => None,
    }
}
