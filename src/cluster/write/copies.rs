use crate::{
    cluster::objects::{CONFIG_MAPS, SECRETS},
    mesh::{Copy, Fault, Mode},
    pki::Certificate,
    snapshot::IssuerScheme,
};

use super::{
    LiveMesh, Place,
    request::Patch,
    secret::{Changed, Hidden, Keyed},
    trust_roots::text,
    values::{self, Change},
};

impl LiveMesh {
    /// Changes anchors and issuer within Linkerd's values, wherever they name them. The issuer is taken from its Secret.
    pub(super) async fn write_copy(
        &self,
        copy: Copy,
        anchors: &[Certificate],
        against: &str,
        mode: Mode,
    ) -> Result<(), Fault> {
        let (kind, word, name, key) = match copy {
            Copy::Config => (CONFIG_MAPS, "ConfigMap", "linkerd-config", "values"),
            Copy::Overrides => (SECRETS, "Secret", "linkerd-config-overrides", "linkerd-config-overrides"),
        };
        let place = Place { kind, word, namespace: &self.namespace, name };
        let mut present: Keyed = self.get(place).await?;
        present.still(place, against)?;
        let values = match copy {
            Copy::Config => present.take(key),
            Copy::Overrides => present.secret(key),
        };
        let values = values.ok_or_else(|| Fault::Failed(format!("{place} has no key `{key}`")))?;
        let issuer: Keyed = self.get(self.issuer_place()).await?;
        let changed = values::change(values.text(), &changes(copy, anchors, &issuer))
            .map_err(|why| Fault::Failed(format!("the values in {place} cannot be changed safely: {why}")))?;
        let changed = match copy {
            Copy::Config => changed,
            Copy::Overrides => Hidden::encoded(changed.text().as_bytes()),
        };
        let body = Changed::new([(key, changed)], against);
        self.patch(place, Patch::Merge, &body, mode).await?;
        Ok(())
    }
}

/// What the values shall say. Only in scheme linkerd.io/tls are certificate and key of the issuer theirs to say, and
/// the key stands in the overrides alone (linkerd2, charts/linkerd-control-plane/templates/config.yaml, unsets it).
fn changes(copy: Copy, anchors: &[Certificate], issuer: &Keyed) -> Vec<Change> {
    let mut changes = vec![Change::to("identityTrustAnchorsPEM", text(anchors))];
    if issuer.scheme() == IssuerScheme::Linkerd {
        let theirs = [("identity.issuer.tls.crtPEM", "crt.pem"), ("identity.issuer.tls.keyPEM", "key.pem")];
        let most = if copy == Copy::Overrides { 2 } else { 1 };
        for (path, key) in theirs.into_iter().take(most) {
            if let Some(pem) = issuer.secret(key) {
                changes.push(Change::to(path, pem));
            }
        }
    }
    changes
}
