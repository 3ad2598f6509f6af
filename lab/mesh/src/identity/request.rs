//! What a Certify request has to hold (linkerd2 pkg/identity/service.go `checkRequest`, `checkCSR`).

use rcgen::{CertificateSigningRequestParams, DnType, DnValue, SanType};
use rustls_pki_types::CertificateSigningRequestDer;

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum RequestError {
    #[error("missing {0}")]
    Missing(&'static str),
    #[error("the certificate signing request does not parse or is not signed by its key: {0}")]
    Malformed(String),
    #[error("CSR must have exactly one DNSName")]
    Names,
    #[error("CSR name does not match requested identity: csr={csr}; req={requested}")]
    Name { csr: String, requested: String },
    #[error("invalid CommonName: {0}")]
    CommonName(String),
    #[error("cannot validate {0}")]
    Other(&'static str),
}

/// Parses the request and its signature.
pub(crate) fn parse(der: &[u8]) -> Result<CertificateSigningRequestParams, RequestError> {
    if der.is_empty() {
        return Err(RequestError::Missing("certificate signing request"));
    }
    CertificateSigningRequestParams::from_der(&CertificateSigningRequestDer::from(der))
        .map_err(|error| RequestError::Malformed(error.to_string()))
}

/// The CSR asks for the identity, for it only, and for nothing else.
pub(crate) fn check(csr: &CertificateSigningRequestParams, identity: &str) -> Result<(), RequestError> {
    let mut names = Vec::new();
    for name in &csr.params.subject_alt_names {
        match name {
            SanType::DnsName(name) => names.push(name.as_str()),
            SanType::Rfc822Name(_) => return Err(RequestError::Other("email addresses")),
            SanType::IpAddress(_) => return Err(RequestError::Other("IP addresses")),
            _ => return Err(RequestError::Other("URIs")),
        }
    }
    let [name] = names[..] else {
        return Err(RequestError::Names);
    };
    if name != identity {
        return Err(RequestError::Name { csr: name.to_owned(), requested: identity.to_owned() });
    }
    match csr.params.distinguished_name.get(&DnType::CommonName) {
        None => Ok(()),
        Some(value) => match text(value) {
            common if common.is_empty() || common == identity => Ok(()),
            common => Err(RequestError::CommonName(common)),
        },
    }
}

fn text(value: &DnValue) -> String {
    match value {
        DnValue::Utf8String(text) => text.clone(),
        DnValue::PrintableString(text) => text.as_str().to_owned(),
        DnValue::Ia5String(text) => text.as_str().to_owned(),
        other => format!("{other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::certify::Request;

    #[test]
    fn a_csr_names_the_identity_and_nothing_else() {
        let csr = parse(&Request::generate("a.b").unwrap().csr).unwrap();
        assert_eq!(check(&csr, "a.b"), Ok(()));
        assert!(matches!(check(&csr, "c.b"), Err(RequestError::Name { .. })));
        let mut two = csr;
        let again = two.params.subject_alt_names[0].clone();
        two.params.subject_alt_names.push(again);
        assert_eq!(check(&two, "a.b"), Err(RequestError::Names));
    }

    #[test]
    fn garbage_is_named_as_such() {
        assert!(matches!(parse(b"garbage"), Err(RequestError::Malformed(_))));
        assert_eq!(parse(b"").err(), Some(RequestError::Missing("certificate signing request")));
    }
}
