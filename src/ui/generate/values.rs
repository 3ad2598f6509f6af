//! Helm's values file.

use std::io;

use serde::Serialize;

use super::{Made, install};
use crate::{error::Error, ui::text::clean};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Values<'a> {
    identity_trust_domain: &'a str,
    #[serde(rename = "identityTrustAnchorsPEM")]
    identity_trust_anchors_pem: String,
    identity: Identity,
}

#[derive(Debug, Serialize)]
struct Identity {
    issuer: Issuer,
}

#[derive(Debug, Serialize)]
struct Issuer {
    tls: Tls,
}

#[derive(Debug, Serialize)]
struct Tls {
    #[serde(rename = "crtPEM")]
    crt_pem: String,
}

pub(super) fn of(made: &Made<'_>) -> Result<String, Error> {
    let values = Values {
        identity_trust_domain: made.trust_domain.domain(),
        identity_trust_anchors_pem: made.anchor.to_pem(),
        identity: Identity { issuer: Issuer { tls: Tls { crt_pem: made.issuer.to_pem() } } },
    };
    let yaml = serde_yaml_ng::to_string(&values).map_err(|error| Error::Output(io::Error::other(error)))?;
    // A values file is committed and mailed; the key stays out of it.
    let head = format!(
        "# For chart linkerd-control-plane, in namespace {}. The issuer's key is not in here; give it beside this file:\n\
         #   helm install linkerd-control-plane linkerd/linkerd-control-plane -n {} --values FILE {}\n",
        made.trust_domain.namespace(),
        made.trust_domain.namespace(),
        clean(&install::helm_key_flag(made)),
    );
    Ok(head + &yaml)
}
