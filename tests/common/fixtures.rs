//! Recorded states of a real mesh: folders of `kubectl get -o json` lists, read as if an API server returned them.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use linkerd_certs::{
    cluster::{self, Error, Kind, Listing, Objects, Observe, Unread, pods},
    snapshot::{self, Snapshot},
};
use serde_json::Value;

/// The states that were recorded.
pub(crate) const STATES: [&str; 7] = [
    "cert-manager",
    "dead-issuer",
    "extended-not-restarted",
    "healthy",
    "issuer-expired",
    "trimmed-too-early",
    "webhooks-expired",
];

/// Set to 1 where the recorded states must be there.
const REQUIRE: &str = "LINKERD_CERTS_REQUIRE_FIXTURES";

/// The snapshot of a recorded state; `None`, with a line that says so, where the recordings are not at hand.
pub(crate) fn snapshot(state: &str) -> Option<Snapshot> {
    folder(state).map(|folder| observe(&Recorded::of(&folder)).unwrap_or_else(|error| panic!("{state}: {error}")))
}

/// Where the recording of a state lies.
pub(crate) fn folder(state: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/fixtures").join(state);
    if folder.is_dir() {
        return Some(folder);
    }
    let required = std::env::var(REQUIRE).is_ok_and(|value| value == "1");
    assert!(!required, "{} is missing, and {REQUIRE}=1", folder.display());
    println!("skipped: {} is missing", folder.display());
    None
}

/// Reads a mesh from objects at hand.
pub(crate) fn observe(recorded: &Recorded) -> Result<Snapshot, Error> {
    observe_as(recorded, &Observe::default())
}

/// The same with what the user asked for.
pub(crate) fn observe_as(recorded: &Recorded, what: &Observe) -> Result<Snapshot, Error> {
    let about = snapshot::Cluster { context: Some("recorded".to_owned()), ..snapshot::Cluster::default() };
    let reading = cluster::read(recorded, about, what, recorded.at);
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(reading)
}

/// What an API server returned, by resource.
#[derive(Clone)]
pub(crate) struct Recorded {
    /// When.
    pub(crate) at: jiff::Timestamp,
    /// The items of each list.
    pub(crate) lists: BTreeMap<String, Vec<Value>>,
    /// Resources that may not be read, as `secrets` or `certificates.cert-manager.io`.
    pub(crate) forbidden: Vec<&'static str>,
    /// The only namespaces whose pods may be listed; empty for all of them.
    pub(crate) may_list_pods_of: Vec<&'static str>,
}

impl Recorded {
    /// Everything in a folder.
    pub(crate) fn of(folder: &Path) -> Self {
        let lists = fs::read_dir(folder).unwrap().filter_map(|file| {
            let file = file.unwrap().path();
            let resource = file.file_name()?.to_str()?.strip_suffix(".json")?.to_owned();
            let mut list: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
            let Value::Array(items) = list.get_mut("items")?.take() else { return None };
            Some((resource, items))
        });
        let at = fs::read_to_string(folder.join("at")).unwrap().trim().parse().unwrap();
        Self { at, lists: lists.collect(), forbidden: Vec::new(), may_list_pods_of: Vec::new() }
    }

    fn items(&self, kind: Kind, verb: &str, namespace: Option<&str>) -> Result<&[Value], Unread> {
        let resource = kind.resource();
        if self.forbidden.contains(&resource.as_str()) {
            return Err(Unread::Forbidden(kind.right(verb, namespace)));
        }
        // kubectl names what the API server's own groups hold without the group.
        let items = self.lists.get(&resource).or_else(|| self.lists.get(kind.plural));
        items.map(Vec::as_slice).ok_or(Unread::Missing)
    }
}

impl Objects for Recorded {
    async fn get(&self, kind: Kind, namespace: &str, name: &str) -> Result<Value, Unread> {
        let wanted = |object: &&Value| {
            object.pointer("/metadata/namespace").is_some_and(|found| found == namespace)
                && object.pointer("/metadata/name").is_some_and(|found| found == name)
        };
        self.items(kind, "get", Some(namespace))?.iter().find(wanted).cloned().ok_or(Unread::Missing)
    }

    async fn list(&self, listing: Listing<'_>, mut each: impl FnMut(&Value) + Send) -> Result<(), Unread> {
        for object in self.items(listing.kind, "list", listing.namespace)? {
            let here = listing
                .namespace
                .is_none_or(|namespace| object.pointer("/metadata/namespace").is_some_and(|found| found == namespace));
            let labels = |key: &str| object.get("metadata")?.get("labels")?.get(key)?.as_str();
            if here && selects(listing.labels, labels) && selects(listing.fields, |key| field(object, key)) {
                each(object);
            }
        }
        Ok(())
    }

    async fn pods(&self, namespace: Option<&str>, fold: &mut pods::Fold) -> Result<(), Unread> {
        let kind = Kind { group: "", version: "v1", plural: "pods" };
        if namespace.is_none_or(|namespace| !self.may_list_pods_of.contains(&namespace))
            && !self.may_list_pods_of.is_empty()
        {
            return Err(Unread::Forbidden(kind.right("list", namespace)));
        }
        for pod in self.items(kind, "list", namespace)? {
            if namespace.is_some_and(|namespace| pod["metadata"]["namespace"] != namespace) {
                continue;
            }
            pods::each_of(pod, fold).map_err(|error| Unread::Failed(error.to_string()))?;
        }
        Ok(())
    }
}

/// `a=b,c!=d`, as far as it is used.
fn selects<'a>(selector: &str, of: impl Fn(&str) -> Option<&'a str>) -> bool {
    selector.split(',').filter(|term| !term.is_empty()).all(|term| match term.split_once("!=") {
        Some((key, value)) => of(key) != Some(value),
        None => term.split_once('=').is_some_and(|(key, value)| of(key) == Some(value)),
    })
}

fn field<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    let path = match key {
        "source" => "source/component".to_owned(),
        other => other.replace('.', "/"),
    };
    object.pointer(&format!("/{path}"))?.as_str()
}
