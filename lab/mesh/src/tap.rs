//! The tap API server of the viz extension: as much of an aggregated API as the API server looks at.
//!
//! Its certificate is mounted and taken up anew like those of the webhooks (linkerd2 viz/tap/api/server.go `NewServer`:
//! the same `FsCredsWatcher`); it is shown to whoever asks, since who may tap is of no concern to certificates.

use std::path::Path;

use http::{Request, StatusCode};
use hyper::body::Incoming;
use serde_json::{Value, json};

use crate::admin::Admin;
use crate::flags::Flags;
use crate::http1::{self, Answer, Handle};
use crate::role::Failure;
use crate::webhook::{self, certificate::Keys};

const GROUP: &str = "tap.linkerd.io";
const VERSION: &str = "v1alpha1";
/// What can be tapped, and whether it is in a namespace (linkerd2 viz/tap/api/handlers.go `resources`).
const RESOURCES: [(&str, bool); 10] = [
    ("namespaces", false),
    ("pods", true),
    ("replicationcontrollers", true),
    ("services", true),
    ("daemonsets", true),
    ("deployments", true),
    ("replicasets", true),
    ("statefulsets", true),
    ("jobs", true),
    ("cronjobs", true),
];

struct Tap;

pub(crate) async fn run(flags: Flags) -> Result<(), Failure> {
    let admin = Admin::start(flags.listen_or("metrics-addr", 9998), String::new).await?;
    let address = flags.listen_or("apiserver-addr", 8089);
    webhook::serve_over_tls(address, (Path::new(webhook::MOUNTED), Keys::All), Tap, || admin.set_ready()).await
}

impl Handle for Tap {
    async fn handle(&self, request: Request<Incoming>) -> Answer {
        match answer(request.uri().path()) {
            Some(answer) => http1::json(StatusCode::OK, &answer),
            None => http1::json(StatusCode::NOT_FOUND, &json!({"paths": ["/apis", format!("/apis/{GROUP}")]})),
        }
    }
}

fn answer(path: &str) -> Option<Value> {
    let version = json!({"groupVersion": format!("{GROUP}/{VERSION}"), "version": VERSION});
    let mut group = json!({"name": GROUP, "versions": [version.clone()], "preferredVersion": version});
    let rest = path.strip_prefix("/apis")?;
    if rest.is_empty() {
        return Some(json!({"kind": "APIGroupList", "groups": [group]}));
    }
    match rest.strip_prefix('/')?.strip_prefix(GROUP)? {
        "" => {
            group["kind"] = json!("APIGroup");
            group["apiVersion"] = json!("v1");
            Some(group)
        }
        rest if rest.strip_prefix('/') == Some(VERSION) => Some(json!({
            "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": format!("{GROUP}/{VERSION}"),
            "resources": RESOURCES.iter().flat_map(|(name, namespaced)| {
                [(*name).to_owned(), format!("{name}/tap")].map(|name| json!({
                    "name": name, "singularName": "", "namespaced": namespaced, "kind": "Tap", "verbs": ["watch"],
                }))
            }).collect::<Vec<_>>(),
        })),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_server_finds_the_group_and_its_resources() {
        assert_eq!(answer("/apis").unwrap()["groups"][0]["name"], GROUP);
        assert_eq!(answer("/apis/tap.linkerd.io").unwrap()["preferredVersion"]["version"], VERSION);
        let resources = answer("/apis/tap.linkerd.io/v1alpha1").unwrap();
        assert_eq!(resources["resources"][1]["name"], "namespaces/tap");
        assert_eq!(answer("/apis/tap.linkerd.io/v1"), None);
        assert_eq!(answer("/api"), None);
    }
}
