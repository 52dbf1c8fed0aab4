//! The rules for entries of any layer, whatever is below it. They serve extraction, and programs that only store
//! layers.

use super::{ExtractError, Form, Stop, is_aufs_metadata};
use crate::root::{components, split};
use crate::tar::{Entry, EntryKind, Reader, shown};
use crate::xattr;
use std::io::Read;

/// Reads a layer to its end marker, and refuses every entry that extraction would refuse in any layer. Returns the
/// number of entries.
pub fn check_layer<R: Read>(reader: &mut Reader<R>) -> Result<u64, ExtractError> {
    let mut entries = 0;
    while let Some(entry) = reader.next_entry()? {
        entries += 1;
        check(&entry)
            .map_err(|what| ExtractError::Refused { entry: shown(&entry.path), what: what.into() })?;
    }
    Ok(entries)
}

fn check(entry: &Entry) -> Result<(), &'static str> {
    let path = clean(&entry.path, Form::Layer)?;
    if path.is_empty() {
        return root(entry);
    }
    if is_aufs_metadata(&path) {
        return Ok(());
    }
    if let Some(hidden) = split(&path).1.strip_prefix(b".wh.") {
        return if hidden == b".wh..opq" { Ok(()) } else { whiteout(hidden) };
    }
    match entry.kind {
        EntryKind::Hardlink => drop(clean(&entry.link, Form::Layer)?),
        EntryKind::Char => device(entry)?,
        _ => {}
    }
    entry.xattrs.iter().try_for_each(|(key, value)| attribute(key, value))
}

impl From<&'static str> for Stop {
    fn from(what: &'static str) -> Self {
        Self::Refused(what)
    }
}

/// The path relative to the root, without empty components.
pub(super) fn clean(path: &[u8], form: Form) -> Result<Vec<u8>, &'static str> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in components(path) {
        match (part, form) {
            (b"..", Form::Layer | Form::LayerAlone) => {
                return Err("its name leads out of the layer by '..'");
            }
            (b"..", Form::Archive) => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    Ok(parts.join(&b'/'))
}

pub(super) fn root(entry: &Entry) -> Result<(), &'static str> {
    if entry.kind == EntryKind::Dir { Ok(()) } else { Err("the root must be a directory") }
}

pub(super) fn whiteout(hidden: &[u8]) -> Result<(), &'static str> {
    if matches!(hidden, b"" | b"." | b"..") { Err("a whiteout of a reserved name") } else { Ok(()) }
}

pub(super) fn device(entry: &Entry) -> Result<(), &'static str> {
    match entry.rdev {
        (0, 0) => Err("a character device 0:0, which overlayfs takes for a whiteout"),
        _ => Ok(()),
    }
}

pub(super) fn attribute(key: &str, value: &[u8]) -> Result<(), &'static str> {
    if key.starts_with("trusted.overlay.") || key.starts_with("user.overlay.") {
        return Err("an extended attribute that would steer overlayfs");
    }
    match key == xattr::CAPABILITY && !matches!(value.len(), 20 | 24) {
        true => Err("a security.capability of the wrong length"),
        false => Ok(()),
    }
}
