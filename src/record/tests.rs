//! Records of runs on the simulation.

use jiff::Timestamp;
use secrecy::ExposeSecret as _;

use super::{Beginning, End, Kind, Outcome, Place, Record, command_line, position, words};
use crate::{
    event::{Answer, Event, Watch},
    execute::{self, Stop, Stopper},
    mesh::Mesh as _,
    plan::{Done, Goal, Step, outlook},
    preflight::{Report, Wanted, verify},
    simulate::Fault,
    testing::simulated::{Scene, wait},
};

/// Keeps a record, and its text after each event that is worth keeping.
struct Kept {
    record: Record,
    last: String,
}

impl Watch for Kept {
    fn notice(&mut self, at: Timestamp, event: &Event) {
        if self.record.notice(at, event) {
            self.last = self.record.to_markdown();
        }
    }

    fn allow(&mut self, _: &Step) -> Result<Answer, Stop> {
        Ok(Answer::GoOn)
    }
}

fn run(scene: &Scene) -> (Kept, Result<Done, Stop>) {
    wait(async {
        let (snapshot, standing) = scene.look().await;
        let outlook = outlook(&standing, &scene.request);
        let (simulation, issuer) = (&scene.simulation, Some(&scene.made.issuer));
        let report = verify(simulation, &Wanted::of(&outlook, &snapshot, &standing, issuer)).await.unwrap();
        let went_on_from = position(&standing, Goal::Anchor, &outlook);
        let record = Record::begin(simulation.now(), beginning(went_on_from), &report);
        let mut kept = Kept { record, last: String::new() };
        let stopper = Stopper::default();
        let ended = execute::run(simulation, &scene.request, issuer, &scene.options, &stopper, &mut kept).await;
        (kept, ended)
    })
}

fn beginning(went_on_from: Option<String>) -> Beginning {
    Beginning {
        goal: Goal::Anchor,
        who: "jane@laptop".to_owned(),
        command: command_line(&["kubectl-linkerd_certs".to_owned(), "rotate-anchor".to_owned(), "--yes".to_owned()]),
        mesh: Place {
            context: Some("production".to_owned()),
            server: Some("https://jane:s3cret@192.0.2.1:6443".to_owned()),
            kubernetes: Some("v1.34.4".to_owned()),
            namespace: "linkerd".to_owned(),
        },
        backup: Some("/home/jane/.local/state/linkerd-certs/20261121T110000Z".to_owned()),
        went_on_from,
    }
}

fn done() -> End {
    End {
        result: Outcome::Done,
        what: "the goal was reached".to_owned(),
        evidence: Vec::new(),
        next: vec!["`check` shows the mesh as it is now".to_owned()],
    }
}

/// Keys are made anew in each test, so fingerprints differ.
fn without_fingerprints(record: &Record, text: &str) -> String {
    record.certificates.iter().enumerate().fold(text.to_owned(), |text, (number, one)| {
        text.replace(&one.sha256, &format!("<sha256 of {number}>")).replace(&one.sha256[..8], &format!("<{number}>"))
    })
}

#[test]
fn a_whole_rotation_as_markdown() {
    let scene = Scene::example();
    let (Kept { mut record, .. }, ended) = run(&scene);
    assert!(ended.unwrap().trusting_old.is_empty());
    record.end(scene.simulation.now(), done());
    insta::assert_snapshot!("rotation", without_fingerprints(&record, &record.to_markdown()));
}

#[test]
fn a_run_that_was_killed_leaves_a_record_up_to_there_and_the_next_goes_on() {
    let scene = Scene::example().faulty(&[Fault::KilledAfter(14)]);
    let (killed, ended) = run(&scene);
    assert!(ended.is_err());
    assert!(killed.last.contains("unfinished") && killed.last.contains("**6. swap**"), "{}", killed.last);
    assert!(!killed.last.contains("**7. swap**"));
    scene.simulation.world().revive();
    let (next, ended) = run(&scene);
    assert!(ended.is_ok(), "{ended:?}");
    let from = next.record.went_on_from.clone().unwrap();
    assert!(from.contains("on its way to trust anchor `root.linkerd.cluster.local"), "{from}");
    assert!(next.record.to_markdown().contains("This run went on from where the mesh stood: the mesh was on its way"));
    assert_eq!(killed.record.went_on_from, None);
}

