//! Family W: the certificates that the API server verifies before it calls Linkerd.

mod key;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::{
    pki::{
        Bundle, Certificate,
        lifetime::Stage,
        verify::{self, Refusal},
    },
    snapshot::{FailurePolicy, Owner, Source, TlsSecret, Webhook, WebhookKind},
};

pub(super) use self::key::mismatch as key_mismatch;
use super::{
    Code, Finding, Severity, cert_manager,
    text::{end, moment, named, some_of, span},
    view::View,
};

fn each<'a>(view: &View<'a>, rule: impl Fn(&View<'a>, &'a Webhook) -> Option<Finding>) -> Vec<Finding> {
    view.snapshot.webhooks.items().iter().filter_map(|webhook| rule(view, webhook)).collect()
}

/// What stands between names in the subject of a finding about several webhooks.
const AND: &str = ", ";

fn subject(webhook: &Webhook) -> String {
    webhook.name.clone()
}

/// The webhooks that a finding of this family is about.
pub(super) fn about<'a>(view: &View<'a>, finding: &Finding) -> Vec<&'a Webhook> {
    let named = |webhook: &&Webhook| finding.subject.split(AND).any(|name| name == webhook.name);
    view.snapshot.webhooks.items().iter().filter(named).collect()
}

/// Whether it is what gives pods their proxies; extensions have injectors of their own.
pub(super) fn is_proxy_injector(view: &View<'_>, webhook: &Webhook) -> bool {
    webhook.kind == WebhookKind::Mutating
        && webhook.service == "linkerd-proxy-injector"
        && webhook.service_namespace == view.snapshot.namespace
}

fn secret(webhook: &Webhook) -> Option<&TlsSecret> {
    webhook.secret.found()
}

fn certificate(webhook: &Webhook) -> Option<&Certificate> {
    secret(webhook)?.chain.as_ref()?.first()
}

/// What a webhook that cannot be called means for the cluster.
fn consequence(view: &View<'_>, webhook: &Webhook) -> &'static str {
    let gives_proxies = is_proxy_injector(view, webhook);
    match (webhook.kind, webhook.failure_policy) {
        (WebhookKind::ApiService, _) => "its API is unavailable",
        (WebhookKind::Mutating, Some(FailurePolicy::Fail)) if gives_proxies => {
            "failurePolicy Fail: no pod can be created"
        }
        (WebhookKind::Mutating, _) if gives_proxies => "failurePolicy Ignore: new pods come up without a proxy",
        (WebhookKind::Mutating, Some(FailurePolicy::Fail)) => {
            "failurePolicy Fail: nothing that it is to change can be created"
        }
        (WebhookKind::Mutating, _) => "failurePolicy Ignore: new pods come up without what it adds to them",
        (WebhookKind::Validating, Some(FailurePolicy::Fail)) => {
            "failurePolicy Fail: no such Linkerd resource can be created or changed"
        }
        (WebhookKind::Validating, _) => "failurePolicy Ignore: invalid Linkerd resources are let in",
    }
}

/// The cert-manager Certificate that writes the webhook's Secret, by its object or by the Secret's own annotation.
fn renewed_from<'a>(view: &View<'a>, webhook: &'a Webhook) -> Option<&'a str> {
    let meta = &secret(webhook)?.meta;
    let by_annotation = meta.owners.iter().find_map(|owner| match owner {
        Owner::CertManager { certificate } => Some(certificate.as_str()),
        _ => None,
    });
    cert_manager::that_fills(view, &meta.namespace, &meta.name).map(|one| one.meta.name.as_str()).or(by_annotation)
}

fn is_cert_managers(view: &View<'_>, webhook: &Webhook) -> bool {
    webhook.injects_ca_from.is_some() || renewed_from(view, webhook).is_some()
}

/// How to renew these webhooks' certificates, all of which cert-manager renews or none.
fn renew(view: &View<'_>, webhooks: &[&Webhook]) -> Vec<String> {
    let mut secrets: Vec<String> =
        webhooks.iter().filter_map(|webhook| secret(webhook)).map(|secret| secret.meta.reference()).collect();
    secrets.dedup();
    if !secrets.is_empty() && webhooks.iter().all(|webhook| is_cert_managers(view, webhook)) {
        let mut lines: Vec<String> = webhooks
            .iter()
            .filter_map(|webhook| Some((renewed_from(view, webhook), &secret(webhook)?.meta)))
            .map(|(certificate, meta)| match certificate {
                Some(name) => format!("`cmctl renew {name} -n {}`", meta.namespace),
                None => format!("cert-manager owns it: `cmctl renew` the Certificate of {}", meta.reference()),
            })
            .collect();
        lines.dedup();
        return some_of(lines);
    }
    vec![match secrets.as_slice() {
        [] => "`linkerd upgrade` or `helm upgrade` makes its Secret".to_owned(),
        [one] => format!("`renew-webhooks` renews {one} without a gap; `renew-webhooks --dry-run` only shows the plan"),
        several => format!(
            "`renew-webhooks` renews all of them without a gap; `renew-webhooks --dry-run` only shows the plan: {}",
            several.join(", ")
        ),
    }]
}

/// A webhook whose certificate is at a bad point of its life.
struct Ending<'a> {
    webhook: &'a Webhook,
    certificate: &'a Certificate,
    /// When cert-manager renews it, where that is before the moment asked about.
    due: Option<Timestamp>,
}

