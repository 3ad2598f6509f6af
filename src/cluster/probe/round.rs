//! One round of questions to many pods.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use futures::{StreamExt as _, stream};
use tokio::time::{Instant, timeout_at};

use super::{
    ALTOGETHER, AT_ONCE, PER_HANDSHAKE, PER_POD, admin,
    choose::Target,
    handshake,
    known::Known,
    too_long,
    tunnel::{Doors, NoTunnel},
};
use crate::{
    pki::Certificate,
    snapshot::{Admin, PodRef, Probe},
};

/// What the questions of a round have in common.
pub(super) struct Round<'a, D> {
    doors: &'a D,
    known: Known,
    /// Namespaces in which the user may not forward ports, with the first probe that was refused.
    forbidden: Mutex<BTreeMap<String, (usize, Probe)>>,
    end: Instant,
}

impl<'a, D: Doors> Round<'a, D> {
    pub(super) fn new(doors: &'a D, known: Known) -> Self {
        Self { doors, known, forbidden: Mutex::default(), end: Instant::now() + ALTOGETHER }
    }

    /// Asks them all, some at once, and gives the answers in the order of the pods.
    pub(super) async fn ask_all(self, targets: Vec<Target>) -> Vec<Probe> {
        let asked = stream::iter(targets.into_iter().enumerate()).map(|(at, target)| self.ask(at, target));
        let mut answers: Vec<_> = asked.buffer_unordered(AT_ONCE).filter_map(std::future::ready).collect().await;
        answers.extend(self.forbidden.into_inner().unwrap_or_else(PoisonError::into_inner).into_values());
        answers.sort_by_key(|(at, _)| *at);
        answers.into_iter().map(|(_, probe)| probe).collect()
    }

    /// Asks one pod; `None` where its namespace is forbidden, or it had nothing to say because it is going.
    async fn ask(&self, at: usize, target: Target) -> Option<(usize, Probe)> {
        let Target { pod, workload, group, identity, port } = target;
        if self.forbidden().contains_key(&pod.namespace) {
            return None;
        }
        let now = Instant::now();
        let answer = if now < self.end {
            let end = self.end.min(now + PER_POD);
            timeout_at(end, self.answer((&pod, port), &identity, end)).await.unwrap_or_else(|_| Err(late()))
        } else {
            Err(NoTunnel::Failed(format!("not asked: the others took {} s", ALTOGETHER.as_secs())))
        };
        let (answer, is_forbidden) = match answer {
            Ok(admin) => (Ok(admin), false),
            Err(NoTunnel::Failed(_)) if now < self.end && self.doors.is_going(&pod).await => return None,
            Err(NoTunnel::Failed(reason)) => (Err(reason), false),
            Err(NoTunnel::Forbidden(reason)) => (Err(reason), true),
        };
        tracing::debug!(namespace = pod.namespace, pod = pod.name, ok = answer.is_ok(), "probed");
        let probe = Probe { pod, workload, group, answer };
        if !is_forbidden {
            return Some((at, probe));
        }
        // Requests that were under way together are refused in any order: the first pod stands for all.
        let mut forbidden = self.forbidden();
        let first = forbidden.entry(probe.pod.namespace.clone()).or_insert_with(|| (at, probe.clone()));
        if at < first.0 {
            *first = (at, probe);
        }
        None
    }

    async fn answer(&self, (pod, port): (&PodRef, u16), identity: &str, end: Instant) -> Result<Admin, NoTunnel> {
        let (stream, mut guard) = self.doors.open(pod, port).await?.split();
        let until = end.min(Instant::now() + PER_HANDSHAKE);
        let chain = match timeout_at(until, handshake::chain(stream, identity)).await {
            Err(_) => Err(format!("no handshake within {} s", PER_HANDSHAKE.as_secs())),
            Ok(Err(reason)) => match guard.trouble().await {
                // Nothing listens: there is nothing more to ask.
                Some(trouble) => return Err(NoTunnel::Failed(trouble)),
                None => Err(reason),
            },
            Ok(Ok((stream, presented))) => {
                let chain = self.known.chain(&presented);
                if let Ok(said) = admin::ask(stream, until, end).await {
                    return Ok(self.admin(Ok(said), chain));
                }
                chain
            }
        };
        drop(guard);
        // A proxy without a leaf refuses TLS, but answers in plain text.
        let (stream, _guard) = match timeout_at(end, self.doors.open(pod, port)).await {
            Ok(tunnel) => tunnel?.split(),
            Err(_) => return Err(late()),
        };
        let said = timeout_at(end, admin::ask(stream, end, end)).await.unwrap_or_else(|_| Err(too_long()));
        Ok(self.admin(said, chain))
    }

    fn admin(&self, said: Result<admin::Said, String>, chain: Result<Vec<Certificate>, String>) -> Admin {
        match said {
            Ok(admin::Said { bundle, failed_refreshes }) => {
                Admin { bundle: bundle.map(|text| self.known.bundle(&text)), chain, failed_refreshes }
            }
            Err(reason) => Admin { bundle: Err(reason), chain, failed_refreshes: None },
        }
    }

    fn forbidden(&self) -> MutexGuard<'_, BTreeMap<String, (usize, Probe)>> {
        self.forbidden.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn late() -> NoTunnel {
    NoTunnel::Failed(too_long())
}

#[cfg(test)]
mod tests;
