//! `lab check` and `lab bench`: the product's binary, built here and run against the lab.
#![expect(clippy::print_stdout, reason = "these verbs answer their user")]

use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use clap::Args;
use lab::cluster::{self, Cluster};
use lab::error::{Error, Result};
use lab::install::Mesh;
use lab::parts::Part;
use lab::{scale, state};
use secrecy::ExposeSecret;
use tokio::process::Command;

/// `check` on a mesh in the lab, which is brought up where it is not.
#[derive(Args)]
pub(crate) struct CheckArgs {
    /// Which lab
    #[arg(long, default_value = cluster::DEFAULT)]
    name: String,
    /// Bring the mesh into this state first; without it, a healthy mesh is installed where there is none
    #[arg(long)]
    state: Option<String>,
    /// Words for `check` itself
    #[arg(last = true)]
    words: Vec<String>,
}

/// `check` beside curl and kubectl on thousands of simulated pods.
#[derive(Args)]
pub(crate) struct BenchArgs {
    /// Which lab
    #[arg(long, default_value = cluster::DEFAULT)]
    name: String,
    /// How many pods
    #[arg(long, default_value_t = 10_000)]
    pods: usize,
    /// How often each is run; the median is shown
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Leave out `kubectl get pods -A -o json`, which takes half a minute and gigabytes
    #[arg(long)]
    no_kubectl: bool,
}

/// Runs `check` and returns its own exit code.
pub(crate) async fn check(CheckArgs { name, state, words }: CheckArgs) -> Result<ExitCode> {
    let binary = build(&[]).await?;
    let cluster = Cluster::up(&name).await?;
    let mesh = Mesh::of_lab(&cluster).await?;
    let installed = mesh.kube.run(&["get", "configmap", "-n", "linkerd", "linkerd-config"]).await.is_ok();
    if let Some(state) = state.as_deref().or((!installed).then_some("healthy")) {
        tracing::info!("bringing the mesh into state {state}");
        state::set(&mesh, state, None).await?;
    }
    tracing::info!("$ KUBECONFIG={} kubectl linkerd-certs check {}\n", cluster.kubeconfig().display(), words.join(" "));
    let mut check = Command::new(binary);
    check.arg("check").args(words).env("KUBECONFIG", cluster.kubeconfig());
    let status = check.status().await.map_err(|error| Error::Refused(format!("check does not start: {error}")))?;
    Ok(ExitCode::from(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1)))
}

/// Builds the product and returns where its binary is.
async fn build(options: &[&str]) -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(&root).args(["build", "--quiet", "--package", "linkerd-certs"]).args(options);
    let built = cargo.status().await.map_err(|error| Error::Refused(format!("cargo does not start: {error}")))?;
    if !built.success() {
        return Err(Error::Refused("the product does not build; see above".into()));
    }
    // This program lies in the folder of its own profile, one level below all profiles.
    let own = std::env::current_exe().map_err(|error| Error::Refused(error.to_string()))?;
    let profiles = own.parent().and_then(Path::parent).unwrap_or(&root);
    let profile = if options.contains(&"--release") { "release" } else { "debug" };
    Ok(profiles.join(profile).join("kubectl-linkerd_certs"))
}

/// One thing that is timed.
struct Runner<'a> {
    name: &'a str,
    program: PathBuf,
    words: Vec<String>,
}

/// What one run took.
#[derive(Clone, Copy)]
struct Run {
    wall: Duration,
    /// Largest resident memory, in KiB.
    memory: u64,
}

/// Makes the pods, and runs all in turn: one round for warming up, then the counted ones.
pub(crate) async fn bench(BenchArgs { name, pods, runs, no_kubectl }: BenchArgs) -> Result<ExitCode> {
    let binary = build(&["--release"]).await?;
    let cluster = Cluster::up(&name).await?;
    let mesh = Mesh::of_lab(&cluster).await?;
    if mesh.kube.run(&["get", "configmap", "-n", "linkerd", "linkerd-config"]).await.is_err() {
        state::set(&mesh, "healthy", None).await?;
    }
    scale::pods(&cluster, pods).await?;
    let kubeconfig = cluster.kubeconfig();
    let access = Access::of(&kubeconfig)?;
    let list = "/api/v1/pods?resourceVersion=0";
    let mut runners = vec![
        Runner {
            name: "curl, protobuf",
            program: "curl".into(),
            words: access.curl(list, "application/vnd.kubernetes.protobuf"),
        },
        Runner { name: "check --probe none", program: binary.clone(), words: words(&["check", "--probe", "none"]) },
        Runner { name: "check", program: binary, words: words(&["check"]) },
        Runner { name: "curl, JSON", program: "curl".into(), words: access.curl(list, "application/json") },
    ];
    if !no_kubectl {
        let words = words(&["get", "pods", "-A", "-o", "json"]);
        runners.push(Runner { name: "kubectl get pods -o json", program: Part::Kubernetes.program("kubectl")?, words });
    }
    let mut measured: Vec<Vec<Run>> = vec![Vec::new(); runners.len()];
    for round in 0..=runs {
        for (runner, results) in runners.iter().zip(&mut measured) {
            // kubectl is only there for scale: once is enough.
            if runner.name.starts_with("kubectl") && round > 1 {
                continue;
            }
            let run = runner.run(&kubeconfig).await?;
            if round > 0 {
                results.push(run);
            }
        }
    }
    report(pods, &runners, &measured);
    Ok(ExitCode::SUCCESS)
}

