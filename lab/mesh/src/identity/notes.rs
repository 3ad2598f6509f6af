//! The words of identity's events (linkerd2 pkg/identity/service.go, and events on a real mesh).

use std::sync::LazyLock;
use std::time::Instant;

use k8s_openapi::api::core::v1::ObjectReference;
use time::OffsetDateTime;

use super::issuer::IssuerError;
use super::leaf::Leaf;
use crate::chain::{ChainError, go_time};
use crate::events::{Note, Severity};

/// For Go's monotonic clock reading, which its times carry when printed.
static STARTED: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Lets the clock of the messages begin; otherwise it does with the first of them.
pub(crate) fn start_clock() {
    LazyLock::force(&STARTED);
}

/// Why a chain was refused; where it is about time, with the clock and the issuer's validity.
pub(crate) fn refusal(
    error: &ChainError,
    now: OffsetDateTime,
    not_before: OffsetDateTime,
    not_after: OffsetDateTime,
) -> String {
    match error {
        ChainError::Validity(_) => format!(
            "{error} - Current Time : {} m=+{:.9} - Invalid before {} - Invalid After {}",
            go_time(now),
            STARTED.elapsed().as_secs_f64(),
            go_time(not_before),
            go_time(not_after),
        ),
        _ => error.to_string(),
    }
}

pub(crate) fn updated(namespace: &str) -> Note {
    on_deployment(namespace, Severity::Normal, "IssuerUpdated", "Updated identity issuer".into())
}

pub(crate) fn skipped(namespace: &str, error: &IssuerError) -> Note {
    let message = format!("Skipping issuer update as certs could not be read from disk: {error}");
    on_deployment(namespace, Severity::Warning, "IssuerUpdateSkipped", message)
}

pub(crate) fn refused(namespace: &str, refusal: &str, identity: &str) -> Note {
    let message = format!("{refusal} - CSR Identity : {identity}");
    on_deployment(namespace, Severity::Warning, "IssuerValidationFailed", message)
}

/// On the `ServiceAccount` that the first two parts of the identity name.
pub(crate) fn issued(identity: &str, leaf: &Leaf) -> Note {
    let mut parts = identity.split('.').map(str::to_owned);
    Note {
        regarding: ObjectReference {
            api_version: Some("v1".into()),
            kind: Some("ServiceAccount".into()),
            name: parts.next(),
            namespace: parts.next(),
            ..ObjectReference::default()
        },
        severity: Severity::Normal,
        reason: "IssuedLeafCertificate",
        message: format!("issued certificate for {identity} until {}: {}", go_time(leaf.not_after), leaf.fingerprint()),
    }
}

fn on_deployment(namespace: &str, severity: Severity, reason: &'static str, message: String) -> Note {
    // Linkerd refers to its Deployment by name alone, without a uid.
    Note {
        regarding: ObjectReference {
            api_version: Some("apps/v1".into()),
            kind: Some("Deployment".into()),
            name: Some("linkerd-identity".into()),
            namespace: Some(namespace.to_owned()),
            ..ObjectReference::default()
        },
        severity,
        reason,
        message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::Outside;

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(seconds).unwrap()
    }

    #[test]
    fn a_refused_csr_reads_as_recorded() {
        let (from, end, now) = (at(1_795_256_679), at(1_795_256_829), at(1_795_256_835));
        let error = ChainError::Validity(Outside { now, not_before: from, not_after: end });
        let identity = "linkerd-identity.linkerd.serviceaccount.identity.linkerd.cluster.local";
        let note = refused("linkerd", &refusal(&error, now, from, end), identity);
        let (before, after) = note.message.split_once(" m=+").unwrap();
        assert_eq!(
            before,
            "x509: certificate has expired or is not yet valid: current time 2026-11-21T10:27:15Z \
             is after 2026-11-21T10:27:09Z - Current Time : 2026-11-21 10:27:15 +0000 UTC"
        );
        assert!(after.ends_with(
            " - Invalid before 2026-11-21 10:24:39 +0000 UTC - Invalid After 2026-11-21 10:27:09 \
             +0000 UTC - CSR Identity : \
             linkerd-identity.linkerd.serviceaccount.identity.linkerd.cluster.local"
        ));
        assert_eq!(note.reason, "IssuerValidationFailed");
    }

    #[test]
    fn a_skipped_update_reads_as_recorded() {
        let error = IssuerError::Unverified {
            name: "identity.linkerd.cluster.local".into(),
            error: ChainError::UnknownAuthority(None),
            now: at(0),
            not_before: at(0),
            not_after: at(0),
        };
        assert_eq!(
            skipped("linkerd", &error).message,
            "Skipping issuer update as certs could not be read from disk: failed to verify issuer \
             credentials for 'identity.linkerd.cluster.local' with trust anchors: x509: \
             certificate signed by unknown authority"
        );
    }

    #[test]
    fn an_issued_leaf_is_told_on_the_service_account() {
        let leaf = Leaf { der: b"leaf".to_vec().into(), not_after: at(1_795_339_582) };
        let note = issued("default.emojivoto.serviceaccount.identity.linkerd.cluster.local", &leaf);
        assert_eq!(note.regarding.name.as_deref(), Some("default"));
        assert_eq!(note.regarding.namespace.as_deref(), Some("emojivoto"));
        let (text, fingerprint) = note.message.rsplit_once(": ").unwrap();
        assert_eq!(
            text,
            "issued certificate for \
             default.emojivoto.serviceaccount.identity.linkerd.cluster.local until 2026-11-22 \
             09:26:22 +0000 UTC"
        );
        assert_eq!(fingerprint.len(), 64);
    }
}
