use std::fmt;

use crate::{
    plan::webhooks::{Caller, Kind},
    snapshot::WorkloadRef,
};

use super::{Copy, Write};

/// Something that a user may or may not do, as an RBAC rule has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Right {
    /// Such as `patch`.
    pub verb: String,
    /// API group; empty for the core.
    pub group: String,
    /// Plural of the resource, such as `configmaps`.
    pub resource: String,
    /// Such as `eviction`; empty for the resource itself.
    pub subresource: String,
    /// Where; empty for all namespaces and for what is in none.
    pub namespace: String,
    /// The one object; empty for all. A right to create or list never has one.
    pub name: String,
}

impl Right {
    /// The right to do `verb` with a `resource`, in every namespace.
    pub fn to(verb: &str, group: &str, resource: &str) -> Self {
        Self { verb: verb.to_owned(), group: group.to_owned(), resource: resource.to_owned(), ..Self::default() }
    }

    /// The same with a subresource.
    #[must_use]
    pub fn of(self, subresource: &str) -> Self {
        Self { subresource: subresource.to_owned(), ..self }
    }

    /// The same in one namespace.
    #[must_use]
    pub fn within(self, namespace: &str) -> Self {
        Self { namespace: namespace.to_owned(), ..self }
    }

    /// The same for one object.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self }
    }

    /// What a write to the control plane in `namespace` takes.
    pub fn to_write(write: &Write, namespace: &str) -> Vec<Self> {
        let (resource, name) = match write {
            Write::CaBundle { of, .. } => return Self::to_write_bundle(of),
            Write::Server { namespace, name, .. } => {
                let on = |verb: &str| Self::to(verb, "", "secrets").within(namespace).named(name);
                return vec![on("get"), on("patch")];
            }
            Write::Renewal { namespace, name, .. } => {
                let on = |verb: &str| Self::to(verb, "cert-manager.io", "certificates").within(namespace).named(name);
                return vec![on("get"), on("patch").of("status")];
            }
            Write::TrustRoots { .. } => ("configmaps", "linkerd-identity-trust-roots"),
            Write::Issuer { .. } => ("secrets", "linkerd-identity-issuer"),
            Write::Copy { copy: Copy::Config, .. } => ("configmaps", "linkerd-config"),
            Write::Copy { copy: Copy::Overrides, .. } => ("secrets", "linkerd-config-overrides"),
        };
        let on = |verb: &str, resource: &str, name: &str| Self::to(verb, "", resource).within(namespace).named(name);
        let mut rights = vec![on("get", resource, name), on("patch", resource, name)];
        if matches!(write, Write::Copy { .. }) {
            rights.push(on("get", "secrets", "linkerd-identity-issuer"));
        }
        rights
    }

    fn to_write_bundle(of: &Caller) -> Vec<Self> {
        let (group, resource) = match of.kind {
            Kind::Mutating => ("admissionregistration.k8s.io", "mutatingwebhookconfigurations"),
            Kind::Validating => ("admissionregistration.k8s.io", "validatingwebhookconfigurations"),
            Kind::ApiService => ("apiregistration.k8s.io", "apiservices"),
        };
        let on = |verb: &str| Self::to(verb, group, resource).named(&of.name);
        vec![on("get"), on("patch")]
    }

    /// What replacing a workload's pods and watching it takes; nothing for a kind that cannot be restarted.
    pub fn to_restart(workload: &WorkloadRef) -> Vec<Self> {
        let plural = match workload.kind.as_str() {
            "Deployment" => "deployments",
            "StatefulSet" => "statefulsets",
            "DaemonSet" => "daemonsets",
            _ => return Vec::new(),
        };
        let on = |verb: &str| Self::to(verb, "apps", plural).within(&workload.namespace);
        let revisions = if plural == "deployments" { "replicasets" } else { "controllerrevisions" };
        vec![
            on("list"),
            on("get").named(&workload.name),
            on("patch").named(&workload.name),
            Self::to("list", "apps", revisions).within(&workload.namespace),
            Self::to("list", "", "pods").within(&workload.namespace),
        ]
    }

    /// What the lock takes.
    pub fn to_lock(namespace: &str) -> Vec<Self> {
        let on = |verb: &str| Self::to(verb, "coordination.k8s.io", "leases").within(namespace);
        vec![on("create"), on("get").named("linkerd-certs"), on("patch").named("linkerd-certs")]
    }

    /// What notes take.
    pub fn to_note(namespace: &str) -> Vec<Self> {
        vec![Self::to("create", "", "events").within(namespace)]
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.resource)?;
        if !self.group.is_empty() {
            write!(f, ".{}", self.group)?;
        }
        if !self.subresource.is_empty() {
            write!(f, "/{}", self.subresource)?;
        }
        if !self.name.is_empty() {
            write!(f, " {}", self.name)?;
        }
        if self.namespace.is_empty() {
            f.write_str(" in all namespaces")
        } else {
            write!(f, " in namespace {}", self.namespace)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_as_a_sentence() {
        let right = Right::to("patch", "apps", "deployments").within("shop").named("web");
        assert_eq!(right.to_string(), "patch deployments.apps web in namespace shop");
        let right = Right::to("create", "", "pods").of("eviction");
        assert_eq!(right.to_string(), "create pods/eviction in all namespaces");
    }

    #[test]
    fn a_copy_of_the_issuer_takes_the_issuer() {
        let write = Write::Copy { copy: Copy::Config, anchors: Vec::new(), against: "1".to_owned() };
        let rights = Right::to_write(&write, "linkerd");
        assert!(rights.contains(&Right::to("get", "", "secrets").within("linkerd").named("linkerd-identity-issuer")));
    }
}
