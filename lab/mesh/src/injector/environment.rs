//! The sidecar's environment (linkerd2 charts/partials/templates/_proxy.tpl).

use serde_json::{Value, json};

use super::values::Values;

/// What the environment is made from besides the values.
pub(crate) struct Place<'a> {
    pub(crate) control_plane: &'a str,
    pub(crate) inbound_ports: &'a str,
    pub(crate) anchors: &'a str,
}

pub(crate) fn variables(values: &Values, place: &Place<'_>) -> Vec<Value> {
    let mut env = Env(Vec::new());
    pod(&mut env);
    process(&mut env, values);
    control_plane(&mut env, values, place);
    listeners(&mut env, values, place);
    transport(&mut env, values);
    identity(&mut env, values, place);
    for list in ["/proxy/additionalEnv", "/proxy/experimentalEnv"] {
        env.0.extend(values.at(list).as_array().into_iter().flatten().cloned());
    }
    env.0
}

struct Env(Vec<Value>);

impl Env {
    fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.push(json!({ "name": name, "value": value.into() }));
    }

    /// A variable of the proxy's own.
    fn proxy(&mut self, name: &str, value: impl Into<String>) {
        self.set(&format!("LINKERD2_PROXY_{name}"), value);
    }

    fn proxy_unless_empty(&mut self, name: &str, value: String) {
        if !value.is_empty() {
            self.proxy(name, value);
        }
    }

    fn field(&mut self, name: &str, path: &str) {
        self.0.push(json!({ "name": name, "valueFrom": { "fieldRef": { "fieldPath": path } } }));
    }
}

fn pod(env: &mut Env) {
    env.field("_pod_name", "metadata.name");
    env.field("_pod_ns", "metadata.namespace");
    env.field("_pod_uid", "metadata.uid");
    env.field("_pod_ip", "status.podIP");
    env.field("_pod_nodeName", "spec.nodeName");
    env.set("_pod_containerName", "linkerd-proxy");
}

fn process(env: &mut Env, values: &Values) {
    let cores = values.text_or("/proxy/runtime/workers/minimum", "1");
    env.proxy("CORES", cores.clone());
    env.proxy("CORES_MIN", cores);
    env.proxy_unless_empty("INBOUND_PORTS_REQUIRE_IDENTITY", values.text("/proxy/requireIdentityOnInboundPorts"));
    env.proxy_unless_empty("INBOUND_PORTS_REQUIRE_TLS", values.text("/proxy/requireTLSOnInboundPorts"));
    env.proxy("SHUTDOWN_ENDPOINT_ENABLED", values.text_or("/proxy/enableShutdownEndpoint", "false"));
    let level = values.text("/proxy/logLevel");
    let headers = match values.text("/proxy/logHTTPHeaders").as_str() {
        "insecure" => "",
        _ => ",[{headers}]=off,[{request}]=off",
    };
    env.proxy("LOG", format!("{level}{headers}"));
    env.proxy("LOG_FORMAT", values.text("/proxy/logFormat"));
}

fn control_plane(env: &mut Env, values: &Values, place: &Place<'_>) {
    let service = |name: &str, port: u16| {
        let (namespace, domain) = (place.control_plane, values.text("/clusterDomain"));
        format!("{name}.{namespace}.svc.{domain}.:{port}")
    };
    let networks = values.text("/clusterNetworks");
    env.proxy("DESTINATION_SVC_ADDR", service("linkerd-dst-headless", 8086));
    env.proxy("DESTINATION_PROFILE_NETWORKS", networks.clone());
    env.proxy("POLICY_SVC_ADDR", service("linkerd-policy", 8090));
    env.proxy("POLICY_WORKLOAD", "{\"ns\":\"$(_pod_ns)\", \"pod\":\"$(_pod_name)\"}\n");
    env.proxy("INBOUND_DEFAULT_POLICY", values.text("/proxy/defaultInboundPolicy"));
    env.proxy("POLICY_CLUSTER_NETWORKS", networks);
    for (name, value) in
        [("INITIAL_TIMEOUT", "initialTimeout"), ("IDLE_TIMEOUT", "idleTimeout"), ("LIFETIME", "lifetime")]
    {
        let value = values.text(&format!("/proxy/control/streams/{value}"));
        env.proxy(&format!("CONTROL_STREAM_{name}"), value);
    }
    for (name, value) in [
        ("INBOUND_CONNECT_TIMEOUT", "inboundConnectTimeout"),
        ("OUTBOUND_CONNECT_TIMEOUT", "outboundConnectTimeout"),
        ("OUTBOUND_DISCOVERY_IDLE_TIMEOUT", "outboundDiscoveryCacheUnusedTimeout"),
        ("INBOUND_DISCOVERY_IDLE_TIMEOUT", "inboundDiscoveryCacheUnusedTimeout"),
    ] {
        env.proxy_unless_empty(name, values.text(&format!("/proxy/{value}")));
    }
}

