//! Layers become snapshots. Images of several layers need an overlay mount, and so root.

mod common;

use common::*;
use libstore::{Image, Options, Select, Store, StoreError, Unpack};
use libtree::Owners;
use libtree::extract;
use libtree::tar::EntryKind;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_string, fsmount, fsopen,
};
use std::io::{self, Cursor};
use std::os::fd::AsRawFd;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

fn mount(lowers: &[PathBuf], upper: &Path, work: &Path) -> io::Result<OwnedFd> {
    let fs = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC)?;
    let text = |path: &Path| path.display().to_string();
    for lower in lowers.iter().rev() {
        fsconfig_set_string(&fs, "lowerdir+", text(lower))?;
    }
    fsconfig_set_string(&fs, "upperdir", text(upper))?;
    fsconfig_set_string(&fs, "workdir", text(work))?;
    fsconfig_create(&fs)?;
    Ok(fsmount(&fs, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty())?)
}

/// Whether overlays can be mounted here.
fn can_mount(dir: &Path) -> bool {
    let dirs = ["l", "u", "w"].map(|name| dir.join(name));
    for dir in &dirs {
        std::fs::create_dir(dir).unwrap();
    }
    mount(&[dirs[0].clone()], &dirs[1], &dirs[2]).is_ok()
}

fn load(store: &Store, layers: &[(Vec<u8>, &str)]) -> Image {
    let mut blobs = Blobs::default();
    let manifest = blobs.image(layers, "amd64");
    let archive = tar_files(&blobs.files(&[manifest]));
    store.import_archive(Cursor::new(archive), &Select::default()).unwrap().remove(0).image
}

fn how() -> Unpack<'static> {
    Unpack { owners: Owners::Real, mount: &mount }
}

#[test]
fn a_layer_of_each_compression_is_unpacked_once_under_its_chain_id() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let layer = tar(&[("d/", b""), ("d/f", b"hello")]);
    for kind in ["none", "gzip", "zstd"] {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path());
        let image = load(&store, &[(layer.clone(), kind)]);
        let ids = store.unpack(&image, &how()).unwrap();
        assert_eq!(ids, [libwire::Digest::of(&layer).hex()]);
        let tree = store.snapshot_fs(&ids[0]).unwrap();
        assert_eq!(std::fs::read(tree.join("d/f")).unwrap(), b"hello");
        let meta = store.snapshot_meta(&ids[0]).unwrap();
        assert_eq!(
            (meta.diff_id, meta.entries, meta.content_size),
            (Some(libwire::Digest::of(&layer)), Some(2), Some(5))
        );
        // With the blob gone it can only be there already.
        std::fs::remove_file(store.blob_path(image.manifest.layers[0].digest)).unwrap();
        assert_eq!(store.unpack(&image, &how()).unwrap(), ids);
    }
}

#[test]
fn a_layer_of_no_bytes_is_an_empty_one() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    for kind in ["none", "gzip", "zstd"] {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path());
        let image = load(&store, &[(Vec::new(), kind)]);
        let ids = store.unpack(&image, &how()).unwrap();
        assert_eq!(std::fs::read_dir(store.snapshot_fs(&ids[0]).unwrap()).unwrap().count(), 0, "{kind}");
    }
}

#[test]
fn upper_layers_change_what_is_below() {
    let dir = tempfile::tempdir().unwrap();
    if !can_mount(dir.path()) {
        return;
    }
    let store = store(dir.path());
    let lower = tar(&[("usr/", b""), ("usr/lib/", b""), ("usr/lib/old", b"1"), ("gone", b"2")]);
    let upper = tar(&[(".wh.gone", b""), ("usr/lib/new", b"3")]);
    let image = load(&store, &[(lower, "gzip"), (upper, "zstd")]);
    let ids = store.unpack(&image, &how()).unwrap();
    assert_eq!(store.snapshot_meta(&ids[1]).unwrap().parents, ids[..1]);
    let upper = store.snapshot_fs(&ids[1]).unwrap();
    assert_eq!(std::fs::read(upper.join("usr/lib/new")).unwrap(), b"3");
    assert!(!upper.join("usr/lib/old").exists(), "a snapshot holds only its own layer");
    let whiteout = std::fs::symlink_metadata(upper.join("gone")).unwrap();
    assert_eq!(std::os::unix::fs::MetadataExt::rdev(&whiteout), 0);
    assert!(!whiteout.is_file());
}

