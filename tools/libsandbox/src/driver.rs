//! Ends a tool with the driver that started it as one of several.

use crate::sys;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::ffi::OsString;
use std::io;

/// The variable with the path of a FIFO that the driver holds open for writing as long as it lives.
const DRIVER: &str = "STAGEPIPE_DRIVER";

fn path() -> Option<OsString> {
    std::env::var_os(DRIVER).filter(|path| !path.is_empty())
}

/// Whether this process was started as one of several.
pub fn has_driver() -> bool {
    path().is_some()
}

/// Makes SIGTERM end this process as soon as its driver is gone, however that ended. Without a driver it does nothing.
///
/// The death of the parent is not enough, because between driver and tool there are shells, which go on. The kernel
/// sends a signal when a FIFO has lost its last writer, so that no thread has to watch it.
pub fn end_with_driver() -> io::Result<()> {
    let Some(path) = path() else { return Ok(()) };
    let gone = || io::Error::other("the driver that started this is gone");
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fifo = rustix::fs::open(path, flags, Mode::empty()).map_err(|_| gone())?;
    sys::signal_on_hangup(&fifo)?;
    match rustix::io::read(&fifo, &mut [0]) {
        Err(Errno::AGAIN) => {}
        _ => return Err(gone()),
    }
    // The signal only comes as long as it is open.
    std::mem::forget(fifo);
    Ok(())
}
