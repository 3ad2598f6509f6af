//! Carries a plan out over the port: reads, asks the planner, takes one step, proves it, and reads again.
//!
//! Nothing is remembered between two steps but what cannot be read from the mesh: the private keys, and when a wait
//! began. Every step is safe to be cut off in, so a kill, a lost connection and Ctrl-C all end the same way: the mesh
//! works, and the same command goes on.

mod issuer;
mod linked;
mod notes;
mod restart;
mod run;
mod stop;
#[cfg(test)]
mod tests;
mod webhooks;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::Notify;

use crate::mesh::{IssuerPair, ProbeScope, ServerPair};

pub use run::{run, write_of};
pub use stop::Stop;

/// The private keys that a run may bring in, with their certificates.
#[derive(Clone, Copy, Debug, Default)]
pub struct Keys<'a> {
    /// A new issuer's.
    pub issuer: Option<&'a IssuerPair>,
    /// New ones for webhooks' servers.
    pub servers: &'a [ServerPair],
}

impl<'a> From<Option<&'a IssuerPair>> for Keys<'a> {
    fn from(issuer: Option<&'a IssuerPair>) -> Self {
        Self { issuer, servers: &[] }
    }
}

impl<'a> From<&'a [ServerPair]> for Keys<'a> {
    fn from(servers: &'a [ServerPair]) -> Self {
        Self { issuer: None, servers }
    }
}

/// How a plan is carried out.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which proxies are asked between steps.
    pub probe: ProbeScope,
    /// How many workloads are restarted at once.
    pub at_once: usize,
    /// How long one workload may take to replace its pods.
    pub rollout_deadline: Duration,
    /// How long is waited for what an operator has to see to.
    pub hold: Duration,
    /// Wait for identity and for leafs rather than restart them.
    pub patient: bool,
    /// Who holds the lock.
    pub holder: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            probe: ProbeScope::Sample,
            at_once: 8,
            rollout_deadline: Duration::from_mins(5),
            hold: Duration::ZERO,
            patient: false,
            holder: "linkerd-certs".to_owned(),
        }
    }
}

/// Asks a run to end at the next safe place.
#[derive(Clone, Debug, Default)]
pub struct Stopper(Arc<Asked>);

#[derive(Debug, Default)]
struct Asked {
    is: AtomicBool,
    wake: Notify,
}

impl Stopper {
    /// Asks.
    pub fn stop(&self) {
        self.0.is.store(true, Ordering::Relaxed);
        // Kept for whoever begins to wait only now.
        self.0.wake.notify_one();
    }

    /// Whether it was asked.
    pub fn is_stopped(&self) -> bool {
        self.0.is.load(Ordering::Relaxed)
    }

    /// Waits until it is asked: for a run that would otherwise sleep for minutes.
    async fn asked(&self) {
        if !self.is_stopped() {
            self.0.wake.notified().await;
        }
    }
}
