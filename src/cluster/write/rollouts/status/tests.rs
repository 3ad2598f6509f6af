use serde_json::json;

use super::*;

const NAME: &str = "LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS";

fn deployment(generation: [u64; 2], replicas: [u64; 4]) -> Seen {
    let [wanted, all, updated, available] = replicas;
    Seen::of(
        Rolling::Deployment,
        &json!({
            "metadata": {"namespace": "shop", "name": "web", "generation": generation[0],
                "labels": {"team": "shop"}, "annotations": {"deployment.kubernetes.io/revision": "4"}},
            "spec": {"replicas": wanted, "selector": {"matchLabels": {"app": "web", "tier": "front"}},
                "template": {"metadata": {"labels": {"app": "web"},
                    "annotations": {RESTARTED_AT: "2026-11-21T12:00:00+01:00"}}}},
            "status": {"observedGeneration": generation[1], "replicas": all, "updatedReplicas": updated,
                "availableReplicas": available},
        }),
    )
}

#[test]
fn a_deployment_is_complete_when_kubectl_says_so() {
    let cases = [
        ([3, 3], [2, 2, 2, 2], true, 2),
        ([3, 2], [2, 2, 2, 2], false, 0),
        ([3, 3], [2, 3, 1, 2], false, 0),
        ([3, 3], [2, 3, 2, 3], false, 2),
        ([3, 3], [2, 2, 2, 1], false, 1),
        ([3, 3], [0, 0, 0, 0], true, 0),
    ];
    for (generation, replicas, complete, ready) in cases {
        let seen = deployment(generation, replicas);
        assert_eq!((seen.rollout.complete, seen.rollout.ready), (complete, ready), "{generation:?} {replicas:?}");
    }
    let seen = deployment([3, 3], [2, 2, 2, 2]);
    assert_eq!(seen.rollout.restarted_at, Some("2026-11-21T11:00:00Z".parse().unwrap()));
    assert_eq!((seen.selector.as_str(), seen.revision.as_deref()), ("app=web,tier=front", Some("4")));
    assert_eq!(seen.rollout.workload.to_string(), "shop/web Deployment");
    assert_eq!(seen.rollout.labels, BTreeMap::from([("team".to_owned(), "shop".to_owned())]), "its own");
}

fn stateful(strategy: &Value, revisions: [&str; 2], counts: [u64; 4]) -> Rollout {
    let [wanted, all, updated, available] = counts;
    let object = json!({
        "metadata": {"generation": 1},
        "spec": {"replicas": wanted, "updateStrategy": strategy},
        "status": {"observedGeneration": 1, "replicas": all, "updatedReplicas": updated, "availableReplicas": available,
            "currentRevision": revisions[0], "updateRevision": revisions[1]},
    });
    Seen::of(Rolling::StatefulSet, &object).rollout
}

#[test]
fn a_stateful_set_is_complete_with_its_revision() {
    let rolling = json!({"type": "RollingUpdate"});
    assert!(stateful(&rolling, ["a", "a"], [2, 2, 2, 2]).complete);
    assert!(!stateful(&rolling, ["a", "b"], [2, 2, 1, 2]).complete);
    assert!(!stateful(&rolling, ["a", "b"], [2, 2, 2, 2]).complete, "its controller has one more step to take");
    // Where pods are deleted by hand the revision is never taken over.
    let on_delete = json!({"type": "OnDelete"});
    assert!(stateful(&on_delete, ["a", "b"], [2, 2, 2, 2]).complete);
    assert!(!stateful(&on_delete, ["a", "b"], [2, 2, 1, 2]).complete);
}

#[test]
fn a_partition_keeps_pods_back_and_is_named() {
    let rollout = stateful(&json!({"rollingUpdate": {"partition": 1}}), ["a", "b"], [2, 2, 1, 2]);
    assert!(!rollout.complete && rollout.trouble.unwrap().contains("partition"));
}

#[test]
fn a_daemon_set_counts_nodes() {
    let daemon = |updated: u64, available: u64| {
        let object = json!({
            "metadata": {"generation": 2},
            "status": {"observedGeneration": 2, "desiredNumberScheduled": 3, "currentNumberScheduled": 3,
                "updatedNumberScheduled": updated, "numberAvailable": available},
        });
        Seen::of(Rolling::DaemonSet, &object).rollout
    };
    assert!(daemon(3, 3).complete);
    assert!(!daemon(2, 3).complete);
    assert!(!daemon(3, 2).complete);
    assert_eq!(daemon(2, 3).ready, 2);
}

#[test]
fn obstacles() {
    let of = |spec: Value| Seen::of(Rolling::Deployment, &json!({"spec": spec})).rollout.obstacle;
    let proxy =
        |env: Value| json!({"template": {"spec": {"initContainers": [{"name": "linkerd-proxy", "env": [env]}]}}});
    assert_eq!(of(json!({"paused": true})), Some(Obstacle::Paused));
    assert_eq!(of(proxy(json!({"name": NAME, "value": "pem"}))), Some(Obstacle::InjectedByHand));
    assert_eq!(of(proxy(json!({"name": NAME, "valueFrom": {"configMapKeyRef": {}}}))), None);
    assert_eq!(of(json!({})), None);
}

#[test]
fn what_the_controller_says_is_the_trouble() {
    let of = |condition: Value| {
        Seen::of(Rolling::Deployment, &json!({"status": {"conditions": [condition]}})).rollout.trouble
    };
    let quota =
        json!({"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota"});
    assert_eq!(of(quota).as_deref(), Some("FailedCreate: exceeded quota"));
    let progressing =
        json!({"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable", "message": ""});
    assert_eq!(of(progressing), None);
}

#[test]
fn selectors_as_a_request_has_them() {
    let object = json!({"spec": {"selector": {"matchLabels": {"a": "b"}, "matchExpressions": [
        {"key": "c", "operator": "In", "values": ["d", "e"]}, {"key": "f", "operator": "Exists"},
        {"key": "g", "operator": "DoesNotExist"}, {"key": "h", "operator": "NotIn", "values": ["i"]},
    ]}}});
    assert_eq!(selector(Object::new(&object)), "a=b,c in (d,e),f,!g,h notin (i)");
}
