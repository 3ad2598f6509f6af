//! The program as people and scripts meet it, whatever the verb: its help, wrong usage, what it says where it cannot
//! run. No cluster is needed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

#[path = "common/program.rs"]
mod program;

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use insta::assert_snapshot;
use program::{KUBECTL_NAME, LINKERD_NAME, complaint, file, program, run, state, stderr, stdout};

/// A kubeconfig with one context, `gone`.
fn kubeconfig(server: &str) -> String {
    format!(
        "{{apiVersion: v1, kind: Config, current-context: gone, \
         contexts: [{{name: gone, context: {{cluster: c, user: u}}}}], \
         clusters: [{{name: c, cluster: {{server: 'http://{server}'}}}}], users: [{{name: u, user: {{}}}}]}}"
    )
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
        &["rehearse", "rotate-anchor", "--snapshot", "x", "--live"],
        &["rehearse", "rotate-anchor", "--snapshot", "x", "--context", "y"],
    ] {
        let (text, status) = complaint(arguments, "x");
        assert_eq!(status, Some(2), "{arguments:?}: {text}");
        assert!(!text.is_empty());
    }
    let far = complaint(&["check", "--snapshot", &state("healthy"), "--at", "+9000y"], "x");
    assert_eq!(far.1, Some(2), "{}", far.0);
}

/// `kubectl linkerd-certs rotate-anchor -n shop` sounds as if it were about one namespace.
#[test]
fn a_part_of_a_mesh_cannot_be_rotated() {
    for verb in ["rotate", "rotate-anchor", "rotate-issuer", "restore"] {
        let (said, status) = complaint(&[verb, "-n", "shop"], "x");
        assert_eq!(status, Some(2), "{said}");
        assert!(said.contains("a mesh is moved as a whole; `--only NAMESPACE`"), "{said}");
    }
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
