//! What the reader makes of the recorded states of a real mesh.

use linkerd_certs::{
    cluster::{Error, Observe},
    inventory::{SourceRow, sources},
    snapshot::{BundleRef, IdentityEventKind, IssuerScheme, Owner, Snapshot, Source},
};

use serde_json::json;

use crate::fixtures::{Recorded, STATES, folder, observe, observe_as, snapshot};

#[test]
fn every_state_reads_whole_and_survives_being_saved() {
    for state in STATES {
        let Some(snapshot) = snapshot(state) else { return };
        assert_eq!(snapshot.namespace, "linkerd", "{state}");
        let mesh = snapshot.mesh.found().unwrap();
        for component in ["identity", "destination", "proxy-injector"] {
            let workload = mesh.component(component).unwrap();
            assert_eq!(workload.groups[0].bundle, BundleRef::ConfigMap, "{state}: {component}");
        }
        assert!(mesh.unmeshed.is_empty(), "{state}: {:?}", mesh.unmeshed);
        assert!(mesh.bundles.iter().all(|bundle| bundle.loads), "{state}");
        assert_eq!(snapshot.webhooks.items().len(), 3, "{state}");
        for webhook in snapshot.webhooks.items() {
            let secret = webhook.secret.found().unwrap();
            assert!(secret.key.fits(secret.chain.as_ref().unwrap().first().unwrap()), "{state}: {}", webhook.name);
        }
        let issuer = snapshot.issuer.found().unwrap();
        assert!(issuer.key.fits(issuer.chain.as_ref().unwrap().first().unwrap()), "{state}");
        let json = serde_json::to_string(&snapshot).unwrap();
        assert!(!json.contains("PRIVATE KEY"), "{state}");
        assert_eq!(serde_json::from_str::<Snapshot>(&json).unwrap(), snapshot, "{state}");
    }
}

#[test]
fn a_healthy_mesh() {
    let Some(snapshot) = snapshot("healthy") else { return };
    let mesh = snapshot.mesh.found().unwrap();
    let names: Vec<_> = mesh.workloads.iter().map(|workload| format!("{}/{}", workload.kind, workload.name)).collect();
    assert_eq!(
        names,
        [
            "DaemonSet/agent",
            "Deployment/vote",
            "Deployment/web",
            "Job/batch",
            "Pod/bare",
            "StatefulSet/db",
            "Deployment/linkerd-destination",
            "Deployment/linkerd-identity",
            "Deployment/linkerd-proxy-injector",
        ]
    );
    assert_eq!((mesh.bundles.len(), mesh.pods()), (1, 11));
    let roots = snapshot.trust_roots.found().unwrap();
    assert!(roots.bundle.as_ref().unwrap().same_set(&mesh.bundles[0]));
    assert_eq!(roots.meta.owners, [Owner::LinkerdCli]);
    let config = snapshot.config.found().unwrap();
    assert_eq!((config.issuance_lifetime_seconds, config.native_sidecar), (Some(86_400), Some(true)));
    let overrides = snapshot.overrides.found().unwrap();
    let certificate = overrides.issuer.as_ref().unwrap().first().unwrap();
    assert!(overrides.issuer_key.as_ref().unwrap().fits(certificate));
    assert_eq!(snapshot.issuer.found().unwrap().scheme, IssuerScheme::Linkerd);
    assert!(snapshot.helm.is_missing() && snapshot.cert_manager.certificates.is_missing());
    assert_eq!(snapshot.identity_events.items(), [], "those about leafs are not read");
    let web = &mesh.workloads[2].groups[0];
    assert_eq!((web.pods, web.ready, web.names.len()), (2, 2, 2));
    assert_eq!(web.identity, "default.emojivoto.serviceaccount.identity.linkerd.cluster.local");
}

#[test]
fn a_bundle_that_was_extended_but_not_loaded() {
    let Some(snapshot) = snapshot("extended-not-restarted") else { return };
    let mesh = snapshot.mesh.found().unwrap();
    let roots = snapshot.trust_roots.found().unwrap().bundle.as_ref().unwrap();
    assert_eq!(roots.certificates.len(), 2);
    assert!(mesh.bundles.iter().any(|bundle| bundle.certificates.len() == 1));
}

