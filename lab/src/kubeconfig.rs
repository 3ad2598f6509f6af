//! Kubeconfigs: whole in one file, certificates included, so that they can be copied anywhere.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::json;

use crate::error::{Error, Result};
use crate::pki::{Pair, Pki, Subject, write_private};

/// Makes a kubeconfig for a user who is known by a client certificate.
pub(crate) fn for_user(pki: &Pki, server: &str, user: &str, group: Option<&str>) -> Result<String> {
    let Pair { certificate, key } = pki.issue("ca", &Subject { user, group, hosts: &[] })?;
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{
            "name": "lab",
            "cluster": {"server": server, "certificate-authority-data": STANDARD.encode(pki.ca_pem()?)},
        }],
        "users": [{
            "name": user,
            "user": {
                "client-certificate-data": STANDARD.encode(certificate),
                "client-key-data": STANDARD.encode(key),
            },
        }],
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": user}}],
        "current-context": "lab",
    });
    serde_yaml_ng::to_string(&config).map_err(|error| Error::malformed("the kubeconfig", &error))
}

/// Writes a user's kubeconfig, unless the file names this server already.
pub(crate) fn keep(file: &Path, pki: &Pki, server: &str, user: &str, group: Option<&str>) -> Result<()> {
    if std::fs::read_to_string(file).is_ok_and(|text| text.lines().any(|line| line.trim().ends_with(server))) {
        return Ok(());
    }
    write_private(file, &for_user(pki, server, user, group)?)
}

/// A client for a context of the user's own kubeconfig.
pub async fn client_of_context(context: Option<&str>) -> Result<kube::Client> {
    let options = KubeConfigOptions { context: context.map(str::to_owned), ..KubeConfigOptions::default() };
    let config =
        kube::Config::from_kubeconfig(&options).await.map_err(|error| Error::malformed("the kubeconfig", &error))?;
    kube::Client::try_from(config).map_err(Error::kube("making a client"))
}

/// A client that uses a kubeconfig file as it stands, whatever the surroundings say.
pub async fn client(file: &Path) -> Result<kube::Client> {
    let unreadable = |why: &dyn std::fmt::Display| Error::malformed(file.display().to_string(), &why.to_string());
    let config = Kubeconfig::read_from(file).map_err(|error| unreadable(&error))?;
    let config = kube::Config::from_custom_kubeconfig(config, &KubeConfigOptions::default())
        .await
        .map_err(|error| unreadable(&error))?;
    kube::Client::try_from(config).map_err(Error::kube("making a client"))
}
