//! Where an outbound connection may go.

use std::net::SocketAddr;

use rustls_pki_types::ServerName;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// Not known to the cluster: straight to where it was meant to go.
    Direct,
    /// One of these; none when the service has no ready endpoint.
    Endpoints(Vec<Endpoint>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) address: SocketAddr,
    /// Who it has to be, if it is meshed.
    pub(crate) identity: Option<ServerName<'static>>,
}

#[derive(Debug, thiserror::Error)]
#[error("the destination service cannot be asked about {target}: {why}")]
pub(crate) struct Unresolved {
    pub(crate) target: SocketAddr,
    pub(crate) why: String,
}

/// Finds the route of a destination.
pub(crate) trait Routes: Send + Sync + 'static {
    fn of(&self, target: SocketAddr) -> impl Future<Output = Result<Route, Unresolved>> + Send;
}
