//! Kubernetes events, recorded as client-go's broadcaster does for Linkerd.

use k8s_openapi::api::core::v1::ObjectReference;

pub(crate) mod correlate;
pub(crate) mod recorder;

/// One thing worth telling about an object.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Note {
    pub(crate) regarding: ObjectReference,
    pub(crate) severity: Severity,
    pub(crate) reason: &'static str,
    pub(crate) message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Severity {
    Normal,
    Warning,
}

impl Severity {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}

/// Takes notes without making the caller wait.
pub(crate) trait Record: Send + Sync {
    fn record(&self, note: Note);
}
