//! Unpacks an image's layers into snapshots, verifying each blob and each diff ID on the way.
//!
//! A layer is extracted into the merged view of those below it, so one after another; the next layer is
//! read, decompressed and hashed meanwhile.

use crate::{BlobReader, Compression, Decoder, Image, SnapshotMeta, Store, StoreError, lock};
use libtree::extract::{self, ExtractError, Form};
use libtree::tar::{Reader, TarError};
use libtree::{Owners, Root};
use libwire::Digest;
use libwire::image::Descriptor;
use sha2::{Digest as _, Sha256};
use std::io::{self, BufReader, Read};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

/// Bytes handed over at once, and how many such pieces a layer may be ahead of its extraction.
const PIECE: usize = 1 << 18;
const PIECES: usize = 64;
/// The largest uncompressed layer, in bytes.
const MAX_LAYER: u64 = 64 << 30;
/// Beyond this many bytes a layer may not be larger than [`MAX_RATIO`] times its blob.
const RATIO_FROM: u64 = 64 << 20;
const MAX_RATIO: u64 = 1000;

/// Mounts lower directories, lowest first, with an upper and a work directory, and gives the root of the
/// merged tree. The tree is unmounted when it is dropped.
pub type Mount<'a> = dyn Fn(&[PathBuf], &Path, &Path) -> io::Result<OwnedFd> + 'a;

/// How to unpack.
pub struct Unpack<'a> {
    /// Whether the kernel can give files any owner here.
    pub owners: Owners,
    /// Mounts an overlay.
    pub mount: &'a Mount<'a>,
}

/// Opens a blob for a read that verifies it.
pub(crate) type Open<'a> = dyn Fn(&Descriptor) -> Result<BlobReader, StoreError> + Sync + 'a;

struct Layer<'a> {
    id: String,
    diff_id: Digest,
    descriptor: &'a Descriptor,
}

impl Store {
    /// Makes sure that every layer of `image` is unpacked, and gives the snapshots' ids, lowest first. A
    /// layer's id is its chain ID's hex, with the store's id map before it. With everything there already
    /// nothing is locked or written.
    pub fn unpack(&self, image: &Image, how: &Unpack) -> Result<Vec<String>, StoreError> {
        self.unpack_from(&|layer| self.open_blob(layer), image, how)
    }

    /// As [`Store::unpack`], with the layers' blobs from elsewhere.
    pub(crate) fn unpack_from(
        &self,
        open: &Open,
        image: &Image,
        how: &Unpack,
    ) -> Result<Vec<String>, StoreError> {
        let layers = self.layers_of(image);
        let ids: Vec<String> = layers.iter().map(|layer| layer.id.clone()).collect();
        let missing = |layers: &[Layer]| layers.iter().any(|layer| !self.has_snapshot(&layer.id));
        if missing(&layers) {
            let _lock = self.unpack_lock(&layers)?;
            // Garbage of a killed unpacking is large. What can't be removed does no harm.
            let _ = self.reclaim();
            self.unpack_missing(open, &layers, how)?;
        }
        Ok(ids)
    }

    /// Where a snapshot's tree is, unpacked from its layer if it was deferred. The trees below it have to be
    /// there.
    pub fn snapshot_tree(&self, id: &str, owners: Owners) -> Result<PathBuf, StoreError> {
        let tree = self.snapshot_fs(id);
        if tree.is_ok() || !self.has_snapshot(id) {
            return tree;
        }
        let Some(record) = self.faithful_layer(id)? else { return tree };
        let layer =
            Layer { id: id.to_owned(), diff_id: record.layer.diff_id, descriptor: &record.layer.descriptor };
        let new = self.new_snapshot(&self.snapshot_meta(id)?.parents)?;
        let root = Root::open(new.upper(), owners);
        let root = root.map_err(StoreError::io(format!("cannot open {}", new.upper().display())))?;
        let open = |descriptor: &Descriptor| self.open_blob(descriptor);
        std::thread::scope(|scope| self.extract(&layer, start(scope, &open, &layer), &root))?;
        new.give_tree(id)?;
        self.snapshot_fs(id)
    }

    /// Whether a snapshot's tree is there or can be unpacked.
    pub fn has_tree(&self, id: &str) -> Result<bool, StoreError> {
        Ok(self.snapshot_fs(id).is_ok() || self.faithful_layer(id)?.is_some())
    }

