//! `restore` on folders of every kind: what it shows of a good one, and what it says of all others. No cluster is asked.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use insta::assert_snapshot;
use jiff::{SignedDuration, Timestamp};
use linkerd_certs::pki::{
    Authority, AuthorityParams, Certificate, PrivateKey, Serial, TrustDomain, private_key::NewKey,
};
use serde_json::{Value, json};

const ROOTS: &str = "configmap-linkerd-identity-trust-roots.json";
const ISSUER: &str = "secret-linkerd-identity-issuer.json";

/// A backup in a folder of its own.
struct Backup {
    folder: tempfile::TempDir,
    anchor: Authority,
    issuer: Authority,
}

impl Backup {
    fn new() -> Self {
        Self::made_at(Timestamp::now())
    }

    /// With an anchor of ten years and an issuer of one, made at this moment.
    fn made_at(at: Timestamp) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let days = |days: i64| AuthorityParams {
            trust_domain: TrustDomain::new("linkerd", "cluster.local").unwrap(),
            lifetime: SignedDuration::from_hours(24 * days),
        };
        let key = || PrivateKey::generate(NewKey::EcdsaP256).unwrap();
        let anchor = Authority::new_anchor(&days(3653), key(), at, Serial::from_bytes([0xa1; 16])).unwrap();
        let issuer = anchor.sign_issuer(&days(365), key(), at, Serial::from_bytes([0xb2; 16])).unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let backup = Self { folder, anchor, issuer };
        backup.save(ROOTS, &backup.roots());
        backup.save(ISSUER, &backup.secret());
        let config = json!({
            "kind": "ConfigMap",
            "metadata": {"name": "linkerd-config", "namespace": "linkerd", "uid": "3"},
            "data": {"values": "identityTrustDomain: cluster.local\n"},
        });
        backup.save("configmap-linkerd-config.json", &config);
        backup
    }

    fn roots(&self) -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "linkerd-identity-trust-roots", "namespace": "linkerd", "uid": "1"},
            "data": {"ca-bundle.crt": self.anchor.certificate().to_pem()},
        })
    }

    fn secret(&self) -> Value {
        let chain: String = self.issuer.chain().iter().map(Certificate::to_pem).collect();
        json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "Opaque",
            "metadata": {"name": "linkerd-identity-issuer", "namespace": "linkerd", "uid": "2"},
            "data": {"crt.pem": BASE64.encode(chain), "key.pem": BASE64.encode(self.issuer.key().to_pem())},
        })
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn save(&self, name: &str, object: &Value) {
        self.save_text(name, &format!("{object:#}\n"));
    }

    fn save_text(&self, name: &str, text: &str) {
        let file = self.path().join(name);
        fs::write(&file, text).unwrap();
        fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap()
    }

    /// Runs the verb on it. The key is in nothing that it says.
    fn restore(&self, arguments: &[&str]) -> Output {
        let output = restore(self.path(), arguments);
        let said = stdout(&output) + &stderr(&output);
        let key = self.issuer.key().to_pem().lines().nth(1).unwrap().to_owned();
        assert!(!said.contains("PRIVATE KEY") && !said.contains(&key), "{said}");
        let encoded = BASE64.encode(self.issuer.key().to_pem());
        assert!(!said.contains(&encoded[20..60]), "{said}");
        output
    }

    /// What it says of a folder of which it can make nothing.
    fn refused(&self) -> String {
        let output = self.restore(&["--yes"]);
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        flat(&stderr(&output))
    }

    /// What is new in each run, made the same.
    fn settled(&self, text: &str) -> String {
        let mut text = text.replace(&self.path().display().to_string(), "DIR");
        for (authority, name) in [(&self.anchor, "aaaaaaaa"), (&self.issuer, "bbbbbbbb")] {
            text = text.replace(&authority.certificate().fingerprint().short(), name);
        }
        text
    }
}

/// Without the line breaks that come with a terminal's width.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn restore(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kubectl-linkerd_certs"))
        .env_clear()
        .env("COLUMNS", "80")
        .env("HOME", "/nonexistent")
        .stdin(Stdio::null())
        .arg("restore")
        .arg(folder)
        .args(arguments)
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn what_a_backup_holds_is_shown_without_a_cluster() {
    let backup = Backup::new();
    backup.save("secret-linkerd-sp-validator-k8s-tls.json", &json!({}));
    backup.save_text("notes.txt", "not an object");
    let output = backup.restore(&["--show"]);
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
    let text = backup.settled(&stdout(&output));
    let [heading, anchor, issuer, others] = [0, 4, 5, 7].map(|line| text.lines().nth(line).unwrap().to_owned());
    assert!(heading.starts_with("Backup of the control plane in namespace linkerd, taken at "), "{text}");
    assert!(anchor.starts_with("anchor  ") && anchor.contains("aaaaaaaa") && anchor.ends_with("bundle"), "{text}");
    assert!(issuer.starts_with("issuer  ") && issuer.contains("bbbbbbbb") && issuer.ends_with("Secret"), "{text}");
    assert_eq!(others, "Also in it, and for you to look at: Secret linkerd-sp-validator-k8s-tls. A", "{text}");
    assert!(!text.contains("CLUSTER") && !text.contains("can read keys"), "{text}");
}

#[test]
fn the_folder_s_name_says_when_it_was_taken() {
    let backup = Backup::new();
    let named = backup.path().join("20261120T090000Z");
    fs::create_dir(&named).unwrap();
    for name in [ROOTS, ISSUER] {
        fs::copy(backup.path().join(name), named.join(name)).unwrap();
    }
    assert!(flat(&stdout(&restore(&named, &["--show"]))).contains("taken at 2026-11-20T09:00:00Z ("));
}

