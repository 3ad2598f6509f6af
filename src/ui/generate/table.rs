//! The answer for people.

use comfy_table::{ContentArrangement, Table, presets};

use super::{AnchorKey, Look, Made, install};
use crate::{
    findings::span,
    pki::Certificate,
    ui::{
        look::Tone,
        text::{clean, wrap},
    },
};

const HEADER: [&str; 5] = ["WHAT", "ALGORITHM", "ENDS", "LEFT", "FILE"];

pub(super) fn render(made: &Made<'_>, look: Look) -> String {
    let what = match made.anchor_key {
        AnchorKey::Brought { .. } => "Made an identity issuer under the trust anchor at hand",
        AnchorKey::Written(_) | AnchorKey::Discarded => "Made a trust anchor and an identity issuer",
    };
    let domain = made.trust_domain.domain();
    let mut out = lines(wrap("", &format!("{what}, for trust domain {domain}."), look.text_width()));
    out.push('\n');
    out += &files(made, look);
    for (label, certificate) in [("Anchor", made.anchor), ("Issuer", made.issuer)] {
        out.push('\n');
        out += &lines(wrap(&format!("{label}  "), certificate.name(), look.text_width()));
        out += &lines(wrap("        ", &format!("SHA-256 {}", certificate.fingerprint()), look.text_width()));
    }
    let ways = [
        ("Install with the linkerd CLI:", install::linkerd_commands(made)),
        ("Or with Helm:", install::helm_commands(made)),
    ];
    for (way, steps) in ways {
        out.push('\n');
        out += &lines([look.paint(Tone::Strong, way)]);
        out += &commands(steps);
    }
    for note in made.notes() {
        out.push('\n');
        out += &lines(wrap("", &note, look.text_width()));
    }
    out
}

fn files(made: &Made<'_>, look: Look) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled).set_header(HEADER);
    let certificate = |what: &str, certificate: &Certificate, file: &std::path::Path| {
        let lifetime = certificate.lifetime();
        [
            what.to_owned(),
            certificate.key().to_string(),
            lifetime.not_after.strftime("%Y-%m-%d").to_string(),
            span(lifetime.left(made.at)),
            clean(&file.display().to_string()),
        ]
    };
    let key = |place: &str| ["  its key".to_owned(), String::new(), String::new(), String::new(), clean(place)];
    table.add_row(certificate("anchor", made.anchor, made.anchor_file));
    table.add_row(match made.anchor_key {
        AnchorKey::Written(file) | AnchorKey::Brought { file, .. } => key(&file.display().to_string()),
        AnchorKey::Discarded => key("discarded"),
    });
    table.add_row(certificate("issuer", made.issuer, made.issuer_file));
    table.add_row(key(&made.issuer_key_file.display().to_string()));
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let mut rows = table.lines();
    let header = rows.next().unwrap_or_default();
    let header = look.paint(Tone::Strong, header.trim_end());
    lines(std::iter::once(header).chain(rows.map(|row| row.trim_end().to_owned())))
}

/// Commands are for copying: they are indented, not broken.
fn commands(commands: Vec<String>) -> String {
    lines(commands.into_iter().map(|command| format!("  {}", clean(&command))))
}

fn lines(lines: impl IntoIterator<Item = String>) -> String {
    lines.into_iter().map(|line| line + "\n").collect()
}
