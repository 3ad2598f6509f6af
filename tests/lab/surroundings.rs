//! A user with few rights, a server that is not there, breaks off, or says nothing.

use std::{
    io::Write as _,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use lab::cluster::Cluster;

use crate::harness::{Result, Target, lab_name, mesh};

#[tokio::test]
async fn a_user_without_rights_is_told_which_are_missing() -> Result {
    if Target::is_given() {
        return Ok(());
    }
    let cluster = Cluster::up(&lab_name()).await?;
    let mesh = mesh().await?;
    lab::state::set(&mesh, "forbidden", None).await?;

    let nothing = Target::of(cluster.poor_kubeconfig()).run(&["check"])?;
    let said = nothing.stdout() + &nothing.stderr();
    assert!(said.to_lowercase().contains("forbidden") || said.contains("may not"), "{said}");
    assert_ne!(nothing.code(), 0, "what was not seen is not fine: {said}");

    // Somebody who may read pods but no Secrets: the rest still works.
    let some = Target::of(mesh.files.join("some.kubeconfig")).check(&[])?;
    assert!(some.causes().contains(&"LC-S05"), "{some}");
    let states: Vec<_> = some.document["sources"].as_array().into_iter().flatten().map(|one| &one["state"]).collect();
    assert!(states.iter().any(|state| *state == "forbidden") && states.iter().any(|state| *state == "found"), "{some}");
    Ok(())
}

/// A kubeconfig for a server on this port that speaks TLS or nothing at all.
fn kubeconfig(folder: &Path, port: u16) -> Result<PathBuf> {
    let path = folder.join("kubeconfig");
    let mut file = std::fs::File::create(&path)?;
    write!(
        file,
        "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
         clusters: [{{name: c, cluster: {{server: \"http://127.0.0.1:{port}\"}}}}]\n\
         users: [{{name: u, user: {{token: t}}}}]\n\
         contexts: [{{name: c, context: {{cluster: c, user: u}}}}]\n"
    )?;
    Ok(path)
}

#[test]
fn an_absent_cluster_is_told_soon() -> Result {
    let folder = tempfile::tempdir()?;
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let begun = Instant::now();
    let ran = Target::of(kubeconfig(folder.path(), port)?).run(&["check"])?;
    assert_eq!(ran.code(), 1, "{}", ran.stderr());
    assert!(ran.stderr().contains(&format!("127.0.0.1:{port}")), "{}", ran.stderr());
    assert!(begun.elapsed() < Duration::from_secs(30), "took {:?}", begun.elapsed());
    Ok(())
}

#[test]
fn a_server_that_breaks_off_is_an_error_and_no_panic() -> Result {
    let folder = tempfile::tempdir()?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let server = std::thread::spawn(move || break_off(&listener));
    let ran = Target::of(kubeconfig(folder.path(), address.port())?).run(&["check"])?;
    stop(address);
    server.join().map_err(|_| "the server panicked")?;
    assert_eq!(ran.code(), 1, "{}", ran.stderr());
    assert!(!ran.stderr().contains("panicked"), "{}", ran.stderr());
    Ok(())
}

/// Promises a long answer on every connection and closes it after the first bytes.
fn break_off(listener: &TcpListener) {
    const BEGINNING: &[u8] =
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{\"items\":[";
    for connection in listener.incoming() {
        let Ok(mut connection) = connection else { return };
        let mut request = [0; 4096];
        let read = std::io::Read::read(&mut connection, &mut request).unwrap_or_default();
        if request[..read].starts_with(b"STOP") {
            return;
        }
        let _ = connection.write_all(BEGINNING);
    }
}

fn stop(address: SocketAddr) {
    if let Ok(mut connection) = TcpStream::connect(address) {
        let _ = connection.write_all(b"STOP");
    }
}
