//! What the nodes of the tree say.

use std::collections::BTreeSet;

use crate::{
    findings::{moment, span},
    inventory::{AnchorNode, Holder, IssuerNode, LeafGroup, Place},
    pki::{
        Certificate, Fingerprint,
        lifetime::{Lifetime, Stage},
    },
    plan,
    snapshot::{Meta, Values},
};

use super::{
    Answer, Detail,
    branches::Node,
    words::{count, obstacle, together},
};
use crate::ui::look::Tone;

/// Up to so many workloads that are alike are all listed.
const FEW: usize = 10;
/// Of more than that, so many are.
const SHOWN: usize = 3;

pub(super) fn of(answer: &Answer<'_>, detail: Detail) -> Vec<Node> {
    let draw = Draw { answer, detail };
    let tree = &answer.tree;
    let mut roots: Vec<Node> = tree.anchors.iter().map(|anchor| draw.anchor(anchor)).collect();
    if !tree.unanchored.is_empty() {
        let label = "No known trust anchor".to_owned();
        roots.push(Node {
            text: format!("{label} vouches for {}", count(tree.unanchored.len() as u64, "issuer")),
            painted: Some((label, Tone::Critical)),
            children: tree.unanchored.iter().map(|issuer| draw.issuer(issuer)).collect(),
            ..Node::default()
        });
    }
    if !tree.unseen.is_empty() {
        let label = "Leaf not seen".to_owned();
        let proxies = tree.unseen.iter().map(LeafGroup::proxies).sum();
        let hint = if answer.asks_all() { "" } else { "; --probe all asks each" };
        roots.push(Node {
            text: format!("{label}: {}{hint}", count(proxies, "prox/y/ies")),
            painted: Some((label, Tone::Strong)),
            children: tree.unseen.iter().map(|group| draw.group(group, None, false)).collect(),
            ..Node::default()
        });
    }
    if roots.is_empty() {
        roots.push(Node::line("No trust anchor and no issuer was seen.".to_owned()));
    }
    roots
}

struct Draw<'a> {
    answer: &'a Answer<'a>,
    detail: Detail,
}

