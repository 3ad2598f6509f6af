//! The certificates that a renewal brings in: made as the charts make them, signed by an authority, or brought.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;

use crate::{
    error::Error,
    keyfile,
    mesh::{IssuerPair, ServerPair},
    pki::{
        Authority, Bundle, Certificate, PrivateKey, Serial,
        authority::{Unfit, server_chain},
        private_key::NewKey,
    },
    plan::webhooks::{Keeper, Server, accepts},
    ui::Ui,
};

use super::{super::key, Settings};

/// A certificate with its key for each of these servers, but for those that cert-manager makes them for.
pub(super) fn certificates(settings: &Settings, servers: &[&Server], ui: &Ui) -> Result<Vec<ServerPair>, Error> {
    let own: Vec<&&Server> = servers.iter().filter(|server| server.keeper == Keeper::Nobody).collect();
    let source = &settings.source;
    if let Some((cert, key)) = source.cert.as_deref().zip(source.key.as_deref()) {
        let [server] = own.as_slice() else { return Err(Error::NotOneWebhook(servers.len())) };
        return Ok(vec![brought(settings, server, cert, key, ui)?]);
    }
    let authority = match source.ca_cert.as_deref().zip(source.ca_key.as_deref()) {
        Some((cert, key)) => {
            let unfit = |source| Error::Unfit { file: cert.to_owned(), source };
            let password = source.ca_key_password_file.as_deref();
            let key = key::read(key, password, "--ca-key-password-file", ui)?.key;
            let pem = keyfile::read(cert)?;
            Some(Authority::accept_server_authority(pem.text()?, key, settings.now).map_err(unfit)?)
        }
        None => None,
    };
    own.into_iter().map(|server| made(settings, server, authority.as_ref())).collect()
}

fn made(settings: &Settings, server: &Server, authority: Option<&Authority>) -> Result<ServerPair, Error> {
    let (lifetime, now) = (settings.lifetime, settings.now);
    let Some(authority) = authority else { return as_charts(server, lifetime, now) };
    let key = PrivateKey::generate(NewKey::EcdsaP256)?;
    let certificate = authority.sign_server(&server.name(), lifetime, &key, now, Serial::random()?)?;
    Ok(pair(server, vec![certificate], authority.certificate().clone(), &key))
}

/// A certificate as the charts make it: authority and server in one.
pub(in crate::commands) fn as_charts(
    server: &Server,
    lifetime: SignedDuration,
    now: Timestamp,
) -> Result<ServerPair, Error> {
    let key = PrivateKey::generate(NewKey::EcdsaP256)?;
    let certificate = Authority::self_signed_server(&server.name(), lifetime, &key, now, Serial::random()?)?;
    Ok(pair(server, vec![certificate.clone()], certificate, &key))
}

fn brought(settings: &Settings, server: &Server, cert: &Path, key: &Path, ui: &Ui) -> Result<ServerPair, Error> {
    let unfit = |source: Unfit| Error::Unfit { file: cert.to_owned(), source };
    let password = settings.source.key_password_file.as_deref();
    let key = key::read(key, password, "--key-password-file", ui)?.key;
    let chain = server_chain(keyfile::read(cert)?.text()?, &key).map_err(unfit)?;
    let authority = match &settings.source.ca {
        Some(file) => Bundle::parse(keyfile::read(file)?.text()?).certificates.into_iter().next(),
        None => chain.iter().rev().find(|one| one.is_self_issued()).cloned(),
    };
    let name = server.name();
    let verifies = |authority: &Certificate| accepts(std::slice::from_ref(authority), &chain, &name, settings.now);
    match authority.filter(verifies) {
        Some(authority) => Ok(pair(server, chain, authority, &key)),
        None => Err(Error::NotForWebhook { file: cert.to_owned(), name }),
    }
}

fn pair(server: &Server, chain: Vec<Certificate>, authority: Certificate, key: &PrivateKey) -> ServerPair {
    let pair = IssuerPair { chain, key: SecretString::from(key.to_pem().to_owned()) };
    ServerPair { of: server.service.clone(), pair, authority }
}
