//! The program as people and scripts meet it: its words, its formats, its exit status. No cluster is needed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use insta::assert_snapshot;

const KUBECTL_NAME: &str = env!("CARGO_BIN_EXE_kubectl-linkerd_certs");
const LINKERD_NAME: &str = env!("CARGO_BIN_EXE_linkerd-certs");

/// The program in an empty environment, 80 columns wide.
fn program(path: &str) -> Command {
    let mut command = Command::new(path);
    command.env_clear().env("COLUMNS", "80").env("HOME", "/nonexistent").stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    program(KUBECTL_NAME).args(arguments).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn state(name: &str) -> String {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests", "states", &format!("{name}.json")].iter().collect();
    path.to_str().unwrap().to_owned()
}

/// `check` on a saved state; what it wrote and its exit status.
fn check(name: &str, arguments: &[&str]) -> (String, Option<i32>) {
    let file = state(name);
    let output = run(&[&["check", "--snapshot", &file], arguments].concat());
    assert_eq!(stderr(&output), "", "{name} {arguments:?}");
    (stdout(&output), output.status.code())
}

/// A file that holds `text`, and the folder that goes away with it.
fn file(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

/// A kubeconfig with one context, `gone`.
fn kubeconfig(server: &str) -> String {
    format!(
        "{{apiVersion: v1, kind: Config, current-context: gone, \
         contexts: [{{name: gone, context: {{cluster: c, user: u}}}}], \
         clusters: [{{name: c, cluster: {{server: 'http://{server}'}}}}], users: [{{name: u, user: {{}}}}]}}"
    )
}

/// What a failed run says, with the names of temporary files taken out.
fn complaint(arguments: &[&str], path: &str) -> (String, Option<i32>) {
    let output = run(arguments);
    assert_eq!(stdout(&output), "", "{arguments:?}");
    (stderr(&output).replace(path, "FILE"), output.status.code())
}

#[test]
fn help_names_the_program_as_it_was_called() {
    assert_snapshot!("help", stdout(&run(&["--help"])));
    assert_snapshot!("help_check", stdout(&run(&["check", "--help"])));
    let other = program(LINKERD_NAME).args(["check", "--help"]).output().unwrap();
    assert!(stdout(&other).contains("Usage: linkerd certs check [OPTIONS]"), "{}", stdout(&other));
}

#[test]
fn help_fits_80_columns() {
    for arguments in [
        &["--help"][..],
        &["check", "--help"],
        &["rotate", "--help"],
        &["rotate-anchor", "--help"],
        &["rotate-issuer", "--help"],
        &["rehearse", "rotate-anchor", "--help"],
        &["version", "--help"],
    ] {
        let help = stdout(&run(arguments));
        assert!(help.lines().all(|line| line.chars().count() <= 80), "{help}");
    }
}

#[test]
fn help_has_each_flag_under_its_own_heading() {
    for verb in ["rotate", "rotate-anchor", "rotate-issuer"] {
        let help = stdout(&run(&[verb, "--help"]));
        let (own, elsewhere) = help.split_once("Certificates from elsewhere:").unwrap();
        assert!(own.contains("--dry-run"), "{help}");
        assert!(elsewhere.contains("--issuer-cert") && !own.contains("--issuer-cert"), "{help}");
    }
}

#[test]
fn a_rotation_that_would_have_to_ask_says_so_at_once() {
    for (arguments, what) in [
        (&["rotate-anchor", "--yes"][..], "nobody said what becomes of the new trust anchor's key"),
        (&["rotate-anchor"], "nobody said what becomes of the new trust anchor's key"),
        (&["rotate", "--interactive"], "there is no terminal to ask"),
        (&["rotate-issuer", "--anchor-key", "key", "--interactive"], "there is no terminal to ask"),
        (&["rehearse", "rotate-issuer", "--interactive"], "there is no terminal to ask"),
        (&["rotate", "--due", "issuer"], "--anchor-key <FILE>"),
        (&["rotate", "--interactive", "--yes"], "cannot be used with"),
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr(&output).contains(what), "{arguments:?}: {}", stderr(&output));
    }
}

#[test]
fn version_is_a_line_or_an_object() {
    let expected = format!("linkerd-certs {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(stdout(&run(&["version"])), expected);
    let json: serde_json::Value = serde_json::from_slice(&run(&["version", "-o", "json"]).stdout).unwrap();
    assert_eq!(json["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(json["snapshotSchemaVersion"], 1);
}

#[test]
fn each_state_in_80_and_120_columns() {
    for (name, status) in
        [("healthy", 0), ("issuer-expired", 4), ("cert-manager", 3), ("trimmed-too-early", 4), ("half-seen", 3)]
    {
        for columns in ["80", "120"] {
            let output =
                program(KUBECTL_NAME).env("COLUMNS", columns).args(["check", "--snapshot", &state(name)]).output();
            let output = output.unwrap();
            assert_eq!(output.status.code(), Some(status), "{name}");
            assert_snapshot!(format!("{name}_{columns}"), stdout(&output));
        }
    }
}

#[test]
fn a_narrow_terminal_sees_less_of_each_row() {
    let output =
        program(KUBECTL_NAME).env("COLUMNS", "60").args(["check", "--snapshot", &state("cert-manager")]).output();
    assert_snapshot!("cert-manager_60", stdout(&output.unwrap()));
}

#[test]
fn the_other_formats() {
    assert_snapshot!("half-seen_wide", check("half-seen", &["-o", "wide"]).0);
    assert_snapshot!("half-seen_short", check("half-seen", &["-o", "short"]).0);
    assert_snapshot!("half-seen_json", check("half-seen", &["-o", "json"]).0);
    assert_snapshot!("half-seen_namespace", check("half-seen", &["-n", "linkerd"]).0);
}

#[test]
fn what_may_not_be_read_has_its_row() {
    let mut snapshot: serde_json::Value = serde_json::from_slice(&std::fs::read(state("healthy")).unwrap()).unwrap();
    let forbidden = serde_json::json!({ "state": "forbidden", "is": "get secrets in namespace linkerd" });
    for source in ["issuer", "overrides", "helm"] {
        snapshot[source] = forbidden.clone();
    }
    for webhook in snapshot["webhooks"]["is"].as_array_mut().unwrap() {
        webhook["secret"] = forbidden.clone();
    }
    let (_folder, path) = file(&snapshot.to_string());
    let output = run(&["check", "--snapshot", &path]);
    assert_eq!(output.status.code(), Some(3));
    assert_snapshot!("forbidden_80", stdout(&output));
}

#[test]
fn json_and_yaml_are_one_document() {
    let (json, status) = check("issuer-expired", &["-o", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let yaml: serde_json::Value = serde_yaml_ng::from_str(&check("issuer-expired", &["-o", "yaml"]).0).unwrap();
    assert_eq!(json, yaml);
    assert_eq!(json["schemaVersion"], 1);
    assert_eq!(json["exitCode"].as_i64(), status.map(i64::from));
}

#[test]
fn a_snapshot_comes_out_as_it_went_in() {
    let (first, status) = check("half-seen", &["-o", "snapshot"]);
    assert_eq!(status, Some(0));
    let (_folder, path) = file(&first);
    let second = run(&["check", "--snapshot", &path, "-o", "snapshot"]);
    assert_eq!(stdout(&second), first);
    let saved: serde_json::Value = serde_json::from_slice(&std::fs::read(state("half-seen")).unwrap()).unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&first).unwrap(), saved);
}

#[test]
fn a_snapshot_may_come_from_stdin() {
    let mut child =
        program(KUBECTL_NAME).args(["check", "--snapshot", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let child = child.as_mut().unwrap();
    child.stdin.take().unwrap().write_all(&std::fs::read(state("healthy")).unwrap()).unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(0));
}

#[test]
fn the_moment_and_the_thresholds_can_be_moved() {
    let verdict = |arguments: &[&str]| {
        let (text, status) = check("healthy", &[&["-o", "short"], arguments].concat());
        (text.lines().next().unwrap().to_owned(), status)
    };
    assert_eq!(verdict(&[]).1, Some(0));
    assert_eq!(verdict(&["--at", "+320d"]).1, Some(3));
    assert_eq!(verdict(&["--at", "2027-11-15"]).1, Some(4));
    assert!(verdict(&["--at", "+2y"]).0.starts_with("verdict CRITICAL"));
    assert_eq!(verdict(&["--at", "+320d", "--warn-below", "5d", "--critical-below", "1d"]).1, Some(0));
    assert_eq!(verdict(&["--warn-below", "100%,4000d", "--critical-below", "0%"]).1, Some(3));
}

#[test]
fn the_exit_status_tells_what_was_asked_for() {
    for (name, fail_on, status) in [
        ("cert-manager", "warning", 3),
        ("cert-manager", "critical", 0),
        ("issuer-expired", "critical", 4),
        ("issuer-expired", "never", 0),
    ] {
        assert_eq!(check(name, &["--fail-on", fail_on]).1, Some(status), "{name} {fail_on}");
    }
}

#[test]
fn nothing_but_text_goes_into_a_pipe() {
    for format in ["table", "wide", "short", "json", "yaml"] {
        let (text, _) = check("issuer-expired", &["-o", format]);
        assert!(!text.contains('\u{1b}'), "{format}");
    }
    assert!(check("issuer-expired", &["--color", "always"]).0.contains('\u{1b}'));
}

#[test]
fn wrong_usage_is_told_as_such() {
    for arguments in [
        &[][..],
        &["frobnicate"],
        &["check", "--at", "soon"],
        &["check", "--warn-below", "200%"],
        &["check", "-o", "xml"],
        &["check", "--request-timeout", "-1s"],
        &["check", "--as-group", "ops"],
        &["check", "-L", "a b"],
        &["check", "-n", "Team"],
        &["check", "--snapshot", "x", "--context", "y"],
        &["check", "--snapshot", "x", "--probe", "all"],
    ] {
        let (text, status) = complaint(arguments, "x");
        assert_eq!(status, Some(2), "{arguments:?}: {text}");
        assert!(!text.is_empty());
    }
    let far = complaint(&["check", "--snapshot", &state("healthy"), "--at", "+9000y"], "x");
    assert_eq!(far.1, Some(2), "{}", far.0);
}

#[test]
fn a_file_that_is_no_snapshot_is_named_with_what_is_wrong() {
    let healthy = std::fs::read_to_string(state("healthy")).unwrap();
    let cases = [
        ("empty", String::new()),
        ("not_json", "PK\u{3}\u{4}".to_owned()),
        ("other_json", "{\"kind\": \"List\"}".to_owned()),
        ("other_version", healthy.replacen("\"schemaVersion\": 1", "\"schemaVersion\": 99", 1)),
        ("cut_short", healthy[..healthy.len() / 2].to_owned()),
        ("bad_certificate", healthy.replacen("MII", "!!!", 1)),
    ];
    for (name, text) in cases {
        let (_folder, path) = file(&text);
        let (said, status) = complaint(&["check", "--snapshot", &path], &path);
        assert_eq!(status, Some(1), "{name}: {said}");
        assert_snapshot!(format!("wrong_file_{name}"), said);
    }
    let (said, status) = complaint(&["check", "--snapshot", "/nonexistent/file"], "/nonexistent/file");
    assert_eq!(
        (said.as_str(), status),
        ("error: cannot read the snapshot FILE\n  No such file or directory (os error 2)\n", Some(1))
    );
}

#[test]
fn no_cluster_is_told_and_not_found_wrong() {
    let (said, status) = complaint(&["check"], "x");
    assert_eq!(status, Some(1), "{said}");
    assert!(said.starts_with("error: no usable kubeconfig") && said.contains("\nhint: "), "{said}");

    let (_folder, path) = file(&kubeconfig("127.0.0.1:1"));
    let (said, status) = complaint(&["check", "--kubeconfig", &path], &path);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("context `gone` does not answer") && said.contains("\nhint: "), "{said}");
    let (said, status) = complaint(&["check", "--kubeconfig", &path, "--context", "other"], &path);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("no context `other`"), "{said}");
}

#[test]
fn a_proxy_of_the_environment_is_asked_by_go_s_rules() {
    use std::io::Read as _;
    let proxy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", proxy.local_addr().unwrap());
    let (_folder, path) = file(&kubeconfig("api.mesh.invalid:6443"));
    let check = |no_proxy| {
        let mut command = program(KUBECTL_NAME);
        command.args(["check", "--kubeconfig", &path]).env("HTTPS_PROXY", &url).env("NO_PROXY", no_proxy);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    // It is about the cluster's name, not the proxy's.
    let child = check("127.0.0.1");
    let (mut stream, _) = proxy.accept().unwrap();
    let mut asked = [0; 34];
    stream.read_exact(&mut asked).unwrap();
    assert_eq!(&asked, b"CONNECT api.mesh.invalid:6443 HTTP");
    drop(stream);
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(1));

    proxy.set_nonblocking(true).unwrap();
    let output = check("mesh.invalid").wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(proxy.accept().is_err(), "the cluster is reached without it: {}", stderr(&output));
}

#[test]
fn a_namespace_that_does_not_exist_is_an_error() {
    let (said, status) = complaint(&["check", "--snapshot", &state("healthy"), "-n", "emojivotto"], "x");
    assert_eq!(status, Some(1), "{said}");
    assert!(said.starts_with("error: there is no namespace `emojivotto`; did you mean `emojivoto`?\n"), "{said}");
}

#[test]
fn ctrl_c_ends_a_reading_at_once() {
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (_folder, path) = file(&kubeconfig(&server.local_addr().unwrap().to_string()));
    let child = program(KUBECTL_NAME)
        .args(["check", "--kubeconfig", &path])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let child = child.unwrap();
    // It has connected, and will never be answered.
    let connection = server.accept().unwrap();
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    drop(connection);
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(130), "error: interrupted\n"));
}

/// In a terminal, which `script` of util-linux makes.
#[test]
fn a_terminal_sees_that_something_is_under_way_and_nothing_of_it_stays() {
    use std::io::Read as _;
    if !Path::new("/usr/bin/script").exists() {
        return;
    }
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (_folder, path) = file(&kubeconfig(&server.local_addr().unwrap().to_string()));
    let mut child = program("/usr/bin/script")
        .env("TERM", "xterm")
        .args(["-qec", &format!("{KUBECTL_NAME} check --kubeconfig {path} --color never"), "/dev/null"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut terminal = child.stdout.take().unwrap();
    let connection = server.accept().unwrap();
    let mut shown = Vec::new();
    while !String::from_utf8_lossy(&shown).contains("reading the mesh") {
        let mut byte = [0];
        terminal.read_exact(&mut byte).unwrap();
        shown.push(byte[0]);
    }
    // Ctrl-C, as a terminal sends it.
    child.stdin.as_mut().unwrap().write_all(b"\x03").unwrap();
    terminal.read_to_end(&mut shown).unwrap();
    drop(connection);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let shown = String::from_utf8(shown).unwrap();
    let (before, last) = shown.trim_end().rsplit_once('\n').unwrap_or(("", shown.trim_end()));
    assert!(!before.contains("error"), "{shown:?}");
    // The line is wiped before the error is written over it.
    let (progress, wiped) = last.rsplit_once("\r\u{1b}[2K").unwrap();
    assert!(progress.contains("reading the mesh") && wiped == "error: interrupted", "{last:?}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let mut child = program(KUBECTL_NAME)
        .args(["check", "--snapshot", &state("healthy"), "-o", "snapshot"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
}

#[test]
fn no_saved_state_holds_a_private_key() {
    for file in std::fs::read_dir(Path::new(&state("healthy")).parent().unwrap()).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        assert!(!text.contains("PRIVATE KEY"));
    }
}
