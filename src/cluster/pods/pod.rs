use jiff::Timestamp;

use crate::{cluster::probe::ADMIN_PORT, snapshot::PodTrouble};

/// Name of the proxy's container: an init container for native sidecars, an ordinary one otherwise.
pub(super) const PROXY: &str = "linkerd-proxy";

/// What the fold needs of one pod, borrowed from whatever it was decoded from.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pod<'a> {
    /// Namespace.
    pub namespace: &'a str,
    /// Name.
    pub name: &'a str,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// Whether it is being deleted.
    pub terminating: bool,
    /// Label `linkerd.io/control-plane-ns`.
    pub control_plane: Option<&'a str>,
    /// Label `linkerd.io/control-plane-component`.
    pub component: Option<&'a str>,
    /// Label `pod-template-hash`.
    pub template_hash: Option<&'a str>,
    /// Annotation `linkerd.io/inject`.
    pub inject: Option<&'a str>,
    /// Kind and name of what controls it.
    pub owner: Option<(&'a str, &'a str)>,
    /// `spec.serviceAccountName`.
    pub service_account: &'a str,
    /// `spec.hostNetwork`: such a pod is never injected.
    pub host_network: bool,
    /// `status.phase`.
    pub phase: &'a str,
    /// Condition Ready.
    pub ready: bool,
    /// Its proxy, where it has one.
    pub proxy: Option<Proxy<'a>>,
    /// When the proxy's container started.
    pub proxy_started: Option<Timestamp>,
    /// The container that is worst off, where one is not well.
    pub(super) worst: Option<(Health, ContainerStatus<'a>)>,
}

/// What the spec of a proxy's container says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Proxy<'a> {
    /// Where its trust bundle comes from.
    pub anchors: Anchors<'a>,
    /// `LINKERD2_PROXY_IDENTITY_LOCAL_NAME`, with `$(_pod_sa)` and `$(_pod_ns)` in it.
    pub local_name: &'a str,
    /// `_l5d_ns`: its control plane's namespace.
    pub control_plane: Option<&'a str>,
    /// `LINKERD2_PROXY_ADMIN_LISTEN_ADDR`, such as `[::]:4191`.
    pub admin: &'a str,
}

/// `LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Anchors<'a> {
    /// The text itself.
    Literal(&'a str),
    /// A reference to the trust roots' ConfigMap.
    ConfigMap,
    /// Not set, or by something else.
    #[default]
    Unknown,
}

/// The status of one container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContainerStatus<'a> {
    /// Its name.
    pub name: &'a str,
    /// Whether it is an init container.
    pub init: bool,
    /// Whether it is ready (for an init container: done, or a sidecar that started).
    pub ready: bool,
    /// How often it was restarted.
    pub restarts: u32,
    /// What it is doing.
    pub state: ContainerState<'a>,
}

/// The state of one container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ContainerState<'a> {
    /// Not started, for this reason.
    Waiting(&'a str),
    /// Running since.
    Running(Option<Timestamp>),
    /// Ended with this exit code.
    Terminated(i32),
    /// The status says nothing.
    #[default]
    Unknown,
}

/// How bad a container is off: what explains a pod's trouble best comes last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Health {
    /// Waits for another one, or has done its work.
    Waits,
    /// Runs without being ready.
    NotReady,
    /// The proxy runs without being ready: it has no certificate, or cannot reach its control plane.
    ProxyNotReady,
    /// Ended badly, or cannot start.
    Fails,
}

// === impl Pod ===

impl<'a> Pod<'a> {
    /// Whether it will never run again.
    pub fn is_finished(&self) -> bool {
        matches!(self.phase, "Succeeded" | "Failed")
    }

    /// Takes note of a container's status.
    pub fn note(&mut self, status: ContainerStatus<'a>) {
        if status.name == PROXY
            && let ContainerState::Running(started) = status.state
        {
            self.proxy_started = started;
        }
        let Some(health) = status.health() else { return };
        // Of two that are equally bad off the init container comes first: it is what the other one waits for.
        if self.worst.is_none_or(|(worst, found)| (health, status.init) > (worst, found.init)) {
            self.worst = Some((health, status));
        }
    }

    /// What is wrong with it, where something is.
    pub fn trouble(&self) -> Option<PodTrouble> {
        if self.ready {
            return None;
        }
        let worst = self.worst.map(|(_, status)| status);
        let reason = match self.worst {
            Some((Health::Fails, status)) => status.failure(),
            _ if self.terminating => "Terminating".to_owned(),
            _ if self.phase == "Pending" => "Pending".to_owned(),
            _ => "not ready".to_owned(),
        };
        Some(PodTrouble {
            pod: self.name.to_owned(),
            container: worst.map(|status| status.name.to_owned()),
            reason,
            restarts: worst.map_or(0, |status| status.restarts),
        })
    }

