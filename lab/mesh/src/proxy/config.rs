//! The sidecar's settings, from the variables the injector writes (linkerd2-proxy linkerd/app/src/env).

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::control::ControlAddr;
use super::refresh::Limits;
use crate::flags::duration;

#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) name: String,
    pub(crate) trust_anchors: String,
    pub(crate) token_file: PathBuf,
    pub(crate) identity: ControlAddr,
    pub(crate) destination: ControlAddr,
    pub(crate) destination_context: String,
    pub(crate) refresh: Limits,
    pub(crate) admin: SocketAddr,
    pub(crate) inbound: SocketAddr,
    pub(crate) outbound: SocketAddr,
    /// Ports on which only connections over TLS are taken.
    pub(crate) require_tls: Vec<u16>,
    pub(crate) inbound_connect: Duration,
    pub(crate) outbound_connect: Duration,
    pub(crate) discovery_idle: Duration,
    /// How long open connections may last after the signal to stop.
    pub(crate) grace: Duration,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("{0} must be set")]
    Unset(String),
    #[error("{name} is not valid: {value:?}")]
    Invalid { name: String, value: String },
}

const PREFIX: &str = "LINKERD2_PROXY_";

impl Config {
    /// Reads the variables through `lookup`.
    pub(crate) fn from_env(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let optional = |name: &str| lookup(&format!("{PREFIX}{name}")).filter(|v| !v.is_empty());
        let required = |name: &str| optional(name).ok_or_else(|| ConfigError::Unset(format!("{PREFIX}{name}")));
        let invalid =
            |name: &str, value: &str| ConfigError::Invalid { name: format!("{PREFIX}{name}"), value: value.to_owned() };
        let listen = |name: &str, otherwise: &str| {
            let text = optional(name).unwrap_or_else(|| otherwise.to_owned());
            text.parse().map_err(|_| invalid(name, &text))
        };
        let time = |name: &str, otherwise: Duration| match optional(name) {
            Some(text) => duration(&text).ok_or_else(|| invalid(name, &text)),
            None => Ok(otherwise),
        };
        let control = |service: &str| {
            let name = format!("{service}_SVC_ADDR");
            let address = required(&name)?;
            let server = required(&format!("{service}_SVC_NAME"))?;
            ControlAddr::parse(&address, &server).ok_or_else(|| invalid(&name, &address))
        };
        let seconds = Duration::from_secs;
        Ok(Self {
            name: required("IDENTITY_LOCAL_NAME")?,
            trust_anchors: required("IDENTITY_TRUST_ANCHORS")?,
            token_file: required("IDENTITY_TOKEN_FILE")?.into(),
            identity: control("IDENTITY")?,
            destination: control("DESTINATION")?,
            destination_context: optional("DESTINATION_CONTEXT").unwrap_or_default(),
            refresh: Limits {
                min: time("IDENTITY_MIN_REFRESH", Limits::default().min)?,
                max: time("IDENTITY_MAX_REFRESH", Limits::default().max)?,
            },
            admin: listen("ADMIN_LISTEN_ADDR", "0.0.0.0:4191")?,
            inbound: listen("INBOUND_LISTEN_ADDR", "0.0.0.0:4143")?,
            outbound: listen("OUTBOUND_LISTEN_ADDR", "127.0.0.1:4140")?,
            require_tls: optional("INBOUND_PORTS_REQUIRE_TLS")
                .unwrap_or_default()
                .split(',')
                .filter_map(|port| port.trim().parse().ok())
                .collect(),
            inbound_connect: time("INBOUND_CONNECT_TIMEOUT", Duration::from_millis(100))?,
            outbound_connect: time("OUTBOUND_CONNECT_TIMEOUT", seconds(1))?,
            discovery_idle: time("OUTBOUND_DISCOVERY_IDLE_TIMEOUT", seconds(5))?,
            grace: time("SHUTDOWN_GRACE_PERIOD", seconds(120))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As in a recorded pod, with what the kubelet expands already expanded.
    const RECORDED: &[(&str, &str)] = &[
        ("ADMIN_LISTEN_ADDR", "0.0.0.0:4191"),
        ("DESTINATION_SVC_ADDR", "linkerd-dst-headless.linkerd.svc.cluster.local.:8086"),
        ("DESTINATION_SVC_NAME", "linkerd-destination.linkerd.serviceaccount.identity.linkerd.cluster.local"),
        ("IDENTITY_LOCAL_NAME", "default.emojivoto.serviceaccount.identity.linkerd.cluster.local"),
        ("IDENTITY_SVC_ADDR", "localhost.:8080"),
        ("IDENTITY_SVC_NAME", "linkerd-identity.linkerd.serviceaccount.identity.linkerd.cluster.local"),
        ("IDENTITY_TOKEN_FILE", "/var/run/secrets/tokens/linkerd-identity-token"),
        ("IDENTITY_TRUST_ANCHORS", "-----BEGIN CERTIFICATE-----"),
        ("INBOUND_PORTS_REQUIRE_TLS", "8080"),
        ("OUTBOUND_CONNECT_TIMEOUT", "1000ms"),
    ];

    fn lookup(name: &str) -> Option<String> {
        let name = name.strip_prefix(PREFIX)?;
        let found = RECORDED.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn reads_a_recorded_environment() {
        let config = Config::from_env(lookup).unwrap();
        assert_eq!(config.require_tls, [8080]);
        assert_eq!(config.outbound_connect, Duration::from_secs(1));
        assert_eq!(config.refresh.min, Duration::from_secs(10));
        assert!(config.identity.is_local());
        assert!(!config.destination.is_local());
    }

    #[test]
    fn names_what_is_missing() {
        let error = Config::from_env(|name| lookup(name).filter(|_| !name.ends_with("TRUST_ANCHORS"))).unwrap_err();
        assert_eq!(error.to_string(), "LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS must be set");
    }
}
