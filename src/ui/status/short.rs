use std::fmt::Write as _;

use crate::inventory::{IssuerNode, LeafGroup};

use super::{Answer, words::obstacle};
use crate::ui::text::clean;

/// A line each: `stage`, `next`, `anchor`, `issuer`, `workload`.
pub(super) fn render(answer: &Answer<'_>) -> String {
    let mut out = format!("stage {}: {}\n", answer.stage(), clean(&answer.summary()));
    for next in answer.steady_next() {
        let _ = writeln!(out, "next {}", clean(&next));
    }
    for anchor in &answer.tree.anchors {
        let certificate = &anchor.certificate;
        let roots = if anchor.in_roots { "in the trust roots" } else { "not in the trust roots" };
        let _ = writeln!(
            out,
            "anchor {} {} {}: {roots}, loaded by {}, ends {}",
            anchor.mark,
            certificate.fingerprint().short(),
            clean(certificate.name()),
            anchor.loaded_by,
            certificate.lifetime().not_after
        );
        for node in &anchor.issuers {
            issuer(answer, node, &anchor.mark, &mut out);
        }
    }
    for node in &answer.tree.unanchored {
        issuer(answer, node, "?", &mut out);
    }
    workloads(answer, &answer.tree.unseen, "?", &mut out);
    out
}

fn issuer(answer: &Answer<'_>, node: &IssuerNode, anchor: &str, out: &mut String) {
    let Some(certificate) = node.certificate() else { return };
    let print = certificate.fingerprint().short();
    let secret = if node.in_secret { "in the Secret" } else { "not in the Secret" };
    let signs = if node.signs { ", signs" } else { "" };
    let _ = writeln!(
        out,
        "issuer {print} {}: of anchor {anchor}, {secret}{signs}, {} leafs, ends {}",
        clean(certificate.name()),
        node.proxies(),
        certificate.lifetime().not_after
    );
    workloads(answer, &node.leafs, &print, out);
}

fn workloads(answer: &Answer<'_>, groups: &[LeafGroup], issuer: &str, out: &mut String) {
    for group in groups {
        let marks = group.trusts.as_ref().map_or_else(
            || "?".to_owned(),
            |set| {
                let mut marks: Vec<&str> = set.iter().filter_map(|one| answer.tree.mark(*one)).collect();
                marks.sort_unstable();
                marks.join("+")
            },
        );
        for holder in &group.workloads {
            let why = holder.obstacle.map_or_else(String::new, |why| format!(", {}", obstacle(why, false)));
            let trouble = holder.trouble.as_ref().map_or_else(String::new, |trouble| format!(", {}", clean(trouble)));
            let _ = writeln!(
                out,
                "workload {}: leaf of {issuer}, trusts {marks}, {} of {} pods{why}{trouble}",
                clean(&holder.workload.to_string()),
                holder.proxies,
                holder.of
            );
        }
    }
}
