//! The proxy injector: a mutating webhook that adds the sidecar to pods
//! (linkerd2 controller/proxy-injector/webhook.go, pkg/inject).
//!
//! Configuration and trust bundle are read from their mounts at every admission. So a pod gets the
//! bundle the kubelet has brought by then: pods made right after a change may still get the old one.

mod decide;
mod environment;
mod init;
mod owner;
mod patch;
mod ports;
mod sidecar;
mod values;

use std::path::PathBuf;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use serde_json::Value;
use tracing::info;

use crate::admin::Admin;
use crate::events::recorder::KubeRecorder;
use crate::events::{Note, Record, Severity};
use crate::flags::Flags;
use crate::role::Failure;
use crate::webhook::review::{AdmissionRequest, Verdict};
use crate::webhook::{self, Admit, certificate::Keys};
use decide::Decision;
use owner::Owner;
use patch::Pod;
use values::Values;

const VALUES: &str = "/var/run/linkerd/config/values";
const ANCHORS: &str = "/var/run/linkerd/identity/trust-roots/ca-bundle.crt";

struct Injector {
    client: kube::Client,
    namespace: String,
    events: Arc<dyn Record>,
    /// Seconds between two looks at a sidecar's readiness, where the lab wants it found sooner than the default of ten.
    readiness: Option<u64>,
}

pub(crate) async fn run(flags: Flags) -> Result<(), Failure> {
    let client = kube::Client::try_default().await?;
    let injector = Injector {
        events: Arc::new(KubeRecorder::start(client.clone(), "linkerd-proxy-injector")),
        client,
        namespace: flags.text_or("linkerd-namespace", "linkerd").to_owned(),
        readiness: flags.text("lab-readiness-period").and_then(|seconds| seconds.parse().ok()),
    };
    let admin = Admin::start(flags.listen_or("metrics-addr", 9995), String::new).await?;
    let folder = PathBuf::from(webhook::MOUNTED);
    let ready = || admin.set_ready();
    webhook::serve(flags.listen_or("addr", 8443), (&folder, Keys::All), injector, ready).await
}

impl Admit for Injector {
    async fn admit(&self, request: AdmissionRequest) -> Result<Verdict, Failure> {
        let mut values = Values::from_yaml(&std::fs::read_to_string(VALUES)?)?;
        if let Some(seconds) = self.readiness {
            values.look_for_readiness_every(seconds);
        }
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        let annotations = namespaces.get_metadata(&request.namespace).await?.metadata.annotations.unwrap_or_default();
        if request.kind.kind == "Service" {
            let patch = ports::service_patch(&request.object, &annotations, &values);
            return Ok(if patch.is_empty() { Verdict::Allow } else { Verdict::Patch(patch) });
        }
        let owner = owner::of(&self.client, &request.namespace, &request.object).await;
        let name = pod_name(&request.object);
        let decision = decide::decide(&request.object, &annotations);
        let verdict = match &decision {
            Decision::Skip(reasons) => {
                info!("skipped pod/{name}: {}", reasons.join(", "));
                let patch = ports::pod_patch(&request.object, &annotations, &values);
                if patch.is_empty() { Verdict::Allow } else { Verdict::Patch(patch) }
            }
            Decision::Inject => {
                info!("injection patch generated for: pod/{name}");
                Verdict::Patch(patch::operations(&Pod {
                    object: &request.object,
                    namespace: &request.namespace,
                    namespace_annotations: &annotations,
                    owner: owner.as_ref(),
                    control_plane: &self.namespace,
                    values: &values,
                    anchors: &std::fs::read_to_string(ANCHORS)?,
                }))
            }
        };
        // A trial run is not to leave traces.
        if request.dry_run != Some(true) {
            self.tell(owner, &decision);
        }
        Ok(verdict)
    }
}

impl Injector {
    fn tell(&self, owner: Option<Owner>, decision: &Decision) {
        let Some(regarding) = owner.and_then(|owner| owner.reference) else {
            return;
        };
        let (reason, message) = match decision {
            Decision::Inject => ("Injected", "Linkerd sidecar proxy injected".to_owned()),
            Decision::Skip(reasons) => {
                ("InjectionSkipped", format!("Linkerd sidecar proxy injection skipped: {}", reasons.join(", ")))
            }
        };
        self.events.record(Note { regarding, severity: Severity::Normal, reason, message });
    }
}

fn pod_name(pod: &Value) -> &str {
    let metadata = &pod["metadata"];
    metadata["name"].as_str().or(metadata["generateName"].as_str()).unwrap_or_default()
}
