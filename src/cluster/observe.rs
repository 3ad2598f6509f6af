use jiff::Timestamp;

use crate::{
    mesh::ProbeScope,
    snapshot::{self, SCHEMA_VERSION, Snapshot, Source, Webhook},
};

use super::{
    Cluster, Error,
    objects::Objects,
    sources::{ControlPlane, Reader, discover},
};

/// What to look at.
#[derive(Clone, Debug, Default)]
pub struct Observe {
    /// Namespace of the control plane; discovered where it is `None`.
    pub control_plane_namespace: Option<String>,
    /// Where pods are read beside the control plane's own, where the user may not list those of all namespaces.
    pub namespace: Option<String>,
    /// Which proxies to ask what they have loaded and present.
    pub probe: ProbeScope,
}

impl Cluster {
    /// Reads everything that is known of one control plane and its proxies.
    ///
    /// # Errors
    /// When the server does not answer, or there is no control plane, or there are several and none was named.
    pub async fn observe(&self, what: &Observe, taken_at: Timestamp) -> Result<Snapshot, Error> {
        let mut snapshot = Box::pin(read(self, self.about().clone(), what, taken_at)).await?;
        self.probe_all(&mut snapshot, what.probe).await;
        Ok(snapshot)
    }

    /// The namespace of the control plane: the one that is `wanted`, else the only one that there is.
    ///
    /// # Errors
    /// When the server does not answer, or there is no control plane, or there are several and none was named.
    pub async fn control_plane(&self, wanted: Option<&str>) -> Result<String, Error> {
        Ok(discover(self, wanted, self.about().context.as_ref()).await?.namespace)
    }

    /// The webhooks that a control plane and its extensions answer; nothing is asked of them.
    pub(super) async fn webhooks(&self, namespace: &str) -> Result<Source<Vec<Webhook>>, Error> {
        let found = discover(self, Some(namespace), self.about().context.as_ref()).await?;
        let reader = Reader::new(self, namespace, found.namespaces.items());
        let webhooks = reader.webhooks().await;
        reader.unanswered().map_or(Ok(webhooks), Err)
    }

    /// Asks proxies and webhook servers, and puts down what they say.
    async fn probe_all(&self, snapshot: &mut Snapshot, scope: ProbeScope) {
        if scope == ProbeScope::None {
            return;
        }
        let Snapshot { mesh, namespace, webhooks, probes, .. } = snapshot;
        let proxies = async {
            match mesh.found() {
                Some(mesh) => super::probe::probe(self, mesh, namespace, scope).await,
                None => Vec::new(),
            }
        };
        let webhooks = async {
            if let Source::Found(webhooks) = webhooks {
                let asked = webhooks.iter_mut().map(async |webhook| {
                    super::probe::ask_servers(self, webhook).await;
                });
                futures::future::join_all(asked).await;
            }
        };
        (*probes, ()) = futures::join!(proxies, webhooks);
    }
}

/// Reads a mesh from wherever its objects come from; nothing is asked of its pods.
///
/// # Errors
/// See [`Cluster::observe`].
pub async fn read(
    objects: &impl Objects,
    cluster: snapshot::Cluster,
    what: &Observe,
    taken_at: Timestamp,
) -> Result<Snapshot, Error> {
    let context = cluster.context.clone();
    let ControlPlane { namespace, others, namespaces } =
        discover(objects, what.control_plane_namespace.as_deref(), context.as_ref()).await?;
    let reader = Reader::new(objects, &namespace, namespaces.items());
    let roots_and_helm = async {
        let roots = reader.trust_roots().await;
        let helm = reader.helm(&roots).await;
        (roots, helm)
    };
    let config_and_issuer = async {
        let config = reader.config().await;
        let issuer = reader.issuer(&config).await;
        (config, issuer)
    };
    let (
        mesh,
        (trust_roots, helm),
        (config, issuer),
        overrides,
        identity_events,
        (webhooks, cert_manager),
        external_workloads,
        links,
    ) = futures::join!(
        reader.mesh(namespaces.items(), what.namespace.as_deref()),
        roots_and_helm,
        config_and_issuer,
        reader.overrides(),
        reader.identity_events(),
        reader.webhooks_and_cert_manager(),
        reader.external_workloads(),
        reader.links(),
    );
    let hidden_parts = reader.hidden_parts();
    if let Some(error) = reader.unanswered() {
        return Err(error);
    }
    if trust_roots.is_missing() && config.is_missing() && issuer.is_missing() {
        return Err(empty(context, &namespace, &others));
    }
    Ok(Snapshot {
        schema_version: SCHEMA_VERSION,
        taken_at,
        cluster,
        namespace,
        other_control_planes: others,
        trust_roots,
        config,
        overrides,
        helm,
        issuer,
        identity_events,
        cert_manager,
        webhooks,
        namespaces,
        mesh,
        probes: Vec::new(),
        external_workloads,
        links,
        linked: Vec::new(),
        hidden_parts,
    })
}

fn empty(context: Option<String>, namespace: &str, others: &[String]) -> Error {
    let mut looked_for = format!(
        "namespace `{namespace}` holds none of ConfigMap linkerd-identity-trust-roots, ConfigMap linkerd-config and \
         Secret linkerd-identity-issuer"
    );
    if !others.is_empty() {
        looked_for.push_str("; there is a control plane in ");
        looked_for.push_str(&others.join(", "));
    }
    Error::NotLinkerd { context, looked_for }
}
