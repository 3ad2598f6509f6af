use jiff::Timestamp;
use serde_json::Value;

use crate::snapshot::{IdentityEvent, IdentityEventKind};

use super::Object;

/// The newest leafs tell what identity signs with; more of them tell nothing more.
const MOST_LEAFS: usize = 50;

/// Bounds what a controller that has been refusing for days may add.
const MOST_OTHERS: usize = 200;

/// Identity's events, gathered one by one in any order: a large mesh has one per leaf, and only the newest count.
#[derive(Debug)]
pub struct IdentityEvents {
    identities: String,
    leafs: Vec<IdentityEvent>,
    others: Vec<IdentityEvent>,
}

impl IdentityEvents {
    /// Gathers events of the control plane in `namespace`.
    pub fn new(namespace: &str) -> Self {
        // An identity reads `<sa>.<ns>.serviceaccount.identity.<control-plane-ns>.<trust-domain>`.
        let identities = format!(".serviceaccount.identity.{namespace}.");
        Self { identities, leafs: Vec::new(), others: Vec::new() }
    }

    /// Takes `value` where it is one of them.
    pub fn push(&mut self, value: &Value) {
        let Some(event) = event(Object::new(value)) else { return };
        if event.kind != IdentityEventKind::IssuedLeafCertificate {
            self.others.push(event);
            if self.others.len() >= 2 * MOST_OTHERS {
                keep_newest(&mut self.others, MOST_OTHERS);
            }
        } else if event.message.contains(&self.identities) {
            self.leafs.push(event);
            if self.leafs.len() >= 2 * MOST_LEAFS {
                keep_newest(&mut self.leafs, MOST_LEAFS);
            }
        }
    }

    /// All that were kept, oldest first.
    pub fn finish(mut self) -> Vec<IdentityEvent> {
        keep_newest(&mut self.others, MOST_OTHERS);
        keep_newest(&mut self.leafs, MOST_LEAFS);
        let mut events = self.others;
        events.extend(self.leafs);
        events.sort_by(by_age);
        events.dedup();
        events
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
        "IssuedLeafCertificate" => IdentityEventKind::IssuedLeafCertificate,
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

    fn leaf(second: usize) -> Value {
        json!({
            "reason": "IssuedLeafCertificate", "source": {"component": "linkerd-identity"}, "count": 1,
            "lastTimestamp": format!("2026-11-21T10:{:02}:{:02}Z", second / 60, second % 60),
            "message": format!("issued certificate for a.b.serviceaccount.identity.linkerd.cluster.local: {second}"),
        })
    }

    #[test]
    fn all_warnings_and_the_newest_leafs() {
        let mut events = IdentityEvents::new("linkerd");
        for second in (0..1_000).rev() {
            events.push(&leaf(second));
        }
        events.push(&json!({
            "reason": "IssuerUpdateSkipped", "reportingComponent": "linkerd-identity", "message": "no",
            "lastTimestamp": null, "eventTime": "2026-11-21T09:00:00.000001Z", "series": null,
        }));
        let events = events.finish();
        assert_eq!(events[0].kind, IdentityEventKind::IssuerUpdateSkipped);
        assert_eq!(events.len(), 1 + MOST_LEAFS);
        assert!(events.last().unwrap().message.ends_with(": 999"));
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
    fn of_another_control_plane_or_component() {
        let mut events = IdentityEvents::new("mesh");
        events.push(&leaf(1));
        events.push(&json!({"reason": "IssuerUpdated", "source": {"component": "cert-manager"}}));
        events.push(&json!({"reason": "ScalingReplicaSet", "source": {"component": "linkerd-identity"}}));
        assert_eq!(events.finish(), []);
    }
}
