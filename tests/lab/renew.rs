//! Webhook certificates, renewed while pods are created.
//!
//! * [`gapless`]: all of a healthy mesh, with failurePolicy Ignore and Fail
//! * [`mended`]: those that have expired or are not what their caBundle verifies
//! * [`extension`]: those of an extension that are near their end, killed after every write

mod extension;
mod gapless;
mod mended;

use crate::{
    harness::{Ran, Result, Target},
    recover::clean,
    rotate::Place,
};

/// `renew-webhooks --yes` with a backup folder of its own.
fn renew(place: &Place, more: &[&str]) -> Vec<String> {
    let backup = place.next_backup();
    let first = ["renew-webhooks", "--yes", "--backup-dir", &backup];
    first.iter().chain(more).map(ToString::to_string).collect()
}

/// What must hold after every renewal.
fn assert_renewed(target: &Target, ran: &Ran) -> Result {
    let told = format!("{}\n{}", ran.stdout(), ran.stderr());
    assert_eq!(ran.code(), 0, "{told}");
    assert!(!told.contains("PRIVATE KEY"), "{told}");
    let checked = clean(target)?;
    assert_eq!(checked.code, 0, "{checked}\n{told}");
    Ok(())
}

/// The certificates in the Secrets of webhooks, as they stand there, by namespace and name.
fn secrets(target: &Target) -> Result<std::collections::BTreeMap<String, String>> {
    let path = r#"jsonpath={range .items[*]}{.metadata.namespace}/{.metadata.name} {.data.tls\.crt}{"\n"}{end}"#;
    let text = target.kubectl(&["get", "secrets", "-A", "-o", path])?;
    let rows = text.lines().filter_map(|line| line.split_once(' ')).filter(|(name, _)| name.ends_with("-k8s-tls"));
    Ok(rows.map(|(name, certificate)| (name.to_owned(), certificate.to_owned())).collect())
}
