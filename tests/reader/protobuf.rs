//! The API server's side of the wire: pods from JSON into protobuf, written independently of the reader with prost.
//! Field numbers: Kubernetes' core/v1/generated.proto, apimachinery's meta/v1 and runtime generated.proto.

use prost::Message;
use serde_json::Value;

/// The body of a list of pods.
pub(crate) fn list(pods: &[Value]) -> Vec<u8> {
    let list = PodList {
        metadata: Some(ListMeta { resource_version: Some("42".to_owned()) }),
        items: pods.iter().map(pod).collect(),
    };
    let type_meta = TypeMeta { api_version: Some("v1".to_owned()), kind: Some("PodList".to_owned()) };
    let unknown = Unknown {
        type_meta: Some(type_meta),
        raw: Some(list.encode_to_vec()),
        content_encoding: Some(String::new()),
        content_type: Some(String::new()),
    };
    let mut body = b"k8s\0".to_vec();
    body.extend(unknown.encode_to_vec());
    body
}

#[derive(Message)]
struct Unknown {
    #[prost(message, optional, tag = "1")]
    type_meta: Option<TypeMeta>,
    #[prost(bytes = "vec", optional, tag = "2")]
    raw: Option<Vec<u8>>,
    #[prost(string, optional, tag = "3")]
    content_encoding: Option<String>,
    #[prost(string, optional, tag = "4")]
    content_type: Option<String>,
}

#[derive(Message)]
struct TypeMeta {
    #[prost(string, optional, tag = "1")]
    api_version: Option<String>,
    #[prost(string, optional, tag = "2")]
    kind: Option<String>,
}

#[derive(Message)]
struct PodList {
    #[prost(message, optional, tag = "1")]
    metadata: Option<ListMeta>,
    #[prost(message, repeated, tag = "2")]
    items: Vec<Pod>,
}

#[derive(Message)]
struct ListMeta {
    #[prost(string, optional, tag = "2")]
    resource_version: Option<String>,
}

#[derive(Message)]
struct Pod {
    #[prost(message, optional, tag = "1")]
    metadata: Option<ObjectMeta>,
    #[prost(message, optional, tag = "2")]
    spec: Option<PodSpec>,
    #[prost(message, optional, tag = "3")]
    status: Option<PodStatus>,
}

#[derive(Message)]
struct ObjectMeta {
    #[prost(string, optional, tag = "1")]
    name: Option<String>,
    #[prost(string, optional, tag = "3")]
    namespace: Option<String>,
    #[prost(string, optional, tag = "5")]
    uid: Option<String>,
    #[prost(int64, optional, tag = "7")]
    generation: Option<i64>,
    #[prost(message, optional, tag = "8")]
    creation_timestamp: Option<Time>,
    #[prost(message, optional, tag = "9")]
    deletion_timestamp: Option<Time>,
    #[prost(btree_map = "string, string", tag = "11")]
    labels: std::collections::BTreeMap<String, String>,
    #[prost(btree_map = "string, string", tag = "12")]
    annotations: std::collections::BTreeMap<String, String>,
    #[prost(message, repeated, tag = "13")]
    owner_references: Vec<OwnerReference>,
}

#[derive(Message)]
struct Time {
    #[prost(int64, optional, tag = "1")]
    seconds: Option<i64>,
    #[prost(int32, optional, tag = "2")]
    nanos: Option<i32>,
}

#[derive(Message)]
struct OwnerReference {
    #[prost(string, optional, tag = "1")]
    kind: Option<String>,
    #[prost(string, optional, tag = "3")]
    name: Option<String>,
    #[prost(bool, optional, tag = "6")]
    controller: Option<bool>,
}

#[derive(Message)]
struct PodSpec {
    #[prost(message, repeated, tag = "2")]
    containers: Vec<Container>,
    #[prost(string, optional, tag = "8")]
    service_account_name: Option<String>,
    #[prost(bool, optional, tag = "11")]
    host_network: Option<bool>,
    #[prost(message, repeated, tag = "20")]
    init_containers: Vec<Container>,
}

#[derive(Message)]
struct Container {
    #[prost(string, optional, tag = "1")]
    name: Option<String>,
    #[prost(string, optional, tag = "2")]
    image: Option<String>,
    #[prost(message, repeated, tag = "7")]
    env: Vec<EnvVar>,
}

#[derive(Message)]
struct EnvVar {
    #[prost(string, optional, tag = "1")]
    name: Option<String>,
    #[prost(string, optional, tag = "2")]
    value: Option<String>,
    #[prost(message, optional, tag = "3")]
    value_from: Option<EnvVarSource>,
}

#[derive(Message)]
struct EnvVarSource {
    #[prost(message, optional, tag = "3")]
    config_map_key_ref: Option<ConfigMapKeySelector>,
}

#[derive(Message)]
struct ConfigMapKeySelector {
    #[prost(message, optional, tag = "1")]
    reference: Option<LocalObjectReference>,
    #[prost(string, optional, tag = "2")]
    key: Option<String>,
}

#[derive(Message)]
struct LocalObjectReference {
    #[prost(string, optional, tag = "1")]
    name: Option<String>,
}

