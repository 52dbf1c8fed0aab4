//! One layer, read from its blob to its end: the entries that its tar adds and removes, in order, with a hash of each
//! file's content. It keeps only the content of package managers' records, and writes nothing.

use crate::aufs::Links;
use crate::content::{self, Content, Noted};
use crate::names::{Name, Names};
use crate::packages;
use libcli::Failure;
use libstore::Store;
use libtree::extract::is_aufs_metadata;
use libtree::root::components;
use libtree::tar::{Entry, EntryKind, Limits, Reader, TarError};
use libwire::Digest;
use libwire::image::Descriptor;
use std::io::Read;

/// The largest size of package managers' records that are kept of a layer, in bytes.
const MAX_TEXTS: u64 = 64 << 20;

/// The effect of a layer's entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Puts a regular file.
    File,
    /// Puts a directory, or changes one.
    Dir,
    /// Puts a symbolic link.
    Symlink,
    /// Puts another name of a file.
    Hardlink,
    /// Puts a device or fifo.
    Special,
    /// Removes the file of lower layers at this path.
    Whiteout,
    /// Removes everything that lower layers have in this directory.
    Opaque,
}

/// One entry. Names are in the layer's arena, not here, so that an image of millions of files fits.
#[derive(Clone, Copy, Debug)]
pub struct Item {
    path: Name,
    link: Name,
    /// The effect.
    pub act: Act,
    /// Permission bits with setuid, setgid and sticky.
    pub mode: u16,
    /// Numeric owner.
    pub uid: u32,
    /// Numeric group.
    pub gid: u32,
    /// The modification time in whole seconds.
    pub mtime: i64,
    /// The bytes of the content.
    pub size: u64,
    /// The bytes in the blob that hold it, as far as the compression shows.
    pub packed: u64,
    /// Hash of content, for regular files.
    pub content: Content,
    /// Whether the content begins like a program that a kernel starts: ELF, or `#!`.
    pub program: bool,
    /// The hash of the extended attributes, 0 without any.
    pub xattrs: u64,
}

/// A layer, after reading.
#[derive(Debug, Default)]
pub struct Layer {
    /// Its entries in the order of the tar.
    pub items: Vec<Item>,
    names: Names,
    /// The bytes of the blob, which are downloaded.
    pub blob_size: u64,
    /// Bytes of the tar.
    pub tar_size: u64,
    /// Package managers' records: an item, and the file's content.
    texts: Vec<(usize, Vec<u8>)>,
}

impl Layer {
    /// The entry's path below the root, without slashes at its ends; empty for the root.
    pub fn path(&self, item: &Item) -> &[u8] {
        self.names.get(item.path)
    }

    /// The target of a link, as in the tar.
    pub fn link(&self, item: &Item) -> &[u8] {
        self.names.get(item.link)
    }

    /// Package managers' records in it, by path.
    pub fn texts(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.texts.iter().map(|(item, text)| (self.path(&self.items[*item]), &text[..]))
    }

    /// Whether to keep the content: it is a record of packages, and there is room for it.
    fn wants(&self, entry: &Entry) -> bool {
        let path = entry.path.strip_prefix(b".").unwrap_or(&entry.path);
        let path = path.strip_prefix(b"/").unwrap_or(path);
        let kept = || self.texts.iter().map(|(_, text)| text.len() as u64).sum::<u64>();
        entry.kind == EntryKind::File
            && packages::is_record(path, entry.size)
            && kept() + entry.size <= MAX_TEXTS
    }

    fn add(&mut self, entry: &Entry, noted: Noted, packed: u64) -> Result<(), &'static str> {
        let (act, path) = act(entry)?;
        let too_long = "has a name that is too long for a report";
        let path = self.names.keep(&path).ok_or(too_long)?;
        let link = self.names.keep(&entry.link).ok_or(too_long)?;
        self.items.push(Item {
            path,
            link,
            act,
            mode: entry.mode as u16,
            uid: entry.uid,
            gid: entry.gid,
            mtime: entry.mtime,
            size: if act == Act::File { entry.size } else { 0 },
            packed,
            content: noted.content,
            program: noted.program,
            xattrs: xattrs(entry),
        });
        Ok(())
    }
}

/// Reads the layer `descriptor`, whose tar must have the digest `diff_id`.
pub fn read(store: &Store, descriptor: &Descriptor, diff_id: Digest) -> Result<Layer, Failure> {
    let limits = store.options().limits;
    let (layer, tar_size) =
        store.read_layer(descriptor, diff_id, |input| from_tar(input, limits, |input| input.packed()))?;
    Ok(Layer { blob_size: descriptor.size, tar_size, ..layer })
}

