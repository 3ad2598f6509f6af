use jiff::Timestamp;
use serde::Serialize;

use crate::{
    findings::{Finding, Severity},
    inventory::{CertificateRow, Place, Role, SourceRow},
    pki::{Fingerprint, Thresholds, lifetime::Threshold},
    snapshot::{Cluster, Owner},
    ui::document::{Proxies, life},
};

use super::{Answer, heading};

/// The version of the document. Keys may be added to a version, never taken away or given another meaning.
pub const SCHEMA_VERSION: u32 = 1;

/// What `-o json` and `-o yaml` write. Times are RFC 3339 in UTC, lengths of time whole seconds, fingerprints SHA-256.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document<'a> {
    /// [`SCHEMA_VERSION`].
    schema_version: u32,
    /// `ok`, `warning` or `critical`.
    verdict: &'static str,
    /// The verdict in a sentence.
    summary: String,
    /// The status that the program ends with.
    exit_code: u8,
    /// The moment that was judged.
    at: Timestamp,
    /// When the mesh was read.
    taken_at: Timestamp,
    /// Where it was read.
    cluster: &'a Cluster,
    /// Which control plane.
    control_plane: ControlPlane<'a>,
    /// How many proxies there are and how many were asked.
    proxies: Proxies<'a>,
    /// When "near its end" begins.
    thresholds: Limits,
    /// Every certificate, what ends first before the others.
    certificates: Vec<Row<'a>>,
    /// Causes, the gravest first; each holds its consequences.
    findings: &'a [Finding],
    /// Every source and how it was found.
    sources: &'a [SourceRow],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ControlPlane<'a> {
    namespace: &'a str,
    version: Option<&'a str>,
    trust_domain: Option<&'a str>,
    others: &'a [String],
}

#[derive(Debug, Serialize)]
struct Limits {
    warning: Limit,
    critical: Limit,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Limit {
    percent: u8,
    at_most_seconds: i64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    role: Role,
    stage: &'static str,
    name: &'a str,
    subject: &'a str,
    issuer: &'a str,
    fingerprint: Fingerprint,
    serial: &'a str,
    algorithm: String,
    signature: &'a str,
    is_ca: bool,
    not_before: Timestamp,
    not_after: Timestamp,
    seconds_left: i64,
    share_used: f64,
    /// How many certificates this stands for: more than one only for leafs, of which the first to end is shown.
    count: usize,
    /// How many pods are known to load or present it.
    pods: u64,
    places: &'a [Place],
    owners: &'a [Owner],
}

pub(super) fn of<'a>(answer: &'a Answer<'_>) -> Document<'a> {
    let snapshot = answer.snapshot;
    let values = snapshot.config.found();
    Document {
        schema_version: SCHEMA_VERSION,
        verdict: match answer.report.worst() {
            Some(Severity::Critical) => "critical",
            Some(Severity::Warning) => "warning",
            Some(Severity::Info) | None => "ok",
        },
        summary: heading::verdict(answer).1,
        exit_code: answer.exit_code,
        at: answer.report.at,
        taken_at: snapshot.taken_at,
        cluster: &snapshot.cluster,
        control_plane: ControlPlane {
            namespace: &snapshot.namespace,
            version: values.and_then(|values| values.version.as_deref()),
            trust_domain: values.and_then(|values| values.trust_domain.as_deref()),
            others: &snapshot.other_control_planes,
        },
        proxies: Proxies::of(snapshot, answer.namespace),
        thresholds: Limits::of(answer.thresholds),
        certificates: answer.certificates.iter().map(|row| Row::of(answer, row)).collect(),
        findings: &answer.report.findings,
        sources: &answer.sources,
    }
}

impl Limits {
    fn of(thresholds: Thresholds) -> Self {
        let limit = |Threshold { percent, at_most }| Limit { percent, at_most_seconds: at_most.as_secs() };
        Self { warning: limit(thresholds.warning), critical: limit(thresholds.critical) }
    }
}

impl<'a> Row<'a> {
    fn of(answer: &Answer<'_>, row: &'a CertificateRow) -> Self {
        let (certificate, now) = (&row.certificate, answer.report.at);
        let lifetime = certificate.lifetime();
        Self {
            role: row.role,
            stage: life(lifetime.stage(now, &answer.thresholds)),
            name: certificate.name(),
            subject: certificate.subject(),
            issuer: certificate.issuer(),
            fingerprint: certificate.fingerprint(),
            serial: certificate.serial(),
            algorithm: certificate.key().to_string(),
            signature: certificate.signature(),
            is_ca: certificate.is_ca(),
            not_before: lifetime.not_before,
            not_after: lifetime.not_after,
            seconds_left: lifetime.left(now).as_secs(),
            share_used: lifetime.share_used(now),
            count: row.count,
            pods: row.pods,
            places: &row.places,
            owners: &row.owners,
        }
    }
}