#[test]
fn an_identity_that_crashes_on_an_expired_issuer() {
    let Some(snapshot) = snapshot("issuer-expired") else { return };
    let identity = snapshot.mesh.found().unwrap().component("identity").unwrap();
    let trouble: Vec<_> = identity.groups.iter().flat_map(|group| &group.trouble).collect();
    assert_eq!(trouble.len(), 1);
    assert_eq!(trouble[0].container.as_deref(), Some("identity"));
    assert_eq!((trouble[0].reason.as_str(), trouble[0].restarts), ("Error (exit code 1)", 2));
    let kinds: Vec<_> = snapshot.identity_events.items().iter().map(|event| event.kind).collect();
    assert!(kinds.contains(&IdentityEventKind::IssuerUpdateSkipped));
}

#[test]
fn an_identity_whose_issuer_ran_out() {
    let Some(snapshot) = snapshot("dead-issuer") else { return };
    let refused = snapshot.identity_events.items().iter();
    let refused: Vec<_> = refused.filter(|event| event.kind == IdentityEventKind::IssuerValidationFailed).collect();
    assert_eq!(refused.len(), 10);
    assert_eq!(refused.last().unwrap().count, 3);
    let mesh = snapshot.mesh.found().unwrap();
    let web = mesh.workloads.iter().find(|workload| workload.name == "web").unwrap();
    let trouble: Vec<_> = web.groups.iter().flat_map(|group| &group.trouble).collect();
    assert_eq!(trouble.len(), 2);
    assert!(trouble.iter().all(|trouble| trouble.container.as_deref() == Some("linkerd-proxy")));
}

#[test]
fn cert_manager_and_trust_manager() {
    let Some(snapshot) = snapshot("cert-manager") else { return };
    let cert_manager = &snapshot.cert_manager;
    let certificates = cert_manager.certificates.items();
    assert_eq!(certificates.len(), 2);
    let issuer = certificates.iter().find(|certificate| certificate.secret_name == "linkerd-identity-issuer").unwrap();
    assert_eq!((issuer.duration_seconds, issuer.renew_before_seconds), (Some(172_800), Some(90_000)));
    assert_eq!((cert_manager.issuers.items().len(), cert_manager.requests.items().len()), (2, 2));
    assert_eq!(cert_manager.issuers.items()[0].source, "selfSigned");
    let bundle = &cert_manager.bundles.items()[0];
    assert_eq!(bundle.secret_sources, ["linkerd-trust-anchor", "linkerd-previous-anchor"]);
    for name in &bundle.secret_sources {
        assert!(cert_manager.secret("cert-manager", name).unwrap().chain.found().is_some(), "{name}");
    }
    let roots = snapshot.trust_roots.found().unwrap();
    assert_eq!(roots.meta.owners, [Owner::TrustManager { bundle: "linkerd-identity-trust-roots".to_owned() }]);
    let issuer = snapshot.issuer.found().unwrap();
    assert_eq!(issuer.scheme, IssuerScheme::Kubernetes);
    assert!(issuer.ca.is_some());
    assert_eq!(issuer.meta.owners, [Owner::CertManager { certificate: "linkerd-identity-issuer".to_owned() }]);
    let pending = snapshot.mesh.found().unwrap().workloads.iter().flat_map(|workload| &workload.groups);
    let pending: Vec<_> = pending.flat_map(|group| &group.trouble).map(|trouble| trouble.reason.as_str()).collect();
    assert_eq!(pending, ["Pending"]);
}

#[test]
fn a_user_who_may_read_only_some_of_it() {
    let Some(folder) = folder("cert-manager") else { return };
    let mut recorded = Recorded::of(&folder);
    recorded.forbidden = vec!["secrets", "namespaces", "mutatingwebhookconfigurations.admissionregistration.k8s.io"];
    let snapshot = observe(&recorded).unwrap();
    assert_eq!(snapshot.issuer.hidden(), Some("get secrets in namespace linkerd"));
    assert_eq!(snapshot.namespaces.hidden(), Some("list namespaces in all namespaces"));
    assert_eq!(snapshot.webhooks.items().len(), 2, "one kind that is hidden does not hide the others");
    let resources: Vec<_> = snapshot.hidden_parts.iter().map(|part| part.resource.as_str()).collect();
    assert_eq!(resources, ["mutatingwebhookconfigurations.admissionregistration.k8s.io"]);
    assert!(snapshot.hidden_parts[0].why.hidden().unwrap().starts_with("list mutatingwebhookconfigurations."));
    assert!(snapshot.cert_manager.certificates.found().is_some());
    let secret = snapshot.cert_manager.secret("cert-manager", "linkerd-trust-anchor").unwrap();
    assert_eq!(secret.chain, Source::Forbidden("get secrets in namespace cert-manager".to_owned()));
    assert!(snapshot.trust_roots.found().is_some() && snapshot.mesh.found().is_some());
}

