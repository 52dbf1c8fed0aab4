//! Images made on the spot.

// Not every test that includes this uses all of it.
#![allow(dead_code)]

use libstore::{Options, Store};
use libtree::tar::{Entry, EntryKind, Writer};
use libwire::Digest;
use serde_json::{Value, json};
use std::io;
use std::path::Path;

pub const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";

pub fn store(dir: &Path) -> Store {
    Store::open(&dir.join("store"), Options::default()).unwrap()
}

/// A tar of files (`path`, content) and directories (`path/`).
pub fn tar(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = Writer::new(Vec::new());
    for (path, body) in entries {
        let kind = if path.ends_with('/') { EntryKind::Dir } else { EntryKind::File };
        let mode = if kind == EntryKind::Dir { 0o755 } else { 0o644 };
        tar.append(&entry(path, kind, mode, body.len()), &mut &body[..]).unwrap();
    }
    tar.finish().unwrap().0
}

pub fn entry(path: &str, kind: EntryKind, mode: u32, size: usize) -> Entry {
    Entry { mode, size: size as u64, mtime: 1_600_000_000, ..Entry::new(path, kind) }
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    io::Write::write_all(&mut encoder, bytes).unwrap();
    encoder.finish().unwrap()
}

/// Blobs of a layout in the making, by digest.
#[derive(Clone, Default)]
pub struct Blobs(pub Vec<Vec<u8>>);

impl Blobs {
    pub fn put(&mut self, bytes: Vec<u8>, media_type: &str) -> Value {
        let descriptor =
            json!({"mediaType": media_type, "digest": Digest::of(&bytes).to_string(), "size": bytes.len()});
        self.0.push(bytes);
        descriptor
    }

    pub fn put_json(&mut self, value: &Value, media_type: &str) -> Value {
        self.put(value.to_string().into_bytes(), media_type)
    }

    /// An image of these tars, the manifest's descriptor.
    pub fn image(&mut self, layers: &[(Vec<u8>, &str)], architecture: &str) -> Value {
        let diff_ids: Vec<String> = layers.iter().map(|(tar, _)| Digest::of(tar).to_string()).collect();
        let config = json!({
            "architecture": architecture, "os": "linux", "config": {"Env": ["A=1"]},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        });
        let config = self.put_json(&config, CONFIG);
        let pack = |(tar, kind): &(Vec<u8>, &str)| match *kind {
            "gzip" => self.put(gzip(tar), &format!("{LAYER}+gzip")),
            "zstd" => self.put(zstd::encode_all(&tar[..], 1).unwrap(), &format!("{LAYER}+zstd")),
            _ => self.put(tar.clone(), LAYER),
        };
        let layers: Vec<Value> = layers.iter().map(pack).collect();
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers});
        self.put_json(&manifest, MANIFEST)
    }

    /// An image for linux/amd64 of these blobs, each with the end of its media type and the tar it is to be.
    pub fn image_of(&mut self, layers: &[(Vec<u8>, &str, &[u8])]) -> Value {
        let diff_ids: Vec<String> = layers.iter().map(|(.., tar)| Digest::of(tar).to_string()).collect();
        let config = json!({
            "architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids},
        });
        let config = self.put_json(&config, CONFIG);
        let mut put =
            |(blob, kind, _): &(Vec<u8>, &str, &[u8])| self.put(blob.clone(), &format!("{LAYER}{kind}"));
        let layers: Vec<Value> = layers.iter().map(&mut put).collect();
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers});
        self.put_json(&manifest, MANIFEST)
    }

    /// The layout's files: path and content.
    pub fn files(&self, manifests: &[Value]) -> Vec<(String, Vec<u8>)> {
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
        let blob = |bytes: &Vec<u8>| (format!("blobs/sha256/{}", Digest::of(bytes).hex()), bytes.clone());
        let mut files: Vec<_> = self.0.iter().map(blob).collect();
        files.push(("oci-layout".into(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()));
        files.push(("index.json".into(), index.to_string().into_bytes()));
        files
    }
}

pub fn write_files(dir: &Path, files: &[(String, Vec<u8>)]) {
    for (path, bytes) in files {
        let path = dir.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

pub fn tar_files(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let entries: Vec<(&str, &[u8])> = files.iter().map(|(path, bytes)| (path.as_str(), &bytes[..])).collect();
    tar(&entries)
}

pub fn named(mut descriptor: Value, name: &str) -> Value {
    descriptor["annotations"] = json!({"org.opencontainers.image.ref.name": name});
    descriptor
}
