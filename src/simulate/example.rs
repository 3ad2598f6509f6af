use crate::{error::Error, snapshot::Snapshot};

/// A healthy mesh with a few workloads, as the lab's API server returned it.
const EXAMPLE: &str = include_str!("example.json");

/// The built-in mesh for rehearsals.
///
/// # Errors
/// Never, unless the program was built from a broken example.
pub fn example() -> Result<Snapshot, Error> {
    serde_json::from_str(EXAMPLE).map_err(|source| Error::NotASnapshot { file: "the example".into(), source })
}
