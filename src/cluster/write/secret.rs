//! Objects that hold private keys, read into memory that is wiped.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use secrecy::zeroize::Zeroizing;
use serde::{Deserialize, Serialize, Serializer};

use crate::{mesh::Fault, snapshot::IssuerScheme};

use super::Place;

/// A text that is wiped when it is dropped.
#[derive(Deserialize)]
#[serde(from = "String")]
pub(super) struct Hidden(Zeroizing<String>);

/// A change of some keys of a ConfigMap or a Secret, against a version of it.
#[derive(Serialize)]
pub(super) struct Changed<'a> {
    metadata: Against<'a>,
    data: BTreeMap<&'static str, Hidden>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Against<'a> {
    resource_version: &'a str,
}

impl<'a> Changed<'a> {
    /// These keys, where the object is still of this version.
    pub(super) fn new(data: impl IntoIterator<Item = (&'static str, Hidden)>, against: &'a str) -> Self {
        Self { metadata: Against { resource_version: against }, data: data.into_iter().collect() }
    }
}

/// A ConfigMap or a Secret.
#[derive(Deserialize)]
pub(super) struct Keyed {
    metadata: Metadata,
    #[serde(default)]
    data: BTreeMap<String, Hidden>,
    #[serde(rename = "type", default)]
    kind: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    resource_version: String,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

impl Hidden {
    /// The text.
    pub(super) fn text(&self) -> &str {
        &self.0
    }

    /// The bytes as a Secret holds them.
    pub(super) fn encoded(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(BASE64.encode(bytes)))
    }

    /// What base64 in it says; `None` where it is not base64 of text.
    fn decoded(&self) -> Option<Self> {
        let mut bytes = Zeroizing::new(BASE64.decode(self.text()).ok()?);
        String::from_utf8(std::mem::take(&mut *bytes)).ok().map(Self::from)
    }
}

impl From<String> for Hidden {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl Serialize for Hidden {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text())
    }
}

impl Keyed {
    /// Whether it is what it was when the plan was made.
    pub(super) fn still(&self, place: Place<'_>, against: &str) -> Result<(), Fault> {
        planned(place, against)?;
        if self.metadata.resource_version == against { Ok(()) } else { Err(Fault::Conflict(place.to_string())) }
    }

    pub(super) fn has_annotation(&self, key: &str) -> bool {
        self.metadata.annotations.contains_key(key)
    }

    /// The text under a ConfigMap's key, taken out.
    pub(super) fn take(&mut self, key: &str) -> Option<Hidden> {
        self.data.remove(key)
    }

    /// The text under a Secret's key.
    pub(super) fn secret(&self, key: &str) -> Option<Hidden> {
        self.data.get(key)?.decoded()
    }

    /// The layout of the issuer Secret; its keys tell it, since that is what identity reads.
    pub(super) fn scheme(&self) -> IssuerScheme {
        let kubernetes = self.data.contains_key("tls.crt")
            || (!self.data.contains_key("crt.pem") && self.kind == "kubernetes.io/tls");
        if kubernetes { IssuerScheme::Kubernetes } else { IssuerScheme::Linkerd }
    }
}

/// An empty version would be no precondition at all to the API server.
pub(super) fn planned(place: Place<'_>, against: &str) -> Result<(), Fault> {
    if against.is_empty() {
        return Err(Fault::Failed(format!("{place} was planned without the version that was read of it")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cluster::objects::SECRETS;

    fn keyed(kind: &str, keys: &[&str]) -> Keyed {
        let data: BTreeMap<_, _> = keys.iter().map(|key| (key, BASE64.encode("text"))).collect();
        serde_json::from_value(json!({"metadata": {"resourceVersion": "7"}, "type": kind, "data": data})).unwrap()
    }

    #[test]
    fn the_scheme_is_in_the_keys() {
        assert_eq!(keyed("Opaque", &["crt.pem", "key.pem"]).scheme(), IssuerScheme::Linkerd);
        assert_eq!(keyed("kubernetes.io/tls", &["tls.crt", "tls.key"]).scheme(), IssuerScheme::Kubernetes);
        assert_eq!(keyed("Opaque", &["tls.crt", "tls.key"]).scheme(), IssuerScheme::Kubernetes);
        assert_eq!(keyed("kubernetes.io/tls", &[]).scheme(), IssuerScheme::Kubernetes);
    }

    #[test]
    fn another_version_is_a_conflict_and_none_is_a_mistake() {
        let place = Place { kind: SECRETS, word: "Secret", namespace: "linkerd", name: "s" };
        let read = keyed("Opaque", &["crt.pem"]);
        assert!(read.still(place, "7").is_ok());
        assert!(matches!(read.still(place, "6"), Err(Fault::Conflict(_))));
        assert!(matches!(read.still(place, ""), Err(Fault::Failed(_))));
        assert_eq!(read.secret("crt.pem").unwrap().text(), "text");
    }
}
