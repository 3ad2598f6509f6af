//! Workloads for the mesh to carry: a server, a client that counts what fails, and a sleeper.
//!
//! Plain HTTP and nothing of the stand-in's, so they work in a mesh of the real Linkerd as well.

mod client;
mod serve;
mod tally;

use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::flags;
use crate::role::Failure;

#[derive(Debug, Parser)]
#[command(name = "app", about = "A workload for tests")]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Answers every request with 200 and its name.
    Serve(serve::Serve),
    /// Asks its targets over and over and counts the answers.
    Client(client::Client),
    /// Does nothing, for a while or for ever.
    Sleep {
        /// How long, such as 30s.
        #[arg(long = "for", value_parser = time)]
        span: Option<Duration>,
    },
}

pub(crate) async fn run(arguments: Vec<String>) -> Result<(), Failure> {
    let named = std::iter::once("app".to_owned()).chain(arguments);
    let arguments = match Arguments::try_parse_from(named) {
        Ok(arguments) => arguments,
        Err(error) => return Err(error.to_string().into()),
    };
    match arguments.what {
        What::Serve(serve) => serve.run().await,
        What::Client(client) => client.run().await,
        What::Sleep { span: Some(span) } => {
            tokio::time::sleep(span).await;
            Ok(())
        }
        What::Sleep { span: None } => std::future::pending().await,
    }
}

fn time(text: &str) -> Result<Duration, String> {
    flags::duration(text).ok_or_else(|| format!("{text:?} is not a duration such as 100ms or 30s"))
}
