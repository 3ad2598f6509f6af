//! What to verify, listed from the steps to come.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use secrecy::ExposeSecret as _;

use crate::{
    execute::{Keys, write_of},
    mesh::{IssuerPair, Right, Write},
    pki::{Bundle, Certificate, KeyState, verify},
    plan::{
        Next, Outlook, Standing, Step, Why,
        webhooks::{Act, Server},
    },
    snapshot::{Snapshot, WorkloadRef},
};

use super::{About, Row, Verdict};

/// A leaf lives as long by default; what holds now has to hold then.
const LEAF: SignedDuration = SignedDuration::from_hours(24);

/// What to verify of a plan.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Namespace of the control plane.
    pub namespace: String,
    /// Rights that the run takes.
    pub rights: BTreeSet<Right>,
    /// Each write, with the number of its step. All are against the versions that are there now.
    pub writes: Vec<(usize, Write)>,
    /// Each workload that is restarted, once.
    pub restarts: BTreeSet<WorkloadRef>,
    /// What the injector should give to a new pod now; `None` where no workload gets new pods from it.
    pub new_pods: Option<Bundle>,
    /// What was verified of the certificates already: that takes no cluster.
    pub chains: Vec<Row>,
}

impl Wanted {
    /// Lists it. `keys` are those that the run brings in.
    pub fn of<'a>(outlook: &Outlook, snapshot: &Snapshot, standing: &Standing, keys: impl Into<Keys<'a>>) -> Self {
        let keys = keys.into();
        let issuer = keys.issuer;
        let namespace = snapshot.namespace.clone();
        let mut wanted = Self {
            rights: Right::to_lock(&namespace).into_iter().collect(),
            namespace,
            writes: Vec::new(),
            restarts: BTreeSet::new(),
            new_pods: None,
            chains: vec![pairs(outlook, standing)],
        };
        let own =
            |who: &&WorkloadRef| standing.parties.iter().any(|party| party.who == **who && party.component.is_some());
        let mut then = standing.clone();
        for (number, step) in (1..).zip(&outlook.steps) {
            if let Some(write) = write_of(step, snapshot, &then.roots, keys) {
                wanted.rights.extend(Right::to_write(&write, &wanted.namespace));
                wanted.writes.push((number, write));
            }
            match step {
                Step::Issuer { chain } => wanted.chains.push(new_issuer(chain, &then, issuer)),
                Step::Restart { workloads, why } => {
                    wanted.restarts.extend(workloads.iter().cloned());
                    // A recovery restarts the injector first, and then asks it before each restart.
                    if *why != Why::Mend && !workloads.iter().all(|who| own(&who)) {
                        wanted.new_pods = Some(Bundle::of(standing.roots.iter().cloned()));
                    }
                }
                Step::Webhook(act) => wanted.rights.extend(of_webhook(act, standing)),
                // Identity is restarted where it misses the change.
                Step::AwaitIssuer { .. } => wanted.restarts.extend(identity(standing)),
                Step::TrustRoots { .. } | Step::Copy(_) | Step::AwaitLeafs { .. } | Step::AwaitLinked { .. } => {}
            }
            then = then.after(step);
        }
        wanted.rights.extend(wanted.restarts.iter().flat_map(Right::to_restart));
        wanted
    }
}

/// What a step towards new webhook certificates takes beside its write: pods are asked, and objects tried.
fn of_webhook(act: &Act, standing: &Standing) -> Vec<Right> {
    let (Act::AwaitServed { of } | Act::Prove { of }) = act else { return Vec::new() };
    let servers = of.iter().filter_map(|service| standing.webhook_server(service));
    let rights = |server: &Server| {
        let namespace = &server.service.namespace;
        let mut rights = vec![
            Right::to("get", "", "services").within(namespace).named(&server.service.name),
            Right::to("list", "", "pods").within(namespace),
            Right::to("create", "", "pods").of("portforward").within(namespace),
        ];
        if matches!(act, Act::AwaitServed { .. }) {
            rights.extend(server.workloads().iter().flat_map(Right::to_restart));
        }
        rights
    };
    servers.flat_map(rights).collect()
}

fn identity(standing: &Standing) -> Option<WorkloadRef> {
    let identity = standing.parties.iter().find(|party| party.component.as_deref() == Some("identity"))?;
    Some(identity.who.clone())
}

/// The outlook holds no step that the gate refuses: it would have ended there.
fn pairs(outlook: &Outlook, standing: &Standing) -> Row {
    let (steps, workloads) = (outlook.steps.len(), standing.parties.len());
    let mends = outlook.steps.iter().any(|step| matches!(step, Step::Restart { why: Why::Mend, .. }));
    let only_webhooks = outlook.steps.iter().all(|step| matches!(step, Step::Webhook(_)));
    let what = if mends {
        format!("{steps} steps, none of which parts two of {workloads} workloads that would accept each other for good")
    } else if only_webhooks && steps > 0 {
        format!("{steps} steps, before and after each of which the API server accepts what its webhooks serve")
    } else {
        format!("{steps} steps, before and after each of which {workloads} workloads accept each other")
    };
    let verdict = match &outlook.end {
        Next::Done(_) => Verdict::Verified,
        _ => Verdict::Remark("what comes after them is not known yet".to_owned()),
    };
    Row::new(About::Chains, what, verdict)
}

fn new_issuer(chain: &[Certificate], standing: &Standing, issuer: Option<&IssuerPair>) -> Row {
    let name = chain.first().map(|one| format!("`{}` ({})", one.name(), one.fingerprint().short()));
    let what = format!("issuer {} under the trust roots, now and in a day", name.unwrap_or_default());
    let bundle = Bundle::of(standing.roots.iter().cloned());
    let refusal = [standing.at, standing.at + LEAF].into_iter().find_map(|at| {
        let as_proxy = verify::issuer_as_proxy(chain, &standing.roots, at);
        as_proxy.and_then(|()| verify::as_identity(chain, &bundle, at)).err()
    });
    let pair = issuer.filter(|pair| pair.chain == chain);
    let verdict = match (refusal, pair, chain.first()) {
        (Some(refusal), ..) => Verdict::refused(refusal.to_string(), "bring another issuer, or a longer lifetime"),
        (None, Some(pair), Some(first)) if KeyState::of_pem(pair.key.expose_secret().as_bytes()).fits(first) => {
            Verdict::Verified
        }
        (None, ..) => Verdict::refused("its private key is not at hand", "bring the key that belongs to it"),
    };
    Row::new(About::Chains, what, verdict)
}
