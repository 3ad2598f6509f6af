//! `kubectl linkerd-certs`: kubectl finds this program by its name, `kubectl-linkerd_certs`.

use std::process::ExitCode;

fn main() -> ExitCode {
    linkerd_certs::commands::run(std::env::args_os()).into()
}
