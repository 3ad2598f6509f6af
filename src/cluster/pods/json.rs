//! A pod from JSON: for API servers that do not speak protobuf, and for what was recorded with kubectl.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Deserialize;

use super::{
    Fold,
    pod::{Anchors, ContainerState, ContainerStatus, PROXY, Pod, Proxy},
};

/// Folds one pod.
///
/// # Errors
/// When it is not a pod.
pub fn each_of<'de, D: serde::Deserializer<'de>>(pod: D, fold: &mut Fold) -> Result<(), D::Error> {
    let pod = JsonPod::deserialize(pod)?;
    fold.push(&pod.view());
    Ok(())
}

type Text<'a> = Cow<'a, str>;

#[derive(Deserialize)]
pub(super) struct JsonPod<'a> {
    #[serde(borrow, default)]
    metadata: Metadata<'a>,
    #[serde(borrow, default)]
    spec: Spec<'a>,
    #[serde(borrow, default)]
    status: Status<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Metadata<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    namespace: Text<'a>,
    creation_timestamp: Option<Timestamp>,
    deletion_timestamp: Option<Timestamp>,
    #[serde(borrow)]
    labels: Labels<'a>,
    #[serde(borrow)]
    annotations: Annotations<'a>,
    #[serde(borrow)]
    owner_references: Vec<OwnerReference<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Labels<'a> {
    #[serde(borrow, rename = "linkerd.io/control-plane-ns")]
    control_plane: Option<Text<'a>>,
    #[serde(borrow, rename = "linkerd.io/control-plane-component")]
    component: Option<Text<'a>>,
    #[serde(borrow, rename = "pod-template-hash")]
    template_hash: Option<Text<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Annotations<'a> {
    #[serde(borrow, rename = "linkerd.io/inject")]
    inject: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct OwnerReference<'a> {
    #[serde(borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(default)]
    controller: bool,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec<'a> {
    #[serde(borrow)]
    containers: Vec<Container<'a>>,
    #[serde(borrow)]
    init_containers: Vec<Container<'a>>,
    #[serde(borrow)]
    service_account_name: Text<'a>,
    host_network: bool,
}

#[derive(Deserialize)]
struct Container<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow, default)]
    env: Vec<Variable<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Variable<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow, default)]
    value: Text<'a>,
    #[serde(borrow, default)]
    value_from: Option<ValueFrom<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ValueFrom<'a> {
    #[serde(borrow, default)]
    config_map_key_ref: Option<KeyRef<'a>>,
}

#[derive(Deserialize)]
struct KeyRef<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status<'a> {
    #[serde(borrow)]
    phase: Text<'a>,
    #[serde(borrow)]
    conditions: Vec<Condition<'a>>,
    #[serde(borrow)]
    container_statuses: Vec<JsonStatus<'a>>,
    #[serde(borrow)]
    init_container_statuses: Vec<JsonStatus<'a>>,
}

#[derive(Deserialize)]
struct Condition<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    status: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonStatus<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(default)]
    ready: bool,
    #[serde(default)]
    restart_count: u32,
    #[serde(borrow, default)]
    state: State<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct State<'a> {
    #[serde(borrow)]
    waiting: Option<Waiting<'a>>,
    running: Option<Running>,
    terminated: Option<Terminated>,
}

#[derive(Deserialize)]
struct Waiting<'a> {
    #[serde(borrow, default)]
    reason: Text<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Running {
    #[serde(default)]
    started_at: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Terminated {
    #[serde(default)]
    exit_code: i32,
}

// === views ===

impl JsonPod<'_> {
    pub(super) fn view(&self) -> Pod<'_> {
        let Self { metadata, spec, status } = self;
        let owners = &metadata.owner_references;
        let owner = owners.iter().find(|owner| owner.controller).or_else(|| owners.first());
        let mut containers = spec.init_containers.iter().chain(&spec.containers);
        let mut pod = Pod {
            namespace: &metadata.namespace,
            name: &metadata.name,
            created: metadata.creation_timestamp,
            terminating: metadata.deletion_timestamp.is_some(),
            control_plane: metadata.labels.control_plane.as_deref(),
            component: metadata.labels.component.as_deref(),
            template_hash: metadata.labels.template_hash.as_deref(),
            inject: metadata.annotations.inject.as_deref(),
            owner: owner.map(|owner| (&*owner.kind, &*owner.name)),
            service_account: &spec.service_account_name,
            host_network: spec.host_network,
            phase: &status.phase,
            ready: status.conditions.iter().any(|condition| condition.kind == "Ready" && condition.status == "True"),
            proxy: containers.find(|container| container.name == PROXY).map(Container::proxy),
            ..Pod::default()
        };
        status.init_container_statuses.iter().for_each(|container| pod.note(container.view(true)));
        status.container_statuses.iter().for_each(|container| pod.note(container.view(false)));
        pod
    }
}

impl Container<'_> {
    fn proxy(&self) -> Proxy<'_> {
        let mut proxy = Proxy::default();
        for variable in &self.env {
            match &*variable.name {
                "LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS" => proxy.anchors = variable.anchors(),
                "LINKERD2_PROXY_IDENTITY_LOCAL_NAME" => proxy.local_name = &variable.value,
                "LINKERD2_PROXY_ADMIN_LISTEN_ADDR" => proxy.admin = &variable.value,
                "_l5d_ns" => proxy.control_plane = Some(&variable.value),
                _ => {}
            }
        }
        proxy
    }
}

impl Variable<'_> {
    fn anchors(&self) -> Anchors<'_> {
        let key = self.value_from.as_ref().and_then(|from| from.config_map_key_ref.as_ref());
        match key {
            _ if !self.value.is_empty() => Anchors::Literal(&self.value),
            Some(key) if key.name == "linkerd-identity-trust-roots" => Anchors::ConfigMap,
            _ => Anchors::Unknown,
        }
    }
}

impl JsonStatus<'_> {
    fn view(&self, init: bool) -> ContainerStatus<'_> {
        let state = match &self.state {
            State { waiting: Some(waiting), .. } => ContainerState::Waiting(&waiting.reason),
            State { running: Some(running), .. } => ContainerState::Running(running.started_at),
            State { terminated: Some(terminated), .. } => ContainerState::Terminated(terminated.exit_code),
            _ => ContainerState::Unknown,
        };
        ContainerStatus { name: &self.name, init, ready: self.ready, restarts: self.restart_count, state }
    }
}
