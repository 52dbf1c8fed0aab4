//! Passes on the input and output of a command, from outside. It never waits for a reader, because a slow one must not
//! delay signals or the other output.

use crate::job::{Channel, Stdio};
use crate::terminal::Terminal;
use crate::{SandboxError, setup};
use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags};
use rustix::fs::{FileType, OFlags, SeekFrom};
use rustix::io::{Errno, ReadWriteFlags, pwritev2};
use rustix::pipe::{PIPE_BUF, PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Takes the command's output.
pub(crate) type Output<'a> = dyn FnMut(Channel, &[u8]) -> io::Result<()> + 'a;

/// The bytes that are read at once.
const BUFFER: usize = 1 << 18;

/// The destination of bytes.
enum Sink {
    Callback(Channel),
    /// The command. A write to it never waits.
    Command(OwnedFd),
    /// Our own output, to which the kernel moves the bytes of the source, a pipe.
    Spliced(OwnedFd),
    /// Our own output, if the kernel can't.
    Ours {
        fd: OwnedFd,
        /// The bytes that may be written without waiting, if there is any room.
        at_once: usize,
        /// Whether the callback gets a copy.
        copied: Option<Channel>,
    },
}

struct Stream {
    source: OwnedFd,
    sink: Sink,
    /// Bytes that were read. Those from `passed` on are not passed on yet.
    buffer: Vec<u8>,
    passed: usize,
    /// Whether the source of a splice has bytes for which there was no room.
    full: bool,
}

/// The command's ends of the pipes. Without an input it has nothing to read.
pub(crate) struct Ends {
    pub(crate) input: Option<OwnedFd>,
    pub(crate) output: OwnedFd,
    pub(crate) error: OwnedFd,
}

pub(crate) struct Relay {
    streams: Vec<Stream>,
    pub(crate) terminal: Option<Terminal>,
    pub(crate) inside: Option<Ends>,
    /// The pipe from which the command reads our input.
    input: Option<OwnedFd>,
}

impl Relay {
    pub(crate) fn open(stdio: Stdio) -> Result<Self, SandboxError> {
        let mut relay = Self { streams: Vec::new(), terminal: None, inside: None, input: None };
        match stdio {
            Stdio::Terminal => relay.terminal = Some(Terminal::ours()?),
            Stdio::Piped => {
                let ((out, output), (err, error)) = (pipe()?, pipe()?);
                relay.add(out, Sink::Callback(Channel::Out));
                relay.add(err, Sink::Callback(Channel::Err));
                relay.inside = Some(Ends { input: None, output, error });
            }
            Stdio::Relayed => relay.inside = Some(relay.ours()?),
        }
        Ok(relay)
    }

    /// Connects pipes to our own standard streams.
    fn ours(&mut self) -> Result<Ends, SandboxError> {
        let (inner, input) = pipe()?;
        rustix::fs::fcntl_setfl(&input, OFlags::NONBLOCK).map_err(setup("pipe"))?;
        self.add(copy(rustix::stdio::stdin())?, Sink::Command(input));
        self.input = Some(copy(inner.as_fd())?);
        let (stdout, stderr) = (rustix::stdio::stdout(), rustix::stdio::stderr());
        let errors = Sink::ours(copy(stderr)?, Some(Channel::Err)).map_err(setup("standard streams"))?;
        let (err, error) = pipe()?;
        self.add(err, errors);
        let output = if same_file(stdout, stderr) {
            // A single pipe keeps the order.
            copy(error.as_fd())?
        } else {
            let (out, output) = pipe()?;
            self.add(out, Sink::Spliced(copy(stdout)?));
            output
        };
        Ok(Ends { input: Some(inner), output, error })
    }

    fn add(&mut self, source: OwnedFd, sink: Sink) {
        self.streams.push(Stream {
            source,
            sink,
            buffer: Vec::with_capacity(BUFFER),
            passed: 0,
            full: false,
        });
    }

    /// Takes the outer side of the terminal that the sandbox has made.
    pub(crate) fn adopt(&mut self, master: OwnedFd) -> Result<(), SandboxError> {
        let Some(terminal) = &mut self.terminal else { return Ok(()) };
        rustix::fs::fcntl_setfl(&master, OFlags::RDWR | OFlags::NONBLOCK).map_err(setup("terminal"))?;
        let (from, to) = (copy(master.as_fd())?, copy(master.as_fd())?);
        terminal.master = Some(master);
        let stdout = copy(rustix::stdio::stdout())?;
        self.add(from, Sink::ours(stdout, Some(Channel::Out)).map_err(setup("standard streams"))?);
        self.add(copy(rustix::stdio::stdin())?, Sink::Command(to));
        Ok(())
    }

    /// Closes the outer ends in the sandbox's own processes, so that the command notices when they close.
    pub(crate) fn forget(&mut self) {
        (self.streams, self.input) = (Vec::new(), None);
    }

    /// The event for which each stream waits.
    pub(crate) fn waits(&self) -> impl Iterator<Item = PollFd<'_>> {
        self.streams.iter().map(Stream::waits_for)
    }

    /// Passes on bytes of the streams that are `ready`, and forgets those that have ended.
    pub(crate) fn pass_ready(&mut self, ready: &[bool], output: &mut Output) -> io::Result<()> {
        let mut ready = ready.iter();
        let mut result = Ok(());
        self.streams.retain_mut(|stream| {
            if !ready.next().copied().unwrap_or(false) || result.is_err() {
                return true;
            }
            stream.pass(output).unwrap_or_else(|error| {
                result = Err(error);
                false
            })
        });
        result
    }

    /// After the command is gone, leaves the part of a file that it did not read to the next reader of our input.
    pub(crate) fn end_input(&mut self) {
        let ours = |stream: &Stream| matches!(stream.sink, Sink::Command(_));
        let pending: usize = self.streams.iter().filter(|stream| ours(stream)).map(Stream::pending).sum();
        self.streams.retain(|stream| !ours(stream));
        let Some(pipe) = self.input.take() else { return };
        let unread = rustix::io::ioctl_fionread(&pipe).unwrap_or(0) + pending as u64;
        if let Ok(back @ 1..) = i64::try_from(unread) {
            // A pipe or a terminal can't take it back.
            let _ = rustix::fs::seek(rustix::stdio::stdin(), SeekFrom::Current(-back));
        }
    }

    /// Whether there are bytes for which our readers have no room yet.
    pub(crate) fn is_pending(&self) -> bool {
        self.streams.iter().any(|stream| stream.pending() > 0 || stream.full)
    }
}