/// LC-W01 and W02: where the webhooks' certificates stand in their lives. The charts make them all at once, so they end
/// together and are renewed in one go: one finding for all at the same point that are renewed in the same way.
pub(super) fn lifetime(view: &View<'_>) -> Vec<Finding> {
    let mut alike: BTreeMap<_, Vec<Ending<'_>>> = BTreeMap::new();
    for webhook in view.snapshot.webhooks.items() {
        let Some(certificate) = certificate(webhook) else { continue };
        let stage = certificate.lifetime().stage(view.now, &view.thresholds);
        let due = secret(webhook)
            .and_then(|secret| cert_manager::that_fills(view, &secret.meta.namespace, &secret.meta.name))
            .and_then(|writer| cert_manager::renewed_by_then(view, writer))
            .filter(|_| stage != Stage::NotYetValid);
        // What is renewed in time is the same matter, whether near its end by then or past it.
        let kind = if due.is_some() && stage != Stage::Fine { None } else { Some(stage) };
        if stage != Stage::Fine {
            let ending = Ending { webhook, certificate, due };
            alike.entry((kind, is_cert_managers(view, webhook))).or_default().push(ending);
        }
    }
    alike.into_iter().map(|((stage, _), endings)| ends(view, stage, &endings)).collect()
}

/// The finding for webhooks at the same `stage`; `None` where cert-manager renews them in time.
fn ends(view: &View<'_>, stage: Option<Stage>, endings: &[Ending<'_>]) -> Finding {
    let services: BTreeSet<_> =
        endings.iter().map(|ending| (&ending.webhook.service_namespace, &ending.webhook.service)).collect();
    let mut of = match services.first() {
        Some((_, service)) if services.len() == 1 => format!("the certificate of webhook {service}"),
        _ => format!("the certificates of {} webhooks", services.len()),
    };
    let one_or_many = |one: &'static str, many: &'static str| if services.len() == 1 { one } else { many };
    let first = endings.iter().map(|ending| ending.certificate.lifetime().left(view.now)).min();
    let left = first.map_or_else(String::new, span);
    let (code, severity) = match stage {
        None => (Code::WebhookNearEnd, Severity::Info),
        Some(Stage::Expired | Stage::NotYetValid) => (Code::WebhookExpired, Severity::Critical),
        Some(Stage::VeryNearEnd) => (Code::WebhookNearEnd, Severity::Critical),
        Some(Stage::NearEnd | Stage::Fine) => (Code::WebhookNearEnd, Severity::Warning),
    };
    match stage {
        None => of = format!("cert-manager is due to renew {of} before then"),
        Some(Stage::Expired) => {
            let first = one_or_many("expired", "have expired, the first of them");
            of = format!("{of} {first} {left} ago");
        }
        Some(Stage::NotYetValid) => of = format!("{of} {} not valid yet", one_or_many("is", "are")),
        Some(_) => of = format!("{of} {} {left}", one_or_many("ends in", "end soon, the first of them in")),
    }
    let mut names: Vec<_> = endings.iter().map(|ending| subject(ending.webhook)).collect();
    names.dedup();
    let finding = Finding::new(code, severity, names.join(AND), of);
    let finding = match endings {
        [only] => finding.seen_all(lines(view, code, only)),
        several => finding.seen_all(some_of(
            several.iter().map(|one| format!("{}: {}", one.webhook.service, lines(view, code, one).join("; "))),
        )),
    };
    let finding = match code {
        Code::WebhookExpired => finding.next("restart no workload before it is renewed"),
        _ => finding,
    };
    let webhooks: Vec<_> = endings.iter().map(|ending| ending.webhook).collect();
    if stage.is_none() {
        return finding.next("see that they are renewed: `check` without `--at` tells when one is late");
    }
    finding.next_all(renew(view, &webhooks))
}

