//! What happens while a plan is carried out, for whoever watches: a screen, a record, a test. Pure data.

use std::{borrow::Cow, time::Duration};

use jiff::Timestamp;

use crate::{
    pki::{Certificate, Fingerprint},
    plan::{Done, Hold, Outlook, Reach, Step},
    snapshot::{IssuerScheme, WorkloadRef},
};

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// The lock was taken.
    Locked,
    /// The mesh was looked at, and stands so.
    Looked(Box<Looked>),
    /// The mesh was read, and this is what is left to do.
    Planned(Outlook),
    /// A step begins.
    Begun(Step),
    /// An object was written.
    Written(Cow<'static, str>),
    /// A workload's pods are being replaced.
    Restarting(WorkloadRef),
    /// All of its pods are new and ready.
    Restarted(WorkloadRef, Duration),
    /// Something is waited for; the text says what.
    Waiting(String),
    /// The step had its effect: it was looked at, not assumed.
    Proven(Step),
    /// Somebody else changed the mesh; it is read again.
    Changed(String),
    /// Identity missed the new issuer and is restarted.
    MissedUpdate,
    /// A webhook's server did not reload its Secret, and is restarted; the text names it.
    MissedReload(String),
    /// The API server was seen to call this; the text says what shows it.
    Called(String),
    /// Identity refused this issuer; the one before was put back.
    PutBack(Fingerprint),
    /// These workloads are waited for; an operator has to see to them.
    Held(Vec<Hold>),
    /// It is done.
    Finished(Done),
}

/// What a look at the mesh showed, as far as whoever watches may want to show it.
#[derive(Clone, Debug)]
pub struct Looked {
    /// The control plane's namespace.
    pub namespace: String,
    /// The layout of the issuer Secret.
    pub scheme: IssuerScheme,
    /// The trust roots' anchors.
    pub roots: Vec<Certificate>,
    /// The issuer Secret's chain.
    pub issuer: Vec<Certificate>,
    /// How far the mesh is on its way.
    pub reach: Reach,
}

/// What whoever watches says to a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is taken.
    GoOn,
    /// It is left out, and so are others of its kind. Only a restart that trims can be: what is left then trusts an
    /// anchor under which nothing is signed any more.
    Skip,
}

/// Whoever watches.
pub trait Watch {
    /// Takes notice of an event at this moment.
    fn notice(&mut self, at: Timestamp, event: &Event);

    /// Whether `step` may be taken. Asked before each; an interactive run asks its operator, who may take time: then the
    /// mesh is looked at again before the step is taken.
    ///
    /// # Errors
    /// Why the run ends here.
    fn allow(&mut self, step: &Step) -> Result<Answer, crate::execute::Stop>;
}

/// Two that watch: the first is told and asked first, and either may end the run.
impl<A: Watch, B: Watch> Watch for (&mut A, &mut B) {
    fn notice(&mut self, at: Timestamp, event: &Event) {
        self.0.notice(at, event);
        self.1.notice(at, event);
    }

    /// Skipped where either of them skips it.
    fn allow(&mut self, step: &Step) -> Result<Answer, crate::execute::Stop> {
        match self.0.allow(step)? {
            Answer::Skip => Ok(Answer::Skip),
            Answer::GoOn => self.1.allow(step),
        }
    }
}
