//! Where the tests run, and how they run the binary.

use std::{
    path::PathBuf,
    process::{Command, Output},
};

use lab::{cluster::Cluster, install::Mesh, parts::Part};
use linkerd_certs::cluster::{self, Connect, LiveMesh};
use serde_json::Value;

pub mod pool;

pub use pool::lab_name;

pub type Failure = Box<dyn std::error::Error>;
pub type Result<T = ()> = std::result::Result<T, Failure>;

/// The mesh of this test's lab, about to be changed.
pub async fn mesh() -> Result<Mesh> {
    pool::keep(false);
    Ok(Mesh::of_lab(&Cluster::up(&lab_name()).await?).await?)
}

/// The binary.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_kubectl-linkerd_certs");

/// A cluster with a mesh, and how to reach it.
#[derive(Clone)]
pub struct Target {
    kubeconfig: Option<PathBuf>,
    context: Option<String>,
}

impl Target {
    /// The context that the environment names, or the lab, brought up where it is not.
    pub async fn any() -> Result<Self> {
        match std::env::var("LINKERD_CERTS_TEST_CONTEXT") {
            Ok(context) => Ok(Self { kubeconfig: None, context: Some(context) }),
            Err(_) => Self::lab().await,
        }
    }

    /// The lab; what only the lab can do is not asked of a given context.
    pub async fn lab() -> Result<Self> {
        let cluster = Cluster::up(&lab_name()).await?;
        Ok(Self { kubeconfig: Some(cluster.kubeconfig()), context: None })
    }

    /// A cluster behind this kubeconfig.
    pub fn of(kubeconfig: PathBuf) -> Self {
        Self { kubeconfig: Some(kubeconfig), context: None }
    }

    /// A cluster behind a context of this kubeconfig.
    pub fn of_context(kubeconfig: PathBuf, context: &str) -> Self {
        Self { kubeconfig: Some(kubeconfig), context: Some(context.to_owned()) }
    }

    /// Whether a cluster was named that is not the lab.
    pub fn is_given() -> bool {
        std::env::var_os("LINKERD_CERTS_TEST_CONTEXT").is_some()
    }

    /// Whether to skip what only the lab can do, which is said.
    pub fn is_given_and(what_is_the_labs: &str) -> bool {
        if Self::is_given() {
            println!("A context is given: {what_is_the_labs}.");
        }
        Self::is_given()
    }

    /// A client for plain requests.
    pub async fn client(&self) -> Result<kube::Client> {
        Ok(match &self.kubeconfig {
            Some(file) => lab::kubeconfig::client(file).await?,
            None => lab::kubeconfig::client_of_context(self.context.as_deref()).await?,
        })
    }

    /// The live side of the port, without the binary around it.
    pub async fn live(&self) -> Result<LiveMesh> {
        let connect =
            Connect { kubeconfig: self.kubeconfig.clone(), context: self.context.clone(), ..Connect::default() };
        Ok(LiveMesh::new(cluster::Cluster::connect(&connect).await?, "linkerd"))
    }

    /// Runs the binary.
    pub fn run(&self, arguments: &[&str]) -> Result<Ran> {
        Ok(Ran(self.command(arguments).output()?))
    }

    /// The binary with these arguments, not started yet.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.env("COLUMNS", "100").args(arguments);
        if let Some(kubeconfig) = &self.kubeconfig {
            command.env("KUBECONFIG", kubeconfig);
        }
        if let Some(context) = &self.context {
            command.args(["--context", context]);
        }
        command
    }

    /// The arguments with how to reach the cluster, for a program that gets no environment.
    pub fn reached(&self, arguments: &[&str]) -> Result<Vec<String>> {
        let kubeconfig = match &self.kubeconfig {
            Some(file) => file.clone(),
            None => match std::env::var_os("KUBECONFIG") {
                Some(file) => file.into(),
                None => std::env::home_dir().ok_or("no home")?.join(".kube/config"),
            },
        };
        let context = self.context.iter().flat_map(|context| ["--context", context]);
        let reach = ["--kubeconfig", kubeconfig.to_str().ok_or("an odd path")?].into_iter().chain(context);
        Ok(arguments.iter().copied().chain(reach).map(ToOwned::to_owned).collect())
    }

    /// Runs `check -o json` and reads its answer.
    pub fn check(&self, arguments: &[&str]) -> Result<Checked> {
        let ran = self.run(&[&["check", "-o", "json"], arguments].concat())?;
        let document = serde_json::from_slice(&ran.0.stdout)
            .map_err(|error| format!("{error}; exit {:?}; stderr: {}", ran.code(), ran.stderr()))?;
        Ok(Checked { code: ran.code(), document })
    }

    /// Runs kubectl as the administrator, with `input` on stdin, and returns what it printed.
    pub fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        // The lab's own, since a machine may have none; for a given context the one that is there.
        let mut command = match &self.kubeconfig {
            Some(_) => Command::new(Part::Kubernetes.program("kubectl")?),
            None => Command::new("kubectl"),
        };
        command.args(arguments);
        if let Some(kubeconfig) = &self.kubeconfig {
            command.env("KUBECONFIG", kubeconfig);
        }
        if let Some(context) = &self.context {
            command.args(["--context", context]);
        }
        let output = command.output()?;
        if !output.status.success() {
            return Err(format!("kubectl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        Ok(String::from_utf8(output.stdout)?)
    }
}

/// How the binary ended.
pub struct Ran(Output);

impl Ran {
    /// How a command that was started by hand ended.
    pub fn of(output: Output) -> Self {
        Self(output)
    }

    pub fn code(&self) -> i32 {
        self.0.status.code().unwrap_or(-1)
    }

    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.0.stdout).into_owned()
    }

    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.0.stderr).into_owned()
    }
}

/// What `check` answered.
pub struct Checked {
    pub code: i32,
    pub document: Value,
}

impl Checked {
    /// Codes of the root causes that matter (warnings and worse), in order.
    pub fn causes(&self) -> Vec<&str> {
        let findings = self.document["findings"].as_array().map_or(&[][..], Vec::as_slice);
        findings.iter().filter(|finding| finding["severity"] != "info").filter_map(|one| one["code"].as_str()).collect()
    }

    /// Codes of all findings, consequences included.
    pub fn codes(&self) -> Vec<&str> {
        fn collect<'a>(findings: &'a Value, into: &mut Vec<&'a str>) {
            for finding in findings.as_array().map_or(&[][..], Vec::as_slice) {
                into.extend(finding["code"].as_str());
                collect(&finding["consequences"], into);
            }
        }
        let mut codes = Vec::new();
        collect(&self.document["findings"], &mut codes);
        codes
    }
}

impl std::fmt::Display for Checked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "exit {}: {:#}", self.code, self.document["findings"])
    }
}
