//! Reads tar strictly: what two sane readers could see differently is an error.

use super::body::Body;
use super::header;
use super::sparse::Sparse;
use super::{BLOCK, Entry, EntryKind, pax};
use std::collections::BTreeMap;
use std::io::{self, Read};

/// Extended headers and long names beyond this are refused, in bytes.
const MAX_EXTENSION: u64 = 1 << 20;
/// The largest body accepted, in bytes.
const MAX_SIZE: u64 = 1 << 40;

/// Why an archive is refused. `entry` names the last name read.
#[derive(Debug, thiserror::Error)]
pub enum TarError {
    /// Reading failed.
    #[error("cannot read the archive: {0}")]
    Io(#[from] io::Error),
    /// The archive is not what it should be.
    #[error("entry {entry:?}: {what}")]
    Bad {
        /// The entry's name, lossily.
        entry: String,
        /// What is wrong with it.
        what: String,
    },
}

/// Reads entries one after another.
pub struct Reader<R> {
    pub(super) input: R,
    /// Body bytes not read yet, and the padding behind them.
    pub(super) left: u64,
    padding: u64,
    /// Where the holes of the body are, if it has any.
    pub(super) sparse: Option<Sparse>,
    ended: bool,
    seen_any: bool,
    last: Vec<u8>,
}

#[derive(Default)]
struct Extensions {
    pax: Option<BTreeMap<String, Vec<u8>>>,
    long_name: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
}

impl<R: Read> Reader<R> {
    /// Reads from `input`, which should be buffered.
    pub fn new(input: R) -> Self {
        Self { input, left: 0, padding: 0, sparse: None, ended: false, seen_any: false, last: Vec::new() }
    }

    /// The next entry, or `None` after the last. What is unread of the former body is skipped.
    pub fn next_entry(&mut self) -> Result<Option<Entry>, TarError> {
        let mut extensions = Extensions::default();
        loop {
            self.skip_body()?;
            let Some(header) = self.read_header()? else {
                return match extensions.is_empty() {
                    true => Ok(None),
                    false => Err(self.bad("an extended header with no entry behind it")),
                };
            };
            match header[156] {
                // Some readers know these only behind the magic of POSIX or GNU.
                b'x' | b'g' | b'L' | b'K' if &header[257..262] != b"ustar" => {
                    return Err(self.bad("an extension in a header of the time before extensions"));
                }
                b'g' if !extensions.is_empty() => {
                    return Err(self.bad("a global header between an extension and its entry"));
                }
                b'S' if &header[257..265] != b"ustar  \0" => {
                    return Err(self.bad("a sparse file of GNU's kind in a header that is not GNU's"));
                }
                b'x' => self.read_pax(&header, &mut extensions)?,
                b'g' => self.check_global(&header)?,
                b'L' => {
                    let name = self.read_long(&header, extensions.long_name.is_some())?;
                    extensions.long_name = Some(name);
                }
                b'K' => {
                    let link = self.read_long(&header, extensions.long_link.is_some())?;
                    extensions.long_link = Some(link);
                }
                _ => return self.entry(&header, extensions).map(Some),
            }
        }
    }

    /// The body of the entry read last.
    pub fn body(&mut self) -> Body<'_, R> {
        Body::new(self)
    }

    /// The input, positioned behind what was read.
    pub fn get_ref(&self) -> &R {
        &self.input
    }

    /// Gives the input back, positioned behind what was read.
    pub fn into_inner(self) -> R {
        self.input
    }

    fn bad(&self, what: impl Into<String>) -> TarError {
        TarError::Bad { entry: String::from_utf8_lossy(&self.last).into_owned(), what: what.into() }
    }

