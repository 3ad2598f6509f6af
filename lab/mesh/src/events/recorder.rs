//! Writes notes to the API server in the background.

use std::time::Instant;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Event, EventSource};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::Client;
use kube::api::{Api, Patch, PatchParams, PostParams};
use serde_json::json;
use tokio::sync::mpsc;

use super::correlate::{Correlator, Decision};
use super::{Note, Record};

pub(crate) struct KubeRecorder {
    notes: mpsc::UnboundedSender<Note>,
}

impl KubeRecorder {
    /// Starts the writer; `component` is the events' source, such as `linkerd-identity`.
    pub(crate) fn start(client: Client, component: &'static str) -> Self {
        let (notes, mut taken) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut correlator = Correlator::default();
            while let Some(note) = taken.recv().await {
                let name = event_name(&note, Timestamp::now());
                let decision = correlator.judge(&note, &name, Instant::now());
                if let Err(error) = write(&client, component, &note, name, decision).await {
                    tracing::warn!("event {} could not be written: {error}", note.reason);
                }
            }
        });
        Self { notes }
    }
}

impl Record for KubeRecorder {
    fn record(&self, note: Note) {
        // The writer ends with the process only.
        let _ = self.notes.send(note);
    }
}

/// `<object>.<nanoseconds in hex>`, as client-go names events.
fn event_name(note: &Note, now: Timestamp) -> String {
    let object = note.regarding.name.as_deref().unwrap_or_default();
    format!("{object}.{:x}", now.as_nanosecond())
}

async fn write(
    client: &Client,
    component: &str,
    note: &Note,
    name: String,
    decision: Decision,
) -> Result<(), kube::Error> {
    let namespace = note.regarding.namespace.as_deref().unwrap_or("default");
    let events: Api<Event> = Api::namespaced(client.clone(), namespace);
    match decision {
        Decision::Drop => tracing::debug!("event {} dropped: too many", note.reason),
        Decision::Create { message } => {
            let event = event(component, note, name, namespace, message);
            events.create(&PostParams::default(), &event).await?;
        }
        Decision::Repeat { name, count, message } => {
            let patch = json!({
                "count": count,
                "lastTimestamp": Time(Timestamp::now()),
                "message": message,
            });
            let patched = events.patch(&name, &PatchParams::default(), &Patch::Strategic(patch)).await;
            if let Err(kube::Error::Api(status)) = &patched
                && status.code == 404
            {
                // Events expire; then it starts anew.
                let mut event = event(component, note, name, namespace, message);
                event.count = Some(count);
                events.create(&PostParams::default(), &event).await?;
                return Ok(());
            }
            patched?;
        }
    }
    Ok(())
}

fn event(component: &str, note: &Note, name: String, namespace: &str, message: String) -> Event {
    let now = Time(Timestamp::now());
    Event {
        metadata: ObjectMeta { name: Some(name), namespace: Some(namespace.to_owned()), ..ObjectMeta::default() },
        involved_object: note.regarding.clone(),
        reason: Some(note.reason.to_owned()),
        message: Some(message),
        type_: Some(note.severity.as_str().to_owned()),
        source: Some(EventSource { component: Some(component.to_owned()), ..EventSource::default() }),
        reporting_component: Some(component.to_owned()),
        reporting_instance: Some(String::new()),
        first_timestamp: Some(now.clone()),
        last_timestamp: Some(now),
        count: Some(1),
        ..Event::default()
    }
}
