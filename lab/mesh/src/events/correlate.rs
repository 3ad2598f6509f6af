//! Which notes become events: client-go's correlator (`tools/record/events_cache.go`).
//!
//! It matters to whoever waits for an event: many different messages of one reason are combined into
//! one event, and an object that got a burst of events gets no more for minutes. A mesh that refused
//! CSRs for a while may therefore never say `IssuerUpdated`.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use super::Note;

/// Different messages of one reason on one object before they are combined, and for how long.
const SIMILAR: usize = 10;
const SIMILAR_WITHIN: Duration = Duration::from_mins(10);
/// Events an object may get at once, and how soon one more is allowed.
const BURST: f64 = 25.0;
const REFILL_SECONDS: f64 = 300.0;

#[derive(Debug, PartialEq)]
pub(crate) enum Decision {
    /// Too many for this object; nothing is written.
    Drop,
    /// A new event with this message.
    Create { message: String },
    /// The event named so happened again.
    Repeat { name: String, count: i32, message: String },
}

#[derive(Debug, Default)]
pub(crate) struct Correlator {
    similar: HashMap<String, Similar>,
    written: HashMap<String, Written>,
    budgets: HashMap<String, Budget>,
}

#[derive(Debug)]
struct Similar {
    messages: HashSet<String>,
    last: Instant,
}

#[derive(Debug)]
struct Written {
    name: String,
    count: i32,
}

#[derive(Debug)]
struct Budget {
    left: f64,
    last: Instant,
}

impl Correlator {
    /// Judges a note; `name` is what a new event would be called.
    pub(crate) fn judge(&mut self, note: &Note, name: &str, now: Instant) -> Decision {
        let object = object_key(note);
        let group = format!("{object}/{}/{}", note.severity.as_str(), note.reason);
        let (key, message) = self.combined(&group, note, now);
        let decision = if let Some(written) = self.written.get_mut(&key) {
            written.count += 1;
            Decision::Repeat { name: written.name.clone(), count: written.count, message }
        } else {
            let written = Written { name: name.to_owned(), count: 1 };
            self.written.insert(key, written);
            Decision::Create { message }
        };
        if self.spend(object, now) { decision } else { Decision::Drop }
    }

    fn combined(&mut self, group: &str, note: &Note, now: Instant) -> (String, String) {
        let similar =
            self.similar.entry(group.to_owned()).or_insert_with(|| Similar { messages: HashSet::new(), last: now });
        if now.duration_since(similar.last) > SIMILAR_WITHIN {
            similar.messages.clear();
        }
        similar.last = now;
        similar.messages.insert(note.message.clone());
        if similar.messages.len() < SIMILAR {
            (format!("{group}/{}", note.message), note.message.clone())
        } else {
            let message = format!("(combined from similar events): {}", note.message);
            (group.to_owned(), message)
        }
    }

    fn spend(&mut self, object: String, now: Instant) -> bool {
        let budget = self.budgets.entry(object).or_insert(Budget { left: BURST, last: now });
        let since = now.duration_since(budget.last).as_secs_f64();
        budget.left = (budget.left + since / REFILL_SECONDS).min(BURST);
        budget.last = now;
        if budget.left < 1.0 {
            return false;
        }
        budget.left -= 1.0;
        true
    }
}

fn object_key(note: &Note) -> String {
    let object = &note.regarding;
    [&object.api_version, &object.kind, &object.namespace, &object.name, &object.uid]
        .map(|part| part.as_deref().unwrap_or_default())
        .join("/")
}

#[cfg(test)]
mod tests {
    use super::super::Severity;
    use super::*;
    use k8s_openapi::api::core::v1::ObjectReference;

    fn note(message: &str) -> Note {
        Note {
            regarding: ObjectReference {
                kind: Some("Deployment".into()),
                name: Some("linkerd-identity".into()),
                ..ObjectReference::default()
            },
            severity: Severity::Warning,
            reason: "IssuerValidationFailed",
            message: message.into(),
        }
    }

    #[test]
    fn the_same_event_is_counted() {
        let mut correlator = Correlator::default();
        let now = Instant::now();
        assert!(matches!(correlator.judge(&note("a"), "first", now), Decision::Create { .. }));
        assert_eq!(
            correlator.judge(&note("a"), "second", now),
            Decision::Repeat { name: "first".into(), count: 2, message: "a".into() }
        );
    }

    #[test]
    fn the_tenth_similar_event_is_combined_as_in_the_recorded_outage() {
        let mut correlator = Correlator::default();
        let now = Instant::now();
        for n in 1..=9 {
            let name = format!("event-{n}");
            let decision = correlator.judge(&note(&name), &name, now);
            assert_eq!(decision, Decision::Create { message: name });
        }
        assert_eq!(
            correlator.judge(&note("ten"), "event-10", now),
            Decision::Create { message: "(combined from similar events): ten".into() }
        );
        assert_eq!(
            correlator.judge(&note("eleven"), "event-11", now),
            Decision::Repeat {
                name: "event-10".into(),
                count: 2,
                message: "(combined from similar events): eleven".into()
            }
        );
    }

    #[test]
    fn a_burst_silences_the_object_for_minutes() {
        let mut correlator = Correlator::default();
        let now = Instant::now();
        for _ in 0..25 {
            assert_ne!(correlator.judge(&note("a"), "a", now), Decision::Drop);
        }
        assert_eq!(correlator.judge(&note("b"), "b", now), Decision::Drop);
        let later = now + Duration::from_secs(301);
        assert_ne!(correlator.judge(&note("c"), "c", later), Decision::Drop);
    }
}
