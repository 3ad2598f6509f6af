//! What a person sees of a plan and of a run: plain lines, one for each thing that happens.

mod change;
mod dry_run;
mod due;
mod explain;
mod guide;
mod linked;
mod progress;
mod refusal;
mod selection;
mod step;
#[cfg(test)]
mod tests;
mod times;
mod walk;
mod webhook;

use jiff::Timestamp;

use crate::{event::Event, plan::Outlook};

use super::{Look, text::wrap};

pub use dry_run::verified;
pub use due::{due, due_sentence};
pub use guide::Guide;
pub use refusal::{Undo, commands, obstacle, stopped, undo};
pub use selection::selection;
pub use step::title;

/// More workloads than this that are waited for are counted in a line.
const MOST_HELD: usize = 5;

/// The whole plan, a line for each step.
pub fn plan(outlook: &Outlook, look: Look) -> String {
    let mut out = String::new();
    for taken in 0..=outlook.steps.len() {
        let waits = outlook.waits.iter().filter(|wait| wait.after == taken);
        let waits = waits.map(|wait| (String::new(), step::stage_of_wait(wait), step::wait(wait)));
        let step = outlook.steps.get(taken);
        let step = step.map(|step| ((taken + 1).to_string(), step::stage(step), title(step)));
        for (number, stage, text) in waits.chain(step) {
            for line in wrap(&format!("{number:>4}  {stage:<8}"), &text, look.text_width()) {
                out += &line;
                out.push('\n');
            }
        }
    }
    out
}

/// An event as a line that begins with the time since `begun`; nothing for what another line says already.
pub fn line(event: &Event, at: Timestamp, begun: Timestamp, look: Look) -> Option<String> {
    let text = match event {
        Event::Locked
        | Event::Looked(_)
        | Event::Planned(_)
        | Event::Written(_)
        | Event::Restarting(_)
        | Event::Proven(_)
        | Event::Finished(_) => return None,
        Event::Begun(step) => format!("{}: {}", step::stage(step), title(step)),
        Event::Restarted(workload, took) => format!("  {workload} is new and ready after {} s", took.as_secs()),
        Event::Waiting(what) => format!("  waiting for {what}"),
        Event::Changed(object) => format!("  {object} was changed by somebody else: looking again"),
        Event::MissedReload(service) => format!("  Service {service} does not reload its Secret: restarting it"),
        Event::Called(shown) => format!("  called: {shown}"),
        Event::MissedUpdate => "  identity missed the new issuer: restarting it".to_owned(),
        Event::PutBack(issuer) => format!("  identity refused the new issuer: {} is back", issuer.short()),
        Event::Held(holds) => {
            format!("  waiting for an operator: {}", refusal::holds(holds, MOST_HELD).join("; "))
        }
    };
    let passed = at.duration_since(begun);
    let clock = format!("{:>3}:{:02}  ", passed.as_secs() / 60, passed.as_secs() % 60);
    let indent = text.len() - text.trim_start().len();
    let lines = wrap(&format!("{clock}{}", " ".repeat(indent)), text.trim_start(), look.text_width());
    Some(lines.join("\n") + "\n")
}
