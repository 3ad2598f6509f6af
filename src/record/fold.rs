//! Events become a record.

use std::time::Duration;

use jiff::Timestamp;

use crate::{
    event::Event,
    pki::Certificate,
    plan::{Outlook, Step, webhooks::Act},
};

use super::{Happened, Kind, Named, Planned, Record, Taken, words};

impl Record {
    /// Takes notice of an event. Returns whether something came of it that is worth keeping at once.
    pub fn notice(&mut self, at: Timestamp, event: &Event) -> bool {
        match event {
            // The lock is no change; where the backup is was known before.
            Event::Locked | Event::Looked(_) | Event::Finished(_) => {}
            Event::Planned(outlook) => self.planned(at, outlook),
            Event::Begun(step) => self.begun(at, step),
            Event::Written(object) => self.happened(at, Kind::Written, object),
            Event::Restarting(workload) => self.happened(at, Kind::Restarting, &workload.to_string()),
            Event::Restarted(workload, took) => {
                let what = format!("{workload}: all pods new and ready after {}", seconds(*took));
                self.happened(at, Kind::Restarted, &what);
            }
            Event::Waiting(what) => self.happened(at, Kind::Waiting, what),
            Event::Proven(_) => {
                if let Some(step) = self.steps.last_mut() {
                    step.proven_at = Some(at);
                }
            }
            Event::Changed(object) => {
                self.happened(at, Kind::Conflict, &format!("{object} was changed by somebody else; it was read again"));
            }
            Event::MissedReload(service) => {
                let what = format!("Service {service} did not reload its Secret and was restarted");
                self.happened(at, Kind::MissedUpdate, &what);
            }
            Event::Called(shown) => self.happened(at, Kind::Called, shown),
            Event::MissedUpdate => {
                self.happened(at, Kind::MissedUpdate, "identity missed the new issuer and was restarted");
            }
            Event::PutBack(issuer) => {
                let what = format!("identity refused the new issuer; {} was put back", issuer.short());
                self.happened(at, Kind::PutBack, &what);
            }
            Event::Held(holds) => {
                let holds: Vec<String> = holds.iter().map(words::hold).collect();
                self.happened(at, Kind::Held, &format!("an operator has to see to {}", holds.join("; ")));
            }
        }
        matches!(event, Event::Planned(_) | Event::Proven(_) | Event::Held(_) | Event::PutBack(_) | Event::Changed(_))
    }

    fn planned(&mut self, at: Timestamp, outlook: &Outlook) {
        for step in &outlook.steps {
            self.name(step);
        }
        if self.plan.is_empty() {
            self.plan = outlook
                .steps
                .iter()
                .map(|step| Planned { stage: words::stage(step), what: words::step(step) })
                .collect();
        } else {
            let what = format!("the plan was made anew, with {} steps to go", outlook.steps.len());
            self.between.push(Happened { at, kind: Kind::Replanned, what });
        }
    }

    fn begun(&mut self, at: Timestamp, step: &Step) {
        let (stage, what) = (words::stage(step), words::step(step));
        // Leafs that renew themselves are looked at again and again.
        let again = matches!(step, Step::AwaitLeafs { .. }) && self.steps.last().is_some_and(|last| last.what == what);
        if !again {
            self.steps.push(Taken { stage, what, begun_at: at, proven_at: None, happened: Vec::new() });
        }
    }

    /// Adds to the step that is under way, or between the steps. What is said again and again is said once.
    fn happened(&mut self, at: Timestamp, kind: Kind, what: &str) {
        let what = words::safe(what);
        let list = match self.steps.last_mut() {
            Some(step) if step.proven_at.is_none() => &mut step.happened,
            Some(step) if kind == Kind::Waiting => &mut step.happened,
            _ => &mut self.between,
        };
        if !list.iter().any(|known| kind == Kind::Waiting && known.kind == kind && known.what == what) {
            list.push(Happened { at, kind, what });
        }
    }

    fn name(&mut self, step: &Step) {
        let (role, certificates): (_, &[Certificate]) = match step {
            Step::TrustRoots { anchors, .. } => ("trust anchor", anchors),
            Step::Webhook(act) => match &**act {
                Act::Secret { chain, .. } => ("webhook", &chain[..chain.len().min(1)]),
                _ => return,
            },
            Step::Issuer { chain } | Step::AwaitIssuer { chain } => ("issuer", &chain[..chain.len().min(1)]),
            _ => return,
        };
        for certificate in certificates {
            let sha256 = certificate.fingerprint().to_string();
            if self.certificates.iter().all(|known| known.sha256 != sha256) {
                let lifetime = certificate.lifetime();
                self.certificates.push(Named {
                    role: role.to_owned(),
                    name: certificate.name().to_owned(),
                    sha256,
                    not_before: lifetime.not_before,
                    not_after: lifetime.not_after,
                });
            }
        }
    }
}

fn seconds(duration: Duration) -> String {
    format!("{} s", duration.as_secs())
}
