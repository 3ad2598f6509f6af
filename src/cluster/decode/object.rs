use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use jiff::Timestamp;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::{
    pki::Bundle,
    snapshot::{Condition, Meta},
};

use super::owner;

/// A Kubernetes object as JSON, read leniently: a field that is missing, null or of another type than expected is a
/// field that is not set. Objects of other projects change; a reader that refuses them sees less, not more.
#[derive(Clone, Copy, Debug)]
pub struct Object<'a>(&'a Value);

impl<'a> Object<'a> {
    /// Wraps `value`.
    pub fn new(value: &'a Value) -> Self {
        Self(value)
    }

    /// The value at this JSON pointer, where there is one and it is not null.
    pub fn at(self, pointer: &str) -> Option<&'a Value> {
        self.0.pointer(pointer).filter(|value| !value.is_null())
    }

    /// The text at `pointer`, where there is some.
    pub fn text(self, pointer: &str) -> Option<&'a str> {
        self.at(pointer)?.as_str().filter(|text| !text.is_empty())
    }

    /// The text at `pointer`, empty where there is none.
    pub fn string(self, pointer: &str) -> String {
        self.text(pointer).unwrap_or_default().to_owned()
    }

    /// The number at `pointer`.
    pub fn number(self, pointer: &str) -> Option<u64> {
        self.at(pointer)?.as_u64()
    }

    /// Whether `pointer` holds `true`.
    pub fn flag(self, pointer: &str) -> bool {
        self.at(pointer).and_then(Value::as_bool).unwrap_or(false)
    }

    /// The time at `pointer`.
    pub fn time(self, pointer: &str) -> Option<Timestamp> {
        self.text(pointer)?.parse().ok()
    }

    /// The elements of the list at `pointer`.
    pub fn items(self, pointer: &str) -> impl Iterator<Item = Self> + use<'a> {
        self.at(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default().iter().map(Self)
    }

    /// The texts of the map at `pointer`.
    pub fn map(self, pointer: &str) -> BTreeMap<&'a str, &'a str> {
        let map = self.at(pointer).and_then(Value::as_object);
        map.into_iter().flatten().filter_map(|(key, value)| Some((key.as_str(), value.as_str()?))).collect()
    }

    /// The text of a label, annotation or data key: its name may hold what a JSON pointer would have to escape.
    pub fn entry(self, pointer: &str, key: &str) -> Option<&'a str> {
        self.at(pointer)?.get(key)?.as_str()
    }

    /// The text of an annotation.
    pub fn annotation(self, key: &str) -> Option<&'a str> {
        self.entry("/metadata/annotations", key)
    }

    /// The text of a label.
    pub fn label(self, key: &str) -> Option<&'a str> {
        self.entry("/metadata/labels", key)
    }

    /// Its name.
    pub fn name(self) -> &'a str {
        self.text("/metadata/name").unwrap_or_default()
    }

    /// Its namespace; empty for cluster-scoped kinds.
    pub fn namespace(self) -> &'a str {
        self.text("/metadata/namespace").unwrap_or_default()
    }

    /// Its metadata. The kind is given, since the items of a list from the API server do not name theirs.
    pub fn meta(self, kind: &str) -> Meta {
        Meta {
            kind: kind.to_owned(),
            namespace: self.namespace().to_owned(),
            name: self.name().to_owned(),
            resource_version: self.string("/metadata/resourceVersion"),
            created_at: self.time("/metadata/creationTimestamp"),
            owners: owner::owners(self),
        }
    }

    /// When something under `path` of its fields, such as `["f:data"]`, was last written, and the manager who did.
    pub fn written(self, path: &[&str]) -> Option<(Timestamp, &'a str)> {
        self.items("/metadata/managedFields")
            .filter(|entry| {
                let fields = entry.at("/fieldsV1");
                path.iter().try_fold(fields, |fields, key| Some(fields?.get(key))).flatten().is_some()
            })
            .filter_map(|entry| Some((entry.time("/time")?, entry.text("/manager").unwrap_or_default())))
            .max_by_key(|(at, _)| *at)
    }

    /// `status.conditions`.
    pub fn conditions(self) -> Vec<Condition> {
        self.items("/status/conditions")
            .map(|condition| Condition {
                kind: condition.string("/type"),
                status: condition.string("/status"),
                reason: condition.string("/reason"),
                message: condition.string("/message"),
            })
            .collect()
    }

    /// Base64 in the field at `pointer` of bytes that are PEM; `None` where it is not set or empty.
    pub fn pem(self, pointer: &str) -> Option<Bundle> {
        self.text(pointer).map(|encoded| bundle(&decode(encoded)))
    }
}

/// What base64 holds. What is not base64 is taken as it stands: the reader of the PEM will say what is wrong with it.
/// It may be a key, and is wiped when it is dropped.
pub(super) fn decode(encoded: &str) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(BASE64.decode(encoded).unwrap_or_else(|_| encoded.as_bytes().to_vec()))
}

/// PEM in bytes that may be anything.
pub(super) fn bundle(bytes: &[u8]) -> Bundle {
    Bundle::parse(&String::from_utf8_lossy(bytes))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_of_another_type_are_not_set() {
        let value = json!({"metadata": {"name": 7, "labels": ["a"], "creationTimestamp": "yesterday"}, "spec": null});
        let object = Object::new(&value);
        assert_eq!(object.meta("Secret"), Meta { kind: "Secret".to_owned(), ..Meta::default() });
        assert_eq!(object.label("a"), None);
        assert_eq!(object.items("/spec/sources").count(), 0);
        assert!(!object.flag("/spec/isCA"));
    }

    #[test]
    fn the_manager_of_a_field_dates_it() {
        let value = json!({"metadata": {"managedFields": [
            {"manager": "kubectl", "time": "2026-11-21T09:00:00Z", "fieldsV1": {"f:data": {"f:ca-bundle.crt": {}}}},
            {"manager": "labeler", "time": "2026-11-21T12:00:00Z", "fieldsV1": {"f:metadata": {"f:labels": {}}}},
            {"manager": "edit", "time": "2026-11-21T10:00:00Z", "fieldsV1": {"f:data": {".": {}, "f:ca-bundle.crt": {}}}},
        ]}});
        let written = Object::new(&value).written(&["f:data", "f:ca-bundle.crt"]);
        assert_eq!(written, Some(("2026-11-21T10:00:00Z".parse().unwrap(), "edit")));
        assert_eq!(Object::new(&value).written(&["f:data", "f:other"]), None);
    }

    #[test]
    fn pem_that_is_not_base64_is_still_reported() {
        let value = json!({"caBundle": "\u{1}not base64", "empty": ""});
        let bundle = Object::new(&value).pem("/caBundle").unwrap();
        assert!(bundle.is_empty() && !bundle.problems.is_empty());
        assert_eq!(Object::new(&value).pem("/empty"), None);
    }
}
