//! Counts by target, and the port that tells them.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use serde::Serialize;

use crate::http1::{self, Answer, Handle};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Count {
    pub(crate) ok: u64,
    pub(crate) failed: u64,
    pub(crate) last_error: Option<String>,
}

/// `GET /stats`, `POST /reset`, `GET /ready`.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<BTreeMap<String, Count>>);

impl Tally {
    pub(crate) fn of(targets: impl IntoIterator<Item = String>) -> Self {
        let counts = targets.into_iter().map(|target| (target, Count::default()));
        Self(Mutex::new(counts.collect()))
    }

    fn counts(&self) -> MutexGuard<'_, BTreeMap<String, Count>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, target: &str, outcome: Result<(), String>) {
        let mut counts = self.counts();
        let count = counts.entry(target.to_owned()).or_default();
        match outcome {
            Ok(()) => count.ok += 1,
            Err(error) => {
                tracing::warn!("{target}: {error}");
                count.failed += 1;
                count.last_error = Some(error);
            }
        }
    }
}

impl Handle for Tally {
    async fn handle(&self, request: Request<Incoming>) -> Answer {
        match (request.method(), request.uri().path()) {
            (&Method::GET, "/stats") => http1::json(StatusCode::OK, &*self.counts()),
            (&Method::POST, "/reset") => {
                self.counts().values_mut().for_each(|count| *count = Count::default());
                http1::text(StatusCode::OK, "reset\n")
            }
            (&Method::GET, "/ready" | "/") => http1::text(StatusCode::OK, "ready\n"),
            _ => http1::text(StatusCode::NOT_FOUND, "not found\n"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_by_target() {
        let tally = Tally::of(["a".to_owned(), "b".to_owned()]);
        tally.add("a", Ok(()));
        tally.add("a", Err("refused".into()));
        assert_eq!(
            serde_json::to_string(&*tally.counts()).unwrap(),
            r#"{"a":{"ok":1,"failed":1,"last_error":"refused"},"b":{"ok":0,"failed":0,"last_error":null}}"#
        );
    }
}