    /// The ids that the snapshots of `image` have, lowest first, whether they are there or not.
    pub fn layer_ids(&self, image: &Image) -> Vec<String> {
        self.layers_of(image).into_iter().map(|layer| layer.id).collect()
    }

    fn layers_of<'a>(&self, image: &'a Image) -> Vec<Layer<'a>> {
        let map = &self.options().map;
        let prefix = if map.is_empty() { String::new() } else { format!("{map}-") };
        let mut chain: Option<Digest> = None;
        let mut layers = Vec::new();
        for (descriptor, &diff_id) in image.manifest.layers.iter().zip(&image.config.rootfs.diff_ids) {
            let next = match chain {
                None => diff_id,
                Some(below) => Digest::of(format!("{below} {diff_id}").as_bytes()),
            };
            chain = Some(next);
            layers.push(Layer { id: format!("{prefix}{}", next.hex()), diff_id, descriptor });
        }
        layers
    }

    /// Images that share their lowest layer share this lock: two processes must not do one work twice.
    fn unpack_lock(&self, layers: &[Layer]) -> Result<Option<std::fs::File>, StoreError> {
        let Some(first) = layers.first() else { return Ok(None) };
        let path = self.path().join("locks").join(format!("unpack-{}", &first.diff_id.hex()[..2]));
        // The holder extracts a whole image.
        let timeout = self.options().lock_timeout.map(|timeout| timeout * 10);
        lock::take(&path, lock::Mode::Exclusive, timeout).map(Some)
    }

    fn unpack_missing(&self, open: &Open, layers: &[Layer], how: &Unpack) -> Result<(), StoreError> {
        let todo: Vec<usize> = (0..layers.len()).filter(|&at| !self.has_snapshot(&layers[at].id)).collect();
        let ids: Vec<String> = layers.iter().map(|layer| layer.id.clone()).collect();
        std::thread::scope(|scope| {
            let start = |at: usize| start(scope, open, &layers[at]);
            let mut next = todo.first().map(|&at| start(at));
            for (n, &at) in todo.iter().enumerate() {
                let Some(input) = next.take() else { break };
                next = todo.get(n + 1).map(|&at| start(at));
                self.extract_layer(&layers[at], &ids[..at], input, how)?;
            }
            Ok(())
        })
    }

    fn extract_layer(
        &self,
        layer: &Layer,
        parents: &[String],
        input: Pieces,
        how: &Unpack,
    ) -> Result<(), StoreError> {
        let place = format!("layer {}", layer.descriptor.digest);
        let meta = SnapshotMeta { parents: parents.to_vec(), diff_id: Some(layer.diff_id), entries: None };
        let mut new = self.new_snapshot_as(layer.id.clone(), meta)?;
        let lowers = parents.iter().map(|id| self.snapshot_fs(id)).collect::<Result<Vec<_>, _>>()?;
        let root = match lowers.is_empty() {
            true => Root::open(new.upper(), how.owners),
            false => (how.mount)(&lowers, new.upper(), new.work()).map(|fd| Root::from_fd(fd, how.owners)),
        };
        let root = root.map_err(StoreError::io(format!("cannot mount the layers below {place}")))?;
        let entries = self.extract(layer, input, &root)?;
        drop(root);
        new.set_entries(entries);
        new.publish().map(drop)
    }

    /// Extracts a layer, whose bytes are `input`, into `root`, and gives the number of its entries.
    fn extract(&self, layer: &Layer, mut input: Pieces, root: &Root) -> Result<u64, StoreError> {
        let place = format!("layer {}", layer.descriptor.digest);
        let mut tar = Reader::new(&mut input);
        let options = extract::Options { form: Form::Layer, owner: None };
        let stats = extract::extract(&mut tar, root, options).map_err(|error| explain(&place, error))?;
        // What stands behind the end marker counts for the diff ID, and the end brings the verdict.
        io::copy(&mut input, &mut io::sink()).map_err(|error| read_error(&place, error))?;
        if stats.devices_skipped > 0 {
            let (count, digest) = (stats.devices_skipped, layer.descriptor.digest);
            self.warn(format!("layer {digest}: {count} device nodes left out: only root can make them"));
        }
        Ok(stats.entries)
    }
}

/// Begins to read a layer in another thread.
fn start<'scope>(
    scope: &'scope std::thread::Scope<'scope, '_>,
    open: &'scope Open,
    layer: &'scope Layer,
) -> Pieces {
    let (sender, receiver) = sync_channel(PIECES);
    let (used, spare) = channel();
    scope.spawn(move || feed(open, layer, &sender, &spare));
    Pieces { receiver, used, piece: Vec::new(), at: 0, ended: false }
}

