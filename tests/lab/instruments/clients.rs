//! What the clients in the mesh have counted.

use std::collections::BTreeMap;

use lab::workloads::{CLIENTS, Count};
use serde_json::Value;

use crate::harness::Result;

/// Counts of one client pod by target, as `web` or `db`.
pub struct Client {
    /// The pod's name.
    pub pod: String,
    /// The workload's, as `vote`.
    pub app: String,
    pub counts: BTreeMap<String, Count>,
}

/// Reads the counts of every client pod that runs. One that has just gone, or has not come yet, has nothing to say.
pub async fn look(client: &kube::Client) -> Result<Vec<Client>> {
    let selector = format!("app%20in%20%28{}%29", CLIENTS.join("%2C"));
    let pods = "/api/v1/namespaces/emojivoto/pods";
    let list: Value = serde_json::from_str(&get(client, &format!("{pods}?labelSelector={selector}")).await?)?;
    let mut clients = Vec::new();
    for pod in list["items"].as_array().map_or(&[][..], Vec::as_slice) {
        let metadata = &pod["metadata"];
        let (Some(name), Some(app)) = (metadata["name"].as_str(), metadata["labels"]["app"].as_str()) else { continue };
        if pod["status"]["phase"] != "Running" || !metadata["deletionTimestamp"].is_null() {
            continue;
        }
        let Ok(text) = get(client, &format!("{pods}/{name}:9100/proxy/stats")).await else { continue };
        let counts: BTreeMap<String, Count> = serde_json::from_str(&text)?;
        let counts = counts.into_iter().map(|(target, count)| (short(&target), count)).collect();
        clients.push(Client { pod: name.to_owned(), app: app.to_owned(), counts });
    }
    Ok(clients)
}

async fn get(client: &kube::Client, path: &str) -> Result<String> {
    Ok(client.request_text(http::Request::get(path).body(Vec::new())?).await?)
}

/// `http://web.emojivoto.svc.cluster.local:8080/` is web.
fn short(target: &str) -> String {
    target.trim_start_matches("http://").split('.').next().unwrap_or_default().to_owned()
}
