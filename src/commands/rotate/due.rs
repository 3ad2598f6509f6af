//! `rotate`: which of the two rotations it is to be, by what the mesh needs.

use std::path::PathBuf;

use crate::{
    error::Error,
    pki::Thresholds,
    plan::{self, Due, Goal, Standing},
    ui::{Ui, run as show},
};

use super::{Settings, materials::KeyFile};

/// What `rotate` was told that only one of the two rotations takes.
#[derive(Debug)]
pub(super) struct Wanted {
    /// What is taken as due.
    pub(super) asked: Option<Goal>,
    /// The present anchor's key, and a file with its password.
    pub(super) anchor_key: Option<(PathBuf, Option<PathBuf>)>,
}

/// Says what is due and why, and makes `settings` those of that rotation; whether there is anything to do.
pub(super) fn decide(settings: &mut Settings, wanted: &Wanted, standing: &Standing, ui: &Ui) -> Result<bool, Error> {
    let due = plan::due(standing, &Thresholds::default(), &settings.keep(), wanted.anchor_key.is_some(), wanted.asked);
    if matches!(due, Due::Expired { .. } | Due::Unknown) {
        return Err(Error::NotByRotation(show::due_sentence(&due, standing.at)));
    }
    ui.data(&show::due(&due, standing.at, ui.stdout()))?;
    match due {
        Due::Expired { .. } | Due::Unknown | Due::Nothing { .. } => return Ok(false),
        Due::Finish { goal, .. } | Due::Rotate { goal, .. } => settings.goal = goal,
    }
    if settings.goal == Goal::Issuer {
        // An issuer that is in already needs no key any more.
        settings.needs_key = matches!(due, Due::Rotate { .. });
        if let Some((file, password)) = &wanted.anchor_key {
            settings.keys.anchor_key = KeyFile::anchor(Some(file.clone()), password.clone());
            settings.needs_key = true;
        }
    }
    Ok(true)
}
