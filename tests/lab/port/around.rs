use std::collections::BTreeSet;

use lab::cluster::Cluster;
use linkerd_certs::mesh::{Fault, Mesh as _, Mode, Right, Write};
use serde_json::json;

use super::{snapshot, target, workload};
use crate::harness::{Result, Target, lab_name};

#[tokio::test]
async fn the_lock_has_one_holder_until_it_is_given_back_or_left_alone() -> Result {
    let target = target().await?;
    let (ann, bob) = (target.live().await?, target.live().await?);
    target.kubectl(&["delete", "lease", "linkerd-certs", "-n", "linkerd", "--ignore-not-found"])?;
    let begun = ann.now();
    assert_eq!(ann.lock("ann@there").await?, None);
    let holder = bob.lock("bob@here").await?.ok_or("two holders")?;
    assert_eq!(holder.name, "ann@there");
    assert!(holder.since.duration_since(begun).as_secs().abs() <= 2, "{holder:?} {begun}");
    ann.pause(std::time::Duration::from_millis(50)).await;
    assert_eq!(ann.lock("ann@there").await?, None, "once more is a renewal");
    let later = bob.lock("bob@here").await?.ok_or("two holders")?;
    assert!(later.renewed > holder.renewed && later.since == holder.since, "{later:?}");

    // Bob gives nothing back that is Ann's.
    bob.unlock("bob@here").await?;
    assert!(bob.lock("bob@here").await?.is_some());

    let past = json!({"spec": {"renewTime": "2020-01-01T00:00:00.000000Z"}}).to_string();
    target.kubectl(&["patch", "lease", "linkerd-certs", "-n", "linkerd", "--type", "merge", "-p", &past])?;
    assert_eq!(bob.lock("bob@here").await?, None, "Ann has not been heard of");
    assert_eq!(ann.lock("ann@there").await?.map(|holder| holder.name).as_deref(), Some("bob@here"));
    bob.unlock("bob@here").await?;

    // Of many at once one gets it.
    let names: Vec<_> = (0..8).map(|number| format!("runner-{number}")).collect();
    let races = futures::future::join_all(names.iter().map(|name| ann.lock(name))).await;
    let won = races.iter().filter(|one| matches!(one, Ok(None))).count();
    assert_eq!(won, 1, "{races:?}");
    target.kubectl(&["delete", "lease", "linkerd-certs", "-n", "linkerd"])?;
    Ok(())
}

#[tokio::test]
async fn the_backup_holds_what_may_be_touched() -> Result {
    let target = target().await?;
    let exported = target.live().await?.export().await?;
    let names: BTreeSet<_> = exported
        .iter()
        .map(|object| format!("{} {}", object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap()))
        .collect();
    for name in [
        "ConfigMap linkerd-identity-trust-roots",
        "ConfigMap linkerd-config",
        "Secret linkerd-config-overrides",
        "Secret linkerd-identity-issuer",
        "Secret linkerd-proxy-injector-k8s-tls",
        "Secret linkerd-sp-validator-k8s-tls",
        "Secret linkerd-policy-validator-k8s-tls",
        "MutatingWebhookConfiguration linkerd-proxy-injector-webhook-config",
        "ValidatingWebhookConfiguration linkerd-sp-validator-webhook-config",
        "ValidatingWebhookConfiguration linkerd-policy-validator-webhook-config",
    ] {
        assert!(names.contains(name), "{name} is not among {names:?}");
    }
    assert!(exported.iter().all(|object| object["metadata"]["managedFields"].is_null()));
    assert!(exported.iter().all(|object| object["apiVersion"].is_string() && object["metadata"]["uid"].is_string()));
    Ok(())
}

#[tokio::test]
async fn a_note_is_what_kubectl_describe_shows() -> Result {
    let target = target().await?;
    let mesh = target.live().await?;
    mesh.note("TrustAnchorExtended", "the bundle holds the new anchor beside the old one").await;
    let described = target.kubectl(&["describe", "deployment", "linkerd-identity", "-n", "linkerd"])?;
    let line = described.lines().find(|line| line.contains("TrustAnchorExtended")).ok_or(described.clone())?;
    assert!(line.contains("linkerd-certs") && line.contains("beside the old one"), "{line}");
    Ok(())
}

#[tokio::test]
async fn missing_rights_are_named_before_and_at_the_write() -> Result {
    let target = target().await?;
    let mesh = target.live().await?;
    let write = Write::TrustRoots {
        anchors: snapshot(&mesh)
            .await?
            .trust_roots
            .found()
            .and_then(|roots| roots.bundle.clone())
            .ok_or("none")?
            .certificates,
        against: "1".to_owned(),
    };
    let web = workload("emojivoto", "Deployment", "web");
    let rights = [
        Right::to_write(&write, "linkerd"),
        Right::to_restart(&web),
        Right::to_lock("linkerd"),
        Right::to_note("linkerd"),
    ]
    .concat();
    assert_eq!(mesh.may(&rights).await?, []);
    if Target::is_given() {
        return Ok(());
    }
    let poor = Target::of(Cluster::require(&lab_name())?.poor_kubeconfig()).live().await?;
    assert_eq!(poor.may(&rights).await?, rights, "in their order");
    let refused = poor.write(&write, Mode::Do).await;
    let right = "patch configmaps linkerd-identity-trust-roots in namespace linkerd";
    assert!(matches!(&refused, Err(Fault::Forbidden(missing)) if missing == right), "{refused:?}");
    assert!(matches!(poor.admission().await, Err(Fault::Forbidden(_))));
    assert!(matches!(poor.lock("poor").await, Err(Fault::Forbidden(_))));
    assert!(matches!(poor.rollouts(&[web]).await, Err(Fault::Forbidden(_))));
    Ok(())
}
