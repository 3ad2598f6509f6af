//! What cert-manager and trust-manager would make and keep for Linkerd, written by hand with their statuses.
//!
//! The set-up is that of Linkerd's guide: a self-signed anchor and a 48 h issuer as Certificates, a Bundle of the
//! present and the previous anchor that feeds the `ConfigMap`, and `linkerd-previous-anchor` copied once by hand.

use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::kubectl::Kubectl;
use super::{NAMESPACE, Pki, crds};
use crate::digest::sha256;
use crate::error::Result;
use crate::trust::{self, DAY, HOUR, Life, Pair};

/// Namespace of cert-manager.
pub const CERT_MANAGER: &str = "cert-manager";

/// One generation of certificates: what the last issuance of each Certificate left behind.
#[derive(Clone, Copy, Debug)]
pub struct Generation<'a> {
    /// Anchor in `linkerd-trust-anchor`, and which revision it is.
    pub anchor: (&'a Pair, u32),
    /// Anchor in `linkerd-previous-anchor`.
    pub previous: &'a Pair,
    /// Issuer in `linkerd-identity-issuer`, the anchor that signed it, and which revision it is.
    pub issuer: (&'a Pair, &'a Pair, u32),
}

/// The certificates of such a mesh: an anchor for 365 d issued a while ago, an issuer for 48 h.
pub fn pki(anchor_age: i64, issuer_age: i64) -> Result<Pki> {
    let anchor = trust::cert_manager(trust::ANCHOR, Life::aged(anchor_age, 365 * DAY - anchor_age), None)?;
    let issuer = trust::cert_manager(trust::ISSUER, Life::aged(issuer_age, 48 * HOUR - issuer_age), Some(&anchor))?;
    Ok(Pki { anchor, issuer })
}

/// Makes the APIs, the namespaces and everything that has to be there before the control plane.
pub async fn install(kube: &Kubectl, pki: &Pki) -> Result<()> {
    kube.apply(&crds::cert_manager()).await?;
    let names: Vec<_> = crds::names(&crds::cert_manager()).into_iter().map(|name| format!("crd/{name}")).collect();
    let wait = ["wait", "--for=condition=Established", "--timeout=30s"];
    kube.run(&wait.into_iter().chain(names.iter().map(String::as_str)).collect::<Vec<_>>()).await?;
    let labels = json!({"linkerd.io/is-control-plane": "true", "config.linkerd.io/admission-webhooks": "disabled"});
    kube.apply(&list(&[
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": CERT_MANAGER}}),
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}}),
        json!({"apiVersion": "cert-manager.io/v1", "kind": "Issuer",
            "metadata": {"name": "linkerd-trust-root-issuer", "namespace": CERT_MANAGER}, "spec": {"selfSigned": {}},
            "status": {"conditions": [ready("IsReady", "")]}}),
        json!({"apiVersion": "cert-manager.io/v1", "kind": "ClusterIssuer",
            "metadata": {"name": "linkerd-identity-issuer"}, "spec": {"ca": {"secretName": "linkerd-trust-anchor"}},
            "status": {"conditions": [ready("KeyPairVerified", "Signing CA verified")]}}),
    ]))
    .await?;
    let (anchor, issuer) = (&pki.anchor, &pki.issuer);
    renew(kube, Generation { anchor: (anchor, 1), previous: anchor, issuer: (issuer, anchor, 1) }).await
}

/// Writes what the two controllers would after their latest round.
pub async fn renew(kube: &Kubectl, now: Generation<'_>) -> Result<()> {
    let (anchor, anchor_revision) = now.anchor;
    let (issuer, signer, issuer_revision) = now.issuer;
    let root =
        certificate("linkerd-trust-anchor", CERT_MANAGER, trust::ANCHOR, (365 * 24, 7320), anchor, anchor_revision);
    let identity = certificate("linkerd-identity-issuer", NAMESPACE, trust::ISSUER, (48, 25), issuer, issuer_revision);
    kube.apply(&list(&[
        request(&root, anchor, anchor),
        request(&identity, issuer, signer),
        secret(Some(&root), "linkerd-trust-anchor", CERT_MANAGER, anchor, anchor)?,
        secret(None, "linkerd-previous-anchor", CERT_MANAGER, now.previous, now.previous)?,
        secret(Some(&identity), "linkerd-identity-issuer", NAMESPACE, issuer, signer)?,
        root,
        identity,
        bundle(),
    ]))
    .await?;
    let uid = kube.get(&["bundle", "linkerd-identity-trust-roots"]).await?["metadata"]["uid"].clone();
    kube.apply(&trust_roots(&[anchor, now.previous], &uid).to_string()).await
}

