//! `generate`: the trust anchor and the identity issuer of a new install, in files. No cluster is touched.

use std::{
    fs,
    path::{Path, PathBuf},
};

use jiff::{SignedDuration, Timestamp};

use crate::{
    cli::{Algorithm, GenerateArgs, GenerateFormat},
    error::Error,
    exit::ExitStatus,
    keyfile,
    pki::{Authority, AuthorityParams, Bundle, PrivateKey, Serial, TrustDomain, private_key::NewKey},
    ui::{
        Ui,
        generate::{AnchorKey, Made},
    },
};

use super::key;

/// What `generate` needs to know.
#[derive(Debug)]
pub(super) struct Settings {
    out: PathBuf,
    format: GenerateFormat,
    trust_domain: TrustDomain,
    issuer_lifetime: SignedDuration,
    anchor: AnchorSettings,
    now: Timestamp,
}

#[derive(Debug)]
enum AnchorSettings {
    New { algorithm: NewKey, lifetime: SignedDuration, key: KeyPlace },
    Brought { certificate: PathBuf, key: PathBuf, password_file: Option<PathBuf> },
}

#[derive(Debug)]
enum KeyPlace {
    Beside,
    File(PathBuf),
    Nowhere,
}

impl Settings {
    /// The settings that the arguments mean at the moment `now`.
    pub(super) fn resolve(arguments: GenerateArgs, now: Timestamp) -> Result<Self, Error> {
        // A certificate holds whole seconds.
        let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
        let (new, brought) = (arguments.new_anchor, arguments.anchor);
        let anchor = match (brought.anchor_cert, brought.anchor_key) {
            (Some(certificate), Some(key)) => {
                AnchorSettings::Brought { certificate, key, password_file: brought.anchor_key_password_file }
            }
            _ => AnchorSettings::New {
                algorithm: match new.algorithm {
                    Algorithm::EcdsaP256 => NewKey::EcdsaP256,
                    Algorithm::Rsa2048 => NewKey::Rsa2048,
                    Algorithm::Rsa4096 => NewKey::Rsa4096,
                },
                lifetime: new.anchor_lifetime.from(now),
                key: match new.anchor_key_out {
                    Some(file) => KeyPlace::File(file),
                    None if new.discard_anchor_key => KeyPlace::Nowhere,
                    None => KeyPlace::Beside,
                },
            },
        };
        Ok(Self {
            trust_domain: TrustDomain::new(&arguments.linkerd_namespace, &arguments.trust_domain)?,
            issuer_lifetime: arguments.issuer_lifetime.from(now),
            out: arguments.out,
            format: arguments.output,
            anchor,
            now,
        })
    }

    fn params(&self, lifetime: SignedDuration) -> AuthorityParams {
        AuthorityParams { trust_domain: self.trust_domain.clone(), lifetime }
    }
}

/// Makes, tries, writes, answers.
pub(super) fn generate(settings: &Settings, ui: &Ui) -> Result<ExitStatus, Error> {
    let files = Files::new(&settings.out);
    // Before keys are made or asked for: what would stop the writing, as far as can be seen.
    if settings.out.symlink_metadata().is_ok() {
        keyfile::check_empty(&settings.out)?;
    }
    if let AnchorSettings::New { key: KeyPlace::File(file), .. } = &settings.anchor {
        keyfile::check_new(file)?;
    }
    let (anchor, anchor_key) = anchor(settings, &files, ui)?;
    let issuer = PrivateKey::generate(NewKey::EcdsaP256)?;
    let issuer =
        anchor.sign_issuer(&settings.params(settings.issuer_lifetime), issuer, settings.now, Serial::random()?)?;
    let anchors = Bundle::of([anchor.certificate().clone()]);
    issuer.prove(&anchors, &settings.trust_domain, settings.now).map_err(Error::Unproved)?;
    write(&settings.out, &files, &anchor, &issuer, &anchor_key)?;
    let made = Made {
        anchor: anchor.certificate(),
        anchor_key: &anchor_key,
        anchor_file: &files.anchor,
        issuer: issuer.certificate(),
        issuer_file: &files.issuer,
        issuer_key_file: &files.issuer_key,
        trust_domain: &settings.trust_domain,
        cut: anchor.certificate().lifetime().left(settings.now) < settings.issuer_lifetime,
        at: settings.now,
    };
    match settings.format {
        GenerateFormat::Table => ui.data(&made.table(ui.stdout()))?,
        GenerateFormat::Json => ui.json(&made.document())?,
        GenerateFormat::Yaml => ui.yaml(&made.document())?,
        GenerateFormat::Helm => {
            ui.data(&made.values()?)?;
            // The file is for Helm; what the operator should know of it goes beside.
            made.notes().iter().for_each(|note| ui.say(note));
        }
    }
    Ok(ExitStatus::Fine)
}

