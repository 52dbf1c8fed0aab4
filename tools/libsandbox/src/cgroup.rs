//! Enforces the limits of a command by cgroups of version 1 or 2 (cgroups(7)). They are found once, made for each
//! command below that of this process, and removed with the command.
//!
//! It mounts no hierarchy, and moves only processes of the sandbox.

use crate::{SandboxError, fork, setup};
use nix::sys::wait::{WaitStatus, waitpid};
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The limits of a command and all of its processes together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of memory, without swap.
    pub memory: Option<u64>,
    /// Processor time: the microseconds in each period, and the period.
    pub cpu: Option<(u64, u64)>,
    /// Processes and threads.
    pub pids: Option<u64>,
}

/// The directories where limits can be enforced, and the text that is written there; none if there are no limits.
#[derive(Clone, Debug, Default)]
pub struct Cgroups {
    places: Vec<Place>,
}

/// A directory below which a cgroup is made, and the text for its files.
#[derive(Clone, Debug, Default)]
struct Place {
    parent: PathBuf,
    settings: Vec<Setting>,
    /// The file that counts the processes that were killed for lack of memory.
    events: Option<&'static str>,
    /// The options that set the limit.
    options: Vec<&'static str>,
}

#[derive(Clone, Debug)]
struct Setting {
    file: &'static str,
    value: String,
    /// Whether a kernel may lack the file, for instance one that does not account swap.
    optional: bool,
}

/// The cgroups of one command. They are removed when this is dropped, after the command has ended.
#[derive(Debug, Default)]
pub(crate) struct Made {
    dirs: Vec<(PathBuf, File)>,
    events: Option<PathBuf>,
}

/// The beginning of the names of our cgroups.
const NAME: &str = "stagepipe-";

impl Cgroups {
    /// Finds where `limits` can be enforced, by trying each. Fails if one can't be.
    pub fn find(limits: &Limits) -> Result<Self, SandboxError> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").map_err(setup("/proc/self/mountinfo"))?;
        let own = fs::read_to_string("/proc/self/cgroup").map_err(setup("/proc/self/cgroup"))?;
        let hierarchies = hierarchies(&mounts, &own);
        let (mut places, mut rest) = (Vec::new(), Vec::new());
        for wanted in wanted(limits) {
            match hierarchies.iter().find(|hierarchy| hierarchy.has(wanted.controller)) {
                Some(hierarchy) => add(&mut places, &hierarchy.own, &wanted, Version::One),
                None => rest.push(wanted),
            }
        }
        for place in &places {
            try_out(place).map_err(|error| impossible(&place.options, &error.to_string()))?;
        }
        if !rest.is_empty() {
            places.push(unified(&hierarchies, &rest)?);
        }
        places.iter().for_each(|place| sweep(&place.parent));
        Ok(Self { places })
    }

    /// Makes the cgroups of one command.
    pub(crate) fn make(&self) -> Result<Made, SandboxError> {
        let mut made = Made::default();
        for place in &self.places {
            made.add(place).map_err(setup("cgroup"))?;
        }
        Ok(made)
    }
}

impl Made {
    fn add(&mut self, place: &Place) -> io::Result<()> {
        let (dir, lock) = new_directory(&place.parent)?;
        // From now on it is removed in any case.
        self.dirs.push((dir.clone(), lock));
        for Setting { file, value, optional } in &place.settings {
            match put(&dir.join(file), value) {
                Err(error) if !(*optional && error.kind() == ErrorKind::NotFound) => return Err(error),
                _ => {}
            }
        }
        if let Some(events) = place.events {
            self.events = Some(dir.join(events));
        }
        Ok(())
    }

    /// The files by which a process joins: it writes 0 to each.
    pub(crate) fn doors(&self) -> Result<Vec<File>, SandboxError> {
        let open = |(dir, _): &(PathBuf, File)| File::options().write(true).open(dir.join("cgroup.procs"));
        self.dirs.iter().map(open).collect::<io::Result<_>>().map_err(setup("cgroup"))
    }

