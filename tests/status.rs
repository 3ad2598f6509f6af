//! `status` through the real binary, on saved states of a mesh; no cluster is needed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use insta::assert_snapshot;

const PROGRAM: &str = env!("CARGO_BIN_EXE_kubectl-linkerd_certs");
const HEALTHY: &str = "tests/states/healthy.json";
const TRIMMED: &str = "tests/states/trimmed-too-early.json";

fn program(path: &str, columns: &str) -> Command {
    let mut command = Command::new(path);
    command.env_clear().env("COLUMNS", columns).env("HOME", "/nonexistent").stdin(Stdio::null());
    command
}

fn status(columns: &str, arguments: &[&str]) -> Output {
    program(PROGRAM, columns).arg("status").args(arguments).output().unwrap()
}

fn text(output: &Output) -> String {
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn help() {
    let help = text(&status("80", &["--help"]));
    assert!(help.lines().all(|line| line.chars().count() <= 80), "{help}");
    assert_snapshot!("help_status", help);
}

#[test]
fn each_state_in_80_and_120_columns() {
    for name in ["healthy", "issuer-expired", "cert-manager", "trimmed-too-early", "half-seen"] {
        for columns in ["80", "120"] {
            let shown = text(&status(columns, &["--snapshot", &format!("tests/states/{name}.json")]));
            assert!(shown.lines().all(|line| line.chars().count() <= columns.parse().unwrap()), "{shown}");
            assert_snapshot!(format!("status_{name}_{columns}"), shown);
        }
    }
}

#[test]
fn the_built_in_example() {
    assert_snapshot!("status_example_80", text(&status("80", &["--snapshot", "src/simulate/example.json"])));
}

#[test]
fn a_namespace_narrows_the_tree_and_not_the_stage() {
    let whole = text(&status("80", &["--snapshot", TRIMMED]));
    let narrow = text(&status("80", &["--snapshot", TRIMMED, "-n", "emojivoto"]));
    assert_eq!(whole.lines().next(), narrow.lines().next());
    let output = status("80", &["--snapshot", TRIMMED, "-n", "emojivotto"]);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn json_and_yaml_are_one_document() {
    let json: serde_json::Value =
        serde_json::from_str(&text(&status("80", &["--snapshot", TRIMMED, "-o", "json"]))).unwrap();
    let yaml: serde_json::Value =
        serde_yaml_ng::from_str(&text(&status("80", &["--snapshot", TRIMMED, "-o", "yaml"]))).unwrap();
    assert_eq!(json, yaml);
    assert_eq!(json["schemaVersion"], 1);
    assert_eq!((json["stage"].as_str(), json["refusing"].as_u64()), (Some("extend"), Some(6)));
}

#[test]
fn wrong_usage_is_told_as_such() {
    for arguments in [
        &["--interval", "0s"][..],
        &["--interval", "soon"],
        &["-o", "table"],
        &["--snapshot", "x", "--probe", "all"],
        &["--snapshot", "x", "--context", "y"],
    ] {
        assert_eq!(status("80", arguments).status.code(), Some(2), "{arguments:?}");
    }
    assert_eq!(status("80", &["--snapshot", "/nonexistent/file"]).status.code(), Some(1));
}

/// A watch of a file that tests replace; it ends with the test.
struct Watched {
    child: Child,
    lines: mpsc::Receiver<String>,
    said: mpsc::Receiver<String>,
    folder: tempfile::TempDir,
}

impl Watched {
    fn of(state: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mesh.json");
        std::fs::copy(state, &file).unwrap();
        let mut child = program(PROGRAM, "80")
            .args(["status", "--watch", "--interval", "1s", "-o", "short", "--snapshot", file.to_str().unwrap()])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (lines, said) = (lines_of(child.stdout.take().unwrap()), lines_of(child.stderr.take().unwrap()));
        Self { child, lines, said, folder }
    }

    /// Replaces the file in one step, as whoever saves snapshots for others should.
    fn put(&self, state: &str) {
        let new = self.folder.path().join("new");
        std::fs::copy(state, &new).unwrap();
        std::fs::rename(&new, self.folder.path().join("mesh.json")).unwrap();
    }

    /// The next line that tells a stage.
    fn stage(&self) -> String {
        loop {
            let line = self.lines.recv_timeout(Duration::from_mins(1)).unwrap();
            if line.starts_with("stage ") {
                return line;
            }
        }
    }

    /// Ctrl-C; the exit status, and what else was said.
    fn interrupt(mut self) -> (Option<i32>, Vec<String>) {
        assert!(Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().unwrap().success());
        (self.child.wait().unwrap().code(), self.said.iter().collect())
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines_of(stream: impl std::io::Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || BufReader::new(stream).lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
    lines
}

#[test]
fn watched_without_a_terminal_only_what_is_new_is_written_and_ctrl_c_ends_it_quietly() {
    let watched = Watched::of(HEALTHY);
    assert!(watched.stage().starts_with("stage AT REST"));
    // The same again is not told again: the next stage is another one.
    thread::sleep(Duration::from_millis(2500));
    watched.put(TRIMMED);
    assert!(watched.stage().starts_with("stage AT RISK"));
    assert_eq!(watched.interrupt(), (Some(130), Vec::new()));
}

#[test]
fn a_mesh_that_cannot_be_read_for_a_while_ends_no_watch() {
    let watched = Watched::of(HEALTHY);
    assert!(watched.stage().starts_with("stage AT REST"));
    std::fs::remove_file(watched.folder.path().join("mesh.json")).unwrap();
    let said = watched.said.recv_timeout(Duration::from_mins(1)).unwrap();
    assert!(said.starts_with("cannot read it now"), "{said}");
    watched.put(TRIMMED);
    assert!(watched.stage().starts_with("stage AT RISK"));
    assert_eq!(watched.interrupt().0, Some(130));
}

/// In a terminal, which `script` of util-linux makes.
#[test]
fn in_a_terminal_it_is_drawn_over_itself() {
    if !Path::new("/usr/bin/script").exists() {
        return;
    }
    let mut child = program("/usr/bin/script", "80")
        .env("TERM", "xterm")
        .args([
            "-qec",
            &format!("{PROGRAM} status --watch --interval 1s --color never --snapshot {HEALTHY}"),
            "/dev/null",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut terminal = child.stdout.take().unwrap();
    let mut shown = Vec::new();
    let again = |shown: &[u8]| String::from_utf8_lossy(shown).matches("AT REST").count() > 1;
    while !again(&shown) {
        let mut byte = [0];
        terminal.read_exact(&mut byte).unwrap();
        shown.push(byte[0]);
    }
    child.stdin.as_mut().unwrap().write_all(b"\x03").unwrap();
    let mut rest = Vec::new();
    terminal.read_to_end(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let shown = String::from_utf8_lossy(&shown).into_owned();
    let (_, second) = shown.split_once("AT REST").unwrap();
    // Up over the lines of the first, and no line more of history than those.
    assert!(second.contains("\u{1b}[J\u{1b}["), "{shown:?}");
    assert!(!String::from_utf8_lossy(&rest).contains("error"));
}
