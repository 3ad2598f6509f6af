//! What is put on Deployment linkerd-identity as Kubernetes Events, so that whoever looks at the cluster sees what was
//! done to it: the beginning, each stage that was reached, and the end. A run that begins nothing leaves no note.

use crate::{
    mesh::{Fault, Mesh},
    pki::Certificate,
    plan::{Done, Goal, Refusal, Stage, Standing, Step},
};

use super::Stop;

/// What was noted of one run.
pub(super) struct Notes {
    goal: Goal,
    who: String,
    begun: bool,
    /// The stage in which a step was taken last.
    stage: Option<Stage>,
}

impl Notes {
    pub(super) fn new(goal: Goal, holder: &str) -> Self {
        let who = holder.split('/').next().unwrap_or(holder).to_owned();
        Self { goal, who, begun: false, stage: None }
    }

    /// A step is about to be taken: where it belongs to a later stage than the last, that one was reached.
    pub(super) async fn before<M: Mesh>(&mut self, mesh: &M, step: &Step, standing: &Standing) {
        let Some(stage) = step.stage() else { return };
        if let Some(before) = self.stage.filter(|before| self.begun && *before < stage) {
            reached(mesh, before, standing).await;
        }
        self.stage = Some(stage);
    }

    /// The first step was allowed.
    pub(super) async fn begun<M: Mesh>(&mut self, mesh: &M) {
        if self.begun {
            return;
        }
        self.begun = true;
        let (reason, what) = match self.goal {
            Goal::Anchor => ("TrustAnchorRotationStarted", "the trust anchor and the issuer under it"),
            Goal::Issuer => ("IssuerRotationStarted", "the identity issuer"),
            Goal::Back => ("RestoreStarted", "trust anchor and identity issuer back to those of a backup"),
            Goal::Recover => {
                ("RecoveryStarted", "what it takes for identity to sign again and for every leaf to be new")
            }
            Goal::Webhooks => ("WebhookRenewalStarted", "the webhooks' certificates"),
        };
        let stage = self.stage.map(|stage| format!(", from stage {stage} on")).unwrap_or_default();
        let version = env!("CARGO_PKG_VERSION");
        let verb = if self.goal == Goal::Webhooks { "renews" } else { "rotates" };
        let message = format!("{} {verb} {what} with linkerd-certs {version}{stage}", self.who);
        mesh.note(reason, &message).await;
    }

    /// Nothing is left to do: the last stage was reached as well.
    pub(super) async fn at_the_end<M: Mesh>(&mut self, mesh: &M, standing: &Standing) {
        if let Some(last) = self.stage.take().filter(|_| self.begun) {
            reached(mesh, last, standing).await;
        }
    }

    /// The run has ended.
    pub(super) async fn ended<M: Mesh>(&self, mesh: &M, ended: &Result<Done, Stop>) {
        // A server that does not answer would be waited for in vain.
        if !self.begun || matches!(ended, Err(Stop::Fault(Fault::Lost(_)))) {
            return;
        }
        let (recovers, renews) = (self.goal == Goal::Recover, self.goal == Goal::Webhooks);
        match ended {
            Ok(done) if recovers => {
                let left: Vec<String> = done.left.iter().map(|hold| hold.workload.to_string()).collect();
                let but = if left.is_empty() { String::new() } else { format!(", but for {}", left.join(", ")) };
                mesh.note("RecoveryFinished", &format!("identity signs, and every leaf is good{but}")).await;
            }
            Ok(_) if renews => mesh.note("WebhookRenewalFinished", "the API server calls every renewed webhook").await,
            Ok(done) if done.trusting_old.is_empty() => mesh.note("RotationFinished", "the rotation is complete").await,
            Ok(done) => {
                let message = format!(
                    "the rotation is complete; {} workloads still trust an anchor that signs nothing any more",
                    done.trusting_old.len()
                );
                mesh.note("RotationFinished", &message).await;
            }
            Err(stop) => {
                let message = format!("{}; the same command goes on from here", why(stop));
                let reason = match self.goal {
                    Goal::Recover => "RecoveryStopped",
                    Goal::Webhooks => "WebhookRenewalStopped",
                    Goal::Anchor | Goal::Issuer | Goal::Back => "RotationStopped",
                };
                mesh.note(reason, &message).await;
            }
        }
    }
}

async fn reached<M: Mesh>(mesh: &M, stage: Stage, standing: &Standing) {
    let (reason, message) = match stage {
        Stage::Extend => {
            ("TrustBundleExtended", format!("everything that verifies has loaded {}", named(&standing.roots)))
        }
        Stage::Swap => ("IssuerSwapped", format!("identity signs with {}", issuer(standing))),
        Stage::Refresh => ("LeafsRefreshed", format!("leafs come from {}", issuer(standing))),
        Stage::Trim => ("TrustBundleTrimmed", format!("the trust bundle is {}", named(&standing.roots))),
    };
    mesh.note(reason, &message).await;
}

fn issuer(standing: &Standing) -> String {
    named(&standing.issuer[..standing.issuer.len().min(1)])
}

fn named(certificates: &[Certificate]) -> String {
    let named = |one: &Certificate| format!("{} ({})", one.name(), one.fingerprint().short());
    certificates.iter().map(named).collect::<Vec<_>>().join(" and ")
}

/// Why it ended, in one sentence.
fn why(stop: &Stop) -> String {
    let refusal = match stop {
        Stop::Refused(refusal) => refusal,
        Stop::Held(holds) => {
            let names: Vec<String> = holds.iter().map(|hold| hold.workload.to_string()).collect();
            return format!("an operator has to see to {} first", names.join(", "));
        }
        other => return other.to_string(),
    };
    match &**refusal {
        Refusal::Unseen(what) | Refusal::Unfit(what) => what.clone(),
        Refusal::NoKeyFor { anchor } => format!("there is no key for trust anchor {}", anchor.name()),
        Refusal::AnchorRotation { anchor } => format!("the mesh is on its way to trust anchor {}", anchor.name()),
        Refusal::Outside(names) => format!("nobody has answered for {}", names.join(", ")),
        Refusal::Linked(lacks) => {
            let lacks: Vec<String> = lacks.iter().map(ToString::to_string).collect();
            lacks.join("; ")
        }
        Refusal::Owned { objects, .. } => objects.join(", "),
        Refusal::Breaks(_, pairs) => {
            let first = pairs.first().map(|pair| format!(", such as: {pair}")).unwrap_or_default();
            format!("the next step would break {} pairs{first}", pairs.len())
        }
    }
}