    /// Skips what is unread of the entry read last, and the padding behind it; `next_entry` does that by itself.
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
        if block == [0; BLOCK] {
            self.ended = true;
            return match self.read_block()? {
                Some(second) if second != [0; BLOCK] => Err(self.bad("an entry behind half an end marker")),
                _ => Ok(None),
            };
        }
        let sum: u64 = block
            .iter()
            .enumerate()
            .map(|(at, &b)| if (148..156).contains(&at) { 32 } else { b.into() })
            .sum();
        if self.number(&block[148..156], "checksum")? != i128::from(sum) {
            return Err(self.bad("the header's checksum is wrong"));
        }
        Ok(Some(block))
    }

    fn number(&self, field: &[u8], what: &str) -> Result<i128, TarError> {
        header::number(field).ok_or_else(|| self.bad(format!("the {what} field is no octal number")))
    }

    fn read_extension(&mut self, header: &[u8; BLOCK]) -> Result<Vec<u8>, TarError> {
        let size = self.number(&header[124..136], "size")?;
        let size = u64::try_from(size).ok().filter(|&size| size <= MAX_EXTENSION);
        let size =
            size.ok_or_else(|| self.bad(format!("an extended header beyond {MAX_EXTENSION} bytes")))?;
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

    fn read_pax(&mut self, header: &[u8; BLOCK], extensions: &mut Extensions) -> Result<(), TarError> {
        let body = self.read_extension(header)?;
        let records = pax::parse(&body).map_err(|what| self.bad(what))?;
        if extensions.pax.replace(records.into_iter().collect()).is_some() {
            return Err(self.bad("two pax headers for one entry"));
        }
        Ok(())
    }

    fn check_global(&mut self, header: &[u8; BLOCK]) -> Result<(), TarError> {
        let body = self.read_extension(header)?;
        let records = pax::parse(&body).map_err(|what| self.bad(what))?;
        match records.iter().find(|(key, _)| key != "comment") {
            Some((key, _)) => Err(self.bad(format!("a global pax header that sets {key:?}"))),
            None => Ok(()),
        }
    }

    fn read_long(&mut self, header: &[u8; BLOCK], again: bool) -> Result<Vec<u8>, TarError> {
        if again {
            return Err(self.bad("two GNU long names for one entry"));
        }
        let mut bytes = self.read_extension(header)?;
        if bytes.last() == Some(&0) {
            bytes.pop();
        }
        Ok(bytes)
    }

    fn entry(&mut self, header: &[u8; BLOCK], mut extensions: Extensions) -> Result<Entry, TarError> {
        self.last = header::name(header);
        let path = extensions.take("path", Extensions::name).map_err(|what| self.bad(what))?;
        if let Some(path) = path {
            self.last = path;
        }
        let kind = match header[156] {
            b'S' if self.last.ends_with(b"/") => return Err(self.bad("a directory that is a sparse file")),
            // As before ustar; but a root that claims to be a file stays one, and is refused.
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
        };
        let link = extensions.take("linkpath", Extensions::link).map_err(|what| self.bad(what))?;
        let mut entry = Entry {
            link: link.unwrap_or_else(|| header::text(&header[157..257])),
            mode: self.number(&header[100..108], "mode")? as u32 & 0o7777,
            ..Entry::new(self.last.clone(), kind)
        };
        self.numbers(header, &extensions, &mut entry)?;
        self.attributes(extensions, &mut entry)?;
        self.check(&entry)?;
        let stored = entry.size;
        if header[156] == b'S' {
            let map = self.sparse_map(header, stored)?;
            entry.size = map.size();
            self.sparse = Some(map);
        }
        self.expect_body(stored);
        Ok(entry)
    }

    fn sparse_map(&mut self, header: &[u8; BLOCK], stored: u64) -> Result<Sparse, TarError> {
        let number = |field: &[u8]| header::number(field).and_then(|value| u64::try_from(value).ok());
        let bad = |this: &Self| this.bad("the map of a sparse file is wrong");
        let (mut map, mut more) = Sparse::of_header(header, &number).ok_or_else(|| bad(self))?;
        while more {
            let block = self.read_block()?.ok_or_else(|| bad(self))?;
            more = map.extend(&block, &number).ok_or_else(|| bad(self))?;
        }
        if map.size() > MAX_SIZE || map.stored() != stored {
            return Err(bad(self));
        }
        Ok(map)
    }

    fn numbers(&self, header: &[u8; BLOCK], ext: &Extensions, entry: &mut Entry) -> Result<(), TarError> {
        let id = |value: i128, what: &str| match u32::try_from(value) {
            Ok(id) if id != u32::MAX => Ok(id),
            _ => Err(self.bad(format!("{what} {value} is out of range"))),
        };
        entry.uid = id(self.or_pax(&header[108..116], ext, "uid")?, "uid")?;
        entry.gid = id(self.or_pax(&header[116..124], ext, "gid")?, "gid")?;
        let size = self.or_pax(&header[124..136], ext, "size")?;
        let size = u64::try_from(size).ok().filter(|&size| size <= MAX_SIZE);
        let size = size.ok_or_else(|| self.bad("the size is out of range"))?;
        entry.size = size;
        // Some readers skip such a body, some take it for the next header.
        if entry.kind != EntryKind::File && size != 0 {
            return Err(self.bad("a body on something that is not a regular file"));
        }
        (entry.mtime, entry.mtime_ns) = match ext.get("mtime") {
            Some(value) => pax::time(value).ok_or_else(|| self.bad("the pax mtime is no time"))?,
            None => (i64::try_from(self.number(&header[136..148], "mtime")?).unwrap_or(i64::MAX), 0),
        };
        if matches!(entry.kind, EntryKind::Char | EntryKind::Block) {
            let part =
                |value: i128| u32::try_from(value).map_err(|_| self.bad("the device number is out of range"));
            entry.rdev = (
                part(self.number(&header[329..337], "devmajor")?)?,
                part(self.number(&header[337..345], "devminor")?)?,
            );
        }
        Ok(())
    }

    fn or_pax(&self, field: &[u8], ext: &Extensions, key: &str) -> Result<i128, TarError> {
        match ext.get(key) {
            Some(value) => std::str::from_utf8(value)
                .ok()
                .and_then(|text| text.parse::<i64>().ok())
                .map(i128::from)
                .ok_or_else(|| self.bad(format!("the pax {key} is no number"))),
            None => self.number(field, key),
        }
    }

    fn attributes(&self, extensions: Extensions, entry: &mut Entry) -> Result<(), TarError> {
        for (key, value) in extensions.pax.unwrap_or_default() {
            if key.starts_with("GNU.sparse.") {
                return Err(self.bad("a GNU sparse file; pack it again without --sparse"));
            }
            if let Some(name) = key.strip_prefix("SCHILY.xattr.") {
                entry.xattrs.insert(name.to_owned(), value);
            }
        }
        Ok(())
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

impl Extensions {
    fn is_empty(&self) -> bool {
        self.pax.is_none() && self.long_name.is_none() && self.long_link.is_none()
    }

    fn get(&self, key: &str) -> Option<&Vec<u8>> {
        self.pax.as_ref()?.get(key)
    }

    fn name(&mut self) -> &mut Option<Vec<u8>> {
        &mut self.long_name
    }

    fn link(&mut self) -> &mut Option<Vec<u8>> {
        &mut self.long_link
    }

    /// A pax value or a GNU long name, never both.
    fn take(
        &mut self,
        key: &str,
        gnu: fn(&mut Self) -> &mut Option<Vec<u8>>,
    ) -> Result<Option<Vec<u8>>, &'static str> {
        let long = gnu(self).take();
        let pax = self.pax.as_mut().and_then(|pax| pax.remove(key));
        match (long, pax) {
            (Some(_), Some(_)) => Err("both a pax name and a GNU long name"),
            (long, pax) => Ok(pax.or(long)),
        }
    }
}
