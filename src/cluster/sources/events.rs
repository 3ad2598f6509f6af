use crate::{
    cluster::{
        decode::event::IdentityEvents,
        objects::{EVENTS, Listing, Objects},
    },
    snapshot::{IdentityEvent, Source},
};

use super::Reader;

impl<O: Objects> Reader<'_, O> {
    /// Identity's events about its issuer. They lie in its own namespace, on its Deployment; those about leafs, in the
    /// namespaces of their ServiceAccounts, say nothing that a handshake does not.
    pub(in crate::cluster) async fn identity_events(&self) -> Source<Vec<IdentityEvent>> {
        let mut events = IdentityEvents::default();
        let own =
            Listing::within(EVENTS, self.namespace).selected("source=linkerd-identity,reason!=IssuedLeafCertificate");
        match self.each(own, |value| events.push(value)).await {
            Ok(()) => Source::Found(events.finish()),
            Err(unread) => unread.into(),
        }
    }
}
