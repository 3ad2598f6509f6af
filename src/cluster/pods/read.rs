//! The list of pods from an API server: one answer in protobuf from its watch cache, read as it arrives; where it does
//! not speak protobuf, JSON page by page.

use http::{Request, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper::body::Bytes;
use kube::{api::ListParams, client::Body, core::Status};

use crate::cluster::{
    Cluster,
    api::Page,
    objects::{PODS, Unread},
};

use super::{Fold, PodList, json::JsonPod};

/// Any version that the watch cache holds will do: it is at most seconds old, and etcd is left alone.
const FROM_CACHE: &str = "resourceVersion=0&resourceVersionMatch=NotOlderThan";

const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";

/// A page of pods with proxies is some ten megabytes of JSON at this size.
const PAGE: u32 = 250;

/// The pods of one namespace, or of all.
pub(in crate::cluster) async fn read(
    cluster: &Cluster,
    namespace: Option<&str>,
    fold: &mut Fold,
) -> Result<(), Unread> {
    match protobuf(cluster, namespace, fold).await? {
        Spoken::Protobuf => Ok(()),
        Spoken::NotProtobuf => json(cluster, namespace, fold).await,
    }
}

enum Spoken {
    Protobuf,
    NotProtobuf,
}

async fn protobuf(cluster: &Cluster, namespace: Option<&str>, fold: &mut Fold) -> Result<Spoken, Unread> {
    let lost = |error: &kube::Error| cluster.unread(error, || PODS.right("list", namespace));
    let request = Request::get(format!("{}?{FROM_CACHE}", PODS.path(namespace)))
        .header(header::ACCEPT, PROTOBUF)
        .body(Body::empty())
        .map_err(|error| lost(&kube::Error::HttpError(error)))?;
    let response = cluster.within(cluster.client().send(request)).await.map_err(|error| lost(&error))?;
    let (head, mut body) = response.into_parts();
    let is_protobuf =
        head.headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(PROTOBUF.as_bytes()));
    match head.status {
        StatusCode::OK if is_protobuf => {}
        StatusCode::OK | StatusCode::NOT_ACCEPTABLE | StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            return Ok(Spoken::NotProtobuf);
        }
        refused => {
            let status = Status { code: refused.as_u16(), message: refused.to_string(), ..Status::default() };
            return Err(lost(&kube::Error::Api(Box::new(status))));
        }
    }
    let mut pods = PodList::default();
    while let Some(frame) = cluster.within(frame(&mut body)).await.map_err(|error| cut(&pods, &lost(&error)))? {
        pods.feed(&frame, &mut |pod| fold.push(pod)).map_err(|error| Unread::Failed(error.to_string()))?;
    }
    pods.finish().map_err(|error| Unread::Failed(error.to_string()))?;
    Ok(Spoken::Protobuf)
}

/// The next bytes of the body; `None` at its end.
async fn frame(body: &mut Body) -> kube::Result<Option<Bytes>> {
    loop {
        match body.frame().await {
            None => return Ok(None),
            Some(Err(error)) => return Err(error),
            Some(Ok(frame)) => {
                if let Ok(bytes) = frame.into_data() {
                    return Ok(Some(bytes));
                }
            }
        }
    }
}

/// An answer that breaks off was an answer: what came of it is not the whole, so it counts for nothing.
fn cut(pods: &PodList, unread: &Unread) -> Unread {
    let why = match unread {
        Unread::Lost(error) => error.reason(),
        Unread::Failed(reason) => reason.clone(),
        Unread::Missing | Unread::Forbidden(_) => String::new(),
    };
    Unread::Failed(format!("the list of pods broke off after {} pods: {why}", pods.pods()))
}

async fn json(cluster: &Cluster, namespace: Option<&str>, fold: &mut Fold) -> Result<(), Unread> {
    let mut parameters = ListParams::default().limit(PAGE);
    loop {
        let request =
            kube::core::Request::new(PODS.path(namespace)).list(&parameters).map_err(kube::Error::BuildRequest);
        let text = match request {
            Ok(request) => cluster.within(cluster.client().request_text(request)).await,
            Err(error) => Err(error),
        };
        let text = text.map_err(|error| cluster.unread(&error, || PODS.right("list", namespace)))?;
        let page: Page<JsonPod<'_>> = serde_json::from_str(&text)
            .map_err(|error| Unread::Failed(format!("the list of pods cannot be understood: {error}")))?;
        let (pods, next) = page.turn();
        for pod in &pods {
            fold.push(&pod.view());
        }
        if next.is_none() {
            return Ok(());
        }
        parameters.continue_token = next;
    }
}
