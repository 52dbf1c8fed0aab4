//! Forks this process: plain children, and pid 1 of a sandbox.
#![allow(unsafe_code)]

use nix::libc;
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::time::Duration;

/// The side of a fork.
pub(crate) enum Side {
    Parent(Pid),
    Child,
}

/// fork(2) by the C library, which frees its own locks in the child, even those that another thread of this process
/// holds.
pub(crate) fn fork() -> io::Result<Side> {
    // SAFETY: the child allocates, which the C library provides for. It takes no lock of std's that another thread
    // may hold: a sandbox prints nothing through std's streams and reads no variables, and the one who writes id
    // maps is forked while the process has one thread.
    match unsafe { nix::unistd::fork() }? {
        ForkResult::Parent { child } => Ok(Side::Parent(child)),
        ForkResult::Child => Ok(Side::Child),
    }
}

/// A child in new namespaces.
///
/// The C library has no call for this, and a bare clone(2) copies its locks as they are. A lock that another thread
/// holds, even one that is ending, would never be free in the child. So this is only for a process with one thread.
pub(crate) fn fork_into(namespaces: libc::c_int, patience: Duration) -> io::Result<Side> {
    match is_alone() {
        true => clone(namespaces),
        false => fork_between(namespaces, patience),
    }
}

/// Whether this is the only thread of this process, by the kernel's count: a directory has two links of its own, and
/// one for each directory in it. A thread is counted until it no longer runs our code.
fn is_alone() -> bool {
    rustix::fs::stat("/proc/self/task").is_ok_and(|task| task.st_nlink == 3)
}

/// A child in new namespaces by way of a plain child. That has no other thread, and CLONE_PARENT makes its clone a
/// child of this process. If the plain child takes longer than `patience`, the error is [`io::ErrorKind::TimedOut`].
fn fork_between(namespaces: libc::c_int, patience: Duration) -> io::Result<Side> {
    let (answer, say) = pipe_with(PipeFlags::CLOEXEC)?;
    match fork()? {
        Side::Parent(between) => {
            drop(say);
            let pid = hear(answer, patience);
            if pid.is_err() {
                let _ = nix::sys::signal::kill(between, nix::sys::signal::Signal::SIGKILL);
            }
            waitpid(between, None)?;
            pid.map(Side::Parent)
        }
        Side::Child => {
            let answer = match clone(namespaces | libc::CLONE_PARENT) {
                Ok(Side::Child) => return Ok(Side::Child),
                Ok(Side::Parent(pid)) => pid.as_raw(),
                Err(error) => -error.raw_os_error().unwrap_or(libc::EIO),
            };
            let _ = File::from(say).write_all(&answer.to_ne_bytes());
            exit_now(0)
        }
    }
}

/// The pid, or the negated error, from the plain child.
fn hear(answer: OwnedFd, patience: Duration) -> io::Result<Pid> {
    let timeout = Timespec::try_from(patience).map_err(io::Error::other)?;
    loop {
        match poll(&mut [PollFd::new(&answer, PollFlags::IN)], Some(&timeout)) {
            Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
            Ok(_) => break,
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    let mut bytes = [0; size_of::<i32>()];
    File::from(answer).read_exact(&mut bytes)?;
    match i32::from_ne_bytes(bytes) {
        pid @ 1.. => Ok(Pid::from_raw(pid)),
        errno => Err(io::Error::from_raw_os_error(-errno)),
    }
}

/// clone(2) with new namespaces, otherwise like fork(2). It is only for a process with one thread.
fn clone(flags: libc::c_int) -> io::Result<Side> {
    let flags = libc::c_long::from(flags | libc::SIGCHLD);
    // SAFETY: with no stack and no CLONE_VM this is fork(2): the child gets a copy of this process, in which no
    // other thread holds a lock, since there is none.
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) };
    match pid {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Side::Child),
        pid => Ok(Side::Parent(Pid::from_raw(pid as i32))),
    }
}

/// Ends the process at once: no destructors, no buffers of the parent written twice.
pub(crate) fn exit_now(status: i32) -> ! {
    // SAFETY: _exit(2) has no preconditions.
    unsafe { libc::_exit(status) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    /// With the bare clone(2) most of these children never get to their first allocation.
    #[test]
    fn a_child_allocates_whatever_other_threads_do() {
        let over = AtomicBool::new(false);
        let allocated = std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !over.load(Ordering::Relaxed) {
                        drop(std::hint::black_box(vec![0_u8; 100_000]));
                        // SAFETY: it takes malloc's locks, all of them, and has no preconditions.
                        unsafe { libc::malloc_trim(0) };
                    }
                });
            }
            let allocated = (0..100).all(|_| allocates_in_child());
            over.store(true, Ordering::Relaxed);
            allocated
        });
        assert!(allocated, "a child hangs");
    }

    #[test]
    fn a_process_is_alone_as_long_as_it_has_no_thread() {
        // This one has the test runner's.
        assert!(!is_alone());
        let Side::Parent(pid) = fork().unwrap() else {
            let before = is_alone();
            let (go, wait) = std::sync::mpsc::channel::<()>();
            let thread = std::thread::spawn(move || wait.recv());
            let meanwhile = is_alone();
            drop(go);
            let _ = thread.join();
            exit_now(i32::from((before, meanwhile) != (true, false)))
        };
        assert_eq!(waitpid(pid, None).unwrap(), nix::sys::wait::WaitStatus::Exited(pid, 0));
    }

    fn allocates_in_child() -> bool {
        match fork_into(0, Duration::from_secs(10)).unwrap() {
            Side::Child => {
                drop(std::hint::black_box(vec![1_u8; 200_000]));
                // SAFETY: as above.
                unsafe { libc::malloc_trim(0) };
                exit_now(0)
            }
            Side::Parent(pid) => {
                let end = std::time::Instant::now() + Duration::from_secs(5);
                let flags = Some(nix::sys::wait::WaitPidFlag::WNOHANG);
                while waitpid(pid, flags).unwrap() == nix::sys::wait::WaitStatus::StillAlive {
                    if std::time::Instant::now() > end {
                        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
                        waitpid(pid, None).unwrap();
                        return false;
                    }
                    std::thread::sleep(Duration::from_micros(200));
                }
                true
            }
        }
    }
}
