//! The network and the configuration files of a cluster's processes.

use serde_json::json;

use crate::error::Result;
use crate::pki::Pki;

/// The node's address. It is in no way visible to the host, so every lab has the same.
pub(super) const NODE_IP: &str = "10.200.0.1";

/// DNS as pods see it.
const DNS_IP: &str = "10.96.0.10";

/// A bridge without members carries the node's and the DNS server's address: not every kernel has dummy devices.
pub(super) const NETWORK: &str = "
echo 1 >/proc/sys/net/ipv4/ip_forward
ip link add node0 type bridge
ip address add 10.200.0.1/24 dev node0
ip address add 10.96.0.10/32 dev node0
ip link set node0 up
ip route add default via 10.200.0.1 dev node0
";

pub(super) fn containerd() -> String {
    format!(
        r#"version = 2
[plugins."io.containerd.internal.v1.opt"]
  path = "/var/lib/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  # Without CAP_SYS_RESOURCE no score may be lowered, and no sandbox would start.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "/run/cni"
"#,
        pause = crate::image::PAUSE
    )
}

pub(super) fn cni() -> String {
    let bridge = json!({
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": true,
        "hairpinMode": true,
        "ipam": {
            "type": "host-local",
            "dataDir": "/var/lib/cni/addresses",
            "ranges": [[{"subnet": "10.244.0.0/16"}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    });
    let portmap = json!({"type": "portmap", "capabilities": {"portMappings": true}});
    json!({"cniVersion": "0.4.0", "name": "lab", "plugins": [bridge, portmap]}).to_string()
}

pub(super) fn kubelet(pki: &Pki, cgroup: &str) -> Result<String> {
    let settings = json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": NODE_IP,
        "authentication": {
            "anonymous": {"enabled": false},
            "webhook": {"enabled": true},
            "x509": {"clientCAFile": pki.path("ca", "crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": pki.path("kubelet", "crt"),
        "tlsPrivateKeyFile": pki.path("kubelet", "key"),
        "clusterDomain": "cluster.local",
        "clusterDNS": [DNS_IP],
        "resolvConf": "/dev/null",
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": format!("/{cgroup}"),
        "enforceNodeAllocatable": [],
        "failSwapOn": false,
        // The default folder is the host's.
        "volumePluginDir": "/var/lib/kubelet/volume-plugins",
        // Nothing may be removed or evicted behind a test's back.
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {"memory.available": "200Mi"},
        "maxPods": 250,
        // Mounted ConfigMaps and Secrets follow within seconds, so tests need not wait minutes.
        "configMapAndSecretChangeDetectionStrategy": "Watch",
        "syncFrequency": "5s",
        "nodeStatusUpdateFrequency": "5s",
        "serializeImagePulls": false,
    });
    serde_yaml_ng::to_string(&settings)
        .map_err(|error| crate::error::Error::malformed("the kubelet's settings", &error))
}

pub(super) fn corefile(kubeconfig: &str) -> String {
    format!(
        ".:53 {{
  bind {DNS_IP}
  errors
  kubernetes cluster.local in-addr.arpa {{
    kubeconfig {kubeconfig} lab
    pods insecure
  }}
  cache 5
}}
"
    )
}
