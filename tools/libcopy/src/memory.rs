//! The contents of files at their last reading, so that an untouched file is not read again.
//!
//! A file is identified by file system, inode, size and both of its times. Only the clock can set the change time
//! back, so a file that was written has a new one, unless the write happened within one tick of the clock. A file
//! that changed within [`SETTLED`] before it was read is therefore not remembered; git calls such an entry racy. The
//! module knows no paths and reads no file.

use libtree::Meta;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How old the last change of a file must be. The coarsest clock of a file system in use ticks every two seconds.
const SETTLED: Duration = Duration::from_secs(2);
/// The start of the written form.
const MAGIC: &[u8; 8] = b"seen 1\n\0";
/// The size of an entry in bytes.
const ENTRY: usize = 88;
/// The size of the checksum at the end of the written form, in bytes.
const SUM: usize = 32;
/// After this many days without use an entry is forgotten.
const KEEP: u32 = 30;
/// A use may go unrecorded for this many days, because a memory without news is not written again.
const STALE: u32 = 7;

/// Digests of files.
#[derive(Debug)]
pub struct Memory {
    /// The entries, ordered by file.
    known: Vec<Entry>,
    learned: Mutex<Learned>,
    /// Files that changed at or after this time, in seconds and nanoseconds, are not remembered.
    settled: (i64, u32),
    today: u32,
}

/// The remembered facts about a file's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    /// A digest of its bytes and attributes.
    pub digest: [u8; 32],
    /// Whether it has no capabilities, the only attribute in layers.
    pub plain: bool,
}

/// A hint where to look first: files of one directory are usually remembered side by side.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place(usize);

#[derive(Debug, Default)]
struct Learned {
    digests: BTreeMap<File, (State, Content)>,
    /// Positions in `known` of used entries whose last recorded use is not recent.
    used: Vec<usize>,
}

/// Device, as major and minor, and inode.
type File = (u32, u32, u64);

/// The values that change with a file: size, modification time, change time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    size: u64,
    mtime: (i64, u32),
    ctime: (i64, u32),
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    file: File,
    state: State,
    /// The day of its last use, counted from 1970.
    used: u32,
    content: Content,
}

impl Memory {
    /// Reads a memory from its written form. A missing or damaged one is empty. `now` must be before the first look
    /// at a file.
    pub fn new(written: &[u8], now: SystemTime) -> Self {
        let settled = now.duration_since(UNIX_EPOCH).unwrap_or_default().saturating_sub(SETTLED);
        let days = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / 86_400;
        Self {
            known: decode(written).unwrap_or_default(),
            learned: Mutex::default(),
            settled: (i64::try_from(settled.as_secs()).unwrap_or(i64::MAX), settled.subsec_nanos()),
            today: u32::try_from(days).unwrap_or(u32::MAX),
        }
    }

    /// The remembered content of the file with this metadata.
    pub(crate) fn recall(&self, meta: &Meta, place: &mut Place) -> Option<Content> {
        let (file, state) = identify(meta);
        let at = match self.known.get(place.0).is_some_and(|entry| entry.file == file) {
            true => place.0,
            false => self.known.binary_search_by_key(&file, |entry| entry.file).ok()?,
        };
        place.0 = at + 1;
        let entry = self.known.get(at).filter(|entry| entry.state == state)?;
        if self.today.saturating_sub(entry.used) > STALE {
            self.learned().used.push(at);
        }
        Some(entry.content)
    }

    /// Remembers the content of a file. The metadata must be from before the reading.
    pub(crate) fn learn(&self, meta: &Meta, content: Content) {
        if meta.ctime < self.settled {
            let (file, state) = identify(meta);
            self.learned().digests.insert(file, (state, content));
        }
    }

    /// Whether there is anything new to write.
    pub fn has_news(&self) -> bool {
        let learned = self.learned();
        !learned.digests.is_empty() || !learned.used.is_empty()
    }

