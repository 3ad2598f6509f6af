//! The lab's stand-in for Linkerd's processes, one program with a role for each.
//!
//! | module | stands for |
//! | --- | --- |
//! | [`identity`] | the identity controller: signs leafs, watches its issuer, writes the events |
//! | [`injector`] | the mutating webhook that adds the sidecar |
//! | [`destination`] | resolves addresses to meshed endpoints |
//! | [`validators`] | the two validating webhooks of the destination pod |
//! | [`tap`] | the API server of the viz extension |
//! | [`proxy`] | the sidecar: leaf, admin port, mutual TLS between pods |
//! | [`proxy_init`] | the init container that redirects a pod's traffic to its sidecar |
//! | [`app`] | workloads: a server, a client that counts failures, a sleeper |
//!
//! What a role does follows Linkerd's own sources, named where a rule is written down; the container
//! arguments and environment variables are the real ones, so recorded manifests start it unchanged.

mod admin;
mod app;
mod await_ready;
mod chain;
mod destination;
mod events;
mod flags;
mod http1;
mod identity;
mod injector;
mod keys;
mod proxy;
mod proxy_init;
mod role;
mod shutdown;
mod tap;
mod validators;
mod watched;
mod webhook;

#[cfg(test)]
mod mesh_test;

use std::process::ExitCode;

fn main() -> ExitCode {
    let (role, arguments) = role::chosen(std::env::args().collect());
    role::log_to_stderr(role, &arguments);
    // The one crypto provider of the tree; a second installation is no error.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // One thread is enough for a lab's traffic and keeps hundreds of sidecars small.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(role::run(role, arguments)),
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}
