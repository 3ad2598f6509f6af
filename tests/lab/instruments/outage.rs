//! How long an outage lasts from a given moment on: each request of the clients makes a connection of its own, and so a
//! handshake of two proxies.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use super::clients;
use crate::harness::{Result, Target};

/// The clients ask four times a second; a look that is longer than that sees each pair asked.
const LOOK: Duration = Duration::from_millis(350);

/// Before the mark: several requests of each pair.
const BEFORE: Duration = Duration::from_secs(3);

/// After the end, in any case and at most.
const SETTLED: Duration = Duration::from_secs(2);
const MOST_SETTLED: Duration = Duration::from_secs(40);

/// A client's workload and its target, as `vote` and `web`.
pub type Pair = (String, String);

/// Watches every pair of a client and its target, on a thread of its own.
pub struct Outage {
    marked: Duration,
    stop: Arc<AtomicBool>,
    seen: Arc<Mutex<Vec<Seen>>>,
    watching: JoinHandle<()>,
}

/// What was seen between two looks.
#[derive(Clone)]
struct Seen {
    after: Duration,
    /// Pairs that had a good request.
    good: BTreeSet<Pair>,
    /// Pairs that had a failed one.
    bad: BTreeSet<Pair>,
}

/// How it went.
#[derive(Clone, Debug, Default)]
pub struct Course {
    /// Pairs that had only failed requests before the mark.
    pub failing: BTreeSet<Pair>,
    /// From the mark until one of those had its first good request; none where none had failed.
    pub first: Option<Duration>,
    /// From the mark until every pair whose target can be restarted had good requests and no more failed ones.
    pub whole: Option<Duration>,
    /// Pairs that failed at the end, whatever their target.
    pub left: BTreeSet<Pair>,
}

impl Outage {
    /// Begins to watch, and looks for a while at what fails.
    pub fn watch(target: &Target) -> Self {
        let (target, stop, begun) = (target.clone(), Arc::new(AtomicBool::new(false)), Instant::now());
        let (stopped, seen) = (Arc::clone(&stop), Arc::default());
        let noted = Arc::clone(&seen);
        let watching = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(watch(&target, begun, &stopped, &noted)).unwrap();
        });
        std::thread::sleep(BEFORE);
        Self { marked: begun.elapsed(), stop, seen, watching }
    }

    /// Looks for another while, until nothing fails that can be restarted, and reads off how it went. `by_hand` are targets
    /// that somebody else has to see to. On a busy machine endpoints and names are known to all only some seconds after a
    /// pod is ready.
    pub fn end(self, by_hand: &[&str]) -> Course {
        let begun = Instant::now();
        let read = || course(&self.seen.lock().unwrap(), self.marked, by_hand);
        std::thread::sleep(SETTLED);
        while read().whole.is_none() && begun.elapsed() < MOST_SETTLED {
            std::thread::sleep(LOOK);
        }
        self.stop.store(true, Ordering::Relaxed);
        self.watching.join().unwrap();
        course(&self.seen.lock().unwrap(), self.marked, by_hand)
    }
}

async fn watch(target: &Target, begun: Instant, stop: &AtomicBool, all: &Mutex<Vec<Seen>>) -> Result {
    let client = target.client().await?;
    let mut before: BTreeMap<(String, String), (u64, u64)> = BTreeMap::new();
    while !stop.load(Ordering::Relaxed) {
        let mut seen = Seen { after: begun.elapsed(), good: BTreeSet::new(), bad: BTreeSet::new() };
        // The API server may be slow for a moment; the next look sees what this one has missed.
        for one in clients::look(&client).await.unwrap_or_default() {
            for (target, count) in one.counts {
                let (ok, failed) =
                    before.insert((one.pod.clone(), target.clone()), (count.ok, count.failed)).unwrap_or_default();
                let pair = (one.app.clone(), target);
                if count.ok > ok {
                    seen.good.insert(pair.clone());
                }
                if count.failed > failed {
                    seen.bad.insert(pair);
                }
            }
        }
        all.lock().unwrap().push(seen);
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

/// The first look only tells where the counters stood.
fn course(all: &[Seen], marked: Duration, by_hand: &[&str]) -> Course {
    let (before, seen) = all
        .get(1..)
        .unwrap_or_default()
        .split_at(all.get(1..).unwrap_or_default().iter().take_while(|one| one.after < marked).count());
    let pairs: BTreeSet<&Pair> = before.iter().chain(seen).flat_map(|one| one.good.union(&one.bad)).collect();
    let is_failing = |pair: &&Pair| {
        before.iter().any(|one| one.bad.contains(*pair)) && !before.iter().any(|one| one.good.contains(*pair))
    };
    let failing: BTreeSet<Pair> = pairs.iter().copied().filter(is_failing).cloned().collect();
    let since = |one: &Seen| one.after.saturating_sub(marked);
    let first = seen.iter().find(|one| one.good.iter().any(|pair| failing.contains(pair))).map(since);
    let ours: Vec<&Pair> = pairs.iter().copied().filter(|pair| !by_hand.contains(&pair.1.as_str())).collect();
    // After the last moment at which one had a failed request, the first by which each has had a good one.
    let last = seen.iter().rposition(|one| ours.iter().any(|pair| one.bad.contains(*pair)));
    let mut missing = ours;
    let whole = seen[last.map_or(0, |place| place + 1)..].iter().find(|one| {
        missing.retain(|pair| !one.good.contains(*pair));
        missing.is_empty()
    });
    let ending = &seen[seen.len().saturating_sub(3)..];
    let is_left = |pair: &&Pair| ending.iter().any(|one| one.bad.contains(*pair));
    let left = pairs.iter().copied().filter(is_left).cloned().collect();
    Course { first, whole: whole.map(since), left, failing }
}

impl fmt::Display for Course {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds =
            |time: Option<Duration>| time.map_or("never".to_owned(), |time| format!("{:.0} s", time.as_secs_f32()));
        write!(f, "{} pairs failed before", self.failing.len())?;
        if !self.failing.is_empty() {
            write!(f, ", first good request after {}", seconds(self.first))?;
        }
        write!(f, ", whole after {}", seconds(self.whole))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(after: u64, good: &[&str], bad: &[&str]) -> Seen {
        let pairs = |names: &[&str]| names.iter().map(|name| ("vote".to_owned(), (*name).to_owned())).collect();
        Seen { after: Duration::from_secs(after), good: pairs(good), bad: pairs(bad) }
    }

    #[test]
    fn an_outage_is_read_off_what_was_seen() {
        let all = [
            seen(0, &["web", "db", "bare"], &["web", "db", "bare"]),
            seen(1, &["db"], &["web", "bare"]),
            seen(4, &["db", "web"], &["bare"]),
            seen(5, &["web"], &["db", "bare"]),
            seen(7, &["web"], &["bare"]),
            seen(8, &["db"], &["bare"]),
        ];
        let course = course(&all, Duration::from_secs(2), &["bare"]);
        assert_eq!(course.failing.len(), 2);
        assert_eq!((course.first, course.whole), (Some(Duration::from_secs(2)), Some(Duration::from_secs(6))));
        assert_eq!(course.left.iter().map(|pair| pair.1.as_str()).collect::<Vec<_>>(), ["bare", "db"]);
    }
}
