//! A socket for RUN, behind which the caller's ssh agent lists its keys and signs with them.
//!
//! Whatever else is asked for, to add, remove or lock keys, or an extension, is refused here and never reaches the agent.
//! The messages are those of draft-ietf-sshm-ssh-agent: a length of four bytes, a type of one, and what belongs to it.

use nix::sys::signal::SigSet;
use rustix::fs::{AtFlags, Mode, OFlags, chmodat};
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

/// Types of messages.
const FAILURE: u8 = 5;
const REQUEST_IDENTITIES: u8 = 11;
const SIGN_REQUEST: u8 = 13;

/// The longest message, which is OpenSSH's limit too.
const LONGEST: usize = 256 << 10;
/// How many connections a RUN may have at once.
const CONNECTIONS: usize = 64;

/// The socket. It answers until this is dropped.
#[derive(Debug)]
pub struct Agent {
    place: Place,
    ending: Arc<AtomicBool>,
    server: Option<JoinHandle<()>>,
}

impl Agent {
    /// The socket's name in its directory.
    pub const NAME: &str = "agent";

    /// Opens a socket in `dir`, with a mode, for the caller's agent at `socket`, which has to answer.
    pub fn open(dir: OwnedFd, mode: u32, socket: &Path) -> io::Result<Self> {
        let name = socket.file_name().unwrap_or_default().to_owned();
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let parent = socket.parent().unwrap_or(Path::new("/"));
        let caller = Place { dir: rustix::fs::open(parent, flags, Mode::empty())?, name: name.into() };
        UnixStream::connect(caller.path())?;
        let place = Place { dir, name: Self::NAME.into() };
        let listener = UnixListener::bind(place.path())?;
        chmodat(&place.dir, Self::NAME, Mode::from_raw_mode(mode), AtFlags::empty())?;
        let ending = Arc::new(AtomicBool::new(false));
        let (ready, is_ready) = mpsc::channel();
        let server = {
            let ending = Arc::clone(&ending);
            thread::spawn(move || {
                // Signals are for the thread that waits for the command.
                let _ = SigSet::all().thread_block();
                let _ = ready.send(());
                serve(&listener, &caller, &ending);
            })
        };
        let _ = is_ready.recv();
        Ok(Self { place, ending, server: Some(server) })
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Relaxed);
        // It waits for a connection. A command may have removed the socket, and then nobody wakes it.
        if UnixStream::connect(self.place.path()).is_ok()
            && let Some(server) = self.server.take()
        {
            let _ = server.join();
        }
    }
}

/// A socket's place. The name of a socket that is opened is short, a path may be long.
#[derive(Debug)]
struct Place {
    dir: OwnedFd,
    name: PathBuf,
}

impl Place {
    fn path(&self) -> PathBuf {
        Path::new("/proc/self/fd").join(self.dir.as_raw_fd().to_string()).join(&self.name)
    }
}

fn serve(listener: &UnixListener, caller: &Place, ending: &AtomicBool) {
    let open = Arc::new(AtomicUsize::new(0));
    for connection in listener.incoming() {
        if ending.load(Ordering::Relaxed) {
            return;
        }
        let Ok(command) = connection else { continue };
        if open.load(Ordering::Relaxed) >= CONNECTIONS {
            continue; // it is closed
        }
        let Ok(agent) = UnixStream::connect(caller.path()) else { continue };
        open.fetch_add(1, Ordering::Relaxed);
        let open = Arc::clone(&open);
        thread::spawn(move || {
            // An end is all that the command learns of an error.
            let _ = relay(&command, &agent);
            open.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

/// Answers the requests of a connection until it ends.
fn relay(mut command: impl Read + Write, mut agent: impl Read + Write) -> io::Result<()> {
    while let Some(request) = message(&mut command)? {
        let answer = match request.first() {
            Some(&(REQUEST_IDENTITIES | SIGN_REQUEST)) => {
                send(&mut agent, &request)?;
                message(&mut agent)?.ok_or(io::ErrorKind::UnexpectedEof)?
            }
            _ => vec![FAILURE],
        };
        send(&mut command, &answer)?;
    }
    Ok(())
}

/// The next message without its length; `None` at the end.
fn message(from: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let length = u32::from_be_bytes(length) as usize;
    if length > LONGEST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut text = vec![0; length];
    from.read_exact(&mut text)?;
    Ok(Some(text))
}

fn send(to: &mut impl Write, text: &[u8]) -> io::Result<()> {
    let length = u32::try_from(text.len()).map_err(io::Error::other)?;
    to.write_all(&[&length.to_be_bytes(), text].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes of `requests` that reach an agent, and the answers that the command gets. The agent answers each
    /// request with its type and 1.
    fn passed(requests: &[&[u8]]) -> (Vec<u8>, Vec<Vec<u8>>) {
        let ((command, inner), (outer, agent)) = (UnixStream::pair().unwrap(), UnixStream::pair().unwrap());
        let answering = thread::spawn(move || {
            let mut got = Vec::new();
            while let Some(request) = message(&mut &agent).unwrap() {
                got.push(request[0]);
                send(&mut &agent, &[request[0], 1]).unwrap();
            }
            got
        });
        let relaying = thread::spawn(move || drop(relay(&inner, &outer)));
        // The other side may have ended the connection.
        let _ = requests.iter().try_for_each(|request| send(&mut &command, request));
        let _ = command.shutdown(std::net::Shutdown::Write);
        let answers = std::iter::from_fn(|| message(&mut &command).ok().flatten()).collect();
        relaying.join().unwrap();
        (answering.join().unwrap(), answers)
    }

    #[test]
    fn only_listing_and_signing_reach_the_agent() {
        let requests: Vec<Vec<u8>> = (0..=255).map(|kind| vec![kind, 9, 9]).collect();
        let requests: Vec<&[u8]> = requests.iter().map(Vec::as_slice).collect();
        let (got, answers) = passed(&requests);
        assert_eq!(got, [REQUEST_IDENTITIES, SIGN_REQUEST]);
        assert_eq!(answers.len(), 256);
        let refused = answers.iter().filter(|answer| **answer == [FAILURE]).count();
        assert_eq!((refused, &answers[11], &answers[13]), (254, &vec![11, 1], &vec![13, 1]));
        assert_eq!(passed(&[&[]]), (vec![], vec![vec![FAILURE]]), "an empty message");
    }

    #[test]
    fn a_message_that_is_too_long_ends_the_connection() {
        let long = vec![REQUEST_IDENTITIES; LONGEST + 1];
        assert_eq!(passed(&[&long, &[REQUEST_IDENTITIES]]), (vec![], vec![]));
        assert_eq!(passed(&[&long[1..]]).0, [REQUEST_IDENTITIES]);
    }
}
