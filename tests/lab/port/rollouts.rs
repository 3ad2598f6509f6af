use std::collections::BTreeSet;

use linkerd_certs::{
    mesh::{Fault, Mesh as _, Mode, Obstacle},
    snapshot::WorkloadRef,
};
use serde_json::{Value, json};

use super::{target, until, workload};
use crate::harness::{Result, Target};

/// The pods whose containers run; one that has ended stays listed for a moment longer.
fn uids(target: &Target, app: &str) -> Result<BTreeSet<String>> {
    let (label, path) = (format!("app={app}"), "jsonpath={.items[*].metadata.uid}");
    let running = "--field-selector=status.phase!=Succeeded,status.phase!=Failed";
    let uids = target.kubectl(&["get", "pods", "-n", "emojivoto", "-l", &label, running, "-o", path])?;
    Ok(uids.split_whitespace().map(str::to_owned).collect())
}

/// How many pods are ready and not on their way out.
fn serving(target: &Target, app: &str) -> Result<u32> {
    let label = format!("app={app}");
    let pods: Value =
        serde_json::from_str(&target.kubectl(&["get", "pods", "-n", "emojivoto", "-l", &label, "-o", "json"])?)?;
    let serves = |pod: &&Value| {
        let conditions = pod["status"]["conditions"].as_array().map_or(&[][..], Vec::as_slice);
        pod["metadata"]["deletionTimestamp"].is_null()
            && conditions.iter().any(|one| one["type"] == "Ready" && one["status"] == "True")
    };
    Ok(u32::try_from(pods["items"].as_array().ok_or("no pods")?.iter().filter(serves).count())?)
}

fn kubectl_name(workload: &WorkloadRef) -> String {
    format!("{}/{}", workload.kind.to_lowercase(), workload.name)
}

fn version(target: &Target, workload: &WorkloadRef) -> Result<String> {
    let name = kubectl_name(workload);
    target.kubectl(&["get", &name, "-n", &workload.namespace, "-o", "jsonpath={.metadata.generation}"])
}

fn patch(target: &Target, workload: &WorkloadRef, patch: &Value) -> Result {
    let (name, patch) = (kubectl_name(workload), patch.to_string());
    target.kubectl(&["patch", &name, "-n", &workload.namespace, "--type", "merge", "-p", &patch])?;
    Ok(())
}

