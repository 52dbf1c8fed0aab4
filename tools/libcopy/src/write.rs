//! The second phase: writes a selection to its destination.
//!
//! The destination is resolved once, with links followed. Below it nothing is followed, and files in the way are
//! replaced or refused as in BuildKit. Existing directories keep their times.

use crate::archive;
use crate::error::{CopyError, shown};
use crate::select::Selection;
use crate::selected::{Kind, Member, Selected, open};
use crate::sources::join;
use libtree::extract::set_time;
use libtree::root::{components, split};
use libtree::{FileKind, Meta, Root, xattr};
use libwire::Chmod;
use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, XattrFlags, chmodat, fchmod, fsetxattr, linkat, makedev, mkdirat,
    mknodat, openat, symlinkat, unlinkat,
};
use rustix::io::Errno;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

impl Selection<'_> {
    /// Writes everything to `target` below `root`. If `target` ends in a slash, it is a directory.
    pub fn write(&self, root: &Root, target: &[u8]) -> Result<(), CopyError> {
        let mut writer =
            Writer { selection: self, root, times: BTreeMap::new(), open: None, unpacking: false };
        // If there is nothing to copy (a pattern without a match), not even the destination is made.
        for source in &self.sources {
            writer.source(source, target)?;
        }
        for (name, bytes) in &self.request.documents {
            writer.document(name.as_bytes(), bytes, target)?;
        }
        writer.finish()
    }

    /// Mode and owner of a missing directory that is made.
    pub(crate) fn made(&self) -> (u32, (u32, u32)) {
        let mode = match self.request.chmod {
            Some(Chmod::Octal(mode)) => mode,
            _ => 0o755,
        };
        (mode, self.request.owner.unwrap_or((0, 0)))
    }

    /// The owner of a written file that has a source.
    pub(crate) fn owner(&self, meta: &Meta) -> (u32, u32) {
        let own = if self.tree.local { (0, 0) } else { (meta.uid, meta.gid) };
        self.request.owner.unwrap_or(own)
    }

    /// The mode of a written file that has, or had, another.
    pub(crate) fn mode(&self, mode: u32, dir: bool) -> u32 {
        self.request.chmod.as_ref().map_or(mode, |chmod| chmod.apply(mode, dir))
    }

    /// Refuses a file that changed after it was selected, because the digest is that of the old content.
    pub(crate) fn unchanged(&self, from: &[u8], then: &Meta) -> Result<(), CopyError> {
        let tree = &self.tree;
        if !tree.local {
            return Ok(());
        }
        let now = tree.root.lstat(from).map_err(CopyError::io(from))?;
        match now.state() == then.state() {
            true => Ok(()),
            false => Err(CopyError::Changed(shown(from))),
        }
    }
}

struct Writer<'a> {
    selection: &'a Selection<'a>,
    root: &'a Root,
    /// The times of directories, set at the end: their old times, or those of their sources.
    times: BTreeMap<Vec<u8>, (i64, u32)>,
    /// The directory of the last write.
    open: Option<(Vec<u8>, Rc<OwnedFd>)>,
    /// Whether the current path is for an archive.
    unpacking: bool,
}

/// Hard links of one source: the destination of their first name.
pub(crate) type Links = HashMap<((u32, u32), u64), Vec<u8>>;

