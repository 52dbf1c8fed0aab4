//! The ledger of an image: each entry that a layer put, whether it is still visible, and which layer hid it. It follows
//! the layers as an unpacker would (OCI image-spec, layer.md), without a tree on disk; it judges nothing.

use crate::content::Content;
use crate::efficiency::Efficiency;
use crate::layer::{Act, Item, Layer};
use crate::names::{Name, Names};
use crate::packages::Packages;
use crate::places::{NONE, PlaceId, Places};
use crate::walk::{Reached, Walk};
use libtree::root::{components, split};
use std::fmt;

/// How something came to be paid for and not visible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// A later layer removed it.
    Deleted,
    /// A later layer has other content there.
    Overwritten,
    /// A later layer has the same content with another mode, owner or attributes: chmod or chown.
    Metadata,
    /// A later layer has exactly the same again.
    Unchanged,
}

impl fmt::Display for Fate {
    /// As a participle, of a file.
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
    /// Where.
    pub place: PlaceId,
    /// Which layer, from 0.
    pub layer: u16,
    /// What.
    pub act: Act,
    /// Permission bits.
    pub mode: u16,
    /// Owner and group.
    pub owner: (u32, u32),
    /// Modification time in seconds.
    pub mtime: i64,
    /// Bytes of its layer's blob that hold it, as far as the compression tells.
    pub packed: u64,
    /// The content, of a file or another name of one; else [`NONE`].
    pub inode: u32,
    /// The put at the same place before this one, or [`NONE`].
    pub before: u32,
    /// The layer that hid it, and how. A removed directory's content is hidden with it.
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

/// An entry that removes what lower layers have.
#[derive(Clone, Copy, Debug)]
pub struct Removal {
    /// Which layer, from 0.
    pub layer: u16,
    /// How.
    pub act: Act,
    /// Where; `None` when no layer so far had anything there.
    pub place: Option<PlaceId>,
    /// Bytes of its layer's blob that hold it, as far as the compression tells.
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
    /// Whether it begins as what a kernel starts does: ELF, or `#!`.
    pub program: bool,
    /// The place it was put at first.
    pub place: PlaceId,
    /// Names that are visible.
    pub names: u32,
    /// Who hid the last name, and how, once no name is visible.
    pub gone: Option<(u16, Fate)>,
}

/// A layer's sums.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sums {
    /// Bytes of the blob: what is downloaded; none when a layer below has the same.
    pub blob_size: u64,
    /// Bytes of the tar.
    pub tar_size: u64,
    /// Entries, whiteouts included.
    pub entries: u64,
    /// Bytes of its files' content.
    pub content: u64,
}

/// All layers' puts. Memory: about 250 bytes and two names for each entry of a layer.
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
    /// Whose file is whose.
    pub packages: Packages,
    /// The newest put of each place that is visible, or [`NONE`].
    current: Vec<u32>,
    /// The newest put of each place at all, or [`NONE`].
    newest: Vec<u32>,
    /// The layer, from 1, that removed all at a place last: it need not look twice.
    removed: Vec<u16>,
    links: Names,
}

/// Why a layer can't be followed.
pub type Refused = String;

impl Ledger {
    /// The put that is visible at a place.
    pub fn visible(&self, place: PlaceId) -> Option<&Put> {
        self.put(*self.current.get(place as usize)?)
    }

    /// All that was ever put at a place, the newest first.
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

    /// The place that a path below the root names, its last part not followed.
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

    /// The place that a path leads to, links followed; nothing is made.
    fn walk(&self, path: &[u8]) -> Option<PlaceId> {
        let mut walk = Walk::new(path);
        let end = walk.go(&self.places, |place| self.link_at(place));
        matches!(end, Reached::End).then_some(walk.place)
    }

    /// Where the symbolic link leads that is visible at a place.
    pub fn link_at(&self, place: PlaceId) -> Option<&[u8]> {
        self.visible(place).filter(|put| put.act == Act::Symlink).map(|put| self.link(put))
    }

    /// Whether layers below `layer` have something at a place, or below it, that is there when it comes.
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

    /// Makes a file a package's. Directories are everybody's.
    fn assign(&mut self, path: &[u8], package: u32) {
        let is_file = |place: &PlaceId| self.visible(*place).is_some_and(|put| put.act != Act::Dir);
        if let Some(place) = self.find(path).filter(is_file) {
            self.packages.assign(place, package);
        }
    }

    fn remove(&mut self, path: &[u8], item: &Item, layer: u16) {
        let &Item { act, packed, .. } = item;
        // An opaque directory is where its path leads to; what a whiteout names is not followed.
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

    /// Hides what older layers have below a place; what this layer put there stays.
    fn hide_below(&mut self, place: PlaceId, layer: u16, fate: Fate) {
        let below: Vec<PlaceId> = self.places.below(place).collect();
        for place in below {
            self.hide_older(place, layer, fate);
        }
    }

    /// Hides what an older layer has at a place.
    fn hide_older(&mut self, place: PlaceId, layer: u16, fate: Fate) {
        if self.visible(place).is_some_and(|put| put.layer < layer) {
            self.hide_visible(place, layer, fate);
        }
    }

    /// Hides what is visible at a place, whichever layer it is of.
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

    /// The put of an entry: a content, a link, or another name of something that is there.
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

    /// Another name of what is visible at `target`, with all that a name shares with others: a hard link's own owner
    /// and mode say nothing, as in extraction.
    fn name_of(&self, target: &[u8], name: Put) -> Result<Put, &'static str> {
        let target = components(target).collect::<Vec<_>>().join(&b'/');
        let target = self.find(&target).and_then(|place| self.visible(place));
        let &Put { act, mode, owner, xattrs, inode, link, .. } =
            target.ok_or("is a link to something that is not there")?;
        let act = match act {
            Act::Dir => return Err("is a link to a directory"),
            Act::File => Act::Hardlink,
            // Another name of a link or device is one itself.
            act => act,
        };
        Ok(Put { act, mode, owner, xattrs, inode, link, ..name })
    }

    /// Hides what is at a place in favour of what is put there, and what is below it unless that stays a directory.
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

    /// The place for an entry; its parents are made where a layer leaves them out.
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
                Reached::Circle => return Err("is behind links that go in circles"),
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
