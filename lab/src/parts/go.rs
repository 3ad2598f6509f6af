//! Building a Go module's programs into the cache.

use std::path::Path;

use tokio::process::Command;

use super::Part;
use crate::command;
use crate::digest;
use crate::error::{Error, Result};
use crate::paths;

/// Names the recipe: the module's versions and sums, and the flags.
pub(super) fn recipe_hash(part: Part) -> Result<String> {
    let module = paths::sources().join("tools").join(part.module());
    let mut hash = digest::context();
    for file in ["go.mod", "go.sum"] {
        let path = module.join(file);
        hash.update(&std::fs::read(&path).map_err(Error::file("reading", &path))?);
    }
    hash.update(part.ldflags().as_bytes());
    Ok(digest::finish(hash)[..12].to_owned())
}

/// Builds a part beside its place and moves it there when it is whole.
pub(super) async fn build(part: Part, cache: &Path) -> Result<()> {
    if command::find("go").is_none() {
        return Err(Error::MissingProgram {
            program: "go".into(),
            hint: "install Go 1.26 or later from https://go.dev/dl/ (it builds Kubernetes from its published modules)"
                .into(),
        });
    }
    let module = paths::sources().join("tools").join(part.module());
    let building = tempfile::Builder::new()
        .prefix(".building-")
        .tempdir_in(cache)
        .map_err(Error::file("creating a folder in", cache))?;
    for (name, package) in part.programs() {
        tracing::info!("building {name} (once; minutes when Go's own cache is cold)");
        command::output(
            Command::new("go")
                .args(["build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags", part.ldflags(), "-o"])
                .arg(building.path().join(name))
                .arg(package)
                .env("CGO_ENABLED", "0")
                .current_dir(&module),
        )
        .await?;
    }
    copy_data(part, &module, building.path()).await?;
    let place = part.folder()?;
    std::fs::rename(building.path(), &place).map_err(Error::file("moving the finished build to", &place))?;
    Ok(())
}

/// Removes what an interrupted build left; only with the lock held.
pub(super) fn sweep(cache: &Path) {
    let Ok(entries) = std::fs::read_dir(cache) else { return };
    for entry in entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(".building-")) {
        // What cannot be removed now is tried again by the next build.
        let _ = std::fs::remove_dir_all(entry.path());
    }
}

/// Copies the data files that belong to a part from its module's source.
async fn copy_data(part: Part, module: &Path, to: &Path) -> Result<()> {
    let Some((name, files)) = part.data() else { return Ok(()) };
    let listed = command::output(
        Command::new("go").args(["list", "-mod=readonly", "-m", "-f", "{{.Dir}}", name]).current_dir(module),
    )
    .await?;
    for file in files {
        let from = Path::new(listed.trim()).join(file);
        let text = std::fs::read(&from).map_err(Error::file("reading", &from))?;
        let to = to.join(from.file_name().unwrap_or_default());
        std::fs::write(&to, text).map_err(Error::file("writing", &to))?;
    }
    Ok(())
}
