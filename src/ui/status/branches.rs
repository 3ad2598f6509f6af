//! Draws a tree of lines.

use crate::ui::{Look, look::Tone, text::hang};

/// A node with what stands below it.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// What the node is.
    pub(super) text: String,
    /// The beginning of that text, and how it is painted.
    pub(super) painted: Option<(String, Tone)>,
    /// What more there is to it, each beginning a line of its own.
    pub(super) details: Vec<Detail>,
    /// What stands below it.
    pub(super) children: Vec<Node>,
}

/// A line below a node.
#[derive(Debug)]
pub(super) struct Detail {
    /// The line.
    pub(super) text: String,
    /// How it is painted.
    pub(super) tone: Option<Tone>,
}

impl Node {
    /// A node that is nothing but a line.
    pub(super) fn line(text: String) -> Self {
        Self { text, ..Self::default() }
    }

    /// Adds a line.
    pub(super) fn with(mut self, text: String, tone: Option<Tone>) -> Self {
        self.details.push(Detail { text, tone });
        self
    }
}

/// The trees, with an empty line between two of them.
pub(super) fn draw(roots: &[Node], look: Look) -> String {
    let one = |root: &Node| {
        let mut out = String::new();
        node(root, ("", ""), look, &mut out);
        out
    };
    roots.iter().map(one).collect::<Vec<_>>().join("\n")
}

/// `first` is what stands left of the node's line, `below` left of everything under it.
fn node(of: &Node, (first, below): (&str, &str), look: Look, out: &mut String) {
    let under = format!("{below}{}", if of.children.is_empty() { "  " } else { "│ " });
    let lines = hang(first, &under, &of.text, look.text_width());
    push(&lines, of.painted.as_ref().map(|(text, tone)| (text.as_str(), *tone)), look, out);
    for detail in &of.details {
        let lines = hang(&under, &under, &detail.text, look.text_width());
        for line in &lines {
            let text = line.strip_prefix(&under).unwrap_or_default();
            push(std::slice::from_ref(line), detail.tone.map(|tone| (text, tone)), look, out);
        }
    }
    let last = of.children.len().saturating_sub(1);
    for (index, child) in of.children.iter().enumerate() {
        let (branch, rest) = if index == last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        node(child, (&format!("{below}{branch}"), &format!("{below}{rest}")), look, out);
    }
}

/// Adds lines, with `painted` in its tone where it was not broken.
fn push(lines: &[String], painted: Option<(&str, Tone)>, look: Look, out: &mut String) {
    for line in lines {
        let line = line.trim_end();
        *out += &match painted {
            Some((text, tone)) if !text.is_empty() => line.replacen(text, &look.paint(tone, text), 1),
            _ => line.to_owned(),
        };
        out.push('\n');
    }
}
