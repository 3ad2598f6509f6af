use jiff::Timestamp;

use crate::{
    event::{Event, Watch},
    execute::Stop,
    plan::Step,
    ui::{Ui, run as show},
};

/// Says on stderr what happens as it happens.
pub(super) struct Told<'a> {
    ui: &'a Ui,
    begun: Timestamp,
}

impl<'a> Told<'a> {
    pub(super) fn new(ui: &'a Ui, begun: Timestamp) -> Self {
        Self { ui, begun }
    }
}

impl Watch for Told<'_> {
    fn notice(&mut self, at: Timestamp, event: &Event) {
        let text = show::line(event, at, self.begun, self.ui.stderr());
        text.iter().flat_map(|text| text.lines()).for_each(|line| self.ui.say(line));
    }

    fn allow(&mut self, _: &Step) -> Result<(), Stop> {
        Ok(())
    }
}
