//! Views of the images in these tests.

use crate::branches::Branch;
use crate::view::{Question, View, view};
use crate::{files, layer, lookup, why};
use libimage::fixtures::{Line, image, ledger};
use libimage::ledger::Fate;

const APP: &[&[Line]] = &[
    &[
        ("dir", "usr", ""),
        ("dir", "usr/bin", ""),
        ("symlink", "bin", "usr/bin"),
        ("file", "usr/bin/sh", "12345"),
    ],
    &[
        ("dir", "opt", ""),
        ("file", "opt/a", "1234567890"),
        ("file", "opt/b", "123"),
        ("link", "opt/c", "opt/b"),
    ],
    &[("private", "opt/a", "1234567890"), ("symlink", "opt/x", "/bin/sh")],
    &[("file", ".wh.opt", "")],
    &[("file", "usr/bin/sh", "123")],
];

fn paths(branches: &[Branch]) -> Vec<(usize, String, u64, u64)> {
    let row = |b: &Branch| (b.depth, b.path.display().into_owned(), b.bytes, b.entries);
    branches.iter().map(row).collect()
}

fn text(ask: &Question, layers: &[&[Line]]) -> String {
    let (image, ledger) = image(layers);
    let mut text = Vec::new();
    crate::text::write(&view(ask, 2, &image, &ledger).unwrap(), &image, &mut text).unwrap();
    String::from_utf8(text).unwrap()
}

#[test]
fn a_tree_counts_what_is_visible_the_largest_first() {
    let (image, ledger) = image(&APP[..2]);
    let view = files::files(&image, &ledger, b"/", 1).unwrap();
    let row = |depth, path: &str, bytes, entries| (depth, path.to_owned(), bytes, entries);
    assert_eq!(
        paths(&view.files),
        [row(0, ".", 18, 8), row(1, "opt", 13, 4), row(1, "usr", 5, 3), row(1, "bin", 0, 1)]
    );
    assert_eq!(
        view.files[0].layers.iter().map(|s| (s.layer, s.bytes)).collect::<Vec<_>>(),
        [(2, 13), (1, 5)]
    );
}

#[test]
fn a_tree_begins_where_a_link_leads_and_not_at_what_is_gone() {
    let (image, ledger) = image(APP);
    let view = files::files(&image, &ledger, b"bin", 5).unwrap();
    assert_eq!(paths(&view.files), [(0, "usr/bin".into(), 3, 2), (1, "usr/bin/sh".into(), 3, 1)]);
    let gone = files::files(&image, &ledger, b"/opt", 5).unwrap_err();
    assert_eq!(gone.what(), "is no longer in the image; --why shows what hid it");
}

#[test]
fn content_with_two_names_counts_once_and_where_it_is_seen() {
    let (image, ledger) =
        image(&[&[("dir", "b", ""), ("file", "b/x", "123"), ("dir", "a", ""), ("link", "a/x", "b/x")]]);
    let sizes = |path: &[u8]| {
        let rows = paths(&files::files(&image, &ledger, path, 1).unwrap().files);
        rows.into_iter().map(|(_, path, bytes, _)| format!("{path} {bytes}")).collect::<Vec<_>>()
    };
    assert_eq!(sizes(b"/"), [". 3", "a 3", "b 0"]);
    assert_eq!(sizes(b"b"), ["b 3", "b/x 3"]);
}

#[test]
fn a_layer_is_what_it_puts_removes_and_hides() {
    let (image, ledger) = image(APP);
    let of = |number| layer::contents(&image, &ledger, number, 9).unwrap();
    // usr and usr/bin have one entry each, so the file is shown for them.
    assert_eq!(paths(&of(5).puts), [(0, ".".into(), 3, 1), (1, "usr/bin/sh".into(), 3, 1)]);
    assert_eq!(paths(&of(5).hides), [(0, ".".into(), 5, 1), (1, "usr/bin/sh".into(), 5, 1)]);
    assert_eq!(paths(&of(5).removes), []);
    // The bytes of layer 3 in opt/a go; those of layer 2 were hidden before. b and c are one content.
    let removed = of(4);
    assert_eq!(paths(&removed.removes)[0], (0, ".".into(), 13, 5));
    let took: Vec<_> = removed.took.iter().map(|took| (took.of, took.fate, took.files, took.bytes)).collect();
    assert_eq!(took, [(2, Fate::Deleted, 1, 3), (3, Fate::Deleted, 1, 10)]);
    assert_eq!(of(3).took[0].fate, Fate::Metadata);
}

#[test]
fn a_layer_that_is_not_there_is_an_error() {
    let (image, ledger) = image(APP);
    for number in [0, 6, usize::MAX] {
        let error = layer::contents(&image, &ledger, number, 1).unwrap_err();
        assert_eq!(error.what(), format!("there is no layer {number}; it has 5, numbered from 1"));
    }
}

