use std::{
    sync::{Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};

use crate::{
    mesh::{
        self, Admission, Concern, Concerns, Holder, IssuerPair, Mesh, Mode, ProbeScope, Proof, Right, Rollout, Write,
    },
    plan::webhooks::Caller,
    snapshot::{ServerPod, ServiceRef, Snapshot, WorkloadRef},
};

use super::{Fault, World, workload::Workload, world::CopyText};

/// How long a request takes.
const REQUEST: SignedDuration = SignedDuration::from_millis(20);
/// How long a lock holds that nobody renews.
const LEASE: SignedDuration = SignedDuration::from_secs(30);

/// A world that a plan can act on.
#[derive(Debug)]
pub struct Simulation {
    world: Mutex<World>,
    /// Other clusters that share trust with this one, by name.
    pub(super) linked: Mutex<Vec<(String, Weak<Simulation>)>>,
}

impl Simulation {
    /// A simulation of this world.
    pub fn new(world: World) -> Self {
        Self { world: Mutex::new(world), linked: Mutex::default() }
    }

    /// The world as it is.
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The world, for as long as the program has not been killed. A request takes its time.
    fn alive(&self) -> Result<MutexGuard<'_, World>, mesh::Fault> {
        let mut world = self.world();
        if world.is_killed() {
            return Err(mesh::Fault::Failed("killed, as the rehearsal was asked to".to_owned()));
        }
        world.pass(REQUEST);
        Ok(world)
    }
}

impl World {
    /// Whether the program was killed, as a fault asked for.
    pub fn is_killed(&self) -> bool {
        self.faults.iter().any(|fault| matches!(fault, Fault::KilledAfter(write) if self.writes >= *write))
    }

    /// The program is started again; nobody kills it this time.
    pub fn revive(&mut self) {
        self.faults.retain(|fault| !matches!(fault, Fault::KilledAfter(_)));
    }

    /// The time by the program's clock.
    pub(super) fn seen_now(&self) -> Timestamp {
        let ahead = self.faults.iter().find_map(|fault| match fault {
            Fault::ClockAhead(by) => Some(*by),
            _ => None,
        });
        self.now + ahead.unwrap_or_default()
    }

    fn take(&mut self, write: &Write, mode: Mode) -> Result<(), mesh::Fault> {
        let conflict = || mesh::Fault::Conflict(write.object().into_owned());
        self.allows(&Right::to_write(write, &self.base.namespace), &write.object())?;
        if mode == Mode::Do && self.faults.contains(&Fault::ConflictAt(self.writes + 1)) {
            self.faults.retain(|fault| *fault != Fault::ConflictAt(self.writes + 1));
            self.meddle(write);
            return Err(conflict());
        }
        let (version, against) = match write {
            Write::TrustRoots { against, .. } => (Some(self.roots_now().version), against),
            Write::Issuer { against, .. } => (Some(self.issuer.version), against),
            Write::Copy { copy, against, .. } => (self.copies.get(copy).map(|kept| kept.version), against),
            Write::CaBundle { against, .. } | Write::Server { against, .. } => (self.server_version(write), against),
            Write::Renewal { .. } => return Err(mesh::Fault::Failed("cert-manager is not simulated".to_owned())),
        };
        if version.map(|version| version.to_string()).as_ref() != Some(against) {
            return Err(conflict());
        }
        if mode == Mode::Do {
            self.writes += 1;
            self.apply(write);
        }
        Ok(())
    }

    /// Whether the user has these rights, and whether nothing refuses a change of this object.
    fn allows(&self, rights: &[Right], object: &str) -> Result<(), mesh::Fault> {
        if let Some(right) = rights.iter().find(|right| self.lacks(right)) {
            return Err(mesh::Fault::Forbidden(right.to_string()));
        }
        if self.faults.contains(&Fault::Refuses(object.to_owned())) {
            return Err(mesh::Fault::Refused(format!("admission webhook \"policy\" denied the change of {object}")));
        }
        Ok(())
    }

    fn lacks(&self, right: &Right) -> bool {
        let sub = if right.subresource.is_empty() { String::new() } else { format!("/{}", right.subresource) };
        self.faults.contains(&Fault::Lacks(format!("{} {}{sub}", right.verb, right.resource)))
    }

    /// What a strategy makes of this workload: only Deployments bring a pod before an old one goes.
    fn concern(workload: &Workload) -> Option<Concern> {
        (workload.wanted == 1 && workload.key.kind != "Deployment").then_some(Concern::Gap)
    }

