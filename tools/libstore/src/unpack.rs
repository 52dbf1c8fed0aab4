//! Unpacks an image's layers into snapshots, verifying each blob and each diff ID on the way.
//!
//! Several layers are extracted at a time, each while a thread of its own reads, decompresses and hashes it. A layer
//! that changes files below it needs the merged view of these, and waits for its turn.

mod early;
mod feed;
mod read;

use crate::error::StoreError;
use crate::image::Image;
use crate::snapshot::{NewSnapshot, SnapshotMeta};
use crate::store::Store;
use early::EarlySync;
use libtree::extract::{self, ExtractError, Form, Stats};
use libtree::tar::{Limits, Reader, TarError};
use libtree::{Owners, Root};
use libwire::Digest;
use libwire::image::Descriptor;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};

pub use read::LayerTar;

/// Mounts lower directories, lowest first, with an upper and a work directory, and returns the root of the merged tree.
/// The tree is unmounted when it is dropped.
pub type Mount<'a> = dyn Fn(&[PathBuf], &Path, &Path) -> io::Result<OwnedFd> + 'a;

/// The options of unpacking.
pub struct Unpack<'a> {
    /// Whether the kernel can give files any owner here.
    pub owners: Owners,
    /// Mounts an overlay.
    pub mount: &'a Mount<'a>,
}

/// Opens a blob. A read that reaches the end without an error has verified it.
pub(crate) type Open<'a> = dyn Fn(&Descriptor) -> Result<Box<dyn Read + Send>, StoreError> + Sync + 'a;

/// The source of layers. Layers of a registry are begun in the order in which they arrive, the largest first. Their
/// trees are not synced meanwhile, because the disk must write their blobs first.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    Here,
    Afar,
}

struct Layer<'a> {
    id: String,
    diff_id: Digest,
    descriptor: &'a Descriptor,
    limits: Limits,
}

impl Store {
    /// Makes sure that every layer of `image` is unpacked, and returns the snapshots' ids, lowest first. A layer's id
    /// is its chain ID's hex, with the store's id map before it. If all layers are there already, nothing is locked or
    /// written.
    pub fn unpack(&self, image: &Image, how: &Unpack) -> Result<Vec<String>, StoreError> {
        self.unpack_from(&|layer| self.open_boxed(layer), image, how, Origin::Here)
    }

    /// As [`Store::unpack`], with the layers' blobs from another source.
    pub(crate) fn unpack_from(
        &self,
        open: &Open,
        image: &Image,
        how: &Unpack,
        origin: Origin,
    ) -> Result<Vec<String>, StoreError> {
        let layers = self.layers_of(image);
        let ids: Vec<String> = layers.iter().map(|layer| layer.id.clone()).collect();
        let missing = |layers: &[Layer]| layers.iter().any(|layer| !self.has_snapshot(&layer.id));
        if missing(&layers) {
            let _lock = self.unpack_lock(&layers)?;
            // The files of a killed unpacking are large. Files that can't be removed do no harm.
            let _ = self.reclaim();
            let devices = self.unpack_missing(open, &layers, how, origin)?;
            if devices > 0 {
                self.warn(format!(
                    "image {}: device nodes of its layers, {devices}, are left out of the tree that is unpacked, \
                     though not of the image: only root can make them",
                    image.descriptor.digest
                ));
            }
        }
        Ok(ids)
    }

    /// The path of a snapshot's tree, which is unpacked from its layer if it was deferred. The trees below it must be
    /// there.
    pub fn snapshot_tree(&self, id: &str, owners: Owners) -> Result<PathBuf, StoreError> {
        let tree = self.snapshot_fs(id);
        if tree.is_ok() || !self.has_snapshot(id) {
            return tree;
        }
        let Some(record) = self.faithful_layer(id)? else { return tree };
        let layer = Layer {
            id: id.to_owned(),
            diff_id: record.layer.diff_id,
            descriptor: &record.layer.descriptor,
            limits: self.options().limits,
        };
        let new = self.new_snapshot(&self.snapshot_meta(id)?.parents)?;
        let root = Root::open(new.upper(), owners);
        let root = root.map_err(StoreError::io(format!("cannot open {}", new.upper().display())))?;
        let open = |descriptor: &Descriptor| self.open_boxed(descriptor);
        // No device node is left out, because device nodes are never deferred.
        extract_into(&open, &layer, &root, Form::Layer)??;
        new.give_tree(id)?;
        self.snapshot_fs(id)
    }

