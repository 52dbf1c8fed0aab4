//! Extracts an archive into a tree: an image layer, whose whiteouts delete, or an ordinary archive.
//!
//! A layer is extracted into the merged view of the layers below it (an overlay mount). The kernel then handles links
//! through lower layers, hard links to lower files, and the metadata of parents. Most layers need none of that and
//! can be extracted alone: see [`Form::LayerAlone`]. No entry can reach anything outside the root.

mod check;
mod make;

pub use check::check_layer;

use crate::meta::{FileKind, Meta};
use crate::root::{self, Root, split};
use crate::tar::{Body, Entry, EntryKind, Reader, TarError, shown};
use crate::{remove, walk};
use rustix::fs::{
    AtFlags, Mode, OFlags, ResolveFlags, Timespec, Timestamps, fchmod, futimens, mkdirat, openat, openat2,
    unlinkat, utimensat,
};
use rustix::io::Errno;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::ops::Bound;
use std::os::fd::{AsFd, OwnedFd};

/// Bytes of content written at once.
const COPY_BUFFER: usize = 1 << 17;

/// The kind of archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// An image layer: `.wh.` names are whiteouts, `..` in a name is an error.
    Layer,
    /// An image layer without the layers below it: an entry that would need them is refused.
    LayerAlone,
    /// Any archive: names are literal, `..` and a leading `/` are clamped to the root.
    Archive,
}

/// The directory in which AUFS keeps the files that have several names. The layer's hard links refer to it.
const AUFS_LINKS: &[u8] = b".wh..wh.plnk";

/// Whether an entry is AUFS's own bookkeeping, which docker wrote into images, and not part of the tree.
pub fn is_aufs_metadata(path: &[u8]) -> bool {
    root::components(path).any(|part| part.starts_with(b".wh..wh.") && part != b".wh..wh..opq")
}

/// Whether an entry is a file that AUFS keeps as the target of hard links.
pub fn is_aufs_link_target(path: &[u8]) -> bool {
    let mut parts = root::components(path);
    parts.next() == Some(AUFS_LINKS) && parts.count() == 1
}

/// How to extract.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The kind of archive.
    pub form: Form,
    /// The owner of everything, in place of the archive's owners.
    pub owner: Option<(u32, u32)>,
}

/// The amount that was extracted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Entries, whiteouts included.
    pub entries: u64,
    /// Bytes of file content.
    pub bytes: u64,
    /// Whether the root directory itself was an entry.
    pub root: bool,
    /// Device nodes left out because this user namespace may not make them.
    pub devices_skipped: u64,
}

