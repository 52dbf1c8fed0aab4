//! A terminal of the sandbox, relayed to ours. The sandbox gets no descriptor of our terminal, so no process in it can
//! push characters into that. The sandbox makes the terminal in its own /dev/pts, and passes the master's side out.

use crate::{SandboxError, setup};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{OptionalActions, Termios, Winsize, tcgetattr, tcgetwinsize, tcsetattr, tcsetwinsize};
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

/// Our side. Our own terminal is in raw mode until this is dropped.
pub(crate) struct Terminal {
    /// The master side of the sandbox's terminal, as soon as it is there.
    pub(crate) master: Option<OwnedFd>,
    saved: Option<Termios>,
}

impl Terminal {
    /// Sets our own terminal to raw mode, if we have one.
    pub(crate) fn ours() -> Result<Self, SandboxError> {
        let ours = rustix::stdio::stdin();
        let saved = tcgetattr(ours).ok();
        if let Some(saved) = &saved {
            let mut raw = saved.clone();
            raw.make_raw();
            tcsetattr(ours, OptionalActions::Drain, &raw).map_err(setup("terminal"))?;
        }
        Ok(Self { master: None, saved })
    }

    /// Gives the sandbox's terminal the size of ours.
    pub(crate) fn resize(&self) {
        if let (Some(master), Some(size)) = (&self.master, size()) {
            // A terminal of the wrong size still works.
            let _ = tcsetwinsize(master, size);
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if let Some(saved) = &self.saved {
            let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Drain, saved);
        }
    }
}

fn size() -> Option<Winsize> {
    tcgetwinsize(rustix::stdio::stdin()).ok()
}

/// Inside: makes a terminal of the size of ours, sends its master side out after `mark`, and returns the side for the
/// command.
pub(crate) fn make(outer: &UnixStream, mark: u8) -> Result<OwnedFd, SandboxError> {
    let make = || -> io::Result<OwnedFd> {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags)?;
        unlockpt(&master)?;
        let slave = ioctl_tiocgptpeer(&master, flags)?;
        if let Some(size) = size() {
            tcsetwinsize(&slave, size)?;
        }
        let rights = [master.as_fd()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        control.push(SendAncillaryMessage::ScmRights(&rights));
        sendmsg(outer, &[IoSlice::new(&[mark])], &mut control, SendFlags::empty())?;
        Ok(slave)
    };
    make().map_err(setup("terminal"))
}

/// Outside: reads from the sandbox, and appends to `text`; a master side may come along. No bytes mean that it has
/// closed its end.
pub(crate) fn receive(outer: &UnixStream, text: &mut Vec<u8>) -> io::Result<(usize, Option<OwnedFd>)> {
    let mut buffer = [0; 4096];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let message = recvmsg(outer, &mut [IoSliceMut::new(&mut buffer)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    text.extend_from_slice(&buffer[..message.bytes]);
    let mut master = None;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            master = descriptors.last().or(master);
        }
    }
    Ok((message.bytes, master))
}
