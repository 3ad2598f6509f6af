use std::time::{Duration, Instant};

use linkerd_certs::{
    cluster::LiveMesh,
    mesh::{Admission, Mesh as _, Mode, Write},
};
use serde_json::json;

use super::{another_anchor, snapshot, target, until, workload};
use crate::{
    harness::{Result, Target},
    instruments::{admissions::Admissions, outage::Outage},
};

const INJECTOR: &str = "linkerd-proxy-injector";

/// The webhook's answer follows its Service's endpoints, which follow the pods.
async fn eventually(mesh: &LiveMesh, what: impl Fn(&Admission) -> bool) -> Result<Admission> {
    let begun = Instant::now();
    loop {
        let admission = mesh.admission().await?;
        if what(&admission) {
            return Ok(admission);
        }
        if begun.elapsed() > Duration::from_mins(1) {
            return Err(format!("{admission:?}").into());
        }
        mesh.pause(Duration::from_millis(500)).await;
    }
}

fn policy(target: &Target, policy: &str) -> Result {
    let configuration = "linkerd-proxy-injector-webhook-config";
    let patch = json!([{"op": "replace", "path": "/webhooks/0/failurePolicy", "value": policy}]).to_string();
    target.kubectl(&["patch", "mutatingwebhookconfiguration", configuration, "--type", "json", "-p", &patch])?;
    Ok(())
}

fn scale(target: &Target, replicas: u32) -> Result {
    let replicas = format!("--replicas={replicas}");
    target.kubectl(&["scale", "deployment", INJECTOR, "-n", "linkerd", &replicas])?;
    Ok(())
}

#[tokio::test]
async fn a_new_pod_gets_what_the_injector_has_loaded() -> Result {
    let target = target().await?;
    let mesh = target.live().await?;
    let injector = workload("linkerd", "Deployment", INJECTOR);
    let seen = snapshot(&mesh).await?;
    let roots = seen.trust_roots.found().ok_or("no trust roots")?;
    let old = roots.bundle.clone().ok_or("no bundle")?;
    let shows = |admission: &Admission, anchors: &[_]| matches!(admission, Admission::Proxy(bundle) if bundle.certificates == *anchors && bundle.loads);
    let first = mesh.admission().await?;
    assert!(shows(&first, &old.certificates), "{first:?}");

    let mut anchors = old.certificates.clone();
    anchors.push(another_anchor()?);
    let against = roots.meta.resource_version.clone();
    mesh.write(&Write::TrustRoots { anchors: anchors.clone(), against }, Mode::Do).await?;
    mesh.restart(&injector, Mode::Do).await?;
    until(&mesh, &injector, |rollout| rollout.complete).await?;
    eventually(&mesh, |admission| shows(admission, &anchors)).await?;

    let against = snapshot(&mesh).await?.trust_roots.found().ok_or("no trust roots")?.meta.resource_version.clone();
    mesh.write(&Write::TrustRoots { anchors: old.certificates.clone(), against }, Mode::Do).await?;
    mesh.pause(Duration::from_millis(1_100)).await;
    mesh.restart(&injector, Mode::Do).await?;
    until(&mesh, &injector, |rollout| rollout.complete).await?;
    eventually(&mesh, |admission| shows(admission, &old.certificates)).await?;
    Ok(())
}

#[tokio::test]
async fn without_an_injector_pods_are_bare_or_refused() -> Result {
    let target = target().await?;
    let mesh = target.live().await?;
    // What other tests measure with sees the same.
    let (admissions, outage) = (Admissions::begin(&target), Outage::watch(&target));
    let course = outage.end(&[]);
    println!("healthy: {course}");
    admissions.end().assert_whole();
    assert!(course.failing.is_empty() && course.left.is_empty() && course.whole.is_some(), "{course:?}");
    let admissions = Admissions::begin(&target);
    scale(&target, 0)?;
    let bare = eventually(&mesh, |admission| *admission == Admission::Bare).await;
    policy(&target, "Fail")?;
    let refused = eventually(&mesh, |admission| matches!(admission, Admission::Refused(_))).await;
    policy(&target, "Ignore")?;
    scale(&target, 1)?;
    until(&mesh, &workload("linkerd", "Deployment", INJECTOR), |rollout| rollout.complete).await?;
    eventually(&mesh, |admission| matches!(admission, Admission::Proxy(_))).await?;
    let admitted = admissions.end();
    println!("without an injector: {admitted:?}");
    assert!(admitted.bare > 0 && admitted.failed > 0 && admitted.first.is_some(), "{admitted:?}");
    bare?;
    let Admission::Refused(message) = refused? else { return Err("not refused".into()) };
    assert!(message.contains("linkerd-proxy-injector"), "{message}");
    Ok(())
}
