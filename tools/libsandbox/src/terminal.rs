//! A terminal of the sandbox's own, relayed to ours: nothing of our terminal is handed in, so nothing
//! inside can push characters into it.

use crate::{SandboxError, setup};
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr, tcsetwinsize};
use std::os::fd::OwnedFd;

/// Our side of the terminal. Our own terminal is in raw mode until this is dropped.
pub(crate) struct Terminal {
    pub(crate) master: OwnedFd,
    saved: Option<Termios>,
}

impl Terminal {
    /// Makes the pair, with the size of ours. Also gives the sandbox's side, three times.
    pub(crate) fn open() -> Result<(Self, [OwnedFd; 3]), SandboxError> {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)
            .map_err(setup("terminal"))?;
        grantpt(&master).map_err(setup("terminal"))?;
        unlockpt(&master).map_err(setup("terminal"))?;
        let name = ptsname(&master, Vec::new()).map_err(setup("terminal"))?;
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let slave = rustix::fs::open(&name, flags, Mode::empty()).map_err(setup("terminal"))?;
        let copy = || slave.try_clone().map_err(setup("terminal"));
        let stdio = [copy()?, copy()?, copy()?];
        let ours = rustix::stdio::stdin();
        if let Ok(size) = tcgetwinsize(ours) {
            tcsetwinsize(&master, size).map_err(setup("terminal"))?;
        }
        let saved = tcgetattr(ours).ok();
        if let Some(saved) = &saved {
            let mut raw = saved.clone();
            raw.make_raw();
            tcsetattr(ours, OptionalActions::Drain, &raw).map_err(setup("terminal"))?;
        }
        Ok((Self { master, saved }, stdio))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if let Some(saved) = &self.saved {
            let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Drain, saved);
        }
    }
}