    fn apply(&mut self, write: &Write) {
        let now = self.now;
        match write {
            Write::TrustRoots { anchors, .. } => {
                let mut next = self.roots_now().clone();
                next.replace(anchors.clone(), now);
                self.roots.push(next);
            }
            Write::Issuer { pair, .. } => {
                self.issuer.replace(pair.clone(), now);
                self.secret_changed();
            }
            Write::Copy { copy, anchors, .. } => {
                let chain = self.issuer.value.chain.clone();
                if let Some(kept) = self.copies.get_mut(copy) {
                    let issuer = kept.value.issuer.is_some().then_some(chain);
                    kept.replace(CopyText { anchors: anchors.clone(), issuer }, now);
                }
            }
            Write::CaBundle { .. } | Write::Server { .. } | Write::Renewal { .. } => self.apply_to_server(write),
        }
    }

    /// Somebody else writes the object: its content stays, its version does not.
    fn meddle(&mut self, write: &Write) {
        let now = self.now;
        match write {
            Write::TrustRoots { .. } => {
                let mut next = self.roots_now().clone();
                next.touch(now);
                self.roots.push(next);
            }
            Write::Issuer { .. } => self.issuer.touch(now),
            Write::Copy { copy, .. } => {
                if let Some(kept) = self.copies.get_mut(copy) {
                    kept.touch(now);
                }
            }
            Write::CaBundle { .. } | Write::Server { .. } | Write::Renewal { .. } => self.meddle_with_server(write),
        }
    }
}

impl Mesh for Simulation {
    fn now(&self) -> Timestamp {
        self.world().seen_now()
    }

    async fn pause(&self, time: Duration) {
        let time = SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
        self.world().pass(time);
    }

    async fn observe(&self, scope: ProbeScope) -> Result<Snapshot, mesh::Fault> {
        let snapshot = self.alive()?.read(scope);
        let linked = if scope == ProbeScope::None { Vec::new() } else { self.read_linked(scope) };
        Ok(Snapshot { linked, ..snapshot })
    }

    async fn rollouts(&self, of: &[WorkloadRef]) -> Result<Vec<Rollout>, mesh::Fault> {
        let world = self.alive()?;
        let asked = world.workloads.iter().filter(|workload| of.is_empty() || of.contains(&workload.key));
        Ok(asked.map(|workload| workload.rollout(world.now)).collect())
    }

    async fn concerns(&self, of: &[WorkloadRef]) -> Result<Concerns, mesh::Fault> {
        let world = self.alive()?;
        let asked = || world.workloads.iter().filter(|workload| of.contains(&workload.key));
        let own = asked().filter_map(|workload| Some((workload.key.clone(), World::concern(workload)?)));
        let set = world.concerns.iter().filter(|(workload, _)| of.contains(workload)).cloned();
        Ok(Concerns { of: own.chain(set).collect(), unseen: Vec::new() })
    }

    async fn write(&self, write: &Write, mode: Mode) -> Result<(), mesh::Fault> {
        self.alive()?.take(write, mode)
    }

    async fn issuer(&self) -> Result<IssuerPair, mesh::Fault> {
        Ok(self.alive()?.issuer.value.clone())
    }

    async fn restart(&self, workload: &WorkloadRef, mode: Mode) -> Result<(), mesh::Fault> {
        let mut world = self.alive()?;
        world.allows(&Right::to_restart(workload), &format!("{} {}", workload.kind, workload.name))?;
        if mode == Mode::Do {
            world.writes += 1;
            world.restart(workload);
            world.settle();
        }
        Ok(())
    }

    async fn admission(&self) -> Result<Admission, mesh::Fault> {
        Ok(self.alive()?.admit())
    }

    async fn served(&self, service: &ServiceRef) -> Result<Vec<ServerPod>, mesh::Fault> {
        self.alive()?.ask_servers(service)
    }

    async fn prove(&self, caller: &Caller) -> Result<Proof, mesh::Fault> {
        Ok(self.alive()?.try_call(caller))
    }

    async fn may(&self, rights: &[Right]) -> Result<Vec<Right>, mesh::Fault> {
        let world = self.alive()?;
        Ok(rights.iter().filter(|right| world.lacks(right)).cloned().collect())
    }

    async fn lock(&self, name: &str) -> Result<Option<Holder>, mesh::Fault> {
        let mut world = self.alive()?;
        let now = world.now;
        let held = world.lease.clone().filter(|held| held.name != name && now.duration_since(held.renewed) < LEASE);
        if held.is_none() {
            let since = world.lease.as_ref().filter(|held| held.name == name).map_or(now, |held| held.since);
            world.lease = Some(Holder { name: name.to_owned(), since, renewed: now });
        }
        Ok(held)
    }

    async fn unlock(&self, name: &str) -> Result<(), mesh::Fault> {
        let mut world = self.alive()?;
        if world.lease.as_ref().is_some_and(|held| held.name == name) {
            world.lease = None;
        }
        Ok(())
    }

    async fn export(&self) -> Result<Vec<serde_json::Value>, mesh::Fault> {
        drop(self.alive()?);
        Ok(Vec::new())
    }

    async fn note(&self, reason: &str, message: &str) {
        let mut world = self.world();
        if !world.is_killed() {
            world.notes.push((reason.to_owned(), message.to_owned()));
        }
    }
}