fn pipe() -> Result<(OwnedFd, OwnedFd), SandboxError> {
    let (outer, inner) = pipe_with(PipeFlags::CLOEXEC).map_err(setup("pipe"))?;
    // A user with many pipes may not have large ones; the pipe then keeps its size.
    let _ = fcntl_setpipe_size(&outer, BUFFER);
    Ok((outer, inner))
}

fn copy(fd: BorrowedFd<'_>) -> Result<OwnedFd, SandboxError> {
    fd.try_clone_to_owned().map_err(setup("standard streams"))
}

/// Writes as many bytes as there is room for, without waiting, if `fd` is ready. Others may have it open too, so it
/// can't be set not to wait. A pipe accepts that flag for one write, and other files accept this many bytes whenever
/// they accept any.
fn write_at_once(fd: &OwnedFd, bytes: &[u8]) -> rustix::io::Result<usize> {
    const WHERE_IT_IS: u64 = u64::MAX;
    match pwritev2(fd, &[IoSlice::new(bytes)], WHERE_IT_IS, ReadWriteFlags::NOWAIT) {
        Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => {
            rustix::io::write(fd, &bytes[..bytes.len().min(PIPE_BUF)])
        }
        written => written,
    }
}

fn same_file(a: BorrowedFd<'_>, b: BorrowedFd<'_>) -> bool {
    match (rustix::fs::fstat(a), rustix::fs::fstat(b)) {
        (Ok(a), Ok(b)) => (a.st_dev, a.st_ino) == (b.st_dev, b.st_ino),
        _ => false,
    }
}

