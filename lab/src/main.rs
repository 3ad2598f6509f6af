//! The lab's command line.
#![expect(clippy::print_stdout, reason = "this is where the lab answers its user")]

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use lab::cluster::{self, Cluster};
use lab::error::{Error, Result};
use lab::image::Image;
use lab::parts::{self, Part};
use lab::replay::Replay;
use lab::scale;
use tokio::process::Command;

mod product;
mod verbs;

/// A real Kubernetes on this machine, in namespaces of its own.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Args)]
struct Name {
    /// Which lab; several can be up at once
    #[arg(long, default_value = cluster::DEFAULT)]
    name: String,
}

#[derive(Subcommand)]
enum Verb {
    /// Build and install every part
    Parts,
    /// Bring the cluster up, or what is missing of it
    Up(Name),
    /// End the cluster and remove all of it; the built parts stay
    Down(Name),
    /// Say what runs
    Status(Name),
    /// Print the shell settings to use the cluster: eval "$(lab env)"
    Env(Name),
    /// Run kubectl as the administrator: lab kubectl -- get pods
    Kubectl(Passed),
    /// Run a command in the cluster's network: lab exec -- curl 10.244.0.5:8080
    Exec(Passed),
    /// Print a kubeconfig for any user
    Kubeconfig {
        #[command(flatten)]
        lab: Name,
        /// The user's name
        #[arg(long)]
        user: String,
        /// A group of the user's
        #[arg(long)]
        group: Option<String>,
    },
    /// Serve a recorded state from a real API server
    #[command(subcommand)]
    Replay(ReplayVerb),
    /// Make an image of local files and put it on the node
    Image {
        #[command(flatten)]
        lab: Name,
        /// Its name, as pods ask for it
        tag: String,
        /// What containers run; words separated by commas
        entrypoint: String,
        /// SOURCE=TARGET; shared libraries come along
        files: Vec<String>,
        /// A folder to copy as it is
        #[arg(long)]
        tree: Vec<std::path::PathBuf>,
        /// Who containers run as
        #[arg(long, default_value = "")]
        user: String,
    },
    /// Add thousands of simulated meshed pods
    Scale {
        #[command(flatten)]
        lab: Name,
        /// How many
        #[arg(long, required_unless_present = "clear")]
        pods: Option<usize>,
        /// Remove them instead
        #[arg(long, conflicts_with = "pods")]
        clear: bool,
    },
    /// Install, remove or watch the stand-in mesh
    Mesh(verbs::MeshArgs),
    /// Bring the mesh into a named state
    State(verbs::StateArgs),
    /// Run the product's `check` on a mesh in the lab: lab check --state issuer-expired -- -o wide
    Check(product::CheckArgs),
    /// Time `check` beside curl and kubectl on thousands of simulated pods
    Bench(product::BenchArgs),
    /// Carry connections from the socket on stdin (used by the lab itself)
    #[command(hide = true)]
    Forward {
        #[arg(long)]
        to: String,
    },
}

#[derive(Subcommand)]
enum ReplayVerb {
    /// Serve the state recorded in a folder
    Up {
        /// The folder, with files such as pods.json
        dir: std::path::PathBuf,
        /// Which replay; several can be up at once
        #[arg(long, default_value = "replay")]
        name: String,
    },
    /// End it
    Down {
        /// Which replay
        #[arg(long, default_value = "replay")]
        name: String,
    },
}

#[derive(clap::Args)]
struct Passed {
    #[command(flatten)]
    lab: Name,
    /// The command's words
    #[arg(last = true, required = true)]
    words: Vec<std::ffi::OsString>,
}

#[tokio::main]
async fn main() -> ExitCode {
    // Only the lab's own words: the client logs every refusal while an API server starts.
    tracing_subscriber::fmt()
        .with_env_filter("lab=info")
        .without_time()
        .with_target(false)
        .with_level(false)
        .with_writer(std::io::stderr)
        .init();
    run(Cli::parse().verb).await.unwrap_or_else(|error| {
        tracing::error!("lab: {error}");
        ExitCode::FAILURE
    })
}