/// A layer of entries that are more than files, and the names of what it is to be.
fn layer(entries: &[(&str, EntryKind, &str, u32)]) -> Vec<u8> {
    let mut tar = libtree::tar::Writer::new(Vec::new());
    for (path, kind, link, mode) in entries {
        let entry = libtree::tar::Entry { link: link.as_bytes().to_vec(), ..entry(path, *kind, *mode, 0) };
        tar.append(&entry, &mut io::empty()).unwrap();
    }
    tar.finish().unwrap().0
}

/// Every path below `dir` with what it is, its mode and its time.
fn listing(dir: &Path) -> Vec<String> {
    let output = std::process::Command::new("find")
        .args([dir.to_str().unwrap(), "-printf", "%P %y %m %U %T@ %l\\n"])
        .output()
        .unwrap();
    let mut lines: Vec<_> = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn layers_extracted_at_once_give_the_tree_they_give_in_one_directory_one_by_one() {
    let dir = tempfile::tempdir().unwrap();
    if !can_mount(dir.path()) {
        return;
    }
    use EntryKind::{Dir, File, Hardlink, Symlink};
    let stack: Vec<(Vec<u8>, &str)> = [
        layer(&[
            ("usr/", Dir, "", 0o711),
            ("usr/lib/", Dir, "", 0o750),
            ("lib", Symlink, "usr/lib", 0o777),
            ("usr/lib/a", File, "", 0o644),
            ("was-dir/", Dir, "", 0o755),
            ("was-dir/x", File, "", 0o600),
            ("was-file", File, "", 0o640),
            ("./", Dir, "", 0o711),
        ]),
        // Whole in itself: directories again, a link to its own file, things of other kinds than below.
        layer(&[
            ("usr/", Dir, "", 0o700),
            ("usr/lib/", Dir, "", 0o701),
            ("usr/lib/b", File, "", 0o4755),
            ("usr/lib/c", Hardlink, "usr/lib/b", 0o644),
            ("was-dir", File, "", 0o444),
            ("was-file/", Dir, "", 0o1777),
        ]),
        // Through a link of the first layer, a parent it has not, a link to a lower file, a whiteout.
        layer(&[("lib/d", File, "", 0o644)]),
        layer(&[("usr/lib/e", File, "", 0o644)]),
        layer(&[("f", Hardlink, "usr/lib/a", 0o644)]),
        layer(&[("usr/", Dir, "", 0o755), ("usr/lib/", Dir, "", 0o755), ("usr/lib/.wh.b", File, "", 0)]),
        layer(&[("new/", Dir, "", 0o755), ("new/.wh..wh..opq", File, "", 0), ("new/g", File, "", 0o644)]),
        layer(&[("last", File, "", 0o644)]),
    ]
    .map(|tar| (tar, "gzip"))
    .into();
    let merged = |store: &Store, ids: &[String]| {
        let lowers: Vec<_> = ids.iter().map(|id| store.snapshot_fs(id).unwrap()).collect();
        let (upper, work) = (dir.path().join("upper"), dir.path().join("work"));
        std::fs::create_dir(&upper).unwrap();
        std::fs::create_dir(&work).unwrap();
        let root = mount(&lowers, &upper, &work).unwrap();
        let mut lines = listing(Path::new(&format!("/proc/{}/fd/{}/", std::process::id(), root.as_raw_fd())));
        // The root of this view is the upper directory; that of an image is its last layer's.
        lines.retain(|line| !line.starts_with(' '));
        lines.extend(listing(&lowers[lowers.len() - 1]).into_iter().filter(|line| line.starts_with(' ')));
        lines.sort();
        lines
    };
    let all = store(&dir.path().join("store"));
    let image = load(&all, &stack);
    let at_once = merged(&all, &all.unpack(&image, &how()).unwrap());
    let plain = dir.path().join("plain");
    std::fs::create_dir(&plain).unwrap();
    let root = libtree::Root::open(&plain, Owners::Real).unwrap();
    for (tar, _) in &stack {
        let options = extract::Options { form: extract::Form::Layer, owner: None };
        extract::extract(&mut libtree::tar::Reader::new(&tar[..]), &root, options).unwrap();
    }
    assert_eq!(at_once, listing(&plain));
    assert!(at_once.iter().any(|line| line.starts_with("usr/lib/d f")), "{at_once:#?}");
    assert!(!at_once.iter().any(|line| line.starts_with("usr/lib/b")), "{at_once:#?}");
}

#[test]
fn a_layout_is_imported_and_unpacked_at_once_and_all_or_nothing_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let layout = dir.path().join("layout");
    let layer = tar(&[("f", b"hello")]);
    let mut blobs = Blobs::default();
    let manifest = blobs.image(&[(layer.clone(), "gzip")], "amd64");
    let select = Select::default();
    write_files(&layout, &blobs.files(&[manifest.clone(), manifest]));
    let packed = layout.join("blobs/sha256").join(libwire::Digest::of(&gzip(&layer)).hex());
    let mut damaged = gzip(&layer);
    let crc = damaged.len() - 6;
    damaged[crc] ^= 1;
    std::fs::write(&packed, damaged).unwrap();
    let store = store(dir.path());
    let error = store.import_and_unpack(&layout, &select, &how()).unwrap_err();
    assert!(matches!(error, StoreError::Invalid { .. }), "{error}");
    for empty in ["snapshots", "tmp", "blobs/sha256"] {
        assert_eq!(std::fs::read_dir(store.path().join(empty)).unwrap().count(), 0, "{empty}");
    }
    if !rustix::process::geteuid().is_root() {
        return;
    }
    std::fs::write(&packed, gzip(&layer)).unwrap();
    let (image, ids) = store.import_and_unpack(&layout, &select, &how()).unwrap();
    assert!(image.manifest.layers.iter().all(|layer| store.has_blob(layer).unwrap()));
    assert_eq!(std::fs::read(store.snapshot_fs(&ids[0]).unwrap().join("f")).unwrap(), b"hello");
}

