use super::*;
use crate::{
    plan::Standing,
    snapshot::{Source, Webhook},
    testing::{Recipe, TestMesh, days},
};

fn look(width: usize) -> Look {
    Look { color: false, width }
}

fn shown(mesh: &TestMesh, width: usize) -> String {
    let standing = Standing::of(&mesh.snapshot, &[]);
    table(&standing.webhooks, standing.at, &Thresholds::default(), look(width))
}

fn broken() -> TestMesh {
    let mut mesh = TestMesh::healthy();
    let Source::Found(webhooks) = &mut mesh.snapshot.webhooks else { unreachable!("it has webhooks") };
    let other = Recipe::leaf("linkerd-sp-validator.linkerd.svc", -days(300), days(20)).self_signed().certificate;
    let validator: &mut Webhook = &mut webhooks[1];
    validator.ca_bundle = Some(crate::pki::Bundle::of([other.clone()]));
    validator.served = Some(Ok(vec![other]));
    validator.meta.owners = vec![Owner::LinkerdCli];
    mesh
}

#[test]
fn each_webhook_has_a_row_that_fits_the_line() {
    insta::assert_snapshot!("webhooks_80", shown(&broken(), 80));
    insta::assert_snapshot!("webhooks_120", shown(&broken(), 120));
}

#[test]
fn what_upgrades_will_do_is_said_once() {
    let mesh = broken();
    let standing = Standing::of(&mesh.snapshot, &[]);
    let servers: Vec<&Server> = standing.webhooks.iter().collect();
    let lines = owners(&servers);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("`linkerd upgrade`"));
}

#[test]
fn pods_without_a_proxy_come_with_their_commands() {
    let one = |kind: &str, name: &str, pods| Unmeshed {
        namespace: "emojivoto".to_owned(),
        kind: kind.to_owned(),
        name: name.to_owned(),
        pods,
    };
    let all = [one("Deployment", "web", 2), one("Pod", "lone", 1), one("Job", "once", 1)];
    insta::assert_snapshot!("unmeshed_80", unmeshed(&all, look(80)));
}
