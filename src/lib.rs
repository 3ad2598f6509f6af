//! Reads a live Linkerd mesh and guides an operator safely through its certificates.
//!
//! # The house
//!
//! ```text
//!          cluster/ -> snapshot -> findings ------> commands/ -> ui
//!             ^           |           |                ^
//!             |           +-> trust --+                |
//!           mesh          +-> inventory                |
//!             |           +-> plan -> execute -> event +
//!             v                         |
//!          simulate/ <------------------+
//! ```
//!
//! **Pure rooms**: no client, no runtime, no clock, no terminal; time is passed in.
//!
//! * [`pki`]: certificates, keys and bundles as facts; chains verified as a proxy and as identity verify them; signing.
//! * [`snapshot`]: what was observed of one mesh; every source found, missing, forbidden or failed; never a private key.
//! * [`trust`]: who verifies with which bundle and who presents which chain: the trust matrix.
//! * [`findings`]: rules over a snapshot; stable codes, evidence, what to do next; causes before consequences.
//! * [`inventory`]: every certificate of a snapshot, once, with all places that hold it; and the tree of them.
//! * [`plan`]: the next step from where a mesh stands, the gate that it has to pass, and the stage that it is in.
//! * [`event`]: what happens while a plan is carried out; [`record`]: the same, kept for a change ticket.
//!
//! **The port**
//!
//! * [`mesh`]: the only way from a plan to a cluster, in terms of anchors, issuers and workloads. [`cluster`] is its live
//!   side, [`simulate`] the one in memory.
//! * [`handover`]: a side in front of another, for objects that somebody else owns: files for their owner.
//! * [`preflight`]: what can be known of a plan before anything is changed, asked over the port.
//! * [`execute`]: carries a plan out over the port: one step, its proof, and a look at the mesh before the next.
//!
//! **Input and output**
//!
//! * [`cluster`]: reads a live cluster into a snapshot (API objects, pods as a stream, live probes of proxies), and
//!   writes to it for a plan.
//! * [`keyfile`]: keys and certificates in files; never overwritten, never half. [`backup`]: what a run saves before its
//!   first write, in such files.
//! * [`ui`]: what a person or a script sees. Nothing else prints.
//!
//! **The program**
//!
//! * [`cli`]: arguments as typed; [`commands`]: one file a verb, from arguments over settings to an exit status;
//!   [`error`]: what stops a command; [`exit`]: how it ends, as a number.

pub mod backup;
pub mod cli;
pub mod cluster;
pub mod commands;
pub mod error;
pub mod event;
pub mod execute;
pub mod exit;
pub mod findings;
pub mod handover;
pub mod inventory;
pub mod keyfile;
pub mod mesh;
pub mod pki;
pub mod plan;
pub mod preflight;
pub mod record;
pub mod simulate;
pub mod snapshot;
#[cfg(test)]
mod testing;
pub mod trust;
pub mod ui;
