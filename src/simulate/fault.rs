use std::fmt;

use jiff::SignedDuration;

/// Something that goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// New pods of the workload with this name never become ready.
    NeverReady(String),
    /// Identity does not notice a new issuer until it is restarted (#15109, #8249).
    MissedUpdate,
    /// The server behind the Service with this name does not notice a new Secret until it is restarted.
    MissedReload(String),
    /// Identity refuses every issuer but its first, and ends at a start with it.
    RefusedIssuer,
    /// Somebody else writes the object just before this write (counted from 1).
    ConflictAt(u32),
    /// The program ends right after this write (counted from 1): nothing it asks for is answered any more.
    KilledAfter(u32),
    /// The pods of the workload with this name cannot be asked anything.
    Unseen(String),
    /// The program's clock is ahead of the cluster's.
    ClockAhead(SignedDuration),
    /// The user lacks the right to do this, such as `patch secrets`, wherever that is.
    Lacks(String),
    /// An admission webhook refuses to change this object, by kind and name such as `Secret linkerd-identity-issuer`.
    Refuses(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeverReady(name) => write!(f, "never-ready:{name}"),
            Self::MissedUpdate => f.write_str("missed-update"),
            Self::MissedReload(name) => write!(f, "missed-reload:{name}"),
            Self::RefusedIssuer => f.write_str("refused-issuer"),
            Self::ConflictAt(write) => write!(f, "conflict:{write}"),
            Self::KilledAfter(write) => write!(f, "kill:{write}"),
            Self::Unseen(name) => write!(f, "unseen:{name}"),
            Self::ClockAhead(by) => write!(f, "clock-ahead:{by:#}"),
            Self::Lacks(right) => write!(f, "lacks:{right}"),
            Self::Refuses(object) => write!(f, "refuses:{object}"),
        }
    }
}
