//! The table of certificates.

use comfy_table::{ContentArrangement, Table, presets};
use console::measure_text_width;

use crate::{
    findings::{moment, span},
    inventory::{CertificateRow, Role, SourceRow},
    pki::lifetime::Stage,
};

use super::{Answer, Detail, Look, heading::owner_name};
use crate::ui::{
    look::Tone,
    text::{clean, fit, wrap},
};

const HEADER: [&str; 6] = ["WHAT", "WHERE", "OWNER", "ALGORITHM", "ENDS", "LEFT"];
const WHERE: usize = 1;
const GAP: usize = 2;
/// However little room there is, this much of a name is shown.
const LEAST_NAME: usize = 8;
/// With this many columns all of the table is shown.
const FULL_WIDTH: usize = 80;
/// With fewer, a name has this much room before another column may have any.
const FAIR_NAME: usize = 20;
/// What gives way then, the first one first: what is the same in most rows before what an operator came to see.
const DISPENSABLE: [usize; 3] = [3, 2, 4];

pub(super) fn render(answer: &Answer<'_>, look: Look, detail: Detail) -> String {
    let seen = answer.certificates.iter().map(|row| row_cells(answer, row, detail));
    let mut cells: Vec<[String; 6]> = seen.chain(answer.sources.iter().filter_map(hidden_cells)).collect();
    if cells.is_empty() {
        return "No certificate was seen.\n".to_owned();
    }
    let columns = make_room(&mut cells, look.width);
    let lines = lay_out(&cells, &columns);
    let mut lines = lines.iter().map(|line| line.trim_end());
    let header = lines.next().unwrap_or_default();
    let mut out = look.paint(Tone::Strong, header) + "\n";
    let indent = header.find(HEADER[WHERE]).unwrap_or(GAP);
    for row in &answer.certificates {
        let line = lines.next().unwrap_or_default();
        let tone = Tone::of_stage(row.certificate.lifetime().stage(answer.report.at, &answer.thresholds));
        out += &tone.map_or_else(|| line.to_owned(), |tone| look.paint(tone, line));
        out.push('\n');
        if detail == Detail::All {
            for line in details(answer, row, &columns, indent, look) {
                out += &look.paint(Tone::Quiet, &line);
                out.push('\n');
            }
        }
    }
    for line in lines {
        out += &look.paint(Tone::Warning, line);
        out.push('\n');
    }
    out
}

/// What cannot be seen has its row too; LC-S05 says why.
fn hidden_cells(source: &SourceRow) -> Option<[String; 6]> {
    let role = source.role.filter(|_| source.is_hidden())?;
    let (_, name) = source.name.rsplit_once('/').unwrap_or_default();
    let unknown = || "-".to_owned();
    Some([role.to_string(), clean(name), unknown(), source.state.to_string(), unknown(), "unknown".to_owned()])
}

fn row_cells(answer: &Answer<'_>, row: &CertificateRow, detail: Detail) -> [String; 6] {
    let lifetime = row.certificate.lifetime();
    let what = if row.count > 1 { format!("{} {}s", row.count, row.role) } else { row.role.to_string() };
    let place = match row.places.first() {
        Some(place) => place.short(&answer.snapshot.namespace),
        None => format!("{} proxies", row.pods),
    };
    let owner = match row.owners.first() {
        Some(owner) => owner_name(owner),
        None if row.role == Role::Leaf => "identity",
        None => "-",
    };
    let ends = match detail {
        Detail::Rows => lifetime.not_after.strftime("%Y-%m-%d").to_string(),
        Detail::All => moment(lifetime.not_after),
    };
    let left = match lifetime.stage(answer.report.at, &answer.thresholds) {
        Stage::Expired => format!("{} ago", span(lifetime.left(answer.report.at))),
        Stage::NotYetValid => "not yet".to_owned(),
        Stage::Fine | Stage::NearEnd | Stage::VeryNearEnd => span(lifetime.left(answer.report.at)),
    };
    [what, clean(&place), owner.to_owned(), fit(&row.certificate.key().to_string(), 14), ends, left]
}

/// Leaves out columns and shortens what says where, so that a row stays a row; answers which columns are left.
fn make_room(cells: &mut [[String; 6]], width: usize) -> Vec<usize> {
    let widest = |column: usize| {
        let cells = cells.iter().map(|row| measure_text_width(&row[column]));
        cells.chain([HEADER[column].len()]).max().unwrap_or_default()
    };
    let room = |columns: &[usize]| {
        let others: usize = columns.iter().filter(|column| **column != WHERE).map(|column| widest(*column)).sum();
        width.saturating_sub(others + GAP * (columns.len() - 1))
    };
    let wanted = if width < FULL_WIDTH { FAIR_NAME.min(widest(WHERE)) } else { 0 };
    let mut columns: Vec<usize> = (0..HEADER.len()).collect();
    for dispensable in DISPENSABLE {
        if room(&columns) < wanted {
            columns.retain(|column| *column != dispensable);
        }
    }
    let room = room(&columns).max(LEAST_NAME);
    for row in cells {
        row[WHERE] = fit(&row[WHERE], room);
    }
    columns
}

fn lay_out(cells: &[[String; 6]], columns: &[usize]) -> Vec<String> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(columns.iter().map(|column| HEADER[*column]));
    for row in cells {
        table.add_row(columns.iter().map(|column| row[*column].as_str()));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, u16::try_from(GAP).unwrap_or_default()));
    }
    table.lines().collect()
}

fn details(answer: &Answer<'_>, row: &CertificateRow, columns: &[usize], indent: usize, look: Look) -> Vec<String> {
    let certificate = &row.certificate;
    let lifetime = certificate.lifetime();
    let used = lifetime.share_used(answer.report.at);
    let home = &answer.snapshot.namespace;
    let mut facts = vec![
        format!("{} {:.0} % of {}", bar(used), used * 100.0, span(lifetime.whole())),
        certificate.subject().to_owned(),
        format!("fingerprint {}; serial {}", certificate.fingerprint().short(), certificate.serial()),
    ];
    // What had no room in the row.
    let cells = row_cells(answer, row, Detail::All);
    let left_out = DISPENSABLE.iter().filter(|column| !columns.contains(column));
    let left_out: Vec<_> =
        left_out.map(|&column| format!("{} {}", HEADER[column].to_lowercase(), cells[column])).collect();
    if !left_out.is_empty() {
        facts.push(left_out.join("; "));
    }
    let places: Vec<String> = row.places.iter().map(ToString::to_string).collect();
    if !places.is_empty() {
        facts.push(format!("in {}", places.join(", ")));
    }
    match (row.role, row.pods) {
        (_, 0) | (Role::Leaf, _) => {}
        (Role::Anchor, pods) => facts.push(format!("loaded by {pods} proxies of {home}")),
        (_, pods) => facts.push(format!("presented by {pods} proxies")),
    }
    let indent = " ".repeat(indent);
    facts.iter().flat_map(|fact| wrap(&indent, fact, look.text_width())).collect()
}

/// A share of one as ten blocks.
fn bar(share: f64) -> String {
    const BLOCKS: u8 = 10;
    (0..BLOCKS).map(|block| if f64::from(block) + 0.5 <= share * f64::from(BLOCKS) { '█' } else { '░' }).collect()
}
