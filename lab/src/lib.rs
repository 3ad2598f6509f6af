//! A real Kubernetes on one machine, and a mesh in it, for the project's tests and for people who want to try it.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`parts`] | builds and installs the programs everything else is made of |
//! | [`machine`] | namespaces that end as one, and the processes in them |
//! | [`cluster`] | a one-node cluster on such a machine |
//! | [`replay`] | a recorded state served by a real API server |
//! | [`image`] | images made of local files |
//! | [`scale`] | thousands of simulated meshed pods |
//!
//! A test brings up what it needs and gets a kubeconfig that works in its own process:
//!
//! ```no_run
//! # async fn test() -> lab::error::Result<()> {
//! let cluster = lab::cluster::Cluster::up(lab::cluster::DEFAULT).await?; // stays up; a second call is quick
//! # Ok(())
//! # }
//! ```
//!
//! It all needs root, since it makes namespaces and mounts, and touches neither the host's network nor its settings.

pub mod cluster;
mod command;
mod digest;
pub mod error;
mod etcd;
pub mod image;
pub mod install;
pub mod kubeconfig;
pub mod machine;
pub mod parts;
pub mod paths;
mod pki;
pub mod replay;
mod requests;
pub mod scale;
pub mod state;
pub mod trust;
pub mod workloads;
