//! Pods that are created, but for the last step, again and again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use serde_json::{Value, json};

use crate::harness::{Result, Target};

/// Between two of them: twenty a second.
const EVERY: Duration = Duration::from_millis(50);

/// What became of them.
#[derive(Clone, Debug, Default)]
pub struct Admitted {
    /// How many there were.
    pub all: u32,
    /// How many were refused or not answered.
    pub failed: u32,
    /// How many would have come up without a proxy.
    pub bare: u32,
    /// What the first that failed or was bare said.
    pub first: Option<String>,
}

impl Admitted {
    /// Panics unless there were some, and each would have come up with its proxy.
    pub fn assert_whole(&self) {
        assert!(self.all >= 20 && self.failed == 0 && self.bare == 0, "{self:?}");
    }
}

/// A loop of pod creations in an injected namespace by dry run, on a thread of its own.
pub struct Admissions {
    stop: Arc<AtomicBool>,
    asking: JoinHandle<Admitted>,
}

impl Admissions {
    pub fn begin(target: &Target) -> Self {
        let (target, stop) = (target.clone(), Arc::new(AtomicBool::new(false)));
        let stopped = Arc::clone(&stop);
        let asking = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(ask(&target, &stopped)).unwrap()
        });
        Self { stop, asking }
    }

    /// Stops, and says what became of them.
    pub fn end(self) -> Admitted {
        self.stop.store(true, Ordering::Relaxed);
        self.asking.join().unwrap()
    }
}

async fn ask(target: &Target, stop: &AtomicBool) -> Result<Admitted> {
    let client = target.client().await?;
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "admission-"},
        "spec": {"containers": [{"name": "app", "image": lab::workloads::IMAGE}]},
    })
    .to_string();
    let (mut ticks, mut asked) = (tokio::time::interval(EVERY), tokio::task::JoinSet::new());
    // A busy machine is no reason for a burst.
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut admitted = Admitted::default();
    while !stop.load(Ordering::Relaxed) {
        ticks.tick().await;
        let request = http::Request::post("/api/v1/namespaces/emojivoto/pods?dryRun=All")
            .header("content-type", "application/json")
            .body(pod.clone().into_bytes())?;
        let client = client.clone();
        asked.spawn(async move { client.request::<Value>(request).await });
        while let Some(answer) = asked.try_join_next() {
            admitted.count(answer?);
        }
    }
    while let Some(answer) = asked.join_next().await {
        admitted.count(answer?);
    }
    Ok(admitted)
}

impl Admitted {
    fn count(&mut self, answer: std::result::Result<Value, kube::Error>) {
        self.all += 1;
        let why = match answer {
            Ok(pod) if has_proxy(&pod) => return,
            Ok(pod) => {
                self.bare += 1;
                format!("without a proxy: {}", pod["metadata"])
            }
            Err(error) => {
                self.failed += 1;
                error.to_string()
            }
        };
        let (number, at) = (self.all, jiff::Timestamp::now());
        self.first.get_or_insert_with(|| format!("request {number} at {at}: {why}"));
    }
}

fn has_proxy(pod: &Value) -> bool {
    ["initContainers", "containers"].iter().any(|list| {
        let containers = pod["spec"][list].as_array().map_or(&[][..], Vec::as_slice);
        containers.iter().any(|container| container["name"] == "linkerd-proxy")
    })
}