#[test]
fn json_has_stable_keys_and_is_read_back() {
    let (Kept { record, .. }, _) = run(&Scene::example().faulty(&[Fault::ConflictAt(2), Fault::MissedUpdate]));
    let json: serde_json::Value = serde_json::from_str(&record.to_json().unwrap()).unwrap();
    let keys: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "backup",
            "beganAt",
            "between",
            "certificates",
            "command",
            "endedAt",
            "mesh",
            "operation",
            "plan",
            "program",
            "schemaVersion",
            "steps",
            "verified",
            "wentOnFrom",
            "who",
            "end"
        ]
        .iter()
        .copied()
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect::<Vec<_>>()
    );
    assert_eq!(json["schemaVersion"], 1);
    assert_eq!(json["operation"], "trustAnchorRotation");
    assert_eq!(serde_json::from_value::<Record>(json).unwrap(), record);
    let kinds: Vec<Kind> = record.steps.iter().flat_map(|step| &step.happened).map(|one| one.kind).collect();
    for kind in [Kind::Written, Kind::Restarting, Kind::Restarted, Kind::Waiting, Kind::Conflict, Kind::MissedUpdate] {
        assert!(kinds.contains(&kind), "{kind:?}");
    }
}

#[test]
fn no_private_key_and_no_password_is_ever_in_a_record() {
    for faults in [vec![], vec![Fault::KilledAfter(15)], vec![Fault::NeverReady("web".to_owned())]] {
        let scene = Scene::example().faulty(&faults);
        let (Kept { mut record, .. }, ended) = run(&scene);
        let key = scene.made.issuer.key.expose_secret();
        if let Err(stop) = ended {
            let what = format!("{stop}: the object was {key}");
            let evidence = vec!["key.pem: LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCg==".to_owned()];
            record.end(scene.simulation.now(), End { result: Outcome::Stopped, what, evidence, next: Vec::new() });
        }
        let inner: String = key.lines().filter(|line| !line.starts_with('-')).collect();
        for text in [record.to_json().unwrap(), record.to_markdown()] {
            assert!(!text.contains("PRIVATE KEY") && !text.contains("-----BEGIN") && !text.contains("LS0tLS1CRUdJTi"));
            assert!(!text.contains(&inner) && !text.contains(&inner[..32]));
            assert!(!text.contains("s3cret") && text.contains("https://192.0.2.1:6443"));
        }
    }
}

#[test]
fn a_command_line_is_kept_without_secrets() {
    let line =
        |arguments: &[&str]| command_line(&arguments.iter().map(|&argument| argument.to_owned()).collect::<Vec<_>>());
    let usual = ["kubectl-linkerd_certs", "rotate-issuer", "--anchor-key", "my keys/anchor.key"];
    assert_eq!(line(&usual), "kubectl-linkerd_certs rotate-issuer --anchor-key 'my keys/anchor.key'");
    assert_eq!(line(&["x", "--anchor-key-password-file", "pw"]), "x --anchor-key-password-file pw");
    assert_eq!(line(&["x", "--token", "abc", "--yes"]), "x --token '(left out)' --yes");
    assert_eq!(line(&["x", "--password=abc"]), "x '--password=(left out)'");
    assert!(!line(&["x", "-----BEGIN PRIVATE KEY-----\nabc"]).contains("abc"));
}

#[test]
fn text_from_elsewhere_is_no_markup() {
    let mut record = Record::begin(Timestamp::UNIX_EPOCH, beginning(None), &Report::default());
    let what = "pod `web|1: <b>x</b> [a](http://b) *c* _d_ | e\nf g".to_owned();
    record.end(Timestamp::UNIX_EPOCH, End { result: Outcome::Stopped, what, evidence: Vec::new(), next: Vec::new() });
    let text = record.to_markdown();
    assert!(text.contains(r"Pod \`web\|1: \<b\>x\</b\> \[a\](http://b) \*c\* \_d\_ \| e f g."), "{text}");
    record.end.what = "run `linkerd upgrade | x`".to_owned();
    assert!(record.to_markdown().contains(r"Run `linkerd upgrade \| x`."));
}

#[test]
fn an_address_loses_its_user() {
    assert_eq!(words::without_user("https://a:b@c:6443/d@e"), "https://c:6443/d@e");
    assert_eq!(
        words::without_user("https://c:6443 through the proxy p:3128"),
        "https://c:6443 through the proxy p:3128"
    );
}
