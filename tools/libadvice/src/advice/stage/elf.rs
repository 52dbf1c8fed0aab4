//! The needs of an ELF program or library: its interpreter and libraries. It reads headers, the dynamic section and
//! its strings, within limits. A damaged file has no known needs.

use object::elf::{self, FileHeader32, FileHeader64};
use object::read::elf::{Dyn, FileHeader, ProgramHeader};
use object::read::{ReadCache, ReadRef};
use object::{Endian, Endianness};
use std::io::{Read, Seek};

/// How many program headers and dynamic entries are read. Real files have about ten, and some hundred.
const MAX_HEADERS: u16 = 256;
const MAX_DYNAMIC: u64 = 64 << 10;
const MAX_STRING: u64 = 4096;
const MAX_NEEDED: usize = 512;

/// The needs of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Elf {
    /// Its machine: 32 or 64 bits, byte order, and the processor's number.
    pub(super) machine: (bool, bool, u16),
    /// PT_INTERP: the dynamic linker of a program.
    pub(super) interpreter: Option<Vec<u8>>,
    /// DT_NEEDED: libraries, mostly names without a slash.
    pub(super) needed: Vec<Vec<u8>>,
    /// DT_RPATH, which the libraries that it loads inherit. `None` if there is a DT_RUNPATH.
    pub(super) rpath: Option<Vec<u8>>,
    /// DT_RUNPATH.
    pub(super) runpath: Option<Vec<u8>>,
}

/// Reads the needs of `file`; `None` if it is not a readable ELF file.
pub(super) fn read(file: impl Read + Seek) -> Option<Elf> {
    let cache = ReadCache::new(file);
    let ident = (&cache).read_bytes_at(0, 5).ok()?;
    match (ident.strip_prefix(&elf::ELFMAG)?, &cache) {
        ([1], data) => of::<FileHeader32<Endianness>, _>(data),
        ([2], data) => of::<FileHeader64<Endianness>, _>(data),
        _ => None,
    }
}

fn of<'a, H: FileHeader<Endian = Endianness>, R: ReadRef<'a>>(data: R) -> Option<Elf> {
    let header = H::parse(data).ok()?;
    let endian = header.endian().ok()?;
    let mut elf = Elf {
        machine: (header.is_class_64(), endian.is_big_endian(), header.e_machine(endian).0),
        ..Elf::default()
    };
    if header.e_phnum(endian) > MAX_HEADERS {
        return None;
    }
    let segments = header.program_headers(endian, data).ok()?;
    let is = |segment: &&H::ProgramHeader, kind| segment.p_type(endian) == kind;
    if let Some(segment) = segments.iter().find(|segment| is(segment, elf::PT_INTERP)) {
        let (offset, size) = segment.file_range(endian);
        let end = offset.checked_add(size.min(MAX_STRING))?;
        elf.interpreter = Some(data.read_bytes_at_until(offset..end, 0).ok()?.to_vec());
    }
    let Some(segment) = segments.iter().find(|segment| is(segment, elf::PT_DYNAMIC)) else {
        return Some(elf);
    };
    if segment.p_filesz(endian).into() > MAX_DYNAMIC {
        return None;
    }
    let entries = segment.dynamic(endian, data).ok()??;
    let values = |tag| {
        let ended = |entry: &&H::Dyn| entry.tag(endian) != elf::DT_NULL;
        entries
            .iter()
            .take_while(ended)
            .filter(move |entry| entry.tag(endian) == tag)
            .map(|entry| entry.val(endian))
    };
    let strings = Strings::<H, R> {
        data,
        endian,
        segments,
        table: values(elf::DT_STRTAB).next()?,
        size: values(elf::DT_STRSZ).next()?,
    };
    let needed = values(elf::DT_NEEDED).take(MAX_NEEDED);
    elf.needed = needed.map(|at| strings.at(at)).collect::<Option<_>>()?;
    elf.rpath = values(elf::DT_RPATH).next().and_then(|at| strings.at(at));
    elf.runpath = values(elf::DT_RUNPATH).next().and_then(|at| strings.at(at));
    Some(elf)
}

/// The strings of a dynamic section, found through the segment that loads them.
struct Strings<'a, H: FileHeader, R> {
    data: R,
    endian: H::Endian,
    segments: &'a [H::ProgramHeader],
    table: u64,
    size: u64,
}

impl<'a, H: FileHeader, R: ReadRef<'a>> Strings<'a, H, R> {
    fn at(&self, offset: u64) -> Option<Vec<u8>> {
        let address = self.table.checked_add(offset).filter(|_| offset < self.size)?;
        let loaded = self.segments.iter().filter(|segment| segment.p_type(self.endian) == elf::PT_LOAD);
        let (start, end) = loaded.into_iter().find_map(|segment| {
            let (file, size) = segment.file_range(self.endian);
            let within = address.checked_sub(segment.p_vaddr(self.endian).into())?;
            Some((file.checked_add(within)?, file.checked_add(size)?)).filter(|_| within < size)
        })?;
        let end = end.min(start.checked_add((self.size - offset).min(MAX_STRING))?);
        self.data.read_bytes_at_until(start..end, 0).ok().map(<[u8]>::to_vec)
    }
}
