use insta::assert_snapshot;

use super::*;
use crate::{
    plan::{Goal, Materials, Request, outlook},
    testing::{Authority, ISSUER, ROOT, Recipe, TestMesh, days, now},
};

const NARROW: Look = Look { width: 80, color: false };
const WIDE: Look = Look { width: 120, color: false };

/// A mesh that was rotated, and the pair that it was rotated to.
struct Scene {
    mesh: TestMesh,
    newer: [Authority; 2],
    others: Vec<String>,
}

impl Scene {
    fn new() -> Self {
        let anchor = Recipe::authority(&format!("{ROOT} 20261120 7f00000000000000000000000000001c"), 0, days(3650));
        let anchor = anchor.self_signed();
        let issuer = Recipe::authority(&format!("{ISSUER} 20261120"), 0, days(365)).signed_by(&anchor);
        let others = ["Secret linkerd-proxy-injector-k8s-tls", "APIService v1alpha1.tap.linkerd.io"];
        Self { mesh: TestMesh::healthy(), newer: [anchor, issuer], others: others.map(ToOwned::to_owned).to_vec() }
    }

    /// The mesh after so many steps of the rotation.
    fn after(&self, steps: usize) -> Standing {
        let [anchor, issuer] = self.newer.each_ref().map(|one| one.certificate.clone());
        let request = Request::new(Goal::Anchor, Materials { anchor: Some(anchor), issuer: Some(vec![issuer]) });
        let standing = Standing::of(&self.mesh.snapshot, &[]);
        let steps = outlook(&standing, &request).steps.into_iter().take(steps);
        steps.fold(standing, |standing, step| standing.after(&step))
    }

    fn shown<'a>(&'a self, anchors: &'a [Certificate], cluster: Option<&'a Standing>) -> Shown<'a> {
        Shown {
            folder: Path::new("/srv/linkerd-certs/20261120T090000Z"),
            namespace: "linkerd",
            taken: Some("2026-11-20T09:00:00Z".parse().unwrap()),
            anchors,
            destination: Some(&self.mesh.anchor.certificate),
            issuer: Some(&self.mesh.issuer.certificate),
            others: &self.others,
            open: &[],
            cluster,
            at: now(),
        }
    }

    /// Keys are made anew in each run, and fingerprints with them.
    fn settled(&self, text: &str) -> String {
        let [anchor, issuer] = &self.newer;
        let all = [
            (&self.mesh.anchor, "aaaaaaaa"),
            (&self.mesh.issuer, "bbbbbbbb"),
            (anchor, "cccccccc"),
            (issuer, "dddddddd"),
        ];
        all.into_iter()
            .fold(text.to_owned(), |text, (one, name)| text.replace(&one.certificate.fingerprint().short(), name))
    }
}

#[test]
fn a_backup_and_the_cluster_at_80_and_120_columns() {
    let scene = Scene::new();
    let anchors = [scene.mesh.anchor.certificate.clone()];
    for look in [NARROW, WIDE] {
        let rotated = scene.after(usize::MAX);
        let text = scene.settled(&scene.shown(&anchors, Some(&rotated)).table(look));
        assert!(text.lines().all(|line| line.chars().count() <= look.width), "{text}");
        assert_snapshot!(format!("rotated_{}", look.width), text);
    }
    assert_snapshot!("alone_80", scene.settled(&scene.shown(&anchors, None).table(NARROW)));
}

#[test]
fn a_backup_that_was_taken_mid_way_and_that_others_can_read() {
    let scene = Scene::new();
    let anchors = [scene.mesh.anchor.certificate.clone(), scene.newer[0].certificate.clone()];
    let open = [PathBuf::from("/srv/backup/secret-linkerd-identity-issuer.json")];
    let standing = scene.after(10);
    let shown = Shown {
        folder: Path::new("/srv/backup"),
        taken: None,
        open: &open,
        others: &[],
        ..scene.shown(&anchors, Some(&standing))
    };
    let text = scene.settled(&shown.table(NARROW));
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert_snapshot!("mid_way_80", text);
}

#[test]
fn what_has_expired_says_so() {
    let mut scene = Scene::new();
    scene.mesh.issuer = Recipe::authority(ISSUER, -days(30), -1).signed_by(&scene.mesh.anchor);
    let anchors = [scene.mesh.anchor.certificate.clone()];
    assert_snapshot!("expired_80", scene.settled(&scene.shown(&anchors, None).table(NARROW)));
}
