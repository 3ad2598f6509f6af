//! The keys and certificates that a rotation brings in: made here, brought, or found where an earlier run left them.

mod make;
mod remedy;
mod request;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use jiff::{SignedDuration, Timestamp};

use crate::{
    cli::BroughtIssuerArgs,
    error::Error,
    execute::Keys as PrivateKeys,
    keyfile,
    mesh::{IssuerPair, ServerPair},
    pki::{Certificate, Fingerprint, PrivateKey, TrustDomain, authority, verify},
    plan::{self, Goal, Materials, Outlook, Standing, Step, Target},
    snapshot::Snapshot,
    ui::Ui,
};

use self::make::Make;
pub(in crate::commands) use self::remedy::remedy;
pub(in crate::commands) use self::request::request;
use super::{super::key, Settings};

/// What names a file with the password of an anchor's key.
const ANCHOR_PASSWORD: &str = "--anchor-key-password-file";

/// Which keys and certificates were named. Nothing named means: made here, and the anchor's key forgotten.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// The new anchor's key goes to this file, or is there already from a run before.
    pub(super) out: Option<PathBuf>,
    /// The new anchor's certificate.
    pub(super) anchor_cert: Option<PathBuf>,
    /// The key of the new anchor; with [`Goal::Issuer`], of the present one.
    pub(super) anchor_key: Option<KeyFile>,
    /// The new issuer's certificate and key.
    pub(super) issuer: Option<(PathBuf, KeyFile)>,
    /// Where a request for the new issuer, and its key, are to be written.
    pub(super) request: Option<(PathBuf, PathBuf)>,
}

/// A key that was brought.
#[derive(Debug)]
pub(super) struct KeyFile {
    file: PathBuf,
    password: Option<PathBuf>,
    /// What names a file with its password.
    flag: &'static str,
}

/// How long what is made lives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lifetimes {
    pub(super) anchor: SignedDuration,
    pub(super) issuer: SignedDuration,
}

/// What a run may bring in.
#[derive(Default)]
pub(in crate::commands) struct Gathered {
    anchor: Option<Certificate>,
    issuer: Option<IssuerPair>,
    /// New certificates of webhooks' servers.
    servers: Vec<ServerPair>,
    /// A key that has to be written before anything depends on it.
    unwritten: Option<(PathBuf, PrivateKey)>,
    /// Anchors that stay in the bundle beside it.
    kept: BTreeSet<Fingerprint>,
}

impl Keys {
    /// What is named for the issuer.
    pub(super) fn of_issuer(arguments: &BroughtIssuerArgs) -> Self {
        let BroughtIssuerArgs { issuer_cert, issuer_key, issuer_key_password_file, csr_out, issuer_key_out } =
            arguments.clone();
        let key = issuer_key.map(|file| KeyFile {
            file,
            password: issuer_key_password_file,
            flag: "--issuer-key-password-file",
        });
        Self { issuer: issuer_cert.zip(key), request: csr_out.zip(issuer_key_out), ..Self::default() }
    }

    /// The anchor's key that was brought.
    pub(super) fn anchor_key_file(&self) -> Option<&Path> {
        self.anchor_key.as_ref().map(|key| key.file.as_path())
    }

    /// The key that a run before has written, where it is asked for again. Read once: its password may be asked for.
    fn written(&self, ui: &Ui) -> Result<Option<Written<'_>>, Error> {
        let Some(file) = self.out.as_deref().filter(|file| file.exists()) else { return Ok(None) };
        Ok(Some(Written { file, key: key::read(file, None, ANCHOR_PASSWORD, ui)?.key }))
    }
}

/// A new anchor's key that is in its file already.
struct Written<'a> {
    file: &'a Path,
    key: PrivateKey,
}

impl KeyFile {
    /// An anchor's.
    pub(super) fn anchor(file: Option<PathBuf>, password: Option<PathBuf>) -> Option<Self> {
        file.map(|file| Self { file, password, flag: ANCHOR_PASSWORD })
    }

    fn read(&self, ui: &Ui) -> Result<PrivateKey, Error> {
        Ok(key::read(&self.file, self.password.as_deref(), self.flag, ui)?.key)
    }
}

impl Gathered {
    /// What a backup gives to go back to.
    pub(in crate::commands) fn back(
        anchor: Option<Certificate>,
        issuer: IssuerPair,
        kept: BTreeSet<Fingerprint>,
    ) -> Self {
        Self { anchor, issuer: Some(issuer), kept, ..Self::default() }
    }

