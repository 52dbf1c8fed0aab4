//! Writes tar canonically. If ustar can express an entry, the bytes are those of GNU tar with `--format=ustar
//! --numeric-owner` and no owner names. A pax header is written only if ustar cannot.

use super::{BLOCK, Entry, EntryKind, pax};
use crate::holes::{Piece, Pieces, ZEROS};
use std::io::{self, Read, Write};

/// The largest number in an 8-byte octal field.
const MAX_ID: u64 = 0o7_777_777;
/// The largest number in a 12-byte octal field.
const MAX_LONG: u64 = 0o77_777_777_777;

/// Writes entries, and then the end marker by [`Writer::finish`]. Without that the archive lacks its end marker, and
/// readers refuse it: the output of a failed producer must not look complete.
pub struct Writer<W> {
    output: W,
    written: u64,
}

impl<W: Write> Writer<W> {
    /// Writes to `output`, which should be buffered.
    pub fn new(output: W) -> Self {
        Self { output, written: 0 }
    }

    /// Appends an entry. `body` must have exactly `entry.size` bytes. Fewer or more mean that the file changed, which
    /// is an error.
    pub fn append(&mut self, entry: &Entry, body: &mut dyn Read) -> io::Result<()> {
        self.begin(entry)?;
        let copied = io::copy(&mut body.take(entry.size), &mut Counted(self))?;
        if copied != entry.size || body.read(&mut [0])? != 0 {
            return Err(changed());
        }
        self.end()
    }

    /// Like [`Writer::append`], for a body with known holes. `buffer` is for its data.
    pub fn append_pieces(
        &mut self,
        entry: &Entry,
        body: &mut dyn Pieces,
        buffer: &mut [u8],
    ) -> io::Result<()> {
        self.begin(entry)?;
        let mut left = Some(entry.size);
        while let Some(rest) = left {
            left = match body.next(buffer)? {
                Piece::Data(0) if rest == 0 => return self.end(),
                Piece::Data(0) => None,
                Piece::Data(read) => {
                    self.put(&buffer[..read])?;
                    rest.checked_sub(read as u64)
                }
                Piece::Hole(length) => {
                    self.zeros(length.min(rest))?;
                    rest.checked_sub(length)
                }
            };
        }
        Err(changed())
    }

    /// The number of bytes written so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Begins an entry. The caller passes its `entry.size` bytes to [`Writer::data`] and then calls [`Writer::end`].
    /// This is for a body that goes to several archives.
    pub fn begin(&mut self, entry: &Entry) -> io::Result<()> {
        let mut name = entry.path.clone();
        if entry.kind == EntryKind::Dir && !name.ends_with(b"/") {
            name.push(b'/');
        }
        let records = pax_records(entry, &name);
        if !records.is_empty() {
            self.pax_header(&records)?;
        }
        self.put(&header(entry, &name))
    }

    /// Writes some of the body of the current entry.
    pub fn data(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.put(bytes)
    }

    /// Ends the current entry.
    pub fn end(&mut self) -> io::Result<()> {
        self.pad()
    }

    /// Writes the end marker, two zero blocks, and returns the output without a flush.
    pub fn finish(mut self) -> io::Result<(W, u64)> {
        self.put(&[0; 2 * BLOCK])?;
        Ok((self.output, self.written))
    }

    fn pax_header(&mut self, records: &[u8]) -> io::Result<()> {
        let entry = Entry { size: records.len() as u64, ..Entry::new("", EntryKind::File) };
        let mut block = header(&entry, b"PaxHeaders.0/entry");
        block[156] = b'x';
        checksum(&mut block);
        self.put(&block)?;
        self.put(records)?;
        self.pad()
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.written += bytes.len() as u64;
        self.output.write_all(bytes)
    }

    fn zeros(&mut self, mut count: u64) -> io::Result<()> {
        while count > 0 {
            let length = ZEROS.len().min(usize::try_from(count).unwrap_or(usize::MAX));
            self.put(&ZEROS[..length])?;
            count -= length as u64;
        }
        Ok(())
    }

    fn pad(&mut self) -> io::Result<()> {
        let over = (self.written % BLOCK as u64) as usize;
        match over {
            0 => Ok(()),
            _ => self.put(&[0; BLOCK][over..]),
        }
    }
}