impl Sink {
    fn ours(fd: OwnedFd, copied: Option<Channel>) -> io::Result<Self> {
        let stat = rustix::fs::fstat(&fd)?;
        // Others may have it open too, so it can't be set not to wait.
        let at_once = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => usize::MAX,
            _ => PIPE_BUF,
        };
        Ok(Self::Ours { fd, at_once, copied })
    }
}

impl Stream {
    fn pending(&self) -> usize {
        self.buffer.len() - self.passed
    }

    fn waits_for(&self) -> PollFd<'_> {
        match &self.sink {
            Sink::Command(fd) | Sink::Ours { fd, .. } if self.pending() > 0 => {
                PollFd::new(fd, PollFlags::OUT)
            }
            Sink::Spliced(fd) if self.full => PollFd::new(fd, PollFlags::OUT),
            _ => PollFd::new(&self.source, PollFlags::IN),
        }
    }

    /// Passes on some bytes. Returns `false` if the stream has ended.
    fn pass(&mut self, output: &mut Output) -> io::Result<bool> {
        if let Some(more) = self.splice()? {
            return Ok(more);
        }
        if self.pending() > 0 {
            return self.write();
        }
        self.buffer.clear();
        self.passed = 0;
        match rustix::io::read(&self.source, spare_capacity(&mut self.buffer)) {
            // EIO: the last process with the terminal open has closed it, or we may not read ours now.
            Ok(0) | Err(Errno::IO) => return Ok(false),
            Ok(_) => {}
            Err(Errno::INTR | Errno::AGAIN) => return Ok(true),
            Err(errno) => return Err(errno.into()),
        }
        if let Sink::Ours { copied: Some(channel), .. } = &self.sink {
            output(*channel, &self.buffer)?;
        }
        match &self.sink {
            Sink::Callback(channel) => {
                output(*channel, &self.buffer)?;
                self.passed = self.buffer.len();
                Ok(true)
            }
            Sink::Ours { at_once: PIPE_BUF, .. } => Ok(true),
            _ => self.write(),
        }
    }

    /// The same by the kernel alone; `None` if it can't.
    fn splice(&mut self) -> io::Result<Option<bool>> {
        let Sink::Spliced(fd) = &self.sink else { return Ok(None) };
        match splice(&self.source, None, fd, None, BUFFER, SpliceFlags::NONBLOCK) {
            Ok(0) | Err(Errno::PIPE) => return Ok(Some(false)),
            Ok(_) => self.full = false,
            // There were no bytes, or no room, so the other side must be waited for.
            Err(Errno::AGAIN) => self.full = !self.full,
            Err(Errno::INTR) => {}
            // A terminal, or a file that is appended to.
            Err(Errno::INVAL) => {
                let fd = fd.try_clone()?;
                (self.sink, self.full) = (Sink::ours(fd, None)?, false);
                return Ok(None);
            }
            Err(errno) => return Err(errno.into()),
        }
        Ok(Some(true))
    }

    fn write(&mut self) -> io::Result<bool> {
        let (fd, at_once) = match &self.sink {
            Sink::Callback(_) | Sink::Spliced(_) => return Ok(true),
            Sink::Command(fd) => (fd, usize::MAX),
            Sink::Ours { fd, at_once, .. } => (fd, *at_once),
        };
        let rest = &self.buffer[self.passed..];
        let written = match at_once {
            PIPE_BUF => write_at_once(fd, rest),
            _ => rustix::io::write(fd, rest),
        };
        match (written, &self.sink) {
            (Ok(n), _) => self.passed += n,
            (Err(Errno::INTR | Errno::AGAIN), _) => {}
            // Nobody reads it any more. The command notices when it reads or writes itself.
            (Err(Errno::PIPE), _) | (Err(Errno::IO), Sink::Command(_)) => return Ok(false),
            (Err(errno), _) => return Err(errno.into()),
        }
        Ok(true)
    }
}
