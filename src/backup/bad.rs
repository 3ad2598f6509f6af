use std::path::PathBuf;

/// A folder that is no backup of this mesh. Nothing of what its files hold is quoted: it may be a key.
#[derive(Debug, thiserror::Error)]
pub enum BadBackup {
    /// There is nothing of this name.
    #[error("there is no folder {}", .0.display())]
    NoFolder(PathBuf),
    /// Something else is there.
    #[error("{} is a file; a backup is a folder", .0.display())]
    NotAFolder(PathBuf),
    /// An object without which nothing can be put back is not in it.
    #[error("{} is no backup, or not a whole one: {object} is not in it ({file})", folder.display())]
    Missing {
        /// The folder.
        folder: PathBuf,
        /// Kind and name.
        object: String,
        /// The file that should hold it.
        file: String,
    },
    /// The file ends in the middle.
    #[error("{} is cut short: it ends on line {line}, in the middle of an object", file.display())]
    CutShort {
        /// The file.
        file: PathBuf,
        /// Its last line, from 1.
        line: usize,
    },
    /// The file is not JSON, or no Kubernetes object.
    #[error("{} is not a Kubernetes object in JSON: see line {line}", file.display())]
    NotAnObject {
        /// The file.
        file: PathBuf,
        /// Where that shows, from 1.
        line: usize,
    },
    /// The file holds something else than its name says.
    #[error("{} should hold {wanted}, but holds {}", file.display(), if found.is_empty() { "something else" } else { found.as_str() })]
    WrongObject {
        /// The file.
        file: PathBuf,
        /// Kind and name of what it holds.
        found: String,
        /// Those of what it should hold.
        wanted: String,
    },
    /// A key of the Secret is of no use.
    #[error("{}: the Secret's key `{key}` {why}", file.display())]
    Entry {
        /// The file.
        file: PathBuf,
        /// The key, such as `crt.pem`.
        key: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The trust bundle is of no use.
    #[error("{} gives no trust bundle: {why}", file.display())]
    Anchors {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// It is of a control plane in another namespace.
    #[error("this is a backup of the control plane in namespace {saved}, and this one is in {here}")]
    OtherNamespace {
        /// Its namespace.
        saved: String,
        /// The namespace that was looked at.
        here: String,
    },
    /// None of its objects is one of this cluster.
    #[error("this is a backup of another cluster, or Linkerd was installed anew since it was taken")]
    OtherCluster,
}

impl BadBackup {
    /// What to do next.
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::NoFolder(_) | Self::NotAFolder(_) | Self::Missing { .. } => {
                "a run names its backup when it begins; usually they are in ~/.local/state/linkerd-certs"
            }
            Self::CutShort { .. } | Self::NotAnObject { .. } | Self::WrongObject { .. } | Self::Anchors { .. } => {
                "take the backup of another run"
            }
            Self::Entry { .. } => "take the backup of another run, which holds the issuer with its key",
            Self::OtherNamespace { .. } => "name the other control plane with -L, where it is in this cluster",
            Self::OtherCluster => "name the cluster that it was taken of with --context",
        }
    }
}
