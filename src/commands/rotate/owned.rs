//! Objects that a Helm release, Argo CD, Flux, cert-manager or trust-manager writes: they are never fought over.

use std::path::Path;

use crate::{
    cluster::LiveMesh,
    error::Error,
    handover::Handover,
    keyfile,
    plan::{self, Refusal},
    snapshot::Snapshot,
    ui::Ui,
};

use super::{Look, Settings};

/// The refusal, unless their owner takes values and is given them, or the operator wants them written all the same.
pub(super) fn refused(settings: &Settings, snapshot: &Snapshot, ui: &Ui) -> Option<Refusal> {
    let owned = plan::owned(snapshot);
    if owned.is_empty() {
        return None;
    }
    let takes_values = plan::takes_values(snapshot);
    if takes_values && settings.common.run.emit.is_some() {
        return None;
    }
    if takes_values && settings.common.run.edit_owned {
        ui.say("What their owner has in its values comes back with its next upgrade, unless they are brought in line:");
        for line in &owned {
            ui.say(&format!("  {line}"));
        }
        return None;
    }
    Some(Refusal::Owned { objects: owned, takes_values })
}

/// The side of the port that hands writes over, where the objects have an owner who is given them.
pub(super) fn handover<'a>(
    settings: &Settings,
    look: &'a Look,
    ui: &'a Ui,
) -> Result<Option<Handover<'a, LiveMesh>>, Error> {
    let Some(folder) = settings.common.run.emit.clone().filter(|_| !plan::owned(&look.snapshot).is_empty()) else {
        return Ok(None);
    };
    if !folder.is_dir() {
        keyfile::make_folder(&folder)?;
    }
    let namespace = look.mesh.namespace().to_owned();
    let tell = move |file: &Path| {
        ui.say(&format!("Values for this stage: {}", file.display()));
        ui.say(&format!(
            "  with Helm: helm upgrade <release> <chart> -n {namespace} --reuse-values -f {}",
            file.display()
        ));
    };
    Ok(Some(Handover::new(&look.mesh, folder, tell)))
}