    /// The same, with certificates for webhooks' servers as well.
    #[must_use]
    pub(in crate::commands) fn with_servers(self, servers: Vec<ServerPair>) -> Self {
        Self { servers, ..self }
    }

    /// New certificates of webhooks' servers.
    pub(in crate::commands) fn of_servers(servers: Vec<ServerPair>) -> Self {
        Self { servers, ..Self::default() }
    }

    /// The keys for the executor.
    pub(super) fn keys(&self) -> PrivateKeys<'_> {
        PrivateKeys { issuer: self.issuer.as_ref(), servers: &self.servers }
    }

    /// The anchor that everything shall come from.
    pub(in crate::commands) fn anchor(&self) -> Option<&Certificate> {
        self.anchor.as_ref()
    }

    /// Anchors that stay in the bundle although nothing here needs them.
    pub(super) fn kept(&self) -> &BTreeSet<Fingerprint> {
        &self.kept
    }

    /// Certificates for the planner.
    pub(super) fn materials(&self) -> Materials {
        let issuer = self.issuer.as_ref().map(|pair| pair.chain.clone());
        Materials { anchor: self.anchor.clone(), issuer }
    }

    /// The issuer for the executor.
    pub(super) fn issuer(&self) -> Option<&IssuerPair> {
        self.issuer.as_ref()
    }

    /// Whether the new anchor's key has yet to be written.
    pub(super) fn writes_key(&self) -> bool {
        self.unwritten.is_some()
    }

    /// Writes the new anchor's key where it was asked for, and its certificate beside it, if the plan brings that anchor
    /// in: a run that is ended before its first write is run again with both.
    pub(super) fn keep(&self, outlook: &Outlook) -> Result<(), Error> {
        let brings = |anchor: &Certificate| {
            let step = |step: &Step| matches!(step, Step::TrustRoots { anchors, .. } if anchors.contains(anchor));
            outlook.steps.iter().any(step)
        };
        if let (Some((file, key)), Some(anchor)) = (&self.unwritten, &self.anchor)
            && brings(anchor)
        {
            keyfile::write_key(file, key)?;
            keyfile::write_certificates(&beside(file), &anchor.to_pem())?;
        }
        Ok(())
    }

    /// Nothing to bring in: the mesh goes on to an anchor that it has.
    fn towards(anchor: &Certificate) -> Self {
        Self { anchor: Some(anchor.clone()), ..Self::default() }
    }
}

/// Finds or makes what is needed from where the mesh stands.
pub(super) fn gather(
    settings: &Settings,
    snapshot: &Snapshot,
    standing: &Standing,
    ui: &Ui,
) -> Result<Gathered, Error> {
    let make = Make { settings, trust_domain: trust_domain(snapshot)?, ui };
    let keep = settings.keep();
    let Some(target) = plan::target(standing, &keep) else {
        // The issuer came before its anchor: if that is in hand, there is a way on.
        let anchor = settings.keys.anchor_cert.as_deref().map(|file| make.anchor_in(file)).transpose()?;
        return Ok(Gathered { anchor, ..Gathered::default() });
    };
    if settings.goal == Goal::Issuer {
        return issuer(settings, target, &make);
    }
    let written = settings.keys.written(ui)?;
    let again = written.as_ref().and_then(|written| again(standing, &written.key));
    let written = match (again, written) {
        (Some(anchor), Some(written)) => return make.with(anchor, written),
        (_, written) => written,
    };
    match target {
        // The issuer is there: what is left needs no key.
        Target::Towards(anchor) if verify::leads_to(&standing.issuer, anchor) => Ok(Gathered::towards(anchor)),
        _ if settings.keys.anchor_cert.is_some() || settings.keys.anchor_key.is_some() => {
            brought(settings, target, &make)
        }
        Target::Towards(anchor) => under_way(settings, standing, anchor, written, &make),
        Target::Rest(present) => at_rest(settings, present, written, &make),
    }
}

/// The anchor of the bundle that a key belongs to, where the issuer in the Secret comes from another: identity refused
/// its first issuer, and the one before was put back.
fn again<'a>(standing: &'a Standing, key: &PrivateKey) -> Option<&'a Certificate> {
    let anchor = standing.roots.iter().find(|anchor| anchor.public_key() == key.public_key())?;
    (!verify::leads_to(&standing.issuer, anchor)).then_some(anchor)
}

