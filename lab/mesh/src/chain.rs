//! Whether an issuer chains to the trust anchors, judged and worded as the identity controller does.
//!
//! Linkerd hands the question to Go's crypto/x509 (linkerd2 pkg/tls/cred.go `Verify`) and its answer
//! ends up in events that operators and tools read, so the wording is part of the behaviour. The
//! proxies ask webpki instead, through rustls.

use std::fmt;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use time::OffsetDateTime;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ChainError {
    Malformed,
    Validity(Outside),
    /// With the anchor that came nearest, if one has the right name.
    UnknownAuthority(Option<Candidate>),
}

/// A certificate of the chain that is not valid at this time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outside {
    pub(crate) now: OffsetDateTime,
    pub(crate) not_before: OffsetDateTime,
    pub(crate) not_after: OffsetDateTime,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    name: String,
    why_not: &'static str,
}

/// The certificates of a PEM text, in order.
pub(crate) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, rustls_pki_types::pem::Error> {
    CertificateDer::pem_slice_iter(pem).collect()
}

/// Looks for a path from `certificate` over `intermediates` to one of `roots`, all valid at `now`.
pub(crate) fn verify(
    certificate: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
    roots: &[CertificateDer<'_>],
    now: OffsetDateTime,
) -> Result<(), ChainError> {
    let subject = parsed(certificate)?;
    // What does not parse can be no parent; the anchors were judged when they were read.
    let intermediates: Vec<_> = intermediates.iter().flat_map(parsed).collect();
    let roots: Vec<_> = roots.iter().flat_map(parsed).collect();
    step(&subject, &intermediates, &roots, now, intermediates.len())
}

fn step(
    certificate: &X509Certificate<'_>,
    intermediates: &[X509Certificate<'_>],
    roots: &[X509Certificate<'_>],
    now: OffsetDateTime,
    depth: usize,
) -> Result<(), ChainError> {
    valid_at(certificate, now)?;
    if roots.iter().any(|root| root.as_raw() == certificate.as_raw()) {
        return Ok(());
    }
    let mut nearest = ChainError::UnknownAuthority(None);
    for root in roots.iter().filter(|root| root.subject() == certificate.issuer()) {
        match signed_by(certificate, root).map(|()| valid_at(root, now)) {
            Ok(Ok(())) => return Ok(()),
            // An anchor with the right signature that ran out says more than one with a wrong one.
            Ok(Err(outside)) => nearest = outside,
            Err(why_not) => {
                if nearest == ChainError::UnknownAuthority(None) {
                    nearest = ChainError::UnknownAuthority(Some(Candidate { name: common_name(root), why_not }));
                }
            }
        }
    }
    if depth > 0 {
        for parent in intermediates.iter().filter(|parent| parent.subject() == certificate.issuer()) {
            if signed_by(certificate, parent).is_ok() {
                match step(parent, intermediates, roots, now, depth - 1) {
                    Ok(()) => return Ok(()),
                    Err(error) => nearest = error,
                }
            }
        }
    }
    Err(nearest)
}

fn parsed<'a>(der: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, ChainError> {
    X509Certificate::from_der(der).map(|(_, certificate)| certificate).map_err(|_| ChainError::Malformed)
}

fn valid_at(certificate: &X509Certificate<'_>, now: OffsetDateTime) -> Result<(), ChainError> {
    let validity = certificate.validity();
    let (not_before, not_after) = (validity.not_before.to_datetime(), validity.not_after.to_datetime());
    if (not_before..=not_after).contains(&now) {
        Ok(())
    } else {
        Err(ChainError::Validity(Outside { now, not_before, not_after }))
    }
}

fn signed_by(certificate: &X509Certificate<'_>, parent: &X509Certificate<'_>) -> Result<(), &'static str> {
    if !parent.is_ca() {
        return Err("x509: invalid signature: parent certificate cannot sign this kind of certificate");
    }
    certificate.verify_signature(Some(parent.public_key())).map_err(|_| match parent.public_key().parsed() {
        Ok(x509_parser::public_key::PublicKey::RSA(_)) => "crypto/rsa: verification error",
        _ => "x509: ECDSA verification failure",
    })
}

fn common_name(certificate: &X509Certificate<'_>) -> String {
    certificate.subject().iter_common_name().find_map(|name| name.as_str().ok()).unwrap_or_default().to_owned()
}

impl std::error::Error for ChainError {}

impl fmt::Display for ChainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("x509: malformed certificate"),
            Self::Validity(outside) => {
                let (side, edge) = if outside.now < outside.not_before {
                    ("before", outside.not_before)
                } else {
                    ("after", outside.not_after)
                };
                write!(
                    f,
                    "x509: certificate has expired or is not yet valid: current time {} is {side} {}",
                    rfc3339(outside.now),
                    rfc3339(edge)
                )
            }
            Self::UnknownAuthority(None) => f.write_str("x509: certificate signed by unknown authority"),
            Self::UnknownAuthority(Some(candidate)) => write!(
                f,
                "x509: certificate signed by unknown authority (possibly because of {:?} while \
                 trying to verify candidate authority certificate {:?})",
                candidate.why_not, candidate.name
            ),
        }
    }
}

