//! Layers, ledgers and images for the tests, written down entry by entry.

use crate::image_cost::{ImageCost, image_cost};
use crate::layer::{self, Layer};
use crate::ledger::Ledger;
use crate::reading;
use crate::source::{self, Opened, Sources};
use libstore::{Options, Store};
use libtree::tar::{Entry, EntryKind, Writer};
use libwire::image::{
    Descriptor, History, ImageConfig, MEDIA_CONFIG, MEDIA_LAYER, MEDIA_MANIFEST, Manifest, RootFs,
};
use std::path::Path;
use tempfile::TempDir;

/// `kind path content-or-target`
pub type Line<'a> = (&'a str, &'a str, &'a str);

/// The tar of a layer.
pub fn tar(lines: &[Line]) -> Vec<u8> {
    let mut tar = Writer::new(Vec::new());
    for &(word, path, text) in lines {
        let kind = match word {
            "file" | "private" | "setuid" => EntryKind::File,
            "dir" => EntryKind::Dir,
            "link" => EntryKind::Hardlink,
            _ => EntryKind::Symlink,
        };
        let is_file = kind == EntryKind::File;
        let (link, body) = if is_file { ("", text) } else { (text, "") };
        let entry = Entry {
            link: link.into(),
            mode: match word {
                "private" => 0o600,
                "setuid" => 0o4755,
                _ => 0o644,
            },
            size: body.len() as u64,
            ..Entry::new(path, kind)
        };
        tar.append(&entry, &mut body.as_bytes()).unwrap();
    }
    tar.finish().unwrap().0
}

/// A layer, after reading.
pub fn read(lines: &[Line]) -> Layer {
    let tar = tar(lines);
    let mut layer =
        layer::from_tar(&tar[..], libstore::Limits::default(), |left| (tar.len() - left.len()) as u64)
            .unwrap();
    (layer.blob_size, layer.tar_size) = (tar.len() as u64, tar.len() as u64);
    layer
}

/// The ledger of an image that no store has.
pub fn ledger(layers: &[&[Line]]) -> Ledger {
    let mut ledger = Ledger::default();
    for lines in layers {
        ledger.apply(&read(lines)).unwrap();
    }
    ledger
}

/// A store in a directory of the test's.
pub fn store(dir: &Path) -> Store {
    Store::open(&dir.join("store"), Options { sync: false, ..Options::default() }).unwrap()
}

/// Puts an image of these layers and this config into the store, and names it. Returns the descriptor of its
/// manifest.
pub fn put(store: &Store, name: &str, layers: &[&[Line]], config: ImageConfig) -> Descriptor {
    let blobs: Vec<_> = layers.iter().map(|lines| store.put(&tar(lines), MEDIA_LAYER).unwrap()).collect();
    let diff_ids = blobs.iter().map(|blob| blob.digest).collect();
    let config = ImageConfig { rootfs: RootFs { diff_ids, ..RootFs::default() }, ..config };
    let config = store.put(&serde_json::to_vec(&config).unwrap(), MEDIA_CONFIG).unwrap();
    let manifest = serde_json::to_vec(&Manifest::new(config, blobs)).unwrap();
    let manifest = store.put(&manifest, MEDIA_MANIFEST).unwrap();
    store.tag(&name.parse().unwrap(), &manifest).unwrap();
    manifest
}

/// Puts an image into the store whose instructions are `RUN 1`, `RUN 2` and so on.
pub fn make(store: &Store, name: &str, layers: &[&[Line]]) {
    let made = |at| History { created_by: Some(format!("RUN {at}")), ..History::default() };
    let config = ImageConfig {
        os: "linux".into(),
        architecture: "amd64".into(),
        history: (1..=layers.len()).map(made).collect(),
        ..ImageConfig::default()
    };
    put(store, name, layers, config);
}

/// The image of this name in the store of a directory, which is removed with it.
pub fn open(name: &str, dir: TempDir) -> Opened {
    let opened = source::open(name, &Sources::of(&dir.path().join("store"))).unwrap();
    Opened { _dir: Some(libtree::remove::Temporary::new(dir.keep())), ..opened }
}

/// An image as [`make`] makes it, in a store of its own.
pub fn opened(layers: &[&[Line]]) -> Opened {
    let dir = tempfile::tempdir().unwrap();
    make(&store(dir.path()), "app", layers);
    open("app", dir)
}

/// Its cost and its ledger.
pub fn image(layers: &[&[Line]]) -> (ImageCost, Ledger) {
    let opened = opened(layers);
    let ledger = reading::ledger(&opened).unwrap();
    (image_cost(&opened, &ledger), ledger)
}