fn report(pods: usize, runners: &[Runner<'_>], measured: &[Vec<Run>]) {
    println!("\n{pods} pods; medians of {} runs in turn; the first line is the measure\n", measured[0].len());
    println!("{:28}{:>10}{:>8}{:>12}", "", "wall, s", "ratio", "memory, MiB");
    let base = median(measured[0].iter().map(|run| run.wall.as_secs_f64()).collect());
    for (runner, runs) in runners.iter().zip(measured) {
        let wall = median(runs.iter().map(|run| run.wall.as_secs_f64()).collect());
        let memory = runs.iter().map(|run| run.memory).max().unwrap_or_default() / 1024;
        println!("{:28}{wall:>10.2}{:>8.2}{memory:>12}", runner.name, wall / base);
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

impl Runner<'_> {
    async fn run(&self, kubeconfig: &Path) -> Result<Run> {
        let failed = |why: String| Error::Refused(format!("{}: {why}", self.name));
        let started = Instant::now();
        let mut child = Command::new(&self.program)
            .args(&self.words)
            .env("KUBECONFIG", kubeconfig)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| failed(error.to_string()))?;
        let pid = child.id().ok_or_else(|| failed("it has no process id".into()))?;
        // The kernel keeps the peak for as long as the process lives; it is read until it does not.
        let mut memory = 0;
        let status = loop {
            memory = peak(pid).unwrap_or(memory);
            if let Ok(status) = tokio::time::timeout(Duration::from_millis(2), child.wait()).await {
                break status.map_err(|error| failed(error.to_string()))?;
            }
        };
        let wall = started.elapsed();
        // 3 and 4 are findings; 1 and 2 mean that nothing was measured.
        if matches!(status.code(), Some(0 | 3 | 4)) {
            Ok(Run { wall, memory })
        } else {
            Err(failed(format!("ended with {status}")))
        }
    }
}

/// The largest resident memory of a process so far, in KiB.
fn peak(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

/// What curl needs to talk to the API server as the kubeconfig's user: files beside the kubeconfig, as private as it.
struct Access {
    server: String,
    files: [PathBuf; 3],
}

impl Access {
    fn of(kubeconfig: &Path) -> Result<Self> {
        let broken = |why: String| Error::Refused(format!("{}: {why}", kubeconfig.display()));
        let config = kube::config::Kubeconfig::read_from(kubeconfig).map_err(|error| broken(error.to_string()))?;
        let cluster = config.clusters.first().and_then(|named| named.cluster.as_ref());
        let user = config.auth_infos.first().and_then(|named| named.auth_info.as_ref());
        let (cluster, user) = cluster.zip(user).ok_or_else(|| broken("it names no cluster and user".into()))?;
        let key = user.client_key_data.as_ref().map(ExposeSecret::expose_secret);
        let data = [
            ("ca.pem", cluster.certificate_authority_data.as_deref()),
            ("user.pem", user.client_certificate_data.as_deref()),
            ("user.key", key),
        ];
        let mut files = Vec::new();
        for (name, data) in data {
            let data = data.ok_or_else(|| broken(format!("it holds no {name}")))?;
            let pem = BASE64.decode(data).map_err(|error| broken(error.to_string()))?;
            let file = kubeconfig.with_file_name(format!("bench-{name}"));
            write_private(&file, &pem).map_err(|error| broken(error.to_string()))?;
            files.push(file);
        }
        let server = cluster.server.clone().unwrap_or_default();
        let files = files.try_into().map_err(|_| broken("unreachable".into()))?;
        Ok(Self { server, files })
    }

    fn curl(&self, path: &str, accept: &str) -> Vec<String> {
        let [ca, certificate, key] = self.files.each_ref().map(|file| file.display().to_string());
        let url = format!("{}{path}", self.server);
        let accept = format!("Accept: {accept}");
        words(&["--silent", "--fail", "--cacert", &ca, "--cert", &certificate, "--key", &key, "-H", &accept, &url])
    }
}

fn write_private(file: &Path, data: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(file)?.write_all(data)
}
