//! Writes images of the store as OCI archives and as archives for `docker load`. Blobs are verified as they are copied,
//! and the same image gives the same bytes.

use crate::error::StoreError;
use crate::image::Image;
use crate::layout::LAYOUT;
use crate::store::Store;
use libtree::tar::{Entry, EntryKind, Writer};
use libwire::Reference;
use libwire::image::{Descriptor, IMAGE_NAME, Index, MEDIA_INDEX, REF_NAME};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Writes a file by `write`, and gives it its name at the end, so that nobody sees half of it. If there is something at
/// `path` that is no regular file (a FIFO, a terminal), it is written to directly.
pub fn to_file(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let what = || format!("cannot write {}", path.display());
    let special = std::fs::metadata(path).is_ok_and(|meta| !meta.is_file());
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if special {
        let file = File::options().write(true).open(path).map_err(StoreError::io(what()))?;
        return write_buffered(&file, write, &what());
    }
    let temp =
        tempfile::Builder::new().prefix(".stagepipe-").tempfile_in(parent).map_err(StoreError::io(what()))?;
    write_buffered(temp.as_file(), write, &what())?;
    let mode = rustix::process::umask(rustix::fs::Mode::empty());
    rustix::process::umask(mode);
    let mode = std::fs::Permissions::from_mode(0o666 & !mode.as_raw_mode());
    temp.as_file().set_permissions(mode).map_err(StoreError::io(what()))?;
    temp.as_file().sync_all().map_err(StoreError::io(what()))?;
    temp.persist(path).map_err(|error| StoreError::io(what())(error.error))?;
    crate::write::sync_dir(parent)
}

fn write_buffered(
    file: &File,
    write: impl FnOnce(&mut dyn Write) -> Result<(), StoreError>,
    what: &str,
) -> Result<(), StoreError> {
    let mut output = BufWriter::with_capacity(1 << 17, file);
    write(&mut output)?;
    output.flush().map_err(StoreError::io(what))
}

/// The kind of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// An OCI image layout in a tar.
    Oci,
    /// The same with docker's manifest.json: `docker load` and `podman load` read it.
    Docker,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct DockerEntry {
    config: String,
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

/// Writes `image` under `names` to `output` as a tar, in constant memory.
pub fn archive(
    store: &Store,
    image: &Image,
    names: &[Reference],
    format: Format,
    output: impl Write,
) -> Result<(), StoreError> {
    let out = |what: &'static str| StoreError::io(what);
    let mut tar = Writer::new(output);
    for dir in ["blobs/", "blobs/sha256/"] {
        tar.append(&Entry::new(dir, EntryKind::Dir), &mut io::empty())
            .map_err(out("cannot write the archive"))?;
    }
    let manifest = &image.descriptor;
    let all = image.manifest.layers.iter().chain([&image.manifest.config, manifest]);
    // Sorted by name, each once, because an archive has no order of its own.
    let blobs: BTreeMap<String, &Descriptor> = all.map(|blob| (path(blob), blob)).collect();
    for (path, blob) in blobs {
        let mut body = store.open_blob(blob)?;
        let what = format!("cannot copy blob {} to the archive", blob.digest);
        tar.append(&file(&path, blob.size), &mut body).map_err(StoreError::io(what))?;
    }
    let mut files = vec![("index.json", json(&index(image, names))?)];
    if format == Format::Docker {
        files.push(("manifest.json", json(&[docker_entry(image, names)])?));
    }
    files.push((LAYOUT.0, LAYOUT.1.into()));
    for (name, bytes) in files {
        tar.append(&file(name, bytes.len() as u64), &mut &bytes[..])
            .map_err(out("cannot write the archive"))?;
    }
    let (mut output, _) = tar.finish().map_err(out("cannot write the archive"))?;
    output.flush().map_err(out("cannot write the archive"))
}

/// Writes `image` under `names` as an OCI layout into `dir`, which must be missing or empty.
pub fn layout(store: &Store, image: &Image, names: &[Reference], dir: &Path) -> Result<(), StoreError> {
    let what = |name: &str| StoreError::io(format!("cannot write {}", dir.join(name).display()));
    std::fs::create_dir_all(dir).map_err(what(""))?;
    if !libtree::walk::names_at(dir).map_err(what(""))?.is_empty() {
        let why = "is not empty; name a directory that is, or one that is not there".into();
        return Err(StoreError::NotAStore { path: dir.display().to_string(), why });
    }
    std::fs::create_dir_all(dir.join("blobs/sha256")).map_err(what("blobs"))?;
    let blobs = image.manifest.layers.iter().chain([&image.manifest.config, &image.descriptor]);
    for blob in blobs {
        let name = path(blob);
        let mut file = File::create(dir.join(&name)).map_err(what(&name))?;
        io::copy(&mut store.open_blob(blob)?, &mut file).map_err(what(&name))?;
    }
    std::fs::write(dir.join(LAYOUT.0), LAYOUT.1).map_err(what(LAYOUT.0))?;
    crate::write::sync_all(dir)?;
    // The index comes last: with it the directory is a layout.
    std::fs::write(dir.join("index.json"), json(&index(image, names))?).map_err(what("index.json"))?;
    crate::write::sync_all(dir)
}

fn path(blob: &Descriptor) -> String {
    format!("blobs/sha256/{}", blob.digest.hex())
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(value).map_err(|error| StoreError::io("cannot write JSON")(error.into()))
}

fn file(path: &str, size: u64) -> Entry {
    Entry { size, ..Entry::new(path, EntryKind::File) }
}

fn index(image: &Image, names: &[Reference]) -> Index {
    let mut manifests: Vec<Descriptor> = names.iter().map(|name| named(&image.descriptor, name)).collect();
    if manifests.is_empty() {
        manifests.push(Descriptor { annotations: BTreeMap::new(), ..image.descriptor.clone() });
    }
    Index { schema_version: 2, media_type: Some(MEDIA_INDEX.into()), manifests, extra: BTreeMap::new() }
}

/// As other tools write it, ref.name is the tag alone in an archive of one image.
fn named(manifest: &Descriptor, name: &Reference) -> Descriptor {
    let mut annotations = BTreeMap::from([(IMAGE_NAME.to_owned(), name.to_string())]);
    if let Some(tag) = name.tag() {
        annotations.insert(REF_NAME.into(), tag.into());
    }
    Descriptor { annotations, ..manifest.clone() }
}

fn docker_entry(image: &Image, names: &[Reference]) -> DockerEntry {
    let tags: Vec<String> =
        names.iter().filter(|name| name.tag().is_some()).map(Reference::familiar).collect();
    DockerEntry {
        config: path(&image.manifest.config),
        repo_tags: (!tags.is_empty()).then_some(tags),
        layers: image.manifest.layers.iter().map(path).collect(),
    }
}
