//! Runs the tool from a read-only view of its own directory, or from a sealed copy, so that a command that reaches
//! `/proc/self/exe` of the outer process can't overwrite the tool (CVE-2019-5736).

use crate::{SandboxError, overlay, setup};
use rustix::fs::{
    AtFlags, CWD, MemfdFlags, Mode, OFlags, SealFlags, Statx, StatxFlags, fcntl_add_seals, memfd_create,
    openat, statx,
};
use rustix::io::Errno;
use std::ffi::{CString, OsString};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;

const MARK: &str = "STAGEPIPE_SEALED";
/// The tries, and the waits between them, for pages in use.
const BUSY_TRIES: u32 = 100;
const BUSY_PAUSE: Duration = Duration::from_millis(20);

/// In root mode, replaces this process once by one whose file can't be written through `/proc`; otherwise does nothing.
/// `arguments` are the process's own, `environment` likewise: they are passed on unchanged but for a mark, which names
/// the directory of this one.
pub fn seal(
    arguments: impl Iterator<Item = OsString>,
    environment: impl Iterator<Item = (OsString, OsString)>,
) -> Result<(), SandboxError> {
    let environment: Vec<_> = environment.collect();
    if !nix::unistd::geteuid().is_root() || environment.iter().any(|(key, _)| key == MARK) {
        return Ok(());
    }
    // The new process has no path that shows its directory.
    let directory = own_directory().map_or("/".into(), PathBuf::into_os_string);
    let words = c_strings(arguments)?;
    let marked = environment.into_iter().chain([(MARK.into(), directory)]);
    let pairs = c_strings(marked.map(|(key, value)| {
        let mut pair = key;
        pair.push("=");
        pair.push(value);
        pair
    }))?;
    let execute = |program: &OwnedFd| {
        let Err(errno) =
            nix::unistd::execveat(program, c"", &words, &pairs, nix::fcntl::AtFlags::AT_EMPTY_PATH);
        errno
    };
    // A copy of megabytes costs more than a whole cached build. It is only made if there can be no such view (before
    // Linux 6.13, or on a file system that overlayfs does not accept).
    if let Ok(program) = read_only() {
        execute(&program);
    }
    Err(setup("sealed copy")(execute(&copy()?)))
}

/// The directory of this program's file, even after the process was replaced by one without a path.
pub fn own_directory() -> Option<PathBuf> {
    let marked = std::env::var_os(MARK).map(PathBuf::from).filter(|path| path.is_absolute());
    marked.or_else(|| Some(std::env::current_exe().ok()?.parent()?.to_owned()))
}

/// This program's file in a file system that is read-only itself: an overlay of its directory and an empty one, mounted
/// nowhere. A read-only mount is not enough: a process that has it open and makes a user namespace may make a detached
/// mount writable again.
fn read_only() -> Result<OwnedFd, SandboxError> {
    let own = std::fs::read_link("/proc/self/exe").map_err(setup("/proc/self/exe"))?;
    let (Some(dir), Some(name)) = (own.parent(), own.file_name()) else {
        return Err(SandboxError::Setup("this program has no directory".into()));
    };
    let view = overlay::mount_read_only(dir)?;
    let program = openat(&view, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty());
    let program = program.map_err(setup("this program"))?;
    // Another file may have been installed in its place meanwhile, or a mount may hide it.
    let same = |a: Statx, b: Statx| {
        (a.stx_ino, a.stx_size, a.stx_mtime.tv_sec) == (b.stx_ino, b.stx_size, b.stx_mtime.tv_sec)
    };
    let now = statx(CWD, "/proc/self/exe", AtFlags::empty(), StatxFlags::BASIC_STATS);
    let there = statx(&program, "", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS);
    match (now, there) {
        (Ok(now), Ok(there)) if same(now, there) => Ok(program),
        _ => Err(SandboxError::Setup("another program is in this one's place".into())),
    }
}

/// A copy of this program's file that nobody can change.
fn copy() -> Result<OwnedFd, SandboxError> {
    let mut own = File::open("/proc/self/exe").map_err(setup("/proc/self/exe"))?;
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let mut copy = File::from(memfd_create("sealed", flags).map_err(setup("memfd"))?);
    std::io::copy(&mut own, &mut copy).map_err(setup("memfd"))?;
    let seals = SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE;
    add_seals(&copy, seals).map_err(setup("memfd seals"))?;
    Ok(copy.into())
}

/// On a busy machine the kernel may still hold the new pages for a moment, and returns EBUSY.
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
