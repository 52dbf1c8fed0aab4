//! Makes the parts of the root that are the kernel's: /dev, /proc and /sys, with their masked and read-only paths. It
//! uses nothing of the image, and follows no link.

use crate::isolation::Isolation;
use crate::job::{Job, Network};
use crate::rootfs::{Tree, attach, clone_of, new_mount};
use crate::sys::{self, ATTR_NODEV, ATTR_NOEXEC, ATTR_NOSUID, ATTR_RDONLY};
use crate::{SandboxError, setup};
use libtree::{FileKind, Meta};
use rustix::fs::{CWD, FileType, Mode, makedev, mkdirat, mknodat, symlinkat};
use rustix::mount::{OpenTreeFlags, open_tree};
use std::os::fd::OwnedFd;

const NODES: [(&str, u32, u32); 6] =
    [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)];
const NODE_MODE: Mode = Mode::from_raw_mode(0o666);
const READ_ONLY: [&str; 5] = ["proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger"];
const MASKED: [&str; 15] = [
    "proc/acpi",
    "proc/asound",
    "proc/interrupts",
    "proc/kallsyms",
    "proc/kcore",
    "proc/keys",
    "proc/latency_stats",
    "proc/sched_debug",
    "proc/scsi",
    "proc/slabinfo",
    "proc/timer_list",
    "proc/timer_stats",
    "proc/vmallocinfo",
    "sys/devices/virtual/powercap",
    "sys/firmware",
];

impl Tree {
    /// Our own /dev. Each of its devices is a mount of its own, because no device opens where a command can make nodes.
    pub(crate) fn devices(
        &self,
        job: &Job,
        isolation: Isolation,
        memory: &OwnedFd,
    ) -> Result<(), SandboxError> {
        let options = [("mode", "755"), ("size", "65536k")];
        let dev = new_mount("tmpfs", &options, ATTR_NOSUID | ATTR_NODEV)?;
        self.mount(b"dev", &dev)?;
        for node in NODES {
            place_node(&dev, node, isolation, memory)?;
        }
        let links = [
            ("/proc/self/fd", "fd"),
            ("/proc/self/fd/0", "stdin"),
            ("/proc/self/fd/1", "stdout"),
            ("/proc/self/fd/2", "stderr"),
            ("pts/ptmx", "ptmx"),
        ];
        for (target, name) in links {
            symlinkat(target, &dev, name).map_err(setup(name))?;
        }
        for name in ["pts", "shm", "mqueue"] {
            mkdirat(&dev, name, Mode::from_raw_mode(0o755)).map_err(setup(name))?;
        }
        device_filesystems(&dev, job, isolation)
    }

    pub(crate) fn kernel_filesystems(&self, job: &Job, isolation: Isolation) -> Result<(), SandboxError> {
        let inert = ATTR_NOSUID | ATTR_NODEV | ATTR_NOEXEC;
        // In a container that masks its /proc, a new one is refused, and the container's own is used.
        let proc = new_mount("proc", &[], inert).or_else(|_| host_tree("/proc", inert, true))?;
        self.mount(b"proc", &proc)?;
        let own = isolation == Isolation::Root || job.network == Network::None;
        let sys = match own {
            true => new_mount("sysfs", &[], inert | ATTR_RDONLY)
                .or_else(|_| host_tree("/sys", inert | ATTR_RDONLY, true)),
            false => host_tree("/sys", inert | ATTR_RDONLY, true),
        };
        self.mount(b"sys", &sys?)
    }

