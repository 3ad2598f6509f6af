//! The destination controller (linkerd2 controller/api/destination): who is behind an address.
//!
//! Sidecars ask for the address a connection was meant for; the answer names the endpoints and, for
//! those that are meshed, the identity each has to prove. It is a stream, so that a rolling restart
//! is followed as it goes.

mod follow;
mod resolve;
pub(crate) mod service;
pub(crate) mod world;

use std::sync::Arc;

use linkerd2_proxy_api::destination::destination_server::DestinationServer;
use tonic::transport::Server;
use tracing::info;

use crate::admin::Admin;
use crate::flags::Flags;
use crate::role::Failure;
use service::Destination;
use world::{Mesh, World};

pub(crate) async fn run(flags: Flags) -> Result<(), Failure> {
    let mesh = Mesh {
        namespace: flags.text_or("controller-namespace", "linkerd").to_owned(),
        trust_domain: flags.text_or("identity-trust-domain", "cluster.local").to_owned(),
        cluster_domain: flags.text_or("cluster-domain", "cluster.local").to_owned(),
    };
    let admin = Admin::start(flags.listen_or("metrics-addr", 9996), String::new).await?;
    let client = kube::Client::try_default().await?;
    let world = Arc::new(World::new(mesh));
    follow::start(client, &world);
    let mut unread = world.unread.subscribe();
    tokio::spawn(async move {
        // The sender lives as long as the world, which the server holds.
        if unread.wait_for(|left| *left == 0).await.is_ok() {
            info!("caches synced");
            admin.set_ready();
        }
    });
    let address = flags.listen_or("addr", 8086);
    info!("starting gRPC server on {address}");
    Server::builder().add_service(DestinationServer::new(Destination::new(world))).serve(address).await?;
    Ok(())
}
