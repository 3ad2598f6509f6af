use crate::{
    cluster::{
        decode::event::IdentityEvents,
        objects::{EVENTS, Listing, Objects},
    },
    snapshot::{IdentityEvent, Source},
};

use super::Reader;

impl<O: Objects> Reader<'_, O> {
    /// Identity's events. Those about the issuer lie in its own namespace, on its Deployment; those about a leaf in the
    /// namespace of the leaf's ServiceAccount, and are a bonus: a user who may not list them still sees the rest.
    pub(in crate::cluster) async fn identity_events(&self) -> Source<Vec<IdentityEvent>> {
        let mut events = IdentityEvents::new(self.namespace);
        let own =
            Listing::within(EVENTS, self.namespace).selected("source=linkerd-identity,reason!=IssuedLeafCertificate");
        if let Err(unread) = self.each(own, |value| events.push(value)).await {
            return unread.into();
        }
        let leafs = Listing::all(EVENTS).selected("source=linkerd-identity,reason=IssuedLeafCertificate");
        if let Err(unread) = self.each(leafs, |value| events.push(value)).await {
            tracing::debug!(?unread, "leafs' events");
        }
        Source::Found(events.finish())
    }
}