async fn run(verb: Verb) -> Result<ExitCode> {
    match verb {
        Verb::Parts => {
            parts::ensure_packages().await?;
            parts::ensure(&Part::ALL).await?;
        }
        Verb::Up(Name { name }) => up(&name).await?,
        Verb::Down(Name { name }) => Cluster::down(&name).await?,
        Verb::Status(Name { name }) => return status(&name),
        Verb::Env(Name { name }) => env(&Cluster::require(&name)?)?,
        Verb::Kubectl(Passed { lab, words }) => {
            let mut kubectl = Cluster::require(&lab.name)?.kubectl()?;
            return pass(kubectl.args(words)).await;
        }
        Verb::Exec(Passed { lab, words }) => {
            let cluster = Cluster::require(&lab.name)?;
            let [program, words @ ..] = words.as_slice() else { return Ok(ExitCode::from(2)) };
            let mut command = cluster.machine().network_command(program);
            return pass(command.args(words).env("KUBECONFIG", cluster.kubeconfig())).await;
        }
        Verb::Kubeconfig { lab, user, group } => {
            print!("{}", Cluster::require(&lab.name)?.kubeconfig_for(&user, group.as_deref()).await?);
        }
        Verb::Replay(ReplayVerb::Up { dir, name }) => {
            let replay = Replay::up_named(&name, &dir).await?;
            println!("export KUBECONFIG={}", replay.kubeconfig().display());
        }
        Verb::Replay(ReplayVerb::Down { name }) => Replay::down(&name).await?,
        Verb::Image { lab, tag, entrypoint, files, tree, user } => {
            let mut image = Image::new(tag, entrypoint.split(',')).user(user);
            for file in &files {
                let (source, target) = file
                    .split_once('=')
                    .ok_or_else(|| Error::Refused(format!("`{file}` is not of the form SOURCE=TARGET")))?;
                image = image.file(source.as_ref(), target.as_ref()).await?;
            }
            for dir in &tree {
                image = image.tree(dir)?;
            }
            Cluster::require(&lab.name)?.import(&image).await?;
        }
        Verb::Mesh(args) => verbs::mesh(args).await?,
        Verb::State(args) => verbs::state(args).await?,
        Verb::Scale { lab, pods, .. } => {
            let cluster = Cluster::require(&lab.name)?;
            match pods {
                Some(count) => scale::pods(&cluster, count).await?,
                None => scale::clear(&cluster).await?,
            }
        }
        Verb::Check(args) => return product::check(args).await,
        Verb::Bench(args) => return product::bench(args).await,
        Verb::Forward { to } => lab::machine::forward(&to).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn up(name: &str) -> Result<()> {
    let before = Cluster::find(name)?.is_some();
    let started = std::time::Instant::now();
    let cluster = Cluster::up(name).await?;
    let how = if before {
        "was up already; it is whole".into()
    } else {
        format!("is up after {:.1} s", started.elapsed().as_secs_f32())
    };
    println!("The lab {how}. To use it:\n\n  export KUBECONFIG={}", cluster.kubeconfig().display());
    println!("\nA user without rights: {}", cluster.poor_kubeconfig().display());
    Ok(())
}

fn status(name: &str) -> Result<ExitCode> {
    let Some(cluster) = Cluster::find(name)? else {
        println!("no lab named `{name}` is up");
        return Ok(ExitCode::FAILURE);
    };
    let mut whole = true;
    for (process, runs) in cluster.processes() {
        println!("{process:25}{}", if runs { "runs" } else { "ended" });
        whole &= runs;
    }
    println!("\nKUBECONFIG={}", cluster.kubeconfig().display());
    Ok(if whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn env(cluster: &Cluster) -> Result<()> {
    let kubectl = Part::Kubernetes.program("kubectl")?;
    println!("export KUBECONFIG='{}'", cluster.kubeconfig().display());
    println!("export PATH='{}':\"$PATH\"", kubectl.parent().unwrap_or(&kubectl).display());
    Ok(())
}

/// Runs a command in the user's terminal and passes its status on.
async fn pass(command: &mut Command) -> Result<ExitCode> {
    let status = command.status().await.map_err(Error::io("starting the command"))?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}
