use std::fmt;

use super::{Step, Why};

/// The stages of a rotation, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Everything that verifies comes to trust the new anchor beside the old one.
    Extend,
    /// Identity comes to sign with the new issuer.
    Swap,
    /// Every leaf comes to be one of the new issuer.
    Refresh,
    /// Nothing trusts the old anchor any more.
    Trim,
}

impl Step {
    /// The stage that it belongs to; copies follow in each.
    pub fn stage(&self) -> Option<Stage> {
        match self {
            Self::TrustRoots { why, .. } | Self::Restart { why, .. } => Some(why.stage()),
            // What is awaited of others belongs to the stage that it is in the way of.
            Self::AwaitLinked { why: Why::Trim, .. } => Some(Stage::Trim),
            Self::Issuer { .. } | Self::AwaitIssuer { .. } | Self::AwaitLinked { .. } => Some(Stage::Swap),
            Self::AwaitLeafs { .. } => Some(Stage::Refresh),
            Self::Copy(_) | Self::Webhook(_) => None,
        }
    }
}

impl Why {
    /// The stage that it is a reason of.
    pub fn stage(self) -> Stage {
        match self {
            Self::Extend => Stage::Extend,
            Self::Refresh | Self::Mend => Stage::Refresh,
            Self::Trim => Stage::Trim,
        }
    }
}

impl Stage {
    /// Its name.
    pub fn word(self) -> &'static str {
        match self {
            Self::Extend => "extend",
            Self::Swap => "swap",
            Self::Refresh => "refresh",
            Self::Trim => "trim",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
