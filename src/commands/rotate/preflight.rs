//! What is verified of a rotation before its first write: over the port, and of the files on this side.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    cluster::LiveMesh,
    error::Error,
    exit::ExitStatus,
    keyfile,
    mesh::Mesh as _,
    plan::{Hold, Lack, Next, Outlook, Standing, Step},
    preflight::{self, About, Report, Row, Verdict, Wanted},
    snapshot::Snapshot,
    ui::{Ui, run as show},
};

use super::{Settings, backup, materials::Gathered};

/// Verifies everything; of a dry run also what a run comes upon before its first write anyway.
pub(super) async fn verify(
    settings: &Settings,
    mesh: &LiveMesh,
    (snapshot, standing): (&Snapshot, &Standing),
    outlook: &Outlook,
    gathered: &Gathered,
    ui: &Ui,
) -> Result<Report, Error> {
    let _progress = ui.progress("verifying the plan");
    let wanted = Wanted::of(outlook, snapshot, standing, gathered.keys());
    let mut report = preflight::verify(mesh, &wanted).await?;
    if settings.common.run.dry_run {
        report.rows.extend(key(settings, gathered));
        report.rows.push(folder(settings));
        report.rows.push(objects(mesh).await);
        report.rows.extend(holds(outlook, settings.common.run.hold));
        report.rows.extend(linked(outlook, settings.common.run.hold));
    }
    Ok(report)
}

/// Shows a dry run, and says with what it ends.
pub(super) fn show(report: &Report, ui: &Ui) -> Result<ExitStatus, Error> {
    ui.data(&format!("\n{}", show::verified(report, ui.stdout())))?;
    Ok(if report.stops() { ExitStatus::Gate } else { ExitStatus::Fine })
}

fn key(settings: &Settings, gathered: &Gathered) -> Option<Row> {
    let row = |what: String, verdict: Verdict| Some(Row::new(About::Keys, what, verdict));
    let keys = &settings.keys;
    // What was brought was read, tried, and an issuer signed with it, before anything was planned.
    if let Some(file) = keys.anchor_key_file() {
        return row(format!("{} is the key of the trust anchor", file.display()), Verdict::Verified);
    }
    match &keys.out {
        Some(file) if gathered.writes_key() => {
            let verdict = can_write(parent(file)).map_or_else(|why| no_place(&why), |()| Verdict::Verified);
            row(format!("the new anchor's key goes to {}", file.display()), verdict)
        }
        Some(file) if gathered.issuer().is_some() => {
            row(format!("{} is the key of the anchor that is on its way", file.display()), Verdict::Verified)
        }
        None if gathered.issuer().is_some() && keys.issuer.is_none() => row(
            "the new anchor's key is forgotten".to_owned(),
            Verdict::Remark("the next issuer will need a new anchor".to_owned()),
        ),
        _ => None,
    }
}

fn folder(settings: &Settings) -> Row {
    let folder = match backup::folder(settings.common.run.backup_dir.as_deref(), settings.now) {
        Ok(folder) => folder,
        Err(error) => return Row::new(About::Backup, "a folder for the backup", no_place(&error.to_string())),
    };
    let what = format!("{} can be written", folder.display());
    let there = folder.symlink_metadata().is_ok();
    let able = if there {
        keyfile::check_empty(&folder).map_err(|error| error.to_string()).and_then(|()| can_write(&folder))
    } else if settings.common.run.backup_dir.is_some() && !parent(&folder).is_dir() {
        Err(format!("there is no folder {}", parent(&folder).display()))
    } else {
        can_write(parent(&folder))
    };
    Row::new(About::Backup, what, able.map_or_else(|why| no_place(&why), |()| Verdict::Verified))
}

/// Everything that a backup holds is read and let go.
async fn objects(mesh: &LiveMesh) -> Row {
    let verdict = |why: String| Verdict::refused(why, "have the right to read it granted");
    match mesh.export().await {
        Ok(objects) => Row::new(About::Backup, format!("{} objects can be read", objects.len()), Verdict::Verified),
        Err(fault) => Row::new(About::Backup, "what may be touched can be read", verdict(fault.to_string())),
    }
}

/// What only an operator can replace stops a run; what was left to somebody else on purpose does where it is not waited
/// for.
fn holds(outlook: &Outlook, patience: Duration) -> Vec<Row> {
    let ending = match &outlook.end {
        Next::Hold(holds) => holds.as_slice(),
        _ => &[],
    };
    let verdict = |hold: &Hold| match hold.obstacle {
        obstacle if !obstacle.is_by_choice() => {
            Verdict::refused(show::obstacle(obstacle), "see to it first, or leave it out with --leave")
        }
        _ if patience.is_zero() => Verdict::refused(
            "left to somebody else by --only or --exclude, and not waited for",
            "--hold TIME waits for whoever restarts what is left out; without it the run stops there, and the same \
             command goes on later",
        ),
        _ => Verdict::NotVerified("left to somebody else by --only or --exclude, and waited for".to_owned()),
    };
    // What is waited for in each round is told once.
    let waited: BTreeMap<_, _> =
        outlook.waits.iter().flat_map(|wait| &wait.holds).map(|hold| (&hold.workload, hold)).collect();
    let held = ending.iter().filter(|hold| !waited.contains_key(&hold.workload));
    waited
        .values()
        .copied()
        .chain(held)
        .map(|hold| Row::new(About::Holds, hold.workload.to_string(), verdict(hold)))
        .collect()
}

/// What is waited for in linked clusters: it would stop a run that does not wait.
fn linked(outlook: &Outlook, hold: Duration) -> Vec<Row> {
    let lacks = outlook.steps.iter().filter_map(|step| match step {
        Step::AwaitLinked { lacks, .. } => Some((show::title(step), lacks)),
        _ => None,
    });
    let row = |(what, lacks): (String, &Vec<Lack>)| {
        let why = lacks.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        let verdict = match hold {
            Duration::ZERO => Verdict::refused(why, "rotate there at the same time, and wait for it with --hold"),
            _ => Verdict::Remark(why),
        };
        Row::new(About::Holds, what, verdict)
    };
    lacks.map(row).collect()
}

fn no_place(why: &str) -> Verdict {
    Verdict::refused(why, "name another place")
}

/// Whether something can be made in `folder`, or in the first folder above it that there is: a folder is made there and
/// taken away again. Permissions alone do not tell, as of a file system that is mounted read-only or full.
fn can_write(folder: &Path) -> Result<(), String> {
    let there = folder.ancestors().find(|above| above.as_os_str().is_empty() || above.symlink_metadata().is_ok());
    let there = there.filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let probe: PathBuf = there.join(format!(".linkerd-certs-{}", std::process::id()));
    let why = |error: &dyn std::fmt::Display| format!("{} cannot be written: {error}", there.display());
    std::fs::create_dir(&probe).map_err(|error| why(&error))?;
    std::fs::remove_dir(&probe).map_err(|error| why(&error))
}

fn parent(file: &Path) -> &Path {
    file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_can_be_written_is_left_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(can_write(folder.path()), Ok(()));
        assert_eq!(can_write(&folder.path().join("not/there/yet")), Ok(()));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let file = folder.path().join("file");
        std::fs::write(&file, "x").unwrap();
        assert!(can_write(&file).unwrap_err().contains("cannot be written"));
    }
}
