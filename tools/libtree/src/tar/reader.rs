//! Reads tar strictly: if two sane readers could see different archives, it is an error.

use super::body::Body;
use super::extensions::{Extensions, Global};
use super::header::{DEVMAJOR, DEVMINOR, GID, Header, MODE, MTIME, Number, SIZE, UID};
use super::sparse::{PaxSparse, Sparse};
use super::{BLOCK, Entry, EntryKind, Limits, pax, shown};
use std::io::{self, Read};

/// The largest extended header or long name, in bytes.
const MAX_EXTENSION: u64 = 1 << 20;
/// The largest size of a file, in bytes, so that sums with it do not overflow. [`Limits`] are far below.
const MAX_SIZE: u64 = 1 << 62;
const WRONG_MAP: &str = "the map of a sparse file is wrong";

/// Why an archive is refused. `entry` is the last name that was read.
#[derive(Debug, thiserror::Error)]
pub enum TarError {
    /// Reading failed.
    #[error("cannot read the archive: {0}")]
    Io(#[from] io::Error),
    /// The archive is damaged or malformed.
    #[error("{}{what}", place(entry))]
    Bad {
        /// The entry's name, as by [`shown`]; empty before the first.
        entry: String,
        /// The error.
        what: String,
    },
}

fn place(entry: &str) -> String {
    if entry.is_empty() { String::new() } else { format!("entry {entry:?}: ") }
}

/// Reads entries one after another.
pub struct Reader<R> {
    pub(super) input: R,
    /// The unread bytes of the body, and the padding after them.
    pub(super) left: u64,
    padding: u64,
    /// The holes of the body, if it has any.
    pub(super) sparse: Option<Sparse>,
    global: Global,
    limits: Limits,
    /// The bytes and entries of the archive so far.
    bytes: u64,
    entries: u64,
    ended: bool,
    seen_any: bool,
    last: Vec<u8>,
}

impl<R: Read> Reader<R> {
    /// Reads from `input`, which should be buffered, with the default limits.
    pub fn new(input: R) -> Self {
        Self {
            input,
            left: 0,
            padding: 0,
            sparse: None,
            global: Global::default(),
            limits: Limits::default(),
            bytes: 0,
            entries: 0,
            ended: false,
            seen_any: false,
            last: Vec::new(),
        }
    }

    /// Reads with other limits.
    pub fn limited(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// The next entry, or `None` after the last. Skips the unread part of the last body.
    pub fn next_entry(&mut self) -> Result<Option<Entry>, TarError> {
        let mut extensions = Extensions::default();
        loop {
            self.skip_body()?;
            let Some(block) = self.read_header()? else {
                return match extensions.is_empty() {
                    true => Ok(None),
                    false => Err(self.bad("an extended header with no entry after it")),
                };
            };
            let header = Header(&block);
            match header.typeflag() {
                // Some readers know these only after the magic of POSIX or GNU.
                b'x' | b'g' | b'L' | b'K' if !header.is_ustar() => {
                    return Err(self.bad("an extension in a header of the time before extensions"));
                }
                b'g' if !extensions.is_empty() => {
                    return Err(self.bad("a global header between an extension and its entry"));
                }
                b'S' if !header.is_gnu() => {
                    return Err(self.bad("a sparse file of GNU's kind in a header that is not GNU's"));
                }
                b'x' | b'g' | b'L' | b'K' => {
                    let body = self.read_extension(&header)?;
                    self.extend(header.typeflag(), body, &mut extensions).map_err(|what| self.bad(what))?;
                }
                _ => return self.entry(&header, extensions).map(Some),
            }
        }
    }

    /// Adds the body of a header that extends later entries.
    fn extend(&mut self, kind: u8, mut body: Vec<u8>, extensions: &mut Extensions) -> Result<(), String> {
        match kind {
            b'x' => extensions.set_pax(pax::parse(&body)?)?,
            b'g' => self.global.add(pax::parse(&body)?)?,
            _ => {
                body.pop_if(|last| *last == 0);
                let set = if kind == b'L' { Extensions::set_name } else { Extensions::set_link };
                set(extensions, body)?;
            }
        }
        Ok(())
    }

    /// Reads the bytes after the end marker, which are part of the archive but have no meaning.
    pub fn drain(&mut self) -> Result<(), TarError> {
        let left = self.limits.bytes.saturating_sub(self.bytes).saturating_add(1);
        let drained = io::copy(&mut (&mut self.input).take(left), &mut io::sink())?;
        self.ask(drained)
    }

    /// The body of the last entry.
    pub fn body(&mut self) -> Body<'_, R> {
        Body::new(self)
    }

    /// The input, positioned after the bytes that were read.
    pub fn get_ref(&self) -> &R {
        &self.input
    }

