use serde_yaml_ng::Value as Yaml;
use zeroize::{Zeroize as _, Zeroizing};

use crate::{
    pki::{Bundle, KeyState},
    snapshot::{Meta, Source, Values},
};

use super::duration;

/// Linkerd's values from YAML text.
pub(super) fn of_yaml(text: &str, meta: Meta) -> Source<Values> {
    match serde_yaml_ng::from_str::<Yaml>(text) {
        Ok(yaml) => Source::Found(of(yaml, meta)),
        Err(error) => Source::Failed(format!("the values in {} are not YAML: {error}", meta.reference())),
    }
}

/// Linkerd's values. Whatever is not set, or set to something else than expected, is `None`. They are taken whole, since
/// they may hold the issuer's key: its text is wiped.
pub(super) fn of(mut yaml: Yaml, meta: Meta) -> Values {
    let values = decoded(&yaml, meta);
    wipe(&mut yaml);
    values
}

/// Wipes every text: who sets a key under another name than the chart's has set it all the same.
fn wipe(yaml: &mut Yaml) {
    match yaml {
        Yaml::String(text) => text.zeroize(),
        Yaml::Sequence(items) => items.iter_mut().for_each(wipe),
        Yaml::Mapping(entries) => entries.values_mut().for_each(wipe),
        Yaml::Tagged(tagged) => wipe(&mut tagged.value),
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) => {}
    }
}

fn decoded(yaml: &Yaml, meta: Meta) -> Values {
    let at = |path: &str| path.split('.').try_fold(yaml, |value, key| value.get(key));
    let text = |path: &str| at(path).and_then(scalar).filter(|text| !text.trim().is_empty());
    let flag = |path: &str| text(path).and_then(|text| text.parse::<bool>().ok());
    let seconds = |path: &str| text(path).as_deref().and_then(duration::seconds);
    let pem = |path: &str| text(path).as_deref().map(Bundle::parse);
    Values {
        meta,
        anchors: pem("identityTrustAnchorsPEM"),
        issuer: pem("identity.issuer.tls.crtPEM"),
        issuer_key: text("identity.issuer.tls.keyPEM").map(|pem| KeyState::of_pem(Zeroizing::new(pem).as_bytes())),
        issuer_scheme: text("identity.issuer.scheme"),
        external_ca: flag("identity.externalCA"),
        issuance_lifetime_seconds: seconds("identity.issuer.issuanceLifetime"),
        clock_skew_seconds: seconds("identity.issuer.clockSkewAllowance"),
        trust_domain: text("identityTrustDomain"),
        version: text("linkerdVersion"),
        webhook_failure_policy: text("webhookFailurePolicy"),
        native_sidecar: flag("proxy.nativeSidecar"),
        high_availability: flag("highAvailability"),
    }
}

/// The text of a scalar: people quote booleans and leave numbers unquoted.
fn scalar(value: &Yaml) -> Option<String> {
    match value {
        Yaml::String(text) => Some(text.clone()),
        Yaml::Bool(flag) => Some(flag.to_string()),
        Yaml::Number(number) => Some(number.to_string()),
        Yaml::Tagged(tagged) => scalar(&tagged.value),
        Yaml::Null | Yaml::Sequence(_) | Yaml::Mapping(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(yaml: &str) -> Values {
        of_yaml(yaml, Meta::default()).found().cloned().unwrap()
    }

    #[test]
    fn what_the_charts_write() {
        let values = values(
            "identity:\n  externalCA: false\n  issuer:\n    clockSkewAllowance: 20s\n    issuanceLifetime: 24h0m0s\n    \
             scheme: linkerd.io/tls\n    tls:\n      crtPEM: \"\"\nidentityTrustDomain: cluster.local\n\
             linkerdVersion: stable-2.20.0\nproxy:\n  nativeSidecar: true\nhighAvailability: false\n",
        );
        assert_eq!(values.issuance_lifetime_seconds, Some(86_400));
        assert_eq!(values.clock_skew_seconds, Some(20));
        assert_eq!(values.native_sidecar, Some(true));
        assert_eq!(values.external_ca, Some(false));
        assert_eq!((values.issuer, values.issuer_key, values.anchors), (None, None, None));
    }

    #[test]
    fn what_people_write() {
        let values =
            values("identity: {externalCA: \"true\", issuer: {issuanceLifetime: 3600}}\nproxy: [what]\n7: x\n");
        assert_eq!(values.external_ca, Some(true));
        assert_eq!(values.issuance_lifetime_seconds, Some(3_600));
        assert_eq!(values.native_sidecar, None);
    }

    #[test]
    fn empty_and_broken_yaml() {
        assert_eq!(values(""), Values::default());
        assert_eq!(values("just text"), Values::default());
        let meta = Meta { kind: "ConfigMap".to_owned(), name: "linkerd-config".to_owned(), ..Meta::default() };
        let broken = of_yaml("a: 1\nb: [\nc: {{ .Values }}\n", meta);
        let why = broken.hidden().unwrap();
        assert!(
            why.starts_with("the values in ConfigMap linkerd-config are not YAML: ") && why.contains("line"),
            "{why}"
        );
    }

    #[test]
    fn every_text_is_wiped() {
        let mut yaml = serde_yaml_ng::from_str("{a: secret, b: [secret, {c: !t secret}], d: 1}").unwrap();
        wipe(&mut yaml);
        assert!(!serde_yaml_ng::to_string(&yaml).unwrap().contains("secret"));
    }

    #[test]
    fn keys_are_not_kept() {
        let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
        let values = values(
            &serde_yaml_ng::to_string(&serde_json::json!({
                "identity": {"issuer": {"tls": {"keyPEM": key, "crtPEM": key}}}, "identityTrustAnchorsPEM": key,
            }))
            .unwrap(),
        );
        assert!(matches!(values.issuer_key, Some(KeyState::Present(_))));
        let written = serde_json::to_string(&values).unwrap();
        assert!(!written.contains(key.lines().nth(1).unwrap()));
    }
}