    pub(crate) fn protect(&self) -> Result<(), SandboxError> {
        for path in READ_ONLY {
            if let Ok(found) = self.open(path.as_bytes()) {
                let flags = OpenTreeFlags::OPEN_TREE_CLONE
                    | OpenTreeFlags::OPEN_TREE_CLOEXEC
                    | OpenTreeFlags::AT_EMPTY_PATH
                    | OpenTreeFlags::AT_RECURSIVE;
                let tree = open_tree(&found, "", flags).map_err(setup(path))?;
                sys::set_mount_attributes(&tree, ATTR_RDONLY, true).map_err(setup(path))?;
                attach(&tree, &found, b"").map_err(setup(path))?;
            }
        }
        let null = self.open(b"dev/null").map_err(setup("dev/null"))?;
        let mut nothing: Option<OwnedFd> = None;
        for path in MASKED {
            let Ok(found) = self.open(path.as_bytes()) else { continue };
            let dir = Meta::of(&found).map_err(setup(path))?.is_dir();
            let mask = match &nothing {
                _ if !dir => clone_of(&null, "").map_err(setup(path))?,
                Some(nothing) => clone_of(nothing, "").map_err(setup(path))?,
                None => empty_directory()?,
            };
            attach(&mask, &found, b"").map_err(setup(path))?;
            nothing = nothing.or(dir.then_some(mask));
        }
        Ok(())
    }
}

/// Mounts on a name in our /dev, which has no links but our own.
fn mount(dev: &OwnedFd, name: &str, mount: &OwnedFd) -> Result<(), SandboxError> {
    attach(mount, dev, name.as_bytes()).map_err(setup(name))
}

fn device_filesystems(dev: &OwnedFd, job: &Job, isolation: Isolation) -> Result<(), SandboxError> {
    let mut pts = vec![("newinstance", ""), ("ptmxmode", "0666"), ("mode", "0620")];
    if isolation != Isolation::Single {
        pts.push(("gid", "5"));
    }
    mount(dev, "pts", &new_mount("devpts", &pts, ATTR_NOSUID | ATTR_NOEXEC)?)?;
    let size = job.shm_size.to_string();
    let inert = ATTR_NOSUID | ATTR_NODEV | ATTR_NOEXEC;
    mount(dev, "shm", &new_mount("tmpfs", &[("mode", "1777"), ("size", &size)], inert)?)?;
    // A kernel may have no message queues, which no build needs.
    if let Ok(queues) = new_mount("mqueue", &[], inert) {
        mount(dev, "mqueue", &queues)?;
    }
    Ok(())
}

/// Makes a node in our /dev. For root it is not the host's node, because a command could change the mode of that.
fn place_node(
    dev: &OwnedFd,
    (name, major, minor): (&str, u32, u32),
    isolation: Isolation,
    memory: &OwnedFd,
) -> Result<(), SandboxError> {
    let node = match isolation {
        Isolation::Root => {
            let device = makedev(major, minor);
            mknodat(memory, name, FileType::CharacterDevice, NODE_MODE, device).map_err(setup(name))?;
            clone_of(memory, name).map_err(setup(name))?
        }
        _ => host_node(name, (major, minor))?,
    };
    mknodat(dev, name, FileType::RegularFile, NODE_MODE, 0).map_err(setup(name))?;
    mount(dev, name, &node)
}

/// A directory that stays empty.
fn empty_directory() -> Result<OwnedFd, SandboxError> {
    let attributes = ATTR_RDONLY | ATTR_NOSUID | ATTR_NODEV | ATTR_NOEXEC;
    new_mount("tmpfs", &[("size", "0"), ("nr_inodes", "1"), ("mode", "0555")], attributes)
}

/// A node of the host, if none can be made.
fn host_node(name: &str, device: (u32, u32)) -> Result<OwnedFd, SandboxError> {
    let node = host_tree(&format!("/dev/{name}"), 0, false)?;
    let meta = Meta::of(&node).map_err(setup(name))?;
    match meta.kind == FileKind::Char && meta.rdev == device {
        true => Ok(node),
        false => Err(SandboxError::Setup(format!("/dev/{name} of the host is not the device it should be"))),
    }
}

/// A clone of the mount at a host path.
fn host_tree(path: &str, attributes: u64, recursive: bool) -> Result<OwnedFd, SandboxError> {
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    if recursive {
        flags |= OpenTreeFlags::AT_RECURSIVE;
    }
    let tree = open_tree(CWD, path, flags).map_err(setup(path))?;
    sys::set_mount_attributes(&tree, attributes, recursive).map_err(setup(path))?;
    Ok(tree)
}