fn strategic(target: &Target, workload: &WorkloadRef, patch: &Value) -> Result {
    let (name, patch) = (kubectl_name(workload), patch.to_string());
    target.kubectl(&["patch", &name, "-n", &workload.namespace, "--type", "strategic", "-p", &patch])?;
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_restarted_is_an_obstacle() -> Result {
    let target = target().await?;
    let mesh = target.live().await?;
    let all = mesh.rollouts(&[]).await?;
    let obstacle = |namespace: &str, kind: &str, name: &str| {
        let workload = workload(namespace, kind, name);
        all.iter().find(|one| one.workload == workload).map(|one| one.obstacle)
    };
    assert_eq!(obstacle("emojivoto", "Deployment", "paused"), Some(Some(Obstacle::Paused)));
    assert_eq!(obstacle("emojivoto", "Pod", "bare"), Some(Some(Obstacle::Bare)));
    assert_eq!(obstacle("emojivoto", "Job", "batch"), Some(Some(Obstacle::Job)));
    assert_eq!(obstacle("emojivoto", "Deployment", "web"), Some(None));
    assert_eq!(obstacle("emojivoto", "StatefulSet", "db"), Some(None));
    assert_eq!(obstacle("emojivoto", "DaemonSet", "agent"), Some(None));
    // Their templates hold a proxy, as the charts make them.
    assert_eq!(obstacle("linkerd", "Deployment", "linkerd-identity"), Some(None));
    assert!(all.iter().all(|one| one.complete && one.trouble.is_none()), "{all:#?}");
    let gone =
        mesh.rollouts(&[workload("emojivoto", "Deployment", "gone"), workload("emojivoto", "Pod", "gone")]).await?;
    assert_eq!(gone, []);
    let bare = mesh.restart(&workload("emojivoto", "Pod", "bare"), Mode::Do).await;
    assert!(matches!(bare, Err(Fault::Failed(_))), "{bare:?}");
    Ok(())
}

#[tokio::test]
async fn a_restart_brings_new_pods_and_a_try_does_not() -> Result {
    let target = target().await?;
    let mesh = target.live().await?;
    for (kind, name) in [("Deployment", "web"), ("StatefulSet", "db"), ("DaemonSet", "agent")] {
        let workload = workload("emojivoto", kind, name);
        let (pods, generation) = (uids(&target, name)?, version(&target, &workload)?);
        mesh.restart(&workload, Mode::Try).await?;
        assert_eq!(version(&target, &workload)?, generation, "a try changes nothing");
        let begun = mesh.now();
        mesh.restart(&workload, Mode::Do).await?;
        let at_once = mesh.rollouts(std::slice::from_ref(&workload)).await?;
        assert!(!at_once[0].complete, "{at_once:?}");
        let done = until(&mesh, &workload, |rollout| rollout.complete).await?;
        assert_eq!((done.updated, done.ready), (done.wanted, done.wanted));
        let restarted = done.restarted_at.ok_or("no time of the restart")?;
        assert!(restarted.as_second() >= begun.as_second() - 1, "{restarted} {begun}");
        assert!(pods.is_disjoint(&uids(&target, name)?), "{kind} {name}");
    }
    Ok(())
}

#[tokio::test]
async fn pods_that_are_deleted_by_hand_go_one_by_one() -> Result {
    let target = target().await?;
    let mesh = target.live().await?;
    for (kind, name) in [("StatefulSet", "db"), ("DaemonSet", "agent")] {
        let workload = workload("emojivoto", kind, name);
        patch(&target, &workload, &json!({"spec": {"updateStrategy": {"type": "OnDelete", "rollingUpdate": null}}}))?;
        let before = uids(&target, name)?;
        mesh.restart(&workload, Mode::Do).await?;
        let mut lowest = u32::MAX;
        let done = until(&mesh, &workload, |rollout| {
            // Never more than one is missing.
            lowest = lowest.min(serving(&target, name).unwrap_or_default());
            rollout.complete
        });
        let done = done.await?;
        assert!(lowest + 1 >= done.wanted, "{lowest} of {}", done.wanted);
        assert!(before.is_disjoint(&uids(&target, name)?), "{kind}");
        // A change that is not ours is left to whoever made it.
        strategic(
            &target,
            &workload,
            &json!({"spec": {"template": {"metadata": {"annotations": {"linkerd-certs.lab/now": mesh.now().to_string()}}}}}),
        )?;
        let other = until(&mesh, &workload, |rollout| !rollout.complete).await?;
        assert_eq!((other.updated, other.trouble), (0, None));
        let now = uids(&target, name)?;
        mesh.rollouts(std::slice::from_ref(&workload)).await?;
        assert_eq!(uids(&target, name)?, now);
        patch(&target, &workload, &json!({"spec": {"updateStrategy": {"type": "RollingUpdate"}}}))?;
        until(&mesh, &workload, |rollout| rollout.complete).await?;
    }
    Ok(())
}

#[tokio::test]
async fn what_new_pods_wait_for_is_told() -> Result {
    let target = target().await?;
    let mesh = target.live().await?;
    let legacy = workload("emojivoto", "Deployment", "legacy");
    let image =
        |image: &str| json!({"spec": {"template": {"spec": {"containers": [{"name": "legacy", "image": image}]}}}});
    strategic(&target, &legacy, &image("linkerd-certs.lab/none:1"))?;
    let stuck = until(&mesh, &legacy, |rollout| rollout.trouble.is_some()).await?;
    let trouble = stuck.trouble.unwrap_or_default();
    assert!(trouble.contains("container legacy: ") && trouble.contains("Image"), "{trouble}");
    assert!(!stuck.complete);
    strategic(&target, &legacy, &image("linkerd-certs.lab/app:1"))?;
    until(&mesh, &legacy, |rollout| rollout.complete && rollout.trouble.is_none()).await?;

    target.kubectl(&["create", "quota", "few", "-n", "emojivoto", "--hard=pods=1"])?;
    mesh.restart(&legacy, Mode::Do).await?;
    let stuck = until(&mesh, &legacy, |rollout| rollout.trouble.is_some()).await?;
    target.kubectl(&["delete", "quota", "few", "-n", "emojivoto"])?;
    assert!(stuck.trouble.as_ref().is_some_and(|trouble| trouble.contains("exceeded quota")), "{stuck:?}");
    // The controller waits longer each time; another change wakes it.
    mesh.pause(std::time::Duration::from_millis(1_100)).await;
    mesh.restart(&legacy, Mode::Do).await?;
    until(&mesh, &legacy, |rollout| rollout.complete).await?;
    Ok(())
}

#[tokio::test]
async fn a_disruption_budget_holds_a_pod_back_and_is_named() -> Result {
    let target = target().await?;
    let mesh = target.live().await?;
    let db = workload("emojivoto", "StatefulSet", "db");
    patch(&target, &db, &json!({"spec": {"updateStrategy": {"type": "OnDelete", "rollingUpdate": null}}}))?;
    target.kubectl(&["create", "pdb", "all", "-n", "emojivoto", "--selector=app=db", "--min-available=2"])?;
    mesh.restart(&db, Mode::Do).await?;
    let held = until(&mesh, &db, |rollout| rollout.trouble.is_some()).await;
    target.kubectl(&["delete", "pdb", "all", "-n", "emojivoto"])?;
    let trouble = held?.trouble.unwrap_or_default();
    assert!(trouble.contains("db-1 is not let go") && trouble.contains("disruption budget"), "{trouble}");
    until(&mesh, &db, |rollout| rollout.complete).await?;
    patch(&target, &db, &json!({"spec": {"updateStrategy": {"type": "RollingUpdate"}}}))
}
