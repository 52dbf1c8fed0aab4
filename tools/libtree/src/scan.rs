//! Reads the metadata of everything in a tree with several threads, and returns it in the order of [`crate::walk`].
//!
//! It is for callers that need the metadata of a whole large tree. A walk asks the kernel for one file after the
//! other, but the kernel can answer several threads at once. It reads no file and follows no link.

mod order;

use crate::meta::{FileKind, Meta};
use crate::owner::Owners;
use crate::walk::Next;
use rustix::fs::{FileType, Mode, OFlags, RawDir, ResolveFlags, openat2};
use rustix::io::Errno;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// Below this number of names a second thread is not worth its start.
const ALONE: usize = 512;
/// How many names of a directory a thread takes at once.
const BATCH: usize = 512;
/// More threads only hinder each other.
const MOST: usize = 8;
/// The size of a buffer for reading a directory, in bytes.
const BUFFER: usize = 1 << 15;
/// The longest path in bytes that is passed to the kernel at once, below its limit.
const PATH: usize = 4000;

type Buffer = [MaybeUninit<u8>];

/// A path and the verdict on it.
#[derive(Debug)]
pub struct Seen<V> {
    /// The path relative to the tree's root, without a leading slash.
    pub path: Vec<u8>,
    /// Its metadata.
    pub meta: Meta,
    /// The result of `judge`.
    pub verdict: V,
}

/// Returns the verdict on a path, and whether to look into it. Several threads call it at once, in no order.
pub type Judge<'a, V> = &'a (dyn Fn(&[u8], &Meta) -> (V, Next) + Sync);

/// Scans everything below `root`, without the root itself. An error from outside `judge` has the path in its message.
pub fn scan<V: Send>(root: impl AsFd, owners: Owners, judge: Judge<V>) -> io::Result<Vec<Seen<V>>> {
    let top = Task::Read { path: Vec::new(), number: 0 };
    let scan = Scan {
        root: root.as_fd(),
        owners,
        judge,
        numbers: AtomicUsize::new(1),
        queue: Mutex::new(Queue { tasks: vec![top], busy: 0, failed: None }),
        changed: Condvar::new(),
    };
    let mut found = scan.work(ALONE);
    let threads = thread::available_parallelism().map_or(1, usize::from).min(MOST);
    if threads > 1 && !scan.queue().tasks.is_empty() {
        thread::scope(|scope| {
            // If no more threads can be started, this one does all the work.
            let start = |_| thread::Builder::new().spawn_scoped(scope, || scan.work(usize::MAX)).ok();
            let helpers: Vec<_> = (1..threads).filter_map(start).collect();
            found.extend(scan.work(usize::MAX));
            for helper in helpers {
                // A panic of the thread continues here, because without it there is no result.
                found.extend(helper.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            }
        });
    } else {
        found.extend(scan.work(usize::MAX));
    }
    let failed = scan.queue().failed.take();
    match failed {
        Some(error) => Err(error),
        None => Ok(order::in_order(found, scan.numbers.load(Relaxed))),
    }
}

struct Scan<'a, V> {
    root: BorrowedFd<'a>,
    owners: Owners,
    judge: Judge<'a, V>,
    /// The number of the next directory.
    numbers: AtomicUsize,
    queue: Mutex<Queue>,
    changed: Condvar,
}

struct Queue {
    /// The last task is taken first, so that few threads wait.
    tasks: Vec<Task>,
    /// The number of threads that may still add tasks.
    busy: usize,
    failed: Option<io::Error>,
}

enum Task {
    /// Reads the names of a directory.
    Read { path: Vec<u8>, number: usize },
    /// Reads the metadata of some names of a directory.
    Look(Arc<Directory>, Vec<Name>),
}

/// A directory whose names are being read.
struct Directory {
    fd: OwnedFd,
    path: Vec<u8>,
    number: usize,
}

struct Name {
    name: Vec<u8>,
    /// Whether it may be a directory.
    enter: bool,
}

/// Some entries of the directory with this number, in order.
struct Found<V> {
    number: usize,
    entries: Vec<Entry<V>>,
}

struct Entry<V> {
    seen: Seen<V>,
    /// Its own number, if it is a directory that is scanned.
    inside: Option<usize>,
}

