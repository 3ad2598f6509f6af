//! kubectl and helm as an operator runs them.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::cluster::Cluster;
use crate::error::{Error, Result};
use crate::kubeconfig;
use crate::parts::{self, Part};

/// Runs kubectl and helm against one cluster.
#[derive(Clone, Debug)]
pub struct Kubectl {
    program: PathBuf,
    helm: PathBuf,
    /// The kubeconfig file; the environment's where none is named.
    kubeconfig: Option<PathBuf>,
    /// The context within it; the current one where none is named.
    context: Option<String>,
}

impl Kubectl {
    /// The lab's own programs against the lab's cluster.
    pub async fn of_lab(cluster: &Cluster) -> Result<Self> {
        parts::ensure(&[Part::Kubernetes, Part::Helm]).await?;
        Ok(Self {
            program: Part::Kubernetes.program("kubectl")?,
            helm: Part::Helm.program("helm")?,
            kubeconfig: Some(cluster.kubeconfig()),
            context: None,
        })
    }

    /// The programs on the PATH against some other cluster of the user's kubeconfig.
    pub fn of_context(context: &str) -> Self {
        Self { program: "kubectl".into(), helm: "helm".into(), kubeconfig: None, context: Some(context.to_owned()) }
    }

    /// A client for the same cluster: what is asked many times is asked without a process for each time.
    pub async fn client(&self) -> Result<kube::Client> {
        match &self.kubeconfig {
            Some(file) => kubeconfig::client(file).await,
            None => kubeconfig::client_of_context(self.context.as_deref()).await,
        }
    }

    /// Runs kubectl and returns what it printed.
    pub async fn run<S: AsRef<OsStr>>(&self, args: &[S]) -> Result<String> {
        self.call(&self.program, "--context", args, "").await
    }

    /// `kubectl apply -f -`.
    pub async fn apply(&self, manifest: &str) -> Result<()> {
        self.call(&self.program, "--context", &["apply", "-f", "-"], manifest).await.map(drop)
    }

    /// `kubectl create --raw PATH`: an HTTP POST.
    pub async fn post(&self, path: &str, body: &str) -> Result<String> {
        self.call(&self.program, "--context", &["create", "--raw", path, "-f", "-"], body).await
    }

    /// `kubectl get ... -o json`.
    pub async fn get(&self, args: &[&str]) -> Result<Value> {
        let text = self.run(&[&["get", "-o", "json"], args].concat()).await?;
        serde_json::from_str(&text).map_err(|why| Error::malformed("the answer of kubectl", &why))
    }

    /// A merge patch of one object, named `kind/name`.
    pub async fn patch(&self, namespace: &str, object: &str, patch: &Value) -> Result<()> {
        self.run(&["patch", "-n", namespace, object, "--type=merge", "-p", &patch.to_string()]).await.map(drop)
    }

    /// Runs helm with something on its standard input and returns what it printed.
    pub async fn helm<S: AsRef<OsStr>>(&self, args: &[S], input: &str) -> Result<String> {
        self.call(&self.helm, "--kube-context", args, input).await
    }

    async fn call<S: AsRef<OsStr>>(
        &self,
        program: &Path,
        context_flag: &str,
        args: &[S],
        input: &str,
    ) -> Result<String> {
        let name = program.file_name().unwrap_or_default().to_string_lossy();
        let mut command = Command::new(program);
        if let Some(kubeconfig) = &self.kubeconfig {
            command.env("KUBECONFIG", kubeconfig);
        }
        if let Some(context) = &self.context {
            command.args([context_flag, context]);
        }
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(Error::io(format!("starting `{name}`")))?;
        // A program that reads only part of its input closes the pipe: its exit status then says why.
        if let Some(mut stdin) = child.stdin.take() {
            let _ = stdin.write_all(input.as_bytes()).await;
        }
        let output = child.wait_with_output().await.map_err(Error::io(format!("running `{name}`")))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let words: Vec<_> = args.iter().map(|arg| arg.as_ref().to_string_lossy()).collect();
        Err(Error::Command {
            command: format!("{name} {}", words.join(" ").chars().take(200).collect::<String>()),
            status: output.status.to_string(),
            output: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        })
    }
}

/// Asks again and again until the answer is `Ok`; the text of an `Err` says what was seen instead.
pub async fn until<F>(what: &str, limit: Duration, mut ask: F) -> Result<()>
where
    F: AsyncFnMut() -> Result<Result<(), String>>,
{
    let start = Instant::now();
    loop {
        let seen = match ask().await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(seen)) => seen,
            Err(error) => error.to_string(),
        };
        if start.elapsed() > limit {
            return Err(Error::Timeout { what: what.to_owned(), after: limit, last: Some(seen) });
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
