//! Pods as a stream: what comes in protobuf, in whatever pieces, folds to what the same pods fold to in JSON.

use linkerd_certs::{
    cluster::pods::{self, Broken, Fold, PodList},
    snapshot::Mesh,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{
    fixtures::{Recorded, STATES, folder},
    protobuf,
};

fn folded(fold: impl FnOnce(&mut Fold)) -> Mesh {
    let mut folding = Fold::new("linkerd", &[]);
    fold(&mut folding);
    folding.finish()
}

fn from_json(pods: &[Value]) -> Mesh {
    folded(|fold| pods.iter().for_each(|pod| pods::each_of(pod, fold).unwrap()))
}

fn in_pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Mesh, Broken> {
    let mut fold = Fold::new("linkerd", &[]);
    let mut list = PodList::default();
    for piece in pieces {
        list.feed(piece, &mut |pod| fold.push(pod))?;
    }
    list.finish()?;
    Ok(fold.finish())
}

#[test]
fn protobuf_says_what_json_says() {
    for state in STATES {
        let Some(folder) = folder(state) else { return };
        let pods = &Recorded::of(&folder).lists["pods"];
        let body = protobuf::list(pods);
        let expected = from_json(pods);
        assert!(expected.pods() > 0);
        for size in [1, 7, 4_096, body.len()] {
            assert_eq!(in_pieces(body.chunks(size)).unwrap(), expected, "{state} in pieces of {size}");
        }
    }
}

/// Two pods with everything that is read of one, and some that is not.
fn pods() -> Vec<Value> {
    let pod = |name: &str, env: Value, state: Value| {
        json!({
            "metadata": {
                "name": name, "namespace": "shop", "uid": "u", "generation": 300,
                "creationTimestamp": "2026-11-21T09:00:00Z", "deletionTimestamp": "2026-11-21T09:30:00Z",
                "labels": {"linkerd.io/control-plane-ns": "linkerd", "pod-template-hash": "5b4", "app": "web"},
                "annotations": {"linkerd.io/inject": "enabled"},
                "ownerReferences": [
                    {"kind": "Other", "name": "first"},
                    {"kind": "ReplicaSet", "name": "web-5b4", "controller": true},
                ],
            },
            "spec": {
                "serviceAccountName": "web", "hostNetwork": false,
                "initContainers": [{"name": "linkerd-init", "image": "i"}],
                "containers": [{"name": "app", "env": [{"name": "A", "value": "B"}]}, {"name": "linkerd-proxy", "env": [
                    {"name": "LINKERD2_PROXY_IDENTITY_LOCAL_NAME", "value": "$(_pod_sa).$(_pod_ns).id.linkerd.local"},
                    {"name": "_l5d_ns", "value": "linkerd"}, env,
                ]}],
            },
            "status": {
                "phase": "Running", "conditions": [{"type": "Initialized", "status": "True"}, {"type": "Ready", "status": "False"}],
                "containerStatuses": [
                    {"name": "app", "ready": false, "restartCount": 300, "state": state},
                    {"name": "linkerd-proxy", "ready": true, "state": {"running": {"startedAt": "2026-11-21T09:00:10Z"}}},
                ],
            },
        })
    };
    let anchors = "LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS";
    let reference =
        json!({"name": anchors, "valueFrom": {"configMapKeyRef": {"name": "linkerd-identity-trust-roots"}}});
    vec![
        pod("one", json!({"name": anchors, "value": "some text"}), json!({"waiting": {"reason": "CrashLoopBackOff"}})),
        pod("two", reference, json!({"terminated": {"exitCode": -1}})),
    ]
}

#[test]
fn everything_that_is_read_is_read() {
    let mesh = in_pieces([protobuf::list(&pods()).as_slice()]).unwrap();
    assert_eq!(mesh, from_json(&pods()));
    let [workload] = mesh.workloads.as_slice() else { panic!("{mesh:?}") };
    assert_eq!((workload.kind.as_str(), workload.name.as_str()), ("Deployment", "web"));
    let [one, two] = workload.groups.as_slice() else { panic!("{mesh:?}") };
    assert_eq!(one.trouble[0].reason, "CrashLoopBackOff");
    assert_eq!((two.trouble[0].reason.as_str(), two.trouble[0].restarts), ("Error (exit code -1)", 300));
    assert_eq!(one.identity, "web.shop.id.linkerd.local");
    assert_eq!(one.oldest, "2026-11-21T09:00:10Z".parse().unwrap());
}

#[test]
fn cut_off_anywhere_it_is_neither_whole_nor_a_panic() {
    let body = protobuf::list(&pods());
    // What follows the list in its envelope is two empty texts: they are no loss.
    let list_ends = body.len() - 4;
    for end in 0..body.len() {
        match in_pieces([&body[..end]]) {
            Err(Broken::Early { pods }) => assert!(pods <= 2),
            Ok(_) => assert!(end >= list_ends, "{end}"),
            Err(Broken::Malformed(_)) => panic!("{end} of {}", body.len()),
        }
    }
}

#[test]
fn no_pods_at_all() {
    assert_eq!(in_pieces([protobuf::list(&[]).as_slice()]).unwrap(), Mesh::default());
}

#[test]
fn something_else_than_a_list() {
    for body in [
        &b"{\"kind\":\"PodList\"}"[..],
        b"k8s\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        b"k8s\0\x12\x02\x08\x01",
    ] {
        assert!(in_pieces([body]).is_err(), "{body:?}");
    }
    // A pod that says it is larger than anything that etcd holds.
    let huge = b"k8s\0\x12\xff\xff\xff\xff\xff\x01\x12\xff\xff\xff\xff\x0f";
    assert!(matches!(in_pieces([&huge[..]]), Err(Broken::Malformed(_))));
}

proptest! {
    #[test]
    fn broken_bytes_never_panic(at in 0..4_096_usize, byte: u8, size in 1..512_usize) {
        let mut body = protobuf::list(&pods());
        let at = at % body.len();
        body[at] = byte;
        let _ = in_pieces(body.chunks(size));
    }

    #[test]
    fn noise_never_panics(mut noise: Vec<u8>, size in 1..64_usize) {
        let _ = in_pieces(noise.chunks(size));
        noise.splice(0..0, *b"k8s\0\x12\xff\xff\x01\x12\xff\x01");
        let _ = in_pieces(noise.chunks(size));
    }
}
