//! The headers that come before an entry and extend its own: pax headers, GNU long names, and global pax headers,
//! which apply to all later entries.

use super::pax::Record;
use super::sparse::PaxSparse;
use std::collections::BTreeMap;

/// The largest total size of the values of global headers, in bytes.
const MAX_GLOBAL: usize = 1 << 20;

/// The extensions of one entry.
#[derive(Default)]
pub(super) struct Extensions {
    pax: Option<Vec<Record>>,
    long_name: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
}

impl Extensions {
    pub(super) fn is_empty(&self) -> bool {
        self.pax.is_none() && self.long_name.is_none() && self.long_link.is_none()
    }

    pub(super) fn set_pax(&mut self, records: Vec<Record>) -> Result<(), &'static str> {
        match self.pax.replace(records) {
            Some(_) => Err("two pax headers for one entry"),
            None => Ok(()),
        }
    }

    pub(super) fn set_name(&mut self, name: Vec<u8>) -> Result<(), &'static str> {
        set_long(&mut self.long_name, name)
    }

    pub(super) fn set_link(&mut self, link: Vec<u8>) -> Result<(), &'static str> {
        set_long(&mut self.long_link, link)
    }

    /// The entry's name, if an extension has it.
    pub(super) fn name(&mut self) -> Result<Option<Vec<u8>>, &'static str> {
        one_of(self.long_name.take(), self.own("path"))
    }

    /// The entry's link target, if an extension has it.
    pub(super) fn link(&mut self) -> Result<Option<Vec<u8>>, &'static str> {
        one_of(self.long_link.take(), self.own("linkpath"))
    }

    /// A value of the entry's own pax header, or else of a global one. If it is empty, the header block has the
    /// value.
    pub(super) fn get<'a>(&'a self, key: &str, global: &'a Global) -> Option<&'a [u8]> {
        let value = self.own(key).or_else(|| global.0.get(key).map(Vec::as_slice));
        value.filter(|value| !value.is_empty())
    }

    /// The extended attributes, including those of global headers. An empty one of the entry deletes a global one.
    pub(super) fn xattrs(&self, global: &Global) -> BTreeMap<String, Vec<u8>> {
        let name = |key: &str| key.strip_prefix(XATTR).map(str::to_owned);
        let named = |(key, value): (&String, &Vec<u8>)| Some((name(key)?, value.clone()));
        let mut xattrs: BTreeMap<_, _> = global.0.iter().filter_map(named).collect();
        for (key, value) in self.pax.iter().flatten() {
            let Some(name) = name(key) else { continue };
            match value.is_empty() && xattrs.contains_key(&name) {
                true => drop(xattrs.remove(&name)),
                false => drop(xattrs.insert(name, value.clone())),
            }
        }
        xattrs
    }

    /// The pax header's map of holes, if the entry is a sparse file.
    pub(super) fn sparse(&self) -> Result<Option<PaxSparse>, String> {
        PaxSparse::of(self.pax.as_deref().unwrap_or_default())
    }

    fn own(&self, key: &str) -> Option<&[u8]> {
        self.pax.iter().flatten().find(|(known, _)| known == key).map(|(_, value)| value.as_slice())
    }
}

/// The start of an extended attribute's key.
const XATTR: &str = "SCHILY.xattr.";

fn set_long(place: &mut Option<Vec<u8>>, bytes: Vec<u8>) -> Result<(), &'static str> {
    match place.replace(bytes) {
        Some(_) => Err("two GNU long names for one entry"),
        None => Ok(()),
    }
}

/// A pax value or a GNU long name, but never both.
fn one_of(long: Option<Vec<u8>>, pax: Option<&[u8]>) -> Result<Option<Vec<u8>>, &'static str> {
    match (long, pax) {
        (Some(_), Some(_)) => Err("both a pax name and a GNU long name"),
        // Some readers then use the name of the header, others no name.
        (_, Some(b"")) => Err("an empty pax name"),
        (long, pax) => Ok(pax.map(<[u8]>::to_vec).or(long)),
    }
}

/// The values of global headers that matter here. A later value replaces an earlier one; an empty one deletes it.
#[derive(Default)]
pub(super) struct Global(BTreeMap<String, Vec<u8>>);

impl Global {
    /// Adds a global header. Names, lengths and maps in it are refused, because GNU tar applies them to all later
    /// entries, and libarchive and Go to none, so they would see different archives.
    pub(super) fn add(&mut self, records: Vec<Record>) -> Result<(), String> {
        for (key, value) in records {
            if matches!(&*key, "path" | "linkpath" | "size") || key.starts_with("GNU.sparse.") {
                return Err(format!("a global pax header that sets {key:?}, which other readers ignore"));
            }
            if !matches!(&*key, "uid" | "gid" | "mtime") && !key.starts_with(XATTR) {
                continue;
            }
            match value.is_empty() {
                true => drop(self.0.remove(&key)),
                false => drop(self.0.insert(key, value)),
            }
        }
        match self.0.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>() > MAX_GLOBAL {
            true => Err(format!("global pax headers beyond {MAX_GLOBAL} bytes")),
            false => Ok(()),
        }
    }
}
