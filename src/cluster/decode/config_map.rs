use serde_json::Value;

use crate::{
    pki::Bundle,
    snapshot::{Source, TrustRoots, Values},
};

use super::{Object, values};

/// ConfigMap `linkerd-identity-trust-roots`.
pub fn trust_roots(value: &Value) -> TrustRoots {
    const KEY: &str = "ca-bundle.crt";
    let object = Object::new(value);
    let written = object.written(&["f:data", "f:ca-bundle.crt"]);
    TrustRoots {
        meta: object.meta("ConfigMap"),
        bundle: object.entry("/data", KEY).map(Bundle::parse),
        changed_at: written.map(|(at, _)| at),
        changed_by: written.map(|(_, manager)| manager.to_owned()),
    }
}

/// ConfigMap `linkerd-config`.
pub fn config(value: &Value) -> Source<Values> {
    let object = Object::new(value);
    let meta = object.meta("ConfigMap");
    match object.entry("/data", "values") {
        Some(yaml) => values::of_yaml(yaml, meta),
        None => Source::Failed(format!("{} has no key `values`", meta.reference())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_missing_key_is_told_from_an_empty_one() {
        let roots =
            |data: Value| trust_roots(&json!({"metadata": {"name": "linkerd-identity-trust-roots"}, "data": data}));
        assert_eq!(roots(json!({"other": ""})).bundle, None);
        let empty = roots(json!({"ca-bundle.crt": ""})).bundle.unwrap();
        assert!(empty.is_empty() && !empty.loads);
    }

    #[test]
    fn megabytes_of_garbage_are_a_problem_not_a_panic() {
        let garbage = "-----BEGIN CERTIFICATE-----\n\u{0}\u{fffd}garbage\n".repeat(300_000);
        let roots = trust_roots(&json!({"data": {"ca-bundle.crt": garbage}}));
        assert!(roots.bundle.unwrap().is_empty());
    }

    #[test]
    fn a_config_without_values() {
        let config = config(&json!({"metadata": {"namespace": "linkerd", "name": "linkerd-config"}, "data": {}}));
        assert_eq!(config.hidden(), Some("ConfigMap linkerd/linkerd-config has no key `values`"));
    }
}
