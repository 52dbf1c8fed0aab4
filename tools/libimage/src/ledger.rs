//! The ledger of an image: each entry of each layer, whether it is still visible, and which layer hid it. It follows
//! the layers like an unpacker (OCI image-spec, layer.md), but without a tree on disk, and judges nothing.

use crate::content::Content;
use crate::efficiency::Efficiency;
use crate::layer::{Act, Item, Layer};
use crate::names::{Name, Names};
use crate::packages::Packages;
use crate::places::{NONE, PlaceId, Places};
use crate::walk::{Reached, Walk};
use libtree::root::{components, split};
use std::fmt;

/// How a file was hidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// A later layer removed it.
    Deleted,
    /// A later layer has other content at the path.
    Overwritten,
    /// A later layer has the same content with another mode, owner or attributes: chmod or chown.
    Metadata,
    /// A later layer has exactly the same file again.
    Unchanged,
}

impl fmt::Display for Fate {
    /// Writes a participle for a file.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::Deleted => "deleted",
            Self::Overwritten => "overwritten",
            Self::Metadata => "stored again with other metadata",
            Self::Unchanged => "stored again unchanged",
        })
    }
}

/// An entry that a layer put at a place.
#[derive(Clone, Copy, Debug)]
pub struct Put {
    /// The place.
    pub place: PlaceId,
    /// The layer, from 0.
    pub layer: u16,
    /// The kind of entry.
    pub act: Act,
    /// Permission bits.
    pub mode: u16,
    /// Owner and group.
    pub owner: (u32, u32),
    /// Modification time in seconds.
    pub mtime: i64,
    /// The bytes in its layer's blob that hold it, as far as the compression shows.
    pub packed: u64,
    /// The content of a file or hard link; otherwise [`NONE`].
    pub inode: u32,
    /// The put at the same place before this one, or [`NONE`].
    pub before: u32,
    /// The layer that hid it, and how. If a directory was removed, its contents are hidden too.
    pub gone: Option<(u16, Fate)>,
    xattrs: u64,
    link: Name,
}

impl Put {
    /// Whether mode, owner and extended attributes are the same.
    pub fn same_metadata(&self, other: &Put) -> bool {
        (self.mode, self.owner, self.xattrs) == (other.mode, other.owner, other.xattrs)
    }

    /// Hash of its extended attributes.
    pub fn xattrs(&self) -> u64 {
        self.xattrs
    }
}

/// An entry that removes files of lower layers.
#[derive(Clone, Copy, Debug)]
pub struct Removal {
    /// The layer, from 0.
    pub layer: u16,
    /// The kind of removal.
    pub act: Act,
    /// The place; `None` if no layer so far had anything there.
    pub place: Option<PlaceId>,
    /// The bytes in its layer's blob that hold it, as far as the compression shows.
    pub packed: u64,
}

/// A file's content, which several names may share.
#[derive(Clone, Copy, Debug)]
pub struct Inode {
    /// The layer that pays for it.
    pub layer: u16,
    /// Bytes.
    pub size: u64,
    /// Hash of the content.
    pub content: Content,
    /// Whether it begins like a program that a kernel starts: ELF, or `#!`.
    pub program: bool,
    /// The place of its first name.
    pub place: PlaceId,
    /// The number of visible names.
    pub names: u32,
    /// The layer that hid the last name, and how; `None` while a name is visible.
    pub gone: Option<(u16, Fate)>,
}

/// A layer's sums.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sums {
    /// The bytes of the blob, which are downloaded; 0 if a lower layer has the same blob.
    pub blob_size: u64,
    /// Bytes of the tar.
    pub tar_size: u64,
    /// Entries, whiteouts included.
    pub entries: u64,
    /// Bytes of its files' content.
    pub content: u64,
}

/// The puts of all layers. It takes about 250 bytes and two names for each entry of a layer.
#[derive(Default)]
pub struct Ledger {
    /// All paths of all layers.
    pub places: Places,
    /// All puts, in the order of the layers.
    pub puts: Vec<Put>,
    /// All removals, in the order of the layers.
    pub removals: Vec<Removal>,
    /// All contents.
    pub inodes: Vec<Inode>,
    /// The layers, lowest first.
    pub layers: Vec<Sums>,
    /// The figures of dive's score.
    pub efficiency: Efficiency,
    /// The owners of files.
    pub packages: Packages,
    /// The newest visible put of each place, or [`NONE`].
    current: Vec<u32>,
    /// The newest put of each place, visible or not, or [`NONE`].
    newest: Vec<u32>,
    /// The layer, from 1, that last removed everything at a place, so that it is not searched twice.
    removed: Vec<u16>,
    links: Names,
}

/// The reason that a layer cannot be followed.
pub type Refused = String;

