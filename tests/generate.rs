//! `generate` as people and scripts meet it: what it says, what it writes, and what it never overwrites.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use insta::assert_snapshot;
use jiff::{SignedDuration, Timestamp};
use linkerd_certs::{
    pki::{Authority, AuthorityParams, Bundle, KeyState, PrivateKey, Serial, TrustDomain, private_key::NewKey},
    ui::{
        Look,
        generate::{AnchorKey, Made},
    },
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_kubectl-linkerd_certs");
const NARROW: Look = Look { width: 80, color: false };

/// A pair made at a fixed moment, with fixed serial numbers.
struct Pair {
    domain: TrustDomain,
    anchor: Authority,
    issuer: Authority,
    at: Timestamp,
}

impl Pair {
    fn new(domain: &str) -> Self {
        let at: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let domain = TrustDomain::new("linkerd", domain).unwrap();
        let params = |days: i64| AuthorityParams {
            trust_domain: domain.clone(),
            lifetime: SignedDuration::from_hours(24 * days),
        };
        let key = || PrivateKey::generate(NewKey::EcdsaP256).unwrap();
        let anchor = Authority::new_anchor(&params(3653), key(), at, Serial::from_bytes([0xa1; 16])).unwrap();
        let issuer = anchor.sign_issuer(&params(365), key(), at, Serial::from_bytes([0xb2; 16])).unwrap();
        Self { domain, anchor, issuer, at }
    }

    fn made<'a>(&'a self, folder: &'a Folder, anchor_key: &'a AnchorKey, cut: bool) -> Made<'a> {
        Made {
            anchor: self.anchor.certificate(),
            anchor_key,
            anchor_file: &folder.anchor,
            issuer: self.issuer.certificate(),
            issuer_file: &folder.issuer,
            issuer_key_file: &folder.issuer_key,
            trust_domain: &self.domain,
            cut,
            at: self.at,
        }
    }

    /// The keys are new each time, and with them all that is made of them.
    fn settled(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, authority) in [("ANCHOR", &self.anchor), ("ISSUER", &self.issuer)] {
            let certificate = authority.certificate();
            text = text.replace(&certificate.fingerprint().to_string(), &format!("{name}-{}", "0".repeat(57)));
            text = text.replace(&certificate.public_key().to_string(), &format!("{name}-KEY"));
            for line in certificate.to_pem().lines().filter(|line| !line.starts_with('-')) {
                text = text
                    .lines()
                    .filter(|shown| shown.trim() != line)
                    .fold(String::new(), |all, line| all + line + "\n");
            }
        }
        text
    }
}

struct Folder {
    anchor: PathBuf,
    issuer: PathBuf,
    issuer_key: PathBuf,
}

impl Folder {
    fn new(name: &str) -> Self {
        let [anchor, issuer, issuer_key] =
            ["ca.crt", "issuer.crt", "issuer.key"].map(|file| Path::new(name).join(file));
        Self { anchor, issuer, issuer_key }
    }
}

fn program() -> Command {
    let mut command = Command::new(PROGRAM);
    command.env_clear().env("COLUMNS", "80").env("HOME", "/nonexistent").stdin(Stdio::null());
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    program().current_dir(folder).arg("generate").args(arguments).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Runs it in `folder`, where it has to succeed.
fn made(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""), "{arguments:?}");
    stdout(&output)
}

/// Runs it in `folder`, where it has to fail; what it says.
fn refused(folder: &Path, arguments: &[&str]) -> (String, Option<i32>) {
    let output = run(folder, arguments);
    assert_eq!(stdout(&output), "", "{arguments:?}");
    (stderr(&output), output.status.code())
}

