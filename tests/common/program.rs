//! The program as it is called, and what it says.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::{
    path::PathBuf,
    process::{Command, Output, Stdio},
};

pub(crate) const KUBECTL_NAME: &str = env!("CARGO_BIN_EXE_kubectl-linkerd_certs");
pub(crate) const LINKERD_NAME: &str = env!("CARGO_BIN_EXE_linkerd-certs");

/// The program in an empty environment, 80 columns wide.
pub(crate) fn program(path: &str) -> Command {
    let mut command = Command::new(path);
    command.env_clear().env("COLUMNS", "80").env("HOME", "/nonexistent").stdin(Stdio::null());
    command
}

pub(crate) fn run(arguments: &[&str]) -> Output {
    program(KUBECTL_NAME).args(arguments).output().unwrap()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

pub(crate) fn state(name: &str) -> String {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests", "states", &format!("{name}.json")].iter().collect();
    path.to_str().unwrap().to_owned()
}

/// A file that holds `text`, and the folder that goes away with it.
pub(crate) fn file(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

/// What a failed run says, with the names of temporary files taken out.
pub(crate) fn complaint(arguments: &[&str], path: &str) -> (String, Option<i32>) {
    let output = run(arguments);
    assert_eq!(stdout(&output), "", "{arguments:?}");
    (stderr(&output).replace(path, "FILE"), output.status.code())
}
