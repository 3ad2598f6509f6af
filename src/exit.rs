//! How the program ends, as a number that scripts and CI read.

use std::process::ExitCode;

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
