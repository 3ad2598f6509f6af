//! Everything a person or a script sees. Nothing else prints: stdout takes data, stderr takes errors and progress.

#![expect(clippy::print_stderr, reason = "the one place that writes to the terminal")]

mod bar;
pub mod check;
mod document;
mod error;
pub mod generate;
mod look;
mod prompt;
pub mod recover;
pub mod restore;
pub mod run;
mod screen;
pub mod status;
mod text;
pub mod webhooks;

use std::{
    io::{self, IsTerminal as _, Write as _},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use tracing_subscriber::EnvFilter;

use crate::{
    cli::{ColorChoice, GlobalArgs},
    error::Error,
    execute::Stop,
};

pub use look::Look;
pub use screen::Screen;

/// The terminal, or whatever stands in its place.
#[derive(Debug)]
pub struct Ui {
    stdout: Look,
    stderr: Look,
    color: ColorChoice,
    verbose: u8,
    /// What is drawn again and again at the bottom of the terminal. Whatever else is written goes above it.
    bar: Mutex<Option<ProgressBar>>,
}

/// Something is under way; told for as long as this lives.
#[derive(Debug)]
pub struct Progress(Option<ProgressBar>);

impl Ui {
    /// Looks at what stdout and stderr are.
    pub fn new(arguments: &GlobalArgs) -> Self {
        Self {
            stdout: Look::of(&console::Term::stdout(), arguments.color),
            stderr: Look::of(&console::Term::stderr(), arguments.color),
            color: arguments.color,
            verbose: arguments.verbose,
            bar: Mutex::default(),
        }
    }

    fn bar(&self) -> MutexGuard<'_, Option<ProgressBar>> {
        self.bar.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes or asks something with the bar out of the way.
    fn aside<R>(&self, write: impl FnOnce() -> R) -> R {
        let bar = self.bar().clone();
        match bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// How stdout takes text.
    pub fn stdout(&self) -> Look {
        self.stdout
    }

    /// How stderr takes text.
    pub fn stderr(&self) -> Look {
        self.stderr
    }

    /// A place on stdout for what is looked at again and again; `redraw` is whether it is drawn over where it can be.
    pub fn screen(&self, redraw: bool) -> Screen {
        Screen::new(self.color, redraw)
    }

    /// Starts the log: nothing at all unless it was asked for.
    pub fn log(&self) {
        let filter = match self.verbose {
            0 => return,
            1 => "linkerd_certs=info",
            // Requests by method and URL; what else kube logs may quote an answer's body, which can be a Secret's.
            _ => "linkerd_certs=debug,kube_client::client::builder=debug",
        };
        // A second start in one process keeps the first log.
        let _ = tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new(filter))
            .with_writer(io::stderr)
            .with_ansi(self.stderr.color)
            .without_time()
            .try_init();
    }

    /// Writes an answer to stdout. A reader that has gone away has seen enough.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn data(&self, text: &str) -> Result<(), Error> {
        let written = self.aside(|| {
            let mut stdout = io::stdout().lock();
            stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush())
        });
        match written {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::Output(error)),
            _ => Ok(()),
        }
    }

    /// Writes a document to stdout as JSON.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn json(&self, document: &impl Serialize) -> Result<(), Error> {
        self.data(&json(document)?)
    }

    /// Writes a document to stdout as YAML.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn yaml(&self, document: &impl Serialize) -> Result<(), Error> {
        self.data(&yaml(document)?)
    }

    /// Says on stderr why there is no answer.
    pub fn error(&self, error: &Error) {
        self.tell(&error::render(&error.tell(), self.stderr));
    }

    /// Says one line on stderr.
    pub fn say(&self, line: &str) {
        self.tell(&(text::clean(line) + "\n"));
    }

    /// Says on stderr why a run ended before its goal, where there is nothing to undo.
    pub fn stopped(&self, stop: &Stop) {
        self.stopped_with(stop, run::Undo::Nothing);
    }

    /// Says on stderr why a run ended before its goal, and how to go back.
    pub fn stopped_with(&self, stop: &Stop, undo: run::Undo<'_>) {
        let told = run::stopped(stop, undo);
        // Who asked for it made no error.
        let head = if matches!(stop, Stop::Asked) { "" } else { "error: " };
        self.tell(&error::render_with(head, &told, self.stderr));
    }

    /// Says lines on stderr that were made safe and made to fit.
    fn tell(&self, lines: &str) {
        self.aside(|| eprint!("{lines}"));
    }

    /// Says on stderr that `what` is under way, where somebody watches and the log does not say so already.
    pub fn progress(&self, what: &'static str) -> Progress {
        if self.verbose > 0 || !io::stderr().is_terminal() {
            return Progress(None);
        }
        let spinner = ProgressBar::new_spinner().with_message(what);
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
            spinner.set_style(style);
        }
        spinner.enable_steady_tick(Duration::from_millis(100));
        Progress(Some(spinner))
    }
}

/// A document as JSON, with a final line feed.
///
/// # Errors
/// When it cannot be written so.
pub fn json(document: &impl Serialize) -> Result<String, Error> {
    let json = serde_json::to_string_pretty(document).map_err(|error| Error::Output(error.into()))?;
    Ok(text::escape_controls(&json) + "\n")
}

/// A document as YAML.
///
/// # Errors
/// When it cannot be written so.
pub fn yaml(document: &impl Serialize) -> Result<String, Error> {
    serde_yaml_ng::to_string(document).map_err(|error| Error::Output(io::Error::other(error)))
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(spinner) = self.0.take() {
            spinner.finish_and_clear();
        }
    }
}
