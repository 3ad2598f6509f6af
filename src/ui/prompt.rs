//! Questions that only a person can answer.

use std::io::{self, IsTerminal as _};

use dialoguer::{Confirm, Password};
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::{Ui, text::clean};
use crate::error::Error;

impl Ui {
    /// Whether somebody is there to answer: stdin and stderr are a terminal.
    pub fn can_ask(&self) -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Asks a question that is answered by yes or no; no where nothing is typed.
    ///
    /// # Errors
    /// When there is no terminal, or it gives no answer.
    pub fn confirm(&self, question: &str) -> Result<bool, Error> {
        if !self.can_ask() {
            return Err(Error::NobodyToAsk);
        }
        match Confirm::new().with_prompt(clean(question)).default(false).interact() {
            Ok(answer) => Ok(answer),
            Err(dialoguer::Error::IO(error)) if error.kind() == io::ErrorKind::Interrupted => Err(Error::Interrupted),
            Err(dialoguer::Error::IO(error)) => Err(Error::Prompt(error)),
        }
    }

    /// Asks for a password; what is typed is not shown.
    ///
    /// # Errors
    /// When there is no terminal, or it gives no answer.
    pub fn password(&self, prompt: &str) -> Result<SecretString, Error> {
        if !self.can_ask() {
            return Err(Error::Prompt(io::Error::from(io::ErrorKind::NotConnected)));
        }
        let asked = Password::new().with_prompt(clean(prompt)).allow_empty_password(true).report(false).interact();
        match asked {
            Ok(answer) => Ok(SecretString::from(Zeroizing::new(answer).as_str())),
            Err(dialoguer::Error::IO(error)) if error.kind() == io::ErrorKind::Interrupted => Err(Error::Interrupted),
            Err(dialoguer::Error::IO(error)) => Err(Error::Prompt(error)),
        }
    }
}
