//! Every named state of the lab: what `check` must say, and how it must end.

use lab::state;

use crate::harness::{Result, Target, mesh};

/// A state, all causes it must show (warnings and worse, in their order), and the exit code.
type Expected = (&'static str, &'static [&'static str], i32);

const BUNDLES: &[Expected] = &[
    ("healthy", &[], 0),
    ("extended-not-restarted", &["LC-P01", "LC-S01", "LC-S02"], 3),
    ("trimmed-too-early", &["LC-I06", "LC-S01", "LC-S02"], 4),
    ("refreshed-not-trimmed", &["LC-I06", "LC-S01", "LC-S02"], 4),
    ("extended-half-restarted", &["LC-P01", "LC-S01", "LC-S02"], 3),
    ("swapped-half-refreshed", &["LC-I06", "LC-S01", "LC-S02"], 4),
    ("trimmed-not-restarted", &["LC-I06", "LC-S01", "LC-S02"], 4),
    ("garbage-in-bundle", &["LC-A02"], 4),
    ("anchor-expired", &["LC-A03"], 4),
    ("anchor-and-issuer-expired", &["LC-A03", "LC-I03"], 4),
    ("anchor-near-end", &["LC-A05"], 3),
    ("ha", &[], 0),
];

const ISSUERS: &[Expected] = &[
    ("issuer-expired", &["LC-I03", "LC-P06", "LC-S02"], 4),
    ("dead-issuer", &["LC-I03"], 4),
    ("premature-issuer", &["LC-I06", "LC-S01", "LC-S02"], 4),
    ("premature-issuer-unextended", &["LC-I06", "LC-S02"], 4),
    ("issuer-near-end", &["LC-I05"], 4),
    ("same-subject", &["LC-I08", "LC-S02"], 3),
    ("key-mismatch", &["LC-I02", "LC-S02"], 4),
];

const WEBHOOKS: &[Expected] = &[
    ("webhooks-expired", &["LC-W01"], 4),
    ("webhook-mismatch", &["LC-W03"], 4),
    ("dead-mesh-webhooks", &["LC-A03", "LC-I03", "LC-W01"], 4),
    ("dead-mesh-webhooks-fail", &["LC-A03", "LC-I03", "LC-W01"], 4),
    ("unmeshed-pods", &["LC-P05"], 3),
    ("viz", &["LC-W02"], 4),
];

const OWNERS: &[Expected] = &[
    ("helm", &[], 0),
    ("helm-drift", &["LC-S01", "LC-S03"], 3),
    ("overrides-drift", &["LC-S01", "LC-S02"], 3),
    ("external-ca", &["LC-C03"], 3),
    ("external-ca-anchor-renewed", &["LC-C07", "LC-C03", "LC-S01", "LC-S02"], 4),
    ("two-control-planes", &[], 0),
    ("neighbours", &[], 0),
];

fn expected() -> impl Iterator<Item = &'static Expected> {
    [BUNDLES, ISSUERS, WEBHOOKS, OWNERS].into_iter().flatten()
}

/// These are looked at by the tests that begin with them, so they are set only once for that.
const BEGUN_WITH: &[&str] = &[
    "anchor-and-issuer-expired",
    "anchor-expired",
    "dead-issuer",
    "dead-mesh-webhooks",
    "dead-mesh-webhooks-fail",
    "extended-half-restarted",
    "extended-not-restarted",
    "ha",
    "healthy",
    "helm",
    "issuer-expired",
    "premature-issuer",
    "premature-issuer-unextended",
    "refreshed-not-trimmed",
    "swapped-half-refreshed",
    "trimmed-not-restarted",
    "trimmed-too-early",
    "viz",
    "webhook-mismatch",
    "webhooks-expired",
];

#[test]
fn every_state_of_the_lab_is_expected_here() {
    let unexpected: Vec<_> = state::ALL
        .iter()
        .map(|state| state.name)
        .filter(|name| *name != "forbidden" && !expected().any(|(expected, ..)| expected == name))
        .collect();
    assert_eq!(unexpected, [""; 0]);
}

#[tokio::test]
async fn check_names_the_cause_first_in_states_of_the_anchors() -> Result {
    look(BUNDLES).await
}

#[tokio::test]
async fn check_names_the_cause_first_in_states_of_the_issuer() -> Result {
    look(ISSUERS).await
}

#[tokio::test]
async fn check_names_the_cause_first_in_states_of_webhooks() -> Result {
    look(WEBHOOKS).await
}

#[tokio::test]
async fn check_names_the_cause_first_in_states_of_owners_and_neighbours() -> Result {
    look(OWNERS).await
}

async fn look(states: &[Expected]) -> Result {
    if Target::is_given_and("states are the lab's own") {
        return Ok(());
    }
    let only = std::env::var("LINKERD_CERTS_TEST_STATES").ok();
    let (target, mesh) = (Target::lab().await?, mesh().await?);
    let mut wrong = Vec::new();
    for (name, ..) in states {
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
    let Some((_, causes, code)) = expected().find(|(name, ..)| *name == state) else { return Ok(None) };
    // Of several control planes one must be named.
    let checked = target.check(&["-L", "linkerd"])?;
    let found = checked.causes();
    println!("{state}: exit {}, causes {found:?}", checked.code);
    let is_as_expected = found == *causes && checked.code == *code;
    Ok((!is_as_expected).then(|| format!("{state}: expected {causes:?} and exit {code}, got {checked}")))
}
