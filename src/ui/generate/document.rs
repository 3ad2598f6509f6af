use std::path::PathBuf;

use jiff::Timestamp;
use serde::Serialize;

use super::{AnchorKey, Made, install};
use crate::pki::{Certificate, Fingerprint};

/// The version of the document. Keys may be added to a version, never taken away or given another meaning.
pub const SCHEMA_VERSION: u32 = 1;

/// What `-o json` and `-o yaml` write. Times are RFC 3339 in UTC, fingerprints SHA-256; no key is in it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document<'a> {
    /// [`SCHEMA_VERSION`].
    schema_version: u32,
    at: Timestamp,
    trust_domain: &'a str,
    control_plane_namespace: &'a str,
    trust_anchor: Row<'a>,
    issuer: Row<'a>,
    install: Install,
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    /// Whether it was made just now.
    new: bool,
    name: &'a str,
    subject: &'a str,
    fingerprint: Fingerprint,
    public_key: Fingerprint,
    serial: &'a str,
    algorithm: String,
    not_before: Timestamp,
    not_after: Timestamp,
    certificate_file: PathBuf,
    /// `null` where the key is kept nowhere.
    key_file: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Install {
    linkerd_flags: Vec<String>,
    helm_flags: Vec<String>,
}

pub(super) fn of<'a>(made: &'a Made<'_>) -> Document<'a> {
    let row = |new, certificate: &'a Certificate, certificate_file: &std::path::Path, key_file| Row {
        new,
        name: certificate.name(),
        subject: certificate.subject(),
        fingerprint: certificate.fingerprint(),
        public_key: certificate.public_key(),
        serial: certificate.serial(),
        algorithm: certificate.key().to_string(),
        not_before: certificate.lifetime().not_before,
        not_after: certificate.lifetime().not_after,
        certificate_file: certificate_file.to_owned(),
        key_file,
    };
    let (new, anchor_key) = match made.anchor_key {
        AnchorKey::Written(file) => (true, Some(file.clone())),
        AnchorKey::Discarded => (true, None),
        AnchorKey::Brought { file, .. } => (false, Some(file.clone())),
    };
    Document {
        schema_version: SCHEMA_VERSION,
        at: made.at,
        trust_domain: made.trust_domain.domain(),
        control_plane_namespace: made.trust_domain.namespace(),
        trust_anchor: row(new, made.anchor, made.anchor_file, anchor_key),
        issuer: row(true, made.issuer, made.issuer_file, Some(made.issuer_key_file.to_owned())),
        install: Install { linkerd_flags: install::linkerd_flags(made), helm_flags: install::helm_flags(made) },
        notes: made.notes(),
    }
}
