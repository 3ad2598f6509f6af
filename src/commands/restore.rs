//! `restore`: what a backup holds, how the cluster differs, and the way back, which is a rotation.
//!
//! Nothing is written back as it was saved. Pods may have loaded what came since and may present leafs of a newer issuer,
//! so anchors and issuer of the backup are brought in as every rotation brings them in, through the same planner, gates
//! and proofs; and what else the objects hold today stays as it is.

use std::{collections::BTreeSet, path::PathBuf};

use jiff::Timestamp;

use crate::{
    backup::{Backup, BadBackup},
    cli::RestoreArgs,
    cluster::LiveMesh,
    error::Error,
    execute::Stop,
    exit::ExitStatus,
    pki::Certificate,
    plan::{self, Standing},
    ui::{Ui, restore::Shown},
};

use super::{
    interrupt::Interrupts,
    rotate::{self, Gathered, Look},
};

/// What `restore` needs to know.
#[derive(Debug)]
pub(super) struct Settings {
    folder: PathBuf,
    show: bool,
    now: Timestamp,
    run: rotate::Settings,
}

impl Settings {
    /// The settings that the arguments mean at the moment `now`.
    pub(super) fn resolve(arguments: RestoreArgs, now: Timestamp) -> Self {
        let RestoreArgs { folder, show, run, cluster } = arguments;
        Self { folder, show, now, run: rotate::Settings::of_restore(run, cluster, now) }
    }
}

/// Restores.
pub(super) async fn restore(settings: Settings, ui: &Ui) -> Result<ExitStatus, Error> {
    let backup = Backup::read(&settings.folder)?;
    let issuer = backup.accept(settings.now);
    let issuer = match issuer {
        Ok(issuer) if !settings.show => issuer,
        // What is of no use is shown all the same, and no cluster is asked for it.
        ended => {
            ui.data(&shown(&backup, None, settings.now).table(ui.stdout()))?;
            return Ok(ended.map(|_| ExitStatus::Fine)?);
        }
    };
    if settings.run.is_interactive() && !ui.can_ask() {
        return Err(Error::NotInteractive);
    }
    let mut interrupts = Interrupts::new()?;
    let look = interrupts.or(Box::pin(look(&settings, &backup, ui))).await?;
    settings.run.check_selection(&look.standing)?;
    ui.data(&shown(&backup, Some(&look.standing), settings.now).table(ui.stdout()))?;
    if let Some(refusal) = rotate::refused_beforehand(&settings.run, &look, ui) {
        ui.stopped(&Stop::Refused(Box::new(refusal)));
        return Ok(ExitStatus::Gate);
    }
    let anchor = backup.destination(settings.now).cloned();
    // What the backup's bundle held beside it is kept where it still is, and not brought back where it has gone: no
    // leaf of the backup needs it.
    let keep: BTreeSet<_> =
        backup.anchors.iter().filter(|one| Some(*one) != anchor.as_ref()).map(Certificate::fingerprint).collect();
    let gathered = Gathered::back(anchor, issuer, keep);
    let outlook = plan::outlook(&look.standing, &settings.run.request(&gathered));
    if outlook.is_done() {
        ui.data("\nNothing to do: the cluster is as the backup.\n")?;
        return Ok(ExitStatus::Fine);
    }
    ui.data(
        "\nBelow, \"new\" are the backup's anchor and issuer, and \"old\" is what the cluster has beside them.\n\n",
    )?;
    rotate::carry_out(&settings.run, &look, gathered, &mut interrupts, ui).await
}

/// The mesh that the backup is of.
async fn look(settings: &Settings, backup: &Backup, ui: &Ui) -> Result<Look, Error> {
    let mesh = rotate::reach(&settings.run, ui).await?;
    is_of(backup, &mesh).await?;
    rotate::look(mesh, ui).await
}

/// Whether the backup is of this control plane. Objects keep their uid as long as they live; where one of them was made
/// anew since, the others tell.
async fn is_of(backup: &Backup, mesh: &LiveMesh) -> Result<(), Error> {
    let here = mesh.uids().await?;
    Ok(same((&backup.namespace, &backup.uids), (mesh.namespace(), &here))?)
}

/// Whether both are one control plane, by namespace and uids; where there are no uids, nothing speaks against it.
fn same(saved: (&str, &BTreeSet<String>), here: (&str, &BTreeSet<String>)) -> Result<(), BadBackup> {
    if saved.0 != here.0 {
        return Err(BadBackup::OtherNamespace { saved: saved.0.to_owned(), here: here.0.to_owned() });
    }
    let can_tell = !saved.1.is_empty() && !here.1.is_empty();
    if can_tell && saved.1.is_disjoint(here.1) { Err(BadBackup::OtherCluster) } else { Ok(()) }
}

fn shown<'a>(backup: &'a Backup, cluster: Option<&'a Standing>, at: Timestamp) -> Shown<'a> {
    Shown {
        folder: &backup.folder,
        namespace: &backup.namespace,
        taken: backup.taken,
        anchors: &backup.anchors,
        destination: backup.destination(at),
        issuer: backup.issuer.first(),
        others: &backup.others,
        open: &backup.open,
        cluster,
        at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_is_of_the_control_plane_that_shares_a_uid_with_it() {
        let uids = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        let saved = uids(&["roots", "config", "issuer"]);
        assert!(same(("linkerd", &saved), ("linkerd", &uids(&["roots", "config"]))).is_ok());
        assert!(same(("linkerd", &saved), ("linkerd", &uids(&["roots made anew", "config"]))).is_ok());
        assert!(same(("linkerd", &saved), ("linkerd", &uids(&[]))).is_ok(), "nothing speaks against it");
        let other = same(("linkerd", &saved), ("linkerd", &uids(&["other roots", "other config"])));
        assert!(matches!(other, Err(BadBackup::OtherCluster)));
        let elsewhere = same(("linkerd", &saved), ("mesh", &saved)).unwrap_err();
        assert_eq!(
            elsewhere.to_string(),
            "this is a backup of the control plane in namespace linkerd, and this one is in mesh"
        );
    }
}
