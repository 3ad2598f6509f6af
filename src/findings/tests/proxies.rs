//! Proxies, what lives outside, and who owns it all.

use super::{
    super::proxy::{NO_ANCHOR, OUT_OF_TIME},
    Case, anchor, case, everywhere, good_issuer, in_sources, issuer_in_values, trouble,
};
use crate::{
    findings::{Code, Finding, Severity},
    pki::Bundle,
    snapshot::{Admin, ExternalWorkload, Link, Owner, Source, Unmeshed},
    testing::{IDENTITY, Recipe, TestMesh, WEB, at, days},
};

pub(super) fn proxies() -> Vec<Case> {
    vec![
        case("bundle extended, nobody restarted", &[Code::StaleBundle], |mesh| {
            let bundle = Bundle::of([mesh.anchor.certificate.clone(), anchor().certificate]);
            in_sources(mesh, &bundle);
        }),
        case("web was trimmed while db still presents an old leaf", &[Code::RefusedPairs], |mesh| {
            let new = anchor();
            everywhere(mesh, &[&new]);
            let issuer = good_issuer(&new);
            mesh.set_issuer(&issuer);
            issuer_in_values(mesh, &issuer);
            let identity = mesh.mesh().workloads[WEB].groups[0].identity.clone();
            let leaf = Recipe::leaf(&identity, -1, 23).signed_by(&issuer).certificate;
            mesh.probe(WEB, &Bundle::of([new.certificate]), vec![leaf, issuer.certificate]);
        }),
        case("leaf overdue", &[Code::LeafOverdue], |mesh| {
            let chain = vec![mesh.leaf(WEB, -20, 4), mesh.issuer.certificate.clone()];
            let bundle = Bundle::of([mesh.anchor.certificate.clone()]);
            mesh.probe(WEB, &bundle, chain);
        }),
        case("leaf expired", &[Code::LeafExpired], |mesh| {
            let chain = vec![mesh.leaf(WEB, -25, -1), mesh.issuer.certificate.clone()];
            let bundle = Bundle::of([mesh.anchor.certificate.clone()]);
            mesh.probe(WEB, &bundle, chain);
        }),
        case("pods came up without a proxy", &[Code::Unmeshed], |mesh| {
            let (namespace, kind, name) = ("emojivoto".to_owned(), "Deployment".to_owned(), "bare".to_owned());
            mesh.mesh().unmeshed.push(Unmeshed { namespace, kind, name, pods: 2 });
        }),
        case("a proxy does not answer", &[Code::ProxyUnseen], |mesh| {
            let last = mesh.snapshot.probes.last_mut().unwrap();
            last.answer = Err("no answer within 5 s".to_owned());
        }),
        case("identity was not asked and is older than the bundle", &[Code::StaleBundle], |mesh| {
            mesh.snapshot.probes.clear();
            mesh.roots().changed_at = Some(at(-1));
        }),
        case("identity was not asked and nothing dates the bundle", &[Code::ProxyUnseen], |mesh| {
            mesh.snapshot.probes.clear();
            mesh.roots().changed_at = None;
        }),
        case("policy guards the admin port, the spec tells", &[Code::ProxyUnseen], |mesh| {
            admin(mesh, WEB).bundle = Err("the proxy's inbound policy refuses /env.json (403)".to_owned());
        }),
        case("a proxy without a certificate", &[Code::ProxyWithoutLeaf], |mesh| {
            admin(mesh, WEB).chain = Err("it refuses TLS: it has no certificate".to_owned());
        }),
        case("a proxy's pod goes", &[], |mesh| {
            mesh.mesh().workloads[WEB].groups[0].trouble.push(trouble("linkerd-proxy", "Terminating"));
        }),
        case("a virtual machine", &[Code::ExternalWorkloads], |mesh| {
            let (namespace, name) = ("vm".to_owned(), "one".to_owned());
            mesh.snapshot.external_workloads =
                Source::Found(vec![ExternalWorkload { namespace, name, identity: None }]);
        }),
        case("a linked cluster", &[Code::LinkedClusters], |mesh| {
            let (namespace, name, target) = ("linkerd-multicluster".to_owned(), "east".to_owned(), "east".to_owned());
            mesh.snapshot.links = Source::Found(vec![Link { namespace, name, target }]);
        }),
        case("a proxy is not ready", &[Code::ProxyWithoutLeaf], |mesh| {
            mesh.mesh().workloads[WEB].groups[0].trouble.push(trouble("linkerd-proxy", "not ready"));
        }),
        case("managed by Argo CD", &[Code::ManagedElsewhere], |mesh| {
            mesh.roots().meta.owners = vec![Owner::ArgoCd { application: "linkerd".to_owned() }];
        }),
        case("two control planes", &[Code::SeveralControlPlanes], |mesh| {
            mesh.snapshot.other_control_planes = vec!["linkerd-two".to_owned()];
        }),
    ]
}

fn admin(mesh: &mut TestMesh, workload: usize) -> &mut Admin {
    mesh.snapshot.probes[workload].answer.as_mut().unwrap()
}

fn only(mesh: &TestMesh) -> Finding {
    let mut findings = mesh.check().findings;
    assert_eq!(findings.len(), 1, "{findings:#?}");
    findings.remove(0)
}

#[test]
fn what_was_not_asked_and_may_be_old_is_named_with_its_restart() {
    let mut mesh = TestMesh::healthy();
    mesh.snapshot.probes.clear();
    mesh.roots().changed_at = Some(at(-1));
    let finding = only(&mesh);
    assert!(finding.evidence[0].starts_with("linkerd/linkerd-identity (Deployment, 1 pod) was not asked, and started"));
    assert_eq!(finding.next[1], "`kubectl rollout restart deployment/linkerd-identity -n linkerd`");
}

