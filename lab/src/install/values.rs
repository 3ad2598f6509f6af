//! The values of an install: what an operator passes, and what `linkerd install` keeps of it.

use serde_json::{Value, json};

use super::{Mode, Pki};
use crate::error::{Error, Result};

/// The version that the stand-in pretends to be.
pub(super) const VERSION: &str = "stable-2.20.0";

/// The values file for the chart; an `eager` mesh is asked for its readiness every second, not every ten.
pub(super) fn yaml(mode: Mode, pki: &Pki, eager: bool) -> Result<String> {
    let mut values = given(mode, pki)?;
    if mode != Mode::Helm {
        values["overrides"] = Value::String(text(&values)?);
        values["cliVersion"] = Value::String(format!("linkerd/cli {VERSION}"));
    }
    if eager {
        values["readinessPeriodSeconds"] = json!(1);
    }
    text(&values)
}

/// What differs from the defaults. A CLI install of the recorded meshes also set the four values around the first two.
fn given(mode: Mode, pki: &Pki) -> Result<Value> {
    let identity = match mode {
        Mode::ExternalCa => json!({"externalCA": true, "issuer": {"scheme": "kubernetes.io/tls"}}),
        Mode::Cli | Mode::Ha | Mode::Helm => {
            json!({"issuer": {"tls": {"crtPEM": pki.issuer.crt(), "keyPEM": pki.issuer.key()?}}})
        }
    };
    let mut values = json!({"identity": identity, "identityTrustAnchorsPEM": pki.anchor.crt()});
    if mode != Mode::Helm {
        values["disableHeartBeat"] = json!(true);
        values["proxy"] = json!({"await": false});
        values["proxyInit"] = json!({"kubeAPIServerPorts": "443,443", "runAsRoot": true});
    }
    if mode == Mode::Ha {
        for (name, value) in highly_available() {
            values[name] = value;
        }
    }
    Ok(values)
}

/// What the chart's values-ha.yaml sets (linkerd2, charts/linkerd-control-plane/values-ha.yaml), but for what one small
/// node cannot give: requests of memory and processor, and a node for each replica (`enablePodAntiAffinity`).
fn highly_available() -> [(&'static str, Value); 5] {
    [
        ("controllerReplicas", json!(3)),
        ("deploymentStrategy", json!({"rollingUpdate": {"maxUnavailable": 1, "maxSurge": "25%"}})),
        ("enablePodDisruptionBudget", json!(true)),
        ("highAvailability", json!(true)),
        ("webhookFailurePolicy", json!("Fail")),
    ]
}

fn text(values: &Value) -> Result<String> {
    serde_yaml_ng::to_string(values).map_err(|why| Error::malformed("the values of an install", &why))
}
