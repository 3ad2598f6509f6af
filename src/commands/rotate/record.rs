//! Keeps the record of a run in two files beside the backup, from its beginning on: a run that is killed leaves a record
//! up to there.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use jiff::Timestamp;

use crate::{
    cluster::LiveMesh,
    event::{Answer, Event, Watch},
    execute::Stop,
    keyfile,
    mesh::Mesh as _,
    plan::{Done, Outlook, Standing, Step},
    preflight::Report,
    record::{Beginning, End, Operation, Outcome, Place, Record, command_line, position},
    snapshot::Snapshot,
    ui::{Ui, run as show},
};

use super::{Settings, holder};

/// Begins to keep the record of a run in the folder of its backup.
pub(super) fn begin<'a>(
    settings: &Settings,
    mesh: &LiveMesh,
    (snapshot, standing): (&Snapshot, &Standing),
    outlook: &Outlook,
    saved: &Path,
    report: &Report,
    ui: &'a Ui,
) -> Recorder<'a> {
    let arguments: Vec<String> = std::env::args_os().map(|one| one.to_string_lossy().into_owned()).collect();
    let beginning = Beginning {
        goal: settings.goal,
        who: holder::person(),
        command: command_line(&arguments),
        mesh: Place {
            context: snapshot.cluster.context.clone(),
            server: Some(mesh.cluster().server().to_owned()),
            kubernetes: snapshot.cluster.version.clone(),
            namespace: snapshot.namespace.clone(),
        },
        backup: Some(saved.display().to_string()),
        went_on_from: position(standing, settings.goal, outlook),
    };
    Recorder::begin(Record::begin(mesh.now(), beginning, report), saved, ui)
}

/// A record and where it is kept.
pub(super) struct Recorder<'a> {
    record: Record,
    folder: PathBuf,
    ui: &'a Ui,
    /// Whether it could not be written, which was said then: the run goes on.
    failed: bool,
}

impl<'a> Recorder<'a> {
    /// Begins to keep `record` in `folder`.
    fn begin(record: Record, folder: &Path, ui: &'a Ui) -> Self {
        let mut recorder = Self { record, folder: folder.to_owned(), ui, failed: false };
        recorder.keep();
        recorder
    }

    /// The run has ended.
    pub(super) fn end(&mut self, at: Timestamp, ended: &Result<Done, Stop>) {
        let is_renewal = self.record.operation == Operation::WebhookRenewal;
        self.record.end(at, end(ended, &self.folder, is_renewal));
        self.keep();
    }

    /// Writes both files. A mesh is not left half way because a disk is full, so a failure is only told, once.
    fn keep(&mut self) {
        let Err(error) = self.try_keep() else { return };
        if !std::mem::replace(&mut self.failed, true) {
            let folder = self.folder.display();
            self.ui.say(&format!("warning: the record in {folder} cannot be written ({error}); the run goes on"));
        }
    }

    fn try_keep(&self) -> io::Result<()> {
        replace(&self.folder.join("record.json"), &self.record.to_json()?)?;
        replace(&self.folder.join("record.md"), &self.record.to_markdown())
    }
}

impl Watch for Recorder<'_> {
    fn notice(&mut self, at: Timestamp, event: &Event) {
        if self.record.notice(at, event) {
            self.keep();
        }
    }

    fn allow(&mut self, _: &Step) -> Result<Answer, Stop> {
        Ok(Answer::GoOn)
    }
}

fn end(ended: &Result<Done, Stop>, folder: &Path, is_renewal: bool) -> End {
    match ended {
        Ok(done) if done.trusting_old.is_empty() => End {
            result: Outcome::Done,
            what: "the goal was reached: what was read last shows it".to_owned(),
            evidence: Vec::new(),
            next: vec!["`check` shows the mesh as it is now".to_owned()],
        },
        Ok(done) => End {
            result: Outcome::Done,
            what: "the goal was reached; these workloads still trust an anchor that signs nothing any more".to_owned(),
            evidence: done.trusting_old.iter().map(ToString::to_string).collect(),
            next: vec!["they drop it when their pods are replaced".to_owned()],
        },
        Err(stop) => {
            let undo = if is_renewal { show::Undo::Nothing } else { show::Undo::Restore(folder) };
            let told = show::stopped(stop, undo);
            End { result: Outcome::Stopped, what: told.what, evidence: told.evidence, next: told.hints }
        }
    }
}

/// Replaces a file whole: whoever reads it sees the old text or the new one.
fn replace(file: &Path, text: &str) -> io::Result<()> {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = file.with_file_name(name);
    // Left there by nobody but a run of ours that was killed: the folder is the run's own.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    keyfile::write_secret(&new, text).map_err(io::Error::other)?;
    fs::rename(&new, file)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::{
        cli::{ColorChoice, GlobalArgs},
        plan::Goal,
    };

    fn recorder<'a>(folder: &Path, ui: &'a Ui) -> Recorder<'a> {
        let beginning = Beginning {
            goal: Goal::Issuer,
            who: "jane@laptop".to_owned(),
            command: "rotate-issuer".to_owned(),
            mesh: Place::default(),
            backup: None,
            went_on_from: None,
        };
        let record = Record::begin(Timestamp::UNIX_EPOCH, beginning, &Report::default());
        Recorder::begin(record, folder, ui)
    }

    fn ui() -> Ui {
        Ui::new(&GlobalArgs { color: ColorChoice::Never, verbose: 0 })
    }

    #[test]
    fn both_files_are_there_from_the_beginning_and_replaced_whole() {
        let (folder, ui) = (tempfile::tempdir().unwrap(), ui());
        fs::write(folder.path().join("record.md.new"), "half").unwrap();
        let mut recorder = recorder(folder.path(), &ui);
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        assert!(read("record.md").contains("unfinished") && read("record.json").contains("\"unfinished\""));
        recorder.end(Timestamp::UNIX_EPOCH, &Err(Stop::Asked));
        assert!(read("record.md").contains("stopped as asked") || read("record.md").contains("Stopped as asked"));
        let mut names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap()).collect();
        names.sort_by_key(fs::DirEntry::file_name);
        assert_eq!(names.iter().map(fs::DirEntry::file_name).collect::<Vec<_>>(), ["record.json", "record.md"]);
        for file in names {
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_record_that_cannot_be_written_stops_nothing() {
        let (folder, ui) = (tempfile::tempdir().unwrap(), ui());
        let gone = folder.path().join("gone");
        let mut recorder = recorder(&gone, &ui);
        assert!(recorder.failed);
        recorder.notice(Timestamp::UNIX_EPOCH, &Event::Changed("ConfigMap linkerd-config".to_owned()));
        recorder.end(Timestamp::UNIX_EPOCH, &Ok(Done::default()));
        assert!(!gone.exists());
    }
}
