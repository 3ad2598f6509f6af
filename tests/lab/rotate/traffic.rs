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

use crate::{
    harness::{Result, Target},
    instruments::clients,
};

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
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(count(&target, &stopped)).unwrap()
        });
        Self { stop, watching }
    }

    /// Requests answered and failed by target, with the first failure's words.
    pub fn end(self) -> Sums {
        self.stop.store(true, Ordering::Relaxed);
        let counts = self.watching.join().unwrap();
        let mut sums = BTreeMap::new();
        for ((_, name), count) in counts {
            let sum: &mut (u64, u64, Option<String>) = sums.entry(name).or_default();
            (sum.0, sum.1) = (sum.0 + count.ok, sum.1 + count.failed);
            sum.2 = sum.2.take().or(count.last_error);
        }
        sums
    }
}

async fn count(target: &Target, stop: &AtomicBool) -> Result<Counts> {
    let client = target.client().await?;
    let mut counts = Counts::new();
    loop {
        let is_last = stop.load(Ordering::Relaxed);
        for one in clients::look(&client).await.unwrap_or_default() {
            counts.extend(one.counts.into_iter().map(|(target, count)| ((one.pod.clone(), target), count)));
        }
        if is_last {
            return Ok(counts);
        }
        tokio::time::sleep(Duration::from_millis(700)).await;
    }
}
