//! Changes that an operator makes by hand, and their undoing, on whatever cluster is given. Only kubectl is used, so
//! they hold on a real Linkerd as on the lab.

use serde_json::{Value, json};

use crate::harness::{Checked, Result, Target, mesh};

const ROOTS: [&str; 4] = ["configmap", "linkerd-identity-trust-roots", "-n", "linkerd"];

/// The lab's healthy state, or the given cluster as it is.
async fn healthy() -> Result<Target> {
    let target = Target::any().await?;
    if !Target::is_given() {
        lab::state::set(&mesh().await?, "healthy", None).await?;
    }
    Ok(target)
}

fn patch(target: &Target, object: &[&str], patch: &Value) -> Result {
    // A file, since a bundle full of garbage is longer than an argument may be.
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), patch.to_string())?;
    let path = file.path().display().to_string();
    target.kubectl(&[&["patch"], object, &["--type", "merge", "--patch-file", &path]].concat())?;
    Ok(())
}

/// Checks with `change` applied to the trust bundle's text, and puts it back.
fn with_bundle(target: &Target, change: impl FnOnce(&str) -> String) -> Result<Checked> {
    let read = [&["get"], &ROOTS[..], &["-o", r"jsonpath={.data.ca-bundle\.crt}"]].concat();
    let before = target.kubectl(&read)?;
    patch(target, &ROOTS, &json!({"data": {"ca-bundle.crt": change(&before)}}))?;
    let checked = target.check(&[]);
    patch(target, &ROOTS, &json!({"data": {"ca-bundle.crt": before}}))?;
    checked
}

fn another_anchor() -> Result<String> {
    let key = rcgen::KeyPair::generate()?;
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name.push(rcgen::DnType::CommonName, "root.another.cluster.local");
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    Ok(params.self_signed(&key)?.pem())
}

#[tokio::test]
async fn a_healthy_mesh_is_seen_whole_and_edits_are_noticed() -> Result {
    let target = healthy().await?;

    let whole = target.check(&["--probe", "all"])?;
    assert!(!whole.codes().contains(&"LC-P06"), "every proxy answers: {whole}");
    assert!(!whole.codes().contains(&"LC-P02"), "every pair verifies: {whole}");
    assert!(whole.code == 0 || Target::is_given(), "{whole}");

    let anchor = another_anchor()?;
    let extended = with_bundle(&target, |bundle| format!("{}\n{anchor}", bundle.trim_end()))?;
    assert!(extended.codes().contains(&"LC-P01"), "{extended}");
    assert_ne!(extended.code, 0);

    let twice = with_bundle(&target, |bundle| format!("{0}\n{0}\n", bundle.trim_end()))?;
    assert!(twice.codes().contains(&"LC-A08"), "{twice}");

    let broken = with_bundle(&target, |bundle| format!("{}\n-----BEGIN CERTIFICATE-----\nMIIB", bundle.trim_end()))?;
    assert!(broken.causes().contains(&"LC-A02") && broken.code == 4, "{broken}");

    let large = with_bundle(&target, |bundle| format!("{}\n{}", bundle.trim_end(), "garbage\n".repeat(100_000)))?;
    assert!(large.causes().contains(&"LC-A02"), "{large}");

    let after = target.check(&[])?;
    assert_eq!(after.causes(), whole.causes(), "everything was put back: {after}");
    Ok(())
}
