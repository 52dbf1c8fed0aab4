//! Compares the ledger with the judge that matters: libtree's extraction of the same layers, unpacked on top of each
//! other, has exactly the files that the ledger calls visible.

use libimage::layer::{self, Act};
use libimage::ledger::Ledger;
use libimage::places::Places;
use libstore::{Options, Store};
use libtree::extract::{self, Form};
use libtree::tar::{Entry, EntryKind, Reader, Writer};
use libtree::{Owners, Root};
use libwire::image::MEDIA_LAYER;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Clone, Debug)]
struct Line {
    kind: EntryKind,
    path: String,
    text: String,
}

/// Few names, so that layers overlap.
fn path() -> impl Strategy<Value = String> {
    proptest::collection::vec("[abc]", 1..4).prop_map(|parts| parts.join("/"))
}

fn line() -> impl Strategy<Value = Line> {
    let absolute = path().prop_map(|path| format!("/{path}"));
    let target = prop_oneof![path(), absolute, path().prop_map(|path| format!("../{path}"))];
    let put = |kind| move |(path, text): (String, String)| Line { kind, path, text };
    let whiteout = |path: String| match path.rsplit_once('/') {
        Some((above, name)) => format!("{above}/.wh.{name}"),
        None => format!(".wh.{path}"),
    };
    let empty = |path| Line { kind: EntryKind::File, path, text: String::new() };
    prop_oneof![
        6 => (path(), "[xyz]{0,3}").prop_map(put(EntryKind::File)),
        4 => (path(), "").prop_map(put(EntryKind::Dir)),
        2 => (path(), target).prop_map(put(EntryKind::Symlink)),
        2 => (path(), path()).prop_map(put(EntryKind::Hardlink)),
        3 => path().prop_map(move |path| empty(whiteout(path))),
        1 => path().prop_map(move |path| empty(format!("{path}/.wh..wh..opq"))),
    ]
}

fn tar_of(lines: &[Line]) -> Vec<u8> {
    let mut tar = Writer::new(Vec::new());
    for Line { kind, path, text } in lines {
        let (link, body) = if *kind == EntryKind::File { ("", &**text) } else { (&**text, "") };
        let entry = Entry { link: link.into(), size: body.len() as u64, ..Entry::new(&**path, *kind) };
        tar.append(&entry, &mut body.as_bytes()).unwrap();
    }
    tar.finish().unwrap().0
}

/// Every path, with the size of a file or the target of a link.
type Tree = BTreeMap<String, String>;

fn on_disk(dir: &Path) -> Tree {
    let mut tree = Tree::new();
    let mut open = vec![dir.to_owned()];
    while let Some(path) = open.pop() {
        for entry in std::fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            let meta = path.symlink_metadata().unwrap();
            let what = match meta.file_type() {
                kind if kind.is_dir() => "dir".into(),
                kind if kind.is_symlink() => format!("-> {}", std::fs::read_link(&path).unwrap().display()),
                _ => format!("{} bytes", meta.len()),
            };
            tree.insert(path.strip_prefix(dir).unwrap().display().to_string(), what);
            if meta.is_dir() {
                open.push(path);
            }
        }
    }
    tree
}

fn in_ledger(ledger: &Ledger) -> Tree {
    let mut tree = Tree::new();
    for place in ledger.places.below(Places::ROOT) {
        let Some(put) = ledger.visible(place) else { continue };
        let what = match put.act {
            Act::Dir => "dir".into(),
            Act::Symlink => format!("-> {}", String::from_utf8_lossy(ledger.link(put))),
            _ => format!("{} bytes", ledger.inode(put).unwrap().size),
        };
        tree.insert(String::from_utf8(ledger.places.path(place)).unwrap(), what);
    }
    tree
}

/// Directories that no layer has as an entry exist only on disk.
fn without_implied(tree: Tree, ledger: &Ledger) -> Tree {
    let told = |path: &str| ledger.find(path.as_bytes()).is_some_and(|place| ledger.visible(place).is_some());
    tree.into_iter().filter(|(path, what)| what != "dir" || told(path)).collect()
}

/// Each case unpacks layers, so there are few, unless PROPTEST_CASES asks for more.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn what_is_visible_is_what_is_unpacked(
        layers in proptest::collection::vec(proptest::collection::vec(line(), 0..8), 1..5),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("s"), Options { sync: false, ..Options::default() }).unwrap();
        let tree = dir.path().join("tree");
        std::fs::create_dir(&tree).unwrap();
        let root = Root::open(&tree, Owners::Recorded).unwrap();
        let mut ledger = Ledger::default();
        for lines in layers {
            let bytes = tar_of(&lines);
            let options = extract::Options { form: Form::Layer, owner: None };
            if extract::extract(&mut Reader::new(&bytes[..]), &root, options).is_err() {
                break;
            }
            let blob = store.put(&bytes, MEDIA_LAYER).unwrap();
            let followed = ledger.apply(&layer::read(&store, &blob, blob.digest).unwrap());
            prop_assert_eq!(followed, Ok(()));
            prop_assert_eq!(in_ledger(&ledger), without_implied(on_disk(&tree), &ledger));
        }
    }
}