/// Why extraction stopped.
#[derive(Debug, thiserror::Error)]
pub enum ExtractError {
    /// The archive is damaged or malformed.
    #[error(transparent)]
    Tar(#[from] TarError),
    /// An entry is refused.
    #[error("entry {entry:?}: {what}")]
    Refused {
        /// Its name, with invalid UTF-8 replaced.
        entry: String,
        /// The reason.
        what: String,
    },
    /// The tree could not be written.
    #[error("entry {entry:?}: {error}")]
    Io {
        /// The entry's name, with invalid UTF-8 replaced.
        entry: String,
        /// The error of the system.
        error: io::Error,
    },
}

/// Extracts every entry of `reader` below `root`. After an error the extracted files stay, so extract into a
/// directory that you can delete.
pub fn extract<R: Read>(
    reader: &mut Reader<R>,
    root: &Root,
    options: Options,
) -> Result<Stats, ExtractError> {
    let mut job = Job {
        root,
        options,
        written: BTreeSet::new(),
        times: BTreeMap::new(),
        parent: None,
        buffer: vec![0; COPY_BUFFER],
        stats: Stats::default(),
        has_aufs_links: false,
    };
    while let Some(entry) = reader.next_entry()? {
        job.stats.entries += 1;
        let name = || shown(&entry.path);
        job.entry(&entry, &mut reader.body()).map_err(|stop| match stop {
            Stop::Refused(what) => ExtractError::Refused { entry: name(), what: what.into() },
            Stop::Io(error) => ExtractError::Io { entry: name(), error },
        })?;
    }
    job.remove_aufs_links()
        .map_err(|error| ExtractError::Io { entry: "hard links of AUFS".into(), error })?;
    job.set_times().map_err(|error| ExtractError::Io { entry: "directory times".into(), error })?;
    Ok(job.stats)
}

enum Stop {
    Refused(&'static str),
    Io(io::Error),
}

const NEEDS_LOWER: Stop = Stop::Refused("it changes files of a layer below");

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Errno> for Stop {
    fn from(errno: Errno) -> Self {
        Self::Io(errno.into())
    }
}

struct Job<'a> {
    root: &'a Root,
    options: Options,
    /// The paths that this layer made. Its whiteouts spare them, even if their names lead through links.
    written: BTreeSet<Vec<u8>>,
    /// The times of directories, set last: those of the archive, or those from before the archive touched the
    /// directory.
    times: BTreeMap<Vec<u8>, (i64, u32)>,
    parent: Option<Parent>,
    buffer: Vec<u8>,
    stats: Stats,
    /// Whether [`AUFS_LINKS`] was made and must be removed again.
    has_aufs_links: bool,
}

/// The directory of the current entries.
struct Parent {
    /// Its path, as entries write it.
    written: Vec<u8>,
    /// Its real path, without symbolic links. Whiteouts and times use this path.
    real: Vec<u8>,
    dir: OwnedFd,
}

impl Job<'_> {
    fn entry<R: Read>(&mut self, entry: &Entry, body: &mut Body<'_, R>) -> Result<(), Stop> {
        let path = self.clean(&entry.path)?;
        if path.is_empty() {
            // The root of an ordinary archive is the directory where it was made; the destination keeps its own
            // metadata.
            return if self.options.form == Form::Archive { Ok(()) } else { self.root_entry(entry) };
        }
        let (parent, name) = split(&path);
        if self.options.form != Form::Archive && is_aufs_metadata(&path) {
            let is_linked = is_aufs_link_target(&path) && entry.kind == EntryKind::File;
            if !is_linked {
                return Ok(());
            }
            self.has_aufs_links = true;
        }
        let parent = self.enter(parent, entry)?;
        if let Some(hidden) = name.strip_prefix(b".wh.") {
            match self.options.form {
                Form::Layer => return self.whiteout(&parent, hidden),
                Form::LayerAlone => return Err(NEEDS_LOWER),
                Form::Archive => {}
            }
        }
        let path = join(&parent, name);
        // Nearly always the path is free, so a file is tried first. A directory can keep what it finds.
        if entry.kind == EntryKind::Dir {
            self.make_room(&path, name, entry.kind)?;
        }
        match self.make(name, entry, body) {
            Err(Stop::Io(error)) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.make_room(&path, name, entry.kind)?;
                self.make(name, entry, body)?;
            }
            made => made?,
        }
        if entry.kind == EntryKind::Dir {
            self.times.insert(path.clone(), (entry.mtime, entry.mtime_ns));
        }
        self.written.insert(path);
        Ok(())
    }

    /// The path relative to the root, without empty components.
    fn clean(&self, path: &[u8]) -> Result<Vec<u8>, Stop> {
        Ok(check::clean(path, self.options.form)?)
    }

    fn root_entry(&mut self, entry: &Entry) -> Result<(), Stop> {
        check::root(entry)?;
        self.finish_dir(&self.root.open_dir(b"")?, entry)?;
        self.stats.root = true;
        self.times.insert(Vec::new(), (entry.mtime, entry.mtime_ns));
        Ok(())
    }

    /// Opens the directory that holds an entry, and makes the missing parts of it. Returns its real path.
    fn enter(&mut self, parent: &[u8], entry: &Entry) -> Result<Vec<u8>, Stop> {
        if let Some(open) = self.parent.as_ref().filter(|open| open.written == parent) {
            return Ok(open.real.clone());
        }
        let open = || self.root.open_dir(parent);
        let dir = match open() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if self.options.form == Form::LayerAlone {
                    return Err(NEEDS_LOWER);
                }
                self.make_parents(parent, entry)?;
                self.root.open_dir(parent)?
            }
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                return Err(Stop::Refused("a parent of it is not a directory"));
            }
            dir => dir?,
        };
        let real = self.real(parent)?;
        if !self.times.contains_key(&real) {
            let meta = Meta::of(&dir)?;
            self.times.insert(real.clone(), (meta.mtime, meta.mtime_ns));
        }
        self.parent = Some(Parent { written: parent.to_vec(), real: real.clone(), dir });
        Ok(real)
    }

    /// The real path of an existing path, without symbolic links. There are seldom any, and one call finds that out.
    fn real(&self, dir: &[u8]) -> io::Result<Vec<u8>> {
        let path = if dir.is_empty() { b"." } else { dir };
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_SYMLINKS;
        match openat2(self.root.fd(), path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), resolve) {
            Ok(_) => Ok(dir.to_vec()),
            Err(_) => self.root.resolve(dir, true),
        }
    }

    fn make_parents(&mut self, parent: &[u8], entry: &Entry) -> Result<(), Stop> {
        let real = self.root.resolve(parent, true)?;
        let mut dir = self.root.open_dir(b"")?;
        let mut path = Vec::new();
        for part in root::components(&real) {
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(part);
            match mkdirat(&dir, part, Mode::from_raw_mode(0o755)) {
                Ok(()) => {
                    // It belongs to root. `owner` applies only to entries, and the archive has none for it.
                    let made = open_dir(&dir, part)?;
                    self.root.owners().set(&made, b"", 0, 0)?;
                    fchmod(&made, Mode::from_raw_mode(0o755))?;
                    self.times.insert(path.clone(), (entry.mtime, entry.mtime_ns));
                }
                Err(Errno::EXIST) => {}
                Err(errno) => return Err(errno.into()),
            }
            dir = open_dir(&dir, part)?;
        }
        Ok(())
    }

    fn dir(&self) -> Result<&OwnedFd, Stop> {
        self.parent.as_ref().map(|parent| &parent.dir).ok_or(Stop::Refused("it has no parent"))
    }

    fn whiteout(&mut self, parent: &[u8], hidden: &[u8]) -> Result<(), Stop> {
        if hidden == b".wh..opq" {
            for name in walk::names(open_dir(self.dir()?, b".")?)? {
                self.clear_lower(self.dir()?.as_fd(), &name, &join(parent, &name))?;
            }
            return Ok(());
        }
        check::whiteout(hidden)?;
        self.clear_lower(self.dir()?.as_fd(), hidden, &join(parent, hidden))
    }

    /// Removes what lower layers have at `path`, but nothing that this layer made.
    fn clear_lower(&self, dir: std::os::fd::BorrowedFd<'_>, name: &[u8], path: &[u8]) -> Result<(), Stop> {
        let inside = join(path, b"");
        let made_inside = self
            .written
            .range::<[u8], _>((Bound::Included(&inside[..]), Bound::Unbounded))
            .next()
            .is_some_and(|made| made.starts_with(&inside));
        if made_inside || self.written.contains(path) {
            let Ok(dir) = open_dir(dir, name) else { return Ok(()) };
            for name in walk::names(open_dir(&dir, b".")?)? {
                self.clear_lower(dir.as_fd(), &name, &join(path, &name))?;
            }
            return Ok(());
        }
        Ok(remove::remove_all(dir, name)?)
    }

    /// Removes the file in the place of an entry, unless both are directories.
    fn make_room(&mut self, path: &[u8], name: &[u8], kind: EntryKind) -> Result<(), Stop> {
        let found = match Meta::at(self.dir()?, name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            meta => meta?,
        };
        match (found.kind, kind) {
            (FileKind::Dir, EntryKind::Dir) => Ok(()),
            (FileKind::Dir, _) => {
                let gone = |made: &Vec<u8>| made.starts_with(path) && made.get(path.len()) == Some(&b'/');
                self.written.retain(|made| !gone(made));
                self.times.retain(|made, _| made != path && !gone(made));
                Ok(remove::remove_all(self.dir()?, name)?)
            }
            _ => Ok(unlinkat(self.dir()?, name, AtFlags::empty())?),
        }
    }

    fn remove_aufs_links(&self) -> io::Result<()> {
        match self.has_aufs_links {
            true => remove::remove_all(self.root.open_dir(b"")?, AUFS_LINKS),
            false => Ok(()),
        }
    }

    fn set_times(&self) -> io::Result<()> {
        for (path, time) in self.times.iter().rev() {
            match self.root.open_dir(path) {
                Ok(dir) => set_time(dir, b"", *time)?,
                // A later entry removed it again.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) if error.kind() == io::ErrorKind::NotADirectory => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn join(dir: &[u8], name: &[u8]) -> Vec<u8> {
    [dir, if dir.is_empty() { b"" } else { b"/" }, name].concat()
}

fn open_dir(dir: impl AsFd, name: &[u8]) -> io::Result<OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(dir, name, flags, Mode::empty())?)
}

/// Sets the modification time of `name` below `dir`. For a symbolic link it is that of the link. With an empty name
/// it is that of the open file `dir`. The kernel clamps times that the file system cannot store.
pub fn set_time(dir: impl AsFd, name: &[u8], (seconds, nanos): (i64, u32)) -> io::Result<()> {
    let time = Timespec { tv_sec: seconds, tv_nsec: nanos.into() };
    let times = Timestamps { last_access: time, last_modification: time };
    match name.is_empty() {
        true => Ok(futimens(dir, &times)?),
        false => Ok(utimensat(dir, name, &times, AtFlags::SYMLINK_NOFOLLOW)?),
    }
}
