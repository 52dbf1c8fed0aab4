//! The system calls that neither nix nor rustix wraps, and the only unsafe code besides the creation of processes.
#![allow(unsafe_code)]

use nix::libc;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

/// Attribute bits of mount_setattr(2).
pub(crate) const ATTR_RDONLY: u64 = 1;
pub(crate) const ATTR_NOSUID: u64 = 2;
pub(crate) const ATTR_NODEV: u64 = 4;
pub(crate) const ATTR_NOEXEC: u64 = 8;

/// Sets attributes of a mount, or of a whole mount tree.
pub(crate) fn set_mount_attributes(mount: impl AsFd, set: u64, recursive: bool) -> io::Result<()> {
    change_mount_attributes(mount, set, 0, recursive)
}

/// Sets and clears attributes (mount_setattr(2)).
pub(crate) fn change_mount_attributes(
    mount: impl AsFd,
    set: u64,
    clear: u64,
    recursive: bool,
) -> io::Result<()> {
    #[repr(C)]
    struct MountAttr {
        set: u64,
        clear: u64,
        propagation: u64,
        userns_fd: u64,
    }
    let attr = MountAttr { set, clear, propagation: 0, userns_fd: 0 };
    let flags = libc::AT_EMPTY_PATH | if recursive { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: the path is an empty C string, `attr` is a valid mount_attr of the size given, and both
    // outlive the call.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_fd().as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const attr,
            size_of::<MountAttr>(),
        )
    };
    if done == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Marks every file descriptor from `first` on close-on-exec.
pub(crate) fn cloexec_from(first: u32) -> io::Result<()> {
    // SAFETY: only a flag of each descriptor changes.
    let done = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    if done == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Makes the kernel send SIGTERM to this process when the last writer of the pipe of `reader` is gone.
pub(crate) fn signal_on_hangup(reader: impl AsFd) -> io::Result<()> {
    const F_SETSIG: libc::c_int = 10; // what libc lacks on some architectures
    let fd = reader.as_fd().as_raw_fd();
    let settings = [
        (libc::F_SETOWN, nix::unistd::getpid().as_raw()),
        (F_SETSIG, libc::SIGTERM),
        (libc::F_SETFL, libc::O_NONBLOCK | libc::O_ASYNC),
    ];
    for (command, value) in settings {
        // SAFETY: these commands of fcntl(2) take an integer, and change only what is said of an open file.
        if unsafe { libc::fcntl(fd, command, value) } == -1 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Sets every signal to its default action: SIGPIPE is ignored in a Rust process.
pub(crate) fn default_signals() {
    for signal in nix::sys::signal::Signal::iterator() {
        // SAFETY: SIG_DFL runs no code of ours.
        let _ = unsafe { nix::sys::signal::signal(signal, nix::sys::signal::SigHandler::SigDfl) };
    }
}

/// Sends a signal by its number, because neither nix nor rustix knows the real-time ones. A process that is gone is no
/// error.
pub(crate) fn send_signal(pid: nix::unistd::Pid, number: libc::c_int) {
    // SAFETY: kill(2) takes integers, and answers those that are no signal's with an error.
    let _ = unsafe { libc::kill(pid.as_raw(), number) };
}

/// Brings the loopback interface of a new network namespace up.
pub(crate) fn loopback_up() -> io::Result<()> {
    let socket = rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::DGRAM, None)?;
    // SAFETY: all-zero bytes are a valid ifreq.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    request.ifr_name[0] = b'l' as libc::c_char;
    request.ifr_name[1] = b'o' as libc::c_char;
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    // SAFETY: SIOCSIFFLAGS reads an ifreq, which `request` is.
    let done = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) };
    if done == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Replaces the caller's session keyring by a new one, so that no key of the host can be reached.
pub(crate) fn new_keyring() {
    const KEYCTL_JOIN_SESSION_KEYRING: libc::c_int = 1;
    // SAFETY: a null name asks for an anonymous keyring. A kernel without keys answers ENOSYS: nothing to leave.
    let _ = unsafe { libc::syscall(libc::SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, std::ptr::null::<u8>()) };
}

/// Makes the kernel run `program` on each system call of this process and its children (seccomp(2)).
pub(crate) fn set_filter(program: &[libc::sock_filter]) -> io::Result<()> {
    let len = program.len().try_into().map_err(io::Error::other)?;
    let program = libc::sock_fprog { len, filter: program.as_ptr().cast_mut() };
    // Without the flag, older kernels slow the command down against attacks that a filter does not invite.
    let flags = libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    // SAFETY: the kernel copies the `len` instructions at `filter`, which outlive the call, and writes nothing.
    let done =
        unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program) };
    if done == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Keeps this process and its children from abstract unix sockets of others (landlock(7)). These are in no file system,
/// so all processes of a network can reach them. Kernels before 6.12 can't restrict them.
pub(crate) fn leave_abstract_sockets() {
    /// The argument of landlock_create_ruleset(2): no rule on files or ports, only scopes.
    #[repr(C)]
    struct Ruleset {
        files: u64,
        network: u64,
        scoped: u64,
    }
    const ABSTRACT_UNIX_SOCKET: u64 = 1;
    let ruleset = Ruleset { files: 0, network: 0, scoped: ABSTRACT_UNIX_SOCKET };
    let size = size_of::<Ruleset>();
    // SAFETY: the kernel reads `size` bytes of `ruleset`, which outlives the call, and gives a new descriptor.
    let fd = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, &raw const ruleset, size, 0) };
    let Ok(fd @ 0..) = i32::try_from(fd) else { return };
    // SAFETY: the descriptor is new, and nobody else's.
    let ruleset = unsafe { OwnedFd::from_raw_fd(fd) };
    // SAFETY: it takes a descriptor and flags, and restricts only what this process may do.
    let _ = unsafe { libc::syscall(libc::SYS_landlock_restrict_self, ruleset.as_raw_fd(), 0) };
}

/// Overwrites a part of the memory in which the kernel has put this process's arguments and environment: the first
/// bytes with `text`, the rest with zeros.
pub(crate) fn overwrite_start(area: std::ops::Range<usize>, text: &[u8]) {
    for (at, address) in area.enumerate() {
        let byte = std::ptr::with_exposed_provenance_mut::<u8>(address);
        // SAFETY: the addresses are the kernel's own word on where it put these strings, in memory that stays
        // mapped and may be written. Nothing in Rust refers to them: `std::env` copies what it reads.
        unsafe { byte.write_volatile(text.get(at).copied().unwrap_or(0)) };
    }
}
