use serde::{Deserialize, Serialize};

/// One source of truth, as it was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", content = "is", rename_all = "camelCase")]
pub enum Source<T> {
    /// It is there.
    Found(T),
    /// It is not there (or its API is not served).
    Missing,
    /// The user may not read it; the text says which right is missing.
    Forbidden(String),
    /// It could not be read, or not be understood; the text says why.
    Failed(String),
}

impl<T> Source<T> {
    /// What was found, if anything.
    pub fn found(&self) -> Option<&T> {
        match self {
            Self::Found(value) => Some(value),
            _ => None,
        }
    }

    /// Whether it is known to be absent: forbidden and failed sources are not.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing)
    }

    /// The same state with the value replaced.
    pub fn map<U>(self, with: impl FnOnce(T) -> U) -> Source<U> {
        self.and_then(|value| Source::Found(with(value)))
    }

    /// What a found value leads to.
    pub fn and_then<U>(self, with: impl FnOnce(T) -> Source<U>) -> Source<U> {
        match self {
            Self::Found(value) => with(value),
            Self::Missing => Source::Missing,
            Self::Forbidden(reason) => Source::Forbidden(reason),
            Self::Failed(reason) => Source::Failed(reason),
        }
    }

    /// Why it could not be seen, where it could not.
    pub fn hidden(&self) -> Option<&str> {
        match self {
            Self::Forbidden(reason) | Self::Failed(reason) => Some(reason),
            Self::Found(_) | Self::Missing => None,
        }
    }
}

impl<T> Source<Vec<T>> {
    /// The items that were found; none where nothing could be seen.
    pub fn items(&self) -> &[T] {
        self.found().map_or(&[], Vec::as_slice)
    }
}
