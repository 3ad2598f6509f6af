//! Text that others wrote, made safe and made to fit. Widths are counted in columns of a terminal, not in characters.

use std::fmt::Write as _;

use console::measure_text_width;

/// `text` on one line and without anything that a terminal acts on: control characters become spaces, and characters
/// that change the direction of text, are invisible, or change the width of the one before them are dropped.
pub(super) fn clean(text: &str) -> String {
    text.chars().filter(|c| !is_invisible(*c)).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
}

/// JSON may hold DEL and C1 controls as they are; some terminals act on them.
pub(super) fn escape_controls(json: &str) -> String {
    json.chars().fold(String::with_capacity(json.len()), |mut out, c| {
        if c.is_control() && c != '\n' {
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
        out
    })
}

/// `text`, cleaned and broken at spaces into lines of at most `width` columns, the first of which begins with `first`
/// and the others with as many spaces.
pub(super) fn wrap(first: &str, text: &str, width: usize) -> Vec<String> {
    hang(first, &" ".repeat(measure_text_width(first)), text, width)
}

/// The same with the other lines beginning with `rest`.
pub(super) fn hang(first: &str, rest: &str, text: &str, width: usize) -> Vec<String> {
    let room = |start: &str| width.saturating_sub(measure_text_width(start)).max(1);
    let least = room(first).min(room(rest));
    let mut lines = vec![first.to_owned()];
    let mut used = 0;
    for word in words(&clean(text), least) {
        for piece in pieces(&word, least) {
            let space = usize::from(used > 0);
            let most = if lines.len() == 1 { room(first) } else { room(rest) };
            if used + space + measure_text_width(&piece) > most {
                lines.push(rest.to_owned());
                used = 0;
            } else if space > 0 {
                push(&mut lines, " ");
                used += 1;
            }
            push(&mut lines, &piece);
            used += measure_text_width(&piece);
        }
    }
    lines
}

fn push(lines: &mut [String], text: &str) {
    if let Some(line) = lines.last_mut() {
        line.push_str(text);
    }
}

/// The words of `text`. What stands in back quotes is a word where it fits a line: a command broken in two is not one.
fn words(text: &str, room: usize) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut open: Vec<&str> = Vec::new();
    for word in text.split_whitespace() {
        let quotes = word.matches('`').count() % 2 == 1;
        if open.is_empty() && !quotes {
            words.push(word.to_owned());
            continue;
        }
        let closes = quotes && !open.is_empty();
        open.push(word);
        if closes {
            let whole = open.join(" ");
            if measure_text_width(&whole) <= room {
                words.push(whole);
            } else {
                words.extend(open.iter().map(|&word| word.to_owned()));
            }
            open.clear();
        }
    }
    words.extend(open.into_iter().map(ToOwned::to_owned));
    words
}

/// A command for copying: broken only between words, and so that a shell joins it again.
pub(super) fn command(indent: &str, command: &str, width: usize) -> Vec<String> {
    let room = width.saturating_sub(measure_text_width(indent) + " \\".len());
    let command = clean(command);
    let mut lines: Vec<String> = Vec::new();
    for word in command.split_whitespace() {
        match lines.last_mut() {
            Some(line) if measure_text_width(line) + 1 + measure_text_width(word) <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(if lines.is_empty() { word.to_owned() } else { format!("  {word}") }),
        }
    }
    let last = lines.len().saturating_sub(1);
    let end = |index| if index < last { " \\" } else { "" };
    lines.iter().enumerate().map(|(index, line)| format!("{indent}{line}{}", end(index))).collect()
}

/// A word that is wider than a line, in pieces that are not.
fn pieces(word: &str, room: usize) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut used = 0;
    for c in word.chars() {
        let width = measure_text_width(c.encode_utf8(&mut [0; 4]));
        if used + width > room && used > 0 {
            pieces.push(String::new());
            used = 0;
        }
        used += width;
        if let Some(piece) = pieces.last_mut() {
            piece.push(c);
        }
    }
    pieces
}

/// `text`, cleaned and with its middle left out where it is wider than `width`: names differ at both ends.
pub(super) fn fit(text: &str, width: usize) -> String {
    let text = clean(text);
    if measure_text_width(&text) <= width {
        return text;
    }
    let room = width.saturating_sub(1);
    let head = take(text.chars(), room - room / 2);
    let tail: String = take(text.chars().rev(), room / 2).chars().rev().collect();
    format!("{head}…{tail}")
}

fn take(characters: impl Iterator<Item = char>, room: usize) -> String {
    let mut used = 0;
    characters
        .take_while(|c| {
            used += measure_text_width(c.encode_utf8(&mut [0; 4]));
            used <= room
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_that_a_terminal_acts_on_is_left() {
        assert_eq!(clean("a\u{1b}[31mb\nc\u{202e}d\u{9b}e"), "a [31mb cd e");
        assert_eq!(escape_controls("{\n \"a\u{9b}\u{7f}\"}"), "{\n \"a\\u009b\\u007f\"}");
    }

    #[test]
    fn lines_hang_under_their_beginning() {
        assert_eq!(wrap("- ", "one two three", 9), ["- one two", "  three"]);
        assert_eq!(wrap("", "", 9), [""]);
        assert_eq!(wrap("", "abcdefgh", 3), ["abc", "def", "gh"]);
    }

    #[test]
    fn commands_stay_whole_or_can_still_be_copied() {
        let step = "then `kubectl get pods -A` shows";
        assert_eq!(wrap("", step, 24), ["then", "`kubectl get pods -A`", "shows"]);
        assert_eq!(wrap("", step, 12), ["then", "`kubectl get", "pods -A`", "shows"]);
        assert_eq!(command("  ", "kubectl get pods -A", 40), ["  kubectl get pods -A"]);
        assert_eq!(command("  ", "kubectl get pods -A", 18), ["  kubectl get \\", "    pods -A"]);
    }

    #[test]
    fn both_ends_of_a_name_are_kept() {
        assert_eq!(fit("linkerd-policy-validator-k8s-tls", 20), "linkerd-po…r-k8s-tls");
        assert_eq!(fit("short", 5), "short");
    }

    proptest! {
        #[test]
        fn nothing_is_wider_than_it_may_be(text in any::<String>(), width in 4_usize..100) {
            prop_assert!(measure_text_width(&fit(&text, width)) <= width);
            for line in wrap("- ", &text, width) {
                prop_assert!(measure_text_width(&line) <= width, "{line:?}");
            }
        }
    }
}
