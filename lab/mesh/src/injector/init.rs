//! The `linkerd-init` container (linkerd2 charts/partials/templates/_proxy-init.tpl).

use serde_json::{Value, json};

use super::sidecar;
use super::values::Values;

pub(crate) fn container(values: &Values, account_mount: Option<&Value>) -> Value {
    let mut mounts = vec![json!({
        "mountPath": values.text("/proxyInit/xtMountPath/mountPath"),
        "name": values.text("/proxyInit/xtMountPath/name"),
    })];
    mounts.extend(account_mount.cloned());
    json!({
        "name": "linkerd-init",
        "image": sidecar::image(values),
        "imagePullPolicy": sidecar::pull_policy(values),
        "command": ["/usr/lib/linkerd/linkerd2-proxy-init"],
        "args": arguments(values),
        "resources": sidecar::resources(values),
        "securityContext": security(values),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": mounts,
    })
}

struct Arguments(Vec<String>);

impl Arguments {
    fn add(&mut self, name: &str, value: impl Into<String>) {
        self.0.push(name.to_owned());
        self.0.push(value.into());
    }

    fn add_unless_empty(&mut self, name: &str, value: String) {
        if !value.is_empty() {
            self.add(name, value);
        }
    }
}

fn arguments(values: &Values) -> Vec<String> {
    let mut arguments = Arguments(Vec::new());
    if values.text("/proxyInit/iptablesMode") == "nft" {
        arguments.add("--firewall-bin-path", "iptables-nft");
        arguments.add("--firewall-save-bin-path", "iptables-nft-save");
    }
    if values.is_on("/disableIPv6") {
        arguments.0.push("--ipv6=false".into());
    }
    let port = |name: &str| values.text(&format!("/proxy/ports/{name}"));
    arguments.add("--incoming-proxy-port", port("inbound"));
    arguments.add("--outgoing-proxy-port", port("outbound"));
    arguments.add("--proxy-uid", values.text("/proxy/uid"));
    let group = values.at("/proxy/gid").as_i64().unwrap_or(-1);
    if group >= 0 {
        arguments.add("--proxy-gid", group.to_string());
    }
    let own = format!("{},{}", port("control"), port("admin"));
    let ignored = match values.text("/proxyInit/ignoreInboundPorts") {
        more if more.is_empty() => own,
        more => format!("{own},{more}"),
    };
    arguments.add("--inbound-ports-to-ignore", ignored);
    for (name, value) in [
        ("--outbound-ports-to-ignore", "ignoreOutboundPorts"),
        ("--log-format", "logFormat"),
        ("--log-level", "logLevel"),
        ("--subnets-to-ignore", "skipSubnets"),
    ] {
        arguments.add_unless_empty(name, values.text(&format!("/proxyInit/{value}")));
    }
    arguments.0
}

fn security(values: &Values) -> Value {
    let privileged = values.is_on("/proxyInit/privileged");
    let mut context = json!({
        "allowPrivilegeEscalation": privileged,
        "capabilities": { "add": ["NET_ADMIN", "NET_RAW"] },
        "privileged": privileged,
        "readOnlyRootFilesystem": true,
        "seccompProfile": { "type": "RuntimeDefault" },
    });
    let (user, group, other) = if values.is_on("/proxyInit/runAsRoot") {
        (0, 0, false)
    } else {
        (values.number("/proxyInit/runAsUser"), values.number("/proxyInit/runAsGroup"), true)
    };
    context["runAsUser"] = json!(user);
    context["runAsGroup"] = json!(group);
    context["runAsNonRoot"] = json!(other);
    context
}
