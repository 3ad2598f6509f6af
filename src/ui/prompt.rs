//! Questions that only a person can answer.

use std::io::{self, IsTerminal as _};

use dialoguer::{Confirm, Input, Password, Select};
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::{
    Ui,
    text::{clean, wrap},
};
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
        let ask = || Confirm::new().with_prompt(clean(question)).default(false).interact();
        self.aside(ask).map_err(no_answer)
    }

    /// Asks which of `items`, of which the first is suggested; the answer is its index.
    ///
    /// # Errors
    /// When there is no terminal, or it gives no answer.
    pub fn choose(&self, question: &str, items: &[&str]) -> Result<usize, Error> {
        if !self.can_ask() {
            return Err(Error::NobodyToAsk);
        }
        let ask = || Select::new().with_prompt(clean(question)).items(items).default(0).report(true).interact();
        self.aside(ask).map_err(no_answer)
    }

    /// Asks for a line of text; what is typed over may be the suggestion.
    ///
    /// # Errors
    /// When there is no terminal, or it gives no answer.
    pub fn line(&self, question: &str, suggestion: &str) -> Result<String, Error> {
        if !self.can_ask() {
            return Err(Error::NobodyToAsk);
        }
        let suggestion = suggestion.to_owned();
        let ask = || Input::<String>::new().with_prompt(clean(question)).default(suggestion).interact_text();
        self.aside(ask).map_err(no_answer)
    }

    /// Asks where a new trust anchor's key shall go; `None` is nowhere. `check` says why a file will not do.
    ///
    /// # Errors
    /// When there is no terminal, or it gives no answer.
    pub fn key_place<T>(&self, suggestion: &str, check: impl Fn(&str) -> Result<T, Error>) -> Result<Option<T>, Error> {
        let text = "The new trust anchor's key signs the next issuer. It is not needed in the cluster; whoever has it \
                    can pass for any workload of the mesh.";
        self.tell(&(wrap("", text, self.stderr.text_width()).join("\n") + "\n"));
        let places = ["write it to a file", "throw it away: the next issuer will need a new anchor"];
        if self.choose("The new anchor's key", &places)? == 1 {
            return Ok(None);
        }
        loop {
            match check(&self.line("File", suggestion)?) {
                Ok(place) => return Ok(Some(place)),
                Err(error) => self.error(&error),
            }
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
        let ask = || Password::new().with_prompt(clean(prompt)).allow_empty_password(true).report(false).interact();
        let asked = self.aside(ask).map_err(no_answer)?;
        Ok(SecretString::from(Zeroizing::new(asked).as_str()))
    }
}

fn no_answer(error: dialoguer::Error) -> Error {
    let dialoguer::Error::IO(error) = error;
    // A question that is broken off leaves the cursor hidden.
    let _ = console::Term::stderr().show_cursor();
    if error.kind() == io::ErrorKind::Interrupted { Error::Interrupted } else { Error::Prompt(error) }
}