/// A new issuer under the present anchor.
fn issuer(settings: &Settings, target: Target<'_>, make: &Make<'_>) -> Result<Gathered, Error> {
    let (Target::Rest(present) | Target::Towards(present)) = target;
    let issuer = match (&settings.keys.issuer, &settings.keys.anchor_key) {
        (Some((file, key)), _) => Some(make.accept(file, key, present)?),
        (None, Some(key)) => Some(make.under(present, key.read(make.ui)?, &key.file)?),
        (None, None) => None,
    };
    Ok(Gathered { issuer, ..Gathered::default() })
}

/// A new anchor, an issuer under it, or both, from elsewhere.
fn brought(settings: &Settings, target: Target<'_>, make: &Make<'_>) -> Result<Gathered, Error> {
    let keys = &settings.keys;
    let key = keys.anchor_key.as_ref().map(|key| Ok::<_, Error>((key.read(make.ui)?, &key.file))).transpose()?;
    let anchor = match (&keys.anchor_cert, target, &key) {
        (Some(file), ..) => make.anchor_in(file)?,
        (None, Target::Towards(anchor), _) => anchor.clone(),
        // A run before has come to its end: the key is that of the present anchor.
        (None, Target::Rest(present), Some((key, _))) if key.public_key() == present.public_key() => present.clone(),
        (None, Target::Rest(_), _) => {
            return Err(Error::NoAnchorFor(keys.anchor_key_file().map(Path::to_owned).unwrap_or_default()));
        }
    };
    if target == Target::Rest(&anchor) {
        return Ok(Gathered::towards(&anchor));
    }
    let issuer = match (&keys.issuer, key) {
        (Some((file, key)), _) => Some(make.accept(file, key, &anchor)?),
        (None, Some((key, file))) => Some(make.under(&anchor, key, file)?),
        (None, None) => None,
    };
    Ok(Gathered { issuer, ..Gathered::towards(&anchor) })
}

/// What a rotation under way still needs: an issuer under its anchor.
fn under_way(
    settings: &Settings,
    standing: &Standing,
    anchor: &Certificate,
    written: Option<Written<'_>>,
    make: &Make<'_>,
) -> Result<Gathered, Error> {
    if let Some(written) = written {
        return make.with(anchor, written);
    }
    if !(standing.roots_are_ours && standing.is_to_come(anchor)) {
        return Ok(Gathered::default());
    }
    match &settings.keys.out {
        // A run that was to forget the key was ended before the swap: then it has forgotten it, and nothing is lost.
        None => make.anchor(None),
        Some(file) if settings.common.force => make.anchor(Some(file)),
        Some(_) => Ok(Gathered::default()),
    }
}

fn at_rest(
    settings: &Settings,
    present: &Certificate,
    written: Option<Written<'_>>,
    make: &Make<'_>,
) -> Result<Gathered, Error> {
    let Some(written) = written else { return make.anchor(settings.keys.out.as_ref()) };
    // A run before has come to its end: the key is that of the present anchor.
    if written.key.public_key() == present.public_key() && !settings.common.force {
        return Ok(Gathered::towards(present));
    }
    match left_behind(&written, settings.now) {
        Some(anchor) => make.with(&anchor, written),
        None => Err(keyfile::Error::Exists(written.file.to_owned()).into()),
    }
}

/// The certificate to a key that was written by a run that ended before it wrote to the mesh.
fn left_behind(written: &Written<'_>, now: Timestamp) -> Option<Certificate> {
    let contents = keyfile::read(&beside(written.file)).ok()?;
    let anchor = authority::anchor(contents.text().ok()?, now).ok()?;
    let young = now.duration_since(anchor.lifetime().not_before) < plan::FRESH;
    (young && anchor.public_key() == written.key.public_key()).then_some(anchor)
}

/// Where the certificate to the key in `file` goes.
pub(super) fn beside(file: &Path) -> PathBuf {
    file.with_extension("crt")
}

fn trust_domain(snapshot: &Snapshot) -> Result<TrustDomain, Error> {
    let domain = snapshot.config.found().and_then(|values| values.trust_domain.as_deref()).unwrap_or("cluster.local");
    Ok(TrustDomain::new(&snapshot.namespace, domain)?)
}
