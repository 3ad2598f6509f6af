//! A live API server as the place where objects come from.

use http::Request;
use kube::api::ListParams;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    Cluster, Error,
    objects::{Kind, Listing, Objects, Unread},
    pods::Fold,
};

/// How many objects one page may hold: enough that few requests are needed, few enough that a page stays small.
const PAGE: u32 = 500;

/// A page of a list.
#[derive(Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
pub(in crate::cluster) struct Page<T> {
    #[serde(default)]
    metadata: PageMeta,
    /// Null where there are none, in lists that older servers write.
    #[serde(default)]
    items: Option<Vec<T>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PageMeta {
    #[serde(rename = "continue")]
    next: String,
}

impl<T> Page<T> {
    /// What is on it, and where the next one begins, where there is one.
    pub(in crate::cluster) fn turn(self) -> (Vec<T>, Option<String>) {
        (self.items.unwrap_or_default(), text(&self.metadata.next))
    }
}

impl Objects for Cluster {
    async fn get(&self, kind: Kind, namespace: &str, name: &str) -> Result<Value, Unread> {
        let request = Request::get(format!("{}/{name}", kind.path(Some(namespace)))).body(Vec::new());
        let read = match request.map_err(kube::Error::HttpError) {
            Ok(request) => self.ask(request).await,
            Err(error) => Err(error),
        };
        read.map_err(|error| self.unread(&error, || kind.right("get", Some(namespace))))
    }

    async fn list(&self, listing: Listing<'_>, mut each: impl FnMut(&Value) + Send) -> Result<(), Unread> {
        let Listing { kind, namespace, labels, fields } = listing;
        let mut parameters = ListParams::default().limit(PAGE);
        parameters.label_selector = text(labels);
        parameters.field_selector = text(fields);
        loop {
            let request = kube::core::Request::new(kind.path(namespace)).list(&parameters);
            let request = request.map_err(kube::Error::BuildRequest);
            let page: kube::Result<Page<Value>> = match request {
                Ok(request) => self.ask(request).await,
                Err(error) => Err(error),
            };
            let page = page.map_err(|error| self.unread(&error, || kind.right("list", namespace)))?;
            let (items, next) = page.turn();
            items.iter().for_each(&mut each);
            if next.is_none() {
                return Ok(());
            }
            parameters.continue_token = next;
        }
    }

    async fn pods(&self, namespace: Option<&str>, fold: &mut Fold) -> Result<(), Unread> {
        super::pods::read(self, namespace, fold).await
    }
}

impl Cluster {
    async fn ask<T: DeserializeOwned>(&self, request: Request<Vec<u8>>) -> kube::Result<T> {
        self.within(self.client().request::<T>(request)).await
    }

    /// Why a request brought nothing; `right` names the right it takes.
    pub(in crate::cluster) fn unread(&self, error: &kube::Error, right: impl FnOnce() -> String) -> Unread {
        match error {
            kube::Error::Api(status) => match status.code {
                403 => Unread::Forbidden(right()),
                // Also what the server says of an API that it does not serve.
                404 => Unread::Missing,
                401 => Unread::Lost(self.explain(error)),
                code => Unread::Failed(format!("{} (HTTP {code})", status.message)),
            },
            kube::Error::SerdeError(error) => Unread::Failed(format!("the answer cannot be understood: {error}")),
            other => Unread::Lost(self.explain(other)),
        }
    }
}

fn text(selector: &str) -> Option<String> {
    (!selector.is_empty()).then(|| selector.to_owned())
}

impl Error {
    /// What happened, without what to do about it: for a source that could not be read.
    pub(in crate::cluster) fn reason(&self) -> String {
        match self {
            Self::Unreachable { reason, .. } | Self::Untrusted { reason, .. } => {
                format!("no answer from the API server ({reason})")
            }
            Self::Unauthorized { reason, .. } => format!("the API server refuses the credentials ({reason})"),
            other => other.to_string(),
        }
    }
}
