//! The folder of a backup, read: each object as the API server returned it before a run, in a file of its own.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use jiff::Timestamp;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::{
    cluster::decode::{Object, config_map},
    keyfile,
    mesh::IssuerPair,
    pki::{Authority, Bundle, Certificate, PrivateKey, TrustDomain, verify},
    snapshot::IssuerScheme,
};

use super::{BadBackup, Error, layout};

const ROOTS: (&str, &str) = ("ConfigMap", "linkerd-identity-trust-roots");
const ISSUER: (&str, &str) = ("Secret", "linkerd-identity-issuer");
const CONFIG: (&str, &str) = ("ConfigMap", "linkerd-config");
const OVERRIDES: (&str, &str) = ("Secret", "linkerd-config-overrides");

/// What a backup holds of anchors and issuer.
pub struct Backup {
    /// Where it is.
    pub folder: PathBuf,
    /// The control plane's.
    pub namespace: String,
    /// When it was taken, as far as the folder or its files tell.
    pub taken: Option<Timestamp>,
    /// The trust bundle's, each once.
    pub anchors: Vec<Certificate>,
    /// The issuer first.
    pub issuer: Vec<Certificate>,
    /// `metadata.uid` of what was saved: a backup of another cluster shares none with this one.
    pub uids: BTreeSet<String>,
    /// Objects in it that this verb does not put back.
    pub others: Vec<String>,
    /// Files with keys that others than their owner may read.
    pub open: Vec<PathBuf>,
    issuer_file: PathBuf,
    issuer_pem: String,
    /// As the Secret has it: a key in PEM.
    key: Zeroizing<Vec<u8>>,
    trust_domain: Option<String>,
}

/// A text that is wiped when it is dropped. Base64 has nothing that JSON escapes, so the text is copied once, to here.
#[derive(Deserialize)]
#[serde(from = "String")]
struct Hidden(Zeroizing<String>);

impl From<String> for Hidden {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

/// A Secret as it was saved.
#[derive(Deserialize)]
struct Saved {
    kind: String,
    metadata: Metadata,
    #[serde(default)]
    data: BTreeMap<String, Hidden>,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
    #[serde(default)]
    uid: String,
}

impl Backup {
    /// Reads the folder; whether what it holds is of any use is another question ([`Self::accept`]).
    ///
    /// # Errors
    /// When it is no backup, lacks the trust bundle or the issuer, or a file of it cannot be read.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let metadata = fs::metadata(folder).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => BadBackup::NoFolder(folder.to_owned()).into(),
            _ => unreadable(folder, source),
        })?;
        if !metadata.is_dir() {
            return Err(BadBackup::NotAFolder(folder.to_owned()).into());
        }
        let (roots_file, roots) = config_map(folder, ROOTS)?.ok_or_else(|| missing(folder, ROOTS))?;
        let (issuer_file, secret) = secret(folder, ISSUER)?.ok_or_else(|| missing(folder, ISSUER))?;
        let config = config_map(folder, CONFIG)?;

        let object = Object::new(&roots);
        let bundle = config_map::trust_roots(&roots).bundle;
        let anchors = anchors(bundle).map_err(|why| BadBackup::Anchors { file: roots_file.clone(), why })?;
        let scheme = scheme(&secret);
        let issuer_pem = String::from_utf8_lossy(&entry(&secret, &issuer_file, scheme.certificate_key())?).into_owned();
        let key = entry(&secret, &issuer_file, scheme.private_key())?;
        let config = config.as_ref().map(|(_, config)| config);
        let values = config.map(config_map::config);
        let uids = [object.string("/metadata/uid"), secret.metadata.uid.clone()];
        let uids = uids.into_iter().chain(config.map(|config| Object::new(config).string("/metadata/uid")));
        let names = names(folder)?;
        Ok(Self {
            namespace: object.namespace().to_owned(),
            taken: taken(folder, &roots_file),
            anchors,
            issuer: Bundle::parse(&issuer_pem).certificates,
            uids: uids.filter(|uid| !uid.is_empty()).collect(),
            others: names.iter().filter_map(|name| other(name)).collect(),
            open: if may_be_entered(&metadata) { open(folder, &names) } else { Vec::new() },
            folder: folder.to_owned(),
            issuer_file,
            issuer_pem,
            key,
            trust_domain: values.and_then(|values| values.found()?.trust_domain.clone()),
        })
    }

    /// The anchor that its issuer leads to: where two have one key, that which is valid.
    pub fn destination(&self, now: Timestamp) -> Option<&Certificate> {
        let above: Vec<_> = self.anchors.iter().filter(|anchor| verify::leads_to(&self.issuer, anchor)).collect();
        above.iter().find(|anchor| anchor.lifetime().contains(now)).or(above.first()).copied()
    }

    /// Its issuer with its key, tried as identity and a proxy would that trust its anchors.
    ///
    /// # Errors
    /// When its key cannot be read, or they would refuse it.
    pub fn accept(&self, now: Timestamp) -> Result<IssuerPair, Error> {
        let file = || self.issuer_file.clone();
        let domain = self.trust_domain.as_deref().unwrap_or("cluster.local");
        let domain = TrustDomain::new(&self.namespace, domain)?;
        let no_key = |source| keyfile::Error::NoKey { file: file(), source };
        let key = PrivateKey::from_pem(&self.key, None).map_err(no_key)?;
        let anchors = Bundle::of(self.anchors.iter().cloned());
        let issuer = Authority::accept_issuer(&self.issuer_pem, key, &anchors, &domain, now);
        let issuer = issuer.map_err(|source| Error::Unfit { file: file(), source })?;
        Ok(IssuerPair { chain: issuer.chain().to_vec(), key: SecretString::from(issuer.key().to_pem()) })
    }
}