    /// Returns the input, positioned after the bytes that were read.
    pub fn into_inner(self) -> R {
        self.input
    }

    fn bad(&self, what: impl Into<String>) -> TarError {
        TarError::Bad { entry: shown(&self.last), what: what.into() }
    }

    /// Skips the unread part of the last entry, and the padding after it. `next_entry` does this itself.
    pub fn skip_body(&mut self) -> Result<(), TarError> {
        let skip = self.left + self.padding;
        let skipped = io::copy(&mut (&mut self.input).take(skip), &mut io::sink())?;
        if skipped != skip {
            return Err(self.bad("the archive is cut off in this entry"));
        }
        (self.left, self.padding, self.sparse) = (0, 0, None);
        Ok(())
    }

    fn read_block(&mut self) -> Result<Option<[u8; BLOCK]>, TarError> {
        let mut block = [0; BLOCK];
        let mut filled = 0;
        while filled < BLOCK {
            match self.input.read(&mut block[filled..]) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(self.bad("the archive is cut off in a header")),
                Ok(n) => filled += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Some(block))
    }

    fn read_header(&mut self) -> Result<Option<[u8; BLOCK]>, TarError> {
        if self.ended {
            return Ok(None);
        }
        let Some(block) = self.read_block()? else {
            self.ended = true;
            return match self.seen_any {
                true => Ok(None),
                false => Err(self.bad("the archive is empty: not even an end marker")),
            };
        };
        self.seen_any = true;
        let header = Header(&block);
        if header.is_end() {
            self.ended = true;
            return match self.read_block()? {
                Some(second) if !Header(&second).is_end() => {
                    Err(self.bad("an entry after half an end marker"))
                }
                _ => Ok(None),
            };
        }
        self.last = header.name();
        match header.has_checksum() {
            true => Ok(Some(block)),
            false => Err(self.bad("the header's checksum is wrong")),
        }
    }

    fn number(&self, header: &Header, field: &Number) -> Result<i128, TarError> {
        header.number(field).ok_or_else(|| self.bad(format!("the {} field is not an octal number", field.0)))
    }

    /// Counts further bytes of the archive.
    fn ask(&mut self, bytes: u64) -> Result<(), TarError> {
        self.bytes = self.bytes.saturating_add(bytes);
        let checked = self.limits.check(self.bytes, self.entries);
        checked.map_err(|what| self.bad(format!("with it the archive unpacks to {what}")))
    }

    fn read_extension(&mut self, header: &Header) -> Result<Vec<u8>, TarError> {
        let size = self.number(header, &SIZE)?;
        let size = u64::try_from(size).ok().filter(|&size| size <= MAX_EXTENSION);
        let size =
            size.ok_or_else(|| self.bad(format!("an extended header beyond {MAX_EXTENSION} bytes")))?;
        self.ask(size + BLOCK as u64)?;
        self.expect_body(size);
        let mut bytes = Vec::new();
        self.body().read_to_end(&mut bytes)?;
        if bytes.len() as u64 != size {
            return Err(self.bad("the archive is cut off in an extended header"));
        }
        Ok(bytes)
    }

    fn expect_body(&mut self, size: u64) {
        self.left = size;
        self.padding = size.next_multiple_of(BLOCK as u64) - size;
    }

    fn entry(&mut self, header: &Header, mut extensions: Extensions) -> Result<Entry, TarError> {
        let sparse = extensions.sparse().map_err(|what| self.bad(what))?;
        let path = extensions.name().map_err(|what| self.bad(what))?;
        if let Some(path) = sparse.as_ref().and_then(|sparse| sparse.name.clone()).or(path) {
            self.last = path;
        }
        let kind = self.kind(header.typeflag())?;
        if sparse.is_some() && (kind != EntryKind::File || header.typeflag() == b'S') {
            return Err(self.bad("a sparse file that is not a regular file"));
        }
        let link = extensions.link().map_err(|what| self.bad(what))?;
        let mut entry = Entry {
            link: link.unwrap_or_else(|| header.linkname()),
            mode: self.number(header, &MODE)? as u32 & 0o7777,
            xattrs: extensions.xattrs(&self.global),
            ..Entry::new(self.last.clone(), kind)
        };
        self.numbers(header, &extensions, &mut entry)?;
        self.check(&entry)?;
        let stored = entry.size;
        self.expect_body(stored);
        self.sparse = match sparse {
            Some(sparse) => Some(self.pax_map(sparse)?),
            None if header.typeflag() == b'S' => Some(self.header_map(header, stored)?),
            None => None,
        };
        entry.size = self.sparse.as_ref().map_or(stored, Sparse::size);
        self.entries += 1;
        self.ask(entry.size)?;
        Ok(entry)
    }

