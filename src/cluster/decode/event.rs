use jiff::Timestamp;
use serde_json::Value;

use crate::snapshot::{IdentityEvent, IdentityEventKind};

use super::Object;

/// Bounds what a controller that has been refusing for days may add.
const MOST: usize = 200;

/// What identity says of its issuer, gathered one by one in any order.
#[derive(Debug, Default)]
pub struct IdentityEvents(Vec<IdentityEvent>);

impl IdentityEvents {
    /// Takes `value` where it is one of them.
    pub fn push(&mut self, value: &Value) {
        let Some(event) = event(Object::new(value)) else { return };
        self.0.push(event);
        if self.0.len() >= 2 * MOST {
            keep_newest(&mut self.0, MOST);
        }
    }

    /// The newest of them, oldest first.
    pub fn finish(mut self) -> Vec<IdentityEvent> {
        keep_newest(&mut self.0, MOST);
        self.0.dedup();
        self.0
    }
}

fn keep_newest(events: &mut Vec<IdentityEvent>, most: usize) {
    events.sort_by(by_age);
    events.drain(..events.len().saturating_sub(most));
}

fn by_age(one: &IdentityEvent, other: &IdentityEvent) -> std::cmp::Ordering {
    (one.at, one.kind, &one.message).cmp(&(other.at, other.kind, &other.message))
}

fn event(object: Object<'_>) -> Option<IdentityEvent> {
    const COMPONENT: &str = "linkerd-identity";
    let component = object.text("/reportingComponent").or_else(|| object.text("/source/component"));
    if component != Some(COMPONENT) {
        return None;
    }
    Some(IdentityEvent {
        kind: kind(object.text("/reason")?)?,
        at: last_seen(object)?,
        count: count(object),
        message: object.string("/message"),
    })
}

fn kind(reason: &str) -> Option<IdentityEventKind> {
    Some(match reason {
        "IssuerUpdated" => IdentityEventKind::IssuerUpdated,
        "IssuerUpdateSkipped" => IdentityEventKind::IssuerUpdateSkipped,
        "IssuerValidationFailed" => IdentityEventKind::IssuerValidationFailed,
        _ => return None,
    })
}

/// Events written through events.k8s.io have no lastTimestamp; theirs is in the series, or it is the first and only.
fn last_seen(object: Object<'_>) -> Option<Timestamp> {
    ["/lastTimestamp", "/series/lastObservedTime", "/eventTime", "/firstTimestamp", "/metadata/creationTimestamp"]
        .iter()
        .find_map(|pointer| object.time(pointer))
}

fn count(object: Object<'_>) -> u32 {
    let count = object.number("/count").or_else(|| object.number("/series/count")).unwrap_or(1);
    u32::try_from(count).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(second: usize) -> Value {
        json!({
            "reason": "IssuerValidationFailed", "source": {"component": "linkerd-identity"}, "count": 1,
            "lastTimestamp": format!("2026-11-21T10:{:02}:{:02}Z", second / 60, second % 60),
            "message": format!("expired: {second}"),
        })
    }

    #[test]
    fn the_newest_are_kept_in_their_order() {
        let mut events = IdentityEvents::default();
        for second in (0..1_000).rev() {
            events.push(&refused(second));
        }
        events.push(&json!({
            "reason": "IssuerUpdateSkipped", "reportingComponent": "linkerd-identity", "message": "no",
            "lastTimestamp": null, "eventTime": "2026-11-21T11:00:00.000001Z", "series": null,
        }));
        let events = events.finish();
        assert_eq!(events.len(), MOST);
        assert_eq!(events.last().unwrap().kind, IdentityEventKind::IssuerUpdateSkipped);
        assert_eq!(events[0].message, "expired: 801");
        assert!(events.is_sorted_by_key(|event| event.at));
    }

    #[test]
    fn a_series_counts_and_dates_itself() {
        let event = event(Object::new(&json!({
            "reason": "IssuerValidationFailed", "reportingComponent": "linkerd-identity", "count": 0,
            "eventTime": "2026-11-21T09:00:00.000001Z",
            "series": {"count": 7, "lastObservedTime": "2026-11-21T09:05:00.000000Z"},
        })));
        let event = event.unwrap();
        assert_eq!(event.at, "2026-11-21T09:05:00Z".parse().unwrap());
    }

    #[test]
    fn of_another_component_or_about_leafs() {
        let mut events = IdentityEvents::default();
        events.push(&json!({"reason": "IssuerUpdated", "source": {"component": "cert-manager"}}));
        events.push(&json!({"reason": "ScalingReplicaSet", "source": {"component": "linkerd-identity"}}));
        events.push(&json!({
            "reason": "IssuedLeafCertificate", "source": {"component": "linkerd-identity"},
            "lastTimestamp": "2026-11-21T10:00:00Z",
        }));
        assert_eq!(events.finish(), []);
    }
}