fn mode(file: &Path) -> u32 {
    fs::metadata(file).unwrap().permissions().mode() & 0o777
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn bundle(file: PathBuf) -> Bundle {
    Bundle::parse(&fs::read_to_string(file).unwrap())
}

#[test]
fn the_answer_in_each_form() {
    let pair = Pair::new("cluster.local");
    let folder = Folder::new("mesh");
    let beside = AnchorKey::Written("mesh/ca.key".into());
    let answer = pair.made(&folder, &beside, false);
    assert_snapshot!("generate_80", pair.settled(&answer.table(NARROW)));
    assert_snapshot!("generate_json", pair.settled(&serde_json::to_string_pretty(&answer.document()).unwrap()));
    assert_snapshot!("generate_helm", pair.settled(&answer.values().unwrap()));
}

#[test]
fn what_differs_from_the_usual_is_said_and_quoted() {
    let pair = Pair::new("mesh.example");
    let folder = Folder::new("my, mesh");
    let discarded = pair.made(&folder, &AnchorKey::Discarded, true);
    assert_snapshot!("generate_discarded_80", pair.settled(&discarded.table(NARROW)));
    let brought = AnchorKey::Brought { file: "old ca.key".into(), readable_by_others: true };
    assert_snapshot!("generate_brought_80", pair.settled(&pair.made(&folder, &brought, false).table(NARROW)));
}

#[test]
fn help_fits_80_columns() {
    let help = stdout(&program().args(["generate", "--help"]).output().unwrap());
    assert!(help.lines().all(|line| line.chars().count() <= 80), "{help}");
    assert_snapshot!("help_generate", help);
}

#[test]
fn keys_are_for_their_owner_and_fit_their_certificates() {
    let folder = tempfile::tempdir().unwrap();
    let text = made(folder.path(), &["--out", "mesh"]);
    let mesh = folder.path().join("mesh");
    assert_eq!(mode(&mesh), 0o700);
    assert_eq!(names(&mesh), ["ca.crt", "ca.key", "issuer.crt", "issuer.key"]);
    for (name, certificate) in [("ca", "ca.crt"), ("issuer", "issuer.crt")] {
        let key = mesh.join(format!("{name}.key"));
        assert_eq!(mode(&key), 0o600, "{name}");
        let key = fs::read(key).unwrap();
        let certificate = bundle(mesh.join(certificate));
        assert!(KeyState::of_pem(&key).fits(certificate.first().unwrap()));
        assert!(certificate.loads && certificate.loads_in_identity);
        let secret = String::from_utf8(key).unwrap();
        assert!(!text.contains(secret.lines().nth(1).unwrap()), "no key is printed");
    }
    assert!(text.contains("--identity-issuer-key-file mesh/issuer.key"), "{text}");
    assert!(!text.contains("earlier than was asked for"), "{text}");
}

#[test]
fn no_format_prints_a_key() {
    for format in ["table", "json", "yaml", "helm"] {
        let folder = tempfile::tempdir().unwrap();
        let output = run(folder.path(), &["--out", "mesh", "-o", format]);
        assert_eq!(output.status.code(), Some(0), "{format}");
        let text = stdout(&output) + &stderr(&output);
        assert!(!text.contains("PRIVATE KEY"), "{format}");
        let key = fs::read_to_string(folder.path().join("mesh/issuer.key")).unwrap();
        assert!(!text.contains(key.lines().nth(1).unwrap()), "{format}");
    }
}

#[test]
fn json_and_yaml_are_one_document_and_values_are_yaml() {
    let folder = tempfile::tempdir().unwrap();
    let json: serde_json::Value = serde_json::from_str(&made(folder.path(), &["--out", "a", "-o", "json"])).unwrap();
    let yaml: serde_json::Value = serde_yaml_ng::from_str(&made(folder.path(), &["--out", "b", "-o", "yaml"])).unwrap();
    let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&json), keys(&yaml));
    assert_eq!(json["schemaVersion"], 1);
    let output = run(folder.path(), &["--out", "c", "-o", "helm"]);
    assert!(stderr(&output).starts_with("c/ca.key signs the next issuer."), "{}", stderr(&output));
    let values: serde_json::Value = serde_yaml_ng::from_str(&stdout(&output)).unwrap();
    let anchors = values["identityTrustAnchorsPEM"].as_str().unwrap();
    assert_eq!(anchors, fs::read_to_string(folder.path().join("c/ca.crt")).unwrap());
    let issuer = values["identity"]["issuer"]["tls"]["crtPEM"].as_str().unwrap();
    assert_eq!(issuer, fs::read_to_string(folder.path().join("c/issuer.crt")).unwrap());
    assert!(values["identity"]["issuer"]["tls"]["keyPEM"].is_null());
}

#[test]
fn nothing_that_is_there_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let (mesh, key) = (folder.path().join("mesh"), folder.path().join("ca.key"));
    fs::create_dir(&mesh).unwrap();
    fs::write(mesh.join("issuer.key"), "precious").unwrap();
    let (said, status) = refused(folder.path(), &["--out", "mesh"]);
    assert_eq!(said, "error: mesh is not empty\nhint: name a folder that is new or empty\n");
    assert_eq!(status, Some(1));
    assert_eq!(fs::read_to_string(mesh.join("issuer.key")).unwrap(), "precious");

    fs::write(&key, "precious").unwrap();
    let (said, status) = refused(folder.path(), &["--out", "new", "--anchor-key-out", "ca.key"]);
    assert!(said.starts_with("error: ca.key exists already, and is not overwritten\nhint: "), "{said}");
    assert_eq!(status, Some(1));
    assert_eq!(fs::read_to_string(&key).unwrap(), "precious");
    assert_eq!(names(folder.path()), ["ca.key", "mesh"]);
}

#[test]
fn the_anchors_key_goes_where_it_should_or_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    made(folder.path(), &["--out", "a", "--anchor-key-out", "safe.key"]);
    assert_eq!(names(&folder.path().join("a")), ["ca.crt", "issuer.crt", "issuer.key"]);
    assert_eq!(mode(&folder.path().join("safe.key")), 0o600);
    made(folder.path(), &["--out", "b", "--discard-anchor-key"]);
    assert_eq!(names(&folder.path().join("b")), ["ca.crt", "issuer.crt", "issuer.key"]);
}

