//! What a real mesh's API server returned, served again by a real API server: the same verdicts as in the lab's states.

use std::path::Path;

use lab::replay::Replay;

use crate::harness::{Result, Target};

/// A recorded state, all its causes, and the exit code. Nothing is probed: the pods are only recorded.
const EXPECTED: &[(&str, &[&str], i32)] = &[
    ("healthy", &[], 0),
    ("extended-not-restarted", &["LC-P01", "LC-S01", "LC-S02"], 3),
    ("trimmed-too-early", &["LC-I06", "LC-S01", "LC-S02"], 4),
    ("issuer-expired", &["LC-I03", "LC-S02"], 4),
    ("dead-issuer", &["LC-I03"], 4),
    ("webhooks-expired", &["LC-W01", "LC-W04"], 4),
    ("cert-manager", &["LC-C03"], 3),
];

#[tokio::test]
async fn recorded_states_get_the_same_verdicts() -> Result {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/fixtures"));
    if !folder.is_dir() {
        assert!(std::env::var_os("LINKERD_CERTS_REQUIRE_FIXTURES").is_none(), "{} is missing", folder.display());
        println!("Skipped: there are no recorded states in {}.", folder.display());
        return Ok(());
    }
    for (name, causes, code) in EXPECTED {
        let state = folder.join(name);
        let taken = std::fs::read_to_string(state.join("at"))?;
        let replay = Replay::up(&state).await?;
        let checked = Target::of(replay.kubeconfig()).check(&["--probe", "none", "--at", taken.trim()])?;
        let found = checked.causes();
        println!("{name}: exit {}, causes {found:?}", checked.code);
        assert_eq!(found, *causes, "{name}: {checked}");
        assert_eq!(checked.code, *code, "{name}: {checked}");
    }
    Ok(())
}
