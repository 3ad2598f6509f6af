use serde::{Deserialize, Serialize};

use super::{Link, Snapshot};

/// A cluster that shares trust with this one, as it was read through a kubeconfig context of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkedCluster {
    /// The context.
    pub context: String,
    /// The Link that it was said to be the target of, where that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// What was read there, or why nothing could be.
    pub seen: Result<Box<Snapshot>, String>,
}

impl LinkedCluster {
    /// What it is called by: the Link that it was said to be the target of, else its context.
    pub fn name(&self) -> &str {
        self.link.as_deref().unwrap_or(&self.context)
    }

    /// Whether `link` leads here by its name or by the name of its target.
    pub fn is_target_of(&self, link: &Link) -> bool {
        [&link.name, &link.target].into_iter().any(|one| one == self.name())
    }
}
