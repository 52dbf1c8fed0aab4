//! Compares two images, or the states after one of their layers, as trees. The layers that both begin with are not
//! walked, and each file's bytes are referred to in the store.

use crate::begin;
use crate::error::DiffError;
use crate::touched::Touched;
use crate::upper::{Trees, diff_where};
use libsandbox::{Isolation, Overlay, mount_overlay};
use libstore::{Store, Unpack};
use libtree::{FileKind, Root};
use libwire::WirePath;
use libwire::changes::{Change, Kind, Source};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Writes one layer-changes stream with the differences between `old` and `new`. Each is the name or digest of an
/// image, with `@N` for its state after layer N, or the id of a snapshot.
pub fn diff_images<W: Write>(
    store: &Store,
    isolation: Isolation,
    old: &str,
    new: &str,
    out: W,
) -> Result<W, DiffError> {
    let (old, new) = (snapshots(store, isolation, old)?, snapshots(store, isolation, new)?);
    let same = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let tree = |id: &String| store.snapshot_tree(id, isolation.owners());
    let trees = |ids: &[String]| ids.iter().map(tree).collect::<Result<Vec<PathBuf>, _>>();
    let (old, new) = (trees(&old)?, trees(&new)?);
    let open = |path: &PathBuf| Root::open(path, isolation.owners());
    let differing = old[same..].iter().chain(&new[same..]).map(open).collect::<io::Result<_>>()?;
    let mut touched = Touched::new(differing, isolation.opaque_xattr());
    let trees = Trees {
        upper: merged(&new, isolation)?,
        lower: if old.is_empty() { None } else { Some(merged(&old, isolation)?) },
        opaque: isolation.opaque_xattr(),
        whole: true,
    };
    let root = store.path().join("snapshots").canonicalize()?;
    let files = Files {
        root: store.path().join("snapshots"),
        trees: new.iter().map(|path| Ok((path.clone(), open(path)?))).collect::<io::Result<_>>()?,
    };
    let mut writer = begin(&root, None, None, out)?;
    diff_where(&trees, &mut |path| touched.at(path), &mut |change| {
        writer.write(&files.locate(change)?).map_err(DiffError::Output)
    })?;
    writer.finish().map_err(DiffError::Output)
}

fn merged(trees: &[PathBuf], isolation: Isolation) -> Result<Root, DiffError> {
    let merged = mount_overlay(&Overlay { lowers: trees, upper: None }, isolation)?;
    Ok(Root::from_fd(merged, isolation.owners()))
}

/// The snapshots of `text`, lowest first, unpacked if necessary.
fn snapshots(store: &Store, isolation: Isolation, text: &str) -> Result<Vec<String>, DiffError> {
    if store.has_snapshot(text) {
        let mut all = store.snapshot_meta(text)?.parents;
        all.push(text.to_owned());
        return Ok(all);
    }
    let number = |(name, number): (&str, &str)| Some((name.to_owned(), number.parse::<usize>().ok()?));
    let (name, number) = match text.rsplit_once('@').and_then(number) {
        Some((name, number)) => (name, Some(number)),
        None => (text.to_owned(), None),
    };
    let image = store.image(&store.find(&name)?.descriptor)?;
    let mount = |lowers: &[PathBuf], upper: &Path, work: &Path| {
        mount_overlay(&Overlay { lowers, upper: Some((upper, work)) }, isolation).map_err(io::Error::other)
    };
    let mut all = store.unpack(&image, &Unpack { owners: isolation.owners(), mount: &mount })?;
    match number {
        Some(number) if number > all.len() => {
            Err(DiffError::NoLayer { image: name, number, layers: all.len() })
        }
        Some(number) => {
            all.truncate(number);
            Ok(all)
        }
        None => Ok(all),
    }
}

/// The trees that have the files' bytes.
struct Files {
    root: PathBuf,
    /// The trees, lowest first.
    trees: Vec<(PathBuf, Root)>,
}

impl Files {
    /// Adds the place of its bytes to a change, if it has any.
    fn locate(&self, mut change: Change) -> Result<Change, DiffError> {
        if let Change::Put(put) = &mut change
            && let Kind::File { source, .. } = &mut put.kind
        {
            let path = put.path.as_bytes();
            *source = Some(Box::new(self.find(path).map_err(|error| error.at(path))?));
        }
        Ok(change)
    }

    /// Finds the topmost layer that has the file, because it hides all below it.
    fn find(&self, path: &[u8]) -> Result<Source, DiffError> {
        for (tree, root) in self.trees.iter().rev() {
            let meta = match root.lstat(path) {
                Ok(meta) => meta,
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
                {
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            if meta.kind == FileKind::File {
                let tree = tree.strip_prefix(&self.root).map_err(io::Error::other)?;
                let within = [tree.as_os_str().as_encoded_bytes(), b"/", path].concat();
                return Ok(Source { path: WirePath::new(within)?, state: meta.state() });
            }
            break;
        }
        Err(DiffError::Io(io::Error::other("is not in the layer it was seen in; the store has changed")))
    }
}
