//! Images out of the store: as OCI archives and as archives for `docker load`. Blobs are verified as they
//! are copied; the same image gives the same bytes.

use crate::{Image, Store, StoreError};
use libtree::tar::{Entry, EntryKind, Writer};
use libwire::Reference;
use libwire::image::{Descriptor, IMAGE_NAME, Index, MEDIA_INDEX, REF_NAME};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Which archive to write.
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
        tar.append(&entry(dir, EntryKind::Dir, 0), &mut io::empty())
            .map_err(out("cannot write the archive"))?;
    }
    let manifest = &image.descriptor;
    let all = image.manifest.layers.iter().chain([&image.manifest.config, manifest]);
    // By name, each once: an archive has no order of its own.
    let blobs: BTreeMap<String, &Descriptor> = all.map(|blob| (path(blob), blob)).collect();
    for (path, blob) in blobs {
        let mut body = store.open_blob(blob)?;
        let what = format!("cannot copy blob {} to the archive", blob.digest);
        tar.append(&entry(&path, EntryKind::File, blob.size), &mut body).map_err(StoreError::io(what))?;
    }
    let mut files = vec![("index.json", json(&index(image, names))?)];
    if format == Format::Docker {
        files.push(("manifest.json", json(&[docker_entry(image, names)])?));
    }
    files.push(("oci-layout", b"{\"imageLayoutVersion\":\"1.0.0\"}".to_vec()));
    for (name, bytes) in files {
        tar.append(&entry(name, EntryKind::File, bytes.len() as u64), &mut &bytes[..])
            .map_err(out("cannot write the archive"))?;
    }
    let (mut output, _) = tar.finish().map_err(out("cannot write the archive"))?;
    output.flush().map_err(out("cannot write the archive"))
}

fn path(blob: &Descriptor) -> String {
    format!("blobs/sha256/{}", blob.digest.hex())
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(value).map_err(|error| StoreError::io("cannot write JSON")(error.into()))
}

fn entry(path: &str, kind: EntryKind, size: u64) -> Entry {
    Entry {
        path: path.into(),
        kind,
        link: Vec::new(),
        mode: if kind == EntryKind::Dir { 0o755 } else { 0o644 },
        uid: 0,
        gid: 0,
        size,
        mtime: 0,
        mtime_ns: 0,
        rdev: (0, 0),
        xattrs: BTreeMap::new(),
    }
}

fn index(image: &Image, names: &[Reference]) -> Index {
    let mut manifests: Vec<Descriptor> = names.iter().map(|name| named(&image.descriptor, name)).collect();
    if manifests.is_empty() {
        manifests.push(Descriptor { annotations: BTreeMap::new(), ..image.descriptor.clone() });
    }
    Index { schema_version: 2, media_type: Some(MEDIA_INDEX.into()), manifests, extra: BTreeMap::new() }
}

/// In an archive of one image ref.name is the tag alone, as other tools write it.
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
