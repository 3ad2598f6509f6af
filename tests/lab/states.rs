//! Every named state of the lab: what `check` must say, and how it must end.

use lab::{cluster::Cluster, install::Mesh, state};

use crate::harness::{Result, Target, lab_name};

/// A state, all causes it must show (warnings and worse, in their order), and the exit code.
const EXPECTED: &[(&str, &[&str], i32)] = &[
    ("healthy", &[], 0),
    ("extended-not-restarted", &["LC-P01", "LC-S01", "LC-S02"], 3),
    ("trimmed-too-early", &["LC-I06", "LC-S01", "LC-S02"], 4),
    ("refreshed-not-trimmed", &["LC-I06", "LC-S01", "LC-S02"], 4),
    ("extended-half-restarted", &["LC-P01", "LC-S01", "LC-S02"], 3),
    ("swapped-half-refreshed", &["LC-I06", "LC-S01", "LC-S02"], 4),
    ("trimmed-not-restarted", &["LC-I06", "LC-S01", "LC-S02"], 4),
    ("garbage-in-bundle", &["LC-A02"], 4),
    ("anchor-expired", &["LC-A03"], 4),
    ("anchor-near-end", &["LC-A05"], 3),
    ("issuer-expired", &["LC-I03", "LC-P06", "LC-S02"], 4),
    ("dead-issuer", &["LC-I03"], 4),
    ("premature-issuer", &["LC-I06", "LC-S01", "LC-S02"], 4),
    ("premature-issuer-unextended", &["LC-I06", "LC-S02"], 4),
    ("issuer-near-end", &["LC-I05"], 4),
    ("same-subject", &["LC-I08", "LC-S02"], 3),
    ("key-mismatch", &["LC-I02", "LC-S02"], 4),
    ("webhooks-expired", &["LC-W01", "LC-W04"], 4),
    ("webhook-mismatch", &["LC-W03"], 4),
    ("unmeshed-pods", &["LC-P05"], 3),
    ("viz", &["LC-W02"], 4),
    ("ha", &[], 0),
    ("helm", &[], 0),
    ("helm-drift", &["LC-S01", "LC-S03"], 3),
    ("overrides-drift", &["LC-S01", "LC-S02"], 3),
    ("external-ca", &["LC-C03"], 3),
    ("external-ca-anchor-renewed", &["LC-C07", "LC-C03", "LC-S01", "LC-S02"], 4),
    ("two-control-planes", &[], 0),
    ("neighbours", &[], 0),
];

/// These are looked at by the rotations that begin with them, so they are set only once.
const BEGUN_WITH: &[&str] = &[
    "healthy",
    "extended-not-restarted",
    "extended-half-restarted",
    "premature-issuer",
    "premature-issuer-unextended",
    "swapped-half-refreshed",
    "trimmed-too-early",
    "refreshed-not-trimmed",
    "trimmed-not-restarted",
    "ha",
    "helm",
];

#[test]
fn every_state_of_the_lab_is_expected_here() {
    let unexpected: Vec<_> = state::ALL
        .iter()
        .map(|state| state.name)
        .filter(|name| *name != "forbidden" && !EXPECTED.iter().any(|(expected, ..)| expected == name))
        .collect();
    assert_eq!(unexpected, [""; 0]);
}

#[tokio::test]
async fn check_names_the_cause_first_in_every_state() -> Result {
    if Target::is_given_and("states are the lab's own") {
        return Ok(());
    }
    let only = std::env::var("LINKERD_CERTS_TEST_STATES").ok();
    let target = Target::lab().await?;
    let mesh = Mesh::of_lab(&Cluster::require(&lab_name())?).await?;
    let mut wrong = Vec::new();
    for (name, ..) in EXPECTED {
        let is_wanted = match &only {
            Some(only) => only.split(',').any(|one| one == *name),
            None => !BEGUN_WITH.contains(name),
        };
        if is_wanted {
            let took = state::set(&mesh, name, None).await?;
            println!("{name}: set in {:.0} s", took.as_secs_f32());
            wrong.extend(unexpected(&target, name)?);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    Ok(())
}

/// What `check` says of the mesh in this state, where it is not what was expected.
pub fn unexpected(target: &Target, state: &str) -> Result<Option<String>> {
    let Some((_, causes, code)) = EXPECTED.iter().find(|(name, ..)| *name == state) else { return Ok(None) };
    // Of several control planes one must be named.
    let checked = target.check(&["-L", "linkerd"])?;
    let found = checked.causes();
    println!("{state}: exit {}, causes {found:?}", checked.code);
    let is_as_expected = found == *causes && checked.code == *code;
    Ok((!is_as_expected).then(|| format!("{state}: expected {causes:?} and exit {code}, got {checked}")))
}