    /// The written form, together with the entries that `others` have written in the meantime.
    pub fn write(&self, others: &[u8]) -> Vec<u8> {
        let learned = self.learned();
        let today = self.today;
        let mut entries = [&self.known[..], &decode(others).unwrap_or_default()].concat();
        let used = learned.used.iter().filter_map(|&at| self.known.get(at));
        entries.extend(used.map(|entry| Entry { used: today, ..*entry }));
        let new = learned.digests.iter();
        entries.extend(new.map(|(&file, &(state, content))| Entry { file, state, content, used: today }));
        // There are about four sorted runs. The last entry for a file counts.
        entries.sort_by_key(|entry| entry.file);
        entries.dedup_by(|later, kept| {
            let same = later.file == kept.file;
            if same {
                *kept = *later;
            }
            same
        });
        entries.retain(|entry| today.saturating_sub(entry.used) <= KEEP);
        encode(entries.iter())
    }

    fn learned(&self) -> std::sync::MutexGuard<'_, Learned> {
        // A thread that panicked has left complete entries, because each digest is inserted at once.
        self.learned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn identify(meta: &Meta) -> (File, State) {
    let state = State { size: meta.size, mtime: (meta.mtime, meta.mtime_ns), ctime: meta.ctime };
    ((meta.dev.0, meta.dev.1, meta.ino), state)
}

fn encode<'a>(entries: impl ExactSizeIterator<Item = &'a Entry>) -> Vec<u8> {
    let mut out = Vec::with_capacity(MAGIC.len() + entries.len() * ENTRY + SUM);
    out.extend_from_slice(MAGIC);
    for Entry { file, state, used, content } in entries {
        out.extend_from_slice(&file.0.to_le_bytes());
        out.extend_from_slice(&file.1.to_le_bytes());
        out.extend_from_slice(&file.2.to_le_bytes());
        out.extend_from_slice(&state.size.to_le_bytes());
        for (seconds, nanoseconds) in [state.mtime, state.ctime] {
            out.extend_from_slice(&seconds.to_le_bytes());
            out.extend_from_slice(&nanoseconds.to_le_bytes());
        }
        out.extend_from_slice(&used.to_le_bytes());
        out.extend_from_slice(&u32::from(content.plain).to_le_bytes());
        out.extend_from_slice(&content.digest);
    }
    let sum = blake3::hash(&out);
    out.extend_from_slice(sum.as_bytes());
    out
}

