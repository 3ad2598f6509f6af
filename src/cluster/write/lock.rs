use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::{
    cluster::{decode::Object, objects::Kind},
    mesh::{Fault, Holder, Mode},
};

use super::{LiveMesh, Place, request::Patch};

const LEASES: Kind = Kind { group: "coordination.k8s.io", version: "v1", plural: "leases" };

/// How long a holder is believed who says nothing more, in seconds.
const LASTS: i64 = 30;

/// What a lease means for whoever asks.
#[derive(Debug, PartialEq)]
enum Claim {
    /// It is ours: since then.
    Ours(Option<Timestamp>),
    /// Nobody's, or somebody's who has gone.
    Free,
    /// Somebody else's.
    Theirs(Holder),
}

impl LiveMesh {
    /// Takes the Lease or renews it.
    ///
    /// Times in it are the API server's, by the difference that was seen when connecting: holders with wrong clocks
    /// understand each other.
    pub(super) async fn take_lock(&self, name: &str) -> Result<Option<Holder>, Fault> {
        let now = self.server_time();
        let Some(lease) = self.find::<Value>(self.lease()).await? else {
            let body = json!({
                "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
                "metadata": {"name": "linkerd-certs", "namespace": self.namespace},
                "spec": spec(name, now, now, 0),
            });
            let created = self.create(Place { name: "", ..self.lease() }, &body, Mode::Do).await;
            return self.settle(created, name).await;
        };
        let since = match claim(&lease, name, now) {
            Claim::Theirs(holder) => return Ok(Some(holder)),
            Claim::Ours(since) => since.unwrap_or(now),
            Claim::Free => now,
        };
        let object = Object::new(&lease);
        let passed_on = u64::from(object.text("/spec/holderIdentity") != Some(name));
        let transitions = object.number("/spec/leaseTransitions").unwrap_or(0) + passed_on;
        let body = json!({
            "metadata": {"resourceVersion": object.string("/metadata/resourceVersion")},
            "spec": spec(name, since, now, transitions),
        });
        let renewed = self.patch(self.lease(), Patch::Merge, &body, Mode::Do).await;
        self.settle(renewed, name).await
    }

    /// Whoever was quicker is the holder.
    async fn settle(&self, written: Result<Value, Fault>, name: &str) -> Result<Option<Holder>, Fault> {
        match written {
            Ok(_) => Ok(None),
            Err(Fault::Conflict(what)) => {
                let lease: Option<Value> = self.find(self.lease()).await?;
                match lease.map(|lease| claim(&lease, name, self.server_time())) {
                    Some(Claim::Theirs(holder)) => Ok(Some(holder)),
                    Some(Claim::Ours(_)) => Ok(None),
                    Some(Claim::Free) | None => Err(Fault::Conflict(what)),
                }
            }
            Err(fault) => Err(fault),
        }
    }

    /// Gives it back where it is ours; the Lease itself stays.
    pub(super) async fn give_lock_back(&self, name: &str) -> Result<(), Fault> {
        let Some(lease) = self.find::<Value>(self.lease()).await? else { return Ok(()) };
        let object = Object::new(&lease);
        if object.text("/spec/holderIdentity") != Some(name) {
            return Ok(());
        }
        let body = json!({
            "metadata": {"resourceVersion": object.string("/metadata/resourceVersion")},
            "spec": {"holderIdentity": null, "acquireTime": null, "renewTime": null},
        });
        match self.patch(self.lease(), Patch::Merge, &body, Mode::Do).await {
            // Somebody has taken it since.
            Ok(_) | Err(Fault::Conflict(_)) => Ok(()),
            Err(fault) => Err(fault),
        }
    }

    fn lease(&self) -> Place<'_> {
        Place { kind: LEASES, word: "Lease", namespace: &self.namespace, name: "linkerd-certs" }
    }

    fn server_time(&self) -> Timestamp {
        let ahead = SignedDuration::from_secs(self.cluster.about().clock_ahead_seconds.unwrap_or(0));
        let now = Timestamp::now();
        now.checked_add(ahead).unwrap_or(now)
    }
}

fn claim(lease: &Value, name: &str, now: Timestamp) -> Claim {
    let lease = Object::new(lease);
    let Some(holder) = lease.text("/spec/holderIdentity") else { return Claim::Free };
    if holder == name {
        return Claim::Ours(lease.time("/spec/acquireTime"));
    }
    let Some(renewed) = lease.time("/spec/renewTime") else { return Claim::Free };
    let lasts = lease.at("/spec/leaseDurationSeconds").and_then(Value::as_i64).unwrap_or(LASTS);
    if now.duration_since(renewed) >= SignedDuration::from_secs(lasts) {
        return Claim::Free;
    }
    Claim::Theirs(Holder {
        name: holder.to_owned(),
        since: lease.time("/spec/acquireTime").unwrap_or(renewed),
        renewed,
    })
}

fn spec(name: &str, since: Timestamp, now: Timestamp, transitions: u64) -> Value {
    json!({
        "holderIdentity": name,
        "leaseDurationSeconds": LASTS,
        "acquireTime": micro(since),
        "renewTime": micro(now),
        "leaseTransitions": transitions,
    })
}

/// Kubernetes' `MicroTime`: exactly six digits below the second.
pub(super) fn micro(at: Timestamp) -> String {
    format!("{at:.6}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn held_until_it_is_not_renewed() {
        let lease = json!({"spec": spec("ann@there", at("2026-11-21T11:00:00Z"), at("2026-11-21T11:05:00Z"), 0)});
        let held = claim(&lease, "bob@here", at("2026-11-21T11:05:29Z"));
        let holder = Holder {
            name: "ann@there".to_owned(),
            since: at("2026-11-21T11:00:00Z"),
            renewed: at("2026-11-21T11:05:00Z"),
        };
        assert_eq!(held, Claim::Theirs(holder));
        assert_eq!(claim(&lease, "bob@here", at("2026-11-21T11:05:30Z")), Claim::Free);
        let ours = claim(&lease, "ann@there", at("2026-11-21T12:00:00Z"));
        assert_eq!(ours, Claim::Ours(Some(at("2026-11-21T11:00:00Z"))));
    }

    #[test]
    fn one_that_was_given_back_is_free() {
        assert_eq!(claim(&json!({"spec": {"leaseTransitions": 3}}), "bob", Timestamp::UNIX_EPOCH), Claim::Free);
        assert_eq!(claim(&json!({}), "bob", Timestamp::UNIX_EPOCH), Claim::Free);
    }

    #[test]
    fn times_have_six_digits() {
        assert_eq!(micro(at("2026-11-21T11:00:00Z")), "2026-11-21T11:00:00.000000Z");
        assert_eq!(micro(at("2026-11-21T11:00:00.123456789Z")), "2026-11-21T11:00:00.123456Z");
    }
}
