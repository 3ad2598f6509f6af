//! Files that hold keys and certificates. What is read is bounded and wiped; what is written is new, complete and on the
//! disk, or not there.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::pki::{PrivateKey, private_key::InvalidKey};

/// No key or bundle of certificates comes near this many bytes.
const MOST_BYTES: usize = 1 << 20;

/// A file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It does not exist.
    #[error("{} does not exist", .0.display())]
    Missing(PathBuf),
    /// It is a folder.
    #[error("{} is a folder, not a file", .0.display())]
    Folder(PathBuf),
    /// It holds nothing.
    #[error("{} is empty", .0.display())]
    Empty(PathBuf),
    /// It is far larger than any key or bundle.
    #[error("{} is too large to be a key or a certificate", .0.display())]
    TooLarge(PathBuf),
    /// It is not text.
    #[error("{} is not PEM: it is not even text", .0.display())]
    NotText(PathBuf),
    /// It cannot be read.
    #[error("cannot read {}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It was read and gives no key.
    #[error("{} gives no private key", file.display())]
    NoKey {
        /// The file.
        file: PathBuf,
        /// Why.
        source: InvalidKey,
    },
    /// It exists already.
    #[error("{} exists already, and is not overwritten", .0.display())]
    Exists(PathBuf),
    /// The folder that it should lie in does not exist.
    #[error("there is no folder for {}", .0.display())]
    NoParent(PathBuf),
    /// The folder holds something already.
    #[error("{} is not empty", .0.display())]
    NotEmpty(PathBuf),
    /// It cannot be written.
    #[error("cannot write {}", file.display())]
    Unwritable {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// What a file holds; wiped when it goes.
pub struct Contents {
    file: PathBuf,
    bytes: Zeroizing<Vec<u8>>,
    readable_by_others: bool,
}

/// Reads a file. A pipe is read as well, so that a key need never be in a file: `--anchor-key <(vault read ...)`.
///
/// # Errors
/// When there is none, it cannot be read, or it holds nothing or too much.
pub fn read(file: &Path) -> Result<Contents, Error> {
    let named = || file.to_owned();
    let unreadable = |source| Error::Unreadable { file: named(), source };
    let mut open = File::open(file).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => Error::Missing(named()),
        _ => unreadable(source),
    })?;
    let metadata = open.metadata().map_err(unreadable)?;
    if metadata.is_dir() {
        return Err(Error::Folder(named()));
    }
    // As long as it will ever be: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(vec![0; MOST_BYTES + 1]);
    let mut length = 0;
    loop {
        match open.read(&mut bytes[length..]) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(unreadable(error)),
        }
    }
    if length > MOST_BYTES {
        return Err(Error::TooLarge(named()));
    }
    bytes.truncate(length);
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(Error::Empty(named()));
    }
    Ok(Contents { file: named(), bytes, readable_by_others: metadata.is_file() && is_open_to_others(&metadata) })
}

/// Reads a password: the first line of a file.
///
/// # Errors
/// When the file cannot be read, or is not text.
pub fn read_password(file: &Path) -> Result<SecretString, Error> {
    let contents = read(file)?;
    Ok(SecretString::from(contents.text()?.lines().next().unwrap_or_default()))
}

impl Contents {
    /// The private key in it.
    ///
    /// # Errors
    /// When there is none, or it is encrypted with another password.
    pub fn key(&self, password: Option<&SecretString>) -> Result<PrivateKey, Error> {
        let no_key = |source| Error::NoKey { file: self.file.clone(), source };
        PrivateKey::from_pem(&self.bytes, password).map_err(no_key)
    }

    /// The text of it.
    ///
    /// # Errors
    /// When it is none.
    pub fn text(&self) -> Result<&str, Error> {
        std::str::from_utf8(&self.bytes).map_err(|_| Error::NotText(self.file.clone()))
    }

    /// Whether others than its owner may read the file: nothing to stop at, and for a key something to tell.
    pub fn is_readable_by_others(&self) -> bool {
        self.readable_by_others
    }
}

