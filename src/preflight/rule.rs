use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use crate::mesh::Right;

/// A rule to add to a Role, or to a `ClusterRole` where it names no namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rule {
    /// Where the Role is.
    pub namespace: String,
    group: String,
    resource: String,
    verbs: BTreeSet<String>,
    names: BTreeSet<String>,
}

/// The rules that grant `rights`, with as few lines as that takes.
pub fn rules(rights: &[Right]) -> Vec<Rule> {
    let mut verbs: BTreeMap<(String, String, String, String), BTreeSet<String>> = BTreeMap::new();
    for right in rights {
        let sub = if right.subresource.is_empty() { String::new() } else { format!("/{}", right.subresource) };
        let resource = format!("{}{sub}", right.resource);
        let key = (right.namespace.clone(), right.group.clone(), resource, right.name.clone());
        verbs.entry(key).or_default().insert(right.verb.clone());
    }
    let mut rules: Vec<Rule> = Vec::new();
    for ((namespace, group, resource, name), verbs) in verbs {
        let like = |rule: &&mut Rule| {
            (&rule.namespace, &rule.group, &rule.resource, &rule.verbs) == (&namespace, &group, &resource, &verbs)
                && rule.names.is_empty() == name.is_empty()
        };
        let names = Some(name.clone()).filter(|name| !name.is_empty());
        match rules.iter_mut().find(like) {
            Some(rule) => rule.names.extend(names),
            None => rules.push(Rule { namespace, group, resource, verbs, names: names.into_iter().collect() }),
        }
    }
    rules
}

/// As it stands in YAML, on one line.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |items: &BTreeSet<String>| items.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        let group = if self.group.is_empty() { "\"\"" } else { &self.group };
        write!(f, "{{apiGroups: [{group}], resources: [{}]", self.resource)?;
        if !self.names.is_empty() {
            write!(f, ", resourceNames: [{}]", list(&self.names))?;
        }
        write!(f, ", verbs: [{}]}}", list(&self.verbs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_become_as_few_rules_as_that_takes() {
        let on = |verb: &str, name: &str| Right::to(verb, "", "secrets").within("linkerd").named(name);
        let rights = [
            on("get", "a"),
            on("patch", "a"),
            on("get", "b"),
            on("patch", "b"),
            on("get", "c"),
            Right::to("create", "", "pods").of("eviction").within("shop"),
            Right::to("list", "apps", "deployments"),
        ];
        let rules: Vec<String> = rules(&rights).iter().map(|rule| format!("{:?}: {rule}", rule.namespace)).collect();
        assert_eq!(
            rules,
            [
                "\"\": {apiGroups: [apps], resources: [deployments], verbs: [list]}",
                "\"linkerd\": {apiGroups: [\"\"], resources: [secrets], resourceNames: [a, b], verbs: [get, patch]}",
                "\"linkerd\": {apiGroups: [\"\"], resources: [secrets], resourceNames: [c], verbs: [get]}",
                "\"shop\": {apiGroups: [\"\"], resources: [pods/eviction], verbs: [create]}",
            ]
        );
    }
}