struct Counted<'a, W>(&'a mut Writer<W>);

impl<W: Write> Write for Counted<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.0.output.write(bytes)?;
        self.0.written += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.output.flush()
    }
}

fn changed() -> io::Error {
    io::Error::other("the file's size changed while it was packed")
}

/// The position where a long name is split into ustar's prefix and name.
fn split(name: &[u8]) -> Option<(&[u8], &[u8])> {
    if name.len() <= 100 {
        return Some((b"", name));
    }
    // GNU tar splits at the last slash that leaves a prefix of at most 155 bytes.
    let limit = name.len().min(156);
    let inner = &name[..limit.min(name.len() - 1)];
    let at = inner.iter().rposition(|&b| b == b'/').filter(|&at| at > 0)?;
    let (prefix, rest) = (&name[..at], &name[at + 1..]);
    (rest.len() <= 100 && prefix.len() <= 155).then_some((prefix, rest))
}

fn pax_records(entry: &Entry, name: &[u8]) -> Vec<u8> {
    let mut records: Vec<(String, Vec<u8>)> = Vec::new();
    let mut add = |key: &str, value: &[u8]| records.push((key.to_owned(), value.to_vec()));
    if entry.link.len() > 100 {
        add("linkpath", &entry.link);
    }
    if split(name).is_none() {
        add("path", name);
    }
    if entry.mtime < 0 || entry.mtime as u64 > MAX_LONG {
        add("mtime", entry.mtime.to_string().as_bytes());
    }
    if entry.size > MAX_LONG {
        add("size", entry.size.to_string().as_bytes());
    }
    for (key, id) in [("uid", entry.uid), ("gid", entry.gid)] {
        if u64::from(id) > MAX_ID {
            add(key, id.to_string().as_bytes());
        }
    }
    for (key, value) in &entry.xattrs {
        add(&format!("SCHILY.xattr.{key}"), value);
    }
    records.sort();
    records.iter().flat_map(|(key, value)| pax::record(key, value)).collect()
}

fn header(entry: &Entry, name: &[u8]) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let (prefix, short) = split(name).unwrap_or_else(|| (b"", &name[..100]));
    block[..short.len()].copy_from_slice(short);
    block[345..345 + prefix.len()].copy_from_slice(prefix);
    octal(&mut block[100..108], entry.mode.into());
    octal(&mut block[108..116], clip(entry.uid.into(), MAX_ID));
    octal(&mut block[116..124], clip(entry.gid.into(), MAX_ID));
    octal(&mut block[124..136], clip(entry.size, MAX_LONG));
    octal(&mut block[136..148], clip(u64::try_from(entry.mtime).unwrap_or(0), MAX_LONG));
    block[156] = match entry.kind {
        EntryKind::File => b'0',
        EntryKind::Hardlink => b'1',
        EntryKind::Symlink => b'2',
        EntryKind::Char => b'3',
        EntryKind::Block => b'4',
        EntryKind::Dir => b'5',
        EntryKind::Fifo => b'6',
    };
    let link = &entry.link[..entry.link.len().min(100)];
    block[157..157 + link.len()].copy_from_slice(link);
    block[257..265].copy_from_slice(b"ustar\x0000");
    octal(&mut block[329..337], entry.rdev.0.into());
    octal(&mut block[337..345], entry.rdev.1.into());
    checksum(&mut block);
    block
}

/// A value that does not fit is in the pax header, and the field is then 0.
fn clip(value: u64, max: u64) -> u64 {
    if value > max { 0 } else { value }
}

fn octal(field: &mut [u8], value: u64) {
    let digits = field.len() - 1;
    let text = format!("{value:0digits$o}");
    field[..digits].copy_from_slice(text.as_bytes());
}

fn checksum(block: &mut [u8; BLOCK]) {
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|&b| u32::from(b)).sum();
    block[148..154].copy_from_slice(format!("{sum:06o}").as_bytes());
    block[154] = 0;
}

#[cfg(test)]
mod tests {
    use super::super::Reader;
    use super::*;
    use proptest::prelude::*;

    fn entry(path: &[u8], kind: EntryKind, body: &[u8]) -> Entry {
        Entry { mode: 0o644, size: body.len() as u64, mtime: 1_700_000_000, ..Entry::new(path, kind) }
    }

