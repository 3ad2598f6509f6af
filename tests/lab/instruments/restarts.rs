//! How long it takes to replace every pod that can be replaced, and nothing else.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::harness::{Result, Target};

/// What [`alone`] took the first time that it was asked for: on one machine it is much the same every time.
pub fn once(target: &Target) -> Result<Duration> {
    static TOOK: Mutex<Option<Duration>> = Mutex::new(None);
    let mut took = TOOK.lock().unwrap_or_else(PoisonError::into_inner);
    match *took {
        Some(took) => Ok(took),
        None => Ok(*took.insert(alone(target)?)),
    }
}

/// Restarts the control plane, waits, then restarts every workload of the lab, and waits: what any way back includes.
pub fn alone(target: &Target) -> Result<Duration> {
    let begun = Instant::now();
    target.kubectl(&["rollout", "restart", "deployment", "-n", "linkerd"])?;
    target.kubectl(&["rollout", "status", "deployment", "-n", "linkerd", "--timeout=180s"])?;
    let all = ["deployment/web", "deployment/vote", "deployment/legacy", "statefulset/db", "daemonset/agent"];
    target.kubectl(&[&["rollout", "restart", "-n", "emojivoto"], &all[..]].concat())?;
    for workload in all {
        target.kubectl(&["rollout", "status", workload, "-n", "emojivoto", "--timeout=180s"])?;
    }
    Ok(begun.elapsed())
}
