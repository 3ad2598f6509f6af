//! Proxies, what lives outside, and who owns it all.

use super::{Case, anchor, case, everywhere, good_issuer, in_sources, issuer_in_values, trouble};
use crate::{
    findings::Code,
    pki::Bundle,
    snapshot::{ExternalWorkload, Link, Owner, Source, Unmeshed},
    testing::{Recipe, WEB},
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
