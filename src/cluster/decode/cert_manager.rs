use serde_json::Value;

use crate::{
    pki::Bundle,
    snapshot::{CertManagerCertificate, CertManagerIssuer, CertificateRequest, TrustBundle},
};

use super::{Object, duration};

/// A Certificate of cert-manager.io/v1.
pub fn certificate(value: &Value) -> CertManagerCertificate {
    let object = Object::new(value);
    let duration_seconds = object.at("/spec/duration").and_then(duration::seconds_of);
    // The share of the lifetime that is left when renewal begins.
    let by_percentage = |duration: u64| {
        let percentage = object.number("/spec/renewBeforePercentage")?;
        Some(duration.saturating_mul(percentage) / 100)
    };
    let mut certificate = CertManagerCertificate {
        meta: object.meta("Certificate"),
        secret_name: object.string("/spec/secretName"),
        is_ca: object.flag("/spec/isCA"),
        duration_seconds,
        renew_before_seconds: object.at("/spec/renewBefore").and_then(duration::seconds_of),
        rotation_policy: object.text("/spec/privateKey/rotationPolicy").map(str::to_owned),
        issuer_ref: format!(
            "{}/{}",
            object.text("/spec/issuerRef/kind").unwrap_or("Issuer"),
            object.string("/spec/issuerRef/name")
        ),
        conditions: object.conditions(),
        not_after: object.time("/status/notAfter"),
        renewal_time: object.time("/status/renewalTime"),
        revision: object.number("/status/revision"),
    };
    certificate.renew_before_seconds =
        certificate.renew_before_seconds.or_else(|| by_percentage(certificate.duration()));
    certificate
}

/// An Issuer or ClusterIssuer, as `kind` says.
pub fn issuer(value: &Value, kind: &str) -> CertManagerIssuer {
    let object = Object::new(value);
    let spec = object.at("/spec").and_then(Value::as_object);
    CertManagerIssuer {
        meta: object.meta(kind),
        source: spec.and_then(|spec| spec.keys().next()).cloned().unwrap_or_default(),
        ca_secret: object.text("/spec/ca/secretName").map(str::to_owned),
        conditions: object.conditions(),
    }
}

/// A CertificateRequest.
pub fn request(value: &Value) -> CertificateRequest {
    let object = Object::new(value);
    CertificateRequest {
        meta: object.meta("CertificateRequest"),
        certificate: object.annotation("cert-manager.io/certificate-name").map(str::to_owned),
        conditions: object.conditions(),
    }
}

/// A Bundle of trust.cert-manager.io/v1alpha1.
pub fn trust_bundle(value: &Value) -> TrustBundle {
    let object = Object::new(value);
    let secrets = object.items("/spec/sources").filter_map(|source| source.text("/secret/name"));
    let inline: Vec<&str> = object.items("/spec/sources").filter_map(|source| source.text("/inLine")).collect();
    TrustBundle {
        meta: object.meta("Bundle"),
        secret_sources: secrets.map(str::to_owned).collect(),
        inline: (!inline.is_empty()).then(|| Bundle::parse(&inline.join("\n"))),
        target_key: object.text("/spec/target/configMap/key").map(str::to_owned),
        conditions: object.conditions(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_certificate_as_cert_manager_writes_it() {
        let certificate = certificate(&json!({
            "metadata": {"namespace": "linkerd", "name": "linkerd-identity-issuer"},
            "spec": {
                "duration": "48h0m0s", "renewBefore": "25h0m0s", "isCA": true, "secretName": "linkerd-identity-issuer",
                "issuerRef": {"kind": "ClusterIssuer", "name": "ca"}, "privateKey": {"rotationPolicy": "Always"},
            },
            "status": {
                "conditions": [{"type": "Ready", "status": "True", "reason": "Ready"}], "revision": 4,
                "renewalTime": "2026-11-22T08:45:44Z", "notAfter": "2026-11-23T09:45:44Z",
            },
        }));
        assert!(certificate.is_ca);
        assert_eq!(certificate.issuer_ref, "ClusterIssuer/ca");
        assert_eq!((certificate.duration_seconds, certificate.renew_before_seconds), (Some(172_800), Some(90_000)));
        assert_eq!(certificate.revision, Some(4));
        assert!(certificate.renewal_time < certificate.not_after);
        assert_eq!(certificate.conditions[0].kind, "Ready");
    }

    #[test]
    fn renewal_by_percentage() {
        let of = |spec: Value| certificate(&json!({"spec": spec})).renew_before_seconds;
        assert_eq!(of(json!({"duration": "100h", "renewBeforePercentage": 25})), Some(90_000));
        assert_eq!(of(json!({"renewBeforePercentage": 50})), Some(45 * 86_400));
        assert_eq!(of(json!({})), None);
    }

    #[test]
    fn unknown_and_missing_fields_do_not_break_it() {
        assert_eq!(certificate(&json!({"spec": {"duration": [], "isCA": "yes"}})).duration_seconds, None);
        assert_eq!(issuer(&json!({"spec": {"acme": {"x": 1}}}), "ClusterIssuer").source, "acme");
        assert_eq!(issuer(&json!({}), "Issuer").source, "");
        assert_eq!(request(&json!({"metadata": 1})).certificate, None);
    }

    #[test]
    fn a_bundle_names_its_sources() {
        let bundle = trust_bundle(&json!({"spec": {
            "sources": [{"secret": {"name": "one", "key": "tls.crt"}}, {"inLine": "x"}, {"useDefaultCAs": true}],
            "target": {"configMap": {"key": "ca-bundle.crt"}},
        }}));
        assert_eq!(bundle.secret_sources, ["one"]);
        assert!(bundle.inline.unwrap().is_empty());
        assert_eq!(bundle.target_key.as_deref(), Some("ca-bundle.crt"));
    }
}
