//! What the user may do, by the API server's own word.

use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::json;

use crate::mesh::{Fault, Mode, Right};

use super::{
    objects::Kind,
    write::{LiveMesh, Place},
};

const REVIEWS: Kind = Kind { group: "authorization.k8s.io", version: "v1", plural: "selfsubjectaccessreviews" };

/// How many are asked at once.
const AT_ONCE: usize = 16;

impl LiveMesh {
    /// Asks for each right (`SelfSubjectAccessReview`), and returns those that are missing, in their order.
    pub(super) async fn lacking(&self, rights: &[Right]) -> Result<Vec<Right>, Fault> {
        let asked = stream::iter(rights.to_vec()).map(|right| async move {
            let may = self.may_one(&right).await?;
            Ok::<_, Fault>((right, may))
        });
        let answers: Vec<_> = asked.buffered(AT_ONCE).try_collect().await?;
        Ok(answers.into_iter().filter(|(_, may)| !may).map(|(right, _)| right).collect())
    }

    async fn may_one(&self, right: &Right) -> Result<bool, Fault> {
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {
                "verb": right.verb, "group": right.group, "resource": right.resource,
                "subresource": right.subresource, "namespace": right.namespace, "name": right.name,
            }},
        });
        let place = Place { kind: REVIEWS, word: "SelfSubjectAccessReview", namespace: "", name: "" };
        let answer = self.create(place, &review, Mode::Do).await?;
        Ok(answer.pointer("/status/allowed").and_then(serde_json::Value::as_bool).unwrap_or(false))
    }
}
