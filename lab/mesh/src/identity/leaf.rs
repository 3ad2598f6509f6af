//! Issues a proxy's leaf certificate (linkerd2 pkg/tls/ca.go).

use std::time::Duration;

use rcgen::{CertificateSigningRequestParams, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose, SerialNumber};
use rustls_pki_types::CertificateDer;
use time::OffsetDateTime;

use super::issuer::Issuer;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Validity {
    pub(crate) lifetime: Duration,
    /// How far clocks may differ: added at both ends.
    pub(crate) clock_skew: Duration,
}

#[derive(Debug)]
pub(crate) struct Leaf {
    pub(crate) der: CertificateDer<'static>,
    pub(crate) not_after: OffsetDateTime,
}

impl Leaf {
    /// SHA-256 of the certificate, in hex.
    pub(crate) fn fingerprint(&self) -> String {
        hex(ring::digest::digest(&ring::digest::SHA256, &self.der).as_ref())
    }
}

/// Bytes as lowercase hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Signs the request's name and key for the configured time, at most until the chain's first end:
/// so a proxy asks again before anything it presents has run out.
pub(crate) fn issue(
    issuer: &Issuer,
    mut request: CertificateSigningRequestParams,
    serial: u64,
    validity: Validity,
    now: OffsetDateTime,
) -> Result<Leaf, rcgen::Error> {
    let params = &mut request.params;
    params.serial_number = Some(SerialNumber::from(serial));
    params.not_before = whole_second(now - validity.clock_skew);
    let end = now + validity.lifetime + validity.clock_skew;
    params.not_after = whole_second(end).min(issuer.first_end);
    params.is_ca = IsCa::NoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    let not_after = params.not_after;
    let signer = rcgen::Issuer::from_ca_cert_der(&issuer.certificate, &issuer.key)?;
    let der = request.signed_by(&signer)?.der().clone();
    Ok(Leaf { der, not_after })
}

/// Certificates hold whole seconds; what is said of one is to match it.
fn whole_second(at: OffsetDateTime) -> OffsetDateTime {
    at.replace_nanosecond(0).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::test_support::anchor;
    use crate::proxy::certify::Request;
    use crate::proxy::creds::Roots;
    use rustls_pki_types::{CertificateSigningRequestDer, UnixTime};
    use time::Duration as Span;

    const NAME: &str = "default.emojivoto.serviceaccount.identity.linkerd.cluster.local";
    const DAY: Validity = Validity { lifetime: Duration::from_hours(24), clock_skew: Duration::from_secs(20) };

    fn request() -> CertificateSigningRequestParams {
        let request = Request::generate(NAME).unwrap();
        let der = CertificateSigningRequestDer::from(request.csr.clone());
        CertificateSigningRequestParams::from_der(&der).unwrap()
    }

    #[test]
    fn a_leaf_verifies_under_the_anchor_as_proxies_do_it() {
        let root = anchor("root", Span::days(9));
        let issuer = root.issuer("issuer", Span::days(5));
        let loaded = Issuer::from_pem(issuer.pem.as_bytes(), issuer.key.serialize_pem().as_bytes()).unwrap();
        let now = OffsetDateTime::now_utc();
        let leaf = issue(&loaded, request(), 1, DAY, now).unwrap();
        assert_eq!(leaf.not_after, whole_second(now + Span::days(1) + Span::seconds(20)));
        let chain = [leaf.der, loaded.certificate];
        let roots = Roots::from_pem(&root.pem).unwrap();
        roots.verify(&chain, NAME, UnixTime::now()).unwrap();
        assert!(roots.verify(&chain, "other.name", UnixTime::now()).is_err());
        let other = Roots::from_pem(&anchor("root", Span::days(9)).pem).unwrap();
        assert!(other.verify(&chain, NAME, UnixTime::now()).is_err());
    }

    #[test]
    fn a_leaf_ends_no_later_than_its_issuer() {
        let issuer = anchor("root", Span::days(9)).issuer("issuer", Span::hours(1));
        let loaded = Issuer::from_pem(issuer.pem.as_bytes(), issuer.key.serialize_pem().as_bytes()).unwrap();
        let leaf = issue(&loaded, request(), 1, DAY, OffsetDateTime::now_utc()).unwrap();
        assert_eq!(leaf.not_after, loaded.not_after);
    }
}
