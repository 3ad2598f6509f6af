use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use secrecy::SecretString;

use crate::{
    error::Error,
    keyfile,
    mesh::IssuerPair,
    pki::{
        Authority, AuthorityParams, Bundle, Certificate, PrivateKey, Serial, TrustDomain,
        authority::{self, Unfit},
        private_key::NewKey,
    },
    ui::Ui,
};

use super::{super::Settings, Gathered, KeyFile, Written};

/// Makes and tries certificates for one mesh.
pub(super) struct Make<'a> {
    pub(super) settings: &'a Settings,
    pub(super) trust_domain: TrustDomain,
    pub(super) ui: &'a Ui,
}

impl Make<'_> {
    /// A new anchor, and an issuer under it; the anchor's key is to go to `out`, or nowhere.
    pub(super) fn anchor(&self, out: Option<&PathBuf>) -> Result<Gathered, Error> {
        let key = PrivateKey::generate(NewKey::EcdsaP256)?;
        let params = self.params(self.settings.lifetimes.anchor);
        let authority = Authority::new_anchor(&params, key, self.settings.now, Serial::random()?)?;
        let issuer = self.issuer(&authority)?;
        let unwritten = match out {
            Some(file) => {
                keyfile::check_new(file)?;
                keyfile::check_new(&super::beside(file))?;
                Some((file.clone(), PrivateKey::from_pem(authority.key().to_pem().as_bytes(), None)?))
            }
            None => None,
        };
        Ok(Gathered {
            anchor: Some(authority.certificate().clone()),
            issuer: Some(issuer),
            unwritten,
            ..Gathered::default()
        })
    }

    /// An anchor that has ended, signed anew with its own key, and an issuer under it.
    pub(super) fn renewed(&self, anchor: &Certificate, key: PrivateKey) -> Result<Gathered, Error> {
        let lifetime = self.settings.lifetimes.anchor;
        let renewed = Authority::renew_anchor(anchor, key, lifetime, self.settings.now, Serial::random()?)?;
        let issuer = self.issuer(&renewed)?;
        Ok(Gathered { issuer: Some(issuer), ..Gathered::towards(renewed.certificate()) })
    }

    /// An anchor that was made elsewhere, without its key.
    pub(super) fn anchor_in(&self, file: &Path) -> Result<Certificate, Error> {
        let unfit = |source| Error::Unfit { file: file.to_owned(), source };
        authority::anchor(keyfile::read(file)?.text()?, self.settings.now).map_err(unfit)
    }

    /// What a run goes on with: an anchor, and an issuer under it by the key that was written for it.
    pub(super) fn with(&self, anchor: &Certificate, written: Written<'_>) -> Result<Gathered, Error> {
        Ok(Gathered { issuer: Some(self.under(anchor, written.key, written.file)?), ..Gathered::towards(anchor) })
    }

    /// An issuer under an anchor that is there, with its key.
    pub(super) fn under(&self, anchor: &Certificate, key: PrivateKey, file: &Path) -> Result<IssuerPair, Error> {
        let unfit = |source| Error::Unfit { file: file.to_owned(), source };
        let authority = Authority::accept_anchor(&anchor.to_pem(), key, self.settings.now).map_err(unfit)?;
        self.issuer(&authority)
    }

    /// An issuer that was signed elsewhere, tried under `anchor`.
    pub(super) fn accept(&self, file: &Path, key: &KeyFile, anchor: &Certificate) -> Result<IssuerPair, Error> {
        let unfit = |source: Unfit| Error::Unfit { file: file.to_owned(), source };
        let (contents, anchors) = (keyfile::read(file)?, Bundle::of([anchor.clone()]));
        let (pem, key) = (contents.text()?, key.read(self.ui)?);
        let issuer = Authority::accept_issuer(pem, key, &anchors, &self.trust_domain, self.settings.now);
        Ok(pair(&issuer.map_err(unfit)?))
    }

    fn issuer(&self, authority: &Authority) -> Result<IssuerPair, Error> {
        let key = PrivateKey::generate(NewKey::EcdsaP256)?;
        let params = self.params(self.settings.lifetimes.issuer);
        Ok(pair(&authority.sign_issuer(&params, key, self.settings.now, Serial::random()?)?))
    }

    fn params(&self, lifetime: SignedDuration) -> AuthorityParams {
        AuthorityParams { trust_domain: self.trust_domain.clone(), lifetime }
    }
}

fn pair(issuer: &Authority) -> IssuerPair {
    IssuerPair { chain: issuer.chain().to_vec(), key: SecretString::from(issuer.key().to_pem().to_owned()) }
}
