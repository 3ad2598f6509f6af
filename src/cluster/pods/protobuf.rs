//! A pod from protobuf. Field numbers are those of Kubernetes' `core/v1/generated.proto` and
//! `apimachinery/pkg/apis/meta/v1/generated.proto`, which never change.

use jiff::Timestamp;

use super::{
    pod::{Anchors, ContainerState, ContainerStatus, PROXY, Pod, Proxy},
    wire::{Field, Fields, Malformed},
};

/// Reads the bytes of one `Pod`.
pub(super) fn pod(bytes: &[u8]) -> Result<Pod<'_>, Malformed> {
    let mut pod = Pod::default();
    for field in Fields(bytes) {
        match field? {
            (1, metadata) => read_metadata(&mut pod, metadata)?,
            (2, spec) => read_spec(&mut pod, spec)?,
            (3, status) => read_status(&mut pod, status)?,
            _ => {}
        }
    }
    Ok(pod)
}

fn read_metadata<'a>(pod: &mut Pod<'a>, metadata: Field<'a>) -> Result<(), Malformed> {
    for field in metadata.fields() {
        match field? {
            (1, name) => pod.name = name.text().unwrap_or_default(),
            (3, namespace) => pod.namespace = namespace.text().unwrap_or_default(),
            (8, time) => pod.created = timestamp(time)?,
            (9, _) => pod.terminating = true,
            (11, label) => match entry(label)? {
                (b"linkerd.io/control-plane-ns", value) => pod.control_plane = value,
                (b"linkerd.io/control-plane-component", value) => pod.component = value,
                (b"pod-template-hash", value) => pod.template_hash = value,
                _ => {}
            },
            (12, annotation) => {
                if let (b"linkerd.io/inject", value) = entry(annotation)? {
                    pod.inject = value;
                }
            }
            (13, owner) => read_owner(pod, owner)?,
            _ => {}
        }
    }
    Ok(())
}

/// The controller among the owners, or the first where none controls.
fn read_owner<'a>(pod: &mut Pod<'a>, owner: Field<'a>) -> Result<(), Malformed> {
    let (mut kind, mut name, mut controller) = ("", "", false);
    for field in owner.fields() {
        match field? {
            (1, value) => kind = value.text().unwrap_or_default(),
            (3, value) => name = value.text().unwrap_or_default(),
            (6, value) => controller = value.number() != 0,
            _ => {}
        }
    }
    if controller || pod.owner.is_none() {
        pod.owner = Some((kind, name));
    }
    Ok(())
}

fn read_spec<'a>(pod: &mut Pod<'a>, spec: Field<'a>) -> Result<(), Malformed> {
    for field in spec.fields() {
        match field? {
            (2 | 20, container) => {
                if let Some(proxy) = proxy(container)? {
                    pod.proxy = Some(proxy);
                }
            }
            (8, account) => pod.service_account = account.text().unwrap_or_default(),
            (11, host_network) => pod.host_network = host_network.number() != 0,
            _ => {}
        }
    }
    Ok(())
}

/// The proxy's settings, where the container is one: any other is left after its name.
fn proxy(container: Field<'_>) -> Result<Option<Proxy<'_>>, Malformed> {
    let name = container.fields().first(1)?;
    if name != Some(Field::Bytes(PROXY.as_bytes())) {
        return Ok(None);
    }
    let mut proxy = Proxy::default();
    for field in container.fields() {
        let (7, variable) = field? else { continue };
        let Some(Field::Bytes(name)) = variable.fields().first(1)? else { continue };
        match name {
            b"LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS" => proxy.anchors = anchors(variable)?,
            b"LINKERD2_PROXY_IDENTITY_LOCAL_NAME" => proxy.local_name = value(variable)?.unwrap_or_default(),
            b"LINKERD2_PROXY_ADMIN_LISTEN_ADDR" => proxy.admin = value(variable)?.unwrap_or_default(),
            b"_l5d_ns" => proxy.control_plane = value(variable)?,
            _ => {}
        }
    }
    Ok(Some(proxy))
}

fn value(variable: Field<'_>) -> Result<Option<&str>, Malformed> {
    Ok(variable.fields().first(2)?.and_then(Field::text))
}

fn anchors(variable: Field<'_>) -> Result<Anchors<'_>, Malformed> {
    if let Some(text) = value(variable)?.filter(|text| !text.is_empty()) {
        return Ok(Anchors::Literal(text));
    }
    // EnvVar.valueFrom.configMapKeyRef.localObjectReference.name
    let mut at = Some(variable);
    for number in [3, 3, 1, 1] {
        let Some(message) = at else { break };
        at = message.fields().first(number)?;
    }
    let roots = at.and_then(Field::text) == Some("linkerd-identity-trust-roots");
    Ok(if roots { Anchors::ConfigMap } else { Anchors::Unknown })
}

fn read_status<'a>(pod: &mut Pod<'a>, status: Field<'a>) -> Result<(), Malformed> {
    for field in status.fields() {
        match field? {
            (1, phase) => pod.phase = phase.text().unwrap_or_default(),
            (2, condition) if condition.fields().first(1)? == Some(Field::Bytes(b"Ready")) => {
                pod.ready = condition.fields().first(2)? == Some(Field::Bytes(b"True"));
            }
            (8, container) => pod.note(container_status(container, false)?),
            (10, container) => pod.note(container_status(container, true)?),
            _ => {}
        }
    }
    Ok(())
}

fn container_status(container: Field<'_>, init: bool) -> Result<ContainerStatus<'_>, Malformed> {
    let mut status = ContainerStatus { name: "", init, ready: false, restarts: 0, state: ContainerState::Unknown };
    for field in container.fields() {
        match field? {
            (1, name) => status.name = name.text().unwrap_or_default(),
            (2, state) => status.state = container_state(state)?,
            (4, ready) => status.ready = ready.number() != 0,
            (5, restarts) => status.restarts = u32::try_from(restarts.number()).unwrap_or_default(),
            _ => {}
        }
    }
    Ok(status)
}

fn container_state(state: Field<'_>) -> Result<ContainerState<'_>, Malformed> {
    let Some(field) = state.fields().next() else { return Ok(ContainerState::Unknown) };
    Ok(match field? {
        (1, waiting) => ContainerState::Waiting(waiting.fields().first(1)?.and_then(Field::text).unwrap_or_default()),
        (2, running) => {
            let started = running.fields().first(1)?;
            ContainerState::Running(started.map(timestamp).transpose()?.flatten())
        }
        (3, terminated) => {
            let code = terminated.fields().first(1)?.map_or(0, Field::number);
            // A negative int32 is written as the ten bytes of its 64-bit form.
            #[expect(clippy::cast_possible_truncation, reason = "the low half of that form is the number")]
            ContainerState::Terminated(code as i32)
        }
        _ => ContainerState::Unknown,
    })
}

/// A map's entry: its key as bytes, since few are the ones that are looked for.
fn entry(field: Field<'_>) -> Result<(&[u8], Option<&str>), Malformed> {
    let (mut key, mut value) = (&[][..], Some(""));
    for field in field.fields() {
        match field? {
            (1, Field::Bytes(bytes)) => key = bytes,
            (2, field) => value = field.text(),
            _ => {}
        }
    }
    Ok((key, value))
}

fn timestamp(time: Field<'_>) -> Result<Option<Timestamp>, Malformed> {
    let seconds = time.fields().first(1)?.map(Field::number);
    Ok(seconds.and_then(|seconds| Timestamp::from_second(seconds.cast_signed()).ok()))
}
