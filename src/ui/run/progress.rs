//! How far a run is, in a few lines that are drawn again and again.

use std::fmt::Write as _;

use crate::{
    event::Looked,
    plan::{Goal, PartyReach},
    ui::{Look, text::fit},
};

use super::{explain::short, step::brief, walk::Walk};

/// More namespaces than this are folded.
const MOST_NAMESPACES: usize = 6;
/// Columns of a namespace's name.
const MOST_NAME: usize = 24;
/// Columns of a bar.
const MOST_BAR: usize = 14;

/// Some proxies, and how many of them are there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Part {
    name: String,
    all: u32,
    first: u32,
    moved: u32,
}

/// The target, and a line of bars for the mesh and for each of its namespaces.
pub(super) fn bars(walk: &Walk, look: Look) -> Vec<String> {
    let Some(seen) = walk.seen().filter(|seen| seen.reach.goal != Goal::Webhooks) else { return Vec::new() };
    // The terminal's last column stays free: some break the line there.
    let width = look.text_width() - 1;
    let parts = parts(seen, walk.is_trimming());
    let has_first = seen.reach.goal != Goal::Issuer;
    let columns = if has_first { 2 } else { 1 };
    let name = parts.iter().map(|part| console::measure_text_width(&part.name)).max().unwrap_or(0).min(MOST_NAME);
    let digits = parts.iter().map(|part| part.all.to_string().len()).max().unwrap_or(1);
    // A space before the count, which has a stroke in its middle, and two before a column.
    let count = 1 + 2 * digits + 1;
    let room = width.saturating_sub(name + columns * (2 + count)) / columns;
    let bar = room.min(MOST_BAR);
    let column = bar + count;
    let mut lines = vec![fit(&target(seen), width)];
    let mut heads = format!("{:name$}", "");
    if has_first {
        let _ = write!(heads, "  {:<column$}", fit(head(walk), column));
    }
    let _ = write!(heads, "  {}", fit("leafs moved", column));
    lines.push(heads);
    for part in &parts {
        let cell = |there: u32| format!("  {} {there:>digits$}/{:<digits$}", drawn(there, part.all, bar), part.all);
        let label = fit(&part.name, name);
        let pad = " ".repeat(name.saturating_sub(console::measure_text_width(&label)));
        let first = if has_first { cell(part.first) } else { String::new() };
        lines.push(format!("{label}{pad}{first}{}", cell(part.moved)).trim_end().to_owned());
    }
    lines
}

/// The present step, and how long the whole still takes.
pub(super) fn present(walk: &Walk, look: Look) -> String {
    let (number, of) = walk.place();
    let left = walk.left().map_or_else(String::new, |left| format!(", about {} left", short(left)));
    let what = walk.present().map_or_else(String::new, |step| brief(step, walk.restarted()));
    let within = walk.namespace().map_or_else(String::new, |namespace| format!(" (at {namespace})"));
    // Before it stands a spinner and a space.
    fit(&format!("step {number} of {of}: {what}{within}{left}"), look.text_width().saturating_sub(3))
}

/// How far the whole mesh is, in a few words.
pub(super) fn sentence(walk: &Walk) -> Option<String> {
    let seen = walk.seen().filter(|seen| seen.reach.goal != Goal::Webhooks)?;
    let whole = parts(seen, walk.is_trimming()).into_iter().next()?;
    let first = match seen.reach.goal {
        Goal::Anchor | Goal::Back | Goal::Recover => format!("{} {}/{}, ", head(walk), whole.first, whole.all),
        Goal::Issuer | Goal::Webhooks => String::new(),
    };
    Some(format!("{first}leafs moved {}/{}", whole.moved, whole.all))
}

fn head(walk: &Walk) -> &'static str {
    if walk.is_trimming() { "old anchor gone" } else { "bundles loaded" }
}

fn target(seen: &Looked) -> String {
    let (what, certificate) = match seen.reach.goal {
        Goal::Anchor | Goal::Back | Goal::Recover => ("to anchor", &seen.reach.anchor),
        Goal::Issuer | Goal::Webhooks => ("to issuer", &seen.reach.issuer),
    };
    certificate
        .as_ref()
        .map_or_else(String::new, |one| format!("{what} `{}` ({})", one.name(), one.fingerprint().short()))
}

/// The whole mesh, then its namespaces, where there is more than one.
fn parts(seen: &Looked, trims: bool) -> Vec<Part> {
    let mut whole = Part { name: "whole mesh".to_owned(), ..Part::default() };
    let mut each: Vec<Part> = Vec::new();
    for party in &seen.reach.parties {
        whole.add(party, trims);
        let name = format!("  {}", party.who.namespace);
        if let Some(part) = each.iter_mut().find(|part| part.name == name) {
            part.add(party, trims);
        } else {
            let mut part = Part { name, ..Part::default() };
            part.add(party, trims);
            each.push(part);
        }
    }
    // By what does not change from one look to the next, so that no line jumps.
    each.sort_by(|one, other| other.all.cmp(&one.all).then_with(|| one.name.cmp(&other.name)));
    if each.len() > MOST_NAMESPACES {
        let folded = each.split_off(MOST_NAMESPACES - 1);
        let mut rest = Part { name: format!("  {} more", folded.len()), ..Part::default() };
        for part in &folded {
            (rest.all, rest.first, rest.moved) =
                (rest.all + part.all, rest.first + part.first, rest.moved + part.moved);
        }
        each.push(rest);
    }
    let each = if each.len() > 1 { each } else { Vec::new() };
    [whole].into_iter().chain(each).collect()
}

impl Part {
    fn add(&mut self, party: &PartyReach, trims: bool) {
        let is_there = |there: bool| if there { party.pods } else { 0 };
        self.all += party.pods;
        self.first += is_there(if trims { party.trimmed } else { party.loaded });
        self.moved += is_there(party.moved);
    }
}

/// A bar that is full only where all are there, and empty only where none is.
fn drawn(there: u32, all: u32, width: usize) -> String {
    let width_32 = u32::try_from(width).unwrap_or(u32::MAX);
    let full = (u64::from(there) * u64::from(width_32)).checked_div(u64::from(all)).unwrap_or(u64::from(width_32));
    let full = usize::try_from(full).unwrap_or(width);
    let full = if there > 0 { full.max(1.min(width)) } else { full };
    format!("{}{}", "█".repeat(full), "░".repeat(width.saturating_sub(full)))
}
