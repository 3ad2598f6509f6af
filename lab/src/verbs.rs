//! `lab mesh` and `lab state`.
#![expect(clippy::print_stdout, reason = "these verbs answer their user")]

use clap::{Args, Subcommand};
use lab::cluster::{self, Cluster};
use lab::error::Result;
use lab::install::{Mesh, Mode, Pki, external};
use lab::{state, workloads};

/// The stand-in mesh.
#[derive(Args)]
pub(crate) struct MeshArgs {
    #[command(subcommand)]
    verb: MeshVerb,
    /// Which lab
    #[arg(long, global = true, default_value = cluster::DEFAULT)]
    name: String,
}

#[derive(Subcommand)]
enum MeshVerb {
    /// Install it anew, workloads included, and wait until all is ready
    Install {
        /// How
        #[arg(long = "install", value_enum, default_value_t)]
        mode: Mode,
    },
    /// Remove it with its workloads
    Uninstall,
    /// Wait until every pod is ready
    Wait,
    /// Show what the clients counted: answered and failed requests by target
    Stats {
        /// Then set the counters to zero
        #[arg(long)]
        reset: bool,
    },
}

/// The named states.
#[derive(Args)]
pub(crate) struct StateArgs {
    #[command(subcommand)]
    verb: StateVerb,
    /// Which lab
    #[arg(long, global = true, default_value = cluster::DEFAULT)]
    name: String,
}

#[derive(Subcommand)]
enum StateVerb {
    /// List them
    List,
    /// Bring the mesh into one
    Set {
        /// Its name
        state: String,
        /// Install in another way than the state has by itself
        #[arg(long = "install", value_enum)]
        mode: Option<Mode>,
    },
}

/// `lab mesh`.
pub(crate) async fn mesh(MeshArgs { verb, name }: MeshArgs) -> Result<()> {
    let mesh = Mesh::of_lab(&Cluster::require(&name)?).await?;
    match verb {
        MeshVerb::Install { mode } => {
            let pki = if mode == Mode::ExternalCa { external::pki(0, 0)? } else { Pki::usual()? };
            mesh.install(mode, &pki).await?;
            workloads::apply(&mesh.kube).await
        }
        MeshVerb::Uninstall => mesh.uninstall().await,
        MeshVerb::Wait => mesh.wait().await,
        MeshVerb::Stats { reset } => stats(&mesh, reset).await,
    }
}

async fn stats(mesh: &Mesh, reset: bool) -> Result<()> {
    for client in workloads::CLIENTS {
        for (target, count) in workloads::stats(&mesh.kube, client).await? {
            let error = count.last_error.unwrap_or_default();
            println!("{client:7}{target:62}ok {:7}  failed {:5}  {error}", count.ok, count.failed);
        }
        if reset {
            workloads::reset(&mesh.kube, client).await?;
        }
    }
    Ok(())
}

/// `lab state`.
pub(crate) async fn state(StateArgs { verb, name }: StateArgs) -> Result<()> {
    match verb {
        StateVerb::List => {
            for state in state::ALL {
                println!("{:30}{}", state.name, state.about);
            }
        }
        StateVerb::Set { state, mode } => {
            let mesh = Mesh::of_lab(&Cluster::require(&name)?).await?;
            let took = state::set(&mesh, &state, mode).await?;
            println!("{state} after {:.1} s; keys are in {}", took.as_secs_f32(), mesh.files.display());
        }
    }
    Ok(())
}
