//! How long it takes to replace every pod that can be replaced, and nothing else.

use std::time::{Duration, Instant};

use crate::harness::{Result, Target};

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
