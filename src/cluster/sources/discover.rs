use crate::{
    cluster::{
        Error,
        decode::{self, Selector},
        objects::{CONFIG_MAPS, Listing, NAMESPACES, Objects, Unread},
    },
    snapshot::{Namespace, Source},
};

use super::webhooks::MUTATING;

/// Where the control plane is, and what was learned on the way.
pub(in crate::cluster) struct ControlPlane {
    pub(in crate::cluster) namespace: String,
    pub(in crate::cluster) others: Vec<String>,
    pub(in crate::cluster) namespaces: Source<Vec<Namespace>>,
}

/// The namespace that Linkerd's own instructions use, where nothing else can be seen.
const USUAL: &str = "linkerd";

/// Finds the control plane by its namespace's label, else by the namespace of its configuration.
pub(in crate::cluster) async fn discover(
    objects: &impl Objects,
    wanted: Option<&str>,
    context: Option<&String>,
) -> Result<ControlPlane, Error> {
    let (namespaces, mut candidates) = labelled(objects).await?;
    if candidates.is_empty() && wanted.is_none() {
        candidates = configured(objects).await?.unwrap_or_else(|| vec![USUAL.to_owned()]);
    }
    candidates.sort();
    candidates.dedup();
    let namespace = match (wanted, candidates.as_slice()) {
        (Some(wanted), _) => wanted.to_owned(),
        (None, [only]) => only.clone(),
        (None, []) => return Err(nothing(context)),
        (None, _) => {
            return Err(Error::SeveralControlPlanes { context: context.cloned(), namespaces: candidates });
        }
    };
    candidates.retain(|other| *other != namespace);
    Ok(ControlPlane { namespace, others: candidates, namespaces })
}

async fn labelled(objects: &impl Objects) -> Result<(Source<Vec<Namespace>>, Vec<String>), Error> {
    let (mut namespaces, mut labelled) = (Vec::new(), Vec::new());
    let injector = injector(objects).await;
    let read = objects.list(Listing::all(NAMESPACES), |value| {
        let namespace = decode::mesh::namespace(value, &injector);
        if decode::mesh::is_control_plane(value) {
            labelled.push(namespace.name.clone());
        }
        namespaces.push(namespace);
    });
    Ok(match read.await {
        Ok(()) => (Source::Found(namespaces), labelled),
        Err(Unread::Lost(error)) => return Err(error),
        Err(unread) => (unread.into(), Vec::new()),
    })
}

/// Which namespaces the API server asks the injector about: as the webhook says, else as the chart does.
async fn injector(objects: &impl Objects) -> Selector {
    let mut selector = None;
    // The chart names it so whatever the control plane's namespace.
    let listing = Listing::all(MUTATING).selected("metadata.name=linkerd-proxy-injector-webhook-config");
    let read = objects.list(listing, |value| {
        let webhook = decode::Object::new(value).items("/webhooks").next();
        selector = webhook.and_then(|webhook| webhook.at("/namespaceSelector")).map(Selector::new);
    });
    if let Err(unread) = read.await {
        tracing::debug!(?unread, "the injector's namespaceSelector");
    }
    selector.unwrap_or_else(Selector::of_the_injector_s_chart)
}

/// Namespaces with the ConfigMap that only a control plane has; `None` where that may not be looked for. The trust
/// roots come second, since trust-manager may write them to every namespace.
async fn configured(objects: &impl Objects) -> Result<Option<Vec<String>>, Error> {
    let mut seen = false;
    for fields in ["metadata.name=linkerd-config", "metadata.name=linkerd-identity-trust-roots"] {
        let mut found = Vec::new();
        let listing = Listing::all(CONFIG_MAPS).selected(fields);
        match objects.list(listing, |value| found.push(decode::Object::new(value).namespace().to_owned())).await {
            Ok(()) if !found.is_empty() => return Ok(Some(found)),
            Ok(()) => seen = true,
            Err(Unread::Lost(error)) => return Err(error),
            Err(_) => {}
        }
    }
    Ok(seen.then(Vec::new))
}

fn nothing(context: Option<&String>) -> Error {
    let looked_for = "no namespace has the label linkerd.io/is-control-plane=true, and none holds a ConfigMap \
                      linkerd-config or linkerd-identity-trust-roots";
    Error::NotLinkerd { context: context.cloned(), looked_for: looked_for.to_owned() }
}
