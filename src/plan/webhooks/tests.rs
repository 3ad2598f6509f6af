use super::*;
use crate::{
    pki::{Bundle, KeyState, Thresholds},
    plan::{Goal, Materials, gate, outlook},
    snapshot::{CertManagerCertificate, Condition, Source, TlsSecret, Webhook},
    testing::{Recipe, TestMesh, days},
};

const INJECTOR: usize = 0;
const VALIDATOR: usize = 1;

fn webhooks(mesh: &mut TestMesh) -> &mut [Webhook] {
    let Source::Found(webhooks) = &mut mesh.snapshot.webhooks else { unreachable!("it has webhooks") };
    webhooks
}

fn secret(webhook: &mut Webhook) -> &mut TlsSecret {
    let Source::Found(secret) = &mut webhook.secret else { unreachable!("it has a Secret") };
    secret
}

/// Lets everything of a webhook be of a certificate that lives from `from` to `to` hours from now.
fn set(webhook: &mut Webhook, from: i64, to: i64) {
    let made = Recipe::leaf(&webhook.server_name(), from, to).self_signed().certificate;
    webhook.ca_bundle = Some(Bundle::of([made.clone()]));
    secret(webhook).key = KeyState::Present(made.public_key());
    secret(webhook).chain = Some(Bundle::of([made.clone()]));
    webhook.served = Some(Ok(vec![made]));
}

fn request(standing: &Standing, anyway: bool) -> Request {
    let certified = |server: &Server| {
        let made = Recipe::leaf(&server.name(), -1, days(365)).self_signed().certificate;
        (server.service.clone(), Some(Certified { chain: vec![made.clone()], authority: made }))
    };
    let servers = standing.webhooks.iter().map(certified).collect();
    Request { renewal: Renewal { servers, anyway }, ..Request::new(Goal::Webhooks, Materials::default()) }
}

/// The plan, a word for each step, with the Service that it writes for.
fn plan(mesh: &TestMesh, anyway: bool) -> Vec<String> {
    let standing = Standing::of(&mesh.snapshot, &[]);
    let outlook = outlook(&standing, &request(&standing, anyway));
    assert!(matches!(outlook.end, Next::Done(_)), "{:?}", outlook.end);
    let word = |step: &Step| match step {
        Step::Webhook(act) => {
            let of = act.writes_for().map(|of| format!(" {}", of.name.trim_start_matches("linkerd-")));
            format!("{}{}", act.word(), of.unwrap_or_default())
        }
        other => panic!("{other:?}"),
    };
    outlook.steps.iter().map(word).collect()
}

#[test]
fn each_kind_of_step_is_taken_for_all_before_the_next() {
    let whole = [
        "bundle proxy-injector",
        "bundle sp-validator",
        "secret proxy-injector",
        "secret sp-validator",
        "served",
        "proof",
        "trim proxy-injector",
        "trim sp-validator",
        "proof",
    ];
    assert_eq!(plan(&TestMesh::healthy(), true), whole);
    assert_eq!(plan(&TestMesh::healthy(), false), [""; 0]);
}

#[test]
fn what_does_not_fit_together_is_mended_with_what_is_there() {
    let stranger = Recipe::leaf("stranger", -1, 1).self_signed().certificate;
    let mut mesh = TestMesh::healthy();
    webhooks(&mut mesh)[VALIDATOR].ca_bundle = Some(Bundle::of([stranger.clone()]));
    let mended = ["bundle sp-validator", "proof", "trim sp-validator", "proof"];
    assert_eq!(plan(&mesh, false), mended);
    // An empty one has nothing to trim, and is proven all the same.
    webhooks(&mut mesh)[VALIDATOR].ca_bundle = None;
    assert_eq!(plan(&mesh, false), ["bundle sp-validator", "proof"]);
    // A pod that serves what nobody knows any more is waited for.
    let mut mesh = TestMesh::healthy();
    webhooks(&mut mesh)[VALIDATOR].served = Some(Ok(vec![stranger]));
    assert_eq!(plan(&mesh, false), ["served"]);
    // A key that is gone takes another certificate, and the one that is served stays accepted until then.
    let mut mesh = TestMesh::healthy();
    secret(&mut webhooks(&mut mesh)[VALIDATOR]).key = KeyState::Missing;
    let renewed = ["bundle sp-validator", "secret sp-validator", "served", "proof", "trim sp-validator", "proof"];
    assert_eq!(plan(&mesh, false), renewed);
}