    /// Whether a snapshot's tree is there or can be unpacked.
    pub fn has_tree(&self, id: &str) -> Result<bool, StoreError> {
        Ok(self.snapshot_fs(id).is_ok() || self.faithful_layer(id)?.is_some())
    }

    /// The ids of the snapshots of `image`, lowest first, whether they are there or not.
    pub fn layer_ids(&self, image: &Image) -> Vec<String> {
        self.layers_of(image).into_iter().map(|layer| layer.id).collect()
    }

    /// The layers of `image` by the hex of their chain IDs.
    pub(crate) fn chain(&self, image: &Image) -> Vec<(String, libwire::record::Layer)> {
        let by_chain = |layer: Layer| {
            let chain = layer.id[layer.id.len() - 64..].to_owned();
            (chain, libwire::record::Layer { descriptor: layer.descriptor.clone(), diff_id: layer.diff_id })
        };
        self.layers_of(image).into_iter().map(by_chain).collect()
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
            let (id, limits) = (format!("{prefix}{}", next.hex()), self.options().limits);
            layers.push(Layer { id, diff_id, descriptor, limits });
        }
        layers
    }

    /// Images with the same lowest layer share this lock, so that two processes do not unpack the same layers.
    fn unpack_lock(&self, layers: &[Layer]) -> Result<Option<std::fs::File>, StoreError> {
        let Some(first) = layers.first() else { return Ok(None) };
        // This may take long, because the holder extracts a whole image.
        let timeout = self.options().lock_timeout.map(|timeout| timeout * 10);
        self.lock_work(&format!("unpack-{}", &first.diff_id.hex()[..2]), timeout).map(Some)
    }

    /// Layers are extracted alone, several at once, and then put on one another in their order. A layer that can't be
    /// extracted alone is extracted again at its turn, on the merged view of those below it. Returns the number of
    /// device nodes that were left out.
    fn unpack_missing(
        &self,
        open: &Open,
        layers: &[Layer],
        how: &Unpack,
        origin: Origin,
    ) -> Result<u64, StoreError> {
        let todo: Vec<usize> = (0..layers.len()).filter(|&at| !self.has_snapshot(&layers[at].id)).collect();
        let mut queue = todo.clone();
        if origin == Origin::Afar {
            queue.sort_by_key(|&at| Reverse(layers[at].descriptor.size));
        }
        let ids: Vec<String> = layers.iter().map(|layer| layer.id.clone()).collect();
        let workers = std::thread::available_parallelism().map_or(1, usize::from).min(todo.len());
        let (next, owners) = (AtomicUsize::new(0), how.owners);
        let (sender, receiver) = channel();
        std::thread::scope(|scope| {
            let early = if origin == Origin::Here { EarlySync::start(scope, self) } else { None };
            for _ in 0..workers {
                let (sender, next, queue) = (sender.clone(), &next, &queue);
                scope.spawn(move || {
                    while let Some(&at) = queue.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let form = if at == 0 { Form::Layer } else { Form::LayerAlone };
                        let extracted = self.extract_alone(open, &layers[at], form, owners);
                        // Nobody receives it if another layer has failed.
                        if sender.send((at, extracted)).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(sender);
            let result = self.stack(open, layers, &todo, &ids, &receiver, how);
            next.store(todo.len(), Ordering::Relaxed);
            let synced = early.map_or(Ok(()), EarlySync::end);
            result.and_then(|devices| synced.map(|()| devices))
        })
    }

    fn stack(
        &self,
        open: &Open,
        layers: &[Layer],
        todo: &[usize],
        ids: &[String],
        alone: &Receiver<(usize, Result<Option<Extracted>, StoreError>)>,
        how: &Unpack,
    ) -> Result<u64, StoreError> {
        let (mut waiting, mut devices) = (BTreeMap::new(), 0);
        for &at in todo {
            while !waiting.contains_key(&at) {
                let died = |_| StoreError::io("cannot unpack")(io::Error::other("a thread ended early"));
                let (other, extracted) = alone.recv().map_err(died)?;
                waiting.insert(other, extracted);
            }
            let (layer, parents) = (&layers[at], &ids[..at]);
            let mut extracted = match waiting.remove(&at).transpose()?.flatten() {
                Some(extracted) => extracted,
                None => self.extract_merged(open, layer, parents, how)?,
            };
            extracted.new.stand_on(parents, extracted.stats.root)?;
            devices += extracted.stats.devices_skipped;
            extracted.new.set_size(extracted.stats.entries, extracted.stats.bytes);
            extracted.new.publish()?;
        }
        Ok(devices)
    }

    /// `None`: the layer needs those below it.
    fn extract_alone(
        &self,
        open: &Open,
        layer: &Layer,
        form: Form,
        owners: Owners,
    ) -> Result<Option<Extracted>, StoreError> {
        let meta = SnapshotMeta { diff_id: Some(layer.diff_id), ..SnapshotMeta::default() };
        let new = self.new_snapshot_as(layer.id.clone(), meta)?;
        let root = Root::open(new.upper(), owners).map_err(StoreError::io("cannot open a new snapshot"))?;
        match extract_into(open, layer, &root, form)? {
            Ok(stats) => Ok(Some(Extracted { new, stats })),
            Err(_) if form == Form::LayerAlone => Ok(None),
            Err(refused) => Err(refused),
        }
    }

    fn extract_merged(
        &self,
        open: &Open,
        layer: &Layer,
        parents: &[String],
        how: &Unpack,
    ) -> Result<Extracted, StoreError> {
        let meta = SnapshotMeta {
            parents: parents.to_vec(),
            diff_id: Some(layer.diff_id),
            ..SnapshotMeta::default()
        };
        let new = self.new_snapshot_as(layer.id.clone(), meta)?;
        let lowers = parents.iter().map(|id| self.snapshot_fs(id)).collect::<Result<Vec<_>, _>>()?;
        let root = match lowers.is_empty() {
            true => Root::open(new.upper(), how.owners),
            false => (how.mount)(&lowers, new.upper(), new.work()).map(|fd| Root::from_fd(fd, how.owners)),
        };
        let what = || format!("cannot mount the layers below layer {}", layer.descriptor.digest);
        let root = root.map_err(StoreError::io(what()))?;
        let stats = extract_into(open, layer, &root, Form::Layer)??;
        // The root already got its metadata on the merged view.
        Ok(Extracted { new, stats: Stats { root: true, ..stats } })
    }
}

/// A layer's snapshot, not published yet.
struct Extracted {
    new: NewSnapshot,
    stats: Stats,
}

/// The inner error means that an entry was refused.
fn extract_into(
    open: &Open,
    layer: &Layer,
    root: &Root,
    form: Form,
) -> Result<Result<Stats, StoreError>, StoreError> {
    let place = format!("layer {}", layer.descriptor.digest);
    std::thread::scope(|scope| {
        let mut input = feed::start(scope, open, layer, feed::PIECE);
        let mut tar = Reader::new(&mut input).limited(layer.limits);
        let options = extract::Options { form, owner: None };
        let stats = match extract::extract(&mut tar, root, options) {
            Err(error @ ExtractError::Refused { .. }) => return Ok(Err(explain(&place, error))),
            stats => stats.map_err(|error| explain(&place, error))?,
        };
        // Bytes after the end marker count for the diff ID, and only a read to the end verifies the layer.
        io::copy(&mut input, &mut io::sink()).map_err(|error| read_error(&place, error))?;
        Ok(Ok(stats))
    })
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

pub(crate) fn explain(place: &str, error: ExtractError) -> StoreError {
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

/// Whether the system refused an entry of the layer, rather than failed.
fn is_shape(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let shapes = [Errno::LOOP, Errno::NAMETOOLONG, Errno::NOTDIR, Errno::ISDIR, Errno::EXIST];
    error.raw_os_error().is_some_and(|code| shapes.iter().any(|shape| shape.raw_os_error() == code))
}
