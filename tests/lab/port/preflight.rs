use jiff::{SignedDuration, Timestamp};
use linkerd_certs::{
    mesh::{Mesh as _, ProbeScope},
    pki::{Authority, PrivateKey, Serial, TrustDomain, authority::AuthorityParams, private_key::NewKey},
    plan::{Goal, Materials, Request, Standing, Step, outlook},
    preflight::{Wanted, verify},
};

use super::{snapshot, target};
use crate::harness::Result;

/// A new anchor with an issuer under it, as a rotation brings them.
fn materials() -> Result<Materials> {
    let (now, day) = (Timestamp::now(), SignedDuration::from_hours(24));
    let params = AuthorityParams { trust_domain: TrustDomain::new("linkerd", "cluster.local")?, lifetime: day };
    let key = || PrivateKey::generate(NewKey::EcdsaP256);
    let anchor = Authority::new_anchor(&params, key()?, now, Serial::random()?)?;
    let issuer = anchor.sign_issuer(&params, key()?, now, Serial::random()?)?;
    Ok(Materials { anchor: Some(anchor.certificate().clone()), issuer: Some(issuer.chain().to_vec()) })
}

#[tokio::test]
async fn a_plan_is_verified_and_nothing_is_changed_by_it() -> Result {
    let mesh = target().await?.live().await?;
    let before = mesh.observe(ProbeScope::Sample).await?;
    let standing = Standing::of(&before, &mesh.rollouts(&[]).await?);
    // The lab's anchor is of today, and other tests have written the trust roots: a rotation would be taken for done.
    let request = Request { force: true, ..Request::new(Goal::Anchor, materials()?) };
    let outlook = outlook(&standing, &request);
    assert!(outlook.steps.iter().any(|step| matches!(step, Step::Restart { .. })), "{outlook:?}");
    let wanted = Wanted::of(&outlook, &before, &standing, None);
    let report = verify(&mesh, &wanted).await?;
    assert!(!report.stops() && report.lacking.is_empty(), "{report:?}");
    assert!(wanted.writes.len() >= 2, "{wanted:?}");

    let after = snapshot(&mesh).await?;
    assert_eq!(after.trust_roots, before.trust_roots);
    assert_eq!((after.config, after.overrides, after.issuer), (before.config, before.overrides, before.issuer));
    let restarted = |rollouts: Vec<linkerd_certs::mesh::Rollout>| {
        rollouts.into_iter().map(|one| (one.workload, one.restarted_at)).collect::<Vec<_>>()
    };
    let once = restarted(mesh.rollouts(&[]).await?);
    assert!(once.iter().any(|(workload, _)| wanted.restarts.contains(workload)));
    verify(&mesh, &wanted).await?;
    assert_eq!(restarted(mesh.rollouts(&[]).await?), once);
    Ok(())
}