fn certificate(name: &str, ns: &str, subject: &str, hours: (i64, i64), pair: &Pair, revision: u32) -> Value {
    let (duration, before) = hours;
    let issuer = if ns == CERT_MANAGER { ("Issuer", "linkerd-trust-root-issuer") } else { ("ClusterIssuer", name) };
    let renewal = pair.end() - SignedDuration::from_hours(before);
    json!({
        "apiVersion": "cert-manager.io/v1", "kind": "Certificate",
        "metadata": {"name": name, "namespace": ns},
        "spec": {
            "commonName": subject, "duration": format!("{duration}h0m0s"), "isCA": true,
            "issuerRef": {"kind": issuer.0, "name": issuer.1},
            "privateKey": {"algorithm": "ECDSA", "rotationPolicy": "Always"},
            "renewBefore": format!("{before}h0m0s"), "secretName": name,
        },
        "status": {
            "conditions": [ready("Ready", "Certificate is up to date and has not expired")],
            "notBefore": pair.start().to_string(), "notAfter": pair.end().to_string(),
            "renewalTime": renewal.to_string(), "revision": revision,
        },
    })
}

fn request(certificate: &Value, pair: &Pair, ca: &Pair) -> Value {
    let (meta, spec, revision) = (&certificate["metadata"], &certificate["spec"], &certificate["status"]["revision"]);
    let name = meta["name"].as_str().unwrap_or_default();
    json!({
        "apiVersion": "cert-manager.io/v1", "kind": "CertificateRequest",
        "metadata": {"name": format!("{name}-{revision}"), "namespace": meta["namespace"], "annotations": {
            "cert-manager.io/certificate-name": name,
            "cert-manager.io/certificate-revision": revision.to_string(),
        }},
        "spec": {"duration": spec["duration"], "isCA": true, "issuerRef": spec["issuerRef"]},
        "status": {
            "ca": BASE64_STANDARD.encode(ca.crt()), "certificate": BASE64_STANDARD.encode(pair.crt()),
            "conditions": [ready("Issued", "Certificate fetched from issuer successfully")],
        },
    })
}

fn secret(certificate: Option<&Value>, name: &str, ns: &str, pair: &Pair, ca: &Pair) -> Result<Value> {
    let mut secret = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
        "metadata": {"name": name, "namespace": ns},
        "data": {
            "ca.crt": BASE64_STANDARD.encode(ca.crt()),
            "tls.crt": BASE64_STANDARD.encode(pair.crt()),
            "tls.key": BASE64_STANDARD.encode(pair.key()?),
        },
    });
    // The copy made by hand must not carry cert-manager's marks.
    if let Some(spec) = certificate.map(|certificate| &certificate["spec"]) {
        secret["metadata"]["labels"] = json!({"controller.cert-manager.io/fao": "true"});
        secret["metadata"]["annotations"] = json!({
            "cert-manager.io/alt-names": "", "cert-manager.io/ip-sans": "", "cert-manager.io/uri-sans": "",
            "cert-manager.io/certificate-name": name, "cert-manager.io/common-name": spec["commonName"],
            "cert-manager.io/issuer-group": "", "cert-manager.io/issuer-kind": spec["issuerRef"]["kind"],
            "cert-manager.io/issuer-name": spec["issuerRef"]["name"],
        });
    }
    Ok(secret)
}

fn bundle() -> Value {
    let message =
        "Successfully synced Bundle to namespaces that match this label selector: linkerd.io/is-control-plane=true";
    let source = |name: &str| json!({"secret": {"name": name, "key": "tls.crt"}});
    let mut synced = ready("Synced", message);
    synced["type"] = json!("Synced");
    json!({
        "apiVersion": "trust.cert-manager.io/v1alpha1", "kind": "Bundle",
        "metadata": {"name": "linkerd-identity-trust-roots"},
        "spec": {
            "sources": [source("linkerd-trust-anchor"), source("linkerd-previous-anchor")],
            "target": {
                "configMap": {"key": "ca-bundle.crt"},
                "namespaceSelector": {"matchLabels": {"linkerd.io/is-control-plane": "true"}},
            },
        },
        "status": {"conditions": [synced]},
    })
}

/// The `ConfigMap` as trust-manager writes it: each certificate once, no newline at the end, the text's own hash.
fn trust_roots(anchors: &[&Pair], uid: &Value) -> Value {
    let mut texts: Vec<_> = anchors.iter().map(|anchor| anchor.crt().trim().to_owned()).collect();
    texts.dedup();
    let text = texts.join("\n");
    let hash = sha256(text.as_bytes());
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {
            "name": "linkerd-identity-trust-roots", "namespace": NAMESPACE,
            "annotations": {"trust.cert-manager.io/hash": hash},
            "labels": {"trust.cert-manager.io/bundle": "linkerd-identity-trust-roots"},
            "ownerReferences": [{
                "apiVersion": "trust.cert-manager.io/v1alpha1", "kind": "Bundle", "blockOwnerDeletion": true,
                "controller": true, "name": "linkerd-identity-trust-roots", "uid": uid,
            }],
        },
        "data": {"ca-bundle.crt": text},
    })
}

fn ready(reason: &str, message: &str) -> Value {
    let now = Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default().to_string();
    json!({"type": "Ready", "status": "True", "reason": reason, "message": message,
        "lastTransitionTime": now, "observedGeneration": 1})
}

fn list(items: &[Value]) -> String {
    json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
}
