//! One verb a file: arguments become settings, settings go to a plain function, and out comes an exit status.

mod check;
mod generate;
mod interrupt;
mod key;
mod observe;
mod recover;
mod rehearse;
mod renew_webhooks;
mod restore;
mod rotate;
mod status;
mod version;

use std::ffi::OsString;

use jiff::Timestamp;

use crate::{
    cli::{Cli, Verb},
    error::Error,
    exit::ExitStatus,
    ui::Ui,
};

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
        Verb::RecoverExpired(arguments) => {
            runtime()?.block_on(recover::recover(recover::Settings::resolve(*arguments, Timestamp::now()), ui))
        }
        Verb::Rehearse(arguments) => {
            runtime()?.block_on(rehearse::rehearse(rehearse::Settings::resolve(*arguments), ui))
        }
        Verb::RenewWebhooks(arguments) => runtime()?
            .block_on(renew_webhooks::renew(renew_webhooks::Settings::resolve(*arguments, Timestamp::now()), ui)),
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
