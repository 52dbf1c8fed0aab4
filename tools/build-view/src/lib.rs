//! Shows a build on a terminal: it reads build-progress(5), and writes lines that scroll away with a few live rows
//! below them.
//!
//! It is the only process of a build that draws on the terminal, and nothing that is built depends on it. It never
//! reads what is typed, hides the cursor or changes the terminal's settings, so there is nothing to restore, however it
//! ends.

mod build;
mod input;
mod region;
mod row;
mod screen;
mod stage;
mod units;

pub use build::Build;
pub use row::Row;
pub use screen::{Screen, Size};

use input::Input;
use nix::sys::signal::{SigSet, Signal, raise};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// The shortest time from one drawing to the next.
const PAUSE: Duration = Duration::from_millis(100);
/// The time between two drawings when only the clocks in live rows change.
const TICK: Duration = Duration::from_secs(1);
/// The signals that it handles. It ignores INT: the build ends by it, and its end ends the view.
const SIGNALS: [Signal; 6] =
    [Signal::SIGWINCH, Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGTSTP, Signal::SIGCONT];

/// Shows the build whose records `stream` has on `terminal`, until the build ends, the last writer closes the pipe, or
/// a signal comes. A tool takes the terminal by a lock on the stream; see [`libcli::take_terminal`].
pub fn view(stream: File, terminal: impl Write + AsFd, colour: bool) -> io::Result<()> {
    let mask = SigSet::from_iter(SIGNALS);
    mask.thread_block()?;
    let signals = SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
    stream.lock()?;
    let mut view = View {
        input: Input::new(stream),
        build: Build::new(Instant::now()),
        screen: Screen::new(colour),
        terminal,
        drawn: None,
        dirty: false,
        paused: false,
    };
    while !view.build.has_ended() {
        let (readable, signalled) = view.wait(&signals)?;
        while let Some(signal) = signals.read_signal()? {
            match Signal::try_from(signal.ssi_signo as i32) {
                Ok(Signal::SIGTERM | Signal::SIGHUP) => return view.leave(),
                Ok(Signal::SIGTSTP) => view.stop()?,
                Ok(Signal::SIGWINCH | Signal::SIGCONT) => view.dirty = true,
                _ => {}
            }
        }
        if readable && !view.read()? {
            break;
        }
        view.draw_if_due(signalled)?;
    }
    view.build.finish(Instant::now());
    view.leave()
}

struct View<T> {
    input: Input,
    build: Build,
    screen: Screen,
    terminal: T,
    /// The time of the last drawing.
    drawn: Option<Instant>,
    /// Whether a record or signal has come since then.
    dirty: bool,
    /// Whether a tool has the terminal.
    paused: bool,
}

impl<T: Write + AsFd> View<T> {
    /// Waits until there is something to do. Returns whether there is something to read, and whether there is a signal.
    fn wait(&self, signals: &SignalFd) -> io::Result<(bool, bool)> {
        let timeout = Timespec::try_from(self.due().unwrap_or(Duration::MAX)).ok();
        let mut fds = [
            PollFd::from_borrowed_fd(self.input.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(signals.as_fd(), PollFlags::IN),
        ];
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        Ok((!fds[0].revents().is_empty(), !fds[1].revents().is_empty()))
    }

    /// The time until the next drawing; `None` if there is nothing to draw.
    fn due(&self) -> Option<Duration> {
        let pause = match (self.paused, self.dirty, self.build.is_live()) {
            (true, ..) | (_, false, false) => return None,
            (_, true, _) => PAUSE,
            (_, false, true) => TICK,
        };
        Some(pause.saturating_sub(self.drawn.map_or(pause, |drawn| drawn.elapsed())))
    }

    /// Takes the records that have arrived. Returns `false` if the last writer has closed the pipe.
    fn read(&mut self) -> io::Result<bool> {
        let Some(records) = self.input.records()? else { return Ok(false) };
        for record in records {
            self.dirty = true;
            self.build.take(&record, Instant::now());
            match record {
                libwire::Progress::Terminal { taken: true } if !self.paused => {
                    self.draw(false)?;
                    self.paused = true;
                    self.input.stream().unlock()?;
                }
                libwire::Progress::Terminal { taken: false } if self.paused => {
                    self.input.stream().lock()?;
                    self.paused = false;
                }
                _ => {}
            }
        }
        Ok(true)
    }

    fn draw_if_due(&mut self, at_once: bool) -> io::Result<()> {
        let due = self.due();
        match due == Some(Duration::ZERO) || at_once && due.is_some() {
            true => self.draw(true),
            false => Ok(()),
        }
    }

    /// Writes the new lines, and with `live` the live rows below them.
    fn draw(&mut self, live: bool) -> io::Result<()> {
        let size = Size::of(&self.terminal);
        let rows = if live { self.build.region(size, Instant::now()) } else { Vec::new() };
        let text = self.screen.frame(&self.build.take_rows(Instant::now()), &rows, size);
        (self.drawn, self.dirty) = (Some(Instant::now()), false);
        self.terminal.write_all(text.as_bytes())?;
        self.terminal.flush()
    }

    /// Stops with the rest of its job. No live rows stay on the screen.
    fn stop(&mut self) -> io::Result<()> {
        if !self.paused {
            self.draw(false)?;
        }
        raise(Signal::SIGSTOP)?;
        self.dirty = true;
        Ok(())
    }

    /// Writes the lines that are left, and removes the live rows.
    fn leave(&mut self) -> io::Result<()> {
        self.draw(false)
    }
}
