//! The live cluster: the only room that speaks to an API server.
//!
//! - `client`: from kubeconfig and flags to a [`Cluster`] that answers
//! - `observe`: one reading of everything, as a [`Snapshot`](crate::snapshot::Snapshot)
//! - `objects`: where objects come from, so that what was recorded reads like what is live
//! - `linked`: clusters that share trust with the one that is read
//! - `sources`: what is read, and which right is missing where it cannot be
//! - [`decode`]: from objects to what a snapshot holds; pure
//! - [`pods`]: pods as a stream, folded into workloads
//! - `write`: [`LiveMesh`], which changes what a plan says and nothing else
//! - `rights`: what the user may do
//! - `probe`: what proxies and webhook servers say when they are asked

mod api;
mod client;
#[doc(hidden)]
pub mod decode;
mod error;
mod linked;
mod objects;
mod observe;
#[doc(hidden)]
pub mod pods;
mod probe;
mod rights;
mod sources;
mod write;

pub use client::{Cluster, Connect};
pub use error::Error;
pub(crate) use error::nearest;
pub use linked::LinkedCluster;
pub use objects::{Kind, Listing, Objects, Unread};
pub use observe::{Observe, read};
pub use write::LiveMesh;
