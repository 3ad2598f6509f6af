//! Plain requests; nothing of what is made here needs a type.

use http::Request;
use kube::Client;
use serde_json::Value;

use crate::error::{Error, Result};

/// Creates an object, or returns the one that is there already.
pub(super) async fn create(client: &Client, path: &str, object: Value) -> Result<Value> {
    let request = request(Request::post(path).header("content-type", "application/json"), &object)?;
    match client.request::<Value>(request).await {
        Err(kube::Error::Api(status)) if status.code == 409 => {
            get(client, &format!("{path}/{}", object["metadata"]["name"].as_str().unwrap_or_default())).await
        }
        answer => answer.map_err(Error::kube(format!("creating in {path}"))),
    }
}

/// Reads an object.
pub(super) async fn get(client: &Client, path: &str) -> Result<Value> {
    let answer = client.request::<Value>(request_without_body(Request::get(path))?).await;
    answer.map_err(Error::kube(format!("reading {path}")))
}

/// Sets an object's status.
pub(super) async fn patch_status(client: &Client, path: &str, status: Value) -> Result<()> {
    let request = Request::patch(path).header("content-type", "application/merge-patch+json");
    let answer = client.request_text(self::request(request, &status)?).await;
    answer.map(drop).map_err(Error::kube(format!("patching {path}")))
}

/// Deletes one object, or all of a collection, at once.
pub(super) async fn delete(client: &Client, path: &str) -> Result<()> {
    match client.request_text(request_without_body(Request::delete(path))?).await {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        answer => answer.map(drop).map_err(Error::kube(format!("deleting {path}"))),
    }
}

fn request(builder: http::request::Builder, body: &Value) -> Result<Request<Vec<u8>>> {
    builder.body(body.to_string().into_bytes()).map_err(|error| Error::malformed("a request", &error))
}

fn request_without_body(builder: http::request::Builder) -> Result<Request<Vec<u8>>> {
    builder.body(Vec::new()).map_err(|error| Error::malformed("a request", &error))
}
