//! The docker-archive format: a layer, its configuration, and a manifest that names both.

use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::path::Path;

use serde_json::json;
use tar::{Builder, EntryType, Header};
use tempfile::NamedTempFile;

use super::Image;
use crate::digest;
use crate::error::{Error, Result};

/// A packed image.
pub(super) struct Archive {
    /// Removed when dropped.
    pub(super) file: NamedTempFile,
    /// The configuration's digest, which covers the content: the same files give the same digest.
    pub(super) digest: String,
}

/// Packs an image; temporary files go to `dir`.
pub(super) fn pack(image: &Image, dir: &Path) -> Result<Archive> {
    let packing = |error| Error::io(format!("packing the image {}", image.tag))(error);
    let mut layer = tempfile::tempfile_in(dir).map_err(packing)?;
    let layer_digest = write_layer(image, &mut layer)?;
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let config = json!({
        "architecture": architecture,
        "os": "linux",
        "config": {"User": image.user, "Entrypoint": image.entrypoint, "Env": image.env},
        "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{layer_digest}")]},
    })
    .to_string();
    let digest = digest::sha256(config.as_bytes());
    let (config_name, layer_name) = (format!("{digest}.json"), format!("{layer_digest}.tar"));
    let manifest = json!([{"Config": config_name, "RepoTags": [image.tag], "Layers": [layer_name]}]).to_string();

    let file = NamedTempFile::new_in(dir).map_err(packing)?;
    let mut archive = Builder::new(BufWriter::new(file.as_file()));
    let size = layer.stream_position().map_err(packing)?;
    layer.rewind().map_err(packing)?;
    append(&mut archive, &config_name, config.len() as u64, config.as_bytes()).map_err(packing)?;
    append(&mut archive, &layer_name, size, &mut layer).map_err(packing)?;
    append(&mut archive, "manifest.json", manifest.len() as u64, manifest.as_bytes()).map_err(packing)?;
    archive.into_inner().and_then(|mut inner| inner.flush()).map_err(packing)?;
    Ok(Archive { file, digest })
}

fn write_layer(image: &Image, to: &mut File) -> Result<String> {
    let packing = |error| Error::io(format!("packing the image {}", image.tag))(error);
    let mut hashing = Hashing { inner: BufWriter::new(to), hash: digest::context() };
    let mut layer = Builder::new(&mut hashing);
    for dir in ["dev", "etc", "proc", "run", "sys", "tmp", "var/run"] {
        let mut header = header(0, 0o1777);
        header.set_entry_type(EntryType::Directory);
        layer.append_data(&mut header, dir, io::empty()).map_err(packing)?;
    }
    for (name, text) in [
        ("etc/passwd", "root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n"),
        ("etc/group", "root:x:0:\nnogroup:x:65534:\n"),
    ] {
        append(&mut layer, name, text.len() as u64, text.as_bytes()).map_err(packing)?;
    }
    for (target, source) in &image.files {
        let file = File::open(source).map_err(Error::file("opening", source))?;
        let size = file.metadata().map_err(Error::file("reading", source))?.len();
        let name = target.strip_prefix("/").unwrap_or(target);
        let mut header = header(size, mode(&file));
        layer.append_data(&mut header, name, file).map_err(packing)?;
    }
    layer.finish().map_err(packing)?;
    drop(layer);
    hashing.flush().map_err(packing)?;
    Ok(digest::finish(hashing.hash))
}

fn append(archive: &mut Builder<impl Write>, name: &str, size: u64, data: impl io::Read) -> io::Result<()> {
    archive.append_data(&mut header(size, 0o644), name, data)
}

/// Without owner and time, so that the same files make the same image.
fn header(size: u64, mode: u32) -> Header {
    let mut header = Header::new_gnu();
    header.set_size(size);
    header.set_mode(mode);
    header
}

fn mode(file: &File) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().map_or(0o755, |data| data.permissions().mode() & 0o777)
}

/// Hashes what passes through.
struct Hashing<W> {
    inner: W,
    hash: ring::digest::Context,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::{Image, pack};

    #[tokio::test]
    async fn the_same_files_make_the_same_image() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("data");
        std::fs::write(&file, "one").unwrap();
        let image = Image::new("lab/test:1", ["/data"]).file(&file, "/srv/data".as_ref()).await.unwrap();
        let digest = |image: &Image| pack(image, dir.path()).unwrap().digest;
        let first = digest(&image);
        assert_eq!(first, digest(&image));
        std::fs::write(&file, "two").unwrap();
        assert_ne!(first, digest(&image));
    }

    #[tokio::test]
    async fn the_archive_names_its_own_parts() {
        let dir = tempfile::tempdir().unwrap();
        let packed = pack(&Image::new("lab/test:1", ["/sleep"]), dir.path()).unwrap();
        let mut archive = tar::Archive::new(std::fs::File::open(packed.file.path()).unwrap());
        let names: Vec<_> = archive.entries().unwrap().map(|e| e.unwrap().path().unwrap().into_owned()).collect();
        assert_eq!(names.len(), 3);
        assert_eq!(names[0].to_str(), Some(format!("{}.json", packed.digest).as_str()));
        assert_eq!(names[2].to_str(), Some("manifest.json"));
    }
}
