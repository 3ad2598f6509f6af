use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{
    cluster::{
        decode::{Object, Selector},
        objects::{Kind, Listing, Objects as _, Unread},
    },
    mesh::{Concern, Concerns, Fault},
    snapshot::WorkloadRef,
};

use super::{super::restart::is_by_hand, LiveMesh, MOST_LISTS, Rolling, places};

const BUDGETS: Kind = Kind { group: "policy", version: "v1", plural: "poddisruptionbudgets" };
const QUOTAS: Kind = Kind { group: "", version: "v1", plural: "resourcequotas" };

impl LiveMesh {
    /// Reads strategies, and the quotas and budgets that matter to them.
    pub(in crate::cluster::write) async fn read_concerns(&self, of: &[WorkloadRef]) -> Result<Concerns, Fault> {
        let wanted: BTreeSet<WorkloadRef> = of.iter().cloned().collect();
        let mut shapes = Vec::new();
        for ((rolling, namespace), _) in places(&wanted) {
            let listing = Listing { namespace, ..Listing::all(rolling.kind()) };
            let each = |value: &Value| {
                let shape = Shape::of(rolling, value);
                if wanted.contains(&shape.workload) {
                    shapes.push(shape);
                }
            };
            self.cluster.list(listing, each).await?;
        }
        let mut concerns = Concerns::default();
        for shape in &shapes {
            concerns.of.extend(shape.concerns().into_iter().map(|concern| (shape.workload.clone(), concern)));
        }
        let evicting: Vec<&Shape> = shapes.iter().filter(|shape| shape.evicts).collect();
        self.judge(BUDGETS, &evicting, budget, &mut concerns).await?;
        let surging: Vec<&Shape> = shapes.iter().filter(|shape| shape.surges).collect();
        self.judge(QUOTAS, &surging, |value, _| quota(value), &mut concerns).await?;
        Ok(concerns)
    }

    /// Holds each object of `kind` against each of these workloads in its namespace.
    async fn judge(
        &self,
        kind: Kind,
        shapes: &[&Shape],
        judge: impl Fn(&Value, &Shape) -> Option<Concern> + Sync,
        concerns: &mut Concerns,
    ) -> Result<(), Fault> {
        let namespaces: BTreeSet<&str> = shapes.iter().map(|shape| shape.workload.namespace.as_str()).collect();
        let lists: Vec<Option<&str>> =
            if namespaces.len() > MOST_LISTS { vec![None] } else { namespaces.into_iter().map(Some).collect() };
        for namespace in lists {
            let mut found = Vec::new();
            let each = |value: &Value| {
                let here = shapes.iter().filter(|shape| Object::new(value).namespace() == shape.workload.namespace);
                found.extend(here.filter_map(|shape| Some((shape.workload.clone(), judge(value, shape)?))));
            };
            match self.cluster.list(Listing { namespace, ..Listing::all(kind) }, each).await {
                Ok(()) | Err(Unread::Missing) => concerns.of.extend(found),
                Err(Unread::Forbidden(right)) => concerns.unseen.push(right),
                Err(other) => return Err(other.into()),
            }
        }
        Ok(())
    }
}

/// How a workload replaces its pods, as its spec says.
#[derive(Debug)]
struct Shape {
    workload: WorkloadRef,
    labels: BTreeMap<String, String>,
    /// Its pods go only when somebody deletes them.
    evicts: bool,
    /// A new pod has to come before an old one may go.
    surges: bool,
    /// All of its pods may be gone at once.
    gap: bool,
    partition: Option<u64>,
}

impl Shape {
    fn of(rolling: Rolling, value: &Value) -> Self {
        let object = Object::new(value);
        let wanted = match rolling {
            Rolling::DaemonSet => object.number("/status/desiredNumberScheduled").unwrap_or(0),
            Rolling::Deployment | Rolling::StatefulSet => object.number("/spec/replicas").unwrap_or(1),
        };
        let (surges, gap) = match rolling {
            Rolling::Deployment => deployment(object, wanted),
            Rolling::StatefulSet => (false, wanted == 1),
            Rolling::DaemonSet => {
                let surge = amount(object.at("/spec/updateStrategy/rollingUpdate/maxSurge"), wanted, (0, Round::Up));
                (surge > 0, wanted == 1 && surge == 0)
            }
        };
        let labels = object.map("/spec/template/metadata/labels").into_iter();
        Self {
            workload: WorkloadRef {
                namespace: object.namespace().to_owned(),
                kind: rolling.word().to_owned(),
                name: object.name().to_owned(),
            },
            labels: labels.map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
            evicts: wanted > 0 && is_by_hand(value),
            surges: wanted > 0 && surges && !is_by_hand(value),
            gap: wanted > 0 && gap,
            partition: object.number("/spec/updateStrategy/rollingUpdate/partition").filter(|&first| first > 0),
        }
    }

    /// What its own spec says.
    fn concerns(&self) -> Vec<Concern> {
        let partition = self.partition.map(Concern::Partition);
        let evicted = self.evicts.then_some(Concern::Evicted);
        [partition, evicted, self.gap.then_some(Concern::Gap)].into_iter().flatten().collect()
    }
}

/// Whether a Deployment must bring a pod first, and whether all of its pods may be gone at once.
fn deployment(object: Object<'_>, wanted: u64) -> (bool, bool) {
    const DEFAULT: &str = "25%";
    if object.text("/spec/strategy/type") == Some("Recreate") {
        return (false, true);
    }
    let quarter = Value::from(DEFAULT);
    let number = |pointer: &str, round| amount(object.at(pointer).or(Some(&quarter)), wanted, (0, round));
    let surge = number("/spec/strategy/rollingUpdate/maxSurge", Round::Up);
    let mut unavailable = number("/spec/strategy/rollingUpdate/maxUnavailable", Round::Down);
    if surge == 0 && unavailable == 0 {
        unavailable = 1;
    }
    (unavailable == 0, unavailable >= wanted)
}