#[test]
fn a_path_is_followed_over_links_to_all_that_was_ever_there() {
    let (image, ledger) = image(APP);
    let view = why::why(&image, &ledger, b"/bin/sh").unwrap();
    assert_eq!(view.links.iter().map(|link| link.path.display()).collect::<Vec<_>>(), ["bin"]);
    assert_eq!(view.path.as_bytes(), b"usr/bin/sh");
    assert_eq!(view.puts.iter().map(|put| (put.by.layer, put.bytes)).collect::<Vec<_>>(), [(1, 5), (5, 3)]);
    let gone = view.puts[0].gone.as_ref().unwrap();
    assert_eq!((gone.fate, gone.by.layer), (Fate::Overwritten, 5));
}

#[test]
fn a_link_that_is_gone_is_followed_too() {
    let (image, ledger) = image(APP);
    let view = why::why(&image, &ledger, b"/opt/x").unwrap();
    assert_eq!(view.links.iter().map(|link| link.path.display()).collect::<Vec<_>>(), ["opt/x", "bin"]);
    assert_eq!(view.path.as_bytes(), b"usr/bin/sh");
}

#[test]
fn what_was_removed_is_explained_with_what_was_below() {
    let out = text(&Question::Why(b"/opt".into()), APP);
    let lines: Vec<&str> = out.lines().skip(1).collect();
    assert_eq!(
        lines,
        [
            "/opt is no longer in the image; it costs 23 B, 23 B of that hidden",
            "",
            "LAY  PLACE          BYTES  WHAT               INSTRUCTION",
            "  2  instruction 2    0 B  put: dir 0644 0:0  RUN 2",
            "  4  instruction 4         deleted            RUN 4",
            "",
            "Below it:",
            "LAY  PLACE          VISIBLE  HIDDEN  FILES  INSTRUCTION",
            "  2  instruction 2      0 B    13 B      2  RUN 2",
            "  3  instruction 3      0 B    10 B      1  RUN 3",
            "       10 B  of layer 2 stored again with other metadata by layer 3 (instruction 3: RUN 3)",
            "       10 B  of layer 3 deleted by layer 4 (instruction 4: RUN 4)",
            "        3 B  of layer 2 deleted by layer 4 (instruction 4: RUN 4)",
        ]
    );
}

#[test]
fn a_path_that_never_was_names_the_nearest_that_is() {
    let ledger = ledger(APP);
    for (path, nearest) in [
        ("/usr/bin/ash", "/usr/bin/sh"),
        ("/bin/bsh", "/usr/bin/sh"),
        ("/opt/deep/a", "/opt/a"),
        ("/var/b", "/opt/b"),
        ("/opt/nothing/like/it", "/opt"),
        ("/quite/elsewhere", "/"),
    ] {
        let error = lookup::find(&ledger, path.as_bytes()).unwrap_err();
        assert_eq!(error.what(), format!("no layer ever had it; the nearest is {nearest}"), "{path}");
    }
}

#[test]
fn links_that_lead_in_a_circle_are_an_error() {
    let ledger = ledger(&[&[("symlink", "a", "b"), ("symlink", "b", "a")]]);
    assert_eq!(lookup::find(&ledger, b"/a/x").unwrap_err().what(), "goes through too many symbolic links");
}

#[test]
fn a_directory_of_many_names_the_largest_and_counts_the_others() {
    let names: Vec<String> = (0..15).map(|n| format!("f{n:02}")).collect();
    let lines: Vec<Line> = names.iter().map(|name| ("file", name.as_str(), "1")).collect();
    let out = text(&Question::Files(b"/".into()), &[&lines]);
    let rows: Vec<&str> = out.lines().filter(|line| line.contains("f1") || line.contains("others")).collect();
    assert_eq!(
        rows,
        [
            " 1 B        1  1      0:0    0644    /f10",
            " 1 B        1  1      0:0    0644    /f11",
            " 3 B        3                        (3 others)"
        ]
    );
}

#[test]
fn names_that_could_move_the_cursor_do_not_reach_it() {
    let layers: &[&[Line]] = &[&[("file", "a\x1b[2Jb", "1"), ("symlink", "l", "\x1b[2J")]];
    for ask in [Question::Files(b"/".into()), Question::Layer(1), Question::Why(b"/a\x1b[2Jb".into())] {
        assert!(!text(&ask, layers).contains('\x1b'), "{ask:?}");
    }
}

#[test]
fn json_says_of_each_path_what_is_there_and_who_pays() {
    let (image, ledger) = image(APP);
    let View::Files(view) = view(&Question::Files(b"/usr".into()), 0, &image, &ledger).unwrap() else {
        panic!("not the tree");
    };
    assert_eq!(
        serde_json::to_string(&view.files).unwrap(),
        r#"[{"path":"usr","depth":0,"bytes":3,"entries":3,"layers":[{"layer":5,"bytes":3}],"kind":"dir","mode":"0644","uid":0,"gid":0}]"#
    );
}