    /// The kind and name of its workload. A ReplicaSet whose name ends with the pod's template hash belongs to the
    /// Deployment before it; of other owners the pod knows only the nearest, so a CronJob shows as its Job.
    pub fn workload(&self) -> (&'a str, &'a str) {
        match self.owner {
            Some(("ReplicaSet", name)) => {
                let deployment = self
                    .template_hash
                    .and_then(|hash| name.strip_suffix(hash)?.strip_suffix('-'))
                    .filter(|deployment| !deployment.is_empty());
                deployment.map_or(("ReplicaSet", name), |deployment| ("Deployment", deployment))
            }
            // A static pod's mirror is owned by its Node.
            Some(("Node", _)) | None => ("Pod", self.name),
            Some(owner) => owner,
        }
    }
}

// === impl Proxy ===

impl Proxy<'_> {
    /// The port of its admin server, where it is not the usual one.
    pub(super) fn admin_port(&self) -> Option<u16> {
        let (_, port) = self.admin.rsplit_once(':')?;
        port.parse().ok().filter(|port| *port != ADMIN_PORT)
    }
}

// === impl ContainerStatus ===

impl ContainerStatus<'_> {
    fn health(&self) -> Option<Health> {
        match self.state {
            ContainerState::Waiting("PodInitializing" | "ContainerCreating" | "") => Some(Health::Waits),
            ContainerState::Terminated(0) => (!self.init).then_some(Health::Waits),
            ContainerState::Waiting(_) | ContainerState::Terminated(_) => Some(Health::Fails),
            _ if self.ready => None,
            // An init container that runs is at its work; a sidecar among them is as bad as a proxy that is not ready.
            _ if self.name == PROXY => Some(Health::ProxyNotReady),
            _ => Some(Health::NotReady),
        }
    }

    fn failure(&self) -> String {
        match self.state {
            ContainerState::Waiting(reason) => reason.to_owned(),
            ContainerState::Terminated(code) => format!("Error (exit code {code})"),
            ContainerState::Running(_) | ContainerState::Unknown => "not ready".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status<'a>(name: &'a str, ready: bool, state: ContainerState<'a>) -> ContainerStatus<'a> {
        ContainerStatus { name, init: false, ready, restarts: 3, state }
    }

    #[test]
    fn the_workload_behind_a_pod() {
        let cases = [
            (Some(("ReplicaSet", "web-d8cbc9556")), Some("d8cbc9556"), ("Deployment", "web")),
            (Some(("ReplicaSet", "web")), None, ("ReplicaSet", "web")),
            (Some(("ReplicaSet", "web-1")), Some("2"), ("ReplicaSet", "web-1")),
            (Some(("ReplicaSet", "-1")), Some("1"), ("ReplicaSet", "-1")),
            (Some(("StatefulSet", "db")), None, ("StatefulSet", "db")),
            (Some(("Node", "worker-1")), None, ("Pod", "the-pod")),
            (Some(("CloneSet", "x")), None, ("CloneSet", "x")),
            (None, None, ("Pod", "the-pod")),
        ];
        for (owner, template_hash, expected) in cases {
            let pod = Pod { name: "the-pod", owner, template_hash, ..Pod::default() };
            assert_eq!(pod.workload(), expected);
        }
    }

    #[test]
    fn the_admin_port_is_told_where_it_is_not_the_usual_one() {
        let port = |admin| Proxy { admin, ..Proxy::default() }.admin_port();
        assert_eq!(
            ["[::]:4191", "0.0.0.0:4195", "[::]:4999", "", "x:y"].map(port),
            [None, Some(4195), Some(4999), None, None]
        );
    }

    #[test]
    fn the_container_that_explains_it() {
        let mut pod = Pod { name: "identity-1", phase: "Running", ..Pod::default() };
        pod.note(status(PROXY, false, ContainerState::Running(None)));
        assert_eq!(pod.trouble().unwrap().container.as_deref(), Some(PROXY));
        pod.note(status("identity", false, ContainerState::Waiting("CrashLoopBackOff")));
        let trouble = pod.trouble().unwrap();
        assert_eq!((trouble.container.as_deref(), trouble.reason.as_str()), (Some("identity"), "CrashLoopBackOff"));
        assert_eq!(trouble.restarts, 3);
        pod.ready = true;
        assert_eq!(pod.trouble(), None);
    }

    #[test]
    fn waiting_its_turn_is_pending_and_an_exit_is_an_error() {
        let mut pod = Pod { phase: "Pending", ..Pod::default() };
        pod.note(status("db", false, ContainerState::Waiting("PodInitializing")));
        assert_eq!(pod.trouble().unwrap().reason, "Pending");
        pod.note(status("db", false, ContainerState::Terminated(1)));
        assert_eq!(pod.trouble().unwrap().reason, "Error (exit code 1)");
        let unscheduled = Pod { phase: "Pending", ..Pod::default() };
        assert_eq!(unscheduled.trouble().unwrap().container, None);
        let leaving = Pod { phase: "Running", terminating: true, ..Pod::default() };
        assert_eq!(leaving.trouble().unwrap().reason, "Terminating");
    }
}
