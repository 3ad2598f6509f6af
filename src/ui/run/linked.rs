//! What linked clusters lack, with evidence and what to do there.

use crate::plan::{Evidence, Lack, Why};

/// A line for each cluster and each thing that was seen there.
pub(super) fn evidence(lacks: &[Lack]) -> Vec<String> {
    let mut lines = Vec::new();
    for lack in lacks {
        let anchor = format!("`{}` ({})", lack.anchor.name(), lack.anchor.fingerprint().short());
        lines.push(match lack.why {
            _ if is_unread(lack) => {
                format!("linked cluster {} may not be ready to go on with {anchor}:", lack.cluster)
            }
            Why::Extend => format!("linked cluster {} does not trust {anchor} everywhere:", lack.cluster),
            Why::Refresh | Why::Trim | Why::Mend => {
                format!("in linked cluster {} not everything has moved away from {anchor}:", lack.cluster)
            }
        });
        lines.extend(lack.evidence.iter().map(|evidence| format!("- {evidence}")));
    }
    lines
}

/// What to do, a line each.
pub(super) fn instead(lacks: &[Lack]) -> Vec<String> {
    let mut hints: Vec<String> = lacks.iter().flat_map(there).collect();
    hints.push("then run the same command again; with --hold 30m it waits that long".to_owned());
    if let Some(lack) = lacks.first() {
        hints.push(format!("--answer-for {} goes on without looking there", quoted(&lack.cluster)));
    }
    hints
}

fn there(lack: &Lack) -> Vec<String> {
    let context = quoted(&lack.context);
    match lack.why {
        _ if is_unread(lack) => vec![format!("`check --context {context}` says more")],
        Why::Extend => vec![
            "bring it in there with the files of --anchor-key-out, THIS being the context of this cluster:".to_owned(),
            format!("  rotate-anchor --context {context} --linked-context THIS --anchor-cert FILE --anchor-key FILE"),
        ],
        Why::Refresh | Why::Trim | Why::Mend => vec![
            format!("finish the rotation there: `status --context {context}` shows where it stands"),
            "an anchor of that cluster's own stays in this bundle with".to_owned(),
            format!("  --keep-anchor {}", lack.anchor.fingerprint()),
        ],
    }
}

fn is_unread(lack: &Lack) -> bool {
    lack.evidence.iter().any(|evidence| matches!(evidence, Evidence::Unread(_)))
}

fn quoted(text: &str) -> String {
    shell_words::quote(text).into_owned()
}
