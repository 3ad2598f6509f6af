//! Objects that a Helm release, Argo CD, Flux, cert-manager or trust-manager writes: they are never fought over.

use std::path::Path;

use crate::{
    cluster::LiveMesh,
    error::Error,
    handover::{self, Handover},
    keyfile,
    mesh::IssuerPair,
    plan::{self, Outlook, Refusal, Step},
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
    if settings.leaves_to_owner(snapshot) {
        return None;
    }
    if takes_values && settings.common.run.emit.is_some() {
        return None;
    }
    if settings.break_glass || (takes_values && settings.common.run.edit_owned) {
        ui.say("What their owner has in its values comes back with its next upgrade, unless they are brought in line:");
        for line in &owned {
            ui.say(&format!("  {line}"));
        }
        return None;
    }
    Some(Refusal::Owned { objects: owned, takes_values })
}

/// What has to be committed where the objects come from, after they were written here all the same: the values are put
/// into a file beside the backup before the first write, since they hold an issuer's key that is nowhere else.
pub(super) fn to_commit(
    settings: &Settings,
    look: &Look,
    outlook: &Outlook,
    issuer: Option<&IssuerPair>,
    saved: &Path,
) -> Result<Vec<String>, Error> {
    let owned = plan::owned(&look.snapshot);
    if !settings.break_glass || owned.is_empty() {
        return Ok(Vec::new());
    }
    let last = outlook.steps.iter().rev().find_map(|step| match step {
        Step::TrustRoots { anchors, .. } => Some(anchors),
        _ => None,
    });
    let file = saved.join("commit.values.yaml");
    keyfile::write_secret(&file, &handover::values(last.unwrap_or(&look.standing.roots), issuer))?;
    let mut lines =
        vec!["To be committed where these objects come from, or the old certificates come back:".to_owned()];
    lines.extend(owned.iter().map(|line| format!("  {line}")));
    lines.push(format!("  values for the chart linkerd-control-plane, with the issuer's key: {}", file.display()));
    Ok(lines)
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