#[derive(Message)]
struct PodStatus {
    #[prost(string, optional, tag = "1")]
    phase: Option<String>,
    #[prost(message, repeated, tag = "2")]
    conditions: Vec<Condition>,
    #[prost(message, repeated, tag = "8")]
    container_statuses: Vec<ContainerStatus>,
    #[prost(message, repeated, tag = "10")]
    init_container_statuses: Vec<ContainerStatus>,
}

#[derive(Message)]
struct Condition {
    #[prost(string, optional, tag = "1")]
    kind: Option<String>,
    #[prost(string, optional, tag = "2")]
    status: Option<String>,
}

#[derive(Message)]
struct ContainerStatus {
    #[prost(string, optional, tag = "1")]
    name: Option<String>,
    #[prost(message, optional, tag = "2")]
    state: Option<State>,
    #[prost(bool, optional, tag = "4")]
    ready: Option<bool>,
    #[prost(int32, optional, tag = "5")]
    restart_count: Option<i32>,
}

#[derive(Message)]
struct State {
    #[prost(message, optional, tag = "1")]
    waiting: Option<Waiting>,
    #[prost(message, optional, tag = "2")]
    running: Option<Running>,
    #[prost(message, optional, tag = "3")]
    terminated: Option<Terminated>,
}

#[derive(Message)]
struct Waiting {
    #[prost(string, optional, tag = "1")]
    reason: Option<String>,
}

#[derive(Message)]
struct Running {
    #[prost(message, optional, tag = "1")]
    started_at: Option<Time>,
}

#[derive(Message)]
struct Terminated {
    #[prost(int32, optional, tag = "1")]
    exit_code: Option<i32>,
    #[prost(string, optional, tag = "3")]
    reason: Option<String>,
}

// === from JSON ===

fn pod(pod: &Value) -> Pod {
    let (metadata, spec, status) = (&pod["metadata"], &pod["spec"], &pod["status"]);
    Pod {
        metadata: Some(ObjectMeta {
            name: text(&metadata["name"]),
            namespace: text(&metadata["namespace"]),
            uid: text(&metadata["uid"]),
            generation: metadata["generation"].as_i64(),
            creation_timestamp: time(&metadata["creationTimestamp"]),
            deletion_timestamp: time(&metadata["deletionTimestamp"]),
            labels: serde_json::from_value(metadata["labels"].clone()).unwrap_or_default(),
            annotations: serde_json::from_value(metadata["annotations"].clone()).unwrap_or_default(),
            owner_references: each(&metadata["ownerReferences"], |owner| OwnerReference {
                kind: text(&owner["kind"]),
                name: text(&owner["name"]),
                controller: owner["controller"].as_bool(),
            }),
        }),
        spec: Some(PodSpec {
            containers: each(&spec["containers"], container),
            init_containers: each(&spec["initContainers"], container),
            service_account_name: text(&spec["serviceAccountName"]),
            host_network: spec["hostNetwork"].as_bool(),
        }),
        status: Some(PodStatus {
            phase: text(&status["phase"]),
            conditions: each(&status["conditions"], |condition| Condition {
                kind: text(&condition["type"]),
                status: text(&condition["status"]),
            }),
            container_statuses: each(&status["containerStatuses"], container_status),
            init_container_statuses: each(&status["initContainerStatuses"], container_status),
        }),
    }
}

fn container(container: &Value) -> Container {
    Container {
        name: text(&container["name"]),
        image: text(&container["image"]),
        env: each(&container["env"], |variable| {
            let key = &variable["valueFrom"]["configMapKeyRef"];
            EnvVar {
                name: text(&variable["name"]),
                value: Some(text(&variable["value"]).unwrap_or_default()),
                value_from: variable["valueFrom"].is_object().then(|| EnvVarSource {
                    config_map_key_ref: key.is_object().then(|| ConfigMapKeySelector {
                        reference: Some(LocalObjectReference { name: text(&key["name"]) }),
                        key: text(&key["key"]),
                    }),
                }),
            }
        }),
    }
}

fn container_status(status: &Value) -> ContainerStatus {
    let state = &status["state"];
    let number = |value: &Value| value.as_i64().map(|number| i32::try_from(number).unwrap());
    ContainerStatus {
        name: text(&status["name"]),
        ready: status["ready"].as_bool(),
        restart_count: number(&status["restartCount"]),
        state: Some(State {
            waiting: some(&state["waiting"], |waiting| Waiting { reason: text(&waiting["reason"]) }),
            running: some(&state["running"], |running| Running { started_at: time(&running["startedAt"]) }),
            terminated: some(&state["terminated"], |terminated| Terminated {
                exit_code: number(&terminated["exitCode"]),
                reason: text(&terminated["reason"]),
            }),
        }),
    }
}

fn each<T>(list: &Value, of: impl Fn(&Value) -> T) -> Vec<T> {
    list.as_array().into_iter().flatten().map(of).collect()
}

fn some<T>(message: &Value, of: impl FnOnce(&Value) -> T) -> Option<T> {
    message.is_object().then(|| of(message))
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn time(value: &Value) -> Option<Time> {
    let time: jiff::Timestamp = value.as_str()?.parse().unwrap();
    Some(Time { seconds: Some(time.as_second()), nanos: Some(0) })
}
