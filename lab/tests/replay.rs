//! A recorded state is served as it was recorded, and goes with its handle.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    unreachable_pub,
    reason = "a test says where it stops"
)]

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind};
use lab::replay::Replay;
use serde_json::json;

#[tokio::test]
async fn objects_are_what_they_were() {
    if !std::fs::metadata("/proc/self").is_ok_and(|data| std::os::unix::fs::MetadataExt::uid(&data) == 0) {
        println!("SKIPPED: the lab needs root");
        return;
    }
    let state = tempfile::tempdir().unwrap();
    let save = |file: &str, items| {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
        std::fs::write(state.path().join(file), list).unwrap();
    };
    save(
        "pods.json",
        json!([{
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": "old",
                "namespace": "default",
                "uid": "00000000-0000-0000-0000-000000000001",
                "creationTimestamp": "2020-02-02T02:02:02Z",
                "resourceVersion": "123",
            },
            "spec": {"containers": [{"name": "c", "image": "i"}], "nodeName": "gone"},
            "status": {"phase": "Running", "podIP": "10.0.0.1"},
        }]),
    );
    // As `kubectl get -o json` and a hand that removed the schema leave it.
    let names = json!({"plural": "bundles", "singular": "bundle", "kind": "Bundle", "listKind": "BundleList"});
    save(
        "customresourcedefinitions.json",
        json!([{
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": "bundles.trust.cert-manager.io", "labels": null, "annotations": {}},
            "spec": {"group": "trust.cert-manager.io", "names": names, "scope": "Cluster"},
        }]),
    );
    save(
        "bundles.trust.cert-manager.io.json",
        json!([{
            "apiVersion": "trust.cert-manager.io/v1alpha1",
            "kind": "Bundle",
            "metadata": {"name": "roots", "uid": "00000000-0000-0000-0000-000000000002"},
            "spec": {"sources": [{"useDefaultCAs": true}]},
        }]),
    );
    std::fs::write(state.path().join("verdict.json"), "{\"success\": true}").unwrap();

    let replay = Replay::up(state.path()).await.unwrap();
    let client = replay.client().await.unwrap();
    let pod = Api::<Pod>::default_namespaced(client.clone()).get("old").await.unwrap();
    assert_eq!(pod.metadata.uid.as_deref(), Some("00000000-0000-0000-0000-000000000001"));
    let created = serde_json::to_value(&pod.metadata.creation_timestamp).unwrap();
    assert_eq!(created, "2020-02-02T02:02:02Z");
    assert_eq!(pod.status.unwrap().pod_ip.as_deref(), Some("10.0.0.1"));
    let bundle = ApiResource::from_gvk(&GroupVersionKind::gvk("trust.cert-manager.io", "v1alpha1", "Bundle"));
    let bundle = Api::<DynamicObject>::all_with(client, &bundle).get("roots").await.unwrap();
    assert_eq!(bundle.data["spec"]["sources"][0]["useDefaultCAs"], true);

    let dir = replay.kubeconfig().parent().unwrap().to_owned();
    assert!(dir.exists());
    drop(replay);
    assert!(!dir.exists());
}
