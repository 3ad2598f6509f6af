//! What was verified of a plan, as a table, and how that would end.

use crate::{
    preflight::{Report, Row, Verdict, rules},
    ui::{
        Look,
        look::Tone,
        text::{clean, wrap},
    },
};

/// The table, a row for each thing, and a last line.
pub fn verified(report: &Report, look: Look) -> String {
    let mut out = look.paint(Tone::Strong, "What was verified of it") + "\n";
    for row in &report.rows {
        out += &one(row, look);
    }
    out.push('\n');
    let refused = report.refused().count();
    let verdict = match refused {
        0 => format!(
            "{} nothing that was verified would stop this plan; nothing was changed",
            look.paint(Tone::Good, "fine:")
        ),
        1 => format!("{} one thing would stop this plan; nothing was changed", look.paint(Tone::Critical, "refused:")),
        many => format!(
            "{} {many} things would stop this plan; nothing was changed",
            look.paint(Tone::Critical, "refused:")
        ),
    };
    out += &(verdict + "\n");
    // Rules are for copying: they are not broken.
    for hint in instead(report) {
        out += &(look.paint(Tone::Strong, "hint:") + " " + &clean(&hint) + "\n");
    }
    out
}

fn one(row: &Row, look: Look) -> String {
    let tone = match row.verdict {
        Verdict::Verified | Verdict::Remark(_) => Tone::Good,
        Verdict::NotVerified(_) => Tone::Warning,
        Verdict::Refused { .. } => Tone::Critical,
    };
    let word = format!("{:<12}", row.verdict.word());
    let first = format!("  {word}  {:<8}  ", row.about);
    let text = match row.verdict.text() {
        Some(text) => format!("{}: {text}", row.what),
        None => row.what.clone(),
    };
    let mut lines = wrap(&first, &text, look.text_width());
    if let Some(line) = lines.first_mut() {
        *line = line.replacen(&word, &look.paint(tone, &word), 1);
    }
    lines.into_iter().map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// What to do about what was refused: each once, then the rules that grant what is lacking.
pub(super) fn instead(report: &Report) -> Vec<String> {
    let mut hints: Vec<String> = Vec::new();
    for row in report.refused() {
        if let Verdict::Refused { instead, .. } = &row.verdict
            && !hints.contains(instead)
        {
            hints.push(instead.clone());
        }
    }
    let rules = rules(&report.lacking).into_iter().map(|rule| match rule.namespace.as_str() {
        "" => format!("rule for a ClusterRole: {rule}"),
        namespace => format!("rule for a Role in namespace {namespace}: {rule}"),
    });
    hints.into_iter().chain(rules).collect()
}

/// What was refused, a line each.
pub(super) fn refused(report: &Report) -> Vec<String> {
    report.refused().map(|row| clean(&format!("{}: {}", row.what, row.verdict.text().unwrap_or_default()))).collect()
}

#[cfg(test)]
mod tests {
    use crate::{
        execute::Stop,
        mesh::Right,
        preflight::About,
        ui::run::Undo,
        ui::{error, run::stopped},
    };

    use super::*;

    fn report() -> Report {
        let lacking: Vec<Right> = ["get", "patch"]
            .into_iter()
            .map(|verb| Right::to(verb, "", "secrets").within("linkerd").named("linkerd-identity-issuer"))
            .collect();
        let gap = "for a moment it may have no pod that is ready";
        let rows = vec![
            Row::new(About::Rights, "get secrets linkerd-identity-issuer in namespace linkerd", lack()),
            Row::new(About::Rights, "patch secrets linkerd-identity-issuer in namespace linkerd", lack()),
            Row::new(
                About::Chains,
                "22 steps, before and after each of which 10 workloads accept each other",
                Verdict::Verified,
            ),
            Row::new(About::Writes, "step 1: ConfigMap linkerd-identity-trust-roots", Verdict::Verified),
            Row::new(
                About::Writes,
                "step 8: Secret linkerd-identity-issuer",
                Verdict::NotVerified("not tried: you may not patch secrets".to_owned()),
            ),
            Row::new(About::Restarts, "restart annotation of 10 workloads", Verdict::Verified),
            Row::new(About::Rollouts, "emojivoto/db StatefulSet", Verdict::Remark(gap.to_owned())),
            Row::new(
                About::Rollouts,
                "emojivoto/web Deployment",
                Verdict::refused("ResourceQuota q leaves no room (4 of 4 pods)", "raise the quota by one"),
            ),
        ];
        Report { rows, lacking }
    }

    fn lack() -> Verdict {
        Verdict::refused("you lack this right", "have the missing rights granted")
    }

    #[test]
    fn the_table_at_80_and_120_columns() {
        for width in [80, 120] {
            let text = verified(&report(), Look { width, color: false });
            assert!(text.lines().all(|line| line.starts_with("hint:") || line.chars().count() <= width), "{text}");
            insta::assert_snapshot!(format!("verified_{width}"), text);
        }
        let fine = Report {
            rows: vec![Row::new(About::Rights, "all 36 that the run takes", Verdict::Verified)],
            lacking: Vec::new(),
        };
        insta::assert_snapshot!(verified(&fine, Look { width: 80, color: false }), @r"
        What was verified of it
          verified      rights    all 36 that the run takes

        fine: nothing that was verified would stop this plan; nothing was changed
        ");
    }

    #[test]
    fn what_a_user_with_few_rights_is_told() {
        let stop = Stop::Unready(Box::new(report()));
        let text = error::render(&stopped(&stop, Undo::Nothing), Look { width: 80, color: false });
        insta::assert_snapshot!("unready_80", text);
    }
}
