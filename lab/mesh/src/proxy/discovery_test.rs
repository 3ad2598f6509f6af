//! A sidecar's routes from a destination service in the same process.

use linkerd2_proxy_api::destination::destination_server::DestinationServer;
use tokio::net::TcpListener;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use super::*;
use crate::chain::test_support::anchor;
use crate::destination::service::Destination;
use crate::destination::world::{Mesh, Pod, World};
use crate::proxy::control::ControlAddr;
use crate::proxy::creds::Roots;

const WEB: &str = "web.ns.serviceaccount.identity.linkerd.cluster.local";

fn world() -> Arc<World> {
    Arc::new(World::new(Mesh {
        namespace: "linkerd".into(),
        trust_domain: "cluster.local".into(),
        cluster_domain: "cluster.local".into(),
    }))
}

fn pod(identity: Option<&str>) -> Pod {
    Pod { addresses: vec![web().ip()], identity: identity.map(str::to_owned), skipped: Vec::new() }
}

fn web() -> SocketAddr {
    ([10, 0, 0, 1], 8080).into()
}

async fn served(world: &Arc<World>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = DestinationServer::new(Destination::new(Arc::clone(world)));
    tokio::spawn(Server::builder().add_service(service).serve_with_incoming(TcpIncoming::from(listener)));
    address
}

fn discovery(service: SocketAddr) -> Discovery {
    let roots = Roots::from_pem(&anchor("root", time::Duration::days(1)).pem).unwrap();
    let creds = Arc::new(Credentials::new(WEB, roots).unwrap());
    let channel = control::channel(ControlAddr::of_test(service, None), creds);
    Discovery::over(channel, String::new(), Duration::from_secs(5))
}

fn endpoints(identity: Option<&str>) -> Route {
    let identity = identity.map(|name| ServerName::try_from(name.to_owned()).unwrap());
    Route::Endpoints(vec![Endpoint { address: web(), identity }])
}

#[tokio::test]
async fn routes_follow_the_cluster() {
    let world = world();
    world.unread.send_replace(0);
    world.change(|state| state.set_pod(("ns".into(), "web".into()), Some(pod(None))));
    let routes = discovery(served(&world).await);
    assert_eq!(routes.of(web()).await.unwrap(), endpoints(None));
    world.change(|state| state.set_pod(("ns".into(), "web".into()), Some(pod(Some(WEB)))));
    for _ in 0..100 {
        if routes.of(web()).await.unwrap() == endpoints(Some(WEB)) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the change was not followed");
}

#[tokio::test]
async fn what_the_cluster_does_not_know_is_reached_directly() {
    let world = world();
    world.unread.send_replace(0);
    let routes = discovery(served(&world).await);
    assert_eq!(routes.of(web()).await.unwrap(), Route::Direct);
}

#[tokio::test]
async fn a_service_that_has_not_read_the_cluster_says_nothing_and_is_soon_not_waited_for() {
    let routes = discovery(served(&world()).await);
    let error = routes.of(web()).await.unwrap_err();
    assert_eq!(error.why, "the cluster has not been read yet");
    let asked = Instant::now();
    assert!(routes.of(web()).await.is_err());
    assert!(asked.elapsed() < FIRST_ANSWER / 2);
}
