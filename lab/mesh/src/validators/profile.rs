//! `ServiceProfiles` (linkerd2 pkg/profiles/profiles.go).

use regex::Regex;
use serde_json::Value;

use crate::flags::duration;

pub(super) fn check(_kind: &str, profile: &Value) -> Result<(), String> {
    let name = profile["metadata"]["name"].as_str().unwrap_or_default();
    let spec = &profile["spec"];
    for route in spec["routes"].as_array().into_iter().flatten() {
        if route["name"].as_str().is_none_or(str::is_empty) {
            return Err(format!("ServiceProfile {name:?} has a route with no name"));
        }
        if let Some(timeout) = route["timeout"].as_str()
            && duration(timeout).is_none()
        {
            return Err(format!("ServiceProfile {name:?} has a route with an invalid timeout: {timeout:?}"));
        }
        if route["condition"].is_null() {
            return Err(format!("ServiceProfile {name:?} has a route with no condition"));
        }
        condition(&route["condition"], &["all", "any", "not", "method", "pathRegex"])
            .map_err(|why| format!("ServiceProfile {name:?} has a route with an invalid condition: {why}"))?;
        for class in route["responseClasses"].as_array().into_iter().flatten() {
            condition(&class["condition"], &["all", "any", "not", "status"])
                .map_err(|why| format!("ServiceProfile {name:?} has an invalid response class: {why}"))?;
        }
    }
    let budget = &spec["retryBudget"];
    if !budget.is_null() && budget["ttl"].as_str().and_then(duration).is_none() {
        return Err(format!("ServiceProfile {name:?} RetryBudget: invalid or missing ttl"));
    }
    Ok(())
}

fn condition(condition: &Value, kinds: &[&str]) -> Result<(), String> {
    let some = condition.as_object().is_some_and(|fields| fields.keys().any(|field| kinds.contains(&field.as_str())));
    if !some {
        return Err(format!("a match must have one of {}", kinds.join(", ")));
    }
    if let Some(regex) = condition["pathRegex"].as_str() {
        Regex::new(regex).map_err(|error| format!("pathRegex {regex:?}: {error}"))?;
    }
    for bound in ["min", "max"] {
        if let Some(status) = condition["status"][bound].as_u64()
            && !(100..=599).contains(&status)
        {
            return Err(format!("status range {bound}imum must be between 100 and 599"));
        }
    }
    for list in ["all", "any"] {
        for child in condition[list].as_array().into_iter().flatten() {
            self::condition(child, kinds)?;
        }
    }
    match &condition["not"] {
        Value::Null => Ok(()),
        child => self::condition(child, kinds),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn with_route(route: &Value) -> Result<(), String> {
        check("ServiceProfile", &json!({ "metadata": { "name": "a" }, "spec": { "routes": [route] } }))
    }

    #[test]
    fn a_good_route_is_let_in() {
        let condition = json!({ "all": [{ "method": "GET" }, { "pathRegex": "/api/.*" }] });
        assert_eq!(with_route(&json!({ "name": "x", "timeout": "3s", "condition": condition })), Ok(()));
    }

    #[test]
    fn bad_routes_are_not() {
        for route in [
            json!({ "condition": { "method": "GET" } }),
            json!({ "name": "x" }),
            json!({ "name": "x", "condition": {} }),
            json!({ "name": "x", "condition": { "pathRegex": "(" } }),
            json!({ "name": "x", "timeout": "soon", "condition": { "method": "GET" } }),
        ] {
            assert!(with_route(&route).is_err(), "{route}");
        }
    }
}
