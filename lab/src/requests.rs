//! Plain requests; nothing of what is made here needs a type.

use http::Request;
use kube::Client;
use serde_json::{Value, json};

use crate::error::{Error, Result};

/// Creates an object, or returns the one that is there already.
pub(crate) async fn create(client: &Client, path: &str, object: Value) -> Result<Value> {
    let request = request(Request::post(path).header("content-type", "application/json"), &object)?;
    match client.request::<Value>(request).await {
        Err(kube::Error::Api(status)) if status.code == 409 => {
            get(client, &format!("{path}/{}", object["metadata"]["name"].as_str().unwrap_or_default())).await
        }
        answer => answer.map_err(Error::kube(format!("creating in {path}"))),
    }
}

/// What admission makes of an object that is not created.
pub(crate) async fn admitted(client: &Client, path: &str, object: &Value) -> Result<Value> {
    let builder = Request::post(format!("{path}?dryRun=All")).header("content-type", "application/json");
    let answer = client.request::<Value>(request(builder, object)?).await;
    answer.map_err(Error::kube(format!("trying to create in {path}")))
}

/// Reads an object.
pub(crate) async fn get(client: &Client, path: &str) -> Result<Value> {
    let answer = client.request::<Value>(request_without_body(Request::get(path))?).await;
    answer.map_err(Error::kube(format!("reading {path}")))
}

/// All kinds of objects under `/api` or `/apis`, in one answer.
pub(crate) async fn discovery(client: &Client, root: &str) -> Result<Value> {
    let form = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    let answer = client.request::<Value>(request_without_body(Request::get(root).header("accept", form))?).await;
    answer.map_err(Error::kube(format!("reading {root}")))
}

/// Says that nothing is left in a namespace that is to go.
pub(crate) async fn finalize(client: &Client, namespace: &str) -> Result<()> {
    let path = format!("/api/v1/namespaces/{namespace}/finalize");
    let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}, "spec": {}});
    let builder = Request::put(&path).header("content-type", "application/json");
    match client.request_text(request(builder, &object)?).await {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        answer => answer.map(drop).map_err(Error::kube(format!("writing {path}"))),
    }
}

/// Sets an object's status.
pub(crate) async fn patch_status(client: &Client, path: &str, status: Value) -> Result<()> {
    let request = Request::patch(path).header("content-type", "application/merge-patch+json");
    let answer = client.request_text(self::request(request, &status)?).await;
    answer.map(drop).map_err(Error::kube(format!("patching {path}")))
}

/// Deletes one object, or all of a collection, at once.
pub(crate) async fn delete(client: &Client, path: &str) -> Result<()> {
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
