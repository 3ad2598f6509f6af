//! Where the new anchor's key goes, when nobody said so.

use std::path::{Path, PathBuf};

use crate::{
    error::Error,
    keyfile,
    pki::verify,
    plan::{self, Goal, Standing, Target},
    ui::Ui,
};

use super::Settings;

/// Asks, where a key will be made, or is needed that an earlier run has made.
pub(super) fn ask(settings: &mut Settings, standing: &Standing, ui: &Ui) -> Result<(), Error> {
    if settings.goal != Goal::Anchor || !settings.place_is_open || settings.common.run.dry_run {
        return Ok(());
    }
    let suggestion = suggestion(settings.now);
    let coming = match plan::target(standing, &settings.keep()) {
        Some(Target::Towards(anchor)) if verify::leads_to(&standing.issuer, anchor) => return Ok(()),
        Some(Target::Towards(anchor)) => Some(anchor),
        _ => None,
    };
    if settings.common.run.yes || !ui.can_ask() {
        return Err(Error::NoPlaceForKey);
    }
    settings.keys.out = match coming {
        Some(anchor) => {
            let question = format!("Key of the anchor `{}`, which is on its way in", anchor.name());
            Some(ui.line(&question, &suggestion).map(|file| at_home(&file))?)
        }
        None => of_new(settings.now, ui)?,
    };
    Ok(())
}

/// Asks where a new anchor's key is to go; nowhere is an answer as well.
pub(super) fn of_new(now: jiff::Timestamp, ui: &Ui) -> Result<Option<PathBuf>, Error> {
    ui.key_place(&suggestion(now), check)
}

/// A file's name that tells one year's key from another's.
pub(in crate::commands) fn suggestion(now: jiff::Timestamp) -> String {
    format!("anchor-{}.key", now.strftime("%Y%m%d"))
}

fn check(file: &str) -> Result<PathBuf, Error> {
    let file = at_home(file);
    keyfile::check_new(&file)?;
    Ok(file)
}

/// `~/` is otherwise the shell's business, which is not asked here.
fn at_home(file: &str) -> PathBuf {
    match (file.strip_prefix("~/"), std::env::home_dir()) {
        (Some(below), Some(home)) => home.join(below),
        _ => Path::new(file).to_owned(),
    }
}
