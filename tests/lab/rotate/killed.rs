use std::{
    io::{BufRead as _, BufReader},
    process::Stdio,
    time::Duration,
};

use super::{
    LEFT, Place, anchors, assert_rotated, in_state,
    traffic::{Traffic, assert_goes_on},
    words,
};
use crate::harness::{Ran, Result, Target};

/// More runs than this nothing that is done to the lab's mesh takes, if each gets one write further.
const MOST_RUNS: u32 = 90;

/// Runs until so many writes to objects that count have been answered, and kills it then; how it ended where it came to
/// its end before.
fn run_to_a_write(target: &Target, arguments: &[&str], most: u32) -> Result<Option<Ran>> {
    let mut written = 0;
    let mut command = target.command(&[arguments, &["-vv"]].concat());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut told = String::new();
    let stderr = child.stderr.take().ok_or("no stderr")?;
    for line in BufReader::new(stderr).lines() {
        let line = line?;
        let changes = ["PATCH", "PUT", "DELETE"].iter().any(|method| line.contains(&format!("http.method={method}")));
        let writes = changes && !line.contains("/leases/") && !line.contains("dryRun") && line.ends_with("requesting");
        written += u32::from(writes);
        if writes && written == most {
            // Long enough for the API server to have taken it, most of the time.
            std::thread::sleep(Duration::from_millis(120));
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        told += &line;
        told.push('\n');
    }
    let mut output = child.wait_with_output()?;
    output.stderr = told.into_bytes();
    Ok(Some(Ran::of(output)))
}

/// Runs the same command again and again, killed after so many writes each time as `most` makes of the kills before it,
/// until it comes to its end; how often it was killed. `arguments` are made anew for each run.
pub fn until_the_end(
    target: &Target,
    most: impl Fn(u32) -> u32,
    arguments: impl Fn() -> Vec<String>,
) -> Result<(Ran, u32)> {
    let mut kills = 0;
    loop {
        if let Some(ran) = run_to_a_write(target, &words(&arguments()), most(kills))? {
            return Ok((ran, kills));
        }
        kills += 1;
        assert!(kills < MOST_RUNS, "it does not come further");
    }
}

#[tokio::test]
async fn killed_after_each_write_the_same_command_comes_to_its_end() -> Result {
    let target = in_state("healthy").await?;
    let place = Place::new()?;
    let before = anchors(&target)?;
    let traffic = Traffic::watch(&target);
    let (ran, kills) = until_the_end(&target, |_| 1, || place.rotate_anchor(&LEFT))?;
    let counts = traffic.end();
    println!("{kills} kills, requests {counts:?}");
    assert!(kills > 10, "{kills}");
    assert_rotated(&target, &before, &ran)?;
    assert_goes_on(&counts);
    Ok(())
}