    #[test]
    fn bytes_are_those_of_gnu_tar() {
        let dir = tempfile::tempdir().unwrap();
        let long = format!("{}/{}", "d".repeat(90), "f".repeat(60));
        std::fs::create_dir(dir.path().join("d".repeat(90))).unwrap();
        std::fs::write(dir.path().join(&long), "hello").unwrap();
        std::fs::write(dir.path().join("a"), "x").unwrap();
        let gnu = std::process::Command::new("tar")
            .args(["--format=ustar", "-b1", "--numeric-owner", "--owner=:0", "--group=:0", "--mode=0644"])
            .args(["--mtime=@1700000000", "--no-recursion", "-cf", "-", "-C"])
            .arg(dir.path())
            .args(["a", &"d".repeat(90), &long])
            .output()
            .unwrap();
        let mut writer = Writer::new(Vec::new());
        writer.append(&entry(b"a", EntryKind::File, b"x"), &mut &b"x"[..]).unwrap();
        writer.append(&entry("d".repeat(90).as_bytes(), EntryKind::Dir, b""), &mut io::empty()).unwrap();
        writer.append(&entry(long.as_bytes(), EntryKind::File, b"hello"), &mut &b"hello"[..]).unwrap();
        assert!(writer.finish().unwrap().0 == gnu.stdout);
    }

    #[test]
    fn another_reader_sees_the_same() {
        let long = ["d".repeat(200), "f".repeat(90)].join("/");
        let mut far = entry(long.as_bytes(), EntryKind::File, b"hello");
        (far.uid, far.gid, far.mtime) = (3_000_000, 70_000, 1 << 34);
        let mut link = entry(b"link", EntryKind::Symlink, b"");
        link.link = vec![b't'; 150];
        let mut writer = Writer::new(Vec::new());
        writer.append(&far, &mut &b"hello"[..]).unwrap();
        writer.append(&link, &mut io::empty()).unwrap();
        let (bytes, written) = writer.finish().unwrap();
        assert_eq!(bytes.len() as u64, written);
        let mut archive = ::tar::Archive::new(&bytes[..]);
        let mut entries = archive.entries().unwrap();
        let mut first = entries.next().unwrap().unwrap();
        assert_eq!(&*first.path_bytes(), long.as_bytes());
        assert_eq!(first.header().uid().unwrap(), 3_000_000);
        let mut body = String::new();
        first.read_to_string(&mut body).unwrap();
        assert_eq!(body, "hello");
        let second = entries.next().unwrap().unwrap();
        assert_eq!(second.link_name_bytes().unwrap().len(), 150);
        assert!(entries.next().is_none());
    }

    #[test]
    fn a_file_that_grew_or_shrank_is_refused() {
        let entry = entry(b"a", EntryKind::File, b"abc");
        for body in [&b"ab"[..], b"abcd"] {
            assert!(Writer::new(Vec::new()).append(&entry, &mut &*body).is_err());
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            path in proptest::collection::vec(proptest::collection::vec(1u8..=255, 1..120), 1..4),
            link in proptest::collection::vec(1u8..=255, 1..200),
            numbers in any::<(u32, u32, i32)>(),
            wide in any::<bool>(),
            xattr in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            let clean = |part: Vec<u8>| part.into_iter().map(|b| if b == b'/' { b'_' } else { b }).collect::<Vec<_>>();
            let path = path.into_iter().map(clean).collect::<Vec<_>>().join(&b'/');
            let mut entry = entry(&path, EntryKind::Symlink, b"");
            entry.link = link;
            entry.uid = numbers.0 / 2;
            entry.gid = numbers.1 / 2;
            entry.mtime = i64::from(numbers.2) << if wide { 6 } else { 0 };
            entry.xattrs.insert("security.capability".into(), xattr);
            let mut writer = Writer::new(Vec::new());
            writer.append(&entry, &mut io::empty()).unwrap();
            let (bytes, _) = writer.finish().unwrap();
            let mut reader = Reader::new(&bytes[..]);
            prop_assert_eq!(reader.next_entry().unwrap().unwrap(), entry);
            prop_assert!(reader.next_entry().unwrap().is_none());
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let mut reader = Reader::new(&bytes[..]);
            while let Ok(Some(_)) = reader.next_entry() {}
        }
    }
}
