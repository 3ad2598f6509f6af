//! Whether a trust bundle's text loads, asked as each of Linkerd's two readers reads PEM. They disagree: a broken block
//! stops a proxy, a blank line after the last certificate stops the identity controller.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use rustls_pki_types::{CertificateDer, pem::PemObject as _};

use super::Certificate;

/// Whether a proxy that is given this text starts. One broken block is enough that it does not; a well-formed block that
/// is no certificate is skipped (linkerd2-proxy, linkerd/meshtls/src/creds.rs, `watch`).
pub(super) fn loads_in_proxy(text: &str) -> bool {
    CertificateDer::pem_slice_iter(text.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .is_ok_and(|all| all.iter().any(|certificate| webpki::anchor_from_trusted_cert(certificate).is_ok()))
}

/// Whether the identity controller starts with this text (linkerd2, pkg/tls/codec.go, `DecodePEMCertPool`, over Go's
/// `pem.Decode`): it reads block after block until nothing is left, ends in peace at a block of another type, and fails
/// on a certificate that does not parse and on anything that follows the last block, be it a blank line.
pub(super) fn loads_in_identity(text: &str) -> bool {
    let (mut rest, mut certificates) = (text, 0);
    while !rest.is_empty() {
        let Some(block) = next_block(rest) else { return false };
        if block.label != "CERTIFICATE" {
            break;
        }
        if Certificate::parse(&block.der).is_err() {
            return false;
        }
        certificates += 1;
        rest = block.rest;
    }
    certificates > 0
}

struct Block<'a> {
    label: &'a str,
    der: Vec<u8>,
    rest: &'a str,
}

/// The first block that is whole; Go passes over whatever is not, and wants a block to begin at the start of a line.
fn next_block(text: &str) -> Option<Block<'_>> {
    const BEGIN: &str = "-----BEGIN ";
    let mut starts = text.match_indices(BEGIN).map(|(at, _)| at).peekable();
    while let Some(at) = starts.next() {
        // A block ends before the next begins: each byte is looked at once, however much garbage there is.
        let until = starts.peek().copied().unwrap_or(text.len());
        if (at == 0 || text[..at].ends_with('\n'))
            && let Some((label, der, end)) = whole_block(&text[at + BEGIN.len()..until])
        {
            // The rest of the end's own line is white space and belongs to it.
            let rest = text[at + BEGIN.len() + end..].trim_start_matches([' ', '\t']);
            let rest = rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix('\n')).unwrap_or(rest);
            return Some(Block { label, der, rest });
        }
    }
    None
}

/// Label and content of a block from behind its `BEGIN `, and where its end line's dashes end.
fn whole_block(text: &str) -> Option<(&str, Vec<u8>, usize)> {
    let (first, body) = text.split_once('\n')?;
    let label = first.trim_end().strip_suffix("-----")?;
    let ending = format!("-----END {label}-----");
    let (body, after) = body.split_once(&ending)?;
    let encoded: String = body.split_whitespace().collect();
    Some((label, BASE64.decode(encoded).ok()?, text.len() - after.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pem() -> String {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::default().self_signed(&key).unwrap();
        Certificate::parse(certificate.der()).unwrap().to_pem()
    }

    /// What Go answers to each was seen by running `pem.Decode` and `x509.ParseCertificate` in the controller's loop.
    #[test]
    fn identity_is_moved_by_what_a_proxy_is_not() {
        let c = pem();
        let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        let bad = "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n";
        let half = "-----BEGIN CERTIFICATE-----\nMIIB";
        let stranger = "-----BEGIN CERTIFICATE-----\nbm90IGEgY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n";
        let cases = [
            ("one", c.clone(), true, true),
            ("no line feed", c.trim_end().to_owned(), true, true),
            ("a blank line after", format!("{c}\n"), false, true),
            ("white space after", format!("{}  ", c.trim_end()), true, true),
            ("a comment before", format!("# hi\n{c}"), true, true),
            ("a comment after", format!("{c}# x"), false, true),
            ("blank lines between", format!("{c}\n\n{c}"), true, true),
            ("a key before", format!("{key}{c}"), false, true),
            ("a key between", format!("{c}{key}{c}"), true, true),
            ("a broken block before", format!("{bad}{c}"), true, false),
            ("a broken block after", format!("{c}{bad}"), false, false),
            ("half a block after", format!("{c}{half}"), false, false),
            ("text between", format!("{c}hello\n{c}"), true, true),
            ("no certificate inside", format!("{c}{stranger}"), false, true),
            ("a blank line of Windows after", format!("{c}\r\n"), false, true),
            ("nothing", String::new(), false, false),
        ];
        for (name, text, identity, proxy) in cases {
            assert_eq!(loads_in_identity(&text), identity, "identity: {name}");
            assert_eq!(loads_in_proxy(&text), proxy, "proxy: {name}");
        }
    }
}
