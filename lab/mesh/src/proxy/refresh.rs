//! When to ask for the next leaf (linkerd2-proxy linkerd/proxy/identity-client/src/certify.rs).

use std::time::{Duration, SystemTime};

/// Bounds of the time between two requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) min: Duration,
    pub(crate) max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { min: Duration::from_secs(10), max: Duration::from_hours(24) }
    }
}

impl Limits {
    /// 70 % of what is left of the leaf in use. Without one, or when it has run out, the shortest
    /// wait: that is the request every ten seconds seen in an outage.
    pub(crate) fn wait(self, expiry: SystemTime, now: SystemTime) -> Duration {
        match expiry.duration_since(now) {
            Ok(left) => (left * 7 / 10).max(self.min).min(self.max),
            Err(_) => self.min,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    #[test]
    fn seventy_percent_of_what_is_left() {
        let (limits, now) = (Limits::default(), SystemTime::UNIX_EPOCH + HOUR);
        assert_eq!(limits.wait(now + 10 * HOUR, now), 7 * HOUR);
        assert_eq!(limits.wait(now + 24 * HOUR, now), 24 * HOUR * 7 / 10);
    }

    #[test]
    fn never_sooner_or_later_than_the_limits() {
        let (limits, now) = (Limits::default(), SystemTime::UNIX_EPOCH + HOUR);
        assert_eq!(limits.wait(now + Duration::from_secs(5), now), limits.min);
        assert_eq!(limits.wait(now + 1000 * HOUR, now), limits.max);
        assert_eq!(limits.wait(now - HOUR, now), limits.min);
    }
}
