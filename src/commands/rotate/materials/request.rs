use crate::{
    error::Error,
    keyfile,
    pki::{PrivateKey, Serial, authority::issuer_request, private_key::NewKey},
    plan::Goal,
    snapshot::Snapshot,
};

use super::{super::Settings, trust_domain};

/// Writes a request for a new issuer and its key, where that was asked for, and says what to do with them. The mesh is
/// not touched.
pub(in crate::commands) fn request(settings: &Settings, snapshot: &Snapshot) -> Result<Option<String>, Error> {
    let Some((csr, key_file)) = &settings.keys.request else { return Ok(None) };
    keyfile::check_new(csr)?;
    keyfile::check_new(key_file)?;
    let key = PrivateKey::generate(NewKey::EcdsaP256)?;
    let request = issuer_request(&trust_domain(snapshot)?, &key, settings.now, Serial::random()?)?;
    keyfile::write_key(key_file, &key)?;
    keyfile::write_certificates(csr, &request)?;
    let (who, verb) = match settings.goal {
        Goal::Anchor => ("the new anchor", "rotate-anchor --anchor-cert ANCHOR"),
        Goal::Issuer | Goal::Back | Goal::Recover | Goal::Webhooks => ("the present anchor", "rotate-issuer"),
    };
    Ok(Some(format!(
        "The request is in {csr}, its key in {key}.\nHave it signed by {who} as a certificate authority with path length 0, then:\n  \
         {verb} --issuer-cert CERT --issuer-key {key}\n",
        csr = csr.display(),
        key = key_file.display(),
    )))
}
