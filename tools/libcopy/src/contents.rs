//! Digests of files' contents, computed by several threads or remembered.

use crate::Tree;
use crate::error::CopyError;
use crate::memory::{Content, Place};
use crate::selected::open;
use blake3::Hasher;
use libtree::holes::{Extents, Piece, Pieces, ZEROS};
use libtree::{FileKind, Meta, xattr};
use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Below this number of files for each thread, another thread is not worth its start.
const WORTH: usize = 64;
/// How many files a thread takes at a time.
const BATCH: usize = 16;
/// More threads would only wait for the disk.
const MOST: usize = 8;
/// The size of a read in bytes.
const BUFFER: usize = 1 << 17;

/// The buffers that a thread keeps from one file to the next.
#[derive(Default)]
pub(crate) struct Reader {
    buffer: Vec<u8>,
    place: Place,
}

/// The contents of `paths`, in order; `None` for paths that are not files.
pub(crate) fn all(tree: &Tree, paths: &[(Cow<[u8]>, &Meta)]) -> Result<Vec<Option<Content>>, CopyError> {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let threads = processors.min(MOST).min(paths.len() / WORTH);
    if threads < 2 {
        let mut reader = Reader::default();
        return paths.iter().map(|(path, meta)| reader.one(tree, path, meta)).collect();
    }
    let next = AtomicUsize::new(0);
    let work = || {
        let mut reader = Reader::default();
        let mut done = Vec::new();
        loop {
            let start = next.fetch_add(BATCH, Ordering::Relaxed);
            let Some(batch) = paths.get(start..paths.len().min(start + BATCH)).filter(|b| !b.is_empty())
            else {
                return done;
            };
            let found = batch.iter().map(|(path, meta)| reader.one(tree, path, meta));
            done.push((start, found.collect::<Result<Vec<_>, _>>()));
        }
    };
    let mut batches = thread::scope(|scope| {
        // If no more threads can be started, this one does all the work.
        let start = |_| thread::Builder::new().spawn_scoped(scope, work).ok();
        let threads: Vec<_> = (1..threads).filter_map(start).collect();
        let mut batches = work();
        for thread in threads {
            // A panic of the thread continues here, because without it there is no result.
            batches.extend(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        batches
    });
    batches.sort_by_key(|(start, _)| *start);
    let mut contents = Vec::with_capacity(paths.len());
    for (_, batch) in batches {
        contents.extend(batch?);
    }
    Ok(contents)
}

impl Reader {
    /// The content of `path`, if it is a file.
    pub fn one(&mut self, tree: &Tree, path: &[u8], meta: &Meta) -> Result<Option<Content>, CopyError> {
        if meta.kind != FileKind::File {
            return Ok(None);
        }
        if let Some(content) = tree.memory.and_then(|memory| memory.recall(meta, &mut self.place)) {
            return Ok(Some(content));
        }
        let file = open(tree, path)?;
        let content = read(&file, meta.size, &mut self.buffer).map_err(CopyError::io(path))?;
        if let Some(memory) = tree.memory {
            memory.learn(meta, content);
        }
        Ok(Some(content))
    }
}

fn read(file: &File, size: u64, buffer: &mut Vec<u8>) -> io::Result<Content> {
    let mut hasher = Hasher::new();
    let keys = xattr::list_of(file)?;
    let plain = keys.iter().all(|key| key != xattr::CAPABILITY);
    hasher.update(&attributes(&keys, |key| xattr::get_of(file, key))?);
    buffer.resize(BUFFER, 0);
    let mut extents = Extents::new(file, size);
    loop {
        match extents.next(buffer)? {
            Piece::Data(0) => return Ok(Content { digest: *hasher.finalize().as_bytes(), plain }),
            Piece::Data(read) => {
                hasher.update(&buffer[..read]);
            }
            Piece::Hole(length) => zeros(&mut hasher, length),
        }
    }
}

fn zeros(hasher: &mut Hasher, mut count: u64) {
    while count > 0 {
        let length = ZEROS.len().min(usize::try_from(count).unwrap_or(usize::MAX));
        hasher.update(&ZEROS[..length]);
        count -= length as u64;
    }
}

/// The attributes that count: their number, and then each with its lengths.
pub(crate) fn attributes(
    keys: &[String],
    value: impl Fn(&str) -> io::Result<Option<Vec<u8>>>,
) -> io::Result<Vec<u8>> {
    let (mut count, mut text) = (0u64, Vec::new());
    for key in keys.iter().filter(|key| counts(key)) {
        let Some(value) = value(key)? else { continue };
        count += 1;
        for part in [key.as_bytes(), &value] {
            text.extend_from_slice(&(part.len() as u64).to_le_bytes());
            text.extend_from_slice(part);
        }
    }
    let mut whole = count.to_le_bytes().to_vec();
    whole.append(&mut text);
    Ok(whole)
}

/// Attributes that overlayfs and this suite use internally do not count.
fn counts(key: &str) -> bool {
    let ours = key.starts_with("user.overlay.") || key.starts_with("user.stagepipe.");
    key == xattr::CAPABILITY || (key.starts_with("user.") && !ours)
}