#[test]
fn keys_that_others_can_read_are_told_of() {
    let backup = Backup::new();
    let mode = |path: PathBuf, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    mode(backup.path().join(ISSUER), 0o644);
    assert!(!stdout(&backup.restore(&["--show"])).contains("can read"), "nobody else may enter the folder");
    mode(backup.path().to_owned(), 0o755);
    let text = flat(&stdout(&backup.restore(&["--show"])));
    assert!(text.contains("Others than their owner can read keys in it; `chmod 700"), "{text}");
}

#[test]
fn a_folder_that_is_no_backup_says_what_is_missing() {
    let backup = Backup::new();
    let nowhere = restore(&backup.path().join("nowhere"), &["--yes"]);
    assert!(flat(&stderr(&nowhere)).starts_with("error: there is no folder "), "{}", stderr(&nowhere));
    let file = restore(&backup.path().join(ROOTS), &["--yes"]);
    assert!(flat(&stderr(&file)).contains("is a file; a backup is a folder"), "{}", stderr(&file));
    for (name, object) in
        [(ROOTS, "ConfigMap linkerd-identity-trust-roots"), (ISSUER, "Secret linkerd-identity-issuer")]
    {
        let backup = Backup::new();
        fs::remove_file(backup.path().join(name)).unwrap();
        let said = backup.refused();
        assert!(said.contains(&format!("is no backup, or not a whole one: {object} is not in it ({name})")), "{said}");
        assert!(said.contains("hint: a run names its backup when it begins"), "{said}");
    }
}

#[test]
fn a_half_written_object_is_told_from_one_that_is_none() {
    for name in [ROOTS, ISSUER] {
        let backup = Backup::new();
        let text = backup.text(name);
        backup.save_text(name, &text[..text.len() - 60]);
        let said = backup.refused();
        assert!(said.contains("is cut short"), "{said}");
        backup.save_text(name, "# a note\n");
        let said = backup.refused();
        assert!(said.contains("is not a Kubernetes object in JSON"), "{said}");
        backup.save_text(name, "");
        assert!(backup.refused().contains("is empty"));
    }
    // The parser would quote what it found in the wrong place, which here is the key.
    let backup = Backup::new();
    backup.save(ISSUER, &json!({"kind": "Secret", "data": backup.issuer.key().to_pem()}));
    assert!(backup.refused().contains("is not a Kubernetes object in JSON"));
}

#[test]
fn an_object_under_another_name_is_not_taken() {
    let backup = Backup::new();
    backup.save(ROOTS, &backup.secret());
    let said = backup.refused();
    let expected = "should hold ConfigMap linkerd-identity-trust-roots, but holds Secret linkerd-identity-issuer";
    assert!(said.contains(expected), "{said}");
}

#[test]
fn certificates_and_keys_that_do_not_fit_are_shown_and_refused() {
    let settled = |backup: &Backup| backup.settled(&backup.refused());
    let mut backup = Backup::new();
    let (good, other) = (backup.secret(), Backup::new());

    backup.save(ISSUER, &{
        let mut secret = good.clone();
        secret["data"]["key.pem"] = other.secret()["data"]["key.pem"].clone();
        secret
    });
    assert!(
        settled(&backup).contains("the key is not that of `identity.linkerd.cluster.local"),
        "{}",
        settled(&backup)
    );
    assert!(stdout(&backup.restore(&["--yes"])).contains("bundle"), "it is shown what was refused");

    backup.save(ISSUER, &{
        let mut secret = good.clone();
        secret["data"].as_object_mut().unwrap().remove("key.pem");
        secret
    });
    assert!(settled(&backup).contains("the Secret's key `key.pem` is missing"));

    backup.save(ISSUER, &{
        let mut secret = good.clone();
        secret["data"]["crt.pem"] = json!("not base64 !");
        secret
    });
    assert!(settled(&backup).contains("the Secret's key `crt.pem` is not base64"));

    backup.save(ISSUER, &other.secret());
    assert!(settled(&backup).contains("signed by no anchor of the bundle"), "{}", settled(&backup));
    backup.save(ISSUER, &good);

    let mut roots = backup.roots();
    roots["data"]["ca-bundle.crt"] = json!(format!("{}hello\n", backup.anchor.certificate().to_pem()));
    backup.save(ROOTS, &roots);
    assert!(settled(&backup).contains("text that is not PEM"), "{}", settled(&backup));
    roots["data"]["ca-bundle.crt"] = json!("");
    backup.save(ROOTS, &roots);
    assert!(settled(&backup).contains("there is no trust anchor in it"));

    backup = Backup::made_at(Timestamp::now() - SignedDuration::from_hours(24 * 400));
    assert!(settled(&backup).contains("is not valid now"), "{}", settled(&backup));
    assert!(stdout(&backup.restore(&["--show"])).contains("expired"));
}

#[test]
fn a_good_one_needs_a_cluster_to_be_put_back() {
    let output = Backup::new().restore(&["--yes"]);
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(1), ""));
    assert!(stderr(&output).contains("kubeconfig"), "{}", stderr(&output));
}

#[test]
fn help_fits_80_columns() {
    let output = restore(Path::new("--help"), &[]);
    let help = stdout(&output);
    assert!(help.lines().all(|line| line.chars().count() <= 80), "{help}");
    assert_snapshot!("help_restore", help);
}
