use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use crate::harness::{Result, Target};

/// Replaces what the binary names and cannot replace itself: a paused Deployment's pods, a Job and a bare pod.
pub fn replace_all(target: &Target) -> Result {
    let paused = ["deployment/paused", "-n", "emojivoto"];
    target.kubectl(&[&["rollout", "resume"], &paused[..]].concat())?;
    target.kubectl(&[&["rollout", "restart"], &paused[..]].concat())?;
    target.kubectl(&[&["rollout", "status", "--timeout=120s"], &paused[..]].concat())?;
    target.kubectl(&[&["rollout", "pause"], &paused[..]].concat())?;
    for object in ["job/batch", "pod/bare"] {
        target.kubectl(&["delete", object, "-n", "emojivoto", "--wait", "--grace-period=1"])?;
    }
    let manifest = tempfile::NamedTempFile::new()?;
    std::fs::write(manifest.path(), lab::workloads::MANIFEST)?;
    target.kubectl(&["apply", "-f", &manifest.path().display().to_string()])?;
    let wait =
        ["wait", "--for=condition=Ready", "pod", "-n", "emojivoto", "-l", "app in (bare, batch)", "--timeout=120s"];
    target.kubectl(&wait)?;
    Ok(())
}

/// An operator who does so whenever a proxy among them still has an old bundle or leaf, as the binary says on `lines`.
pub struct Operator {
    stop: Arc<AtomicBool>,
    working: JoinHandle<u32>,
}

impl Operator {
    /// Begins to watch; `is_called` says whether the binary waits for somebody.
    pub fn watch(target: &Target, called: Arc<AtomicBool>) -> Self {
        let (target, stop) = (target.clone(), Arc::new(AtomicBool::new(false)));
        let stopped = Arc::clone(&stop);
        let working = std::thread::spawn(move || {
            let mut rounds = 0;
            while !stopped.load(Ordering::Relaxed) {
                if called.swap(false, Ordering::Relaxed) {
                    replace_all(&target).unwrap();
                    rounds += 1;
                }
                std::thread::sleep(Duration::from_millis(200));
            }
            rounds
        });
        Self { stop, working }
    }

    /// How often it was called.
    pub fn end(self) -> u32 {
        self.stop.store(true, Ordering::Relaxed);
        self.working.join().unwrap()
    }
}
