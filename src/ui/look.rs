use console::{Style, Term};

use crate::{cli::ColorChoice, findings::Severity, pki::lifetime::Stage};

/// Width of what is no terminal and says nothing of its width: a pipe, a file, a CI log.
const UNKNOWN_WIDTH: usize = 120;
/// Narrower than this nothing can be laid out; longer lines are the lesser evil.
const LEAST_WIDTH: usize = 40;
/// Wider than this, sentences are hard to read.
const MOST_TEXT_WIDTH: usize = 120;

/// How text is laid out and coloured; renderers take it as an argument and so need no terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Columns.
    pub width: usize,
    /// Whether to colour.
    pub color: bool,
}

/// What a colour stands for. Nothing is said by colour alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Good,
    Warning,
    Critical,
    Strong,
    Quiet,
}

impl Look {
    /// How `terminal` takes text, by its size and by what the environment asks for.
    pub(super) fn of(terminal: &Term, choice: ColorChoice) -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let color = match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            // https://no-color.org
            ColorChoice::Auto => {
                terminal.features().is_attended()
                    && !set("NO_COLOR")
                    && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
            }
        };
        let asked = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        let width = asked.or_else(|| terminal.size_checked().map(|(_, columns)| usize::from(columns)));
        Self { width: width.unwrap_or(UNKNOWN_WIDTH).max(LEAST_WIDTH), color }
    }

    /// Columns for sentences.
    pub(super) fn text_width(self) -> usize {
        self.width.min(MOST_TEXT_WIDTH)
    }

    pub(super) fn paint(self, tone: Tone, text: &str) -> String {
        let style = match tone {
            Tone::Good => Style::new().green().bold(),
            Tone::Warning => Style::new().yellow().bold(),
            Tone::Critical => Style::new().red().bold(),
            Tone::Strong => Style::new().bold(),
            Tone::Quiet => Style::new().dim(),
        };
        style.force_styling(self.color).apply_to(text).to_string()
    }
}

impl From<Severity> for Tone {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Info => Self::Strong,
            Severity::Warning => Self::Warning,
            Severity::Critical => Self::Critical,
        }
    }
}

impl Tone {
    /// The tone of a certificate in this stage of its life, where it deserves one.
    pub(super) fn of_stage(stage: Stage) -> Option<Self> {
        match stage {
            Stage::Fine => None,
            Stage::NearEnd => Some(Self::Warning),
            Stage::VeryNearEnd | Stage::NotYetValid | Stage::Expired => Some(Self::Critical),
        }
    }
}
