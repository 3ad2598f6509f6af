use serde_json::Value;

use crate::snapshot::{ExternalWorkload, Link, Namespace};

use super::{Object, Selector};

/// A Namespace, of which the injector sees the pods where its `injector` webhook's `namespaceSelector` selects it.
pub fn namespace(value: &Value, injector: &Selector) -> Namespace {
    let object = Object::new(value);
    let mut labels = object.map("/metadata/labels");
    // The API server sets it on every namespace; what was recorded of an old one lacks it.
    labels.insert("kubernetes.io/metadata.name", object.name());
    Namespace {
        name: object.name().to_owned(),
        inject: object.annotation("linkerd.io/inject").map(str::to_owned),
        extension: object.label("linkerd.io/extension").map(str::to_owned),
        not_injected: !injector.matches(&labels),
    }
}

/// Whether a Namespace is labelled as a control plane's.
pub fn is_control_plane(value: &Value) -> bool {
    Object::new(value).label("linkerd.io/is-control-plane") == Some("true")
}

/// An ExternalWorkload of workload.linkerd.io.
pub fn external_workload(value: &Value) -> ExternalWorkload {
    let object = Object::new(value);
    ExternalWorkload {
        namespace: object.namespace().to_owned(),
        name: object.name().to_owned(),
        // v1alpha1 wrote it in another case.
        identity: object.text("/spec/meshTLS/identity").or(object.text("/spec/meshTls/identity")).map(str::to_owned),
    }
}

/// A Link of multicluster.linkerd.io.
pub fn link(value: &Value) -> Link {
    let object = Object::new(value);
    Link {
        namespace: object.namespace().to_owned(),
        name: object.name().to_owned(),
        target: object.string("/spec/targetClusterName"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn labels_and_annotations_of_a_namespace() {
        let viz = json!({"metadata": {
            "name": "linkerd-viz", "labels": {"linkerd.io/extension": "viz"}, "annotations": {"linkerd.io/inject": "enabled"},
        }});
        let found = namespace(&viz, &Selector::of_the_injector_s_chart());
        assert_eq!((found.inject.as_deref(), found.extension.as_deref()), (Some("enabled"), Some("viz")));
        assert!(!found.not_injected);
        let elsewhere = json!({"metadata": {"name": "kube-system"}});
        assert!(namespace(&elsewhere, &Selector::of_the_injector_s_chart()).not_injected);
        assert!(!namespace(&elsewhere, &Selector::default()).not_injected);
        assert!(!is_control_plane(&viz));
        assert!(is_control_plane(&json!({"metadata": {"labels": {"linkerd.io/is-control-plane": "true"}}})));
    }

    #[test]
    fn what_lives_outside() {
        let workload = external_workload(&json!({
            "metadata": {"namespace": "vms", "name": "db"}, "spec": {"meshTLS": {"identity": "spiffe://root/db"}},
        }));
        assert_eq!(workload.identity.as_deref(), Some("spiffe://root/db"));
        assert_eq!(link(&json!({"spec": {"targetClusterName": "west"}})).target, "west");
    }
}
