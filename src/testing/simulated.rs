//! A rotation of a simulated mesh, to be carried out.

use jiff::SignedDuration;

use super::days;
use crate::{
    execute::Options,
    mesh::{Mesh as _, ProbeScope, Rollout},
    plan::{Goal, Materials, Request, Standing},
    simulate::{Fault, Made, Simulation, World, example},
    snapshot::Snapshot,
};

/// A simulated mesh, and an anchor and issuer to rotate it to.
pub(crate) struct Scene {
    pub(crate) simulation: Simulation,
    pub(crate) made: Made,
    pub(crate) request: Request,
    pub(crate) options: Options,
}

impl Scene {
    pub(crate) fn of(snapshot: &Snapshot, rollouts: &[Rollout]) -> Self {
        let mut world = World::of(snapshot, rollouts).unwrap();
        let (anchor, issuer) = (SignedDuration::from_hours(days(3650)), SignedDuration::from_hours(days(365)));
        let made = world.make(Goal::Anchor, anchor, issuer).unwrap();
        let materials = Materials { anchor: Some(made.anchor.clone()), issuer: Some(made.issuer.chain.clone()) };
        let request = Request::new(Goal::Anchor, materials);
        Self { simulation: Simulation::new(world), made, request, options: Options::default() }
    }

    pub(crate) fn example() -> Self {
        Self::of(&example().unwrap(), &[])
    }

    pub(crate) fn faulty(self, faults: &[Fault]) -> Self {
        self.simulation.world().set_faults(faults.to_vec());
        self
    }

    /// One look at it.
    pub(crate) async fn look(&self) -> (Snapshot, Standing) {
        let snapshot = self.simulation.observe(ProbeScope::Sample).await.unwrap();
        let standing = Standing::of(&snapshot, &self.simulation.rollouts(&[]).await.unwrap());
        (snapshot, standing)
    }
}

/// What a future comes to.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}