#[test]
fn a_layer_that_is_not_its_diff_id_leaves_no_snapshot() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    let mut image = load(&store, &[(tar(&[("a", b"1")]), "gzip")]);
    image.config.rootfs.diff_ids[0] = libwire::Digest::of(b"another");
    let error = store.unpack(&image, &how()).unwrap_err();
    assert!(matches!(&error, StoreError::Invalid { what, .. } if what.contains("diff ID")), "{error}");
    assert_eq!(std::fs::read_dir(store.path().join("snapshots")).unwrap().count(), 0);
    assert_eq!(std::fs::read_dir(store.path().join("tmp")).unwrap().count(), 0);
}

#[test]
fn a_flipped_byte_in_a_stored_layer_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    let image = load(&store, &[(tar(&[("a", &[1; 5000])]), "none")]);
    let path = store.blob_path(image.manifest.layers[0].digest);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[1000] ^= 1;
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, bytes).unwrap();
    assert!(store.unpack(&image, &how()).is_err());
    assert!(!path.exists(), "it was put aside");
}

#[test]
fn trees_of_different_id_maps_do_not_mix() {
    let dir = tempfile::tempdir().unwrap();
    let plain = store(dir.path());
    let image = load(&plain, &[]);
    assert!(plain.unpack(&image, &how()).unwrap().is_empty(), "an image may have no layers");
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let image = load(&plain, &[(tar(&[("a", b"1")]), "none")]);
    let options = libstore::Options { map: "subuid".into(), ..Default::default() };
    let mapped = Store::open(plain.path(), options).unwrap();
    let ids = [plain.unpack(&image, &how()).unwrap(), mapped.unpack(&image, &how()).unwrap()];
    assert_eq!(ids[1][0], format!("subuid-{}", ids[0][0]));
}

#[test]
fn how_well_a_layer_is_compressed_does_not_matter_but_its_bytes_and_entries_do() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let zeros = vec![0; 100 << 20];
    let layer = tar(&[("zeros", &zeros), ("f", b"x")]);
    let limits = |bytes, entries| libstore::Limits { bytes, entries };
    for (limits, wanted) in [
        (libstore::Limits::default(), None),
        (limits(100 << 20, 10), Some("--max-unpacked")),
        (limits(1 << 30, 1), Some("--max-entries")),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("store"), Options { limits, ..Options::default() }).unwrap();
        let image = load(&store, &[(layer.clone(), "zstd")]);
        assert!(image.manifest.layers[0].size < 100_000);
        match (store.unpack(&image, &how()), wanted) {
            (Ok(ids), None) => {
                let file = std::fs::metadata(store.snapshot_fs(&ids[0]).unwrap().join("zeros")).unwrap();
                let kept = std::os::unix::fs::MetadataExt::blocks(&file) * 512;
                assert!(file.len() == 100 << 20 && kept < 10 << 20, "{kept}");
            }
            (Err(error), Some(wanted)) => assert!(error.to_string().contains(wanted), "{error}"),
            (other, _) => panic!("{limits:?}: {other:?}"),
        }
    }
}
