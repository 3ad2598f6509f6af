//! Lines at the bottom of the terminal that are drawn again and again while a run goes.

use std::{
    io::{self, IsTerminal as _},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};

use super::Ui;

/// Some lines that are drawn again and again, and one with a spinner under them. Nothing where nobody watches.
#[derive(Debug)]
pub(super) struct Bar<'a> {
    ui: &'a Ui,
    watched: bool,
}

impl<'a> Bar<'a> {
    /// Draws on stderr, where that is a terminal and the log does not say all there is to say.
    pub(super) fn new(ui: &'a Ui) -> Self {
        Self { ui, watched: ui.verbose == 0 && io::stderr().is_terminal() }
    }

    /// Whether anybody watches.
    pub(super) fn is_watched(&self) -> bool {
        self.watched
    }

    /// Draws `lines`, and `present` beside the spinner.
    pub(super) fn show(&self, lines: &[String], present: String) {
        if !self.watched {
            return;
        }
        let lines = lines.iter().fold(String::new(), |all, line| all + line + "\n");
        let known = self.ui.bar().clone();
        match known {
            Some(bar) => {
                bar.set_message(present);
                bar.set_prefix(lines);
            }
            None => *self.ui.bar() = Some(spinner(lines, present)),
        }
    }

    /// Takes them away: what was said above them stays.
    pub(super) fn hide(&self) {
        let bar = self.ui.bar().take();
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Bar<'_> {
    fn drop(&mut self) {
        self.hide();
    }
}

fn spinner(lines: String, present: String) -> ProgressBar {
    let bar = ProgressBar::new_spinner().with_prefix(lines).with_message(present);
    if let Ok(style) = ProgressStyle::with_template("{prefix}{spinner} {msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}