/// Reads the tar of a layer. It does not know the blob or its size. `packed` returns the position of the input in the
/// blob, in bytes.
pub fn from_tar<R: Read>(input: R, limits: Limits, packed: impl Fn(&R) -> u64) -> Result<Layer, TarError> {
    let (mut layer, mut start) = (Layer::default(), packed(&input));
    let mut tar = Reader::new(input).limited(limits);
    let mut links = Links::new();
    while let Some(entry) = tar.next_entry()? {
        let for_links = Links::<(Noted, u64)>::is_target(&entry);
        if is_aufs_metadata(&entry.path) && !for_links {
            continue;
        }
        let mut text = layer.wants(&entry).then(Vec::new);
        let noted = match entry.kind {
            EntryKind::File => content::note(tar.body(), text.as_mut())?,
            _ => Noted::default(),
        };
        tar.skip_body()?;
        let end = packed(tar.get_ref());
        let own = end - start;
        start = end;
        if for_links {
            links.keep(entry, (noted, own));
            continue;
        }
        let (entry, linked) = links.follow(entry);
        let (noted, own) = linked.map_or((noted, own), |(noted, more)| (noted, own + more));
        layer.add(&entry, noted, own).map_err(|what| bad(&entry, what))?;
        layer.texts.extend(text.map(|text| (layer.items.len() - 1, text)));
    }
    Ok(layer)
}

pub(crate) fn bad(entry: &Entry, what: &str) -> TarError {
    TarError::Bad { entry: String::from_utf8_lossy(&entry.path).into_owned(), what: what.to_owned() }
}

/// The effect of an entry, and the path below the root that it affects.
pub(crate) fn act(entry: &Entry) -> Result<(Act, Vec<u8>), &'static str> {
    let mut path = components(&entry.path).collect::<Vec<_>>();
    if path.contains(&&b".."[..]) {
        return Err("has a name that leads out of the tree");
    }
    let mut act = act_of(entry.kind);
    if let Some(hidden) = path.last().and_then(|name| name.strip_prefix(b".wh.")) {
        path.pop();
        match hidden {
            b".wh..opq" => act = Act::Opaque,
            b"" | b"." | b".." => return Err("is a whiteout without a name"),
            _ => {
                act = Act::Whiteout;
                path.push(hidden);
            }
        }
    }
    Ok((act, path.join(&b'/')))
}

fn act_of(kind: EntryKind) -> Act {
    match kind {
        EntryKind::File => Act::File,
        EntryKind::Dir => Act::Dir,
        EntryKind::Symlink => Act::Symlink,
        EntryKind::Hardlink => Act::Hardlink,
        EntryKind::Fifo | EntryKind::Char | EntryKind::Block => Act::Special,
    }
}

fn xattrs(entry: &Entry) -> u64 {
    if entry.xattrs.is_empty() {
        return 0;
    }
    let mut hasher = blake3::Hasher::new();
    for (name, value) in &entry.xattrs {
        for part in [name.as_bytes(), value] {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
        }
    }
    u128::from_le_bytes(content::short(&hasher)) as u64 | 1
}

#[cfg(test)]
mod tests {
    use super::Act;
    use crate::fixtures::read;

    #[test]
    fn bookkeeping_of_aufs_is_skipped() {
        let layer =
            read(&[("file", ".wh..wh.aufs", ""), ("file", ".wh..wh.plnk/1", "x"), ("file", "a", "x")]);
        assert_eq!(layer.items.iter().map(|item| layer.path(item)).collect::<Vec<_>>(), [b"a"]);
    }

    #[test]
    fn a_hard_link_of_aufs_is_the_file_and_the_next_is_a_link_to_it() {
        let layer = read(&[
            ("file", ".wh..wh.plnk/1.2", "linked"),
            ("link", "d/one", "./.wh..wh.plnk/1.2"),
            ("link", "two", ".wh..wh.plnk/1.2"),
        ]);
        let read = layer.items.iter().map(|item| (layer.path(item), item.act, item.size, layer.link(item)));
        let wanted: [(&[u8], _, _, &[u8]); 2] =
            [(b"d/one", Act::File, 6, b""), (b"two", Act::Hardlink, 0, b"d/one")];
        assert_eq!(read.collect::<Vec<_>>(), wanted);
    }
}