impl<V: Send> Scan<'_, V> {
    /// Does tasks until none is left, or until `most` names are done.
    fn work(&self, most: usize) -> Vec<Found<V>> {
        let mut all = Vec::new();
        let (mut buffer, mut looked) = (vec![MaybeUninit::uninit(); BUFFER], 0);
        while looked < most
            && let Some((task, busy)) = self.take()
        {
            let mut more = Vec::new();
            let found = self.step(task, &mut buffer, &mut more);
            looked += found.as_ref().map_or(0, |found| found.entries.len());
            all.extend(busy.done(found, more));
        }
        all
    }

    fn step(&self, task: Task, buffer: &mut Buffer, more: &mut Vec<Task>) -> io::Result<Found<V>> {
        match task {
            Task::Look(directory, names) => self.look(&directory, names, more),
            Task::Read { path, number } => {
                let at = |error: io::Error| named(&path, &error);
                let fd = open(self.root, &path).map_err(at)?;
                let mut names = read(&fd, buffer).map_err(at)?;
                let directory = Arc::new(Directory { fd, path, number });
                while names.len() > BATCH {
                    let last = names.split_off(names.len() - BATCH);
                    more.push(Task::Look(Arc::clone(&directory), last));
                }
                self.look(&directory, names, more)
            }
        }
    }

    fn look(&self, directory: &Directory, names: Vec<Name>, more: &mut Vec<Task>) -> io::Result<Found<V>> {
        let Directory { fd, path: above, number } = directory;
        let mut entries = Vec::with_capacity(names.len());
        for Name { name, enter } in names {
            let mut path = Vec::with_capacity(above.len() + 1 + name.len());
            if !above.is_empty() {
                path.extend_from_slice(above);
                path.push(b'/');
            }
            path.extend_from_slice(&name);
            let at = |error: io::Error| named(&path, &error);
            let mut meta = Meta::at(fd, &name).map_err(at)?;
            self.owners.read(fd, &name, &mut meta).map_err(at)?;
            let (verdict, next) = (self.judge)(&path, &meta);
            let inside = (enter && next == Next::Descend && meta.kind == FileKind::Dir).then(|| {
                let number = self.numbers.fetch_add(1, Relaxed);
                more.push(Task::Read { path: path.clone(), number });
                number
            });
            entries.push(Entry { seen: Seen { path, meta, verdict }, inside });
        }
        Ok(Found { number: *number, entries })
    }

    /// Waits for the next task. `None` if all is done, or if there was an error.
    fn take(&self) -> Option<(Task, Busy<'_, '_, V>)> {
        let mut queue = self.queue();
        loop {
            if queue.failed.is_some() {
                return None;
            }
            if let Some(task) = queue.tasks.pop() {
                queue.busy += 1;
                return Some((task, Busy(self)));
            }
            if queue.busy == 0 {
                return None;
            }
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Nothing panics while it is locked.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Marks a thread as busy, until it is dropped, also by a panic. The others then do not wait for it.
struct Busy<'a, 'b, V: Send>(&'a Scan<'b, V>);

impl<V: Send> Busy<'_, '_, V> {
    fn done(self, found: io::Result<Found<V>>, more: Vec<Task>) -> Option<Found<V>> {
        let mut queue = self.0.queue();
        queue.tasks.extend(more);
        found.map_err(|error| queue.failed = Some(error)).ok()
    }
}

impl<V: Send> Drop for Busy<'_, '_, V> {
    fn drop(&mut self) {
        self.0.queue().busy -= 1;
        self.0.changed.notify_all();
    }
}

fn named(path: &[u8], error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", String::from_utf8_lossy(path)))
}

/// Opens a directory by its path below `root`, without following any link. The path may be longer than the kernel
/// accepts at once.
pub(crate) fn open(root: BorrowedFd<'_>, path: &[u8]) -> io::Result<OwnedFd> {
    let mut rest = path;
    let mut dir: Option<OwnedFd> = None;
    loop {
        let cut = match rest.get(..PATH) {
            Some(start) => start.iter().rposition(|&byte| byte == b'/').unwrap_or(rest.len()),
            None => rest.len(),
        };
        let (part, after) = rest.split_at(cut);
        let next = open_part(dir.as_ref().map_or(root, AsFd::as_fd), part)?;
        let Some(after) = after.strip_prefix(b"/") else { return Ok(next) };
        (dir, rest) = (Some(next), after);
    }
}

fn open_part(dir: BorrowedFd<'_>, path: &[u8]) -> io::Result<OwnedFd> {
    let path = if path.is_empty() { b"." } else { path };
    let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    loop {
        match openat2(dir, path, flags, Mode::empty(), resolve) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            other => return Ok(other?),
        }
    }
}

/// The names in a directory, sorted.
fn read(dir: &OwnedFd, buffer: &mut Buffer) -> io::Result<Vec<Name>> {
    let mut reader = RawDir::new(dir, buffer);
    let mut names = Vec::new();
    while let Some(entry) = reader.next() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if !matches!(name, b"." | b"..") {
            let enter = matches!(entry.file_type(), FileType::Directory | FileType::Unknown);
            names.push(Name { name: name.to_vec(), enter });
        }
    }
    names.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::walk;
    use std::fs;
    use std::path::Path;

    fn paths(root: &Path, judge: Judge<()>) -> Vec<Vec<u8>> {
        let dir = fs::File::open(root).unwrap();
        scan(dir, Owners::Real, judge).unwrap().into_iter().map(|seen| seen.path).collect()
    }

    fn walked(root: &Path) -> Vec<Vec<u8>> {
        let mut paths = Vec::new();
        walk::walk::<io::Error>(fs::File::open(root).unwrap(), Owners::Real, &mut |entry| {
            paths.push(entry.path.to_vec());
            Ok(Next::Descend)
        })
        .unwrap();
        paths
    }

    fn fill(root: &Path, files: &[&str]) {
        for file in files {
            let file = root.join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "").unwrap();
        }
    }

    #[test]
    fn the_order_is_that_of_a_walk() {
        let dir = tempfile::tempdir().unwrap();
        fill(dir.path(), &["a/x", "a/b/y", "a-b/z", "a.c/z", "a0", "b", "a-/q", "a/b-c"]);
        fs::create_dir(dir.path().join("empty")).unwrap();
        std::os::unix::fs::symlink("a", dir.path().join("link")).unwrap();
        assert_eq!(paths(dir.path(), &|_, _| ((), Next::Descend)), walked(dir.path()));
    }

    #[test]
    fn large_directories_and_many_of_them_come_out_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let names: Vec<_> = (0..3 * BATCH).map(|n| format!("f{n}")).collect();
        let many: Vec<_> = (0..BATCH).map(|n| format!("d{n}/e/f")).collect();
        fill(dir.path(), &names.iter().chain(&many).map(String::as_str).collect::<Vec<_>>());
        let found = paths(dir.path(), &|_, _| ((), Next::Descend));
        assert_eq!(found.len(), 6 * BATCH);
        assert_eq!(found, walked(dir.path()));
    }

    #[test]
    fn a_tree_deeper_than_a_path_may_be_long_is_seen_whole() {
        let dir = tempfile::tempdir().unwrap();
        let name = "d".repeat(250);
        let mut at: OwnedFd = fs::File::open(dir.path()).unwrap().into();
        for _ in 0..40 {
            rustix::fs::mkdirat(&at, &*name, Mode::from_raw_mode(0o755)).unwrap();
            at = rustix::fs::openat(&at, &*name, OFlags::DIRECTORY, Mode::empty()).unwrap();
        }
        let found = paths(dir.path(), &|_, _| ((), Next::Descend));
        assert_eq!(found.iter().map(Vec::len).max(), Some(40 * 251 - 1));
    }

    #[test]
    fn a_skipped_directory_is_not_looked_into() {
        let dir = tempfile::tempdir().unwrap();
        fill(dir.path(), &["a/x", "b/y"]);
        let judge = |path: &[u8], _: &Meta| ((), if path == b"a" { Next::Skip } else { Next::Descend });
        assert_eq!(paths(dir.path(), &judge), [&b"a"[..], b"b", b"b/y"]);
    }

    #[test]
    fn a_directory_that_goes_away_is_an_error_that_names_it() {
        let dir = tempfile::tempdir().unwrap();
        fill(dir.path(), &["a/b/x"]);
        let judge = |path: &[u8], _: &Meta| {
            if path == b"a/b" {
                fs::remove_dir_all(dir.path().join("a")).unwrap();
            }
            ((), Next::Descend)
        };
        let error = scan(fs::File::open(dir.path()).unwrap(), Owners::Real, &judge).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(error.to_string().starts_with("a/b: "), "{error}");
    }

    #[test]
    #[should_panic(expected = "told to")]
    fn a_judge_that_panics_ends_the_scan() {
        let dir = tempfile::tempdir().unwrap();
        let names: Vec<_> = (0..3 * ALONE).map(|n| format!("f{n}")).collect();
        fill(dir.path(), &names.iter().map(String::as_str).collect::<Vec<_>>());
        paths(dir.path(), &|path, _| {
            assert!(path != b"f777", "told to");
            ((), Next::Descend)
        });
    }
}
