use jiff::Timestamp;

use crate::{
    event::{Answer, Event, Watch},
    execute::Stop,
    plan::Step,
    ui::{
        Ui,
        run::{self as show, Guide},
    },
};

/// Says on stderr what happens as it happens, and asks where that is wished.
pub(super) struct Told<'a> {
    ui: &'a Ui,
    begun: Timestamp,
    guide: Guide<'a>,
}

impl<'a> Told<'a> {
    pub(super) fn new(ui: &'a Ui, begun: Timestamp, guide: Guide<'a>) -> Self {
        Self { ui, begun, guide }
    }

    /// The run has ended: nothing is drawn any more.
    pub(super) fn end(&self) {
        self.guide.end();
    }
}

impl Watch for Told<'_> {
    fn notice(&mut self, at: Timestamp, event: &Event) {
        if !self.guide.has_said(event) {
            let text = show::line(event, at, self.begun, self.ui.stderr());
            text.iter().flat_map(|text| text.lines()).for_each(|line| self.ui.say(line));
        }
        self.guide.notice(event);
    }

    fn allow(&mut self, step: &Step) -> Result<Answer, Stop> {
        self.guide.allow(step)
    }
}
