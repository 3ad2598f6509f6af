//! Ctrl-C: once to stop at the next safe place, twice to end at once.

use std::pin::pin;

use crate::{error::Error, execute::Stopper, ui::Ui};

/// Takes every Ctrl-C from here on: none ends the program by itself any more, not even one that a prompt hands on.
pub(super) struct Interrupts(#[cfg(unix)] tokio::signal::unix::Signal, #[cfg(windows)] tokio::signal::windows::CtrlC);

impl Interrupts {
    pub(super) fn new() -> Result<Self, Error> {
        #[cfg(unix)]
        let signal = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt());
        #[cfg(windows)]
        let signal = tokio::signal::windows::ctrl_c();
        signal.map(Self).map_err(Error::Runtime)
    }

    async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            // No more will come.
            std::future::pending::<()>().await;
        }
    }

    /// What `running` comes to, where no Ctrl-C ends it: for what changes nothing.
    pub(super) async fn or<T>(&mut self, running: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        tokio::select! {
            biased;
            ended = running => ended,
            () = self.next() => Err(Error::Interrupted),
        }
    }

    /// What `running` comes to, which the first Ctrl-C asks to stop and the second ends: then there is nothing.
    pub(super) async fn guard<T>(&mut self, running: impl Future<Output = T>, stopper: &Stopper, ui: &Ui) -> Option<T> {
        let mut running = pin!(running);
        let mut came = false;
        loop {
            tokio::select! {
                biased;
                ended = &mut running => return Some(ended),
                () = self.next() => {
                    if came {
                        ui.say("Ended at once. A run that was ended is simply run again: it goes on where the mesh is.");
                        return None;
                    }
                    came = true;
                    // A prompt that was answered by Ctrl-C has stopped the run already, and hands it on.
                    if !stopper.is_stopped() {
                        stopper.stop();
                        ui.say("Stopping: what is being written is finished first. Ctrl-C again ends at once.");
                    }
                }
            }
        }
    }
}
