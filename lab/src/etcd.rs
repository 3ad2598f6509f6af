//! etcd's flags, and writing to it directly.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use crate::error::{Error, Result};

/// The flags of an etcd that does not wait for the disk: nothing here has to outlive a crash of the machine.
pub(crate) fn flags(data: &Path) -> Vec<OsString> {
    [
        format!("--data-dir={}", data.display()),
        // The socket is the host's way in.
        format!("--listen-client-urls=http://127.0.0.1:2379,unix://{}", socket(data).display()),
        "--advertise-client-urls=http://127.0.0.1:2379".into(),
        "--listen-peer-urls=http://127.0.0.1:2380".into(),
        "--unsafe-no-fsync".into(),
        // Room for ten thousand pods and their history, and for a recorded state in one transaction.
        "--quota-backend-bytes=8589934592".into(),
        "--max-request-bytes=268435456".into(),
        "--max-txn-ops=100000".into(),
        "--log-level=error".into(),
    ]
    .map(OsString::from)
    .into()
}

/// Where an etcd with this data folder listens on the host.
pub(crate) fn socket(data: &Path) -> PathBuf {
    data.with_extension("sock")
}

/// Puts keys and values in one transaction, through etcd's JSON gateway.
pub(crate) async fn put(socket: &Path, objects: &[(String, Value)]) -> Result<()> {
    let puts: Vec<Value> = objects
        .iter()
        .map(|(key, value)| {
            json!({"requestPut": {"key": STANDARD.encode(key), "value": STANDARD.encode(value.to_string())}})
        })
        .collect();
    transact(socket, puts).await
}

/// Deletes everything whose key begins with this.
pub(crate) async fn delete(socket: &Path, prefix: &str) -> Result<()> {
    // The range ends before the first key that no longer has the prefix; keys here end in a slash or a letter.
    let mut end = prefix.as_bytes().to_vec();
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    let range = json!({"key": STANDARD.encode(prefix), "rangeEnd": STANDARD.encode(end)});
    transact(socket, vec![json!({"requestDeleteRange": range})]).await
}

async fn transact(socket: &Path, operations: Vec<Value>) -> Result<()> {
    let answer = post(socket, "/v3/kv/txn", &json!({"success": operations}).to_string())
        .await
        .map_err(Error::file("writing to etcd on", socket))?;
    let status = answer.lines().next().unwrap_or_default();
    if status.contains(" 200 ") { Ok(()) } else { Err(Error::malformed("etcd's answer to a transaction", &answer)) }
}

/// One request on one connection: all that HTTP/1.0 can do, and all that is needed.
async fn post(socket: &Path, path: &str, body: &str) -> std::io::Result<String> {
    let mut stream = UnixStream::connect(socket).await?;
    let head = format!("POST {path} HTTP/1.0\r\nHost: etcd\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}
