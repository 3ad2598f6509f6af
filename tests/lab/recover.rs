//! Meshes in which nothing is signed any more, or in which what is signed is refused, brought back by one command.
//!
//! * [`ways`]: each state by the unattended command
//! * [`asked`]: step by step in a terminal
//! * [`killed`]: killed after every write
//! * [`untouched`]: where nothing has expired

mod asked;
mod killed;
mod untouched;
mod ways;

use std::time::{Duration, Instant};

use crate::{
    harness::{Checked, Ran, Result, Target},
    instruments::{
        outage::{Course, Outage},
        restarts,
    },
    rotate::operator::replace_all,
};

/// Targets whose pods nobody but an operator can replace.
const BY_HAND: [&str; 3] = ["bare", "batch", "paused"];

/// For the metrics and events that `check` reads to follow.
const SETTLED: Duration = Duration::from_mins(1);

/// What must hold once a command has brought the mesh back: its exit code, requests over new connections, and `check`.
/// Prints how long it took, beside what restarts alone take.
fn assert_recovered(target: &Target, what: &str, ran: &Ran, took: Duration, course: &Course) -> Result {
    let told = format!("{}\n{}", ran.stdout(), ran.stderr());
    println!("{what}: exit {}, {:.0} s, {course}", ran.code(), took.as_secs_f32());
    // With 3 it says what is left for somebody else to restart, and how.
    let is_left = ran.code() == 3;
    assert!(ran.code() == 0 || is_left, "{told}");
    assert!(course.whole.is_some(), "{course:?}\n{told}");
    if is_left || !course.left.is_empty() {
        for command in ["kubectl rollout resume deployment/paused", "pod/bare", "job-name=batch"] {
            assert!(
                !is_left || told.contains(command) || told.contains(&command.replace('/', " ")),
                "{command}: {told}"
            );
        }
        replace_all(target)?;
    }
    let checked = clean(target)?;
    assert_eq!(checked.code, 0, "{checked}\n{told}");
    let after = Outage::watch(target).end(&[]);
    assert!(after.left.is_empty(), "{after:?}");
    println!("{what}: restarts alone take {:.0} s", restarts::once(target)?.as_secs_f32());
    Ok(())
}

/// `check --probe all` until it finds nothing, or for a while.
pub fn clean(target: &Target) -> Result<Checked> {
    let begun = Instant::now();
    loop {
        let checked = target.check(&["--probe", "all"])?;
        if checked.code == 0 || begun.elapsed() > SETTLED {
            return Ok(checked);
        }
        std::thread::sleep(Duration::from_secs(1));
    }
}