/// Sends a layer's uncompressed bytes, and an error in place of the end when anything was wrong.
fn feed(open: &Open, layer: &Layer, sender: &SyncSender<io::Result<Vec<u8>>>, spare: &Receiver<Vec<u8>>) {
    if let Err(error) = feed_pieces(open, layer, sender, spare) {
        // Nobody listens any more when the extraction has failed first.
        let _ = sender.send(Err(error));
    }
}

fn feed_pieces(
    open: &Open,
    layer: &Layer,
    sender: &SyncSender<io::Result<Vec<u8>>>,
    spare: &Receiver<Vec<u8>>,
) -> io::Result<()> {
    let bad = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
    let kind = &layer.descriptor.media_type;
    let compression =
        Compression::of_layer(kind).ok_or_else(|| bad(format!("unknown layer type {kind:?}")))?;
    let blob = open(layer.descriptor).map_err(|error| bad(error.to_string()))?;
    let mut input = Decoder::new(BufReader::with_capacity(PIECE, blob), compression)?;
    let (mut hasher, mut total) = (Sha256::new(), 0u64);
    loop {
        // A piece that was used is in the processor's cache and has its pages.
        let mut piece = spare.try_recv().unwrap_or_else(|_| Vec::with_capacity(PIECE));
        piece.clear();
        input.by_ref().take(PIECE as u64).read_to_end(&mut piece)?;
        if piece.is_empty() {
            break;
        }
        hasher.update(&piece);
        total += piece.len() as u64;
        let ratio = total > RATIO_FROM && total / MAX_RATIO > layer.descriptor.size;
        if total > MAX_LAYER || ratio {
            return Err(bad(format!("it unpacks to more than {total} bytes, beyond what is sensible")));
        }
        if sender.send(Ok(piece)).is_err() {
            return Ok(());
        }
    }
    let found = Digest::from_bytes(hasher.finalize().into());
    if found != layer.diff_id {
        return Err(bad(format!("its diff ID is {found}, but the config says {}", layer.diff_id)));
    }
    // An empty piece is the end: a channel that just closes is a thread that died.
    let _ = sender.send(Ok(Vec::new()));
    Ok(())
}

fn read_error(place: &str, error: io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof => {
            StoreError::invalid(place, error.to_string())
        }
        // Decoders report damaged data as other errors, without a system's code.
        _ if error.raw_os_error().is_none() => StoreError::invalid(place, error.to_string()),
        _ => StoreError::io(format!("cannot read {place}"))(error),
    }
}

fn explain(place: &str, error: ExtractError) -> StoreError {
    match error {
        ExtractError::Tar(TarError::Io(error)) => read_error(place, error),
        ExtractError::Io { entry, error } if is_shape(&error) => {
            StoreError::invalid(place, format!("entry {entry:?}: {error}"))
        }
        ExtractError::Io { entry, error } if error.raw_os_error().is_some() => {
            StoreError::io(format!("{place} entry {entry:?}"))(error)
        }
        ExtractError::Io { entry, error } => read_error(&format!("{place} entry {entry:?}"), error),
        other => StoreError::invalid(place, other.to_string()),
    }
}

/// Whether the system refused what the layer asks for, rather than failed at it.
fn is_shape(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let shapes = [Errno::LOOP, Errno::NAMETOOLONG, Errno::NOTDIR, Errno::ISDIR, Errno::EXIST];
    error.raw_os_error().is_some_and(|code| shapes.iter().any(|shape| shape.raw_os_error() == code))
}

/// The bytes another thread sends.
struct Pieces {
    receiver: Receiver<io::Result<Vec<u8>>>,
    /// Takes the pieces back.
    used: Sender<Vec<u8>>,
    piece: Vec<u8>,
    at: usize,
    ended: bool,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.piece.len() {
            if self.ended {
                return Ok(0);
            }
            let died = || io::Error::other("decompression ended without a verdict");
            let next = self.receiver.recv().map_err(|_| died())??;
            // Nobody waits for it any more when the end is near.
            let _ = self.used.send(std::mem::replace(&mut self.piece, next));
            self.at = 0;
            self.ended = self.piece.is_empty();
        }
        let count = buffer.len().min(self.piece.len() - self.at);
        buffer[..count].copy_from_slice(&self.piece[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}