    /// Whether a process in it was killed because the memory was used up.
    pub(crate) fn ran_out_of_memory(&self) -> bool {
        let text = self.events.as_ref().and_then(|path| fs::read_to_string(path).ok()).unwrap_or_default();
        let count = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        count.is_some_and(|count| count.trim() != "0")
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        for (dir, _) in &self.dirs {
            // The kernel may still be removing its processes. The next run removes a cgroup that stays.
            for _ in 0..50 {
                match fs::remove_dir(dir) {
                    Err(error) if error.kind() == ErrorKind::ResourceBusy => {
                        std::thread::sleep(Duration::from_millis(2));
                    }
                    _ => break,
                }
            }
        }
    }
}

/// Writes to an existing file, because a cgroup can get no other.
fn put(file: &Path, value: &str) -> io::Result<()> {
    File::options().write(true).open(file)?.write_all(value.as_bytes())
}

/// Makes this process join the cgroups of `doors`.
pub(crate) fn join(doors: &mut [File]) -> io::Result<()> {
    doors.iter_mut().try_for_each(|door| door.write_all(b"0"))
}

#[derive(Clone, Copy)]
enum Version {
    One,
    Two,
}

/// A limit in the form of each version of cgroups.
struct Wanted {
    option: &'static str,
    controller: &'static str,
    v1: Vec<Setting>,
    v2: Vec<Setting>,
    /// The same as in [`Place`], in each version.
    events: Option<(&'static str, &'static str)>,
}

fn wanted(limits: &Limits) -> Vec<Wanted> {
    let set = |file, value: String| Setting { file, value, optional: false };
    let maybe = |file, value: String| Setting { file, value, optional: true };
    let memory = limits.memory.map(|bytes| Wanted {
        option: "--memory",
        controller: "memory",
        v1: vec![
            set("memory.limit_in_bytes", bytes.to_string()),
            maybe("memory.memsw.limit_in_bytes", bytes.to_string()),
        ],
        v2: vec![set("memory.max", bytes.to_string()), maybe("memory.swap.max", "0".into())],
        events: Some(("memory.oom_control", "memory.events")),
    });
    let cpu = limits.cpu.map(|(quota, period)| Wanted {
        option: "--cpus",
        controller: "cpu",
        v1: vec![set("cpu.cfs_period_us", period.to_string()), set("cpu.cfs_quota_us", quota.to_string())],
        v2: vec![set("cpu.max", format!("{quota} {period}"))],
        events: None,
    });
    let pids = limits.pids.map(|count| Wanted {
        option: "--pids-limit",
        controller: "pids",
        v1: vec![set("pids.max", count.to_string())],
        v2: vec![set("pids.max", count.to_string())],
        events: None,
    });
    [memory, cpu, pids].into_iter().flatten().collect()
}

/// A mounted hierarchy.
#[derive(Debug, PartialEq, Eq)]
struct Hierarchy {
    /// Its controllers in version 1; `None` for version 2, in which each directory lists its own.
    controllers: Option<Vec<String>>,
    mount: PathBuf,
    /// The directory of the cgroup that this process is in.
    own: PathBuf,
}

/// The hierarchies of mountinfo (proc(5)) in which /proc/self/cgroup names a directory.
fn hierarchies(mounts: &str, own: &str) -> Vec<Hierarchy> {
    mounts.lines().filter_map(|line| hierarchy(line, own)).collect()
}