impl Draw<'_> {
    fn anchor(&self, anchor: &AnchorNode) -> Node {
        let proxies = self.answer.all_proxies();
        let unseen = self.unseen_bundles();
        let unseen = if unseen == 0 { String::new() } else { format!("; {unseen} were not seen") };
        let loaded = match anchor.loaded_by {
            0 => format!("seen in no proxy{unseen}"),
            by if by == proxies => format!("loaded by all {}", count(proxies, "prox/y/ies")),
            by => format!("loaded by {by} of {}{unseen}", count(proxies, "prox/y/ies")),
        };
        let held = self.held(anchor.in_roots, "the trust roots", &anchor.places, |values| values.anchors.is_some());
        let mut node = self.authority(&anchor.mark, &anchor.certificate);
        node = node.with(format!("{held}; {loaded}"), None);
        node.children = anchor.issuers.iter().map(|issuer| self.issuer(issuer)).collect();
        node
    }

    fn issuer(&self, issuer: &IssuerNode) -> Node {
        let Some(certificate) = issuer.certificate() else { return Node::default() };
        let mut node = self.authority("issuer", certificate);
        let held = self.held(issuer.in_secret, "the Secret", &issuer.places, |values| values.issuer.is_some());
        let signs = match (issuer.signs, issuer.in_secret) {
            (true, true) => "; identity signs with it",
            (true, false) => "; the newest leaf is one of it",
            (false, true) => "; that identity signs with it was not seen",
            (false, false) => "",
        };
        node = node.with(format!("{held}{signs}"), None);
        let above: Vec<String> =
            issuer.chain[1..].iter().map(|one| format!("{} ({})", one.name(), short(one))).collect();
        if !above.is_empty() {
            node = node.with(format!("by way of {}", above.join(", ")), None);
        }
        let print = certificate.fingerprint();
        node.children = issuer.leafs.iter().map(|group| self.group(group, Some(print), true)).collect();
        node
    }

    /// Proxies of which it is not known what they trust.
    fn unseen_bundles(&self) -> u64 {
        let tree = &self.answer.tree;
        let issuers = tree.anchors.iter().flat_map(|anchor| &anchor.issuers).chain(&tree.unanchored);
        let groups = issuers.flat_map(|issuer| &issuer.leafs).chain(&tree.unseen);
        groups.filter(|group| group.trusts.is_none()).map(LeafGroup::proxies).sum()
    }

    /// An authority with its name, fingerprint and end.
    fn authority(&self, lead: &str, certificate: &Certificate) -> Node {
        let label = format!("{lead} {}", certificate.name());
        let text = format!("{label} ({})", short(certificate));
        let stage = certificate.lifetime().stage(self.answer.snapshot.taken_at, &self.answer.thresholds);
        let tone = Tone::of_stage(stage);
        let mut node = Node { text, painted: Some((label, tone.unwrap_or(Tone::Strong))), ..Node::default() };
        node = node.with(self.ends(certificate.lifetime(), stage), tone);
        if self.detail == Detail::All {
            let lifetime = certificate.lifetime();
            node = node
                .with(certificate.subject().to_owned(), Some(Tone::Quiet))
                .with(format!("SHA-256 {}", certificate.fingerprint()), Some(Tone::Quiet))
                .with(
                    format!("valid from {} to {}", moment(lifetime.not_before), moment(lifetime.not_after)),
                    Some(Tone::Quiet),
                );
        }
        node
    }

    fn ends(&self, lifetime: Lifetime, stage: Stage) -> String {
        let now = self.answer.snapshot.taken_at;
        let on = lifetime.not_after.strftime("%Y-%m-%d");
        match stage {
            Stage::Expired => format!("EXPIRED {} ago, on {on}", span(lifetime.left(now))),
            Stage::NotYetValid => {
                format!("NOT YET VALID: begins in {}", span(lifetime.not_before.duration_since(now)))
            }
            _ => format!("ends in {}, on {on}", span(lifetime.left(now))),
        }
    }

    /// Which objects hold an authority: the one that counts, and the copies that the next upgrade starts from.
    fn held(&self, in_source: bool, source: &str, places: &[Place], names_one: impl Fn(&Values) -> bool) -> String {
        let snapshot = self.answer.snapshot;
        let release = snapshot.helm.found().map(|release| &release.values);
        let copies = [snapshot.config.found(), snapshot.overrides.found(), release].into_iter().flatten();
        let place = |meta: &Meta| Place::new(&meta.kind, &meta.namespace, &meta.name);
        let copies: Vec<Place> = copies.filter(|values| names_one(values)).map(|values| place(&values.meta)).collect();
        let (with, without): (Vec<&Place>, Vec<&Place>) = copies.iter().partition(|copy| places.contains(copy));
        let home = &snapshot.namespace;
        let names = |places: &[&Place]| together(places.iter().map(|place| place.short(home)));
        match (in_source, with.is_empty(), without.is_empty()) {
            (true, true, true) => format!("in {source}"),
            (true, false, true) if source.ends_with('s') => format!("in {source} and their copies"),
            (true, false, true) => format!("in {source} and its copies"),
            (true, _, false) => format!("in {source}, but not in {}", names(&without)),
            (false, true, _) => format!("not in {source}"),
            (false, false, _) => format!("not in {source}, but in {}", names(&with)),
        }
    }

    /// Proxies that trust the same; below an issuer they are counted as its leafs.
    fn group(&self, group: &LeafGroup, issuer: Option<Fingerprint>, leafs: bool) -> Node {
        let what = count(group.proxies(), if leafs { "leaf/" } else { "prox/y/ies" });
        let whose = match (leafs, group.proxies()) {
            (false, 1) => " that trusts ",
            (false, _) => " that trust ",
            (true, 1) => ", whose proxy trusts ",
            (true, _) => ", whose proxies trust ",
        };
        let trusts =
            group.trusts.as_ref().map_or_else(|| "anchors that were not seen".to_owned(), |set| self.marks(set));
        let due = self.is_due(group.trusts.as_ref(), issuer);
        let end = group.first_end.map(|end| {
            let left = end.duration_since(self.answer.snapshot.taken_at);
            let (over, first) = (left.is_negative(), if group.proxies() == 1 { "it" } else { "the first" });
            if over {
                format!("; {first} EXPIRED {} ago", span(left))
            } else {
                format!("; {first} ends in {}", span(left))
            }
        });
        let to_do = if due { " (to do)" } else { "" };
        let mut node = Node::line(format!("{what}{whose}{trusts}{to_do}{}", end.unwrap_or_default()));
        if due {
            node.painted = Some(("(to do)".to_owned(), Tone::Warning));
        }
        node.children = self.workloads(group, due);
        node
    }

    /// Whether the stage under way is still about them.
    fn is_due(&self, trusts: Option<&BTreeSet<Fingerprint>>, issuer: Option<Fingerprint>) -> bool {
        let progress = &self.answer.progress;
        let under_way =
            !matches!(progress.stage, plan::Position::Rest | plan::Position::Unknown | plan::Position::Swap);
        under_way && progress.has_moved(trusts, issuer) != Some(true)
    }

    fn marks(&self, anchors: &BTreeSet<Fingerprint>) -> String {
        if anchors.is_empty() {
            return "nothing".to_owned();
        }
        let tree = &self.answer.tree;
        let mut marks: Vec<&str> = anchors.iter().map(|one| tree.mark(*one).unwrap_or("?")).collect();
        marks.sort_unstable();
        together(marks.into_iter().map(ToOwned::to_owned))
    }

    /// Those that stand out by name, and of many that are alike some.
    fn workloads(&self, group: &LeafGroup, due: bool) -> Vec<Node> {
        let alike = |holder: &&Holder| {
            holder.component.is_none()
                && holder.obstacle.is_none()
                && holder.trouble.is_none()
                && holder.proxies == holder.of
        };
        let many = group.workloads.iter().filter(alike).count();
        let mut left = if self.detail == Detail::All || many <= FEW { many } else { SHOWN };
        let mut nodes = Vec::new();
        let mut folded: Vec<&Holder> = Vec::new();
        for holder in &group.workloads {
            if alike(&holder) {
                if left == 0 {
                    folded.push(holder);
                    continue;
                }
                left -= 1;
            }
            nodes.push(workload(holder, due));
        }
        if !folded.is_empty() {
            let proxies = folded.iter().map(|holder| u64::from(holder.proxies)).sum();
            let namespaces: BTreeSet<&str> = folded.iter().map(|holder| holder.workload.namespace.as_str()).collect();
            let of = if namespaces.len() == 1 { String::new() } else { format!(" in {} namespaces", namespaces.len()) };
            nodes.push(Node::line(format!(
                "and {} more workloads{of} with {}",
                folded.len(),
                count(proxies, "prox/y/ies")
            )));
        }
        nodes
    }
}

fn workload(holder: &Holder, due: bool) -> Node {
    let pods = match (holder.proxies, holder.of) {
        (one, of) if one < of => format!("{one} of {}", count(of.into(), "pod")),
        (all, _) => count(all.into(), "pod"),
    };
    let mut node = Node::line(format!("{}, {pods}", holder.workload));
    if let Some(why) = holder.obstacle {
        let tone = due.then_some(Tone::Warning);
        node = node.with(obstacle(why, due), tone);
    }
    if let Some(trouble) = &holder.trouble {
        node = node.with(format!("its newest pods are not ready: {trouble}"), Some(Tone::Critical));
    }
    node
}

fn short(certificate: &Certificate) -> String {
    certificate.fingerprint().short()
}