impl Ledger {
    /// The put that is visible at a place.
    pub fn visible(&self, place: PlaceId) -> Option<&Put> {
        self.put(*self.current.get(place as usize)?)
    }

    /// All puts at a place, the newest first.
    pub fn puts_at(&self, place: PlaceId) -> impl Iterator<Item = &Put> {
        let newest = self.newest.get(place as usize).and_then(|&id| self.put(id));
        std::iter::successors(newest, |put| self.put(put.before))
    }

    /// The content of a put that has one.
    pub fn inode(&self, put: &Put) -> Option<&Inode> {
        self.inodes.get(put.inode as usize)
    }

    /// A symbolic link's target.
    pub fn link(&self, put: &Put) -> &[u8] {
        self.links.get(put.link)
    }

    /// The place of a path below the root, with its last part not followed.
    pub fn find(&self, path: &[u8]) -> Option<PlaceId> {
        let (parent, name) = split(path);
        let parent = self.walk(parent)?;
        match name {
            b"" => Some(parent),
            name => self.places.find(parent, name),
        }
    }

    fn put(&self, id: u32) -> Option<&Put> {
        self.puts.get(id as usize)
    }

    /// The place of a path, with links followed. No place is made.
    fn walk(&self, path: &[u8]) -> Option<PlaceId> {
        let mut walk = Walk::new(path);
        let end = walk.go(&self.places, |place| self.link_at(place));
        matches!(end, Reached::End).then_some(walk.place)
    }

    /// The target of the visible symbolic link at a place.
    pub fn link_at(&self, place: PlaceId) -> Option<&[u8]> {
        self.visible(place).filter(|put| put.act == Act::Symlink).map(|put| self.link(put))
    }

    /// Whether layers below `layer` have something at a place or below it, at the time that layer comes.
    pub fn has_below(&self, place: PlaceId, layer: u16) -> bool {
        let mut all = std::iter::once(place).chain(self.places.below(place));
        all.any(|place| {
            let mut puts = self.puts_at(place);
            puts.any(|put| put.layer < layer && put.gone.is_none_or(|(by, _)| by >= layer))
        })
    }

    /// Follows one more layer.
    pub fn apply(&mut self, layer: &Layer) -> Result<(), Refused> {
        let number = u16::try_from(self.layers.len()).map_err(|_| "is one layer too many")?;
        let mut sums = Sums { blob_size: layer.blob_size, tar_size: layer.tar_size, ..Sums::default() };
        for item in &layer.items {
            let path = layer.path(item);
            let refused = |what: &str| format!("entry {:?} {what}", String::from_utf8_lossy(path));
            sums.entries += 1;
            sums.content += item.size;
            match item.act {
                Act::Whiteout | Act::Opaque => self.remove(path, item, number),
                _ => self.add(layer, item, number).map_err(refused)?,
            }
        }
        if !self.efficiency.follow(layer) {
            return Err("has one path too many".into());
        }
        for (package, path) in self.packages.follow(layer.texts(), number) {
            self.assign(&path, package);
        }
        self.layers.push(sums);
        Ok(())
    }

    /// Assigns a file to a package. Directories are shared.
    fn assign(&mut self, path: &[u8], package: u32) {
        let is_file = |place: &PlaceId| self.visible(*place).is_some_and(|put| put.act != Act::Dir);
        if let Some(place) = self.find(path).filter(is_file) {
            self.packages.assign(place, package);
        }
    }

    fn remove(&mut self, path: &[u8], item: &Item, layer: u16) {
        let &Item { act, packed, .. } = item;
        // The path of an opaque directory is followed; the name in a whiteout is not.
        let place = if act == Act::Opaque { self.walk(path) } else { self.find(path) };
        self.removals.push(Removal { layer, act, place, packed });
        let Some(place) = place else { return };
        self.removed.resize(self.places.count(), 0);
        if std::mem::replace(&mut self.removed[place as usize], layer + 1) == layer + 1 {
            return;
        }
        if act == Act::Whiteout {
            self.hide_older(place, layer, Fate::Deleted);
        }
        self.hide_below(place, layer, Fate::Deleted);
    }

    /// Hides everything of older layers below a place. Puts of this layer stay.
    fn hide_below(&mut self, place: PlaceId, layer: u16, fate: Fate) {
        let below: Vec<PlaceId> = self.places.below(place).collect();
        for place in below {
            self.hide_older(place, layer, fate);
        }
    }

    /// Hides the put of an older layer at a place.
    fn hide_older(&mut self, place: PlaceId, layer: u16, fate: Fate) {
        if self.visible(place).is_some_and(|put| put.layer < layer) {
            self.hide_visible(place, layer, fate);
        }
    }