fn lines(view: &View<'_>, code: Code, ending: &Ending<'_>) -> Vec<String> {
    let Ending { webhook, certificate, due } = ending;
    let effect = consequence(view, webhook);
    match due {
        Some(due) => vec![
            format!("{} {}", named(certificate), end(certificate, view.seen_at)),
            format!("due for renewal at {}", moment(*due)),
        ],
        None => vec![
            format!("{} {}", named(certificate), end(certificate, view.now)),
            if code == Code::WebhookExpired { effect.to_owned() } else { format!("then {effect}") },
        ],
    }
}

/// LC-W03: the API server cannot verify what the Secret holds. That its own certificate has ended is another finding.
pub(super) fn untrusted(view: &View<'_>) -> Vec<Finding> {
    each(view, |view, webhook| {
        let chain = secret(webhook)?.chain.as_ref()?;
        let leaf = chain.first()?;
        let at = leaf.lifetime().nearest(view.now);
        let mut next = vec![if is_cert_managers(view, webhook) {
            format!("put the certificate that signed it into caBundle of {}", webhook.meta.reference())
        } else {
            "`renew-webhooks` puts what verifies it into caBundle; `renew-webhooks --dry-run` only shows the plan"
                .to_owned()
        }];
        let why = match &webhook.ca_bundle {
            // An APIService may skip verification, and an empty caBundle means the system's roots.
            None if webhook.kind == WebhookKind::ApiService => return None,
            None => vec!["caBundle is empty".to_owned()],
            Some(bundle) => {
                let refusal = as_api_server(&chain.certificates, bundle, at).err()?;
                let holds =
                    format!("caBundle holds {}", bundle.certificates.iter().map(named).collect::<Vec<_>>().join(", "));
                if refusal == Refusal::UnknownIssuer {
                    vec![holds]
                } else {
                    next = vec![
                        "renew the authority above it, and put the new one into caBundle beside the old".to_owned(),
                    ];
                    next.extend(renew(view, &[webhook]));
                    vec![refusal.to_string(), holds]
                }
            }
        };
        let finding = Finding::new(
            Code::WebhookUntrusted,
            Severity::Critical,
            subject(webhook),
            format!("the API server's caBundle does not verify webhook {}", webhook.service),
        )
        .seen_all(why)
        .seen(format!("{} holds {}", secret(webhook)?.meta.reference(), named(leaf)))
        .seen(consequence(view, webhook))
        .next_all(next);
        Some(finding)
    })
}

/// Verifies a served chain as the API server does, with Go's crypto/x509 and caBundle for its roots: a certificate that
/// is itself a root is good, as the charts make them, and a root that has expired is not.
fn as_api_server(chain: &[Certificate], bundle: &Bundle, at: Timestamp) -> Result<(), Refusal> {
    verify::as_identity(chain, bundle, at)
}

/// LC-W05: the API server calls it by a name that its certificate does not have.
pub(super) fn wrong_name(view: &View<'_>) -> Vec<Finding> {
    each(view, |view, webhook| {
        let certificate = certificate(webhook)?;
        let wanted = webhook.server_name();
        if certificate.dns_names().iter().any(|name| matches_name(name, &wanted)) {
            return None;
        }
        let has = match certificate.dns_names() {
            [] => "it has no DNS names".to_owned(),
            names => format!("it is for {}", names.join(", ")),
        };
        let finding = Finding::new(
            Code::WebhookWrongName,
            Severity::Critical,
            subject(webhook),
            "the webhook's certificate is for another name",
        )
        .seen(format!("the API server asks for {wanted}; {has}"))
        .seen(consequence(view, webhook))
        .next_all(renew(view, &[webhook]));
        Some(finding)
    })
}

