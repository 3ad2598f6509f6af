use serde_json::json;

use crate::{
    cli::VersionFormat,
    error::Error,
    exit::ExitStatus,
    snapshot,
    ui::{self, Ui},
};

/// Says which version this is, and which formats it writes.
pub(super) fn version(format: VersionFormat, ui: &Ui) -> Result<ExitStatus, Error> {
    let version = env!("CARGO_PKG_VERSION");
    match format {
        VersionFormat::Text => ui.data(&format!("linkerd-certs {version}\n"))?,
        VersionFormat::Json => ui.json(&json!({
            "version": version,
            "snapshotSchemaVersion": snapshot::SCHEMA_VERSION,
            "checkSchemaVersion": ui::check::SCHEMA_VERSION,
        }))?,
    }
    Ok(ExitStatus::Fine)
}