#[test]
fn one_that_a_run_of_the_last_day_has_written_is_not_replaced_again() {
    let mut mesh = TestMesh::healthy();
    set(&mut webhooks(&mut mesh)[VALIDATOR], -1, 24);
    let renewed = |plan: &[String]| plan.iter().any(|step| step == "secret sp-validator");
    assert!(renewed(&plan(&mesh, true)), "somebody else's is");
    secret(&mut webhooks(&mut mesh)[VALIDATOR]).changed_by = Some(crate::mesh::FIELD_MANAGER.to_owned());
    assert!(!renewed(&plan(&mesh, true)), "although it is near its end by its length");
}

#[test]
fn a_secret_before_its_bundle_and_a_trim_too_early_are_refused_by_the_gate() {
    let mesh = TestMesh::healthy();
    let standing = Standing::of(&mesh.snapshot, &[]);
    let server = &standing.webhooks[INJECTOR];
    let made = Recipe::leaf(&server.name(), -1, days(365)).self_signed().certificate;
    let held = server.secret.as_ref().unwrap();
    let write = Act::Secret {
        of: server.service.clone(),
        secret: (held.meta.namespace.clone(), held.meta.name.clone()),
        chain: vec![made.clone()],
    };
    let broken = gate(&standing, &Step::Webhook(Box::new(write))).unwrap_err();
    assert_eq!(
        broken[0].to_string(),
        "the new certificate for Service linkerd/linkerd-proxy-injector would be refused by the API server"
    );
    let trim = Act::Bundle { of: server.hooks[0].caller(server), anchors: vec![made], trims: true };
    assert!(gate(&standing, &Step::Webhook(Box::new(trim))).is_err());
}

#[test]
fn recovery_writes_what_stands_in_the_way_and_leaves_the_rest_for_later() {
    let mut mesh = TestMesh::healthy();
    set(&mut webhooks(&mut mesh)[INJECTOR], -days(365), -1);
    let mut standing = Standing::of(&mesh.snapshot, &[]);
    let request = request(&standing, false);
    let mut written = Vec::new();
    while let Some(next) = in_the_way(&standing, &request) {
        let Ok(Next::Do(step)) = next else { panic!("{next:?}") };
        written.push(step.clone());
        standing = standing.after(&step);
    }
    assert_eq!(written.len(), 2, "{written:?}");
    let mut rest = Vec::new();
    while let Some(next) = finish(&standing, &request) {
        let Ok(Next::Do(step)) = next else { panic!("{next:?}") };
        let Step::Webhook(act) = &step else { panic!("{step:?}") };
        rest.push(act.word());
        standing = standing.after(&step);
    }
    assert_eq!(rest, ["served", "proof", "trim", "proof"]);
    assert!(standing.webhooks.iter().all(|server| server.ailments(standing.at, &Thresholds::default()).is_empty()));
}

#[test]
fn cert_manager_is_asked_and_nothing_is_written_beside_it() {
    let mut mesh = TestMesh::healthy();
    set(&mut webhooks(&mut mesh)[VALIDATOR], -days(89), days(1));
    let held = secret(&mut webhooks(&mut mesh)[VALIDATOR]).meta.clone();
    let mut certificate = CertManagerCertificate {
        meta: crate::snapshot::Meta { name: "validator".to_owned(), ..held.clone() },
        secret_name: held.name,
        ..CertManagerCertificate::default()
    };
    mesh.snapshot.cert_manager.certificates = Source::Found(vec![certificate.clone()]);
    assert_eq!(plan(&mesh, false), ["renew sp-validator", "renew", "proof"]);
    let issuing = |status: &str| Condition {
        kind: "Issuing".to_owned(),
        status: status.to_owned(),
        reason: "Failed".to_owned(),
        message: "no such issuer".to_owned(),
    };
    certificate.conditions = vec![issuing("True")];
    mesh.snapshot.cert_manager.certificates = Source::Found(vec![certificate.clone()]);
    assert_eq!(plan(&mesh, false), ["renew"], "it is at it already");
    certificate.conditions = vec![issuing("False")];
    mesh.snapshot.cert_manager.certificates = Source::Found(vec![certificate]);
    let standing = Standing::of(&mesh.snapshot, &[]);
    let Keeper::CertManager { trouble, .. } = &standing.webhooks[VALIDATOR].keeper else { panic!() };
    assert_eq!(*trouble, ["Failed: no such issuer"]);
}