    /// Hides the visible put at a place, of any layer.
    fn hide_visible(&mut self, place: PlaceId, layer: u16, fate: Fate) {
        let Some(current) = self.current.get_mut(place as usize) else { return };
        let Some(put) = self.puts.get_mut(std::mem::replace(current, NONE) as usize) else { return };
        put.gone = Some((layer, fate));
        if let Some(inode) = self.inodes.get_mut(put.inode as usize) {
            inode.names -= 1;
            if inode.names == 0 {
                inode.gone = Some((layer, fate));
            }
        }
    }

    fn add(&mut self, layer: &Layer, item: &Item, number: u16) -> Result<(), &'static str> {
        let place = self.place_for(layer.path(item))?;
        let put = self.put_for(layer, item, number, place)?;
        if let Some(inode) = self.inodes.get_mut(put.inode as usize) {
            inode.names += 1;
        }
        self.replace(&put);
        let id =
            u32::try_from(self.puts.len()).ok().filter(|&id| id != NONE).ok_or("is one entry too many")?;
        self.puts.push(put);
        (self.current[place as usize], self.newest[place as usize]) = (id, id);
        Ok(())
    }

    /// Makes the put of an entry: a content, a link, or another name of a file.
    fn put_for(
        &mut self,
        layer: &Layer,
        item: &Item,
        number: u16,
        place: PlaceId,
    ) -> Result<Put, &'static str> {
        let plain = Put {
            place,
            layer: number,
            act: item.act,
            mode: item.mode,
            owner: (item.uid, item.gid),
            mtime: item.mtime,
            packed: item.packed,
            inode: NONE,
            before: self.newest[place as usize],
            gone: None,
            xattrs: item.xattrs,
            link: Name::default(),
        };
        match item.act {
            Act::File => {
                let id = u32::try_from(self.inodes.len()).map_err(|_| "is one file too many")?;
                let &Item { size, content, program, .. } = item;
                self.inodes.push(Inode {
                    layer: number,
                    size,
                    content,
                    program,
                    place,
                    names: 0,
                    gone: None,
                });
                Ok(Put { inode: id, ..plain })
            }
            Act::Symlink => {
                let link = self.links.keep(layer.link(item)).ok_or("is one link too many")?;
                Ok(Put { link, ..plain })
            }
            Act::Hardlink => self.name_of(layer.link(item), plain),
            _ => Ok(plain),
        }
    }

    /// Another name of the visible file at `target`, with everything that names share. As in extraction, the owner
    /// and mode of a hard link have no effect.
    fn name_of(&self, target: &[u8], name: Put) -> Result<Put, &'static str> {
        let target = components(target).collect::<Vec<_>>().join(&b'/');
        let target = self.find(&target).and_then(|place| self.visible(place));
        let &Put { act, mode, owner, xattrs, inode, link, .. } =
            target.ok_or("is a link to something that is not there")?;
        let act = match act {
            Act::Dir => return Err("is a link to a directory"),
            Act::File => Act::Hardlink,
            // Another name of a link or device is itself a link or device.
            act => act,
        };
        Ok(Put { act, mode, owner, xattrs, inode, link, ..name })
    }

    /// Hides the file at a place that a put replaces, and everything below it, unless both are directories.
    fn replace(&mut self, put: &Put) {
        if put.act != Act::Dir {
            let below: Vec<PlaceId> = self.places.below(put.place).collect();
            below.into_iter().for_each(|place| self.hide_visible(place, put.layer, Fate::Overwritten));
        }
        let Some(old) = self.visible(put.place).copied() else { return };
        let content = |put: &Put| self.inode(put).map(|inode| (inode.size, inode.content));
        let same = old.act == put.act && content(&old) == content(put) && self.link(&old) == self.link(put);
        let fate = match (same, old.same_metadata(put)) {
            (true, true) => Fate::Unchanged,
            (true, false) => Fate::Metadata,
            _ => Fate::Overwritten,
        };
        self.hide_visible(put.place, put.layer, fate);
    }

    /// The place for an entry. Its parents are made if a layer leaves them out.
    fn place_for(&mut self, path: &[u8]) -> Result<PlaceId, &'static str> {
        const TOO_MANY: &str = "is one path too many";
        let (parent, name) = split(path);
        let mut walk = Walk::new(parent);
        loop {
            match walk.go(&self.places, |place| self.link_at(place)) {
                Reached::End => break,
                Reached::Missing(name) => {
                    walk.place = self.places.make(walk.place, &name).ok_or(TOO_MANY)?;
                }
                Reached::Circle => return Err("is reached through links in a circle"),
            }
        }
        if self.visible(walk.place).is_some_and(|put| put.act != Act::Dir) {
            return Err("is below something that is not a directory");
        }
        let place = match name {
            b"" => walk.place,
            name => self.places.make(walk.place, name).ok_or(TOO_MANY)?,
        };
        self.current.resize(self.places.count(), NONE);
        self.newest.resize(self.places.count(), NONE);
        Ok(place)
    }
}

#[cfg(test)]
mod tests;
