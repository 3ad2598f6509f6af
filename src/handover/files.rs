use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, zeroize::Zeroizing};

use crate::{mesh::Write, pki::Certificate};

/// Values for the chart linkerd-control-plane that say what `write` would; `None` for what follows from others.
pub(super) fn values(write: &Write) -> Option<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    match write {
        Write::TrustRoots { anchors, .. } => {
            text.push_str(&block("", "identityTrustAnchorsPEM", &pem(anchors)));
        }
        Write::Issuer { pair, .. } => {
            text.push_str("identity:\n  issuer:\n    tls:\n");
            text.push_str(&block("      ", "crtPEM", &pem(&pair.chain)));
            text.push_str(&block("      ", "keyPEM", pair.key.expose_secret()));
        }
        // The chart renders linkerd-config from the same values.
        Write::Copy { .. }
        // Never handed over.
        | Write::CaBundle { .. } | Write::Server { .. } | Write::Renewal { .. } => return None,
    }
    Some(text)
}

/// The file with this text, or the next new one: they are numbered in the order in which they are to be applied.
pub(super) fn place(folder: &Path, write: &Write, text: &str) -> PathBuf {
    let what = if matches!(write, Write::Issuer { .. }) { "issuer" } else { "trust-roots" };
    (1_u32..=u32::MAX)
        .map(|number| (number, folder.join(format!("{number}-{what}.values.yaml"))))
        .find(|(number, file)| same(file, text) || !is_taken(folder, *number))
        .map(|(_, file)| file)
        .unwrap_or_default()
}

fn same(file: &Path, text: &str) -> bool {
    std::fs::read_to_string(file).is_ok_and(|known| *Zeroizing::new(known) == *text)
}

fn is_taken(folder: &Path, number: u32) -> bool {
    ["issuer", "trust-roots"].iter().any(|what| folder.join(format!("{number}-{what}.values.yaml")).exists())
}

fn pem(certificates: &[Certificate]) -> String {
    certificates.iter().map(Certificate::to_pem).collect()
}

/// A YAML literal block.
fn block(indent: &str, key: &str, pem: &str) -> Zeroizing<String> {
    let mut text = Zeroizing::new(format!("{indent}{key}: |\n"));
    for line in pem.lines() {
        text.push_str(indent);
        text.push_str("  ");
        text.push_str(line);
        text.push('\n');
    }
    text
}