/// Writes a private key to a new file that only its owner may read.
///
/// # Errors
/// When the file exists, its folder does not, or writing fails; then there is no file.
pub fn write_key(file: &Path, key: &PrivateKey) -> Result<(), Error> {
    write_new(file, key.to_pem().as_bytes(), 0o600)
}

/// Writes text that may hold private keys to a new file that only its owner may read.
///
/// # Errors
/// As [`write_key`].
pub fn write_secret(file: &Path, text: &str) -> Result<(), Error> {
    write_new(file, text.as_bytes(), 0o600)
}

/// Writes certificates to a new file.
///
/// # Errors
/// As [`write_key`].
pub fn write_certificates(file: &Path, pem: &str) -> Result<(), Error> {
    write_new(file, pem.as_bytes(), 0o644)
}

/// Whether `file` can be a new file as far as can be seen without writing: it does not exist and its folder does.
///
/// # Errors
/// When it exists, or its folder does not.
pub fn check_new(file: &Path) -> Result<(), Error> {
    // A link that leads nowhere is in the way as well.
    if file.symlink_metadata().is_ok() {
        return Err(Error::Exists(file.to_owned()));
    }
    if parent(file).is_dir() { Ok(()) } else { Err(Error::NoParent(file.to_owned())) }
}

/// Makes `folder` for keys, so that only its owner may enter, or takes it as it is where it is there and empty. Says
/// whether it was made.
///
/// # Errors
/// When there is something in it, something else stands in its place, or it cannot be made.
pub fn make_folder(folder: &Path) -> Result<bool, Error> {
    let unwritable = |source| Error::Unwritable { file: folder.to_owned(), source };
    match new_folder(folder) {
        Ok(()) => sync_folder(parent(folder)).map(|()| true).map_err(unwritable),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            check_empty(folder)?;
            Ok(false)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::NoParent(folder.to_owned())),
        Err(error) => Err(unwritable(error)),
    }
}

/// Makes what is missing of the way to `path`, for its owner only.
///
/// # Errors
/// When that cannot be made.
pub fn make_way(path: &Path) -> Result<(), Error> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(parent(path)).map_err(|source| Error::Unwritable { file: parent(path).to_owned(), source })
}

/// Whether `folder` is there and empty.
///
/// # Errors
/// When it is not.
pub fn check_empty(folder: &Path) -> Result<(), Error> {
    let unreadable = |source| Error::Unreadable { file: folder.to_owned(), source };
    let mut entries = fs::read_dir(folder).map_err(unreadable)?;
    if entries.next().is_some() { Err(Error::NotEmpty(folder.to_owned())) } else { Ok(()) }
}

fn write_new(file: &Path, bytes: &[u8], mode: u32) -> Result<(), Error> {
    let named = || file.to_owned();
    let mut open = create_new(file, mode).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => Error::Exists(named()),
        io::ErrorKind::NotFound => Error::NoParent(named()),
        _ => Error::Unwritable { file: named(), source },
    })?;
    let written = open.write_all(bytes).and_then(|()| open.sync_all()).and_then(|()| sync_folder(parent(file)));
    written.map_err(|source| {
        drop(open);
        // It was made a moment ago, by us; half a key is worse than none.
        let _ = fs::remove_file(file);
        Error::Unwritable { file: named(), source }
    })
}

fn parent(file: &Path) -> &Path {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Whether others than its owner may read a file.
#[cfg(unix)]
pub(crate) fn is_open_to_others(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o044 != 0
}

#[cfg(unix)]
fn create_new(file: &Path, mode: u32) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    OpenOptions::new().write(true).create_new(true).mode(mode).open(file)
}

#[cfg(unix)]
fn new_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().mode(0o700).create(folder)
}

/// A new name is on the disk only once its folder is.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
pub(crate) fn is_open_to_others(_: &fs::Metadata) -> bool {
    false
}

#[cfg(not(unix))]
fn create_new(file: &Path, _: u32) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(file)
}

