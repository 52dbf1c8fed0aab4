//! Facts that determine the needs of files: the ELF headers of programs and libraries, the first line of scripts, the
//! imports of Python sources. Each layer is read once, one file at a time, and only the facts are kept.

use super::elf::{self, Elf};
use super::survey::{Class, Survey};
use libcli::Failure;
use libimage::entries::{self, Part};
use libimage::layer::Act;
use libimage::source::Opened;
use std::collections::{BTreeSet, HashMap};
use std::io::{self, Read, Seek, SeekFrom, Write};

/// The longest line of `#!` that a kernel reads.
const LINE: usize = 256;
/// Python sources larger than this are data.
const MAX_SOURCE: u64 = 4 << 20;
/// The largest number of imported names that are kept.
const MAX_NAMES: usize = 100_000;

/// The facts of the files that may be copied, by inode.
#[derive(Default)]
pub(super) struct Facts {
    pub(super) elf: HashMap<u32, Elf>,
    /// The text after `#!`.
    pub(super) scripts: HashMap<u32, Vec<u8>>,
    /// The modules that Python sources import, by their first name.
    pub(super) imports: BTreeSet<Vec<u8>>,
}

/// Reads the programs and Python sources above the base that are the author's, or may turn out to be. A layer without
/// any, such as one of packages, is not read again.
pub(super) fn read(opened: &Opened, survey: &Survey) -> Result<Facts, Failure> {
    let ledger = survey.tree.ledger;
    let mut layers: BTreeSet<u16> = BTreeSet::new();
    let mut wanted: HashMap<u32, bool> = HashMap::new();
    for (place, class) in survey.all() {
        let Some(put) = survey.tree.above(place).filter(|put| survey.is_file(put)) else { continue };
        let name = ledger.places.name(place);
        let runs = put.mode & 0o111 > 0 || name.windows(3).any(|part| part == b".so");
        let own = matches!(class, Class::Own | Class::Built);
        let python = own && name.ends_with(b".py");
        let Some(inode) = ledger.inode(put).filter(|inode| inode.program || python) else { continue };
        if own || (runs && matches!(class, Class::Cache | Class::Source)) {
            *wanted.entry(put.inode).or_default() |= python;
            layers.insert(inode.layer);
        }
    }
    let mut facts = Facts::default();
    for layer in layers {
        entries::each(opened, ledger, layer.into(), |part, entry, body| match part {
            Part::Put(_, put) if put.act == Act::File => match wanted.get(&put.inode) {
                Some(&python) => facts.add(put.inode, python && entry.size <= MAX_SOURCE, body),
                None => Ok(()),
            },
            _ => Ok(()),
        })?;
    }
    Ok(facts)
}

impl Facts {
    fn add(&mut self, inode: u32, python: bool, body: &mut dyn Read) -> io::Result<()> {
        let mut head = Vec::with_capacity(LINE);
        body.take(LINE as u64).read_to_end(&mut head)?;
        if head.starts_with(b"\x7fELF") {
            let elf = spooled(&head, body)?;
            self.elf.extend(elf.map(|elf| (inode, elf)));
        } else if let Some(line) = head.strip_prefix(b"#!") {
            let line = line.split(|&byte| byte == b'\n').next().unwrap_or_default();
            self.scripts.insert(inode, line.to_vec());
        }
        if python {
            body.read_to_end(&mut head)?;
            for line in head.split(|&byte| byte == b'\n') {
                if self.imports.len() < MAX_NAMES {
                    self.imports.extend(imported(line));
                }
            }
        }
        Ok(())
    }
}

/// Reads an ELF file, which needs random access.
fn spooled(head: &[u8], body: &mut dyn Read) -> io::Result<Option<Elf>> {
    let mut file = tempfile::tempfile()?;
    file.write_all(head)?;
    io::copy(body, &mut file)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(elf::read(file))
}

/// The modules that a line of Python imports: `import a.b, c as d`, `from e.f import g`.
fn imported(line: &[u8]) -> Vec<Vec<u8>> {
    let Ok(line) = std::str::from_utf8(line) else { return Vec::new() };
    let first = |name: &str| {
        let name = name.split_whitespace().next()?.split('.').next()?;
        let word = |c: char| c.is_alphanumeric() || c == '_';
        (!name.is_empty() && name.chars().all(word)).then(|| name.as_bytes().to_vec())
    };
    match line.trim().split_once(char::is_whitespace) {
        Some(("import", names)) => {
            names.split(';').next().unwrap_or_default().split(',').filter_map(first).collect()
        }
        Some(("from", names)) if names.contains(" import ") => first(names).into_iter().collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_python_tells_what_it_imports() {
        let names = |line: &str| {
            imported(line.as_bytes())
                .into_iter()
                .map(|name| String::from_utf8(name).unwrap())
                .collect::<Vec<_>>()
        };
        assert_eq!(names("import os.path, numpy as np; x()"), ["os", "numpy"]);
        assert_eq!(names("    from flask.app import Flask"), ["flask"]);
        for line in ["from . import x", "imports = 1", "from the user", "# import x", "import (", ""] {
            assert_eq!(names(line), [] as [&str; 0], "{line}");
        }
    }
}
