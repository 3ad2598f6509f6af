use crate::error::Told;

use super::{
    Look,
    look::Tone,
    text::{clean, wrap},
};

/// What is wrong, what shows it, what to do next.
pub(super) fn render(told: &Told, look: Look) -> String {
    render_with("error: ", told, look)
}

/// The same with another beginning.
pub(super) fn render_with(head: &str, told: &Told, look: Look) -> String {
    // Commands in hints are for copying: they are not broken.
    let what = wrap(head, &told.what, look.text_width());
    let evidence = told.evidence.iter().flat_map(|line| wrap("  ", line, look.text_width()));
    let hints = told.hints.iter().map(|line| format!("hint: {}", clean(line)));
    let mut out = String::new();
    for line in what.into_iter().chain(evidence).chain(hints) {
        let painted = match line.split_once(": ") {
            Some(("error", rest)) => format!("{} {rest}", look.paint(Tone::Critical, "error:")),
            Some(("hint", rest)) => format!("{} {rest}", look.paint(Tone::Strong, "hint:")),
            _ => line,
        };
        out.push_str(&painted);
        out.push('\n');
    }
    out
}
