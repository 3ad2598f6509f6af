//! The keys and certificates that a rotation brings in: made here, or found where an earlier run left them.

use std::{collections::BTreeSet, path::PathBuf};

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;

use crate::{
    error::Error,
    keyfile,
    mesh::IssuerPair,
    pki::{
        Authority, AuthorityParams, Certificate, Fingerprint, PrivateKey, Serial, TrustDomain, private_key::NewKey,
        verify,
    },
    plan::{self, Goal, Materials, Outlook, Standing, Step, Target},
    snapshot::Snapshot,
    ui::Ui,
};

use super::{super::key, Settings};

/// What becomes of, or is the anchor's key.
#[derive(Debug)]
pub(super) enum AnchorKey {
    /// The new anchor's goes to this file, or is there already from a run before.
    Out(PathBuf),
    /// The new anchor's is forgotten.
    Discard,
    /// The present anchor's is in this file.
    Present {
        /// The key.
        file: PathBuf,
        /// A file with its password.
        password: Option<PathBuf>,
    },
}

/// How long what is made lives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lifetimes {
    pub(super) anchor: SignedDuration,
    pub(super) issuer: SignedDuration,
}

/// What a run may bring in.
#[derive(Default)]
pub(in crate::commands) struct Gathered {
    anchor: Option<Certificate>,
    issuer: Option<IssuerPair>,
    /// A key that has to be written before anything depends on it.
    unwritten: Option<(PathBuf, PrivateKey)>,
    /// Anchors that stay in the bundle beside it.
    kept: BTreeSet<Fingerprint>,
}

impl Gathered {
    /// What a backup gives to go back to.
    pub(in crate::commands) fn back(
        anchor: Option<Certificate>,
        issuer: IssuerPair,
        kept: BTreeSet<Fingerprint>,
    ) -> Self {
        Self { anchor, issuer: Some(issuer), unwritten: None, kept }
    }

    /// Anchors that stay in the bundle although nothing here needs them.
    pub(super) fn kept(&self) -> &BTreeSet<Fingerprint> {
        &self.kept
    }

    /// Certificates for the planner.
    pub(super) fn materials(&self) -> Materials {
        let issuer = self.issuer.as_ref().map(|pair| pair.chain.clone());
        Materials { anchor: self.anchor.clone(), issuer }
    }

    /// The issuer for the executor.
    pub(super) fn issuer(&self) -> Option<&IssuerPair> {
        self.issuer.as_ref()
    }

    /// Writes the new anchor's key where it was asked for, if the plan brings that anchor in.
    pub(super) fn keep(&self, outlook: &Outlook) -> Result<(), Error> {
        let brings = |step: &Step| match (step, &self.anchor) {
            (Step::TrustRoots { anchors, .. }, Some(anchor)) => anchors.contains(anchor),
            _ => false,
        };
        match &self.unwritten {
            Some((file, key)) if outlook.steps.iter().any(brings) => Ok(keyfile::write_key(file, key)?),
            _ => Ok(()),
        }
    }
}

/// Finds or makes what is needed from where the mesh stands.
pub(super) fn gather(
    settings: &Settings,
    snapshot: &Snapshot,
    standing: &Standing,
    ui: &Ui,
) -> Result<Gathered, Error> {
    let make = Make { settings, now: settings.now, trust_domain: trust_domain(snapshot)? };
    let target = plan::target(standing);
    match (&settings.key, target) {
        (AnchorKey::Present { file, password }, target) => {
            let brought = key::read(file, password.as_deref(), "--anchor-key-password-file", ui)?.key;
            let present = match target {
                Some(Target::Rest(anchor) | Target::Towards(anchor)) => anchor.clone(),
                None => return Ok(Gathered::default()),
            };
            make.under(&present, brought, file)
        }
        // The issuer is there: what is left needs no key.
        (_, Some(Target::Towards(anchor))) if verify::leads_to(&standing.issuer, anchor) => Ok(Gathered::default()),
        (AnchorKey::Out(file), Some(Target::Towards(anchor))) if file.exists() => {
            make.under(anchor, key::read(file, None, "--anchor-key-out", ui)?.key, file)
        }
        (AnchorKey::Out(file), Some(Target::Rest(present))) if file.exists() => {
            let known = key::read(file, None, "--anchor-key-out", ui)?.key;
            // A run before has come to its end: the key is that of the present anchor.
            if known.public_key() == present.public_key() && !settings.common.force {
                return Ok(Gathered { anchor: Some(present.clone()), ..Gathered::default() });
            }
            keyfile::check_new(file)?;
            Ok(Gathered::default())
        }
        (_, Some(Target::Towards(_))) => Ok(Gathered::default()),
        (place, _) => make.anchor(place),
    }
}

fn trust_domain(snapshot: &Snapshot) -> Result<TrustDomain, Error> {
    let domain = snapshot.config.found().and_then(|values| values.trust_domain.as_deref()).unwrap_or("cluster.local");
    Ok(TrustDomain::new(&snapshot.namespace, domain)?)
}

struct Make<'a> {
    settings: &'a Settings,
    now: Timestamp,
    trust_domain: TrustDomain,
}

impl Make<'_> {
    fn params(&self, lifetime: SignedDuration) -> AuthorityParams {
        AuthorityParams { trust_domain: self.trust_domain.clone(), lifetime }
    }

    /// An issuer under an anchor that is there, with its key.
    fn under(&self, anchor: &Certificate, key: PrivateKey, file: &std::path::Path) -> Result<Gathered, Error> {
        let unfit = |source| Error::Unfit { file: file.to_owned(), source };
        let authority = Authority::accept_anchor(&anchor.to_pem(), key, self.now).map_err(unfit)?;
        let issuer = self.issuer(&authority)?;
        let new = (self.settings.goal == Goal::Anchor).then(|| anchor.clone());
        Ok(Gathered { anchor: new, issuer: Some(issuer), ..Gathered::default() })
    }

    /// A new anchor, and an issuer under it.
    fn anchor(&self, place: &AnchorKey) -> Result<Gathered, Error> {
        let key = PrivateKey::generate(NewKey::EcdsaP256)?;
        let params = self.params(self.settings.lifetimes.anchor);
        let authority = Authority::new_anchor(&params, key, self.now, Serial::random()?)?;
        let issuer = self.issuer(&authority)?;
        let unwritten = match place {
            AnchorKey::Out(file) => {
                keyfile::check_new(file)?;
                Some((file.clone(), PrivateKey::from_pem(authority.key().to_pem().as_bytes(), None)?))
            }
            AnchorKey::Discard | AnchorKey::Present { .. } => None,
        };
        let anchor = Some(authority.certificate().clone());
        Ok(Gathered { anchor, issuer: Some(issuer), unwritten, ..Gathered::default() })
    }

    fn issuer(&self, authority: &Authority) -> Result<IssuerPair, Error> {
        let key = PrivateKey::generate(NewKey::EcdsaP256)?;
        let params = self.params(self.settings.lifetimes.issuer);
        let issuer = authority.sign_issuer(&params, key, self.now, Serial::random()?)?;
        Ok(IssuerPair { chain: issuer.chain().to_vec(), key: SecretString::from(issuer.key().to_pem().to_owned()) })
    }
}
