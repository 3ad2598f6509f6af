//! How the folder of a backup looks: it is named by its moment, and holds a file for each object.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

/// The kinds that a run saves.
const KINDS: [&str; 5] =
    ["APIService", "ConfigMap", "MutatingWebhookConfiguration", "Secret", "ValidatingWebhookConfiguration"];

const MOMENT: &str = "%Y%m%dT%H%M%SZ";

/// The name of the folder of a backup that is taken at this moment.
pub fn folder(at: Timestamp) -> String {
    at.strftime(MOMENT).to_string()
}

/// The moment in a folder's name, where the run chose it.
pub(super) fn moment(folder: &str) -> Option<Timestamp> {
    let at = DateTime::strptime(MOMENT, folder).ok()?;
    Some(at.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// The file of an object.
pub(super) fn file(kind: &str, name: &str) -> String {
    format!("{}{name}.json", prefix(kind))
}

fn prefix(kind: &str) -> String {
    format!("{}-", kind.to_lowercase())
}

/// Kind and name of the object that a file of this name holds.
pub(super) fn object(file: &str) -> Option<(&'static str, &str)> {
    let stem = file.strip_suffix(".json")?;
    KINDS.into_iter().find_map(|kind| Some((kind, stem.strip_prefix(&prefix(kind))?)))
}

/// Whether a file may hold private keys, going by its name: a copy of one that a run wrote does as well.
pub(super) fn may_hold_keys(file: &str) -> bool {
    file.starts_with(&prefix("Secret"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_run_writes_is_read_again() {
        let at: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        assert_eq!((folder(at).as_str(), moment(&folder(at))), ("20261121T120000Z", Some(at)));
        assert_eq!(moment("before-the-upgrade"), None);
        for kind in KINDS {
            assert_eq!(object(&file(kind, "linkerd-config")), Some((kind, "linkerd-config")));
        }
        assert_eq!(object("record.json"), None);
        let copy = "secret-linkerd-identity-issuer.json.old";
        assert!(object(copy).is_none() && may_hold_keys(copy));
    }
}
