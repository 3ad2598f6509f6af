//! The findings and what to do about them.

use crate::findings::{Finding, Severity};

use super::{Answer, Detail, Look};
use crate::ui::{
    look::Tone,
    text::{command, hang, wrap},
};

const INDENT: &str = "    ";
/// So much of a consequence's evidence is shown where its cause is what matters.
const FEW: usize = 3;

/// Causes first, each with what shows it and with its consequences.
pub(super) fn render(answer: &Answer<'_>, look: Look, detail: Detail) -> String {
    let blocks = answer.report.findings.iter().map(|finding| {
        let mut out = title(finding, "", look);
        let lines = wrap("    ", &finding.subject, look.text_width()).into_iter();
        let evidence = finding.evidence.iter().flat_map(|line| wrap("    - ", line, look.text_width()));
        // What only informs asks for nothing; its advice stays with it.
        let advice = finding.next.iter().filter(|_| !is_urgent(finding));
        let advice = advice.flat_map(|line| wrap("    next: ", line, look.text_width()));
        for line in lines.chain(evidence).chain(advice) {
            out += &line;
            out.push('\n');
        }
        out + &consequences(finding, look, detail)
    });
    blocks.collect::<Vec<_>>().join("\n")
}

fn title(finding: &Finding, indent: &str, look: Look) -> String {
    let label = format!("{} {}:", finding.code, finding.severity);
    let lines = wrap(&format!("{indent}{label} "), &finding.summary, look.text_width());
    lines.into_iter().fold(String::new(), |out, line| {
        out + &line.replacen(&label, &look.paint(finding.severity.into(), &label), 1) + "\n"
    })
}

fn consequences(finding: &Finding, look: Look, detail: Detail) -> String {
    let mut all = Vec::new();
    flatten(finding, &mut all);
    if all.is_empty() {
        return String::new();
    }
    let blocks = all.iter().map(|consequence| {
        let lines = match detail {
            Detail::Rows => few_lines(consequence, look),
            Detail::All => all_lines(consequence, look),
        };
        lines.into_iter().fold(title(consequence, "      ", look), |out, line| out + &line + "\n")
    });
    format!("    because of this:\n{}", blocks.collect::<String>())
}

/// Which pods, which pairs: enough to know whom it hits.
fn few_lines(consequence: &Finding, look: Look) -> Vec<String> {
    let all = &consequence.evidence;
    // A line that says that there is one more is no shorter than that one.
    let shown = if all.len() > FEW { FEW - 1 } else { all.len() };
    let more = all.len() - shown;
    let more = (more > 0).then(|| format!("and {more} more: see -o wide"));
    all[..shown].iter().chain(&more).flat_map(|line| wrap("        - ", line, look.text_width())).collect()
}

fn all_lines(consequence: &Finding, look: Look) -> Vec<String> {
    let subject = wrap("        ", &consequence.subject, look.text_width());
    let evidence = consequence.evidence.iter().flat_map(|line| wrap("        - ", line, look.text_width()));
    let next = consequence.next.iter().flat_map(|line| wrap("        next: ", line, look.text_width()));
    subject.into_iter().chain(evidence).chain(next).collect()
}

fn flatten<'a>(finding: &'a Finding, into: &mut Vec<&'a Finding>) {
    for consequence in &finding.consequences {
        into.push(consequence);
        flatten(consequence, into);
    }
}

fn is_urgent(finding: &Finding) -> bool {
    finding.worst() > Severity::Info
}

/// The way out, cause by cause; consequences go away with their cause.
pub(super) fn next_steps(answer: &Answer<'_>, look: Look) -> String {
    let causes: Vec<_> =
        answer.report.findings.iter().filter(|finding| is_urgent(finding) && !finding.next.is_empty()).collect();
    if causes.is_empty() {
        return String::new();
    }
    let mut out = look.paint(Tone::Strong, "What to do next") + "\n";
    for (index, cause) in causes.iter().enumerate() {
        let first = format!("{:>2}. {}  ", index + 1, cause.code);
        let starts = std::iter::once(first.as_str()).chain(std::iter::repeat(INDENT));
        for line in starts.zip(&cause.next).flat_map(|(start, step)| step_lines(start, step, look.text_width())) {
            out += &line;
            out.push('\n');
        }
    }
    out
}

/// A step is a sentence, or a command alone, which then stands bare so that it can be copied.
fn step_lines(start: &str, step: &str, width: usize) -> Vec<String> {
    let bare = step.strip_prefix('`').and_then(|step| step.strip_suffix('`')).filter(|bare| !bare.contains('`'));
    match bare {
        Some(bare) if start == INDENT => command(INDENT, bare, width),
        _ => hang(start, INDENT, step, width),
    }
}
