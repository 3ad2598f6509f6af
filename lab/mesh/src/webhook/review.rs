//! `AdmissionReview`, as far as it is needed.

use serde::Deserialize;
use serde_json::{Value, json};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Review {
    pub(crate) api_version: String,
    pub(crate) request: AdmissionRequest,
}

#[derive(Debug, Deserialize)]
pub(crate) struct AdmissionRequest {
    pub(crate) uid: String,
    pub(crate) kind: Kind,
    #[serde(default)]
    pub(crate) namespace: String,
    #[serde(default)]
    pub(crate) object: Value,
    #[serde(default, rename = "dryRun")]
    pub(crate) dry_run: Option<bool>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Kind {
    pub(crate) kind: String,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    Allow,
    /// Let in with these JSON patch operations applied.
    Patch(Vec<Value>),
    Deny(String),
}

/// The review to send back.
pub(crate) fn answer(version: &str, uid: &str, verdict: Verdict) -> Value {
    let response = match verdict {
        Verdict::Allow => json!({ "uid": uid, "allowed": true }),
        Verdict::Patch(operations) => json!({
            "uid": uid,
            "allowed": true,
            "patchType": "JSONPatch",
            "patch": STANDARD.encode(Value::Array(operations).to_string()),
        }),
        Verdict::Deny(why) => json!({
            "uid": uid,
            "allowed": false,
            "status": { "message": why },
        }),
    };
    json!({ "apiVersion": version, "kind": "AdmissionReview", "response": response })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_is_base64_as_the_api_server_wants_it() {
        let operation = json!({ "op": "add", "path": "/metadata/labels", "value": {} });
        let answer = answer("admission.k8s.io/v1", "7", Verdict::Patch(vec![operation.clone()]));
        let patch = answer["response"]["patch"].as_str().unwrap();
        let decoded: Value = serde_json::from_slice(&STANDARD.decode(patch).unwrap()).unwrap();
        assert_eq!(decoded, json!([operation]));
        assert_eq!(answer["response"]["uid"], "7");
    }
}
