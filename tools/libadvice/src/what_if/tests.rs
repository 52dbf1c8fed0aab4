//! The packed layers have the same tree, however they are cut, except for what is left out.

use super::group::Group;
use super::*;
use layer_pack::Compression;
use libimage::fixtures::{self, Line, read};
use libimage::layer::{Act, from_tar};
use libimage::places::PlaceId;
use libimage::reading;
use libstore::Limits;
use proptest::prelude::*;

type Lines<'a> = Vec<Line<'a>>;

fn opened(layers: &[Lines]) -> (Opened, Ledger) {
    let opened = fixtures::opened(&layers.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let ledger = reading::ledger(&opened).unwrap();
    (opened, ledger)
}

fn asked(changes: &[&str]) -> Vec<(String, Change)> {
    changes.iter().map(|text| ((*text).to_owned(), text.parse().unwrap())).collect()
}

/// The visible tree: path, kind, mode, content, and the smallest of the file's names.
fn tree(ledger: &Ledger) -> Vec<(String, &'static str, u16, [u8; 16], String)> {
    let path = |place| String::from_utf8(ledger.places.path(place)).unwrap();
    let visible = |place: &PlaceId| ledger.visible(*place).copied();
    let puts: Vec<_> = ledger.places.all().filter_map(|place| visible(&place)).collect();
    let mut tree = Vec::new();
    for put in &puts {
        let inode = ledger.inode(put);
        let names = puts.iter().filter(|other| inode.is_some() && other.inode == put.inode);
        let kind = if put.act == Act::Dir { "dir" } else { "file" };
        let content = inode.map_or([0; 16], |inode| inode.content);
        let first = names.map(|other| path(other.place)).min().unwrap_or_default();
        tree.push((path(put.place), kind, put.mode, content, first));
    }
    tree.sort();
    tree
}

/// The ledger of the image after the changes, packed and read again.
fn packed(opened: &Opened, ledger: &Ledger, changes: &[&str]) -> Ledger {
    let plan = plan(ledger, &[], &asked(changes)).unwrap();
    let mut result = Ledger::default();
    for &(first, last) in &plan.groups {
        let group = Group::new(ledger, &plan, first, last).unwrap();
        let packer = Packer::new(Vec::new(), Compression::None).unwrap();
        let (packer, content) = group.pack(opened, packer).unwrap();
        let layer = from_tar(&packer.finish().unwrap().0[..], Limits::default(), |_| 0).unwrap();
        assert_eq!(layer.items.iter().map(|item| item.size).sum::<u64>(), content);
        result.apply(&layer).unwrap();
    }
    result
}

#[test]
fn a_content_stays_under_the_name_that_is_left() {
    let first = vec![("file", "a", "content"), ("link", "b", "a"), ("link", "c", "b")];
    let (image, ledger) = opened(&[first, vec![("file", ".wh.a", "")], vec![("file", ".wh.b", "")]]);
    for changes in [&["squash"][..], &["merge=1-2"], &["merge=2-3"], &["drop=a"], &["drop=a", "merge=1-3"]] {
        let result = packed(&image, &ledger, changes);
        assert_eq!(tree(&result), tree(&ledger), "{changes:?}");
        assert_eq!(result.inodes.len(), 1);
    }
}

#[test]
fn hard_links_of_aufs_are_packed_with_their_content() {
    let kept = ".wh..wh.plnk/1";
    let first = vec![("file", kept, "content"), ("link", "a", kept), ("link", "b", kept)];
    let (image, ledger) = opened(&[first, vec![("file", "c", "1")]]);
    for changes in ["squash", "merge=1-2", "drop=a"] {
        let result = packed(&image, &ledger, &[changes]);
        assert_eq!(result.inodes[0].size, 7, "{changes}");
    }
}

#[test]
fn what_a_group_hides_of_others_stays_hidden() {
    let first = vec![("dir", "d", ""), ("file", "d/old", "1")];
    let second = vec![("dir", "d", ""), ("file", "d/.wh..wh..opq", ""), ("file", "d/x", "2")];
    let third = vec![("file", "d/.wh.x", ""), ("file", "d/y", "3")];
    let (image, ledger) = opened(&[first, second, third]);
    let result = packed(&image, &ledger, &["merge=2-3"]);
    assert_eq!(tree(&result), tree(&ledger));
    assert_eq!((result.layers[0].entries, result.layers[1].entries), (2, 3));
}

#[test]
fn sizes_are_of_what_is_packed_and_of_blobs_that_stay() {
    let (image, ledger) =
        opened(&[vec![("file", "a", "1234")], vec![("file", "b", "1")], vec![("file", ".wh.b", "")]]);
    let result = what_if(&image, &ledger, &[], &asked(&["merge=2-3"])).unwrap();
    assert_eq!(result.layers.len(), 1, "a layer with nothing in it is none");
    assert_eq!((result.content, result.download), (4, ledger.layers[0].blob_size));
    let result = what_if(&image, &ledger, &[], &asked(&["squash", "drop=/a"])).unwrap();
    assert_eq!((result.download, result.layers.len()), (0, 0));
}

#[test]
fn a_blob_is_downloaded_when_the_layer_below_that_had_it_is_merged() {
    let (a, b) = (vec![("file", "a", "1")], vec![("file", "b", "1")]);
    let (image, ledger) = opened(&[a.clone(), b.clone(), a, b]);
    let result = what_if(&image, &ledger, &[], &asked(&["merge=1-2"])).unwrap();
    let downloads: Vec<u64> = result.layers.iter().map(|layer| layer.download).collect();
    assert_eq!(downloads, [3072, 2048, 2048]);
}

#[test]
fn what_can_not_be_is_said() {
    let (image, ledger) = opened(&[vec![("file", "a", "1")], vec![("link", "b", "a")]]);
    let refused =
        |changes: &[&str]| what_if(&image, &ledger, &[], &asked(changes)).unwrap_err().what().to_owned();
    assert!(refused(&["merge=1-3"]).contains("has 2 layers"));
    assert!(refused(&["drop=/none"]).contains("no layer has this path"));
    assert!(refused(&["squash", "merge=1-2"]).contains("only be merged once"));
    assert!(refused(&["multistage"]).contains("is not known"));
    assert!(refused(&["drop=/a"]).contains("another name"));
    for text in ["", "merge=2-2", "merge=0-1", "merge=x", "drop=", "drop=/", "squash=1", "flatten"] {
        assert!(text.parse::<Change>().is_err(), "{text}");
    }
}

const FILES: [&str; 5] = ["a", "b", "d/x", "d/y", "d/e/z"];
const REMOVED: [&str; 8] =
    [".wh.a", ".wh.b", "d/.wh.x", "d/.wh.y", "d/e/.wh.z", ".wh.d", "d/.wh.e", "d/.wh..wh..opq"];

/// A layer from choices: removals, then directories, then files, each at most once.
fn layer(choices: &[u8]) -> Lines<'static> {
    let removed = REMOVED.iter().zip(choices).filter(|(_, choice)| **choice % 5 == 0);
    let mut lines: Lines = removed.map(|(path, _)| ("file", *path, "")).collect();
    lines.extend([("dir", "d", ""), ("dir", "d/e", "")]);
    for (path, choice) in FILES.iter().zip(&choices[REMOVED.len()..]) {
        match choice % 8 {
            0 => lines.push(("file", path, "1")),
            1 => lines.push(("file", path, "22")),
            // The mode of a link is that of the file in every tar made from files; here it is 0644.
            2 if *path != "a" => lines.push(("private", path, "22")),
            3 if *path != "a" => lines.push(("link", path, "a")),
            _ => {}
        }
    }
    lines
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn layers_merged_are_the_tree_they_were(
        layers in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 13), 4),
        merge in prop::sample::select(vec!["squash", "merge=1-2", "merge=2-3", "merge=2-4", "merge=3-4"]),
    ) {
        let mut kept: Vec<Lines> = Vec::new();
        let mut so_far = Ledger::default();
        for choices in &layers {
            let mut lines = layer(choices);
            // A link needs a file that its own layer does not replace.
            let stable = so_far.find(b"a").is_some_and(|place| so_far.visible(place).is_some());
            let own = lines.iter().any(|(_, path, _)| *path == "a" || *path == ".wh.a");
            lines.retain(|(kind, ..)| *kind != "link" || (stable && !own));
            so_far.apply(&read(&lines)).unwrap();
            kept.push(lines);
        }
        let (image, ledger) = opened(&kept);
        let result = packed(&image, &ledger, &[merge]);
        prop_assert_eq!(tree(&result), tree(&ledger));
        if merge == "squash" {
            prop_assert!(result.inodes.iter().all(|inode| inode.gone.is_none()));
        }
    }
}
