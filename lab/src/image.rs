//! Images made of local files: a program, the shared libraries it loads, and whatever else it reads.
//!
//! No registry and no builder: a docker-archive is two tars and two JSON files, and containerd imports it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Command;

use crate::command;
use crate::digest;
use crate::error::{Error, Result};
use crate::machine::{Machine, poll};

mod archive;

/// The image of the container that holds a pod's namespaces.
pub const PAUSE: &str = "lab/pause:1";

/// What an image is made of.
#[derive(Clone, Debug)]
pub struct Image {
    tag: String,
    entrypoint: Vec<String>,
    user: String,
    env: Vec<String>,
    /// Path in the image, path here.
    files: BTreeMap<PathBuf, PathBuf>,
}

impl Image {
    /// An image without files.
    pub fn new(tag: impl Into<String>, entrypoint: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            tag: tag.into(),
            entrypoint: entrypoint.into_iter().map(Into::into).collect(),
            user: String::new(),
            env: vec!["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into()],
            files: BTreeMap::new(),
        }
    }

    /// Sets the user (and group) that containers run as.
    #[must_use]
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = user.into();
        self
    }

    /// Adds an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push(format!("{name}={value}"));
        self
    }

    /// Adds a file; if it is a program, with the shared libraries that it loads.
    pub async fn file(mut self, source: &Path, target: &Path) -> Result<Self> {
        for library in libraries(source).await {
            self.files.insert(library.clone(), library);
        }
        self.files.insert(target.to_owned(), source.to_owned());
        Ok(self)
    }

    /// Adds every file under a folder, at the same place: what a program loads by name at run time, as iptables does.
    pub fn tree(mut self, dir: &Path) -> Result<Self> {
        for entry in std::fs::read_dir(dir).map_err(Error::file("reading", dir))? {
            let path = entry.map_err(Error::file("reading", dir))?.path();
            if path.is_dir() {
                self = self.tree(&path)?;
            } else {
                self.files.insert(path.clone(), path);
            }
        }
        Ok(self)
    }

    /// The image that only waits. As the first process of its namespace `sleep` ignores SIGTERM; sandboxes get SIGKILL.
    pub(crate) async fn pause() -> Result<Self> {
        let sleep = command::find("sleep").unwrap_or_else(|| "/usr/bin/sleep".into());
        Self::new(PAUSE, ["/sleep", "infinity"]).file(&sleep, Path::new("/sleep")).await
    }
}

/// Puts an image into a machine's containerd, unless the very same one is there.
pub(crate) async fn import(machine: &Machine, image: &Image) -> Result<()> {
    let archive = {
        let (image, dir) = (image.clone(), machine.dir().to_owned());
        let packing = tokio::task::spawn_blocking(move || archive::pack(&image, &dir)).await;
        packing.map_err(|error| Error::malformed("the image", &error))??
    };
    // The same content under another name is another image.
    let known = digest::sha256(format!("{} {}", image.tag, archive.digest).as_bytes());
    let known = machine.dir().join("images").join(known);
    if known.exists() {
        return Ok(());
    }
    let socket = machine.dir().join("run/containerd/containerd.sock");
    let waiting = poll(Duration::from_secs(20), async || socket.exists().then_some(()));
    waiting.await.ok_or_else(|| machine.died("containerd"))?;
    let mut ctr = machine.command("ctr");
    ctr.args(["--namespace", "k8s.io", "images", "import"]).arg(archive.file.path());
    command::output(&mut ctr).await?;
    // The kubelet's view of the store follows by an event; a pod made before it would try to pull.
    let seen = poll(Duration::from_secs(30), async || kubelet_sees(machine, &image.tag).await.then_some(()));
    let late = || Error::Timeout {
        what: format!("the arrival of image {}", image.tag),
        after: Duration::from_secs(30),
        last: None,
    };
    seen.await.ok_or_else(late)?;
    let dir = machine.dir().join("images");
    std::fs::create_dir_all(&dir).map_err(Error::file("creating", &dir))?;
    std::fs::write(&known, &image.tag).map_err(Error::file("writing", &known))
}

/// The runtime's CRI service marks the images that it knows.
async fn kubelet_sees(machine: &Machine, tag: &str) -> bool {
    let mut ctr = machine.command("ctr");
    ctr.args(["--namespace", "k8s.io", "images", "list"]);
    let listed = command::output(&mut ctr).await.unwrap_or_default();
    listed.lines().any(|line| {
        let name = line.split_whitespace().next().unwrap_or_default();
        name.ends_with(tag) && line.contains("io.cri-containerd.image=managed")
    })
}

/// The shared libraries of a program, as the loader finds them; none for a static program or a file of data.
async fn libraries(program: &Path) -> Vec<PathBuf> {
    let listed = command::output(Command::new("ldd").arg(program)).await.unwrap_or_default();
    listed
        .split_whitespace()
        .filter(|word| word.starts_with('/'))
        .map(PathBuf::from)
        .filter(|path| path.is_file())
        .collect()
}
