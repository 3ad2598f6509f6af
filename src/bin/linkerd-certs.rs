//! `linkerd certs`: the linkerd CLI finds this program by its name, `linkerd-certs`.

use std::process::ExitCode;

fn main() -> ExitCode {
    linkerd_certs::commands::run(std::env::args_os()).into()
}