/// The trust anchor, made or brought, and where its key is.
fn anchor(settings: &Settings, files: &Files, ui: &Ui) -> Result<(Authority, AnchorKey), Error> {
    match &settings.anchor {
        AnchorSettings::New { algorithm, lifetime, key } => {
            let place = match key {
                KeyPlace::Beside => AnchorKey::Written(files.anchor_key.clone()),
                KeyPlace::File(file) => AnchorKey::Written(file.clone()),
                KeyPlace::Nowhere => AnchorKey::Discarded,
            };
            let _progress = ui.progress("making keys");
            let key = PrivateKey::generate(*algorithm)?;
            let anchor = Authority::new_anchor(&settings.params(*lifetime), key, settings.now, Serial::random()?)?;
            Ok((anchor, place))
        }
        AnchorSettings::Brought { certificate, key, password_file } => {
            let text = keyfile::read(certificate)?;
            let brought = key::read(key, password_file.as_deref(), "--anchor-key-password-file", ui)?;
            let unfit = |source| Error::Unfit { file: certificate.clone(), source };
            let anchor = Authority::accept_anchor(text.text()?, brought.key, settings.now).map_err(unfit)?;
            let place = AnchorKey::Brought { file: key.clone(), readable_by_others: brought.readable_by_others };
            Ok((anchor, place))
        }
    }
}

/// Writes all of it, or nothing.
fn write(
    out: &Path,
    files: &Files,
    anchor: &Authority,
    issuer: &Authority,
    anchor_key: &AnchorKey,
) -> Result<(), Error> {
    let mut written = Written { files: Vec::new(), folder: keyfile::make_folder(out)?.then(|| out.to_owned()) };
    if let AnchorKey::Written(file) = anchor_key {
        written.file(file, keyfile::write_key(file, anchor.key()))?;
    }
    written.file(&files.issuer_key, keyfile::write_key(&files.issuer_key, issuer.key()))?;
    written.file(&files.anchor, keyfile::write_certificates(&files.anchor, &anchor.chain_pem()))?;
    written.file(&files.issuer, keyfile::write_certificates(&files.issuer, &issuer.chain_pem()))?;
    written.keep();
    Ok(())
}

/// Where everything goes.
#[derive(Debug)]
struct Files {
    anchor: PathBuf,
    anchor_key: PathBuf,
    issuer: PathBuf,
    issuer_key: PathBuf,
}

impl Files {
    fn new(out: &Path) -> Self {
        let [anchor, anchor_key, issuer, issuer_key] =
            ["ca.crt", "ca.key", "issuer.crt", "issuer.key"].map(|name| out.join(name));
        Self { anchor, anchor_key, issuer, issuer_key }
    }
}

/// What this run has written so far; removed again unless it was all.
#[derive(Debug)]
struct Written {
    files: Vec<PathBuf>,
    folder: Option<PathBuf>,
}

impl Written {
    fn file(&mut self, file: &Path, result: Result<(), keyfile::Error>) -> Result<(), keyfile::Error> {
        result.map(|()| self.files.push(file.to_owned()))
    }

    fn keep(mut self) {
        self.files.clear();
        self.folder = None;
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        for file in &self.files {
            let _ = fs::remove_file(file);
        }
        if let Some(folder) = &self.folder {
            let _ = fs::remove_dir(folder);
        }
    }
}
