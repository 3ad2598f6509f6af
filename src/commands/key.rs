//! Keys that the operator brings.

use std::path::Path;

use secrecy::SecretString;

use crate::{
    error::Error,
    keyfile,
    pki::{PrivateKey, private_key::InvalidKey},
    ui::Ui,
};

/// How often a password is asked for.
const TRIES: usize = 3;

/// A key that was brought, and whether others than its owner may read its file.
#[derive(Debug)]
pub(super) struct Brought {
    pub(super) key: PrivateKey,
    pub(super) readable_by_others: bool,
}

/// Reads a key; where it is encrypted, with the password in `password_file`, or one that is asked for. `flag` is what
/// names such a file.
pub(super) fn read(file: &Path, password_file: Option<&Path>, flag: &'static str, ui: &Ui) -> Result<Brought, Error> {
    // Read once: a pipe gives its text only once.
    let contents = keyfile::read(file)?;
    let password = password_file.map(keyfile::read_password).transpose()?;
    let key = match contents.key(password.as_ref()) {
        Err(error) if needs_password(&error) => ask(&contents, file, flag, ui)?,
        other => other?,
    };
    Ok(Brought { key, readable_by_others: contents.is_readable_by_others() })
}

fn ask(contents: &keyfile::Contents, file: &Path, flag: &'static str, ui: &Ui) -> Result<PrivateKey, Error> {
    if !ui.can_ask() {
        return Err(Error::NoPassword { file: file.to_owned(), flag });
    }
    let prompt = format!("Password of {}", file.display());
    for _ in 1..TRIES {
        let password: SecretString = ui.password(&prompt)?;
        match contents.key(Some(&password)) {
            Err(keyfile::Error::NoKey { source: InvalidKey::WrongPassword, .. }) => ui.say("That is not its password."),
            other => return Ok(other?),
        }
    }
    Ok(contents.key(Some(&ui.password(&prompt)?))?)
}

fn needs_password(error: &keyfile::Error) -> bool {
    matches!(error, keyfile::Error::NoKey { source: InvalidKey::NeedsPassword, .. })
}
