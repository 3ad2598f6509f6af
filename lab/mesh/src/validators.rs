//! The two validating webhooks of the destination pod: `sp-validator` for `ServiceProfiles`, and the
//! policy controller's for policy resources.
//!
//! They refuse what is plainly wrong and let the rest in; the exact rules of the originals are of
//! no concern to certificates. That they answer at all, over their own TLS, is.

mod policy;
mod profile;

use std::path::Path;

use serde_json::Value;
use tonic::transport::Server;
use tracing::info;

use crate::admin::Admin;
use crate::flags::Flags;
use crate::role::Failure;
use crate::webhook::review::{AdmissionRequest, Verdict};
use crate::webhook::{self, Admit, certificate::Keys};

/// Judges the object of a kind.
type Rule = fn(kind: &str, object: &Value) -> Result<(), String>;

struct Validator(Rule);

impl Admit for Validator {
    async fn admit(&self, request: AdmissionRequest) -> Result<Verdict, Failure> {
        let kind = &request.kind.kind;
        Ok(match (self.0)(kind, &request.object) {
            Ok(()) => Verdict::Allow,
            Err(why) => {
                info!("refused {kind} in {}: {why}", request.namespace);
                Verdict::Deny(why)
            }
        })
    }
}

pub(crate) async fn run_profiles(flags: Flags) -> Result<(), Failure> {
    let admin = Admin::start(flags.listen_or("metrics-addr", 9997), String::new).await?;
    let folder = Path::new(webhook::MOUNTED);
    let address = flags.listen_or("addr", 8443);
    webhook::serve(address, (folder, Keys::All), Validator(profile::check), || admin.set_ready()).await
}

pub(crate) async fn run_policy(flags: Flags) -> Result<(), Failure> {
    let admin = Admin::start(flags.listen_or("admin-addr", 9990), String::new).await?;
    let certificate = Path::new(flags.text_or("server-tls-certs", "/var/run/linkerd/tls/tls.crt"));
    let folder = certificate.parent().unwrap_or(Path::new(webhook::MOUNTED));
    let address = flags.listen_or("server-addr", 9443);
    // Sidecars of the stand-in ask for no policy; the port answers that it has none.
    let policies =
        Server::builder().add_routes(tonic::service::Routes::default()).serve(flags.listen_or("grpc-addr", 8090));
    tokio::select! {
        served = policies => Ok(served?),
        served = webhook::serve(address, (folder, Keys::Pkcs), Validator(policy::check), || admin.set_ready()) => {
            served
        }
    }
}
