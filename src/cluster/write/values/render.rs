use secrecy::zeroize::Zeroizing;

use super::{super::secret::Hidden, locate::Scalar};

/// The text with or without a line feed at its end, as the one had it that it replaces.
pub(super) fn ended_alike(text: &str, with_line_feed: bool) -> Hidden {
    let text = text.trim_end();
    let mut ended = String::with_capacity(text.len() + 1);
    ended.push_str(text);
    if with_line_feed {
        ended.push('\n');
    }
    Hidden::from(ended)
}

/// Writes a text in the place of another: lines below the key stay such lines, and everything else is put in double
/// quotes, which YAML and JSON read alike.
pub(super) fn push(into: &mut String, text: &str, place: &Scalar) {
    let Some(column) = place.block else {
        return into.push_str(&quoted(text));
    };
    into.push_str(if text.ends_with('\n') { "|\n" } else { "|-\n" });
    for line in text.lines() {
        into.extend(std::iter::repeat_n(' ', column + 2));
        into.push_str(line);
        into.push('\n');
    }
}

fn quoted(text: &str) -> Zeroizing<String> {
    let mut quoted = Zeroizing::new(String::with_capacity(2 * text.len() + 2));
    quoted.push('"');
    for character in text.chars() {
        match character {
            '\n' => quoted.push_str("\\n"),
            '"' | '\\' => quoted.extend(['\\', character]),
            // PEM has no others; the comparison afterwards would find them.
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}
