//! The labs that tests run on, one test on each at a time.

use std::{
    cell::RefCell,
    collections::BTreeSet,
    sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError},
};

/// What one lab with its mesh may take, in KiB: about 1.5 GB, and the binary's build beside it.
const MEMORY: u64 = 4 << 20;

/// The labs that no test has now, and those in which the tests of the port have left a healthy mesh.
struct Labs {
    free: Vec<String>,
    kept: BTreeSet<String>,
}

static LABS: LazyLock<Mutex<Labs>> = LazyLock::new(|| {
    // The first is taken from the end.
    let free = (1..=count()).rev().map(name).collect();
    Mutex::new(Labs { free, kept: BTreeSet::new() })
});
static GIVEN_BACK: Condvar = Condvar::new();

thread_local! {
    /// A test has a thread of its own, which ends with it.
    static TAKEN: RefCell<Option<Lease>> = const { RefCell::new(None) };
}

struct Lease(String);

impl Drop for Lease {
    fn drop(&mut self) {
        labs().free.push(std::mem::take(&mut self.0));
        GIVEN_BACK.notify_one();
    }
}

fn labs() -> MutexGuard<'static, Labs> {
    LABS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The lab of this test, from the first time that it asks to its end: the usual one, that which `LINKERD_CERTS_TEST_LAB`
/// names, or one beside it where several tests run at once. Waits where all are taken.
pub fn lab_name() -> String {
    TAKEN.with_borrow_mut(|taken| {
        let lease = taken.get_or_insert_with(|| {
            let mut labs = labs();
            loop {
                if let Some(name) = labs.free.pop() {
                    return Lease(name);
                }
                labs = GIVEN_BACK.wait(labs).unwrap_or_else(PoisonError::into_inner);
            }
        });
        lease.0.clone()
    })
}

/// Whether this test's lab still has the healthy mesh of the tests before it.
pub fn is_kept() -> bool {
    let name = lab_name();
    labs().kept.contains(&name)
}

/// Says that this test leaves its lab's mesh healthy, or that it does not.
pub fn keep(healthy: bool) {
    let name = lab_name();
    let mut labs = labs();
    if healthy {
        labs.kept.insert(name);
    } else {
        labs.kept.remove(&name);
    }
}

/// `LINKERD_CERTS_TEST_LABS`, or two where there are processors and memory for them. Tests that find none free wait.
fn count() -> usize {
    let asked = std::env::var("LINKERD_CERTS_TEST_LABS").ok().and_then(|count| count.parse().ok());
    asked.unwrap_or_else(|| {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        if cores >= 2 && available() >= 2 * MEMORY { 2 } else { 1 }
    })
}

/// Memory that is to be had, in KiB.
fn available() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

/// `bed`, `bed-2`, ...
fn name(number: usize) -> String {
    let first = std::env::var("LINKERD_CERTS_TEST_LAB").unwrap_or_else(|_| lab::cluster::DEFAULT.to_owned());
    if number == 1 { first } else { format!("{first}-{number}") }
}
