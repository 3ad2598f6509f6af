//! Everything that stops a verb before it has an answer. What is found wrong with a mesh is no error: that is a finding.

use std::{io, path::PathBuf};

use crate::{
    backup::{self, BadBackup},
    cluster,
    execute::Stop,
    exit::ExitStatus,
    keyfile,
    mesh::Fault,
    pki::{
        InvalidName,
        authority::{SigningError, Unfit},
        private_key::{InvalidKey, NotGenerated},
    },
    plan::{Need, Unmatched, Which},
    simulate::NoLikeness,
    snapshot::SCHEMA_VERSION,
};

/// A verb could not do its job.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The cluster could not be read. Its first line says what is wrong, the others what to do next.
    #[error(transparent)]
    Cluster(#[from] cluster::Error),
    /// The snapshot file could not be read.
    #[error("cannot read the snapshot {}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file was read, but it is no snapshot.
    #[error("{} is not a snapshot", file.display())]
    NotASnapshot {
        /// The file.
        file: PathBuf,
        /// What is wrong with it, and where.
        source: serde_json::Error,
    },
    /// The file is a snapshot of another version.
    #[error("{} is a snapshot of version {found}, and this program reads version {SCHEMA_VERSION}", file.display())]
    OtherVersion {
        /// The file.
        file: PathBuf,
        /// Its version.
        found: u64,
    },
    /// `--namespace` names none that there is.
    #[error("there is no namespace `{name}`{}", near.as_ref().map_or_else(String::new, |near| format!("; did you mean `{near}`?")))]
    NoSuchNamespace {
        /// The one that was asked for.
        name: String,
        /// The one that was probably meant.
        near: Option<String>,
    },
    /// `--at` leads to a moment that does not exist.
    #[error("--at leads out of the calendar")]
    OutOfTime(#[source] jiff::Error),
    /// A key or certificate file could not be read or written.
    #[error(transparent)]
    KeyFile(#[from] keyfile::Error),
    /// A key is encrypted, and nobody is there to ask.
    #[error("{} is encrypted, and there is no terminal to ask for its password", file.display())]
    NoPassword {
        /// The key's file.
        file: PathBuf,
        /// The flag that names a file with its password.
        flag: &'static str,
    },
    /// The terminal gave no answer.
    #[error("cannot ask: the terminal gives no answer")]
    Prompt(#[source] io::Error),
    /// A certificate and key that were brought cannot be used for a mesh.
    #[error("{} and its key are of no use to Linkerd", file.display())]
    Unfit {
        /// The certificate's file.
        file: PathBuf,
        /// Why.
        source: Unfit,
    },
    /// A key was brought for an anchor that nothing names.
    #[error("{} is the key of no anchor that the mesh is on its way to", .0.display())]
    NoAnchorFor(PathBuf),
    /// What was just made does not hold.
    #[error("the issuer that was made is of no use to Linkerd, so nothing was written")]
    Unproved(#[source] Unfit),
    /// No key could be made.
    #[error(transparent)]
    NotGenerated(#[from] NotGenerated),
    /// No certificate could be signed.
    #[error("no certificate was signed")]
    Signing(#[from] SigningError),
    /// A namespace or trust domain is none.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// A run ended before its goal.
    #[error(transparent)]
    Stopped(Stop),
    /// Nobody is there to be asked, and nobody said `--yes`.
    #[error("nothing was changed: there is no terminal to ask, and --yes was not given")]
    NobodyToAsk,
    /// `--interactive` where nobody can answer.
    #[error("--interactive asks before each step, and there is no terminal to ask")]
    NotInteractive,
    /// Nobody said what becomes of a new anchor's key, and nobody is there to be asked.
    #[error("nobody said what becomes of the new trust anchor's key")]
    NoPlaceForKey,
    /// `--only`, `--exclude` or `--last` names no workload.
    #[error(transparent)]
    Unmatched(#[from] Unmatched),
    /// A name is none of a webhook.
    #[error("there is no webhook `{name}`{}", near.as_ref().map_or_else(String::new, |near| format!("; did you mean `{near}`?")))]
    NoSuchWebhook {
        /// The one that was asked for.
        name: String,
        /// The one that was probably meant.
        near: Option<String>,
    },
    /// One certificate was brought, and not for one webhook.
    #[error("--cert is the certificate of one webhook, and {0} were named, or cert-manager makes it")]
    NotOneWebhook(usize),
    /// A certificate was brought that the API server would not accept.
    #[error("{} is of no use to the server of {name}", file.display())]
    NotForWebhook {
        /// The certificate's file.
        file: PathBuf,
        /// The name that it should be for.
        name: String,
    },
    /// No rotation helps this mesh; the text says why.
    #[error("{0} A rotation restarts pods, and no new pod would get a leaf now")]
    NotByRotation(String),
    /// A new issuer is needed, and nobody said what signs it.
    #[error("a new issuer is needed, and nothing was given to sign it with")]
    NoRemedy(Need),
    /// `--linked-context` leads to the cluster itself.
    #[error("--linked-context {0} leads to this cluster itself")]
    LinkedToItself(String),
    /// There is no place for a backup.
    #[error("there is no folder to save the present state in: name one with --backup-dir")]
    NoStateFolder,
    /// A folder is no backup of this mesh.
    #[error(transparent)]
    Backup(#[from] BadBackup),
    /// A key could not be used.
    #[error(transparent)]
    Key(#[from] InvalidKey),
    /// No mesh could be simulated.
    #[error("this mesh cannot be rehearsed on")]
    NoRehearsal(#[source] NoLikeness),
    /// The answer could not be written.
    #[error("cannot write the answer")]
    Output(#[source] io::Error),
    /// The program cannot run here at all.
    #[error("cannot start")]
    Runtime(#[source] io::Error),
    /// The user pressed Ctrl-C.
    #[error("interrupted")]
    Interrupted,
}

/// Before a run has begun, a server that does not answer is no end of one.
impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Lost(error) => Self::Cluster(error),
            other => Self::Stopped(other.into()),
        }
    }
}

impl From<backup::Error> for Error {
    fn from(error: backup::Error) -> Self {
        match error {
            backup::Error::Bad(bad) => Self::Backup(bad),
            backup::Error::File(error) => Self::KeyFile(error),
            backup::Error::Name(error) => Self::Name(error),
            backup::Error::Unfit { file, source } => Self::Unfit { file, source },
        }
    }
}

/// An error as it is told: what is wrong, what shows it, what to do next.
#[derive(Debug, PartialEq, Eq)]
pub struct Told {
    /// What is wrong.
    pub what: String,
    /// What shows it; a line each.
    pub evidence: Vec<String>,
    /// What to do next; a line each.
    pub hints: Vec<String>,
}

impl Error {
    /// The status that the program ends with.
    pub fn exit_status(&self) -> ExitStatus {
        match self {
            Self::Interrupted => ExitStatus::Interrupted,
            Self::OutOfTime(_)
            | Self::Name(_)
            | Self::NotInteractive
            | Self::NoPlaceForKey
            | Self::NoRemedy(_)
            | Self::Unmatched(_)
            | Self::NoSuchWebhook { .. }
            | Self::NotOneWebhook(_)
            | Self::LinkedToItself(_) => ExitStatus::Usage,
            Self::NotByRotation(_) => ExitStatus::Gate,
            _ => ExitStatus::CouldNotRun,
        }
    }

    /// The error in the words and lines of a person.
    pub fn tell(&self) -> Told {
        let message = self.to_string();
        let mut lines = message.lines().map(ToOwned::to_owned);
        let what = lines.next().unwrap_or_default();
        let hints = lines.chain(self.hint()).collect();
        let causes = std::iter::successors(std::error::Error::source(self), |error| error.source());
        Told { what, evidence: causes.map(ToString::to_string).collect(), hints }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NotASnapshot { .. } => "`check -o snapshot > FILE` writes one",
            Self::OtherVersion { .. } => "take a new one with this version: `check -o snapshot > FILE`",
            Self::NoSuchNamespace { .. } => "`kubectl get namespaces` lists them",
            Self::OutOfTime(_) => "give a nearer time, such as --at +30d",
            Self::NoSuchWebhook { .. } => "`renew-webhooks --dry-run` lists them",
            Self::NotOneWebhook(_) => "name the one that it is for",
            Self::NotForWebhook { .. } => {
                "it has to be valid now and for that DNS name, and signed by itself or by the authority in --ca"
            }
            Self::NotInteractive => "leave it out; --yes is for runs that nobody watches",
            Self::LinkedToItself(_) => "name the context of the other cluster; --context names this one",
            Self::Unmatched(unmatched) => unmatched_hint(unmatched),
            Self::NoPlaceForKey => "--anchor-key-out FILE keeps it, --discard-anchor-key throws it away",
            Self::NoRemedy(Need::Anchor(_)) => {
                "--anchor-key FILE with the key of an anchor that has ended signs it anew, which no proxy notices; without it, \
                 --anchor-key-out FILE or --discard-anchor-key makes a new anchor"
            }
            Self::NoRemedy(_) => {
                "--anchor-key FILE names the present anchor's key, --issuer-cert and --issuer-key an issuer that was signed \
                 elsewhere; without either, --anchor-key-out FILE or --discard-anchor-key makes a new anchor as well"
            }
            Self::NotByRotation(_) => "`recover-expired` is for that; until then restart nothing. `check` says more",
            Self::NoPassword { flag, .. } => return Some(format!("give it by `{flag} FILE`")),
            Self::NoAnchorFor(_) => "for a new anchor, bring its certificate as well: --anchor-cert FILE",
            Self::KeyFile(error) => key_file_hint(error)?,
            Self::Backup(bad) => bad.hint(),
            Self::Signing(SigningError::Name { .. }) => {
                "sign an identity issuer under it with step or openssl, and bring that issuer instead"
            }
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

fn unmatched_hint(unmatched: &Unmatched) -> &'static str {
    match unmatched.which {
        _ if unmatched.control_plane => "leave it out",
        Which::Place { .. } => {
            "NAMESPACE, NAMESPACE/KIND or NAMESPACE/KIND/NAME; `status -o short` lists what there is"
        }
        Which::Labels(_) => {
            "labels of Deployments, StatefulSets and DaemonSets count, not those of their pods; a rehearsal knows none: \
             `kubectl get deploy,sts,ds -A --show-labels`"
        }
    }
}

fn key_file_hint(error: &keyfile::Error) -> Option<&'static str> {
    match error {
        keyfile::Error::Exists(_) => Some("name a file that does not exist yet, or move this one away"),
        keyfile::Error::NotEmpty(_) => Some("name a folder that is new or empty"),
        keyfile::Error::NoParent(_) => Some("make the folder first, or name another"),
        keyfile::Error::NoKey { source: InvalidKey::WrongPassword, .. } => {
            Some("of a password file the first line counts, and spaces in it")
        }
        _ => None,
    }
}
