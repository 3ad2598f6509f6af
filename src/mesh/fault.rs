use crate::cluster;

/// Why something could not be done to a mesh.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The object is not what it was when the plan was made.
    #[error("{0} was changed by somebody else")]
    Conflict(String),
    /// The user lacks this right.
    #[error("forbidden: {0}")]
    Forbidden(String),
    /// The API server, an admission webhook or a quota refused it.
    #[error("{0}")]
    Refused(String),
    /// The API server answered, but not with what was asked for.
    #[error("{0}")]
    Failed(String),
    /// Its owner was given what it should hold, and has not applied it.
    #[error("{0} yet: let its owner apply it")]
    HandedOver(String),
    /// The API server does not answer.
    #[error(transparent)]
    Lost(#[from] cluster::Error),
}
