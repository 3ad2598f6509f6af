//! Which role a process plays: by the name it was started under, else by its first argument.

use std::error::Error;
use std::path::Path;

use tracing_subscriber::EnvFilter;

use crate::flags::Flags;
use crate::{app, await_ready, destination, identity, injector, proxy, proxy_init, shutdown, tap, validators};

/// What may go wrong in a role, on its way to the exit status.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Identity,
    Injector,
    Destination,
    ProfileValidator,
    Tap,
    Policy,
    Proxy,
    ProxyInit,
    Await,
    App,
}

/// Picks the role and what is left of the arguments.
///
/// The names are those of the programs in Linkerd's images: a container's `command` may name
/// `/usr/lib/linkerd/linkerd2-proxy-init`, and that path is a link to this program.
pub(crate) fn chosen(mut arguments: Vec<String>) -> (Role, Vec<String>) {
    let program = if arguments.is_empty() { String::new() } else { arguments.remove(0) };
    let name = Path::new(&program).file_name().map(|name| name.to_string_lossy().into_owned());
    match name.as_deref().and_then(named) {
        Some(role) => (role, arguments),
        None => match arguments.first().and_then(|first| named(first)) {
            Some(role) => (role, arguments.split_off(1)),
            // The proxy image starts without arguments: all it needs is in the environment.
            None => (Role::Proxy, arguments),
        },
    }
}

fn named(name: &str) -> Option<Role> {
    Some(match name {
        "identity" => Role::Identity,
        "proxy-injector" => Role::Injector,
        "destination" => Role::Destination,
        "sp-validator" => Role::ProfileValidator,
        "tap" => Role::Tap,
        "policy" | "linkerd-policy-controller" => Role::Policy,
        "proxy" | "linkerd2-proxy" => Role::Proxy,
        "proxy-init" | "linkerd2-proxy-init" => Role::ProxyInit,
        "await" | "linkerd-await" => Role::Await,
        "app" => Role::App,
        _ => return None,
    })
}

/// Logs to stderr at the level the role's own argument or variable names.
pub(crate) fn log_to_stderr(role: Role, arguments: &[String]) {
    let level = match role {
        Role::Proxy => std::env::var("LINKERD2_PROXY_LOG")
            .ok()
            .map(|log| if log.contains("debug") { "debug" } else { "info" }.to_owned()),
        _ => Flags::parse(arguments).text("log-level").map(str::to_owned),
    };
    let level = std::env::var("RUST_LOG").unwrap_or_else(|_| level.unwrap_or_else(|| "info".into()));
    let filter = EnvFilter::try_new(level).unwrap_or_else(|_| EnvFilter::new("info"));
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(std::io::stderr).try_init();
}

/// Plays the role until it ends or the container is told to stop.
pub(crate) async fn run(role: Role, arguments: Vec<String>) -> Result<(), Failure> {
    let flags = Flags::parse(&arguments);
    match role {
        // Its connections are let to finish, so it watches for the signal itself.
        Role::Proxy => proxy::run().await,
        Role::ProxyInit => proxy_init::run(&flags).await,
        Role::Identity => until_stopped(identity::run(flags)).await,
        Role::Injector => until_stopped(injector::run(flags)).await,
        Role::Destination => until_stopped(destination::run(flags)).await,
        Role::ProfileValidator => until_stopped(validators::run_profiles(flags)).await,
        Role::Tap => until_stopped(tap::run(flags)).await,
        Role::Policy => until_stopped(validators::run_policy(flags)).await,
        Role::Await => until_stopped(await_ready::run(flags)).await,
        Role::App => until_stopped(app::run(arguments)).await,
    }
}

async fn until_stopped(role: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    tokio::select! {
        outcome = role => outcome,
        () = shutdown::asked() => {
            tracing::info!("asked to stop");
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen_of(words: &[&str]) -> (Role, Vec<String>) {
        chosen(words.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn the_name_of_the_program_decides_first() {
        let (role, rest) = chosen_of(&["/usr/lib/linkerd/linkerd2-proxy-init", "--proxy-uid", "2102"]);
        assert_eq!(role, Role::ProxyInit);
        assert_eq!(rest, ["--proxy-uid", "2102"]);
        assert_eq!(chosen_of(&["/linkerd-policy-controller"]).0, Role::Policy);
    }

    #[test]
    fn else_the_first_argument_and_without_one_the_proxy() {
        let (role, rest) = chosen_of(&["/standin", "identity", "-log-level=info"]);
        assert_eq!((role, rest.len()), (Role::Identity, 1));
        assert_eq!(chosen_of(&["/standin"]).0, Role::Proxy);
    }
}
