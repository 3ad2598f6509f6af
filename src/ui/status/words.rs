//! Stages and what comes next, in words.

use crate::{
    findings::{moment, span},
    mesh::Obstacle,
    pki::{Certificate, lifetime::Stage as Life},
    plan::{Count, Goal, Next, Position, Refusal, Step, Why},
    snapshot::Owner,
};

use super::Answer;
use crate::ui::run;

/// So many names are named.
const SOME: usize = 5;

impl Answer<'_> {
    /// How many proxies the tree is about.
    pub(super) fn all_proxies(&self) -> u64 {
        self.snapshot.mesh.found().map_or(0, crate::snapshot::Mesh::pods)
    }

    fn sees_no_leaf(&self) -> bool {
        let issuers = self.tree.anchors.iter().flat_map(|anchor| &anchor.issuers);
        issuers.chain(&self.tree.unanchored).all(|issuer| issuer.leafs.is_empty())
    }

    /// Whether every proxy was asked.
    pub(super) fn asks_all(&self) -> bool {
        u64::try_from(self.snapshot.probes.len()).is_ok_and(|asked| asked >= self.all_proxies())
    }

    /// Whether live proxies refuse each other, or would refuse new ones.
    pub(super) fn is_at_risk(&self) -> bool {
        self.refusing > 0 || (self.progress.stage == Position::Extend && !self.progress.lacking.is_empty())
    }

    /// What has expired, of a mesh at rest.
    pub(super) fn expired(&self) -> Option<(&'static str, &Certificate)> {
        let ends = |one: &Certificate| self.snapshot.taken_at > one.lifetime().not_after;
        let (anchor, issuer) = (self.progress.anchor.as_ref(), self.progress.issuer.as_ref());
        let anchor = anchor.map(|one| ("anchor", one)).into_iter();
        let mut all = anchor.chain(issuer.map(|one| ("issuer", one))).filter(|(_, one)| ends(one));
        all.next().filter(|_| self.progress.stage == Position::Rest)
    }

    /// The stage in a word or two.
    pub(super) fn stage(&self) -> &'static str {
        match self.progress.stage {
            Position::Unknown => "UNKNOWN",
            _ if self.is_at_risk() => "AT RISK",
            Position::Rest if self.expired().is_some() => "EXPIRED",
            Position::Rest => "AT REST",
            Position::Extend => "EXTENDING",
            Position::Ready => "READY TO SWAP",
            Position::Swap => "SWAPPING",
            Position::Refresh => "REFRESHING",
            Position::Trim => "TRIMMING",
        }
    }

    /// The stage in a sentence.
    pub(super) fn summary(&self) -> String {
        let progress = &self.progress;
        let anchor = progress.anchor.as_ref().map_or_else(String::new, |anchor| self.anchor(anchor));
        let issuer = progress.issuer.as_ref().map_or_else(|| "the issuer in the Secret".to_owned(), issuer);
        let others = together(progress.others.iter().map(|other| self.anchor(other)));
        if let Some((what, expired)) = self.expired().filter(|_| !self.is_at_risk()) {
            return format!("the {what} ended at {}", moment(expired.lifetime().not_after));
        }
        match progress.stage {
            _ if self.refusing > 0 => format!(
                "{} of {} do not trust {anchor}, which the issuer in the Secret comes from",
                self.refusing,
                count(self.proxies.of, "prox/y/ies")
            ),
            Position::Unknown => match (self.hidden.first(), &progress.next) {
                (Some(hidden), _) => hidden.clone(),
                (None, Next::Refuse(Refusal::Unseen(why) | Refusal::Unfit(why))) => why.clone(),
                _ => "where the mesh is on its way cannot be told".to_owned(),
            },
            Position::Rest if self.sees_no_leaf() => format!("{anchor} vouches for the issuer; no leaf was seen"),
            Position::Rest => format!("{anchor} vouches for everything that was seen"),
            Position::Extend if self.is_at_risk() => {
                let lacking = together(progress.lacking.iter().map(|one| self.anchor(one)));
                format!("the trust roots lack {lacking}, which leafs or the issuer still come from")
            }
            Position::Extend => format!("{} loaded {anchor}", self.have("prox/y/ies")),
            Position::Ready => format!("every proxy has loaded {anchor}, and the issuer is not yet one of it"),
            Position::Swap => format!("the Secret holds {issuer}; that identity signs with it is not proven yet"),
            Position::Refresh => format!("{} come from {issuer}", self.have("leaf/")),
            Position::Trim if others.is_empty() => format!("{} trust just {anchor}", self.have("prox/y/ies")),
            Position::Trim => {
                let Count { done, unseen, of } = self.proxies;
                let unseen = unseen_words(unseen);
                format!(
                    "{} of {} still trust {others}{unseen}",
                    of - done - (self.proxies.unseen),
                    count(of, "prox/y/ies")
                )
            }
        }
    }

    /// `5 of 17 proxies have`, for what they have done.
    fn have(&self, what: &str) -> String {
        let Count { done, unseen, of } = self.proxies;
        let verb = if what.starts_with("prox") && self.progress.stage == Position::Extend { " have" } else { "" };
        let unseen = if unseen == 0 { String::new() } else { format!(" ({unseen} were not seen)") };
        format!("{done} of {}{unseen}{verb}", count(of, what))
    }

    /// An anchor by its letter.
    pub(super) fn anchor(&self, anchor: &Certificate) -> String {
        let print = anchor.fingerprint();
        let mark = self.tree.mark(print).unwrap_or("?");
        format!("anchor {mark} ({})", print.short())
    }

    /// The way with the stage on it; nothing where no rotation is under way.
    pub(super) fn way(&self) -> Option<String> {
        let Count { done, of, .. } = self.proxies;
        let now = self.progress.stage;
        if matches!(now, Position::Unknown | Position::Rest) || self.is_at_risk() {
            return None;
        }
        let all = [
            ("extend", Position::Extend),
            ("swap", Position::Swap),
            ("refresh", Position::Refresh),
            ("trim", Position::Trim),
        ];
        let shown = if self.progress.goal == Goal::Issuer { &all[1..3] } else { &all[..] };
        let steps = shown.iter().map(|(word, stage)| match now.cmp(stage) {
            std::cmp::Ordering::Greater => format!("{word}: done"),
            std::cmp::Ordering::Equal if now == Position::Swap => format!("{word}: now"),
            std::cmp::Ordering::Equal => format!("{word}: {done} of {of}"),
            std::cmp::Ordering::Less if (now, *stage) == (Position::Ready, Position::Swap) => format!("{word}: next"),
            std::cmp::Ordering::Less => format!("{word}: to come"),
        });
        Some(steps.collect::<Vec<_>>().join(" > "))
    }

    /// What comes next, a sentence each.
    pub(super) fn next(&self) -> Vec<String> {
        self.next_lines(true)
    }

    /// The same without lengths of time, which change although nothing happens.
    pub(super) fn steady_next(&self) -> Vec<String> {
        self.next_lines(false)
    }

    fn next_lines(&self, with_time: bool) -> Vec<String> {
        let verb = if self.progress.goal == Goal::Issuer { "rotate-issuer" } else { "rotate-anchor" };
        let mut lines = match &self.progress.next {
            Next::Do(step) => vec![format!("{}; `{verb}` goes on from here", run::title(step))],
            Next::Hold(holds) => {
                let more = holds.len().saturating_sub(SOME);
                let named = holds.iter().take(SOME);
                let named = named.map(|hold| format!("an operator sees to {}: {}", hold.workload, why(hold.obstacle)));
                named.chain((more > 0).then(|| format!("and to {more} more, below"))).collect()
            }
            Next::Done(done) if done.trusting_old.is_empty() => self.at_rest(with_time),
            Next::Done(done) => vec![format!(
                "nothing that this program can do: {} {} what is too much when replaced",
                names(done.trusting_old.iter().map(ToString::to_string)),
                if done.trusting_old.len() == 1 { "drops" } else { "drop" }
            )],
            Next::Refuse(refusal) => self.refused(refusal),
        };
        if let Next::Do(Step::Restart { why: Why::Refresh, .. }) = self.progress.next {
            lines.push("or wait: each proxy renews its leaf after 70 % of its lifetime".to_owned());
        }
        if self.is_at_risk() {
            lines.insert(0, "`check` says who refuses whom, and the way out".to_owned());
        }
        if let (Some(owned), false) = (self.owned.first(), self.progress.stage == Position::Rest) {
            lines.push(format!("not from here: {owned}"));
        }
        lines
    }

    fn refused(&self, refusal: &Refusal) -> Vec<String> {
        match refusal {
            Refusal::NoKeyFor { anchor } => vec![format!(
                "the issuer is swapped for one of {}: that takes its key, with which the same `rotate-anchor` goes on",
                self.anchor(anchor)
            )],
            Refusal::AnchorRotation { .. } => vec!["`rotate-anchor` goes on from here".to_owned()],
            Refusal::Outside(outside) => vec![format!(
                "the issuer is swapped, once {} trusts the new anchor; `rotate-anchor --answer-for NAME` says so",
                names(outside.iter().cloned())
            )],
            Refusal::Breaks(step, pairs) => {
                let such = pairs.first().map_or_else(String::new, |pair| format!(", such as: {pair}"));
                let pairs = count(pairs.len() as u64, "pair");
                let next = format!("not safe now: {}. It would break {pairs}{such}", run::title(step));
                match self.proxies.unseen {
                    0 => vec![next, "`check` says why".to_owned()],
                    unseen => vec![next, format!("{} that were not seen count as old", count(unseen, "prox/y/ies"))],
                }
            }
            Refusal::Linked(lacks) => lacks.iter().map(ToString::to_string).collect(),
            Refusal::Owned { objects, .. } => objects.clone(),
            Refusal::Unseen(_) | Refusal::Unfit(_) => vec!["`check` says more".to_owned()],
        }
    }

    /// What ends first, and who sees to it.
    fn at_rest(&self, with_time: bool) -> Vec<String> {
        let (anchor, issuer) = (self.progress.anchor.as_ref(), self.progress.issuer.as_ref());
        let ends = |one: &&Certificate| one.lifetime().not_after;
        let Some(first) = issuer.into_iter().chain(anchor).min_by_key(ends) else { return Vec::new() };
        let is_issuer = Some(first) == issuer;
        let (what, verb) = if is_issuer { ("issuer", "`rotate-issuer`") } else { ("anchor", "`rotate-anchor`") };
        let (now, lifetime) = (self.snapshot.taken_at, first.lifetime());
        let on = format!("on {}", lifetime.not_after.strftime("%Y-%m-%d"));
        let when = if with_time { format!("in {}, {on}", span(lifetime.left(now))) } else { on.clone() };
        let owners = self.snapshot.issuer.found().map_or(&[][..], |secret| &secret.meta.owners);
        let renewed = is_issuer && owners.iter().any(|owner| matches!(owner, Owner::CertManager { .. }));
        vec![match lifetime.stage(now, &self.thresholds) {
            Life::Expired => "`check` says what to do".to_owned(),
            _ if renewed => format!("nothing is under way; cert-manager renews the issuer, which ends {when}"),
            Life::Fine => format!("nothing is under way; the {what} ends first, {when}: {verb} before then"),
            _ => format!("{verb} soon: the {what} ends {when}"),
        }]
    }
}

