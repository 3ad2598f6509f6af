use std::fmt::Write as _;

use crate::findings::Finding;

use super::{Answer, heading::verdict};
use crate::ui::text::clean;

/// `verdict WORD text`, then `severity code subject: summary` for each finding; a consequence names its cause.
pub(super) fn render(answer: &Answer<'_>) -> String {
    let (word, text) = verdict(answer);
    let mut out = format!("verdict {word} {}\n", clean(&text));
    for finding in &answer.report.findings {
        line(finding, None, &mut out);
    }
    out
}

fn line(finding: &Finding, cause: Option<&Finding>, out: &mut String) {
    let because = cause.map_or_else(String::new, |cause| format!(" (because of {})", cause.code));
    let Finding { code, severity, subject, summary, .. } = finding;
    let _ = writeln!(out, "{severity} {code} {}: {}{because}", clean(subject), clean(summary));
    for consequence in &finding.consequences {
        line(consequence, Some(finding), out);
    }
}