fn hierarchy(line: &str, own: &str) -> Option<Hierarchy> {
    let (mount, source) = line.split_once(" - ")?;
    let mut fields = mount.split(' ').skip(3);
    let (root, mount) = (fields.next()?, PathBuf::from(fields.next()?));
    let mut source = source.split(' ');
    let (kind, options) = (source.next()?, source.nth(1)?);
    let options: Vec<String> = options.split(',').map(str::to_owned).collect();
    let is_own = |controllers: &str| match kind {
        "cgroup2" => controllers.is_empty(),
        "cgroup" => {
            !controllers.is_empty() && controllers.split(',').all(|one| options.iter().any(|o| o == one))
        }
        _ => false,
    };
    let path = own.lines().find_map(|line| {
        let (_, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        is_own(controllers).then_some(path)
    })?;
    // In a container, the root of the mount is the container's own cgroup.
    let below = Path::new(path).strip_prefix(root).ok()?;
    Some(Hierarchy { controllers: (kind == "cgroup").then_some(options), own: mount.join(below), mount })
}

impl Hierarchy {
    /// Whether it is a hierarchy of version 1 with this controller.
    fn has(&self, controller: &str) -> bool {
        self.controllers.iter().flatten().any(|one| one == controller)
    }
}

/// Adds limits to the place below `parent`, which is the same for all limits there.
fn add(places: &mut Vec<Place>, parent: &Path, wanted: &Wanted, version: Version) {
    let at = places.iter().position(|place| place.parent == parent).unwrap_or_else(|| {
        places.push(Place { parent: parent.to_owned(), ..Place::default() });
        places.len() - 1
    });
    let place = &mut places[at];
    let (settings, events) = match version {
        Version::One => (&wanted.v1, wanted.events.map(|(v1, _)| v1)),
        Version::Two => (&wanted.v2, wanted.events.map(|(_, v2)| v2)),
    };
    place.settings.extend_from_slice(settings);
    place.events = place.events.or(events);
    place.options.push(wanted.option);
}

/// The one place of version 2. A process is in one cgroup of that version, so all limits must be enforced there.
fn unified(hierarchies: &[Hierarchy], wanted: &[Wanted]) -> Result<Place, SandboxError> {
    let options: Vec<_> = wanted.iter().map(|wanted| wanted.option).collect();
    let controllers: Vec<_> = wanted.iter().map(|wanted| wanted.controller).collect();
    let mut why = format!("no cgroup above this process hands out {}", controllers.join(" and "));
    for hierarchy in hierarchies.iter().filter(|hierarchy| hierarchy.controllers.is_none()) {
        for parent in handing_out(hierarchy, &controllers) {
            let mut places = Vec::new();
            wanted.iter().for_each(|wanted| add(&mut places, &parent, wanted, Version::Two));
            for place in places {
                match try_out(&place) {
                    Ok(()) => return Ok(place),
                    Err(error) => why = format!("{}: {error}", parent.display()),
                }
            }
        }
    }
    Err(impossible(&options, &why))
}

fn impossible(options: &[&str], why: &str) -> SandboxError {
    let options = options.join(" and ");
    SandboxError::Unavailable(format!(
        "{options} can't be held to ({why}); run as root, or in a cgroup that is delegated to this user (systemd-run --user \
         --scope -p Delegate=yes), or leave {options} out"
    ))
}

/// The cgroups from this process's own upward that delegate the controllers, or can be made to. A cgroup with processes
/// delegates none, so it is usually one above.
fn handing_out(hierarchy: &Hierarchy, controllers: &[&str]) -> Vec<PathBuf> {
    let hands_out = |dir: &Path| {
        let file = dir.join("cgroup.subtree_control");
        let text = fs::read_to_string(&file).unwrap_or_default();
        let has = |controller: &&str| text.split_whitespace().any(|one| one == *controller);
        let get = |controller: &&str| put(&file, &format!("+{controller}")).is_ok();
        controllers.iter().all(|controller| has(controller) || get(controller))
    };
    let upward = hierarchy.own.ancestors().take_while(|dir| dir.starts_with(&hierarchy.mount));
    upward.filter(|dir| hands_out(dir)).map(Path::to_owned).collect()
}

/// Makes a cgroup there, makes a process join it, and removes it.
fn try_out(place: &Place) -> Result<(), SandboxError> {
    let mut made = Made::default();
    made.add(place).map_err(setup("cgroup"))?;
    let mut doors = made.doors()?;
    match fork::fork().map_err(setup("fork"))? {
        fork::Side::Child => {
            let errno =
                join(&mut doors).err().map_or(0, |error| error.raw_os_error().unwrap_or(nix::libc::EIO));
            fork::exit_now(errno)
        }
        fork::Side::Parent(child) => match waitpid(child, None) {
            Ok(WaitStatus::Exited(_, 0)) => Ok(()),
            Ok(WaitStatus::Exited(_, errno)) => {
                Err(setup("cgroup.procs")(io::Error::from_raw_os_error(errno)))
            }
            _ => Err(SandboxError::Setup("cgroup.procs: the process that joined is gone".into())),
        },
    }
}

/// A new directory that no other process removes as long as the file is open.
fn new_directory(parent: &Path) -> io::Result<(PathBuf, File)> {
    let mut number = 0;
    loop {
        let dir = parent.join(format!("{NAME}{}-{number}", std::process::id()));
        number += 1;
        match fs::create_dir(&dir) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
            made => made?,
        }
        // Another process may have removed it before it was locked.
        match File::open(&dir) {
            Ok(lock) if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() && dir.exists() => {
                return Ok((dir, lock));
            }
            _ => {}
        }
    }
}

