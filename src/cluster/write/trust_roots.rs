use serde_json::json;

use crate::{
    cluster::objects::CONFIG_MAPS,
    mesh::{Fault, Mode},
    pki::{Bundle, Certificate},
};

use super::{LiveMesh, Place, request::Patch, secret::planned};

impl LiveMesh {
    /// Changes the one key; labels, annotations and other keys stay.
    pub(super) async fn write_trust_roots(
        &self,
        anchors: &[Certificate],
        against: &str,
        mode: Mode,
    ) -> Result<(), Fault> {
        let place = Place {
            kind: CONFIG_MAPS,
            word: "ConfigMap",
            namespace: &self.namespace,
            name: "linkerd-identity-trust-roots",
        };
        planned(place, against)?;
        let text = text(anchors);
        let bundle = Bundle::parse(&text);
        if !bundle.loads || !bundle.loads_in_identity {
            return Err(Fault::Failed(format!("{place}: no proxy would start with these anchors")));
        }
        let body = json!({"metadata": {"resourceVersion": against}, "data": {"ca-bundle.crt": text}});
        self.patch(place, Patch::Merge, &body, mode).await?;
        Ok(())
    }
}

/// As Linkerd's chart writes it (linkerd2, charts/linkerd-control-plane/templates/identity.yaml, `trim` under `|-`): no
/// line feed at its end. With more than one, identity would not start.
pub(super) fn text(certificates: &[Certificate]) -> String {
    let text: String = certificates.iter().map(Certificate::to_pem).collect();
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ROOT, Recipe, days};

    #[test]
    fn both_of_linkerds_readers_load_it() {
        let one = Recipe::authority(ROOT, -days(1), days(1)).self_signed().certificate;
        let two = Recipe::authority("root.new", -days(1), days(1)).self_signed().certificate;
        let text = text(&[one.clone(), two.clone()]);
        let bundle = Bundle::parse(&text);
        assert_eq!(bundle.certificates, [one, two]);
        assert!(bundle.loads && bundle.loads_in_identity && bundle.problems.is_empty());
        assert!(text.ends_with("-----END CERTIFICATE-----"));
    }
}
