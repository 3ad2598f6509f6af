//! A trust bundle: PEM text with some certificates, as a set.

use std::collections::BTreeSet;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde::{Deserialize, Serialize};

use super::{Certificate, Fingerprint, pem};

/// What a piece of PEM text holds. The text itself is not kept: it may hold anything, a private key included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bundle {
    /// The certificates, in the order of the text.
    pub certificates: Vec<Certificate>,
    /// What else stands in it, or does not parse.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<PemProblem>,
    /// SHA-256 of the raw text. That of the ConfigMap's text is what the injector writes to the annotation
    /// linkerd.io/trust-root-sha256; the text that it puts into a proxy's environment ends with one more line feed.
    pub text_sha256: Fingerprint,
    /// Whether a proxy that is given this text starts with it.
    pub loads: bool,
    /// Whether the identity controller starts with it.
    pub loads_in_identity: bool,
}

/// Something in PEM text that is no certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PemProblem {
    /// The line on which it begins, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";

/// More than this many problems say nothing that the first ones do not.
const MOST_PROBLEMS: usize = 20;

impl Bundle {
    /// Reads `text`, taking every certificate that can be taken.
    pub fn parse(text: &str) -> Self {
        let mut bundle = Self {
            certificates: Vec::new(),
            problems: Vec::new(),
            text_sha256: Fingerprint::of(text.as_bytes()),
            loads: pem::loads_in_proxy(text),
            loads_in_identity: pem::loads_in_identity(text),
        };
        let mut open: Option<Block<'_>> = None;
        for (number, line) in text.lines().enumerate() {
            let (number, line) = (number + 1, line.trim());
            if let Some(label) = line.strip_prefix(BEGIN) {
                if let Some(block) = open.take() {
                    bundle.problem(block.line, format!("`{BEGIN}{}` without its end", clip(block.label)));
                }
                open = Some(Block { line: number, label, body: String::new() });
            } else if line.starts_with(END) {
                match open.take() {
                    Some(block) => bundle.close(&block),
                    None => bundle.problem(number, format!("`{}` without its beginning", clip(line))),
                }
            } else if let Some(block) = &mut open {
                block.body.push_str(line);
            } else if !line.is_empty() && !line.starts_with('#') {
                bundle.problem(number, format!("text that is not PEM: `{}`", clip(line)));
            }
        }
        if let Some(block) = open {
            bundle.problem(block.line, format!("`{BEGIN}{}` without its end", clip(block.label)));
        }
        bundle
    }

    /// A bundle of the given certificates, as if read from their PEM.
    pub fn of(certificates: impl IntoIterator<Item = Certificate>) -> Self {
        let certificates: Vec<Certificate> = certificates.into_iter().collect();
        let text: String = certificates.iter().map(Certificate::to_pem).collect();
        let loads = !certificates.is_empty();
        let text_sha256 = Fingerprint::of(text.as_bytes());
        Self { certificates, problems: Vec::new(), text_sha256, loads, loads_in_identity: loads }
    }

    /// The certificates as a set of fingerprints: how bundles are compared.
    pub fn set(&self) -> BTreeSet<Fingerprint> {
        self.certificates.iter().map(Certificate::fingerprint).collect()
    }

    /// The certificates, each once, in their order.
    pub fn each_once(&self) -> Vec<Certificate> {
        let mut once: Vec<Certificate> = Vec::new();
        for certificate in &self.certificates {
            if !once.contains(certificate) {
                once.push(certificate.clone());
            }
        }
        once
    }

    /// Whether both hold the same certificates, whatever their order, number and layout.
    pub fn same_set(&self, other: &Self) -> bool {
        self.set() == other.set()
    }

    /// Whether it holds `certificate`.
    pub fn contains(&self, certificate: &Certificate) -> bool {
        self.certificates.contains(certificate)
    }

    /// Whether there is no certificate in it.
    pub fn is_empty(&self) -> bool {
        self.certificates.is_empty()
    }