/// Removes the cgroups of killed runs, which are empty and not locked.
fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(NAME)) {
        let lock = File::open(entry.path());
        if lock.is_ok_and(|lock| flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok()) {
            // A cgroup with a process can't be removed.
            let _ = fs::remove_dir(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(mounts: &str, own: &str) -> Vec<(Option<Vec<String>>, PathBuf)> {
        let found = hierarchies(mounts, own).into_iter();
        found.map(|Hierarchy { controllers, own, .. }| (controllers, own)).collect()
    }

    #[test]
    fn hierarchies_of_both_versions_are_found() {
        let mounts = "30 29 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n\
            31 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n\
            32 30 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
            33 30 0:29 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n\
            34 30 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        let own = "4:memory:/a/b\n3:cpu,cpuacct:/\n1:name=systemd:/s\n0::/c\n";
        let words = |text: &str| Some(text.split(' ').map(str::to_owned).collect());
        let path = |text: &str| PathBuf::from(text);
        assert_eq!(
            found(mounts, own),
            [
                (words("rw cpu cpuacct"), path("/sys/fs/cgroup/cpu,cpuacct/")),
                (words("rw memory"), path("/sys/fs/cgroup/memory/a/b")),
                (words("rw xattr name=systemd"), path("/sys/fs/cgroup/systemd/s")),
                (None, path("/sys/fs/cgroup/unified/c")),
            ]
        );
    }

    #[test]
    fn a_container_sees_its_own_part_of_a_hierarchy() {
        let mounts = "32 30 0:28 /docker/x /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
        let own = "4:memory:/docker/x/y\n";
        assert_eq!(found(mounts, own)[0].1, PathBuf::from("/sys/fs/cgroup/memory/y"));
        assert_eq!(found(mounts, "4:memory:/elsewhere\n"), []);
        assert_eq!(found(mounts, "0::/\n"), []);
    }

    /// A stand-in of version 2, in which the own cgroup hands out nothing.
    #[test]
    fn in_version_2_the_nearest_cgroup_that_hands_out_all_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let (mount, slice) = (dir.path().to_owned(), dir.path().join("slice"));
        let own = slice.join("scope");
        fs::create_dir_all(&own).unwrap();
        let hierarchy = Hierarchy { controllers: None, mount: mount.clone(), own };
        assert_eq!(handing_out(&hierarchy, &["memory"]), Vec::<PathBuf>::new());
        for dir in [&mount, &slice] {
            fs::write(dir.join("cgroup.subtree_control"), "memory pids\n").unwrap();
        }
        assert_eq!(handing_out(&hierarchy, &["pids", "memory"]), [slice, mount]);
    }

    #[test]
    fn limits_of_one_place_are_one_cgroup() {
        let (mut places, limits) = (Vec::new(), Limits { memory: Some(1), cpu: Some((1, 2)), pids: Some(3) });
        for (wanted, parent) in wanted(&limits).iter().zip(["/a", "/b", "/a"]) {
            add(&mut places, Path::new(parent), wanted, Version::Two);
        }
        let files = |place: &Place| place.settings.iter().map(|setting| setting.file).collect::<Vec<_>>();
        assert_eq!(files(&places[0]), ["memory.max", "memory.swap.max", "pids.max"]);
        assert_eq!((files(&places[1]), places.len()), (vec!["cpu.max"], 2));
        assert_eq!((places[0].events, places[1].events), (Some("memory.events"), None));
    }
}
