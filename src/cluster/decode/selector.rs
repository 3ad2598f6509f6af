use std::collections::BTreeMap;

use serde_json::Value;

use super::Object;

/// A label selector (Kubernetes, apimachinery, `metav1.LabelSelector`): everything it asks for has to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector(Vec<Requirement>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    key: String,
    operator: Operator,
    values: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

impl Selector {
    /// Reads one; what it asks for in a way that is not known is left out.
    pub fn new(value: &Value) -> Self {
        let object = Object::new(value);
        let labels = object.map("/matchLabels").into_iter().map(|(key, value)| Requirement {
            key: key.to_owned(),
            operator: Operator::In,
            values: vec![value.to_owned()],
        });
        let expressions = object.items("/matchExpressions").filter_map(|expression| {
            let operator = match expression.text("/operator")? {
                "In" => Operator::In,
                "NotIn" => Operator::NotIn,
                "Exists" => Operator::Exists,
                "DoesNotExist" => Operator::DoesNotExist,
                _ => return None,
            };
            let values = expression.at("/values").and_then(Value::as_array).into_iter().flatten();
            let values = values.filter_map(|value| value.as_str().map(str::to_owned)).collect();
            Some(Requirement { key: expression.string("/key"), operator, values })
        });
        Self(labels.chain(expressions).collect())
    }

    /// The injector's `namespaceSelector` in Linkerd's chart, with high availability and without (linkerd2,
    /// charts/linkerd-control-plane/values.yaml, `proxyInjector.namespaceSelector`).
    pub fn of_the_injector_s_chart() -> Self {
        let none_of = |key: &str, values: &[&str]| Requirement {
            key: key.to_owned(),
            operator: Operator::NotIn,
            values: values.iter().map(|&value| value.to_owned()).collect(),
        };
        Self(vec![
            none_of("config.linkerd.io/admission-webhooks", &["disabled"]),
            none_of("kubernetes.io/metadata.name", &["kube-system", "cert-manager"]),
        ])
    }

    /// Whether what has these labels is selected.
    pub fn matches(&self, labels: &BTreeMap<&str, &str>) -> bool {
        self.0.iter().all(|Requirement { key, operator, values }| {
            let found = labels.get(key.as_str());
            let is_one = found.is_some_and(|found| values.iter().any(|value| value == found));
            match operator {
                Operator::In => is_one,
                Operator::NotIn => !is_one,
                Operator::Exists => found.is_some(),
                Operator::DoesNotExist => found.is_none(),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn everything_has_to_hold() {
        let selects = |selector: Value, labels: &[(&'static str, &'static str)]| {
            Selector::new(&selector).matches(&labels.iter().copied().collect())
        };
        let expression = |operator: &str, values: Value| json!({"matchExpressions": [{"key": "a", "operator": operator, "values": values}]});
        assert!(selects(json!({}), &[]) && selects(Value::Null, &[("a", "1")]));
        assert!(selects(json!({"matchLabels": {"a": "1"}}), &[("a", "1"), ("b", "2")]));
        assert!(!selects(json!({"matchLabels": {"a": "1", "b": "1"}}), &[("a", "1")]));
        assert!(selects(expression("In", json!(["1", "2"])), &[("a", "2")]));
        assert!(!selects(expression("In", json!(["1"])), &[]));
        assert!(selects(expression("NotIn", json!(["1"])), &[]));
        assert!(!selects(expression("NotIn", json!(["1"])), &[("a", "1")]));
        assert!(
            selects(expression("Exists", Value::Null), &[("a", "")]) && !selects(expression("Exists", json!([])), &[])
        );
        assert!(!selects(expression("DoesNotExist", json!([])), &[("a", "")]));
    }

    #[test]
    fn the_chart_s_own_passes_over_who_opted_out() {
        let chart = Selector::of_the_injector_s_chart();
        let of = |name, label| {
            let labels = [("kubernetes.io/metadata.name", name), ("config.linkerd.io/admission-webhooks", label)];
            chart.matches(&labels.into_iter().collect())
        };
        assert!(of("shop", "enabled") && !of("shop", "disabled"));
        assert!(!of("kube-system", "") && !of("cert-manager", ""));
    }
}
