//! Where the issuer stands in its life, and who renews it.

use crate::{
    findings::{
        Code, Finding, Severity, cert_manager, identity,
        text::{end, moment, named, span},
        verbs,
        view::View,
    },
    pki::{Certificate, lifetime::Stage},
    snapshot::{CertManagerCertificate, condition},
};

/// LC-I03, I04 and I05: where the issuer stands in its life.
pub(in crate::findings) fn lifetime(view: &View<'_>) -> Vec<Finding> {
    let Some(issuer) = view.issuer() else { return Vec::new() };
    if let Some(finding) = renewed_by_then(view, issuer) {
        return vec![finding];
    }
    let left = span(issuer.lifetime().left(view.now));
    let near = || format!("the identity issuer ends in {left}");
    let (code, severity, summary) = match issuer.lifetime().stage(view.now, &view.thresholds) {
        Stage::Fine => return Vec::new(),
        Stage::Expired => (Code::IssuerExpired, Severity::Critical, format!("the identity issuer expired {left} ago")),
        Stage::NotYetValid => {
            (Code::IssuerNotYetValid, Severity::Critical, "the identity issuer is not valid yet".to_owned())
        }
        Stage::VeryNearEnd => (Code::IssuerNearEnd, Severity::Critical, near()),
        Stage::NearEnd => (Code::IssuerNearEnd, Severity::Warning, near()),
    };
    let finding = Finding::new(code, severity, named(issuer), summary);
    let finding = if code == Code::IssuerNotYetValid {
        finding.seen(format!("valid from {}", moment(issuer.lifetime().not_before)))
    } else {
        finding.seen(end(issuer, view.now))
    };
    vec![match code {
        Code::IssuerExpired => expired(view, issuer, finding),
        Code::IssuerNotYetValid => {
            finding.next("check the clock of the machine that made it; wait until then, or make it again")
        }
        _ => match view.issuer_certificate() {
            Some(certificate) => renewed_by_cert_manager(finding, certificate),
            None => finding.seen("nothing was found that renews it").next(verbs::new_issuer(
                view,
                "make a new issuer under the present trust anchor and put it into the Secret",
            )),
        },
    }]
}

/// Asked about a moment to come, that what was read ends before it is no trouble where cert-manager renews it in time.
fn renewed_by_then(view: &View<'_>, issuer: &Certificate) -> Option<Finding> {
    let certificate = view.issuer_certificate()?;
    let due = cert_manager::renewed_by_then(view, certificate)?;
    let ends = matches!(
        issuer.lifetime().stage(view.now, &view.thresholds),
        Stage::Expired | Stage::VeryNearEnd | Stage::NearEnd
    );
    let finding = || {
        Finding::new(
            Code::IssuerNearEnd,
            Severity::Info,
            named(issuer),
            "cert-manager is due to renew the identity issuer before then",
        )
        .seen(end(issuer, view.seen_at))
        .seen(format!("{} is due for renewal at {}", cert_manager::reference(certificate), moment(due)))
        .next("see that it is renewed, with the renewals after it: `check` without `--at` tells when one is late")
    };
    ends.then(finding)
}

fn expired(view: &View<'_>, issuer: &Certificate, finding: Finding) -> Finding {
    let alive: Vec<_> = view
        .presented
        .iter()
        .filter(|presented| presented.issuer() != Some(issuer) && presented.leaf().lifetime().contains(view.seen_at))
        .collect();
    let finding = if let Some(until) = alive.iter().map(|presented| presented.leaf().lifetime().not_after).min() {
        finding.seen(format!("leafs from an earlier issuer still work; the first of them ends at {}", moment(until)))
    } else if identity::keeps_former_issuer(view) {
        finding.seen("the running identity goes on with the issuer before it, from memory, until it restarts")
    } else {
        finding.seen("no new leaf can be issued; new connections fail once the leafs in use end")
    };
    finding
        .next("restart nothing before identity can sign again: open connections go on carrying requests")
        .next(verbs::RECOVERY)
        .next("put a new issuer under the present trust anchor into the Secret, then restart linkerd-identity")
        .next("then restart the control plane and the workloads: their leafs carry the dead issuer")
}

fn renewed_by_cert_manager(finding: Finding, certificate: &CertManagerCertificate) -> Finding {
    let name = format!("{}/{}", certificate.meta.namespace, certificate.meta.name);
    let finding = match certificate.renewal_time {
        Some(at) => finding.seen(format!("cert-manager Certificate {name} is due for renewal at {}", moment(at))),
        None => finding.seen(format!("cert-manager Certificate {name} names no renewal time")),
    };
    let finding = match condition(&certificate.conditions, "Ready") {
        Some(ready) if ready.status != "True" => finding.seen(format!("it is not ready: {}", ready.message)),
        _ => finding,
    };
    finding.next(format!("`cmctl renew {} -n {}`", certificate.meta.name, certificate.meta.namespace))
}