impl Writer<'_> {
    fn source(&mut self, source: &Selected, target: &[u8]) -> Result<(), CopyError> {
        self.open = None;
        match &source.kind {
            Kind::Dir(members) => self.tree(source, members, target),
            Kind::Archive => {
                self.unpacking = true;
                let dest = self.directory(target);
                self.unpacking = false;
                let dest = dest?;
                let file = open(&self.selection.tree, &source.found.path)?;
                let dir = self.root.open_dir(&dest).map_err(CopyError::io(target))?;
                let below = Root::from_fd(dir, self.root.owners());
                let request = &self.selection.request;
                let left_out =
                    archive::unpack(&file, &source.found.path, &below, request.owner, request.limits)?;
                self.selection.left_out.set(self.selection.left_out.get() + left_out);
                self.selection.unchanged(&source.found.path, &source.found.meta)
            }
            Kind::File => {
                let dest = self.file_target(target, &source.found.name)?;
                self.member(&source.found.path, &dest, &source.found.meta, &mut Links::new())
            }
        }
    }

    /// Writes the contents of a directory. The destination itself keeps its owner and mode, or gets the default ones.
    fn tree(&mut self, source: &Selected, members: &[Member], target: &[u8]) -> Result<(), CopyError> {
        let dest = self.directory(target)?;
        let mut links = Links::new();
        for Member { path, meta, implied } in members {
            let dest = join(&dest, path);
            match meta.is_dir() {
                true => self.sub_directory(&dest, meta, *implied)?,
                false => self.member(&join(&source.found.path, path), &dest, meta, &mut links)?,
            }
        }
        if !source.found.path.is_empty() {
            self.times.insert(dest, (source.found.meta.mtime, source.found.meta.mtime_ns));
        }
        Ok(())
    }

    fn document(&mut self, name: &[u8], bytes: &[u8], target: &[u8]) -> Result<(), CopyError> {
        let dest = self.file_target(target, name)?;
        let (dir, name) = self.make_room(&dest)?;
        let mut file = create(&dir, name).map_err(CopyError::io(&dest))?;
        file.write_all(bytes).map_err(CopyError::io(&dest))?;
        let owner = self.selection.request.owner.unwrap_or((0, 0));
        self.settle(&dir, name, owner, self.selection.mode(0o644, false), self.selection.request.now)
            .map_err(CopyError::io(&dest))
    }

    /// The destination of a file with the name `name`: in `target` if that is a directory, and otherwise `target`
    /// itself.
    fn file_target(&mut self, target: &[u8], name: &[u8]) -> Result<Vec<u8>, CopyError> {
        if target.ends_with(b"/") {
            let dir = self.directory(target)?;
            return Ok(join(&dir, name));
        }
        let dest = self.root.resolve(target, true).map_err(|error| no_directory(target, error))?;
        match self.root.lstat(&dest) {
            Ok(meta) if meta.is_dir() => Ok(join(&dest, name)),
            Ok(_) => Ok(dest),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.directory(split(&dest).0)?;
                Ok(dest)
            }
            Err(error) => Err(no_directory(target, error)),
        }
    }

    /// Makes `target` and missing directories above it, and returns its real path.
    fn directory(&mut self, target: &[u8]) -> Result<Vec<u8>, CopyError> {
        let fail = |error| no_directory(target, error);
        let dest = self.root.resolve(target, true).map_err(fail)?;
        let mut dir = self.root.open_dir(b"").map_err(fail)?;
        let mut path = Vec::new();
        for part in components(&dest) {
            let next = match open_dir(&dir, part) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    self.remember(&path, &dir).map_err(fail)?;
                    self.make_directory(&dir, part).map_err(fail)?;
                    self.times.insert(join(&path, part), self.selection.request.now);
                    open_dir(&dir, part)
                }
                other => other,
            };
            dir = next.map_err(fail)?;
            path = join(&path, part);
        }
        Ok(dest)
    }

    fn make_directory(&self, dir: &OwnedFd, name: &[u8]) -> io::Result<()> {
        mkdirat(dir, name, Mode::RWXU)?;
        let (mode, owner) = self.selection.made();
        // --chmod has no effect on an archive, nor on the directory that is made for one.
        let mode = if self.unpacking { 0o755 } else { mode };
        self.settle(dir, name, owner, mode, self.selection.request.now)
    }

    /// Writes one path of a source that is not a directory.
    fn member(&mut self, from: &[u8], dest: &[u8], meta: &Meta, links: &mut Links) -> Result<(), CopyError> {
        let linked = (meta.nlink > 1).then_some((meta.dev, meta.ino));
        if let Some(first) = linked.and_then(|inode| links.get(&inode)) {
            let first = first.clone();
            return self.hard_link(&first, dest);
        }
        let (dir, name) = self.make_room(dest)?;
        self.make(from, meta, &dir, name).map_err(|error| at(dest, error))?;
        self.selection.unchanged(from, meta)?;
        if let Some(inode) = linked {
            links.insert(inode, dest.to_vec());
        }
        Ok(())
    }

    /// Makes a copy of the file at `from`.
    fn make(&self, from: &[u8], meta: &Meta, dir: &OwnedFd, name: &[u8]) -> Result<(), CopyError> {
        let tree = &self.selection.tree;
        let node = |kind, rdev| mknodat(dir, name, kind, Mode::RUSR, rdev).map_err(CopyError::io(from));
        match meta.kind {
            FileKind::File => return self.file(from, meta, dir, name),
            FileKind::Symlink => {
                let target = tree.root.read_link(from).map_err(CopyError::io(from))?;
                symlinkat(&*target, dir, name).map_err(CopyError::io(from))?;
            }
            FileKind::Fifo => node(FileType::Fifo, 0)?,
            FileKind::Char | FileKind::Block if meta.is_whiteout() => {
                return Err(CopyError::Refused {
                    path: shown(from),
                    what: "is a character device 0:0, which overlayfs takes for a whiteout",
                });
            }
            FileKind::Char => node(FileType::CharacterDevice, makedev(meta.rdev.0, meta.rdev.1))?,
            FileKind::Block => node(FileType::BlockDevice, makedev(meta.rdev.0, meta.rdev.1))?,
            // As in BuildKit: nobody listens to a copied socket.
            FileKind::Socket | FileKind::Dir => create(dir, name).map(drop).map_err(CopyError::io(from))?,
        }
        match meta.kind {
            FileKind::Symlink => self.settle_link(dir, name, meta),
            _ => self.settle(
                dir,
                name,
                self.selection.owner(meta),
                self.selection.mode(meta.mode, false),
                time(meta),
            ),
        }
        .map_err(CopyError::io(from))
    }

    /// Copies a file, with its capabilities, the only attribute in layers.
    fn file(&self, from: &[u8], meta: &Meta, dir: &OwnedFd, name: &[u8]) -> Result<(), CopyError> {
        let source = open(&self.selection.tree, from)?;
        let copy = || -> io::Result<()> {
            let file = create(dir, name)?;
            libtree::copy::copy_bytes(&source, &file, meta.size)?;
            self.settle(
                &file,
                b"",
                self.selection.owner(meta),
                self.selection.mode(meta.mode, false),
                time(meta),
            )?;
            if let Some(value) = xattr::get_of(&source, xattr::CAPABILITY)? {
                // This comes last, because a change of owner removes it.
                fsetxattr(&file, xattr::CAPABILITY, &value, XattrFlags::empty())?;
            }
            Ok(())
        };
        copy().map_err(CopyError::io(from))
    }

    /// Writes a directory of a source. An implied one that exists gets the mode, and keeps owner and time.
    fn sub_directory(&mut self, dest: &[u8], meta: &Meta, implied: bool) -> Result<(), CopyError> {
        let (dir, name) = self.parent(dest)?;
        let mode = self.selection.mode(meta.mode, true);
        match Meta::at(&dir, name) {
            Ok(there) if there.is_dir() && implied => {
                return chmodat(&dir, name, Mode::from_raw_mode(mode), AtFlags::empty())
                    .map_err(CopyError::io(dest));
            }
            Ok(there) if there.is_dir() => {}
            Ok(_) => return Err(not_a_directory(dest)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                mkdirat(&dir, name, Mode::RWXU).map_err(CopyError::io(dest))?;
            }
            Err(error) => return Err(CopyError::io(dest)(error)),
        }
        let time = (meta.mtime, meta.mtime_ns);
        self.settle(&dir, name, self.selection.owner(meta), mode, time).map_err(CopyError::io(dest))?;
        self.times.insert(dest.to_vec(), time);
        Ok(())
    }

    fn hard_link(&mut self, first: &[u8], dest: &[u8]) -> Result<(), CopyError> {
        let (dir, name) = self.make_room(dest)?;
        let (first_dir, first_name) = self.root.parent(first).map_err(CopyError::io(first))?;
        linkat(&first_dir, &*first_name, &dir, name, AtFlags::empty()).map_err(CopyError::io(dest))
    }

    /// Opens the directory of `dest`, and removes the file that would be replaced.
    fn make_room<'n>(&mut self, dest: &'n [u8]) -> Result<(Rc<OwnedFd>, &'n [u8]), CopyError> {
        let (dir, name) = self.parent(dest)?;
        match Meta::at(&dir, name) {
            Ok(there) if there.is_dir() => Err(CopyError::InTheWay(format!(
                "cannot replace to directory {} with file; remove it first, or choose another destination",
                shown(dest)
            ))),
            Ok(_) => {
                unlinkat(&dir, name, AtFlags::empty()).map_err(CopyError::io(dest))?;
                Ok((dir, name))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok((dir, name)),
            Err(error) => Err(CopyError::io(dest)(error)),
        }
    }

    /// The directory of `dest`, which exists, and its name in it.
    fn parent<'n>(&mut self, dest: &'n [u8]) -> Result<(Rc<OwnedFd>, &'n [u8]), CopyError> {
        let (above, name) = split(dest);
        if let Some((_, dir)) = self.open.as_ref().filter(|(path, _)| path == above) {
            return Ok((Rc::clone(dir), name));
        }
        let dir = Rc::new(self.root.open_dir(above).map_err(CopyError::io(dest))?);
        self.remember(above, &dir).map_err(CopyError::io(dest))?;
        self.open = Some((above.to_vec(), Rc::clone(&dir)));
        Ok((dir, name))
    }

    /// Remembers the time of a directory before the first change in it.
    fn remember(&mut self, path: &[u8], dir: &OwnedFd) -> io::Result<()> {
        if !self.times.contains_key(path) {
            let meta = Meta::of(dir)?;
            self.times.insert(path.to_vec(), (meta.mtime, meta.mtime_ns));
        }
        Ok(())
    }

    /// Sets owner, mode and time, in an order in which none undoes another. With an empty name it is the open file
    /// `at`.
    fn settle(
        &self,
        at: impl AsFd,
        name: &[u8],
        (uid, gid): (u32, u32),
        mode: u32,
        time: (i64, u32),
    ) -> io::Result<()> {
        self.root.owners().set(&at, name, uid, gid)?;
        let mode = Mode::from_raw_mode(mode);
        match name.is_empty() {
            true => fchmod(&at, mode)?,
            false => chmodat(&at, name, mode, AtFlags::empty())?,
        }
        set_time(at, name, time)
    }

    fn settle_link(&self, dir: &OwnedFd, name: &[u8], meta: &Meta) -> io::Result<()> {
        let (uid, gid) = self.selection.owner(meta);
        self.root.owners().set(dir, name, uid, gid)?;
        set_time(dir, name, time(meta))
    }

    fn finish(self) -> Result<(), CopyError> {
        for (path, time) in self.times.iter().rev() {
            let dir = self.root.open_dir(path).map_err(CopyError::io(path))?;
            set_time(&dir, b".", *time).map_err(CopyError::io(path))?;
        }
        Ok(())
    }
}

fn time(meta: &Meta) -> (i64, u32) {
    (meta.mtime, meta.mtime_ns)
}

fn at(dest: &[u8], error: CopyError) -> CopyError {
    match error {
        CopyError::Io { error, .. } => CopyError::io(dest)(error),
        other => other,
    }
}

fn not_a_directory(path: &[u8]) -> CopyError {
    let path = shown(path);
    CopyError::InTheWay(format!(
        "cannot copy to non-directory: {}; remove it first",
        path.trim_end_matches('/')
    ))
}

/// The reason that `target` is not a directory, or not in one.
fn no_directory(target: &[u8], error: io::Error) -> CopyError {
    match error.kind() {
        io::ErrorKind::NotADirectory => not_a_directory(target),
        _ => CopyError::io(target)(error),
    }
}

fn open_dir(dir: &OwnedFd, name: &[u8]) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(dir, name, flags, Mode::empty())?)
}

fn create(dir: &OwnedFd, name: &[u8]) -> Result<File, Errno> {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(dir, name, flags, Mode::RUSR | Mode::WUSR)?.into())
}
