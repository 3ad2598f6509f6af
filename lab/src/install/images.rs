//! The images of the mesh and its workloads: one program, under the names that the manifests ask for.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use super::values::VERSION;
use crate::cluster::Cluster;
use crate::command;
use crate::error::{Error, Result};
use crate::image::Image;
use crate::{parts, workloads};

/// Where iptables keeps the matches and targets that it loads by name.
const XTABLES: &[&str] = &["/usr/lib/x86_64-linux-gnu/xtables", "/usr/lib/aarch64-linux-gnu/xtables"];

/// Builds the stand-in and puts its images on the node, unless this very build is there.
pub(super) async fn ensure(cluster: &Cluster) -> Result<()> {
    let standin = parts::workspace_program("linkerd-certs-lab-mesh", "standin").await?;
    let built =
        std::fs::metadata(&standin).and_then(|data| data.modified()).map_err(Error::file("reading", &standin))?;
    let stamp = format!("{} {built:?}", standin.display());
    let marker = cluster.machine().dir().join("standin-images");
    if std::fs::read_to_string(&marker).is_ok_and(|known| known == stamp) {
        return Ok(());
    }
    let standin = stripped(&standin, cluster.machine().dir()).await;
    for image in [controller(&standin).await?, proxy(&standin).await?, app(&standin).await?] {
        cluster.import(&image).await?;
    }
    std::fs::write(&marker, stamp).map_err(Error::file("writing", &marker))
}

/// A copy without symbols, which is a sixth of a debug build; the program itself where there is no `strip`.
async fn stripped(standin: &Path, dir: &Path) -> PathBuf {
    let copy = dir.join("standin");
    let strip = Command::new("strip").arg("-o").arg(&copy).arg(standin).status().await;
    if strip.is_ok_and(|status| status.success()) { copy } else { standin.to_owned() }
}

async fn controller(standin: &Path) -> Result<Image> {
    let image = Image::new(format!("cr.l5d.io/linkerd/controller:{VERSION}"), ["/standin"]).user("2103");
    let image = image.file(standin, Path::new("/standin")).await?;
    image.file(standin, Path::new("/linkerd-policy-controller")).await
}

async fn proxy(standin: &Path) -> Result<Image> {
    let mut image = Image::new(format!("cr.l5d.io/linkerd/proxy:{VERSION}"), ["/standin", "proxy"]).user("2102");
    for target in ["/standin", "/usr/lib/linkerd/linkerd2-proxy-init", "/usr/lib/linkerd/linkerd-await"] {
        image = image.file(standin, Path::new(target)).await?;
    }
    // iptables looks at the name it is called by.
    let xtables = command::find("xtables-nft-multi").ok_or_else(|| Error::MissingProgram {
        program: "xtables-nft-multi".into(),
        hint: "it comes with the package iptables".into(),
    })?;
    for name in ["iptables-nft", "iptables-nft-save", "iptables-nft-restore"] {
        image = image.file(&xtables, &Path::new("/usr/sbin").join(name)).await?;
    }
    match XTABLES.iter().map(PathBuf::from).find(|dir| dir.is_dir()) {
        Some(dir) => image.tree(&dir),
        None => Ok(image),
    }
}

async fn app(standin: &Path) -> Result<Image> {
    let image = Image::new(workloads::IMAGE, ["/standin", "app"]).user("65534");
    image.file(standin, Path::new("/standin")).await
}