#[cfg(not(unix))]
fn new_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir(folder)
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;
    use crate::pki::private_key::{NewKey, fixtures};

    fn key() -> PrivateKey {
        PrivateKey::generate(NewKey::EcdsaP256).unwrap()
    }

    fn mode(file: &Path) -> u32 {
        fs::metadata(file).unwrap().permissions().mode() & 0o777
    }

    fn refused<T>(result: Result<T, Error>) -> Error {
        result.err().unwrap()
    }

    #[test]
    fn a_key_is_written_for_its_owner_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let (file, key) = (folder.path().join("ca.key"), key());
        write_key(&file, &key).unwrap();
        assert_eq!(mode(&file), 0o600);
        let contents = read(&file).unwrap();
        assert_eq!(contents.key(None).unwrap().public_key(), key.public_key());
        assert!(!contents.is_readable_by_others());
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(read(&file).unwrap().is_readable_by_others());
    }

    #[test]
    fn nothing_is_overwritten_not_even_through_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("ca.key"), folder.path().join("link.key"));
        fs::write(&file, "precious").unwrap();
        symlink(&file, &link).unwrap();
        let nowhere = folder.path().join("nowhere.key");
        symlink(folder.path().join("not-there"), &nowhere).unwrap();
        for file in [&file, &link, &nowhere] {
            assert!(matches!(refused(write_key(file, &key())), Error::Exists(_)));
            assert!(matches!(refused(check_new(file)), Error::Exists(_)));
        }
        assert!(matches!(refused(write_certificates(&file, "x")), Error::Exists(_)));
        assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
        assert!(!folder.path().join("not-there").exists());
    }

    #[test]
    fn a_folder_is_made_for_its_owner_and_taken_only_empty() {
        let folder = tempfile::tempdir().unwrap();
        let new = folder.path().join("new");
        assert!(make_folder(&new).unwrap());
        assert_eq!(mode(&new), 0o700);
        assert!(!make_folder(&new).unwrap(), "it was there");
        write_certificates(&new.join("ca.crt"), "x").unwrap();
        assert!(matches!(refused(make_folder(&new)), Error::NotEmpty(_)));
        assert!(matches!(refused(make_folder(&new.join("ca.crt"))), Error::Unreadable { .. }));
        assert!(matches!(refused(make_folder(&new.join("a/b"))), Error::NoParent(_)));
        assert!(matches!(refused(write_key(&new.join("a/b.key"), &key())), Error::NoParent(_)));
        assert!(matches!(refused(check_new(&new.join("a/b.key"))), Error::NoParent(_)));
    }

    #[test]
    fn each_file_that_gives_nothing_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, bytes: &[u8]| {
            let file = folder.path().join(name);
            fs::write(&file, bytes).unwrap();
            file
        };
        assert!(matches!(refused(read(&folder.path().join("missing"))), Error::Missing(_)));
        assert!(matches!(refused(read(folder.path())), Error::Folder(_)));
        assert!(matches!(refused(read(&file("empty", b" \n"))), Error::Empty(_)));
        assert!(matches!(refused(read(&file("large", &vec![b'x'; MOST_BYTES + 1]))), Error::TooLarge(_)));
        assert!(matches!(refused(read(Path::new("/dev/zero"))), Error::TooLarge(_)));
        assert!(matches!(refused(read(&file("binary", &[0xff, 0xfe])).unwrap().text()), Error::NotText(_)));
        let source = |bytes: &[u8]| match refused(read(&file("key", bytes)).unwrap().key(None)) {
            Error::NoKey { source, .. } => source,
            other => panic!("{other}"),
        };
        assert_eq!(source(fixtures::PBES2.as_bytes()), InvalidKey::NeedsPassword);
        assert!(source(&fixtures::PKCS8.as_bytes()[..100]).to_string().contains("cut short"));
        assert!(source(b"hello").to_string().contains("there is no private key"));
    }

    #[test]
    fn a_password_is_the_first_line() {
        use secrecy::ExposeSecret as _;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        for text in ["mesh", "mesh\n", "mesh\r\n", "mesh\nmore\n"] {
            fs::write(&file, text).unwrap();
            assert_eq!(read_password(&file).unwrap().expose_secret(), "mesh");
        }
    }
}