/// A ConfigMap, which holds no key; `None` where the backup has none.
fn config_map(folder: &Path, object: (&str, &str)) -> Result<Option<(PathBuf, Value)>, Error> {
    let Some((file, contents)) = open_one(folder, object)? else { return Ok(None) };
    let value: Value = serde_json::from_str(contents.text()?).map_err(|error| broken(&file, &error))?;
    let found = (Object::new(&value).string("/kind"), Object::new(&value).name().to_owned());
    is_it(&file, object, &found)?;
    Ok(Some((file, value)))
}

fn secret(folder: &Path, object: (&str, &str)) -> Result<Option<(PathBuf, Saved)>, Error> {
    let Some((file, contents)) = open_one(folder, object)? else { return Ok(None) };
    let saved: Saved = serde_json::from_str(contents.text()?).map_err(|error| broken(&file, &error))?;
    is_it(&file, object, &(saved.kind.clone(), saved.metadata.name.clone()))?;
    Ok(Some((file, saved)))
}

fn open_one(folder: &Path, object: (&str, &str)) -> Result<Option<(PathBuf, keyfile::Contents)>, Error> {
    let path = folder.join(layout::file(object.0, object.1));
    match keyfile::read(&path) {
        Err(keyfile::Error::Missing(_)) => Ok(None),
        Err(error) => Err(error.into()),
        Ok(contents) => Ok(Some((path, contents))),
    }
}

fn is_it(file: &Path, (kind, name): (&str, &str), found: &(String, String)) -> Result<(), BadBackup> {
    if (found.0.as_str(), found.1.as_str()) == (kind, name) {
        return Ok(());
    }
    let found = format!("{} {}", found.0, found.1).trim().to_owned();
    Err(BadBackup::WrongObject { file: file.to_owned(), found, wanted: format!("{kind} {name}") })
}

fn missing(folder: &Path, (kind, name): (&str, &str)) -> BadBackup {
    BadBackup::Missing { folder: folder.to_owned(), object: format!("{kind} {name}"), file: layout::file(kind, name) }
}

/// What is wrong and where, and nothing of the text: it may be a key.
fn broken(file: &Path, error: &serde_json::Error) -> BadBackup {
    let (file, line) = (file.to_owned(), error.line());
    if error.is_eof() { BadBackup::CutShort { file, line } } else { BadBackup::NotAnObject { file, line } }
}

fn unreadable(file: &Path, source: io::Error) -> Error {
    keyfile::Error::Unreadable { file: file.to_owned(), source }.into()
}

/// Each anchor once, where the text is a bundle without a fault.
fn anchors(bundle: Option<Bundle>) -> Result<Vec<Certificate>, String> {
    let bundle = bundle.ok_or("it has no key `ca-bundle.crt`")?;
    if let Some(problem) = bundle.problems.first() {
        return Err(format!("line {} of `ca-bundle.crt`: {}", problem.line, problem.what));
    }
    let once = bundle.each_once();
    if once.is_empty() { Err("there is no trust anchor in it".to_owned()) } else { Ok(once) }
}

fn scheme(secret: &Saved) -> IssuerScheme {
    let kubernetes = secret.data.contains_key(IssuerScheme::Kubernetes.certificate_key());
    if kubernetes { IssuerScheme::Kubernetes } else { IssuerScheme::Linkerd }
}

fn entry(secret: &Saved, file: &Path, key: &'static str) -> Result<Zeroizing<Vec<u8>>, BadBackup> {
    let bad = |why: &'static str| BadBackup::Entry { file: file.to_owned(), key, why };
    let encoded = secret.data.get(key).ok_or_else(|| bad("is missing"))?;
    BASE64.decode(encoded.0.as_bytes()).map(Zeroizing::new).map_err(|_| bad("is not base64"))
}

/// The folder's own name, where the run chose it; else when the file was written.
fn taken(folder: &Path, file: &Path) -> Option<Timestamp> {
    let name = folder.canonicalize().ok()?.file_name()?.to_str()?.to_owned();
    layout::moment(&name).or_else(|| Timestamp::try_from(fs::metadata(file).ok()?.modified().ok()?).ok())
}

fn names(folder: &Path) -> Result<Vec<String>, Error> {
    let entries = fs::read_dir(folder).map_err(|source| unreadable(folder, source))?;
    let mut names: Vec<String> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort();
    Ok(names)
}

/// The object that a file of this name holds, where it is one that only the state of webhooks needs.
fn other(name: &str) -> Option<String> {
    let object = layout::object(name)?;
    (![ROOTS, ISSUER, CONFIG, OVERRIDES].contains(&object)).then(|| format!("{} {}", object.0, object.1))
}

fn open(folder: &Path, names: &[String]) -> Vec<PathBuf> {
    let secrets = names.iter().filter(|name| layout::may_hold_keys(name)).map(|name| folder.join(name));
    secrets.filter(|file| fs::metadata(file).is_ok_and(|metadata| keyfile::is_open_to_others(&metadata))).collect()
}

/// Files in a folder that only its owner may enter are out of reach for others, whatever their own mode.
#[cfg(unix)]
fn may_be_entered(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o011 != 0
}

#[cfg(not(unix))]
fn may_be_entered(_: &fs::Metadata) -> bool {
    false
}
