use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    inventory::{AnchorNode, Holder, IssuerNode, LeafGroup, Place},
    mesh::Obstacle,
    pki::{Certificate, Fingerprint},
    plan::{self, Goal, Next, Position, Refusal, Step},
    snapshot::{Cluster, WorkloadRef},
    ui::document::{Proxies, life},
};

use super::Answer;

/// The version of the document. Keys may be added to a version, never taken away or given another meaning.
pub const SCHEMA_VERSION: u32 = 1;

/// What `-o json` and `-o yaml` write. Times are RFC 3339 in UTC, lengths of time whole seconds, fingerprints SHA-256.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document<'a> {
    /// [`SCHEMA_VERSION`].
    schema_version: u32,
    /// When the mesh was read.
    taken_at: Timestamp,
    /// Where it was read.
    cluster: &'a Cluster,
    /// Namespace of the control plane.
    control_plane: ControlPlane<'a>,
    /// `unknown`, `rest`, `extend`, `ready`, `swap`, `refresh` or `trim`.
    stage: &'static str,
    /// The stage in a sentence.
    summary: String,
    /// What is under way; `null` at rest and where it cannot be told.
    rotation: Option<Rotation>,
    /// How many proxies are known to refuse what the issuer in the Secret signs.
    refusing: u64,
    /// What comes next.
    next: Ahead,
    /// How many proxies there are and how many were asked.
    proxies: Proxies<'a>,
    /// Every anchor, the oldest first, with everything below it.
    anchors: Vec<Anchor<'a>>,
    /// Issuers that lead to no anchor that is known.
    unanchored: Vec<Issuer<'a>>,
    /// Proxies whose leaf is not known.
    unseen: Vec<Group<'a>>,
    /// Verifiers outside of the cluster, by name.
    outside: &'a [String],
    /// Objects that something else would write back, each with who does.
    owned: &'a [String],
    /// What could not be read, with why.
    hidden: &'a [String],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ControlPlane<'a> {
    namespace: &'a str,
    version: Option<&'a str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Rotation {
    /// `anchor` or `issuer`.
    of: &'static str,
    /// The anchor that shall vouch for everything in the end.
    anchor: Option<Fingerprint>,
    /// The issuer in its Secret.
    issuer: Option<Fingerprint>,
    /// The other anchors that are still around.
    others: Vec<Fingerprint>,
    /// Anchors that something alive depends on and that the trust roots do not hold: new proxies would refuse it.
    lacking: Vec<Fingerprint>,
    /// Proxies that have done what the stage is about.
    proxies: Count,
    /// Workloads all of whose proxies have.
    workloads: Count,
}

#[derive(Debug, Serialize)]
struct Count {
    done: u64,
    unseen: u64,
    of: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Ahead {
    /// `none`, `trust-roots`, `copy`, `issuer`, `await-issuer`, `restart`, `await-leafs`, `operator`, `key`, `outside` or
    /// `refused`.
    action: &'static str,
    /// The same in sentences.
    text: Vec<String>,
    /// The workloads that it is about.
    workloads: Vec<WorkloadRef>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Anchor<'a> {
    /// The letter that stands for it on the screen; another one may have it tomorrow.
    mark: &'a str,
    #[serde(flatten)]
    certificate: Authority<'a>,
    in_trust_roots: bool,
    places: &'a [Place],
    loaded_by: u64,
    issuers: Vec<Issuer<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Issuer<'a> {
    #[serde(flatten)]
    certificate: Option<Authority<'a>>,
    in_secret: bool,
    /// Whether identity is known to sign with it.
    signs: bool,
    places: &'a [Place],
    /// How many proxies are known to present a leaf of it.
    proxies: u64,
    leafs: Vec<Group<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Authority<'a> {
    name: &'a str,
    fingerprint: Fingerprint,
    not_before: Timestamp,
    not_after: Timestamp,
    seconds_left: i64,
    life: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Group<'a> {
    /// The anchors that they trust; `null` where they are not known.
    trusts: Option<&'a BTreeSet<Fingerprint>>,
    proxies: u64,
    /// When the first of the leafs that were seen ends.
    first_end: Option<Timestamp>,
    workloads: Vec<Row<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    #[serde(flatten)]
    workload: &'a WorkloadRef,
    component: Option<&'a str>,
    proxies: u32,
    of: u32,
    /// `paused`, `injected-by-hand`, `bare`, `job` or `unknown`; `null` where a restart brings new pods.
    obstacle: Option<&'static str>,
    trouble: Option<&'a str>,
}

pub(super) fn of<'a>(answer: &'a Answer<'_>) -> Document<'a> {
    let (snapshot, progress, tree) = (answer.snapshot, &answer.progress, &answer.tree);
    let under_way = !matches!(progress.stage, Position::Unknown | Position::Rest);
    Document {
        schema_version: SCHEMA_VERSION,
        taken_at: snapshot.taken_at,
        cluster: &snapshot.cluster,
        control_plane: ControlPlane {
            namespace: &snapshot.namespace,
            version: snapshot.config.found().and_then(|values| values.version.as_deref()),
        },
        stage: stage(progress.stage),
        summary: answer.summary(),
        rotation: under_way.then(|| Rotation {
            of: if progress.goal == Goal::Issuer { "issuer" } else { "anchor" },
            anchor: progress.anchor.as_ref().map(Certificate::fingerprint),
            issuer: progress.issuer.as_ref().map(Certificate::fingerprint),
            others: progress.others.iter().map(Certificate::fingerprint).collect(),
            lacking: progress.lacking.iter().map(Certificate::fingerprint).collect(),
            proxies: answer.proxies.into(),
            workloads: progress.workloads.into(),
        }),
        refusing: answer.refusing,
        next: ahead(answer),
        proxies: Proxies::of(snapshot, answer.namespace),
        anchors: tree.anchors.iter().map(|node| anchor(answer, node)).collect(),
        unanchored: tree.unanchored.iter().map(|node| issuer(answer, node)).collect(),
        unseen: tree.unseen.iter().map(group).collect(),
        outside: &answer.outside,
        owned: &answer.owned,
        hidden: &answer.hidden,
    }
}

fn stage(stage: Position) -> &'static str {
    match stage {
        Position::Unknown => "unknown",
        Position::Rest => "rest",
        Position::Extend => "extend",
        Position::Ready => "ready",
        Position::Swap => "swap",
        Position::Refresh => "refresh",
        Position::Trim => "trim",
    }
}

