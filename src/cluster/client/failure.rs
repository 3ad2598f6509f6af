//! What a failed request means, by what lies beneath the error.

use std::{error::Error as StdError, io};

use kube::client::AuthError;
use rustls::CertificateError;

use crate::cluster::error::Error;

/// Where a request went to.
#[derive(Clone, Debug)]
pub(super) struct Destination {
    /// The context, where there is one.
    pub(super) context: Option<String>,
    /// The API server's address.
    pub(super) server: String,
    /// The program that gives the credentials, where one does.
    pub(super) plugin: Option<String>,
}

impl Destination {
    /// Tells the causes apart.
    pub(super) fn explain(&self, error: &kube::Error) -> Error {
        match error {
            kube::Error::Api(status) if status.code == 401 => self.unauthorized(&status.message),
            kube::Error::Api(status) => self.unreachable(&format!("{} (HTTP {})", status.message, status.code)),
            kube::Error::Auth(error) => self.no_credentials(self.credentials(error)),
            kube::Error::InferKubeconfig(error) => self.no_credentials(error.to_string()),
            kube::Error::RustlsTls(error) => self.unusable(error.to_string()),
            kube::Error::ProxyProtocolDisabled { proxy_url, .. }
            | kube::Error::ProxyProtocolUnsupported { proxy_url } => {
                let scheme = proxy_url.scheme_str().unwrap_or("no scheme");
                self.unusable(format!("its proxy-url (or HTTPS_PROXY) has the scheme {scheme}, which is not supported"))
            }
            other => self.explain_transport(other),
        }
    }

    /// Tells the causes of a broken connection apart.
    pub(super) fn explain_transport(&self, error: &(dyn StdError + 'static)) -> Error {
        let causes: Vec<_> = causes(error).collect();
        if let Some(error) = causes.iter().find_map(|cause| cause.downcast_ref::<AuthError>()) {
            return self.no_credentials(self.credentials(error));
        }
        if let Some(error) = causes.iter().find_map(|cause| cause.downcast_ref::<rustls::Error>()) {
            return self.explain_tls(error);
        }
        match causes.iter().find_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind) {
            Some(io::ErrorKind::TimedOut) => self.unreachable("no answer in time"),
            Some(io::ErrorKind::UnexpectedEof) => self.unreachable("it hung up in the middle of an answer"),
            _ => self.unreachable(&causes.last().map_or_else(|| error.to_string(), ToString::to_string)),
        }
    }

    fn explain_tls(&self, error: &rustls::Error) -> Error {
        use CertificateError as Certificate;
        let reason = match error {
            rustls::Error::InvalidCertificate(Certificate::UnknownIssuer | Certificate::BadSignature) => {
                "its certificate is signed by an authority that the kubeconfig does not trust".to_owned()
            }
            rustls::Error::InvalidCertificate(Certificate::Expired | Certificate::ExpiredContext { .. }) => {
                "its certificate has expired, or this machine's clock is wrong".to_owned()
            }
            rustls::Error::InvalidCertificate(Certificate::NotValidYet | Certificate::NotValidYetContext { .. }) => {
                "its certificate is not valid yet, or this machine's clock is wrong".to_owned()
            }
            rustls::Error::InvalidCertificate(error) => certificate(error),
            rustls::Error::InvalidMessage(_) => "it does not speak TLS".to_owned(),
            // The server's word on a client certificate comes as an alert.
            rustls::Error::AlertReceived(alert) => {
                return self.unauthorized(&format!("it ended the TLS handshake with {alert:?}"));
            }
            other => other.to_string(),
        };
        Error::Untrusted { context: self.context.clone(), reason: format!("{}: {reason}", self.server) }
    }

    pub(super) fn unreachable(&self, reason: &str) -> Error {
        Error::Unreachable { context: self.context.clone(), reason: format!("{}: {reason}", self.server) }
    }

