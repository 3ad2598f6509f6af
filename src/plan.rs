//! What to do next to a mesh, and whether it is safe. Pure: no cluster, no clock.
//!
//! There is no stored plan. [`next()`] looks at where the mesh stands and names one step; the executor takes it, looks
//! again, and asks again. So a command that was killed is simply run again, a rotation that somebody began by hand is
//! picked up where it is, and a change under our feet is planned with, not over. The whole plan that a person sees
//! ([`outlook()`]) is the same function asked over and over, of a standing on which each step has had its effect.
//!
//! [`gate()`] is the safety invariant: every chain that is presented verifies against every bundle that is loaded, now
//! and for a leaf's lifetime. It knows nothing of the order of steps, so it does not depend on that order being right.

mod ailment;
mod due;
mod effect;
mod gate;
mod linked;
mod outlook;
mod owned;
mod progress;
mod reach;
mod recover;
mod request;
mod selection;
mod stage;
mod standing;
mod step;
mod steps;
mod target;
#[cfg(test)]
mod tests;
pub mod webhooks;

pub use ailment::{Ailment, Need, ailments, known_anchors, need};
pub use due::{Cause, Due, due};
pub use gate::{Pair, gate, working_pairs};
pub use linked::{Evidence, Lack, Linked};
pub use outlook::{Outlook, Wait, outlook};
pub use owned::{certificates_to_renew, owned, takes_values};
pub use progress::{Count, Position, Progress, progress};
pub use reach::{PartyReach, Reach};
pub use request::{Goal, Materials, Request, Trim};
pub use selection::{Selection, Unmatched, Which};
pub use stage::Stage;
pub(crate) use standing::obstacle;
pub use standing::{Party, Presents, Standing, Trusts};
pub use step::{Done, Hold, Next, Refusal, Step, Why};
pub use steps::next;
pub use target::{FRESH, Target, target};
