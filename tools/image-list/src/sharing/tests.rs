//! The layers that the images of these tests share.

use super::{pull, sharing, text};
use libimage::fixtures::{Line, make, store};
use libimage::source::{self, Opened};
use tempfile::TempDir;

const BASE: &[Line] = &[("file", "base", "0")];
const X: &[Line] = &[("file", "x", "1")];
const Y: &[Line] = &[("file", "y", "2")];

fn images() -> (TempDir, Vec<Opened>) {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    make(&store, "base", &[BASE]);
    make(&store, "x", &[BASE, X]);
    make(&store, "y", &[Y]);
    let open = |name| source::open(name, &source::Sources::of(&dir.path().join("store"))).unwrap();
    let images = ["base", "x", "y"].map(open).into();
    (dir, images)
}

fn layer(opened: &Opened, at: usize) -> u64 {
    opened.image.manifest.layers[at].size
}

#[test]
fn blobs_that_two_images_have_are_shared_and_the_rest_is_unique() {
    let (_dir, images) = images();
    let found = sharing(&images);
    let told: Vec<_> = found.images.iter().map(|share| (&*share.image, share.shared, share.with)).collect();
    let base = layer(&images[0], 0);
    assert_eq!(told, [("base", base, 1), ("x", base, 1), ("y", 0, 0)]);
    assert!(found.images.iter().all(|share| share.size == share.shared + share.unique));
    assert_eq!(found.apart - found.together, base);
    let shared: Vec<_> = found.shared.iter().map(|layer| (layer.bytes, layer.images, &*layer.of)).collect();
    assert_eq!(shared, [(base, 2, &[0, 1][..])]);
}

#[test]
fn an_image_named_twice_is_all_shared() {
    let (dir, _) = images();
    let open = |name| source::open(name, &source::Sources::of(&dir.path().join("store"))).unwrap();
    let found = sharing(&[open("x"), open("x")]);
    assert_eq!(found.images.iter().map(|share| share.unique).collect::<Vec<_>>(), [0, 0]);
    assert_eq!(found.apart, 2 * found.together);
}

#[test]
fn a_pull_is_what_the_node_has_not() {
    let (_dir, images) = images();
    let pulls = pull(&images, &images[..1]);
    let told: Vec<_> = pulls.iter().map(|pull| (pull.missing, pull.layers, pull.size - pull.pull)).collect();
    assert_eq!((pulls[0].pull, pulls[0].missing), (0, 0));
    assert_eq!(told[1..], [(1, 2, layer(&images[0], 0)), (1, 1, 0)]);
}

#[test]
fn the_table_lines_up() {
    let (_dir, images) = images();
    let mut out = Vec::new();
    text::sharing(&sharing(&images), &mut out).unwrap();
    let out = String::from_utf8(out).unwrap();
    assert!(out.starts_with("IMAGE    SIZE  SHARED  UNIQUE  WITH\n"), "{out}");
    assert!(out.contains("Layers that several have:\n"), "{out}");
}
