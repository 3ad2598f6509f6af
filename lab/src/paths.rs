//! Where the lab keeps things: one cache folder, nothing else on the machine.

use std::path::PathBuf;

use crate::error::{Error, Result};

/// The cache folder: `$LINKERD_CERTS_LAB_CACHE`, or `linkerd-certs-lab` in the user's cache folder.
pub fn cache() -> Result<PathBuf> {
    let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = named("LINKERD_CERTS_LAB_CACHE")
        .or_else(|| named("XDG_CACHE_HOME").map(|dir| dir.join("linkerd-certs-lab")))
        .or_else(|| named("HOME").map(|home| home.join(".cache/linkerd-certs-lab")))
        .ok_or_else(|| {
            Error::Refused("neither LINKERD_CERTS_LAB_CACHE nor HOME is set: no place for the cache".into())
        })?;
    // A machine hides these behind folders of its own (machine.rs), so nothing it runs could be found there.
    if ["/run", "/var/run", "/var/lib", "/var/log"].iter().any(|hidden| cache.starts_with(hidden)) {
        return Err(Error::Refused(format!(
            "the cache folder {} lies under /run, /var/lib or /var/log; set LINKERD_CERTS_LAB_CACHE to another place",
            cache.display()
        )));
    }
    Ok(cache)
}

/// The folder of one running lab or replay; `kind` keeps the two apart.
pub fn bed(kind: &str, name: &str) -> Result<PathBuf> {
    let plain = !name.is_empty() && name.len() <= 40 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if !plain {
        return Err(Error::Refused(format!(
            "`{name}` cannot be a lab's name; use letters, digits and dashes, at most 40"
        )));
    }
    Ok(cache()?.join(kind).join(name))
}

/// The lab crate's own folder in the checkout, where the recipes of the parts are.
pub fn sources() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

#[cfg(test)]
mod tests {
    use super::bed;

    #[test]
    fn names_that_could_leave_the_cache_are_refused() {
        for name in ["", "..", "a/b", "a b", &"x".repeat(41)] {
            assert!(bed("beds", name).is_err(), "{name:?} was accepted");
        }
    }
}