#[test]
fn what_nothing_tells_is_named_beside_what_did_not_answer() {
    let mut mesh = TestMesh::healthy();
    mesh.snapshot.probes[WEB].answer = Err("no answer within 5 s".to_owned());
    mesh.snapshot.probes[IDENTITY].answer = Err("no answer within 5 s".to_owned());
    mesh.roots().changed_at = None;
    let finding = only(&mesh);
    assert!(finding.evidence.iter().any(|line| line.starts_with("emojivoto/web-0: no answer")), "{finding:?}");
    assert!(finding.evidence.iter().any(|line| line.starts_with("linkerd/linkerd-identity (")), "{finding:?}");
}

#[test]
fn a_forbidden_namespace_counts_with_all_its_proxies_and_the_right_verb() {
    let mut mesh = TestMesh::healthy();
    mesh.snapshot.probes.truncate(WEB + 1);
    mesh.snapshot.probes[WEB].answer = Err("forbidden: forwarding ports of pods in namespace emojivoto".to_owned());
    let finding = only(&mesh);
    assert_eq!(finding.summary, "4 proxies could not be asked what they have loaded");
    assert!(finding.evidence[0].starts_with("namespace emojivoto (4 proxies): forbidden"), "{finding:?}");
    assert!(finding.next[0].contains("`get` pods/portforward"), "{finding:?}");
}

#[test]
fn a_guarded_admin_port_matters_only_where_the_spec_does_not_tell() {
    let severity = |workload| {
        let mut mesh = TestMesh::healthy();
        admin(&mut mesh, workload).bundle = Err("the proxy's inbound policy refuses /env.json (403)".to_owned());
        only(&mesh).severity
    };
    assert_eq!((severity(WEB), severity(IDENTITY)), (Severity::Info, Severity::Warning));
}

#[test]
fn refusals_are_told_apart_by_their_reason() {
    let mut mesh = TestMesh::healthy();
    let stale = Bundle::of([anchor().certificate]);
    let leaf = mesh.leaf(WEB, -1, 23);
    let chain = vec![leaf, mesh.issuer.certificate.clone()];
    mesh.probe(WEB, &stale, chain);
    let dead = Recipe::authority("dead", -days(10), -1).signed_by(&mesh.anchor);
    let identity = mesh.mesh().workloads[WEB + 1].groups[0].identity.clone();
    let leaf = Recipe::leaf(&identity, -5, 5).signed_by(&dead).certificate;
    let bundle = Bundle::of([mesh.anchor.certificate.clone()]);
    mesh.probe(WEB + 1, &bundle, vec![leaf, dead.certificate]);
    let report = mesh.check();
    let [untrusted, dead] = report.findings.as_slice() else { panic!("{:#?}", report.findings) };
    assert_eq!((dead.code, dead.subject.as_str()), (Code::RefusedPairs, OUT_OF_TIME));
    assert!(dead.summary.ends_with("5 pairs"), "{}", dead.summary);
    assert_eq!(untrusted.code, Code::IssuerUntrusted);
    let lacking = untrusted.consequences.iter().find(|one| one.code == Code::RefusedPairs).unwrap();
    assert_eq!(lacking.subject, NO_ANCHOR);
    assert!(lacking.summary.ends_with("4 pairs"), "{}", lacking.summary);
}

#[test]
fn an_expired_issuer_does_not_hide_that_a_proxy_lacks_the_anchor() {
    let root = anchor();
    let issuer = Recipe::authority("identity", -days(300), -1).signed_by(&root);
    let mut mesh = TestMesh::of(root, issuer);
    let other = anchor();
    let fresh = good_issuer(&other);
    let identity = mesh.mesh().workloads[WEB].groups[0].identity.clone();
    let leaf = Recipe::leaf(&identity, -1, 23).signed_by(&fresh).certificate;
    let bundle = Bundle::of([mesh.anchor.certificate.clone()]);
    mesh.probe(WEB, &bundle, vec![leaf, fresh.certificate]);
    let report = mesh.check();
    let codes: Vec<(Code, &str)> = report.findings.iter().map(|one| (one.code, one.subject.as_str())).collect();
    assert!(codes.contains(&(Code::RefusedPairs, NO_ANCHOR)), "{codes:?}");
    assert!(!codes.contains(&(Code::RefusedPairs, OUT_OF_TIME)), "explained by the issuer: {codes:?}");
}

#[test]
fn a_proxy_that_ended_is_not_called_one_without_a_certificate() {
    let mut mesh = TestMesh::healthy();
    let group = &mut mesh.mesh().workloads[WEB].groups[0];
    group.trouble.push(trouble("linkerd-proxy", "CrashLoopBackOff"));
    assert_eq!(only(&mesh).summary, "1 proxy does not run");
    let group = &mut mesh.mesh().workloads[WEB].groups[0];
    (group.pods, group.ready) = (40, 2);
    assert_eq!(only(&mesh).summary, "at least 1 proxy does not run");
}

#[test]
fn an_overdue_leaf_tells_how_often_its_refresh_failed() {
    let mut mesh = TestMesh::healthy();
    let chain = vec![mesh.leaf(WEB, -20, 4), mesh.issuer.certificate.clone()];
    let bundle = Bundle::of([mesh.anchor.certificate.clone()]);
    mesh.probe(WEB, &bundle, chain);
    let last = mesh.snapshot.probes.len() - 1;
    admin(&mut mesh, last).failed_refreshes = Some(3);
    assert!(only(&mesh).evidence[0].ends_with("3 of its refreshes failed since it started"));
}
