//! Policy resources (linkerd2 policy-controller/src/admission.rs).

use serde_json::Value;

pub(super) fn check(kind: &str, object: &Value) -> Result<(), String> {
    match kind {
        "Server" => server(&object["spec"]),
        "AuthorizationPolicy" => present(&object["spec"], &["targetRef", "requiredAuthenticationRefs"]),
        "ServerAuthorization" => present(&object["spec"], &["server", "client"]),
        "NetworkAuthentication" => present(&object["spec"], &["networks"]),
        _ => Ok(()),
    }
}

fn present(spec: &Value, fields: &[&str]) -> Result<(), String> {
    match fields.iter().find(|field| spec[**field].is_null()) {
        Some(missing) => Err(format!("spec.{missing} is required")),
        None => Ok(()),
    }
}

fn server(spec: &Value) -> Result<(), String> {
    present(spec, &["port"])?;
    let valid = match &spec["port"] {
        Value::Number(port) => port.as_u64().is_some_and(|port| (1..=65535).contains(&port)),
        Value::String(name) => is_port_name(name),
        _ => false,
    };
    if !valid {
        return Err(format!("spec.port {} is neither a port nor its name", spec["port"]));
    }
    let selectors = ["podSelector", "externalWorkloadSelector"]
        .map(|name| &spec[name])
        .into_iter()
        .filter(|selector| !selector.is_null());
    match selectors.collect::<Vec<_>>()[..] {
        [one] => selector(one),
        _ => Err("spec needs one of podSelector and externalWorkloadSelector".into()),
    }
}

fn selector(selector: &Value) -> Result<(), String> {
    for expression in selector["matchExpressions"].as_array().into_iter().flatten() {
        let values = expression["values"].as_array().map_or(0, Vec::len);
        let fits = match expression["operator"].as_str() {
            Some("In" | "NotIn") => values > 0,
            Some("Exists" | "DoesNotExist") => values == 0,
            _ => false,
        };
        if !fits {
            return Err(format!("selector expression {expression} is not valid"));
        }
    }
    Ok(())
}

fn is_port_name(name: &str) -> bool {
    (1..=15).contains(&name.len())
        && name.bytes().any(|byte| byte.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn with_spec(spec: &Value) -> Result<(), String> {
        check("Server", &json!({ "spec": spec }))
    }

    #[test]
    fn servers() {
        let good = json!({ "podSelector": { "matchLabels": { "app": "web" } }, "port": "http" });
        assert_eq!(with_spec(&good), Ok(()));
        for bad in [
            json!({ "podSelector": {} }),
            json!({ "podSelector": {}, "port": 0 }),
            json!({ "podSelector": {}, "port": "NOT A NAME" }),
            json!({ "port": 80 }),
            json!({ "port": 80, "podSelector": { "matchExpressions": [{ "operator": "In" }] } }),
        ] {
            assert!(with_spec(&bad).is_err(), "{bad}");
        }
    }
}
