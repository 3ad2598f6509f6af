//! A terminal that the real binary runs in: what it shows, and keys.

use std::{
    io::{Read as _, Write as _},
    num::NonZeroU16,
    process::{Child, ExitStatus},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use pty_process::blocking::{Command, Pty};
use rustix::termios::{LocalModes, tcgetattr};

/// Longer than the slowest machine takes for anything here.
const PATIENCE: Duration = Duration::from_mins(2);
const LOOK: Duration = Duration::from_millis(10);

/// The cursor keys as a terminal sends them, and others.
pub(crate) const DOWN: &str = "\x1b[B";
pub(crate) const ENTER: &str = "\r";
pub(crate) const CTRL_C: &str = "\x03";

/// A program in a terminal.
pub(crate) struct Terminal {
    pty: Arc<Pty>,
    child: Child,
    screen: Arc<Mutex<vt100::Parser>>,
    /// Everything that was written so far, and the terminal's size.
    written: Arc<Mutex<Vec<u8>>>,
    size: (NonZeroU16, NonZeroU16),
}

impl Terminal {
    /// Starts `program` in a terminal of this size, which keeps `kept` lines that have left its top.
    pub(crate) fn start(program: &str, arguments: &[&str], (rows, columns): (u16, u16), kept: usize) -> Self {
        let (pty, pts) = pty_process::blocking::open().unwrap();
        pty.resize(pty_process::Size::new(rows, columns)).unwrap();
        let command = Command::new(program).args(arguments).env_clear().env("TERM", "xterm").env("NO_COLOR", "1");
        let child = command.env("HOME", "/nonexistent").spawn(pts).unwrap();
        let size = |number| NonZeroU16::new(number).unwrap();
        let screen = Arc::new(Mutex::new(vt100::Parser::new(size(rows), size(columns), kept)));
        let pty = Arc::new(pty);
        let written = Arc::new(Mutex::new(Vec::new()));
        let (from, to, all) = (Arc::clone(&pty), Arc::clone(&screen), Arc::clone(&written));
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // Linux says EIO when nobody has the terminal open any more.
            while let Ok(read @ 1..) = (&*from).read(&mut buffer) {
                all.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&buffer[..read]);
                to.lock().unwrap_or_else(PoisonError::into_inner).process(&buffer[..read]);
            }
        });
        Self { pty, child, screen, written, size: (size(rows), size(columns)) }
    }

    /// What the terminal shows.
    pub(crate) fn shows(&self) -> String {
        let contents = self.screen.lock().unwrap_or_else(PoisonError::into_inner).screen().contents();
        contents.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
    }

    /// What the terminal shows, and what has left its top.
    pub(crate) fn showed(&self) -> String {
        let mut screen = self.screen.lock().unwrap_or_else(PoisonError::into_inner);
        let screen = screen.screen_mut();
        let mut lines = Vec::new();
        for back in (1..=screen.scrollback_len()).rev() {
            screen.set_scrollback(back);
            lines.extend(screen.rows(0, u16::MAX).next());
        }
        screen.set_scrollback(0);
        lines.extend(screen.contents().lines().map(ToOwned::to_owned));
        lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n")
    }

    /// Everything that was to be seen at some moment, however short: the screens just before a line was drawn over.
    pub(crate) fn frames(&self) -> Vec<String> {
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let mut screen = vt100::Parser::new(self.size.0, self.size.1, 0);
        let mut frames: Vec<String> = Vec::new();
        for piece in written.split_inclusive(|byte| *byte == 0x1b) {
            screen.process(piece);
            // Lines as they stand on the screen, whether a line feed or its edge ends them.
            let rows: Vec<String> = screen.screen().rows(0, u16::MAX).map(|row| row.trim_end().to_owned()).collect();
            let shown = rows.join("\n").trim_end().to_owned();
            if frames.last() != Some(&shown) {
                frames.push(shown);
            }
        }
        frames
    }

    /// Whether the cursor is to be seen.
    pub(crate) fn has_cursor(&self) -> bool {
        !self.screen.lock().unwrap_or_else(PoisonError::into_inner).screen().hide_cursor()
    }

    /// Waits until `text` is shown after the last `after`, and a key is waited for.
    pub(crate) fn wait_for(&self, after: &str, text: &str) {
        let begun = Instant::now();
        loop {
            let raw = tcgetattr(&*self.pty).is_ok_and(|modes| !modes.local_modes.contains(LocalModes::ICANON));
            let shown = self.shows();
            let place = shown.rfind(after).map(|place| place + after.len());
            if raw && place.is_some_and(|place| shown[place..].contains(text)) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "`{text}` after `{after}` was waited for in\n{shown}");
            std::thread::sleep(LOOK);
        }
    }

    /// Types.
    pub(crate) fn press(&self, keys: &str) {
        (&*self.pty).write_all(keys.as_bytes()).unwrap();
    }

    /// Waits for the program's end, and for the last of what it has to say.
    pub(crate) fn end(&mut self) -> ExitStatus {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end:\n{}", self.shows());
            std::thread::sleep(LOOK);
        };
        let (mut last, mut since) = (self.shows(), Instant::now());
        while since.elapsed() < Duration::from_millis(300) {
            std::thread::sleep(LOOK);
            let now = self.shows();
            if now != last {
                (last, since) = (now, Instant::now());
            }
        }
        status
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
