//! A rotation of the small mesh, planned and not carried out.

use super::{Authority, ISSUER, Recipe, TestMesh, days};
use crate::plan::{Goal, Materials, Request, Standing, outlook};

/// A mesh at rest, and an anchor and issuer to rotate it to.
pub(crate) struct Scene {
    pub(crate) mesh: TestMesh,
    pub(crate) anchor: Authority,
    pub(crate) issuer: Authority,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let anchor = Recipe::authority("root.linkerd.cluster.local 2", 0, days(3650)).self_signed();
        let issuer = Recipe::authority(&format!("{ISSUER} 2"), 0, days(365)).signed_by(&anchor);
        Self { mesh: TestMesh::healthy(), anchor, issuer }
    }

    pub(crate) fn materials(&self) -> Materials {
        Materials { anchor: Some(self.anchor.certificate.clone()), issuer: Some(vec![self.issuer.certificate.clone()]) }
    }

    pub(crate) fn request(&self) -> Request {
        Request::new(Goal::Anchor, self.materials())
    }

    pub(crate) fn standing(&self) -> Standing {
        Standing::of(&self.mesh.snapshot, &[])
    }

    /// The standings before, between and after the steps of a whole rotation.
    pub(crate) fn way(&self, goal: Goal) -> Vec<Standing> {
        let mut way = vec![self.standing()];
        for step in outlook(&way[0], &Request::new(goal, self.materials())).steps {
            way.push(way[way.len() - 1].after(&step));
        }
        way
    }
}
