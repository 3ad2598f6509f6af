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

#[cfg(all(test, unix))]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cli::{ColorChoice, GlobalArgs};

    fn ctrl_c() {
        let killed = std::process::Command::new("kill").args(["-INT", &std::process::id().to_string()]).status();
        assert!(killed.is_ok_and(|status| status.success()));
    }

    // One test, since a signal comes to all that wait for it.
    #[tokio::test]
    async fn the_first_asks_and_the_second_ends() {
        let ui = Ui::new(&GlobalArgs { color: ColorChoice::Never, verbose: 0 });
        let mut interrupts = Interrupts::new().unwrap();

        let stopper = Stopper::default();
        let asked = async {
            ctrl_c();
            while !stopper.is_stopped() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            "the write was finished"
        };
        assert_eq!(interrupts.guard(asked, &stopper, &ui).await, Some("the write was finished"));

        let stopper = Stopper::default();
        let deaf = async {
            ctrl_c();
            while !stopper.is_stopped() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            ctrl_c();
            std::future::pending::<()>().await;
        };
        assert_eq!(interrupts.guard(deaf, &stopper, &ui).await, None);

        let reading = async {
            ctrl_c();
            std::future::pending::<Result<(), Error>>().await
        };
        assert!(matches!(interrupts.or(reading).await, Err(Error::Interrupted)));
    }
}