fn unseen_words(unseen: u64) -> String {
    if unseen == 0 { String::new() } else { format!("; {unseen} were not seen") }
}

fn issuer(certificate: &Certificate) -> String {
    format!("issuer {} ({})", certificate.name(), certificate.fingerprint().short())
}

/// Why a workload is not restarted from here; `due` where it has to be replaced now.
pub(super) fn obstacle(obstacle: Obstacle, due: bool) -> String {
    let what = if due { "must be replaced by hand" } else { "not restarted from here" };
    format!("{what}: {}", why(obstacle))
}

fn why(obstacle: Obstacle) -> &'static str {
    match obstacle {
        Obstacle::Paused => "the Deployment is paused",
        Obstacle::InjectedByHand => "the proxy stands in its own template",
        Obstacle::Bare => "a bare pod",
        Obstacle::Job => "a Job, whose pods run to their end",
        Obstacle::Unknown => "a controller that is not known here",
        Obstacle::Excluded => "left out by --exclude",
        Obstacle::NotSelected => "not among those of --only",
    }
}

/// The first of many names, and how many more there are.
fn names(all: impl Iterator<Item = String>) -> String {
    let mut all: Vec<String> = all.collect();
    if all.len() > SOME {
        let more = all.len() - SOME + 1;
        all.truncate(SOME - 1);
        all.push(format!("{more} more"));
    }
    together(all.into_iter())
}

/// `a`, `a and b`, `a, b and c`.
pub(super) fn together(all: impl Iterator<Item = String>) -> String {
    let all: Vec<String> = all.collect();
    match all.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((last, before)) => format!("{} and {last}", before.join(", ")),
    }
}

/// `1 proxy`, `2 proxies`; endings that differ stand between slashes.
pub(super) fn count(number: u64, noun: &str) -> String {
    let mut parts = noun.split('/');
    let (stem, one, many) = (parts.next().unwrap_or(noun), parts.next().unwrap_or(""), parts.next().unwrap_or("s"));
    format!("{number} {stem}{}", if number == 1 { one } else { many })
}