#[derive(Clone, Copy)]
enum Round {
    Up,
    Down,
}

/// A number, or a percentage of `whole` (kubernetes, apimachinery, `intstr.GetScaledValueFromIntOrPercent`).
fn amount(value: Option<&Value>, whole: u64, (default, round): (u64, Round)) -> u64 {
    let Some(value) = value else { return default };
    if let Some(number) = value.as_u64() {
        return number;
    }
    let percent = value.as_str().and_then(|text| text.strip_suffix('%')?.parse::<u64>().ok());
    let Some(percent) = percent else { return default };
    let hundredths = whole.saturating_mul(percent);
    match round {
        Round::Up => hundredths.div_ceil(100),
        Round::Down => hundredths / 100,
    }
}

/// A budget that lets none of this workload's pods go. One without a selector is about no pods.
fn budget(value: &Value, shape: &Shape) -> Option<Concern> {
    let budget = Object::new(value);
    let labels = shape.labels.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let selector = budget.at("/spec/selector").filter(|selector| selector.is_object());
    let selects = selector.is_some_and(|selector| Selector::new(selector).matches(&labels));
    let none = budget.number("/status/disruptionsAllowed").unwrap_or(0) == 0;
    (selects && none).then(|| Concern::Budget(budget.name().to_owned()))
}

/// A quota on pods that is used up. One with scopes is about some pods only and says nothing here.
fn quota(value: &Value) -> Option<Concern> {
    let quota = Object::new(value);
    if quota.items("/spec/scopes").next().is_some() || quota.at("/spec/scopeSelector").is_some() {
        return None;
    }
    ["pods", "count/pods"].into_iter().find_map(|resource| {
        let number = |list: &str| quota.entry(list, resource)?.parse::<u64>().ok();
        let (hard, used) = (number("/status/hard")?, number("/status/used")?);
        (used >= hard).then(|| Concern::Quota {
            name: quota.name().to_owned(),
            resource: resource.to_owned(),
            used,
            hard,
        })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deployment(replicas: u64, strategy: &Value) -> Shape {
        Shape::of(
            Rolling::Deployment,
            &json!({"metadata": {"namespace": "shop", "name": "web"}, "spec": {"replicas": replicas,
                "strategy": strategy, "template": {"metadata": {"labels": {"app": "web"}}}}}),
        )
    }

    #[test]
    fn a_deployment_brings_a_pod_first_where_none_may_be_missing() {
        let rolling = |surge: Value, unavailable: Value| json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}});
        let facts = |replicas: u64, strategy: &Value| {
            let shape = deployment(replicas, strategy);
            (shape.surges, shape.gap)
        };
        assert_eq!(facts(1, &json!({})), (true, false), "a quarter of one, rounded down, is none");
        assert_eq!(facts(4, &json!({})), (false, false));
        assert_eq!(facts(1, &rolling(json!(0), json!(1))), (false, true));
        assert_eq!(facts(3, &rolling(json!("0%"), json!("10%"))), (false, false), "one may go then");
        assert_eq!(facts(3, &rolling(json!(1), json!("100%"))), (false, true));
        assert_eq!(facts(3, &json!({"type": "Recreate"})), (false, true));
        assert_eq!(facts(0, &json!({"type": "Recreate"})), (false, false));
    }

    #[test]
    fn pods_that_are_evicted_and_a_partition_are_told() {
        let stateful = |strategy: Value| {
            let spec = json!({"metadata": {"name": "db"}, "spec": {"replicas": 2, "updateStrategy": strategy}});
            Shape::of(Rolling::StatefulSet, &spec).concerns()
        };
        assert_eq!(stateful(json!({"type": "OnDelete"})), [Concern::Evicted]);
        assert_eq!(stateful(json!({"rollingUpdate": {"partition": 1}})), [Concern::Partition(1)]);
        assert_eq!(stateful(json!({"rollingUpdate": {"partition": 0}})), []);
    }

    #[test]
    fn a_budget_counts_where_it_selects_the_pods_and_lets_none_go() {
        let shape = deployment(1, &json!({}));
        let of = |selector: Value, allowed: u64| {
            let value = json!({"metadata": {"name": "web"}, "spec": {"selector": selector},
                "status": {"disruptionsAllowed": allowed}});
            budget(&value, &shape)
        };
        assert_eq!(of(json!({"matchLabels": {"app": "web"}}), 0), Some(Concern::Budget("web".to_owned())));
        assert_eq!(of(json!({"matchLabels": {"app": "web"}}), 1), None);
        assert_eq!(of(json!({"matchLabels": {"app": "db"}}), 0), None);
        assert_eq!(of(Value::Null, 0), None, "without a selector it is about no pods");
    }

    #[test]
    fn a_quota_counts_where_it_is_about_all_pods_and_used_up() {
        let of = |spec: Value, key: &str, used: &str| {
            let value = json!({"metadata": {"name": "q"}, "spec": spec,
                "status": {"hard": {key: "4"}, "used": {key: used}}});
            quota(&value).is_some()
        };
        assert!(of(json!({}), "pods", "4") && of(json!({}), "count/pods", "5"));
        assert!(!of(json!({}), "pods", "3") && !of(json!({}), "cpu", "4"));
        assert!(!of(json!({"scopes": ["BestEffort"]}), "pods", "4"));
    }
}
