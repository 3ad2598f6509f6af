//! What a recovery brings in: as little as it takes, by the keys that are at hand.

use std::path::Path;

use crate::{
    error::Error,
    keyfile,
    pki::{Bundle, Certificate, PrivateKey},
    plan::{self, Need, Standing},
    snapshot::Snapshot,
    ui::Ui,
};

use super::{Gathered, left_behind, make::Make, trust_domain};
use crate::commands::rotate::Settings;

/// Finds or makes what brings this mesh back.
pub(in crate::commands) fn remedy(
    settings: &Settings,
    snapshot: &Snapshot,
    standing: &Standing,
    ui: &Ui,
) -> Result<Gathered, Error> {
    let make = Make { settings, trust_domain: trust_domain(snapshot)?, ui };
    let (keys, need) = (&settings.keys, plan::need(standing));
    let is_needless = keys.anchor_key.is_none() && keys.issuer.is_none();
    if let Need::Nothing(anchor) = &need
        && is_needless
    {
        return Ok(Gathered::towards(anchor));
    }
    let brought = keys.anchor_cert.as_deref().map(certificates).transpose()?.unwrap_or_default();
    let known: Vec<Certificate> = plan::known_anchors(standing).into_iter().cloned().chain(brought).collect();
    if let Some((file, key)) = &keys.issuer {
        return under_any(&make, &known, |anchor| make.accept(file, key, anchor));
    }
    if let Some(file) = &keys.anchor_key {
        return by_key(&make, &known, &need, (file.read(ui)?, &file.file));
    }
    if let Some(written) = keys.written(ui)? {
        let is_its = |anchor: &&Certificate| anchor.public_key() == written.key.public_key();
        return match known.iter().find(is_its).cloned().or_else(|| left_behind(&written, settings.now)) {
            Some(anchor) => make.with(&anchor, written),
            None => Err(keyfile::Error::Exists(written.file.to_owned()).into()),
        };
    }
    if settings.place_is_open && !settings.common.run.dry_run {
        return Err(Error::NoRemedy(need));
    }
    make.anchor(keys.out.as_ref())
}

/// An issuer under the anchor that a key belongs to; where that anchor has ended, it is signed anew first.
fn by_key(
    make: &Make<'_>,
    known: &[Certificate],
    need: &Need,
    (key, file): (PrivateKey, &Path),
) -> Result<Gathered, Error> {
    let its = known.iter().filter(|anchor| anchor.public_key() == key.public_key());
    let Some(anchor) = its.max_by_key(|anchor| anchor.lifetime().not_after) else {
        return Err(Error::NoAnchorFor(file.to_owned()));
    };
    // The issuer that is there comes from it, so another would only be one more.
    if *need == Need::Nothing(anchor.clone()) {
        return Ok(Gathered::towards(anchor));
    }
    if anchor.lifetime().has_ended(make.settings.now) {
        return make.renewed(anchor, key);
    }
    Ok(Gathered { issuer: Some(make.under(anchor, key, file)?), ..Gathered::towards(anchor) })
}

/// What fits under one of these anchors, the last reason where it fits under none.
fn under_any(
    make: &Make<'_>,
    anchors: &[Certificate],
    fits: impl Fn(&Certificate) -> Result<crate::mesh::IssuerPair, Error>,
) -> Result<Gathered, Error> {
    let mut refused = None;
    for anchor in anchors.iter().filter(|anchor| !anchor.lifetime().has_ended(make.settings.now)) {
        match fits(anchor) {
            Ok(issuer) => return Ok(Gathered { issuer: Some(issuer), ..Gathered::towards(anchor) }),
            Err(error) => refused = Some(error),
        }
    }
    let file = make.settings.keys.anchor_cert.clone().unwrap_or_default();
    Err(refused.unwrap_or(Error::NoAnchorFor(file)))
}

/// Every certificate in a file, whether it has ended or not.
fn certificates(file: &Path) -> Result<Vec<Certificate>, Error> {
    let contents = keyfile::read(file)?;
    Ok(Bundle::parse(contents.text()?).each_once())
}