    fn kind(&self, typeflag: u8) -> Result<EntryKind, TarError> {
        Ok(match typeflag {
            b'S' if self.last.ends_with(b"/") => return Err(self.bad("a directory that is a sparse file")),
            // The convention before ustar. But a root that claims to be a file stays one, and is refused.
            b'0' | 0 | b'7' if self.last.ends_with(b"/") && self.last.iter().any(|&b| b != b'/') => {
                EntryKind::Dir
            }
            b'0' | 0 | b'7' | b'S' => EntryKind::File,
            b'1' => EntryKind::Hardlink,
            b'2' => EntryKind::Symlink,
            b'3' => EntryKind::Char,
            b'4' => EntryKind::Block,
            b'5' => EntryKind::Dir,
            b'6' => EntryKind::Fifo,
            other => return Err(self.bad(format!("unknown entry type {:?}", char::from(other)))),
        })
    }

    fn header_map(&mut self, header: &Header, stored: u64) -> Result<Sparse, TarError> {
        let bad = |this: &Self| this.bad(WRONG_MAP);
        let mut map = Sparse::of_header(header).ok_or_else(|| bad(self))?;
        let mut more = header.has_more_parts();
        while more {
            let block = self.read_block()?.ok_or_else(|| bad(self))?;
            more = map.extend(&block).ok_or_else(|| bad(self))?;
        }
        self.fitting(map, stored)
    }

    fn pax_map(&mut self, sparse: PaxSparse) -> Result<Sparse, TarError> {
        let stored = self.left;
        let (map, taken) = match sparse.read_map(&mut self.body()) {
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(error.into()),
            map => map.ok().flatten().ok_or_else(|| self.bad(WRONG_MAP))?,
        };
        self.fitting(map, stored - taken)
    }

    /// The map, if it fits a file for which the archive has `stored` bytes.
    fn fitting(&self, map: Sparse, stored: u64) -> Result<Sparse, TarError> {
        match map.size() <= MAX_SIZE && map.stored() == stored {
            true => Ok(map),
            false => Err(self.bad(WRONG_MAP)),
        }
    }

    fn numbers(&self, header: &Header, ext: &Extensions, entry: &mut Entry) -> Result<(), TarError> {
        let id = |field: &Number| {
            let value = self.or_pax(header, ext, field)?;
            let id = u32::try_from(value).ok().filter(|&id| id != u32::MAX);
            id.ok_or_else(|| self.bad(format!("{} {value} is out of range", field.0)))
        };
        (entry.uid, entry.gid) = (id(&UID)?, id(&GID)?);
        let size = self.or_pax(header, ext, &SIZE)?;
        let size = u64::try_from(size).ok().filter(|&size| size <= MAX_SIZE);
        entry.size = size.ok_or_else(|| self.bad("the size is out of range"))?;
        // Some readers skip such a body, others read it as the next header.
        if entry.kind != EntryKind::File && entry.size != 0 {
            return Err(self.bad("a body on something that is not a regular file"));
        }
        (entry.mtime, entry.mtime_ns) = match ext.get("mtime", &self.global) {
            Some(value) => pax::time(value).ok_or_else(|| self.bad("the pax mtime is not a time"))?,
            None => (i64::try_from(self.number(header, &MTIME)?).unwrap_or(i64::MAX), 0),
        };
        if matches!(entry.kind, EntryKind::Char | EntryKind::Block) {
            let part = |field: &Number| {
                let value = self.number(header, field)?;
                u32::try_from(value).map_err(|_| self.bad("the device number is out of range"))
            };
            entry.rdev = (part(&DEVMAJOR)?, part(&DEVMINOR)?);
        }
        Ok(())
    }

    fn or_pax(&self, header: &Header, ext: &Extensions, field: &Number) -> Result<i128, TarError> {
        let Some(value) = ext.get(field.0, &self.global) else { return self.number(header, field) };
        let number = std::str::from_utf8(value).ok().and_then(|text| text.parse::<i64>().ok());
        number.map(i128::from).ok_or_else(|| self.bad(format!("the pax {} is not a number", field.0)))
    }

    fn check(&self, entry: &Entry) -> Result<(), TarError> {
        let long =
            |bytes: &[u8]| bytes.len() > 4096 || bytes.split(|&b| b == b'/').any(|part| part.len() > 255);
        if entry.path.is_empty() || entry.path.contains(&0) || entry.link.contains(&0) {
            return Err(self.bad("a name that is empty or has a NUL in it"));
        }
        if long(&entry.path) || entry.link.len() > 4096 {
            return Err(self.bad("a name beyond 4096 bytes, or with a part beyond 255"));
        }
        if matches!(entry.kind, EntryKind::Hardlink | EntryKind::Symlink) && entry.link.is_empty() {
            return Err(self.bad("a link with no target"));
        }
        Ok(())
    }
}
