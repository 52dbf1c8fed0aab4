//! Passes on what the command reads and writes, from outside.

use crate::terminal::Terminal;
use crate::{Channel, SandboxError, Stdio, setup};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pipe::{PipeFlags, pipe_with};
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Takes the command's output.
pub(crate) type Output<'a> = dyn FnMut(Channel, &[u8]) -> io::Result<()> + 'a;

/// Where bytes come from and go to.
#[derive(Clone, Copy, PartialEq)]
enum Route {
    Callback(Channel),
    ToTerminal,
    FromTerminal,
}

pub(crate) struct Relay {
    sources: Vec<(OwnedFd, Route)>,
    pub(crate) terminal: Option<Terminal>,
    /// The command's ends, for the one who starts it.
    pub(crate) inside: Option<[OwnedFd; 3]>,
}

impl Relay {
    pub(crate) fn open(stdio: Stdio) -> Result<Self, SandboxError> {
        let mut relay = Self { sources: Vec::new(), terminal: None, inside: None };
        match stdio {
            Stdio::Inherit => {}
            Stdio::Terminal => relay.terminal = Some(Terminal::ours()?),
            Stdio::Piped => {
                let pipe = || pipe_with(PipeFlags::CLOEXEC).map_err(setup("pipe"));
                let ((out, out_inside), (err, err_inside)) = (pipe()?, pipe()?);
                let null = std::fs::File::open("/dev/null").map_err(setup("/dev/null"))?;
                relay.sources =
                    vec![(out, Route::Callback(Channel::Out)), (err, Route::Callback(Channel::Err))];
                relay.inside = Some([null.into(), out_inside, err_inside]);
            }
        }
        Ok(relay)
    }

    /// Takes over the outer side of the terminal that the sandbox has made.
    pub(crate) fn adopt(&mut self, master: OwnedFd) -> Result<(), SandboxError> {
        let Some(terminal) = &mut self.terminal else { return Ok(()) };
        let copy = |fd: BorrowedFd<'_>| fd.try_clone_to_owned().map_err(setup("terminal"));
        self.sources.push((copy(master.as_fd())?, Route::FromTerminal));
        self.sources.push((copy(rustix::stdio::stdin())?, Route::ToTerminal));
        terminal.master = Some(master);
        Ok(())
    }

    pub(crate) fn sources(&self) -> impl Iterator<Item = PollFd<'_>> {
        self.sources.iter().map(|(fd, _)| PollFd::new(fd, PollFlags::IN))
    }

    /// Passes on what there is at the sources that are `ready`, and forgets those that have ended.
    pub(crate) fn pass_ready(&mut self, ready: &[bool], output: &mut Output) -> io::Result<()> {
        let mut at = 0;
        let mut result = Ok(());
        let sources = std::mem::take(&mut self.sources);
        self.sources = sources
            .into_iter()
            .filter(|source| {
                let ready = ready.get(at).copied().unwrap_or(false);
                at += 1;
                if !ready || result.is_err() {
                    return true;
                }
                match pass(source, self.terminal.as_ref(), output) {
                    Ok(more) => more,
                    Err(error) => {
                        result = Err(error);
                        false
                    }
                }
            })
            .collect();
        result
    }

    /// Passes on what is still there when the command is gone. It waits for nothing: a pipe that somehow
    /// got out of the sandbox may stay open for ever.
    pub(crate) fn drain(&mut self, output: &mut Output) -> io::Result<()> {
        self.sources.retain(|(_, route)| *route != Route::ToTerminal);
        loop {
            let mut fds: Vec<_> = self.sources().collect();
            if fds.is_empty() || poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))? == 0 {
                return Ok(());
            }
            let ready: Vec<_> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
            drop(fds);
            self.pass_ready(&ready, output)?;
        }
    }
}

/// Passes on one read. `false`: the source has ended.
fn pass(
    (source, route): &(OwnedFd, Route),
    terminal: Option<&Terminal>,
    output: &mut Output,
) -> io::Result<bool> {
    let mut buffer = [0; 1 << 16];
    let n = match rustix::io::read(source, &mut buffer) {
        // EIO: the last one that had the terminal open has closed it.
        Ok(0) | Err(rustix::io::Errno::IO) => return Ok(false),
        Ok(n) => n,
        Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => return Ok(true),
        Err(errno) => return Err(errno.into()),
    };
    let bytes = &buffer[..n];
    match (route, terminal.and_then(|terminal| terminal.master.as_ref())) {
        (Route::Callback(channel), _) => output(*channel, bytes)?,
        (Route::FromTerminal, _) => io::stdout().write_all(bytes).and_then(|()| io::stdout().flush())?,
        (Route::ToTerminal, Some(master)) => write_all(master.as_fd(), bytes)?,
        (Route::ToTerminal, None) => {}
    }
    Ok(true)
}

fn write_all(fd: BorrowedFd<'_>, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(fd, bytes) {
            Ok(n) => bytes = &bytes[n..],
            Err(rustix::io::Errno::INTR) => {}
            // Nobody is there to read it any more.
            Err(rustix::io::Errno::IO) => return Ok(()),
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}
