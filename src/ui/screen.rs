//! What is looked at again and again: drawn over itself in a terminal, written anew where it differs elsewhere.

use std::io::{self, Write as _};

use super::{Look, text::wrap};
use crate::{cli::ColorChoice, error::Error};

/// A place on stdout for text that changes.
#[derive(Debug)]
pub struct Screen {
    terminal: Option<console::Term>,
    color: ColorChoice,
    /// How wide it was and how many lines stand there.
    drawn: Option<(usize, usize)>,
}

impl Screen {
    /// Where stdout is a terminal that can be drawn over, that is done; `redraw` is whether the text is for people.
    pub fn new(color: ColorChoice, redraw: bool) -> Self {
        let terminal = console::Term::stdout();
        let able = terminal.features().is_attended() && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        Self { terminal: (redraw && able).then_some(terminal), color, drawn: None }
    }

    /// How it takes text now: a terminal may have been resized.
    pub fn look(&self) -> Look {
        let look = Look::of(&console::Term::stdout(), self.color);
        match &self.terminal {
            // A line that the terminal breaks could not be drawn over.
            Some(terminal) => Look { width: look.width.min(usize::from(terminal.size().1)), ..look },
            None => look,
        }
    }

    /// Whether it is drawn over.
    pub fn redraws(&self) -> bool {
        self.terminal.is_some()
    }

    /// Shows `text` in place of what stands there, or below it; `lost` is why it is not newer. Returns whether anybody
    /// reads on.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn show(&mut self, text: &str, lost: Option<&str>) -> Result<bool, Error> {
        let out = match &self.terminal {
            None => text.to_owned(),
            Some(terminal) => {
                let (rows, columns) = terminal.size();
                let (rows, columns) = (usize::from(rows), usize::from(columns));
                // First, since what is taller than the terminal loses its end.
                let said =
                    lost.map(|lost| wrap("Cannot be read now: ", lost, self.look().text_width()).join("\n") + "\n\n");
                let (out, lines) = frame(&(said.unwrap_or_default() + text), self.drawn, rows, columns);
                self.drawn = Some((columns, lines));
                out
            }
        };
        let mut stdout = io::stdout().lock();
        match stdout.write_all(out.as_bytes()).and_then(|()| stdout.flush()) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(Error::Output(error)),
        }
    }
}

/// The text that draws over what stands there, in one piece so that it does not flicker, and how many lines it has. What
/// is taller than the terminal is cut: lines that have left its top cannot be drawn over.
fn frame(text: &str, drawn: Option<(usize, usize)>, rows: usize, columns: usize) -> (String, usize) {
    let most = rows.saturating_sub(1).max(2);
    let mut lines: Vec<String> = text.lines().map(ToOwned::to_owned).collect();
    if lines.len() > most {
        let more = lines.len() - most + 1;
        lines.truncate(most - 1);
        lines.push(format!("... {more} more lines"));
    }
    let mut out = match drawn {
        // Lines that a narrower terminal has broken are not where they were.
        Some((before, _)) if before != columns => "\u{1b}[H\u{1b}[2J".to_owned(),
        Some((_, 0)) | None => String::new(),
        Some((_, lines)) => format!("\u{1b}[{lines}A\r"),
    };
    for line in &lines {
        out += line;
        out += "\u{1b}[K\n";
    }
    out += "\u{1b}[J";
    (out, lines.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_drawn_over_the_one_before() {
        let (first, lines) = frame("one\ntwo\n", None, 24, 80);
        assert_eq!((first.as_str(), lines), ("one\u{1b}[K\ntwo\u{1b}[K\n\u{1b}[J", 2));
        let (second, lines) = frame("three\n", Some((80, lines)), 24, 80);
        assert_eq!((second.as_str(), lines), ("\u{1b}[2A\rthree\u{1b}[K\n\u{1b}[J", 1));
    }

    #[test]
    fn what_is_taller_than_the_terminal_is_cut_and_said_to_be() {
        let text = "x\n".repeat(30);
        let (shown, lines) = frame(&text, None, 10, 80);
        assert_eq!(lines, 9);
        assert!(shown.contains("... 22 more lines"), "{shown}");
    }

    #[test]
    fn after_a_change_of_width_everything_is_drawn_anew() {
        assert!(frame("x\n", Some((80, 5)), 24, 60).0.starts_with("\u{1b}[H\u{1b}[2J"));
    }
}