fn ahead(answer: &Answer<'_>) -> Ahead {
    let (action, workloads) = match &answer.progress.next {
        Next::Do(step) => match step {
            Step::TrustRoots { .. } => ("trust-roots", Vec::new()),
            Step::Copy(_) => ("copy", Vec::new()),
            Step::Issuer { .. } => ("issuer", Vec::new()),
            Step::AwaitIssuer { .. } => ("await-issuer", Vec::new()),
            Step::Restart { workloads, .. } => ("restart", workloads.clone()),
            Step::AwaitLinked { .. } => ("await-linked", Vec::new()),
            Step::AwaitLeafs { workloads } => ("await-leafs", workloads.clone()),
            Step::Webhook(act) => (act.word(), Vec::new()),
        },
        Next::Hold(holds) => ("operator", holds.iter().map(|hold| hold.workload.clone()).collect()),
        Next::Done(done) if done.trusting_old.is_empty() => ("none", Vec::new()),
        Next::Done(done) => ("operator", done.trusting_old.clone()),
        Next::Refuse(Refusal::NoKeyFor { .. }) => ("key", Vec::new()),
        Next::Refuse(Refusal::Outside(_)) => ("outside", Vec::new()),
        Next::Refuse(_) => ("refused", Vec::new()),
    };
    Ahead { action, text: answer.next(), workloads }
}

fn anchor<'a>(answer: &'a Answer<'_>, node: &'a AnchorNode) -> Anchor<'a> {
    Anchor {
        mark: &node.mark,
        certificate: authority(answer, &node.certificate),
        in_trust_roots: node.in_roots,
        places: &node.places,
        loaded_by: node.loaded_by,
        issuers: node.issuers.iter().map(|node| issuer(answer, node)).collect(),
    }
}

fn issuer<'a>(answer: &'a Answer<'_>, node: &'a IssuerNode) -> Issuer<'a> {
    Issuer {
        certificate: node.certificate().map(|certificate| authority(answer, certificate)),
        in_secret: node.in_secret,
        signs: node.signs,
        places: &node.places,
        proxies: node.proxies(),
        leafs: node.leafs.iter().map(group).collect(),
    }
}

fn authority<'a>(answer: &Answer<'_>, certificate: &'a Certificate) -> Authority<'a> {
    let (now, lifetime) = (answer.snapshot.taken_at, certificate.lifetime());
    Authority {
        name: certificate.name(),
        fingerprint: certificate.fingerprint(),
        not_before: lifetime.not_before,
        not_after: lifetime.not_after,
        seconds_left: lifetime.left(now).as_secs(),
        life: life(lifetime.stage(now, &answer.thresholds)),
    }
}

fn group(group: &LeafGroup) -> Group<'_> {
    Group {
        trusts: group.trusts.as_ref(),
        proxies: group.proxies(),
        first_end: group.first_end,
        workloads: group.workloads.iter().map(row).collect(),
    }
}

fn row(holder: &Holder) -> Row<'_> {
    Row {
        workload: &holder.workload,
        component: holder.component.as_deref(),
        proxies: holder.proxies,
        of: holder.of,
        obstacle: holder.obstacle.map(|obstacle| match obstacle {
            Obstacle::Paused => "paused",
            Obstacle::InjectedByHand => "injected-by-hand",
            Obstacle::Bare => "bare",
            Obstacle::Job => "job",
            Obstacle::Unknown => "unknown",
            Obstacle::Excluded => "excluded",
            Obstacle::NotSelected => "not-selected",
        }),
        trouble: holder.trouble.as_deref(),
    }
}

impl From<plan::Count> for Count {
    fn from(plan::Count { done, unseen, of }: plan::Count) -> Self {
        Self { done, unseen, of }
    }
}
