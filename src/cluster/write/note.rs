use jiff::{Timestamp, Unit};
use serde_json::{Value, json};

use crate::{
    cluster::{
        decode::Object,
        objects::{EVENTS, Kind},
    },
    mesh::{Fault, Mode},
};

use super::{LiveMesh, Place};

const DEPLOYMENTS: Kind = Kind { group: "apps", version: "v1", plural: "deployments" };

/// A longer message is refused (kubernetes, pkg/apis/core/validation/events.go).
const LONGEST: usize = 1024;

impl LiveMesh {
    /// Puts an Event on Deployment linkerd-identity, where the control plane's own are as well.
    pub(super) async fn put_note(&self, reason: &str, message: &str) {
        if let Err(error) = self.try_note(reason, message).await {
            tracing::debug!(%error, reason, "a note is lost");
        }
    }

    async fn try_note(&self, reason: &str, message: &str) -> Result<(), Fault> {
        let uid = self.identity.get_or_try_init(|| self.identity_uid()).await?;
        let place = Place { kind: EVENTS, word: "Event", namespace: &self.namespace, name: "" };
        self.create(place, &event(&self.namespace, uid, reason, message, Timestamp::now()), Mode::Do).await?;
        Ok(())
    }

    /// `kubectl describe` asks for events by it.
    async fn identity_uid(&self) -> Result<String, Fault> {
        let place =
            Place { kind: DEPLOYMENTS, word: "Deployment", namespace: &self.namespace, name: "linkerd-identity" };
        let identity: Value = self.get(place).await?;
        Ok(Object::new(&identity).string("/metadata/uid"))
    }
}

fn event(namespace: &str, uid: &str, reason: &str, message: &str, now: Timestamp) -> Value {
    let at = now.round(Unit::Second).unwrap_or(now).to_string();
    json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": "linkerd-certs-", "namespace": namespace},
        "involvedObject": {
            "apiVersion": "apps/v1", "kind": "Deployment", "namespace": namespace, "name": "linkerd-identity", "uid": uid,
        },
        "type": "Normal",
        "reason": reason,
        "message": clipped(message),
        "source": {"component": "linkerd-certs"},
        "reportingComponent": "linkerd-certs",
        "reportingInstance": "linkerd-certs",
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1,
    })
}

fn clipped(message: &str) -> &str {
    let mut end = message.len().min(LONGEST);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    &message[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_message_is_cut_between_letters() {
        let message = "ä".repeat(LONGEST);
        assert_eq!(clipped(&message).len(), LONGEST);
        assert_eq!(clipped(&format!("a{message}")).len(), LONGEST - 1);
        assert_eq!(clipped("short"), "short");
    }
}
