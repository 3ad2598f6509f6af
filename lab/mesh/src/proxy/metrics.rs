//! `/metrics` of the sidecar (linkerd2-proxy linkerd/identity/src/metrics.rs).

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Counters and times, all since the start.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    expires_at: AtomicU64,
    refreshed_at: AtomicU64,
    refreshes: AtomicU64,
    refresh_errors: AtomicU64,
    pub(crate) inbound: Connections,
    pub(crate) outbound: Connections,
}

/// Connections of one direction.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    pub(crate) over_tls: AtomicU64,
    pub(crate) plain: AtomicU64,
    /// Handshakes that failed.
    pub(crate) tls_failed: AtomicU64,
}

pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Metrics {
    pub(crate) fn refreshed(&self, until: SystemTime) {
        count(&self.refreshes);
        self.expires_at.store(seconds(until), Ordering::Relaxed);
        self.refreshed_at.store(seconds(SystemTime::now()), Ordering::Relaxed);
    }

    /// Only a certificate that was offered and not accepted counts; a refused request does not.
    pub(crate) fn not_refreshed(&self) {
        count(&self.refresh_errors);
    }

    pub(crate) fn to_text(&self) -> String {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut text = String::new();
        let cert = "control_identity_cert";
        let lines = [
            format!(
                "# HELP {cert}_expiration_timestamp_seconds Time when this proxy's current mTLS \
                 identity certificate will expire (in seconds since the UNIX epoch).\n\
                 # TYPE {cert}_expiration_timestamp_seconds gauge\n\
                 # UNIT {cert}_expiration_timestamp_seconds seconds\n\
                 {cert}_expiration_timestamp_seconds {}.0",
                of(&self.expires_at)
            ),
            format!(
                "# HELP {cert}_refresh_timestamp_seconds Time when this proxy's current mTLS \
                 identity certificate was last updated.\n\
                 # TYPE {cert}_refresh_timestamp_seconds gauge\n\
                 # UNIT {cert}_refresh_timestamp_seconds seconds\n\
                 {cert}_refresh_timestamp_seconds {}.0",
                of(&self.refreshed_at)
            ),
            format!(
                "# HELP {cert}_refreshes The total number of times this proxy's mTLS identity \
                 certificate has been refreshed by the Identity provider.\n\
                 # TYPE {cert}_refreshes counter\n\
                 {cert}_refreshes_total{{result=\"ok\"}} {}\n\
                 {cert}_refreshes_total{{result=\"error\"}} {}",
                of(&self.refreshes),
                of(&self.refresh_errors)
            ),
            "# TYPE tcp_open_total counter".to_owned(),
            self.inbound.lines("inbound"),
            self.outbound.lines("outbound"),
            "# EOF".to_owned(),
        ];
        for line in lines {
            // Writing to a String does not fail.
            let _ = writeln!(text, "{line}");
        }
        text
    }
}

impl Connections {
    fn lines(&self, direction: &str) -> String {
        [("tls=\"true\"", &self.over_tls), ("tls=\"no_identity\"", &self.plain), ("tls=\"failed\"", &self.tls_failed)]
            .map(|(label, counter)| {
                let count = counter.load(Ordering::Relaxed);
                format!("tcp_open_total{{direction=\"{direction}\",{label}}} {count}")
            })
            .join("\n")
    }
}

fn seconds(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_names_are_those_of_the_real_proxy() {
        let metrics = Metrics::default();
        metrics.refreshed(UNIX_EPOCH + Duration::from_secs(1_795_253_849));
        let text = metrics.to_text();
        for line in [
            "control_identity_cert_expiration_timestamp_seconds 1795253849.0",
            "control_identity_cert_refreshes_total{result=\"ok\"} 1",
            "control_identity_cert_refreshes_total{result=\"error\"} 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