fn matches_name(pattern: &str, wanted: &str) -> bool {
    let tail = |name: &str| name.split_once('.').map(|(_, tail)| tail.to_ascii_lowercase());
    pattern.eq_ignore_ascii_case(wanted) || (pattern.starts_with("*.") && tail(pattern) == tail(wanted))
}

/// LC-W06: what its pods serve is not what the Secret holds.
pub(super) fn not_served(view: &View<'_>) -> Vec<Finding> {
    each(view, |view, webhook| {
        let held = certificate(webhook)?;
        let chain = webhook.served.as_ref()?.as_ref().ok()?;
        let served = chain.first().filter(|served| *served != held)?;
        let trusted = match &webhook.ca_bundle {
            Some(bundle) => as_api_server(chain, bundle, view.now).is_ok(),
            None => webhook.kind == WebhookKind::ApiService,
        };
        let (severity, effect) = if trusted {
            (Severity::Warning, "the API server still accepts what is served")
        } else {
            (Severity::Critical, consequence(view, webhook))
        };
        let finding = Finding::new(
            Code::WebhookNotServed,
            severity,
            subject(webhook),
            "the webhook serves another certificate than its Secret holds",
        )
        .seen(format!("served: {}, {}", named(served), end(served, view.now)))
        .seen(format!("in the Secret: {}", named(held)))
        .seen(effect)
        .next("its server reloads a new Secret within a minute; if it does not, `renew-webhooks` restarts it");
        Some(finding)
    })
}

/// LC-W07: there is nothing to serve.
pub(super) fn no_certificate(view: &View<'_>) -> Vec<Finding> {
    each(view, |view, webhook| {
        let why = match &webhook.secret {
            Source::Missing => {
                format!("no Secret was found for Service {}/{}", webhook.service_namespace, webhook.service)
            }
            Source::Found(secret) if certificate(webhook).is_none() => {
                format!("tls.crt in {} holds no certificate", secret.meta.reference())
            }
            _ => return None,
        };
        let finding = Finding::new(
            Code::WebhookSecretMissing,
            Severity::Critical,
            subject(webhook),
            "the webhook has no certificate",
        )
        .seen(why)
        .seen(consequence(view, webhook))
        .next_all(renew(view, &[webhook]));
        Some(finding)
    })
}

/// LC-W08: the aggregator says that an API of Linkerd's is not available.
pub(super) fn api_service_unavailable(view: &View<'_>) -> Vec<Finding> {
    each(view, |_, webhook| {
        let message = webhook.available.as_ref()?.as_ref().err()?;
        let finding = Finding::new(
            Code::ApiServiceUnavailable,
            Severity::Critical,
            subject(webhook),
            "an APIService of Linkerd is not available",
        )
        .seen(message.clone())
        .next(format!("`kubectl describe apiservice {}`", webhook.meta.name));
        Some(finding)
    })
}

/// LC-W09: its Service leads to no server that answers.
pub(super) fn unanswered(view: &View<'_>) -> Vec<Finding> {
    each(view, |_, webhook| {
        let reason = webhook.served.as_ref()?.as_ref().err().filter(|reason| !was_not_asked(reason))?;
        // A pod is asked through port-forwarding, which may fail where the API server's own way to it does not.
        let on_the_way = reason.starts_with("pod ") || reason.starts_with("no answer");
        let (namespace, service) = (&webhook.service_namespace, &webhook.service);
        let finding = Finding::new(
            Code::WebhookUnanswered,
            if on_the_way { Severity::Warning } else { Severity::Critical },
            subject(webhook),
            format!("nothing answers behind Service {namespace}/{service} of a webhook"),
        )
        .seen(reason.clone())
        .seen(consequence(view, webhook))
        .next("restart no workload before its pods are ready")
        .next(format!("`kubectl get endpointslices -n {namespace} -l kubernetes.io/service-name={service}`"));
        Some(finding)
    })
}

/// Whether the reason for which nothing was presented is that nobody was asked.
pub(super) fn was_not_asked(reason: &str) -> bool {
    reason.starts_with("forbidden") || reason.contains(" cannot be read: ")
}