fn rfc3339(at: OffsetDateTime) -> String {
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    )
}

/// A time as Go prints one: `2026-11-21 09:37:29 +0000 UTC`, with the fraction where there is one.
pub(crate) fn go_time(at: OffsetDateTime) -> String {
    let fraction = match at.nanosecond() {
        0 => String::new(),
        nanos => format!(".{nanos:09}").trim_end_matches('0').to_owned(),
    };
    let at = rfc3339(at);
    format!("{}{fraction} +0000 UTC", at.trim_end_matches('Z').replace('T', " "))
}

#[cfg(test)]
pub(crate) mod test_support {
    //! Small authorities for tests.

    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
    use rustls_pki_types::CertificateDer;
    use time::{Duration, OffsetDateTime};

    pub(crate) struct Authority {
        pub(crate) der: CertificateDer<'static>,
        pub(crate) pem: String,
        pub(crate) key: KeyPair,
    }

    fn params(name: &str, from: OffsetDateTime, lasts: Duration) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.not_before = from;
        params.not_after = from + lasts;
        params
    }

    /// An anchor that has been valid for an hour and stays so for `lasts`.
    pub(crate) fn anchor(name: &str, lasts: Duration) -> Authority {
        let key = KeyPair::generate().unwrap();
        let from = OffsetDateTime::now_utc() - Duration::hours(1);
        let certificate = params(name, from, lasts + Duration::hours(1)).self_signed(&key).unwrap();
        Authority { der: certificate.der().clone(), pem: certificate.pem(), key }
    }

    impl Authority {
        /// An issuer under this one, valid since an hour and for `lasts` from now.
        pub(crate) fn issuer(&self, name: &str, lasts: Duration) -> Authority {
            let key = KeyPair::generate().unwrap();
            let from = OffsetDateTime::now_utc() - Duration::hours(1);
            let parent = Issuer::from_ca_cert_der(&self.der, &self.key).unwrap();
            let certificate = params(name, from, lasts + Duration::hours(1)).signed_by(&key, &parent).unwrap();
            Authority { der: certificate.der().clone(), pem: certificate.pem(), key }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::test_support::anchor;
    use super::*;
    use time::Duration;

    const DAY: Duration = Duration::days(1);

    fn now() -> OffsetDateTime {
        OffsetDateTime::now_utc()
    }

    #[test]
    fn an_issuer_verifies_under_its_own_anchor_only() {
        let (old, new) = (anchor("root", DAY), anchor("root", DAY));
        let issuer = old.issuer("issuer", DAY);
        let roots = [new.der.clone(), old.der.clone()];
        assert_eq!(verify(&issuer.der, &[], &roots, now()), Ok(()));
        let error = verify(&issuer.der, &[], &roots[..1], now()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "x509: certificate signed by unknown authority (possibly because of \"x509: ECDSA \
             verification failure\" while trying to verify candidate authority certificate \"root\")"
        );
        let stranger = anchor("another", DAY);
        let error = verify(&issuer.der, &[], &[stranger.der], now()).unwrap_err();
        assert_eq!(error.to_string(), "x509: certificate signed by unknown authority");
    }

    #[test]
    fn intermediates_are_followed() {
        let root = anchor("root", DAY);
        let middle = root.issuer("middle", DAY);
        let issuer = middle.issuer("issuer", DAY);
        assert!(verify(&issuer.der, &[], std::slice::from_ref(&root.der), now()).is_err());
        assert_eq!(verify(&issuer.der, &[middle.der], &[root.der], now()), Ok(()));
    }

    #[test]
    fn an_expired_certificate_is_worded_as_in_a_recorded_event() {
        let root = anchor("root", DAY);
        let issuer = root.issuer("issuer", DAY);
        let later = now() + Duration::days(3);
        let text = verify(&issuer.der, &[], &[root.der], later).unwrap_err().to_string();
        let expected = "x509: certificate has expired or is not yet valid: current time ";
        assert!(text.starts_with(expected), "{text}");
        assert!(text.contains(" is after "), "{text}");
    }

    #[test]
    fn times_as_go_prints_them() {
        let at = OffsetDateTime::from_unix_timestamp(1_795_253_849).unwrap();
        assert_eq!(go_time(at), "2026-11-21 09:37:29 +0000 UTC");
        assert_eq!(go_time(at + Duration::milliseconds(250)), "2026-11-21 09:37:29.25 +0000 UTC");
    }
}
