//! Everything that can go wrong in the lab, said so that the next step is clear.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// A failure of the lab itself.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Namespaces, mounts and cgroups need root.
    #[error(
        "the lab makes namespaces and mounts and therefore needs root; run it as root or in a container of its own"
    )]
    NotRoot,

    /// A program that must be installed already is not.
    #[error("`{program}` is not on PATH; {hint}")]
    MissingProgram {
        /// What was looked for.
        program: String,
        /// How to get it.
        hint: String,
    },

    /// A file or process operation failed.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done.
        doing: String,
        /// The system's answer.
        source: std::io::Error,
    },

    /// A command ended with a failure.
    #[error("`{command}` failed ({status}):\n{output}")]
    Command {
        /// The command line, shortened.
        command: String,
        /// Its exit status.
        status: String,
        /// The end of what it printed.
        output: String,
    },

    /// One of the lab's own processes died while it was needed.
    #[error("{name} ended unexpectedly; the end of {}:\n{tail}", log.display())]
    Died {
        /// The process.
        name: String,
        /// Its whole log.
        log: PathBuf,
        /// The last lines of that log.
        tail: String,
    },

    /// Something did not come about in time.
    #[error("{what} did not happen within {} s{}", after.as_secs(), last.as_ref().map(|l| format!("; last answer: {l}")).unwrap_or_default())]
    Timeout {
        /// What was waited for.
        what: String,
        /// How long.
        after: Duration,
        /// What was seen last.
        last: Option<String>,
    },

    /// The API server refused or did not answer.
    #[error("{doing}: {source}")]
    Kube {
        /// What was being done.
        doing: String,
        /// The client's error.
        source: Box<kube::Error>,
    },

    /// A certificate could not be made.
    #[error("making certificates: {0}")]
    Certificate(#[from] rcgen::Error),

    /// Data that does not have the expected form.
    #[error("{what} cannot be understood: {why}")]
    Malformed {
        /// The file or object.
        what: String,
        /// What is wrong with it.
        why: String,
    },

    /// Asked for something that cannot be done in the present state.
    #[error("{0}")]
    Refused(String),
}

/// The lab's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An I/O failure with what was being done.
    pub fn io(doing: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }

    /// An I/O failure on one file.
    pub fn file(doing: &str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        Self::io(format!("{doing} {}", path.display()))
    }

    /// A failure of the Kubernetes client with what was being done.
    pub fn kube(doing: impl Into<String>) -> impl FnOnce(kube::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Kube { doing, source: Box::new(source) }
    }

    /// Data in a form that was not expected.
    pub fn malformed(what: impl Into<String>, why: &impl ToString) -> Self {
        Self::Malformed { what: what.into(), why: why.to_string() }
    }
}
