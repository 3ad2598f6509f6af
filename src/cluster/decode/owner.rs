use crate::snapshot::Owner;

use super::Object;

/// Who will write the object again, the strongest claim first: a controller that reconciles it all the time, then a
/// tool that writes it when somebody runs it.
pub(super) fn owners(object: Object<'_>) -> Vec<Owner> {
    [trust_manager, cert_manager, argo_cd, flux, helm, linkerd_cli].iter().filter_map(|owner| owner(object)).collect()
}

fn trust_manager(object: Object<'_>) -> Option<Owner> {
    let reference = object
        .items("/metadata/ownerReferences")
        .find(|owner| {
            owner.text("/kind") == Some("Bundle")
                && owner.text("/apiVersion").is_some_and(|version| version.starts_with("trust.cert-manager.io/"))
        })
        .and_then(|owner| owner.text("/name"));
    let bundle = reference.or_else(|| object.label("trust.cert-manager.io/bundle"))?;
    Some(Owner::TrustManager { bundle: bundle.to_owned() })
}

fn cert_manager(object: Object<'_>) -> Option<Owner> {
    let certificate = object.annotation("cert-manager.io/certificate-name")?;
    Some(Owner::CertManager { certificate: certificate.to_owned() })
}

fn argo_cd(object: Object<'_>) -> Option<Owner> {
    // The tracking id reads `<application>:<group>/<kind>:<namespace>/<name>`.
    let tracked = object.annotation("argocd.argoproj.io/tracking-id").and_then(|id| id.split(':').next());
    let application = tracked.or_else(|| object.label("argocd.argoproj.io/instance"))?;
    Some(Owner::ArgoCd { application: application.to_owned() })
}

fn flux(object: Object<'_>) -> Option<Owner> {
    let of = |group: &str| {
        let name = object.label(&format!("{group}/name"))?;
        let namespace = object.label(&format!("{group}/namespace")).unwrap_or_default();
        Some(Owner::Flux { name: format!("{namespace}/{name}") })
    };
    of("helm.toolkit.fluxcd.io").or_else(|| of("kustomize.toolkit.fluxcd.io"))
}

fn helm(object: Object<'_>) -> Option<Owner> {
    let release = object.annotation("meta.helm.sh/release-name")?;
    let namespace = object.annotation("meta.helm.sh/release-namespace").unwrap_or_default();
    Some(Owner::Helm { release: release.to_owned(), namespace: namespace.to_owned() })
}

fn linkerd_cli(object: Object<'_>) -> Option<Owner> {
    // Charts write `linkerd/helm <version>` into the same annotation.
    object
        .annotation("linkerd.io/created-by")
        .is_some_and(|by| by.starts_with("linkerd/cli"))
        .then_some(Owner::LinkerdCli)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_reconciles_comes_before_what_is_run() {
        let object = json!({"metadata": {
            "labels": {
                "trust.cert-manager.io/bundle": "roots",
                "helm.toolkit.fluxcd.io/name": "mesh",
                "helm.toolkit.fluxcd.io/namespace": "flux-system",
            },
            "annotations": {
                "linkerd.io/created-by": "linkerd/helm edge",
                "meta.helm.sh/release-name": "linkerd",
                "meta.helm.sh/release-namespace": "mesh",
                "argocd.argoproj.io/tracking-id": "platform:/ConfigMap:linkerd/linkerd-config",
            },
        }});
        assert_eq!(
            owners(Object::new(&object)),
            [
                Owner::TrustManager { bundle: "roots".to_owned() },
                Owner::ArgoCd { application: "platform".to_owned() },
                Owner::Flux { name: "flux-system/mesh".to_owned() },
                Owner::Helm { release: "linkerd".to_owned(), namespace: "mesh".to_owned() },
            ]
        );
    }

    #[test]
    fn owner_references_and_the_command_line() {
        let object = json!({"metadata": {
            "ownerReferences": [{"apiVersion": "trust.cert-manager.io/v1alpha1", "kind": "Bundle", "name": "roots"}],
            "annotations": {"linkerd.io/created-by": "linkerd/cli stable-2.20.0"},
        }});
        let expected = [Owner::TrustManager { bundle: "roots".to_owned() }, Owner::LinkerdCli];
        assert_eq!(owners(Object::new(&object)), expected);
    }
}