    pub(super) fn unauthorized(&self, reason: &str) -> Error {
        let reason = if reason.is_empty() { "Unauthorized" } else { reason };
        Error::Unauthorized { context: self.context.clone(), reason: format!("{}: {reason}", self.server) }
    }

    pub(super) fn unusable(&self, reason: String) -> Error {
        Error::UnusableContext { context: self.context.clone(), reason }
    }

    fn no_credentials(&self, reason: String) -> Error {
        Error::NoCredentials { context: self.context.clone(), reason }
    }

    /// A plugin's output is left out: it may hold a token.
    fn credentials(&self, error: &AuthError) -> String {
        let plugin = self.plugin.as_deref().unwrap_or("unknown");
        match error {
            AuthError::AuthExecRun { out, .. } => format!("the credential plugin `{plugin}` failed ({})", out.status),
            AuthError::AuthExecStart(error) => format!("the credential plugin `{plugin}` cannot be started: {error}"),
            AuthError::AuthExecParse(_) => format!("what the credential plugin `{plugin}` says is no ExecCredential"),
            other => other.to_string(),
        }
    }
}

/// What is wrong with a certificate that is neither of another authority nor of another time.
fn certificate(error: &CertificateError) -> String {
    const MOST: usize = 3;
    match error {
        CertificateError::NotValidForNameContext { expected, presented } => {
            let mut names = presented.iter().take(MOST).cloned().collect::<Vec<_>>().join(", ");
            if presented.len() > MOST {
                names.push_str(", ...");
            }
            format!("its certificate is not for `{}` but for {names}", expected.to_str())
        }
        CertificateError::Other(other) => format!("its certificate is refused: {}", other.0),
        other => format!("its certificate is refused: {other}"),
    }
}

/// The error and all that lies beneath it. An `io::Error` leaves out what it wraps, so that is put in.
fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped as &(dyn StdError + 'static)),
        None => error.source(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(error: &kube::Error) -> Error {
        let plugin = Some("log-in".to_owned());
        Destination { context: Some("prod".to_owned()), server: "https://there".to_owned(), plugin }.explain(error)
    }

    #[test]
    fn what_an_io_error_wraps_is_found() {
        let tls = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let wrapped = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, tls));
        let error = explained(&kube::Error::Service(Box::new(wrapped)));
        assert!(matches!(&error, Error::Untrusted { reason, .. } if reason.contains("does not trust")), "{error}");
    }

    #[test]
    fn the_deepest_cause_is_told() {
        let refused = io::Error::new(io::ErrorKind::ConnectionRefused, "connection refused");
        let error = explained(&kube::Error::Service(Box::new(refused)));
        assert!(matches!(&error, Error::Unreachable { reason, .. } if reason == "https://there: connection refused"));
    }

    #[test]
    fn a_certificate_for_many_other_names_is_told_in_few_words() {
        let expected = rustls_pki_types::ServerName::try_from("there").unwrap();
        let presented = (0..20).map(|number| format!("n{number}")).collect();
        let error = CertificateError::NotValidForNameContext { expected, presented };
        assert_eq!(certificate(&error), "its certificate is not for `there` but for n0, n1, n2, ...");
    }

    #[test]
    fn a_plugin_is_named_and_not_quoted() {
        let out = std::process::Command::new("sh").args(["-c", "echo t0k3n; exit 3"]).output().unwrap();
        let error = AuthError::AuthExecRun { cmd: "t0k3n".to_owned(), out: Box::new(out) };
        let text = explained(&kube::Error::Auth(error)).to_string();
        assert!(text.contains("`log-in` failed (exit status: 3)") && !text.contains("t0k3n"), "{text}");
    }

    #[test]
    fn a_refused_token_is_not_an_absent_server() {
        let status = kube::core::Status { code: 401, ..kube::core::Status::default() };
        assert!(matches!(explained(&kube::Error::Api(Box::new(status))), Error::Unauthorized { .. }));
    }
}