/// `None` if it is damaged: a wrong digest would be worse than none.
fn decode(bytes: &[u8]) -> Option<Vec<Entry>> {
    let (body, sum) = bytes.split_at_checked(bytes.len().checked_sub(SUM)?)?;
    let entries = body.strip_prefix(MAGIC)?;
    if blake3::hash(body).as_bytes() != sum || !entries.len().is_multiple_of(ENTRY) {
        return None;
    }
    let entries = entries.chunks_exact(ENTRY).map(|mut bytes| {
        let file = (u32::from_le_bytes(take(&mut bytes)?), u32::from_le_bytes(take(&mut bytes)?));
        let file = (file.0, file.1, u64::from_le_bytes(take(&mut bytes)?));
        let size = u64::from_le_bytes(take(&mut bytes)?);
        let mtime = (i64::from_le_bytes(take(&mut bytes)?), u32::from_le_bytes(take(&mut bytes)?));
        let ctime = (i64::from_le_bytes(take(&mut bytes)?), u32::from_le_bytes(take(&mut bytes)?));
        let used = u32::from_le_bytes(take(&mut bytes)?);
        let plain = u32::from_le_bytes(take(&mut bytes)?) == 1;
        let content = Content { plain, digest: take(&mut bytes)? };
        Some(Entry { file, state: State { size, mtime, ctime }, used, content })
    });
    let entries: Option<Vec<_>> = entries.collect();
    entries.filter(|entries| entries.is_sorted_by(|a, b| a.file < b.file))
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*head)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400;

    fn content(byte: u8) -> Content {
        Content { digest: [byte; 32], plain: byte > 1 }
    }

    fn day(day: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(day * DAY)
    }

    /// The metadata of a file that changed `age` before day 1000.
    fn meta(name: &str, age: Duration) -> Meta {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(name), name).unwrap();
        let mut meta = Meta::of(std::fs::File::open(dir.path().join(name)).unwrap()).unwrap();
        let then = Duration::from_secs(1000 * DAY) - age;
        meta.ctime = (then.as_secs() as i64, then.subsec_nanos());
        meta.ino = name.len() as u64;
        meta
    }

    fn recall(memory: &Memory, meta: &Meta) -> Option<Content> {
        let found = memory.recall(meta, &mut Place::default());
        // The hint has no effect on the result.
        for place in 1..4 {
            assert_eq!(memory.recall(meta, &mut Place(place)), found);
        }
        found
    }

    #[test]
    fn a_file_is_known_until_anything_of_it_changes() {
        let old = meta("a", Duration::from_secs(100));
        let memory = Memory::new(b"", day(1000));
        assert!(!memory.has_news());
        memory.learn(&old, content(7));
        assert!(memory.has_news());
        let again = Memory::new(&memory.write(b""), day(1001));
        assert_eq!(recall(&again, &old), Some(content(7)));
        assert!(!again.has_news());
        let edits: [fn(&mut Meta); 8] = [
            |meta| meta.size += 1,
            |meta| meta.mtime += 1,
            |meta| meta.mtime_ns ^= 1,
            |meta| meta.ctime.0 += 1,
            |meta| meta.ctime.1 ^= 1,
            |meta| meta.ino += 1,
            |meta| meta.dev.0 += 1,
            |meta| meta.dev.1 += 1,
        ];
        for edit in edits {
            let mut other = old.clone();
            edit(&mut other);
            assert_eq!(recall(&again, &other), None, "{other:?}");
        }
    }

    #[test]
    fn a_file_that_changed_just_now_is_not_remembered() {
        let memory = Memory::new(b"", day(1000));
        for age in [SETTLED, Duration::from_millis(1), Duration::ZERO] {
            memory.learn(&meta("a", age), content(7));
            assert!(!memory.has_news(), "{age:?}");
        }
        memory.learn(&meta("a", SETTLED + Duration::from_nanos(1)), content(7));
        assert!(memory.has_news());
    }

    #[test]
    fn what_another_process_learned_meanwhile_is_kept() {
        let (a, b) = (meta("a", Duration::from_secs(9)), meta("bb", Duration::from_secs(9)));
        let (mine, theirs) = (Memory::new(b"", day(1000)), Memory::new(b"", day(1000)));
        mine.learn(&a, content(1));
        theirs.learn(&b, content(2));
        let both = Memory::new(&mine.write(&theirs.write(b"")), day(1000));
        assert_eq!((recall(&both, &a), recall(&both, &b)), (Some(content(1)), Some(content(2))));
    }

    #[test]
    fn what_nobody_asks_for_is_forgotten() {
        let (a, b) = (meta("a", Duration::from_secs(9)), meta("bb", Duration::from_secs(9)));
        let memory = Memory::new(b"", day(1000));
        memory.learn(&a, content(1));
        memory.learn(&b, content(2));
        let later = Memory::new(&memory.write(b""), day(1020));
        recall(&later, &a);
        assert!(later.has_news(), "a use after a long time is worth a note");
        let last = Memory::new(&Memory::new(&later.write(b""), day(1040)).write(b""), day(1040));
        assert_eq!((recall(&last, &a), recall(&last, &b)), (Some(content(1)), None));
    }

    #[test]
    fn a_damaged_memory_is_empty() {
        let file = meta("a", Duration::from_secs(9));
        let memory = Memory::new(b"", day(1000));
        memory.learn(&file, content(1));
        let written = memory.write(b"");
        for at in 0..written.len() {
            let mut bad = written.clone();
            bad[at] ^= 1;
            assert_eq!(recall(&Memory::new(&bad, day(1000)), &file), None, "byte {at}");
            assert_eq!(recall(&Memory::new(&written[..at], day(1000)), &file), None, "cut at {at}");
        }
        assert!(recall(&Memory::new(&written, day(1000)), &file).is_some());
    }
}