#[test]
fn no_linkerd_and_too_much_of_it() {
    let Some(folder) = folder("healthy") else { return };
    let healthy = Recorded::of(&folder);
    let mut none = healthy.clone();
    none.lists.get_mut("configmaps").unwrap().clear();
    none.lists.get_mut("secrets").unwrap().clear();
    assert!(matches!(observe(&none), Err(Error::NotLinkerd { .. })), "a label alone is no control plane");
    let mut unlabelled = healthy.clone();
    unlabelled.lists.get_mut("namespaces").unwrap().clear();
    assert_eq!(observe(&unlabelled).unwrap().namespace, "linkerd");
    none.lists.get_mut("namespaces").unwrap().clear();
    let error = observe(&none).unwrap_err();
    assert!(error.to_string().contains("no namespace has the label"), "{error}");
    let mut several = healthy;
    let namespaces = several.lists.get_mut("namespaces").unwrap();
    let mut other = namespaces.iter().find(|namespace| namespace["metadata"]["name"] == "linkerd").unwrap().clone();
    other["metadata"]["name"] = "mesh".into();
    namespaces.push(other);
    assert!(matches!(
        observe(&several),
        Err(Error::SeveralControlPlanes { namespaces, .. }) if namespaces == ["linkerd", "mesh"]
    ));
}

#[test]
fn a_user_of_one_namespace_sees_its_pods_and_the_control_plane_s() {
    let Some(folder) = folder("healthy") else { return };
    let mut recorded = Recorded::of(&folder);
    let whole = observe(&recorded).unwrap();
    let what = Observe { namespace: Some("emojivoto".to_owned()), ..Observe::default() };
    assert_eq!(observe_as(&recorded, &what).unwrap(), whole, "what may be listed is listed");
    recorded.may_list_pods_of = vec!["linkerd", "emojivoto"];
    assert_eq!(observe(&recorded).unwrap().mesh.hidden(), Some("list pods in all namespaces"));
    let snapshot = observe_as(&recorded, &what).unwrap();
    let mesh = snapshot.mesh.found().unwrap();
    assert_eq!(mesh.only, ["linkerd", "emojivoto"]);
    assert_eq!(mesh.workloads, whole.mesh.found().unwrap().workloads);
    let hidden: Vec<_> = sources(&snapshot).into_iter().filter(SourceRow::is_hidden).collect();
    assert_eq!(hidden.len(), 1);
    assert_eq!(hidden[0].detail.as_deref(), Some("list pods in all namespaces"));
    recorded.may_list_pods_of = vec!["linkerd"];
    assert_eq!(observe_as(&recorded, &what).unwrap().mesh.hidden(), Some("list pods in namespace emojivoto"));
}

#[test]
fn pods_of_a_namespace_that_the_injector_is_not_asked_about_are_not_unmeshed() {
    let Some(folder) = folder("healthy") else { return };
    let mut recorded = Recorded::of(&folder);
    for pod in recorded.lists.get_mut("pods").unwrap() {
        if pod["metadata"]["namespace"] == "emojivoto" {
            pod["spec"] = json!({"containers": []});
        }
    }
    let unmeshed = |recorded: &Recorded| observe(recorded).unwrap().mesh.found().unwrap().unmeshed.len();
    assert!(unmeshed(&recorded) > 0);
    let mut labelled = recorded.clone();
    for namespace in labelled.lists.get_mut("namespaces").unwrap() {
        namespace["metadata"]["labels"]["config.linkerd.io/admission-webhooks"] = "disabled".into();
    }
    assert_eq!(unmeshed(&labelled), 0);
    for configuration in recorded.lists.get_mut("mutatingwebhookconfigurations").unwrap() {
        configuration["webhooks"][0]["namespaceSelector"] = json!({"matchLabels": {"mesh": "yes"}});
    }
    assert_eq!(unmeshed(&recorded), 0, "the webhook's own selector counts");
}
