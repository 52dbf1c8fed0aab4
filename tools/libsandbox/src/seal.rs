//! Runs the tool from a sealed copy of itself, so that a command which reaches `/proc/self/exe` of the
//! outer process finds nothing it could overwrite (CVE-2019-5736).

use crate::{SandboxError, setup};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::io::Errno;
use std::ffi::{CString, OsString};
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

const MARK: &str = "STAGEPIPE_SEALED";
/// How often and how long to wait for pages in use.
const BUSY_TRIES: u32 = 100;
const BUSY_PAUSE: Duration = Duration::from_millis(20);

/// In root mode, replaces this process by the sealed copy, once; otherwise does nothing. `arguments` are
/// the process's own, `environment` likewise: they are passed on unchanged but for a mark.
pub fn seal(
    arguments: impl Iterator<Item = OsString>,
    environment: impl Iterator<Item = (OsString, OsString)>,
) -> Result<(), SandboxError> {
    let environment: Vec<_> = environment.collect();
    if !nix::unistd::geteuid().is_root() || environment.iter().any(|(key, _)| key == MARK) {
        return Ok(());
    }
    let mut own = File::open("/proc/self/exe").map_err(setup("/proc/self/exe"))?;
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let mut copy = File::from(memfd_create("sealed", flags).map_err(setup("memfd"))?);
    std::io::copy(&mut own, &mut copy).map_err(setup("memfd"))?;
    let seals = SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE;
    add_seals(&copy, seals).map_err(setup("memfd seals"))?;
    let words = c_strings(arguments)?;
    let marked = environment.into_iter().chain([(MARK.into(), "1".into())]);
    let pairs = c_strings(marked.map(|(key, value)| {
        let mut pair = key;
        pair.push("=");
        pair.push(value);
        pair
    }))?;
    let path = CString::new(format!("/proc/self/fd/{}", copy.as_raw_fd())).map_err(setup("memfd"))?;
    match nix::unistd::execve(&path, &words, &pairs) {
        Ok(never) => match never {},
        Err(errno) => Err(setup("sealed copy")(errno)),
    }
}

/// On a busy machine the kernel may still hold the pages just written, for a moment, and says EBUSY.
fn add_seals(file: &File, seals: SealFlags) -> Result<(), Errno> {
    for _ in 0..BUSY_TRIES {
        match fcntl_add_seals(file, seals) {
            Err(Errno::BUSY) => std::thread::sleep(BUSY_PAUSE),
            other => return other,
        }
    }
    fcntl_add_seals(file, seals)
}

fn c_strings(words: impl Iterator<Item = OsString>) -> Result<Vec<CString>, SandboxError> {
    words.map(|word| CString::new(word.as_bytes()).map_err(setup("an argument"))).collect()
}
