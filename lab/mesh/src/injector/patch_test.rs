//! The patch, applied to a pod of `web`, against what a real injector made of it.

use super::*;

/// What matters of a recorded linkerd-config, without what the patch does not use.
const VALUES: &str = "
clusterDomain: cluster.local
clusterNetworks: 10.0.0.0/8,100.64.0.0/10,172.16.0.0/12,192.168.0.0/16,fd00::/8
disableIPv6: true
identityTrustDomain: cluster.local
imagePullPolicy: IfNotPresent
linkerdVersion: stable-2.20.0
proxy:
  accessLog: ''
  additionalEnv: null
  await: false
  control: { streams: { idleTimeout: 5m, initialTimeout: 3s, lifetime: 1h } }
  defaultInboundPolicy: all-unauthenticated
  enableShutdownEndpoint: false
  gid: -1
  image: { name: cr.l5d.io/linkerd/proxy, pullPolicy: '', version: '' }
  inbound: { server: { http2: { keepAliveInterval: 10s, keepAliveTimeout: 3s } } }
  inboundConnectTimeout: 100ms
  inboundDiscoveryCacheUnusedTimeout: 90s
  livenessProbe: { initialDelaySeconds: 10, timeoutSeconds: 1 }
  logFormat: plain
  logHTTPHeaders: 'off'
  logLevel: warn,linkerd=info,hickory=error
  metrics: { hostnameLabels: false }
  nativeSidecar: true
  opaquePorts: 25,587,3306,4444,5432,6379,9300,11211
  outbound: { server: { http2: { keepAliveInterval: 10s, keepAliveTimeout: 3s } } }
  outboundConnectTimeout: 1000ms
  outboundDiscoveryCacheUnusedTimeout: 5s
  ports: { admin: 4191, control: 4190, inbound: 4143, outbound: 4140 }
  readinessProbe: { initialDelaySeconds: 2, timeoutSeconds: 1 }
  resources: { cpu: { limit: '', request: '' } }
  runtime: { workers: { minimum: 1 } }
  uid: 2102
proxyInit:
  ignoreInboundPorts: 4567,4568
  ignoreOutboundPorts: 4567,4568
  iptablesMode: nft
  logFormat: ''
  privileged: false
  runAsRoot: true
  skipSubnets: ''
  xtMountPath: { mountPath: /run, name: linkerd-proxy-init-xtables-lock }
";

const ANCHORS: &str = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n\n";

