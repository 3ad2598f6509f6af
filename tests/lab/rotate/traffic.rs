use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use lab::workloads::Count;

use crate::harness::{Result, Target};

/// Counts of each client pod by target, read again and again: a client's counters go with its pod.
type Counts = BTreeMap<(String, String), Count>;

/// The same summed up: answered, failed, and why, by the target's name.
pub type Sums = BTreeMap<String, (u64, u64, Option<String>)>;

/// What has more than one pod goes on without a gap. On a busy machine a client may still call a pod that has gone, which
/// is one request in hundreds; a pair that refuses each other loses every one from then on.
pub fn assert_goes_on(counts: &Sums) {
    for name in ["web", "db"] {
        let (answered, failed, why) = &counts[name];
        assert!(*answered > 50 && failed * 100 <= *answered, "{name}: {failed} of {answered} failed: {why:?}");
    }
}

/// Watches what the clients count until it is asked for.
pub struct Traffic {
    stop: Arc<AtomicBool>,
    watching: JoinHandle<Counts>,
}

impl Traffic {
    pub fn watch(target: &Target) -> Self {
        let (target, stop) = (target.clone(), Arc::new(AtomicBool::new(false)));
        let stopped = Arc::clone(&stop);
        let watching = std::thread::spawn(move || {
            let mut counts = Counts::new();
            while !stopped.load(Ordering::Relaxed) {
                let _ = look(&target, &mut counts);
                std::thread::sleep(Duration::from_millis(700));
            }
            let _ = look(&target, &mut counts);
            counts
        });
        Self { stop, watching }
    }

    /// Requests answered and failed by target, with the first failure's words.
    pub fn end(self) -> Sums {
        self.stop.store(true, Ordering::Relaxed);
        let counts = self.watching.join().unwrap();
        let mut sums = BTreeMap::new();
        for ((_, target), count) in counts {
            let name = target.trim_start_matches("http://").split('.').next().unwrap_or_default().to_owned();
            let sum: &mut (u64, u64, Option<String>) = sums.entry(name).or_default();
            (sum.0, sum.1) = (sum.0 + count.ok, sum.1 + count.failed);
            sum.2 = sum.2.take().or(count.last_error);
        }
        sums
    }
}

fn look(target: &Target, counts: &mut Counts) -> Result {
    let selector = format!("app in ({})", lab::workloads::CLIENTS.join(", "));
    let path = "jsonpath={.items[*].metadata.name}";
    let running = "--field-selector=status.phase=Running";
    let names = target.kubectl(&["get", "pods", "-n", "emojivoto", "-l", &selector, running, "-o", path])?;
    for pod in names.split_whitespace() {
        let path = format!("/api/v1/namespaces/emojivoto/pods/{pod}:9100/proxy/stats");
        // One that has just gone, or has not come yet, has nothing to say.
        let Ok(text) = target.kubectl(&["get", "--raw", &path]) else { continue };
        let stats: BTreeMap<String, Count> = serde_json::from_str(&text)?;
        counts.extend(stats.into_iter().map(|(target, count)| ((pod.to_owned(), target), count)));
    }
    Ok(())
}