fn listeners(env: &mut Env, values: &Values, place: &Place<'_>) {
    let any = if values.is_on("/disableIPv6") { "0.0.0.0" } else { "[::]" };
    let port = |name: &str| values.text(&format!("/proxy/ports/{name}"));
    let outbound = format!("127.0.0.1:{}", port("outbound"));
    env.proxy("CONTROL_LISTEN_ADDR", format!("{any}:{}", port("control")));
    env.proxy("ADMIN_LISTEN_ADDR", format!("{any}:{}", port("admin")));
    env.proxy("OUTBOUND_LISTEN_ADDR", outbound.clone());
    env.proxy(
        "OUTBOUND_LISTEN_ADDRS",
        if values.is_on("/disableIPv6") { outbound } else { format!("{outbound},[::1]:{}", port("outbound")) },
    );
    env.proxy("INBOUND_LISTEN_ADDR", format!("{any}:{}", port("inbound")));
    env.field("LINKERD2_PROXY_INBOUND_IPS", "status.podIPs");
    env.proxy("INBOUND_PORTS", place.inbound_ports);
}

fn transport(env: &mut Env, values: &Values) {
    let domain = values.text("/clusterDomain");
    env.proxy("DESTINATION_PROFILE_SUFFIXES", format!("svc.{domain}."));
    env.proxy("INBOUND_ACCEPT_KEEPALIVE", "10000ms");
    env.proxy("OUTBOUND_CONNECT_KEEPALIVE", "10000ms");
    env.proxy("INBOUND_ACCEPT_USER_TIMEOUT", "30s");
    env.proxy("OUTBOUND_CONNECT_USER_TIMEOUT", "30s");
    env.proxy("OUTBOUND_METRICS_HOSTNAME_LABELS", values.text_or("/proxy/metrics/hostnameLabels", "false"));
    for (name, value) in [("INBOUND", "inbound"), ("OUTBOUND", "outbound")] {
        for (parameter, key) in [("INTERVAL", "keepAliveInterval"), ("TIMEOUT", "keepAliveTimeout")] {
            let value = values.text(&format!("/proxy/{value}/server/http2/{key}"));
            env.proxy_unless_empty(&format!("{name}_SERVER_HTTP2_KEEP_ALIVE_{parameter}"), value);
        }
    }
    env.proxy_unless_empty("INBOUND_PORTS_DISABLE_PROTOCOL_DETECTION", values.text("/proxy/opaquePorts"));
}

fn identity(env: &mut Env, values: &Values, place: &Place<'_>) {
    let namespace = place.control_plane;
    let domain = values.text_or("/identityTrustDomain", &values.text("/clusterDomain"));
    let of = |account: &str| format!("{account}.{namespace}.serviceaccount.identity.{namespace}.{domain}");
    env.proxy(
        "DESTINATION_CONTEXT",
        "{\"ns\":\"$(_pod_ns)\", \"nodeName\":\"$(_pod_nodeName)\", \"pod\":\"$(_pod_name)\"}\n",
    );
    env.field("_pod_sa", "spec.serviceAccountName");
    env.set("_l5d_ns", namespace);
    env.set("_l5d_trustdomain", domain.clone());
    env.proxy("IDENTITY_DIR", "/var/run/linkerd/identity/end-entity");
    // Written out: this is what the pod trusts for as long as it lives.
    env.proxy("IDENTITY_TRUST_ANCHORS", format!("{}\n", place.anchors.trim()));
    env.proxy("IDENTITY_TOKEN_FILE", "/var/run/secrets/tokens/linkerd-identity-token");
    env.proxy(
        "IDENTITY_SVC_ADDR",
        format!("linkerd-identity-headless.{namespace}.svc.{}.:8080", values.text("/clusterDomain")),
    );
    env.proxy("IDENTITY_LOCAL_NAME", format!("$(_pod_sa).$(_pod_ns).serviceaccount.identity.{namespace}.{domain}"));
    env.proxy("IDENTITY_SVC_NAME", of("linkerd-identity"));
    env.proxy("DESTINATION_SVC_NAME", of("linkerd-destination"));
    env.proxy("POLICY_SVC_NAME", of("linkerd-destination"));
    env.proxy_unless_empty("ACCESS_LOG", values.text("/proxy/accessLog"));
    env.proxy_unless_empty("SHUTDOWN_GRACE_PERIOD", values.text("/proxy/shutdownGracePeriod"));
}