/// The environment of a recorded sidecar; `@` stands before a field of the pod.
const ENVIRONMENT: &[(&str, &str)] = &[
    ("_pod_name", "@metadata.name"),
    ("_pod_ns", "@metadata.namespace"),
    ("_pod_uid", "@metadata.uid"),
    ("_pod_ip", "@status.podIP"),
    ("_pod_nodeName", "@spec.nodeName"),
    ("_pod_containerName", "linkerd-proxy"),
    ("LINKERD2_PROXY_CORES", "1"),
    ("LINKERD2_PROXY_CORES_MIN", "1"),
    ("LINKERD2_PROXY_SHUTDOWN_ENDPOINT_ENABLED", "false"),
    ("LINKERD2_PROXY_LOG", "warn,linkerd=info,hickory=error,[{headers}]=off,[{request}]=off"),
    ("LINKERD2_PROXY_LOG_FORMAT", "plain"),
    ("LINKERD2_PROXY_DESTINATION_SVC_ADDR", "linkerd-dst-headless.linkerd.svc.cluster.local.:8086"),
    ("LINKERD2_PROXY_DESTINATION_PROFILE_NETWORKS", "10.0.0.0/8,100.64.0.0/10,172.16.0.0/12,192.168.0.0/16,fd00::/8"),
    ("LINKERD2_PROXY_POLICY_SVC_ADDR", "linkerd-policy.linkerd.svc.cluster.local.:8090"),
    ("LINKERD2_PROXY_POLICY_WORKLOAD", "{\"ns\":\"$(_pod_ns)\", \"pod\":\"$(_pod_name)\"}\n"),
    ("LINKERD2_PROXY_INBOUND_DEFAULT_POLICY", "all-unauthenticated"),
    ("LINKERD2_PROXY_POLICY_CLUSTER_NETWORKS", "10.0.0.0/8,100.64.0.0/10,172.16.0.0/12,192.168.0.0/16,fd00::/8"),
    ("LINKERD2_PROXY_CONTROL_STREAM_INITIAL_TIMEOUT", "3s"),
    ("LINKERD2_PROXY_CONTROL_STREAM_IDLE_TIMEOUT", "5m"),
    ("LINKERD2_PROXY_CONTROL_STREAM_LIFETIME", "1h"),
    ("LINKERD2_PROXY_INBOUND_CONNECT_TIMEOUT", "100ms"),
    ("LINKERD2_PROXY_OUTBOUND_CONNECT_TIMEOUT", "1000ms"),
    ("LINKERD2_PROXY_OUTBOUND_DISCOVERY_IDLE_TIMEOUT", "5s"),
    ("LINKERD2_PROXY_INBOUND_DISCOVERY_IDLE_TIMEOUT", "90s"),
    ("LINKERD2_PROXY_CONTROL_LISTEN_ADDR", "0.0.0.0:4190"),
    ("LINKERD2_PROXY_ADMIN_LISTEN_ADDR", "0.0.0.0:4191"),
    ("LINKERD2_PROXY_OUTBOUND_LISTEN_ADDR", "127.0.0.1:4140"),
    ("LINKERD2_PROXY_OUTBOUND_LISTEN_ADDRS", "127.0.0.1:4140"),
    ("LINKERD2_PROXY_INBOUND_LISTEN_ADDR", "0.0.0.0:4143"),
    ("LINKERD2_PROXY_INBOUND_IPS", "@status.podIPs"),
    ("LINKERD2_PROXY_INBOUND_PORTS", "8080"),
    ("LINKERD2_PROXY_DESTINATION_PROFILE_SUFFIXES", "svc.cluster.local."),
    ("LINKERD2_PROXY_INBOUND_ACCEPT_KEEPALIVE", "10000ms"),
    ("LINKERD2_PROXY_OUTBOUND_CONNECT_KEEPALIVE", "10000ms"),
    ("LINKERD2_PROXY_INBOUND_ACCEPT_USER_TIMEOUT", "30s"),
    ("LINKERD2_PROXY_OUTBOUND_CONNECT_USER_TIMEOUT", "30s"),
    ("LINKERD2_PROXY_OUTBOUND_METRICS_HOSTNAME_LABELS", "false"),
    ("LINKERD2_PROXY_INBOUND_SERVER_HTTP2_KEEP_ALIVE_INTERVAL", "10s"),
    ("LINKERD2_PROXY_INBOUND_SERVER_HTTP2_KEEP_ALIVE_TIMEOUT", "3s"),
    ("LINKERD2_PROXY_OUTBOUND_SERVER_HTTP2_KEEP_ALIVE_INTERVAL", "10s"),
    ("LINKERD2_PROXY_OUTBOUND_SERVER_HTTP2_KEEP_ALIVE_TIMEOUT", "3s"),
    ("LINKERD2_PROXY_INBOUND_PORTS_DISABLE_PROTOCOL_DETECTION", "25,587,3306,4444,5432,6379,9300,11211"),
    (
        "LINKERD2_PROXY_DESTINATION_CONTEXT",
        "{\"ns\":\"$(_pod_ns)\", \"nodeName\":\"$(_pod_nodeName)\", \"pod\":\"$(_pod_name)\"}\n",
    ),
    ("_pod_sa", "@spec.serviceAccountName"),
    ("_l5d_ns", "linkerd"),
    ("_l5d_trustdomain", "cluster.local"),
    ("LINKERD2_PROXY_IDENTITY_DIR", "/var/run/linkerd/identity/end-entity"),
    ("LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"),
    ("LINKERD2_PROXY_IDENTITY_TOKEN_FILE", "/var/run/secrets/tokens/linkerd-identity-token"),
    ("LINKERD2_PROXY_IDENTITY_SVC_ADDR", "linkerd-identity-headless.linkerd.svc.cluster.local.:8080"),
    ("LINKERD2_PROXY_IDENTITY_LOCAL_NAME", "$(_pod_sa).$(_pod_ns).serviceaccount.identity.linkerd.cluster.local"),
    ("LINKERD2_PROXY_IDENTITY_SVC_NAME", "linkerd-identity.linkerd.serviceaccount.identity.linkerd.cluster.local"),
    (
        "LINKERD2_PROXY_DESTINATION_SVC_NAME",
        "linkerd-destination.linkerd.serviceaccount.identity.linkerd.cluster.local",
    ),
    ("LINKERD2_PROXY_POLICY_SVC_NAME", "linkerd-destination.linkerd.serviceaccount.identity.linkerd.cluster.local"),
];

fn web() -> Value {
    json!({
        "metadata": {
            "generateName": "web-d8cbc9556-",
            "labels": { "app": "web", "pod-template-hash": "d8cbc9556" },
        },
        "spec": {
            "containers": [{
                "name": "web",
                "ports": [{ "containerPort": 8080, "protocol": "TCP" }],
                "readinessProbe": { "httpGet": { "path": "/", "port": 8080 } },
                "volumeMounts": [{
                    "mountPath": ACCOUNT,
                    "name": "kube-api-access-sq27b",
                    "readOnly": true,
                }],
            }],
            "volumes": [{ "name": "kube-api-access-sq27b" }],
        },
    })
}

/// The pod after the patch.
fn injected(mut pod: Value) -> Value {
    let owner = Owner { kind: "deployment".into(), name: "web".into(), reference: None };
    let patch = operations(&Pod {
        object: &pod,
        namespace: "emojivoto",
        namespace_annotations: &[("linkerd.io/inject".into(), "enabled".into())].into(),
        owner: Some(&owner),
        control_plane: "linkerd",
        values: &Values::from_yaml(VALUES).unwrap(),
        anchors: ANCHORS,
    });
    for operation in patch {
        let pointer = operation["path"].as_str().unwrap();
        let (parent, last) = pointer.rsplit_once('/').unwrap();
        let last = last.replace("~1", "/").replace("~0", "~");
        match pod.pointer_mut(parent).unwrap() {
            Value::Array(items) => {
                let at = last.parse().unwrap_or(items.len());
                items.insert(at, operation["value"].clone());
            }
            map => map[last] = operation["value"].clone(),
        }
    }
    pod
}

