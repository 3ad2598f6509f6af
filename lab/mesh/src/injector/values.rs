//! The values in linkerd-config, and the annotations that change them for one pod
//! (linkerd2 pkg/inject/inject.go `ApplyAnnotationOverrides`).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::flags;

#[derive(Clone, Debug)]
pub(crate) struct Values(Value);

/// How an annotation's text becomes a value.
#[derive(Clone, Copy)]
enum As {
    Text,
    Number,
    Switch,
    Milliseconds,
}

const CONFIG: &str = "config.linkerd.io/";

/// Annotation (after `config.linkerd.io/`), the value it overrides, and how.
const OVERRIDES: &[(&str, &str, As)] = &[
    ("proxy-image", "/proxy/image/name", As::Text),
    ("proxy-version", "/proxy/image/version", As::Text),
    ("image-pull-policy", "/proxy/image/pullPolicy", As::Text),
    ("control-port", "/proxy/ports/control", As::Number),
    ("inbound-port", "/proxy/ports/inbound", As::Number),
    ("admin-port", "/proxy/ports/admin", As::Number),
    ("outbound-port", "/proxy/ports/outbound", As::Number),
    ("proxy-log-level", "/proxy/logLevel", As::Text),
    ("proxy-log-format", "/proxy/logFormat", As::Text),
    ("proxy-log-http-headers", "/proxy/logHTTPHeaders", As::Text),
    ("proxy-uid", "/proxy/uid", As::Number),
    ("proxy-gid", "/proxy/gid", As::Number),
    ("proxy-await", "/proxy/await", As::Switch),
    ("proxy-enable-native-sidecar", "/proxy/nativeSidecar", As::Switch),
    ("default-inbound-policy", "/proxy/defaultInboundPolicy", As::Text),
    ("proxy-cpu-request", "/proxy/resources/cpu/request", As::Text),
    ("proxy-cpu-limit", "/proxy/resources/cpu/limit", As::Text),
    ("proxy-memory-request", "/proxy/resources/memory/request", As::Text),
    ("proxy-memory-limit", "/proxy/resources/memory/limit", As::Text),
    ("proxy-outbound-connect-timeout", "/proxy/outboundConnectTimeout", As::Milliseconds),
    ("proxy-inbound-connect-timeout", "/proxy/inboundConnectTimeout", As::Milliseconds),
    ("shutdown-grace-period", "/proxy/shutdownGracePeriod", As::Milliseconds),
    ("skip-inbound-ports", "/proxyInit/ignoreInboundPorts", As::Text),
    ("skip-outbound-ports", "/proxyInit/ignoreOutboundPorts", As::Text),
    ("skip-subnets", "/proxyInit/skipSubnets", As::Text),
    ("opaque-ports", "/proxy/opaquePorts", As::Text),
];

/// Older names of the native sidecar switch, the first that is there counts.
const NATIVE: &[&str] = &[
    "config.linkerd.io/proxy-enable-native-sidecar",
    "config.beta.linkerd.io/proxy-enable-native-sidecar",
    "config.alpha.linkerd.io/proxy-enable-native-sidecar",
];

/// The annotations a pod takes over from its namespace.
pub(crate) fn inherited() -> impl Iterator<Item = String> {
    OVERRIDES
        .iter()
        .map(|(name, _, _)| format!("{CONFIG}{name}"))
        .chain([NATIVE[2].to_owned(), super::decide::INJECT.to_owned()])
}

impl Values {
    pub(crate) fn from_yaml(yaml: &str) -> Result<Self, serde_yaml_ng::Error> {
        serde_yaml_ng::from_str(yaml).map(Self)
    }

    /// Sets the readiness probe's period, which the charts leave to Kubernetes.
    pub(crate) fn look_for_readiness_every(&mut self, seconds: u64) {
        if let Some(probe) = self.0.pointer_mut("/proxy/readinessProbe") {
            probe["periodSeconds"] = json!(seconds);
        }
    }

    /// The values for a pod with these annotations.
    pub(crate) fn overridden(&self, annotations: &BTreeMap<String, String>) -> Self {
        let mut values = self.clone();
        for (name, pointer, kind) in OVERRIDES {
            if let Some(text) = annotations.get(&format!("{CONFIG}{name}")) {
                values.set(pointer, *kind, text);
            }
        }
        if let Some(text) = NATIVE.iter().find_map(|name| annotations.get(*name)) {
            values.set("/proxy/nativeSidecar", As::Switch, text);
        }
        values
    }

    /// What cannot be read stays as it was, as in the original.
    fn set(&mut self, pointer: &str, kind: As, text: &str) {
        let value = match kind {
            As::Text => Some(json!(text)),
            As::Number => text.parse::<i64>().ok().map(|number| json!(number)),
            As::Switch => match text {
                "enabled" | "true" => Some(json!(true)),
                "disabled" | "false" => Some(json!(false)),
                _ => None,
            },
            As::Milliseconds => flags::duration(text).map(|duration| json!(format!("{}ms", duration.as_millis()))),
        };
        let Some(value) = value else { return };
        let mut place = &mut self.0;
        for part in pointer.trim_start_matches('/').split('/') {
            if !place.is_object() {
                *place = json!({});
            }
            place = &mut place[part];
        }
        *place = value;
    }

    /// A value as text; numbers and switches as they are written, nothing as an empty text.
    pub(crate) fn text(&self, pointer: &str) -> String {
        match self.0.pointer(pointer) {
            Some(Value::String(text)) => text.clone(),
            None | Some(Value::Null) => String::new(),
            Some(other) => other.to_string(),
        }
    }

    /// The text, or another where it is empty.
    pub(crate) fn text_or(&self, pointer: &str, otherwise: &str) -> String {
        let text = self.text(pointer);
        if text.is_empty() { otherwise.to_owned() } else { text }
    }

    pub(crate) fn number(&self, pointer: &str) -> i64 {
        self.0.pointer(pointer).and_then(Value::as_i64).unwrap_or_default()
    }

    pub(crate) fn is_on(&self, pointer: &str) -> bool {
        self.0.pointer(pointer) == Some(&Value::Bool(true))
    }

    pub(crate) fn at(&self, pointer: &str) -> &Value {
        self.0.pointer(pointer).unwrap_or(&Value::Null)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations_override_values() {
        let values = Values::from_yaml("proxy:\n  nativeSidecar: true\n  resources: null\n").unwrap();
        let annotations = [
            ("config.alpha.linkerd.io/proxy-enable-native-sidecar", "false"),
            ("config.linkerd.io/proxy-cpu-limit", "100m"),
            ("config.linkerd.io/proxy-uid", "not a number"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let values = values.overridden(&annotations);
        assert!(!values.is_on("/proxy/nativeSidecar"));
        assert_eq!(values.text("/proxy/resources/cpu/limit"), "100m");
        assert_eq!(values.text("/proxy/uid"), "");
    }
}
