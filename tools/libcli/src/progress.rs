//! Writes the stream of build-progress(5) for the view of a build. Nothing that a tool makes depends on whether it is
//! read.

use libwire::Progress;
use libwire::progress::Level;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, Mode, OFlags, fstat, open, stat};
use rustix::io::Errno;
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use std::fs::File;
use std::io::{IsTerminal, stderr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The variable that has the number of the stream's descriptor.
const STREAM: &str = "STAGEPIPE_PROGRESS";
/// The longest wait for a slow reader.
const PATIENCE: Duration = Duration::from_secs(2);
/// The longest wait until the view leaves the terminal to a tool.
const HANDOVER: Duration = Duration::from_secs(5);

/// Writes a record. Returns `false` if nobody reads the stream.
pub fn tell(record: &Progress) -> bool {
    stream().is_some_and(|stream| record.lines().iter().all(|line| stream.write(line.as_bytes())))
}

/// Whether somebody reads the stream.
pub fn is_watched() -> bool {
    stream().is_some_and(|stream| !stream.lost.load(Ordering::Relaxed))
}

/// Writes a message as a record. Returns `false` if messages go to standard error.
pub(crate) fn message(level: Level, text: &str) -> bool {
    stream().is_some_and(|stream| stream.has_messages)
        && tell(&Progress::Message { level, text: text.to_owned() })
}

/// The terminal, as long as it is the caller's.
pub struct TakenTerminal(Option<File>);

/// Takes the terminal from the view of the build, until the value is dropped.
pub fn take_terminal() -> TakenTerminal {
    if !tell(&Progress::Terminal { taken: true }) {
        return TakenTerminal(None);
    }
    // The view holds a lock on the stream while it has the terminal.
    let file = stream().and_then(|stream| stream.fd.try_clone().ok()).map(File::from);
    let until = Instant::now() + HANDOVER;
    while file.as_ref().is_some_and(|file| file.try_lock().is_err()) && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
    }
    TakenTerminal(file)
}

impl Drop for TakenTerminal {
    fn drop(&mut self) {
        if let Some(file) = self.0.take() {
            let _ = file.unlock();
            tell(&Progress::Terminal { taken: false });
        }
    }
}

/// This process's stream: there is one, as there is one standard error.
fn stream() -> Option<&'static Stream> {
    static THE_ONE: OnceLock<Option<Stream>> = OnceLock::new();
    THE_ONE.get_or_init(|| Stream::open(std::env::var(STREAM).ok()?.parse().ok()?)).as_ref()
}

struct Stream {
    fd: OwnedFd,
    /// Whether messages go there, because standard error is the same file, or a terminal on which the view draws.
    has_messages: bool,
    /// Nobody reads it any more.
    lost: AtomicBool,
    /// Whether the last record was dropped; the next one then does not wait.
    stalled: AtomicBool,
}

impl Stream {
    fn open(number: i32) -> Option<Self> {
        let path = format!("/proc/self/fd/{number}");
        let own = stat(&path).ok()?;
        let fd = match FileType::from_raw_mode(own.st_mode) {
            // It is opened anew: a flag not to wait would hold for all other users of the descriptor.
            FileType::Fifo => {
                open(&path, OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty()).ok()?
            }
            // A file is shared, because all tools write where the last one ended.
            _ => duplicate(number)?,
        };
        let error = stderr();
        let same = fstat(&error).is_ok_and(|stat| (stat.st_dev, stat.st_ino) == (own.st_dev, own.st_ino));
        let has_messages = same || error.is_terminal();
        Some(Self { fd, has_messages, lost: AtomicBool::new(false), stalled: AtomicBool::new(false) })
    }

    /// Writes a line at once, or drops it. Returns `false` if nobody reads.
    fn write(&self, line: &[u8]) -> bool {
        if self.lost.load(Ordering::Relaxed) {
            return false;
        }
        let until = Instant::now() + PATIENCE;
        loop {
            match rustix::io::write(&self.fd, line) {
                Ok(_) => {
                    self.stalled.store(false, Ordering::Relaxed);
                    return true;
                }
                Err(Errno::AGAIN) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if self.stalled.load(Ordering::Relaxed) || !wait(self.fd.as_fd(), left) {
                        self.stalled.store(true, Ordering::Relaxed);
                        return true;
                    }
                }
                Err(Errno::INTR) => {}
                Err(_) => {
                    self.lost.store(true, Ordering::Relaxed);
                    return false;
                }
            }
        }
    }
}

/// Another descriptor for an open descriptor of this process.
fn duplicate(number: i32) -> Option<OwnedFd> {
    let own = pidfd_open(getpid(), PidfdFlags::empty()).ok()?;
    pidfd_getfd(own, number, PidfdGetfdFlags::empty()).ok()
}

/// Waits until there is room for a line. Returns `false` if there was none in that time.
fn wait(fd: BorrowedFd<'_>, time: Duration) -> bool {
    let timeout = Timespec { tv_sec: time.as_secs() as i64, tv_nsec: time.subsec_nanos().into() };
    let mut fds = [PollFd::from_borrowed_fd(fd, PollFlags::OUT)];
    match poll(&mut fds, Some(&timeout)) {
        Ok(ready) => ready > 0,
        Err(errno) => errno == Errno::INTR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::fd::AsRawFd;

    fn stream() -> (std::io::PipeReader, Stream) {
        let (reader, writer) = std::io::pipe().unwrap();
        let stream = Stream::open(writer.as_raw_fd()).unwrap();
        (reader, stream)
    }

    #[test]
    fn a_line_arrives_whole_and_a_reader_that_has_gone_is_nobody() {
        let (mut reader, stream) = stream();
        assert!(stream.write(b"{}\n"));
        let mut read = [0; 3];
        reader.read_exact(&mut read).unwrap();
        assert_eq!(&read, b"{}\n");
        drop(reader);
        assert!(!stream.write(b"{}\n") && !stream.write(b"{}\n"));
    }

    #[test]
    fn a_reader_that_does_not_read_costs_records_and_is_waited_for_once() {
        let (mut reader, stream) = stream();
        let line = [b'x'; 4096];
        let begun = Instant::now();
        (0..100).for_each(|_| assert!(stream.write(&line)));
        assert!(begun.elapsed() >= PATIENCE && begun.elapsed() < 2 * PATIENCE);
        let mut read = vec![0; 8192];
        reader.read_exact(&mut read).unwrap();
        assert!(stream.write(&line) && !stream.stalled.load(Ordering::Relaxed));
    }

    #[test]
    fn in_a_file_all_write_after_each_other() {
        let dir = std::env::temp_dir().join(format!("stagepipe-progress-{}", std::process::id()));
        let mut file = File::create_new(&dir).unwrap();
        let streams = [1, 2].map(|_| Stream::open(file.as_raw_fd()).unwrap());
        streams.iter().for_each(|stream| assert!(stream.write(b"{}\n")));
        file.write_all(b"end\n").unwrap();
        let text = std::fs::read_to_string(&dir);
        std::fs::remove_file(&dir).unwrap();
        assert_eq!(text.unwrap(), "{}\n{}\nend\n");
    }

    #[test]
    fn a_number_that_is_no_descriptor_is_no_stream() {
        assert!(Stream::open(1_000_000).is_none());
    }
}