#[test]
fn when_writing_fails_nothing_is_left() {
    let folder = tempfile::tempdir().unwrap();
    // A file may not grow at all, and the signal that says so is ignored: each write fails.
    let script = format!("trap '' XFSZ; ulimit -f 0; exec '{PROGRAM}' generate --out mesh");
    let output = Command::new("sh").current_dir(folder.path()).args(["-c", &script]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).starts_with("error: cannot write mesh/ca.key\n"), "{}", stderr(&output));
    assert!(names(folder.path()).is_empty());
}

#[test]
fn an_issuer_is_made_under_an_anchor_at_hand() {
    let folder = tempfile::tempdir().unwrap();
    made(folder.path(), &["--out", "old", "--algorithm", "rsa-2048", "--anchor-lifetime", "30d"]);
    let anchor = ["--anchor-cert", "old/ca.crt", "--anchor-key", "old/ca.key"];
    let text = made(folder.path(), &[&["--out", "new"][..], &anchor].concat());
    assert!(text.starts_with("Made an identity issuer under the trust anchor at hand"), "{text}");
    assert!(text.contains("The issuer ends with its trust anchor"), "{text}");
    assert_eq!(names(&folder.path().join("new")), ["ca.crt", "issuer.crt", "issuer.key"]);
    let (old, new) = (bundle(folder.path().join("old/ca.crt")), bundle(folder.path().join("new/ca.crt")));
    assert!(old.same_set(&new));
    assert!(bundle(folder.path().join("new/issuer.crt")).first().unwrap().is_signed_by(old.first().unwrap()));

    let others = ["--anchor-cert", "old/ca.crt", "--anchor-key", "old/issuer.key"];
    let (said, status) = refused(folder.path(), &[&["--out", "third"][..], &others].concat());
    assert!(said.contains("old/ca.crt and its key are of no use") && said.contains("the key is not that of"), "{said}");
    assert_eq!(status, Some(1));
    assert!(!folder.path().join("third").exists());
}

#[test]
fn an_encrypted_key_is_read_with_the_password_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    made(folder.path(), &["--out", "old"]);
    let encrypted = Command::new("openssl")
        .current_dir(folder.path())
        .args([
            "pkcs8",
            "-topk8",
            "-v2",
            "aes-256-cbc",
            "-passout",
            "pass:mesh",
            "-in",
            "old/ca.key",
            "-out",
            "enc.key",
        ])
        .status();
    if !encrypted.is_ok_and(|status| status.success()) {
        return;
    }
    fs::write(folder.path().join("right"), "mesh\n").unwrap();
    fs::write(folder.path().join("wrong"), "mush\n").unwrap();
    let with = |out: &str, more: &[&str]| {
        let anchor = ["--out", out, "--anchor-cert", "old/ca.crt", "--anchor-key", "enc.key"];
        run(folder.path(), &[&anchor[..], more].concat())
    };
    let right = with("new", &["--anchor-key-password-file", "right"]);
    assert_eq!((right.status.code(), stderr(&right).as_str()), (Some(0), ""));
    let wrong = with("third", &["--anchor-key-password-file", "wrong"]);
    assert!(stderr(&wrong).contains("the password does not decrypt it"), "{}", stderr(&wrong));
    let none = with("third", &[]);
    assert_eq!(
        stderr(&none),
        "error: enc.key is encrypted, and there is no terminal to ask for its password\n\
         hint: give it by `--anchor-key-password-file FILE`\n"
    );
    assert_eq!((wrong.status.code(), none.status.code()), (Some(1), Some(1)));
    assert!(!folder.path().join("third").exists());
}

#[test]
fn wrong_usage_is_told_as_such() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &[][..],
        &["--out", "a", "--anchor-lifetime", "soon"],
        &["--out", "a", "--issuer-lifetime", "-1d"],
        &["--out", "a", "--algorithm", "p384"],
        &["--out", "a", "--anchor-cert", "x"],
        &["--out", "a", "--anchor-key", "x"],
        &["--out", "a", "--anchor-cert", "x", "--anchor-key", "y", "--algorithm", "rsa-2048"],
        &["--out", "a", "--anchor-cert", "x", "--anchor-key", "y", "--discard-anchor-key"],
        &["--out", "a", "--anchor-key-out", "x", "--discard-anchor-key"],
        &["--out", "a", "--anchor-key-password-file", "x"],
        &["--out", "a", "--trust-domain", "Not A Domain"],
        &["--out", "a", "-L", "not.a.label"],
    ] {
        let (said, status) = refused(folder.path(), arguments);
        assert_eq!(status, Some(2), "{arguments:?}: {said}");
    }
    assert!(names(folder.path()).is_empty());
}
