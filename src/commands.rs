//! One verb a file: arguments become settings, settings go to a plain function, and out comes an exit status.

mod check;
mod generate;
mod interrupt;
mod key;
mod layout;
mod observe;
mod rehearse;
mod restore;
mod rotate;
mod status;
mod version;

use std::{ffi::OsString, process::ExitCode};

use jiff::Timestamp;

use crate::{
    cli::{Cli, Verb},
    error::Error,
    ui::Ui,
};

pub use restore::BadBackup;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitStatus {
    /// All is well, or what is not was asked to be passed over.
    Fine = 0,
    /// The verb could not do its job.
    CouldNotRun = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// Warnings were found.
    Warnings = 3,
    /// Something critical was found.
    Critical = 4,
    /// A safety gate stopped it; the mesh was left whole.
    Gate = 5,
    /// Ctrl-C.
    Interrupted = 130,
}

/// Runs the program with these arguments, its own name first.
pub fn run(arguments: impl Iterator<Item = OsString>) -> ExitStatus {
    let arguments: Vec<OsString> = arguments.collect();
    let cli = match Cli::parse_from_arguments(&arguments) {
        Ok(cli) => cli,
        // Help and version are answers and go to stdout; usage errors go to stderr. A closed pipe is nobody's error.
        Err(instead) => {
            let _ = instead.print();
            return if instead.use_stderr() { ExitStatus::Usage } else { ExitStatus::Fine };
        }
    };
    let ui = Ui::new(&cli.global);
    ui.log();
    dispatch(cli.verb, &ui).unwrap_or_else(|error| {
        ui.error(&error);
        error.exit_status()
    })
}

fn dispatch(verb: Verb, ui: &Ui) -> Result<ExitStatus, Error> {
    match verb {
        Verb::Check(arguments) => {
            let settings = check::Settings::resolve(*arguments, Timestamp::now());
            runtime()?.block_on(check::check(settings, ui))
        }
        Verb::Generate(arguments) => {
            generate::generate(&generate::Settings::resolve(*arguments, Timestamp::now())?, ui)
        }
        Verb::Rehearse(arguments) => {
            runtime()?.block_on(rehearse::rehearse(rehearse::Settings::resolve(*arguments), ui))
        }
        Verb::Restore(arguments) => {
            runtime()?.block_on(restore::restore(restore::Settings::resolve(*arguments, Timestamp::now()), ui))
        }
        Verb::Rotate(arguments) => {
            runtime()?.block_on(rotate::rotate(rotate::Settings::of_due(*arguments, Timestamp::now()), ui))
        }
        Verb::RotateAnchor(arguments) => {
            runtime()?.block_on(rotate::rotate(rotate::Settings::of_anchor(*arguments, Timestamp::now()), ui))
        }
        Verb::RotateIssuer(arguments) => {
            runtime()?.block_on(rotate::rotate(rotate::Settings::of_issuer(*arguments, Timestamp::now()), ui))
        }
        Verb::Status(arguments) => runtime()?.block_on(status::status(status::Settings::resolve(*arguments), ui)),
        Verb::Version(arguments) => version::version(arguments.output, ui),
    }
}

/// Two threads: one takes bytes off the wire and decrypts them while the other decodes.
fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(Error::Runtime)
}

impl ExitStatus {
    /// The number that the shell sees.
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status.code())
    }
}
