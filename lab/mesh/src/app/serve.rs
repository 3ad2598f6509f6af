//! A server that always answers.

use std::sync::Arc;

use clap::Args;
use http::{Request, StatusCode};
use hyper::body::Incoming;
use tokio::net::TcpListener;

use crate::http1::{self, Answer, Handle};
use crate::role::Failure;

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The port to listen on.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// What to answer; the pod's name if not given.
    #[arg(long, env = "HOSTNAME", default_value = "app")]
    name: String,
}

impl Serve {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let listener = TcpListener::bind(("0.0.0.0", self.port)).await?;
        http1::serve(listener, Arc::new(self)).await;
        Ok(())
    }
}

impl Handle for Serve {
    async fn handle(&self, _: Request<Incoming>) -> Answer {
        http1::text(StatusCode::OK, format!("{}\n", self.name))
    }
}
