//! Pods, read as a stream and folded into workloads, so that their number costs time but no memory.
//!
//! - [`Pod`]: what the fold needs of one pod, borrowed from the bytes it came in
//! - `protobuf`, `json`: the two ways in which a pod comes; `wire` and `list` take the first one apart as it arrives
//! - `read`: the list from an API server
//! - [`Fold`]: pod after pod into a [`Mesh`](crate::snapshot::Mesh)

mod fold;
mod json;
mod list;
mod pod;
mod protobuf;
mod read;
mod unmeshed;
mod wire;

pub(in crate::cluster) use read::read;

pub use fold::Fold;
pub use json::each_of;
pub use list::{Broken, PodList};
pub use pod::{Anchors, ContainerState, ContainerStatus, Pod, Proxy};
