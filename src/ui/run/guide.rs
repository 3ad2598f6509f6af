//! Goes with an operator through a run: shows how far it is and, where that is wished, explains each step and asks.

use crate::{
    error::Error,
    event::{Answer, Event},
    execute::{Stop, Stopper},
    plan::{Step, Why},
    ui::{Ui, bar::Bar},
};

use super::{change::change, explain::explain, progress, walk::Walk};

/// Goes with an operator through a run.
#[derive(Debug)]
pub struct Guide<'a> {
    ui: &'a Ui,
    bar: Bar<'a>,
    walk: Walk,
    asks: bool,
    stopper: Stopper,
}

/// What an operator can answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    GoOn,
    Show,
    Skip,
    Stop,
}

impl<'a> Guide<'a> {
    /// A guide through a run that restarts `at_once` workloads at once; `asks`: whether it explains each step and asks
    /// before it. `stopper` is told when the operator ends the run.
    pub fn new(ui: &'a Ui, asks: bool, at_once: usize, stopper: Stopper) -> Self {
        Self { ui, bar: Bar::new(ui), walk: Walk::new(at_once), asks, stopper }
    }

    /// Whether the operator knows of this event by its question.
    pub fn has_said(&self, event: &Event) -> bool {
        self.asks && matches!(event, Event::Begun(_))
    }

    /// Takes note of an event.
    pub fn notice(&mut self, event: &Event) {
        let changed = self.walk.notice(event);
        match event {
            Event::Finished(_) => self.bar.hide(),
            // Before the first step begins there is nothing under way, and a question may be about to be asked.
            Event::Looked(_) | Event::Planned(_) => {}
            _ if changed && self.bar.is_watched() => {
                let look = self.ui.stderr();
                self.bar.show(&progress::bars(&self.walk, look), progress::present(&self.walk, look));
            }
            _ => {}
        }
    }

    /// Takes away what was drawn: the run has ended.
    pub fn end(&self) {
        self.bar.hide();
    }

    /// Explains a step and asks, where that is wished.
    ///
    /// # Errors
    /// When the operator ends the run here.
    pub fn allow(&mut self, step: &Step) -> Result<Answer, Stop> {
        if self.stopper.is_stopped() {
            return Err(Stop::Asked);
        }
        if !self.asks {
            return Ok(Answer::GoOn);
        }
        self.bar.hide();
        let look = self.ui.stderr();
        self.ui.tell(&format!("\n{}", explain(step, &self.walk, look)));
        let choices = choices(step);
        let words: Vec<&str> = choices.iter().map(|choice| word(*choice)).collect();
        loop {
            match self.ui.choose("What now", &words).map(|index| choices.get(index)) {
                Ok(Some(Choice::GoOn)) => return Ok(Answer::GoOn),
                Ok(Some(Choice::Skip)) => return Ok(Answer::Skip),
                Ok(Some(Choice::Show)) => {
                    if let Some(seen) = self.walk.seen() {
                        self.ui.tell(&format!("\n{}\n", change(step, seen, self.walk.times().at_once(), look)));
                    }
                }
                Ok(Some(Choice::Stop) | None) | Err(Error::Interrupted) => {
                    self.stopper.stop();
                    return Err(Stop::Asked);
                }
                Err(error) => return Err(Stop::Files(error.to_string())),
            }
        }
    }
}

fn choices(step: &Step) -> Vec<Choice> {
    let can_be_left_out = matches!(step, Step::Restart { why: Why::Trim, .. });
    let skip = can_be_left_out.then_some(Choice::Skip);
    [Choice::GoOn, Choice::Show].into_iter().chain(skip).chain([Choice::Stop]).collect()
}

fn word(choice: Choice) -> &'static str {
    match choice {
        Choice::GoOn => "go on",
        Choice::Show => "show the change",
        Choice::Skip => "skip: pods drop the old anchor when they are next replaced",
        Choice::Stop => "stop here",
    }
}
