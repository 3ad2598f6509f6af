//! The certificates of a lab's control plane. They have nothing to do with the mesh's.

use std::fs;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};

use crate::error::{Error, Result};

/// A folder of certificates and keys under one CA.
#[derive(Debug)]
pub(crate) struct Pki {
    dir: PathBuf,
}

/// Whom a certificate names.
#[derive(Debug)]
pub(crate) struct Subject<'a> {
    /// The common name: Kubernetes' user.
    pub(crate) user: &'a str,
    /// The organization: Kubernetes' group. One, because the certificate library keeps one value of a kind.
    pub(crate) group: Option<&'a str>,
    /// DNS names and addresses, for servers.
    pub(crate) hosts: &'a [&'a str],
}

/// A certificate and its key, both PEM.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Pki {
    /// The folder's PKI; its CA is made when there is none.
    pub(crate) fn open(dir: PathBuf) -> Result<Self> {
        fs::create_dir_all(&dir).map_err(Error::file("creating", &dir))?;
        let pki = Self { dir };
        pki.ca("ca")?;
        Ok(pki)
    }

    /// Makes another CA in the folder, unless it is there.
    pub(crate) fn ca(&self, name: &str) -> Result<()> {
        if self.path(name, "crt").exists() {
            return Ok(());
        }
        let key = KeyPair::generate()?;
        let mut params = params(&Subject { user: name, group: None, hosts: &[] })?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key)?.pem();
        self.write(name, &Pair { certificate, key: key.serialize_pem() })
    }

    /// Issues a certificate without keeping it.
    pub(crate) fn issue(&self, ca: &str, subject: &Subject<'_>) -> Result<Pair> {
        let issuer = Issuer::from_ca_cert_pem(&self.read(ca, "crt")?, KeyPair::from_pem(&self.read(ca, "key")?)?)?;
        let key = KeyPair::generate()?;
        let mut params = params(subject)?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        Ok(Pair { certificate: params.signed_by(&key, &issuer)?.pem(), key: key.serialize_pem() })
    }

    /// Issues a certificate into the folder, unless it is there.
    pub(crate) fn keep(&self, name: &str, ca: &str, subject: &Subject<'_>) -> Result<()> {
        if self.path(name, "crt").exists() { Ok(()) } else { self.write(name, &self.issue(ca, subject)?) }
    }

    /// Makes a bare key pair in the folder, for signing service accounts' tokens.
    pub(crate) fn keep_key(&self, name: &str) -> Result<()> {
        if self.path(name, "crt").exists() {
            return Ok(());
        }
        let key = KeyPair::generate()?;
        self.write(name, &Pair { certificate: key.public_key_pem(), key: key.serialize_pem() })
    }

    /// The CA's certificate, PEM.
    pub(crate) fn ca_pem(&self) -> Result<String> {
        self.read("ca", "crt")
    }

    /// The path of `name.crt` or `name.key`.
    pub(crate) fn path(&self, name: &str, kind: &str) -> PathBuf {
        self.dir.join(format!("{name}.{kind}"))
    }

    fn read(&self, name: &str, kind: &str) -> Result<String> {
        let path = self.path(name, kind);
        fs::read_to_string(&path).map_err(Error::file("reading", &path))
    }

    /// The key first: where a certificate is, its key is too.
    fn write(&self, name: &str, pair: &Pair) -> Result<()> {
        write_private(&self.path(name, "key"), &pair.key)?;
        write_private(&self.path(name, "crt"), &pair.certificate)
    }
}

/// Writes a file that only its owner may read, whole or not at all.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<()> {
    let new = path.with_extension("new");
    let _ = fs::remove_file(&new);
    let mut file = fs::File::options()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(&new)
        .map_err(Error::file("creating", &new))?;
    std::io::Write::write_all(&mut file, text.as_bytes()).map_err(Error::file("writing", &new))?;
    fs::rename(&new, path).map_err(Error::file("writing", path))
}

fn params(subject: &Subject<'_>) -> Result<CertificateParams> {
    let mut params = CertificateParams::new(subject.hosts.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    params.distinguished_name.remove(DnType::CommonName);
    if let Some(group) = subject.group {
        params.distinguished_name.push(DnType::OrganizationName, group);
    }
    params.distinguished_name.push(DnType::CommonName, subject.user);
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2050, 1, 1);
    Ok(params)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::{Pki, Subject};

    #[test]
    fn keys_are_private_and_made_once() {
        let dir = tempfile::tempdir().unwrap();
        let pki = Pki::open(dir.path().to_owned()).unwrap();
        let subject = Subject { user: "admin", group: Some("system:masters"), hosts: &["127.0.0.1", "localhost"] };
        pki.keep("admin", "ca", &subject).unwrap();
        let first = pki.read("admin", "key").unwrap();
        pki.keep("admin", "ca", &subject).unwrap();
        assert_eq!(first, pki.read("admin", "key").unwrap());
        let mode = std::fs::metadata(pki.path("admin", "key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