    /// The first certificate: in a chain, the one that the others vouch for.
    pub fn first(&self) -> Option<&Certificate> {
        self.certificates.first()
    }

    fn close(&mut self, block: &Block<'_>) {
        let label = block.label.trim_end_matches('-');
        if label != "CERTIFICATE" {
            self.problem(block.line, format!("a block of type {}, not CERTIFICATE", clip(label)));
            return;
        }
        match BASE64.decode(&block.body) {
            Err(_) => self.problem(block.line, "a CERTIFICATE block that is not base64".to_owned()),
            Ok(der) => match Certificate::parse(&der) {
                Ok(certificate) => self.certificates.push(certificate),
                Err(error) => self.problem(block.line, error.to_string()),
            },
        }
    }

    fn problem(&mut self, line: usize, what: String) {
        if self.problems.len() < MOST_PROBLEMS {
            self.problems.push(PemProblem { line, what });
        }
    }
}

struct Block<'a> {
    line: usize,
    label: &'a str,
    body: String,
}

/// Enough of a line to recognise it, and never so much that a key on the wrong line is shown.
fn clip(line: &str) -> String {
    const MOST: usize = 24;
    let mut clipped: String = line.chars().take(MOST).filter(|c| !c.is_control()).collect();
    if line.chars().nth(MOST).is_some() {
        clipped.push('…');
    }
    clipped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anchor(name: &str) -> Certificate {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::default();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        Certificate::parse(params.self_signed(&key).unwrap().der()).unwrap()
    }

    #[test]
    fn order_layout_and_comments_do_not_matter() {
        let (one, two) = (anchor("one"), anchor("two"));
        let plain = Bundle::parse(&format!("{}{}", one.to_pem(), two.to_pem()));
        let odd = Bundle::parse(&format!("# two\n  {}\r\n\n{}", two.to_pem().replace('\n', "\r\n"), one.to_pem()));
        assert!(plain.same_set(&odd), "{odd:?}");
        assert_ne!(plain.text_sha256, odd.text_sha256);
        assert!(plain.problems.is_empty() && odd.problems.is_empty());
        assert!(plain.loads && odd.loads);
        let twice = Bundle::of([two.clone(), one.clone(), two.clone()]);
        assert!(twice.same_set(&plain));
        assert_eq!(twice.each_once(), [two, one]);
    }

    #[test]
    fn what_can_be_read_is_read_and_the_rest_is_named() {
        let good = anchor("good");
        let text = format!(
            "hello\n-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n{}-----BEGIN CERTIFICATE-----\nMIIB",
            good.to_pem()
        );
        let bundle = Bundle::parse(&text);
        let last = good.to_pem().lines().count() + 5;
        assert_eq!(bundle.certificates, [good]);
        assert_eq!(bundle.problems.iter().map(|problem| problem.line).collect::<Vec<_>>(), [1, 2, last]);
        assert!(!bundle.loads, "a proxy stops at the first broken block");
    }

    #[test]
    fn a_private_key_in_the_wrong_place_is_reported_but_not_kept() {
        let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
        let bundle = Bundle::parse(&key);
        assert_eq!(bundle.problems[0].what, "a block of type PRIVATE KEY, not CERTIFICATE");
        let body = key.lines().nth(1).unwrap();
        assert!(!serde_json::to_string(&bundle).unwrap().contains(body));
        assert!(!bundle.loads);
    }

    #[test]
    fn megabytes_of_garbage_are_a_short_answer() {
        let bundle = Bundle::parse(&"garbage \u{1b}[31m\n".repeat(700_000));
        assert_eq!(bundle.problems.len(), MOST_PROBLEMS);
        assert!(!bundle.problems[0].what.contains('\u{1b}'));
        assert!(bundle.is_empty() && !bundle.loads);
    }

    #[test]
    fn survives_a_snapshot() {
        let bundle = Bundle::of([anchor("kept")]);
        let json = serde_json::to_string(&bundle).unwrap();
        assert_eq!(serde_json::from_str::<Bundle>(&json).unwrap(), bundle);
    }
}