fn names(list: &Value) -> Vec<&str> {
    let list = list.as_array().unwrap();
    list.iter().map(|item| item["name"].as_str().unwrap()).collect()
}

#[test]
fn metadata_is_as_recorded() {
    let pod = injected(web());
    assert_eq!(
        pod["metadata"]["labels"],
        json!({
            "app": "web",
            "linkerd.io/control-plane-ns": "linkerd",
            "linkerd.io/proxy-deployment": "web",
            "linkerd.io/workload-ns": "emojivoto",
            "pod-template-hash": "d8cbc9556",
        })
    );
    let sum = hex(digest(&SHA256, ANCHORS.as_bytes()).as_ref());
    assert_eq!(
        pod["metadata"]["annotations"],
        json!({
            "linkerd.io/created-by": "linkerd/proxy-injector stable-2.20.0",
            "linkerd.io/inject": "enabled",
            "linkerd.io/proxy-version": "stable-2.20.0",
            "linkerd.io/trust-root-sha256": sum,
        })
    );
}

#[test]
fn the_environment_is_as_recorded_name_by_name_and_in_order() {
    let pod = injected(web());
    let made: Vec<_> = pod["spec"]["initContainers"][1]["env"]
        .as_array()
        .unwrap()
        .iter()
        .map(|variable| {
            let value = match variable["value"].as_str() {
                Some(value) => value.to_owned(),
                None => format!("@{}", variable["valueFrom"]["fieldRef"]["fieldPath"].as_str().unwrap()),
            };
            (variable["name"].as_str().unwrap().to_owned(), value)
        })
        .collect();
    let recorded: Vec<_> = ENVIRONMENT.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    assert_eq!(made, recorded);
}

#[test]
fn containers_and_volumes_are_as_recorded() {
    let pod = injected(web());
    let spec = &pod["spec"];
    assert_eq!(names(&spec["initContainers"]), ["linkerd-init", "linkerd-proxy"]);
    assert_eq!(names(&spec["containers"]), ["web"]);
    assert_eq!(
        names(&spec["volumes"]),
        [
            "kube-api-access-sq27b",
            "linkerd-proxy-init-xtables-lock",
            "linkerd-identity-end-entity",
            "linkerd-identity-token",
        ]
    );
    let (init, proxy) = (&spec["initContainers"][0], &spec["initContainers"][1]);
    let arguments: Vec<_> = init["args"].as_array().unwrap().iter().map(|a| a.as_str().unwrap()).collect();
    assert_eq!(
        arguments.join(" "),
        "--firewall-bin-path iptables-nft --firewall-save-bin-path iptables-nft-save --ipv6=false \
         --incoming-proxy-port 4143 --outgoing-proxy-port 4140 --proxy-uid 2102 \
         --inbound-ports-to-ignore 4190,4191,4567,4568 --outbound-ports-to-ignore 4567,4568"
    );
    assert_eq!(
        init["securityContext"],
        json!({
            "allowPrivilegeEscalation": false,
            "capabilities": { "add": ["NET_ADMIN", "NET_RAW"] },
            "privileged": false,
            "readOnlyRootFilesystem": true,
            "runAsGroup": 0,
            "runAsNonRoot": false,
            "runAsUser": 0,
            "seccompProfile": { "type": "RuntimeDefault" },
        })
    );
    assert_eq!(proxy["restartPolicy"], "Always");
    assert_eq!(proxy["image"], "cr.l5d.io/linkerd/proxy:stable-2.20.0");
    assert_eq!(proxy["imagePullPolicy"], "IfNotPresent");
    assert_eq!(proxy["resources"], json!({}));
    assert_eq!(
        names(&proxy["volumeMounts"]),
        ["linkerd-identity-end-entity", "linkerd-identity-token", "kube-api-access-sq27b"]
    );
    assert_eq!(
        proxy["securityContext"],
        json!({
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "runAsNonRoot": true,
            "runAsUser": 2102,
            "seccompProfile": { "type": "RuntimeDefault" },
        })
    );
}

#[test]
fn an_ordinary_sidecar_stands_among_the_containers() {
    let mut pod = web();
    pod["metadata"]["annotations"] = json!({ "config.linkerd.io/proxy-enable-native-sidecar": "false" });
    pod["spec"]["initContainers"] = json!([{ "name": "own" }]);
    let pod = injected(pod);
    assert_eq!(names(&pod["spec"]["initContainers"]), ["own", "linkerd-init"]);
    assert_eq!(names(&pod["spec"]["containers"]), ["web", "linkerd-proxy"]);
    assert!(pod["spec"]["containers"][1]["restartPolicy"].is_null());
}
