//! What a backup holds, and how the cluster differs from it. Nothing here knows a key.

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use comfy_table::{ContentArrangement, Table, presets};
use jiff::Timestamp;

use super::{
    Look,
    look::Tone,
    text::{fit, wrap},
};
use crate::{
    findings::{moment, span},
    pki::Certificate,
    plan::Standing,
};

/// Columns that all but the name take at most, with the gaps between them.
const BESIDE_THE_NAME: usize = 58;
/// What nobody holds.
const NONE: &str = "-";

/// A backup, and the cluster beside it.
#[derive(Debug)]
pub struct Shown<'a> {
    /// Where it is.
    pub folder: &'a Path,
    /// The control plane's namespace.
    pub namespace: &'a str,
    /// When it was taken, where that can be told.
    pub taken: Option<Timestamp>,
    /// The trust bundle.
    pub anchors: &'a [Certificate],
    /// The one of them that its issuer leads to.
    pub destination: Option<&'a Certificate>,
    /// Its issuer.
    pub issuer: Option<&'a Certificate>,
    /// What else is in it, by kind and name.
    pub others: &'a [String],
    /// Files with keys that others may read.
    pub open: &'a [PathBuf],
    /// Where the mesh stands, where it was looked at.
    pub cluster: Option<&'a Standing>,
    /// Now.
    pub at: Timestamp,
}

impl Shown<'_> {
    /// For people.
    pub fn table(&self, look: Look) -> String {
        let mut out = lines(wrap("", &self.heading(), look.text_width()));
        out.push('\n');
        out += &self.certificates(look);
        for note in self.notes() {
            out.push('\n');
            out += &lines(wrap("", &note, look.text_width()));
        }
        out
    }

    fn heading(&self) -> String {
        let taken = self.taken.map(|taken| {
            let ago = span(self.at.duration_since(taken));
            format!(", taken at {} ({ago} ago)", moment(taken))
        });
        format!(
            "Backup of the control plane in namespace {}{}: {}",
            self.namespace,
            taken.unwrap_or_default(),
            self.folder.display()
        )
    }

    /// Every anchor and issuer of both, and who holds it.
    fn certificates(&self, look: Look) -> String {
        let mut table = Table::new();
        let header = ["WHAT", "NAME", "SHA-256", "ENDS", "LEFT", "BACKUP", "CLUSTER"];
        let columns = if self.cluster.is_some() { 7 } else { 6 };
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(&header[..columns]);
        let roots = self.cluster.map_or(&[][..], |cluster| &cluster.roots);
        let issuer = self.cluster.and_then(|cluster| cluster.issuer.first());
        let newer = roots.iter().filter(|anchor| !self.anchors.contains(anchor));
        for anchor in self.anchors.iter().chain(newer) {
            let held = [held(self.anchors.contains(anchor), "bundle"), held(roots.contains(anchor), "bundle")];
            table.add_row(&self.row("anchor", anchor, held, look)[..columns]);
        }
        let newer = issuer.filter(|issuer| Some(*issuer) != self.issuer);
        for one in self.issuer.into_iter().chain(newer) {
            let held = [held(self.issuer == Some(one), "Secret"), held(issuer == Some(one), "Secret")];
            table.add_row(&self.row("issuer", one, held, look)[..columns]);
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        let mut rows = table.lines();
        let header = rows.next().unwrap_or_default();
        let header = look.paint(Tone::Strong, header.trim_end());
        lines(std::iter::once(header).chain(rows.map(|row| row.trim_end().to_owned())))
    }

    fn row(&self, what: &str, one: &Certificate, [backup, cluster]: [&str; 2], look: Look) -> [String; 7] {
        let (lifetime, room) = (one.lifetime(), look.width.saturating_sub(BESIDE_THE_NAME));
        let left = lifetime.left(self.at);
        let left = if left.is_negative() { "expired".to_owned() } else { span(left) };
        [
            what.to_owned(),
            fit(one.name(), room),
            one.fingerprint().short(),
            lifetime.not_after.strftime("%Y-%m-%d").to_string(),
            left,
            backup.to_owned(),
            cluster.to_owned(),
        ]
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some((cluster, anchor, issuer)) = self.compared() {
            let all = cluster.parties.len();
            let trusting = cluster.parties.iter().filter(|party| party.trusts(anchor)).count();
            let presenting = cluster.parties.iter().filter(|party| party.presents(issuer)).count();
            notes.push(format!(
                "Of {all} workloads with a proxy, {trusting} trust the backup's anchor and {presenting} are known to \
                 present leafs of its issuer alone."
            ));
        }
        let beside: Vec<_> = self.anchors.iter().filter(|anchor| Some(*anchor) != self.destination).collect();
        if !beside.is_empty() && self.destination.is_some() {
            let name = |one: &Certificate| format!("`{}` ({})", one.name(), one.fingerprint().short());
            let names: Vec<_> = beside.into_iter().map(name).collect();
            notes.push(format!(
                "It was taken with more than one anchor in the bundle. Its issuer is not under {}: what the cluster \
                 still has of these stays, and what it no longer has is not brought back.",
                names.join(" and ")
            ));
        }
        if !self.others.is_empty() {
            notes.push(format!(
                "Also in it, and for you to look at: {}. A rotation does not touch them, and they are not put back.",
                self.others.join(", ")
            ));
        }
        if !self.open.is_empty() {
            let files: Vec<_> = self.open.iter().map(|file| file.display().to_string()).collect();
            notes.push(format!(
                "Others than their owner can read keys in it; `chmod 700 {}` mends that: {}",
                self.folder.display(),
                files.join(", ")
            ));
        }
        notes
    }

    fn compared(&self) -> Option<(&Standing, &Certificate, &Certificate)> {
        Some((self.cluster?, self.destination?, self.issuer?))
    }
}

fn held(is: bool, how: &'static str) -> &'static str {
    if is { how } else { NONE }
}

fn lines(lines: impl IntoIterator<Item = String>) -> String {
    lines.into_iter().map(|line| line + "\n").collect()
}
