//! The places and properties of written files.

use crate::case::*;
use libcopy::Request;
use libwire::Chmod;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;

#[test]
fn a_directory_gives_its_contents_and_a_file_its_name_or_the_targets() {
    let case = Case::new(&["d/x", "d/e/", "f"]);
    case.copy(&["d"], "/one").unwrap();
    case.copy(&["f"], "/name").unwrap();
    case.copy(&["f"], "/new/dir/").unwrap();
    case.copy(&["f"], "/one").unwrap();
    assert_eq!(case.tree(), ["name", "new/", "new/dir/", "new/dir/f", "one/", "one/e/", "one/f", "one/x"]);
}

#[test]
fn a_linked_destination_is_written_through_and_a_link_in_the_tree_replaced() {
    let case = Case::new(&["t/f", "g"]);
    fs::create_dir(case.to("real")).unwrap();
    fs::write(case.to("file"), "old").unwrap();
    symlink("/real", case.to("dir")).unwrap();
    symlink("/file", case.to("real/f")).unwrap();
    symlink("file", case.to("name")).unwrap();
    case.copy(&["t"], "/dir").unwrap();
    case.copy(&["g"], "/name").unwrap();
    assert_eq!(fs::read(case.to("real/f")).unwrap(), b"t/f");
    assert_eq!(fs::read(case.to("file")).unwrap(), b"g");
    assert!(case.to("name").is_symlink());
}

#[test]
fn a_file_and_a_directory_do_not_replace_each_other() {
    let case = Case::new(&["t/name", "d/x"]);
    fs::create_dir_all(case.to("dst/name")).unwrap();
    fs::write(case.to("thing"), "").unwrap();
    let error = case.copy(&["t"], "/dst").unwrap_err().to_string();
    assert!(error.contains("cannot replace to directory /dst/name with file"), "{error}");
    let error = case.copy(&["d"], "/thing").unwrap_err().to_string();
    assert!(error.contains("cannot copy to non-directory: /thing"), "{error}");
}

#[test]
fn times_come_from_the_source_or_now_and_never_from_the_clock() {
    let case = Case::new(&["d/x", "f"]);
    age(&case.from("d/x"));
    age(&case.from("d"));
    fs::create_dir(case.to("there")).unwrap();
    age(&case.to("there"));
    case.copy(&["d"], "/there/new/d").unwrap();
    case.copy(&["f"], "/there/").unwrap();
    case.copy(&["/"], "/root").unwrap();
    let time = |path: &str| case.to(path).metadata().unwrap().mtime();
    assert_eq!([time("there"), time("there/new"), time("there/new/d")], [OLD, NOW, OLD]);
    assert_eq!([time("there/new/d/x"), time("root")], [OLD, NOW]);
}

#[test]
fn modes_are_kept_or_changed_and_an_existing_destination_keeps_its_own() {
    let case = Case::new(&["d/sub/x", "d/run"]);
    let set = |path: PathBuf, mode| fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    let mode = |path: &str| case.to(path).metadata().unwrap().mode() & 0o7777;
    set(case.from("d/run"), 0o4755);
    set(case.from("d/sub"), 0o711);
    set(case.from("d"), 0o700);
    fs::create_dir_all(case.to("there/sub")).unwrap();
    set(case.to("there"), 0o750);
    case.copy(&["d"], "/there").unwrap();
    assert_eq!([mode("there"), mode("there/sub"), mode("there/run")], [0o750, 0o711, 0o4755]);
    case.copy(&["d"], "/new").unwrap();
    assert_eq!(mode("new"), 0o755);
    let octal = Request { chmod: Some(Chmod::parse("0700").unwrap()), ..request(&["d"]) };
    case.request(&octal, "/a/b").unwrap();
    assert_eq!([mode("a"), mode("a/b"), mode("a/b/sub"), mode("a/b/run")], [0o700; 4]);
}

#[test]
fn hard_links_of_one_source_stay_links() {
    let case = Case::new(&["d/one", "e/three"]);
    fs::hard_link(case.from("d/one"), case.from("d/two")).unwrap();
    fs::hard_link(case.from("d/one"), case.from("e/four")).unwrap();
    case.copy(&["d", "e"], "/x/").unwrap();
    let inode = |path: &str| case.to(path).metadata().unwrap().ino();
    assert_eq!(inode("x/one"), inode("x/two"));
    assert_ne!(inode("x/one"), inode("x/four"));
}

#[test]
fn documents_are_files_of_their_own() {
    let case = Case::new(&["f"]);
    let documents = vec![("EOF".to_owned(), b"text".to_vec())];
    let request = Request { documents, ..request(&["f"]) };
    case.request(&request, "/d/").unwrap();
    assert_eq!(case.tree(), ["d/", "d/EOF", "d/f"]);
    let meta = case.to("d/EOF").metadata().unwrap();
    assert_eq!((meta.mode() & 0o7777, meta.mtime(), meta.len()), (0o644, NOW, 4));
}

#[test]
fn a_directory_does_not_go_through_a_link_in_the_tree() {
    let case = Case::new(&["t/name/x"]);
    fs::create_dir_all(case.to("dst")).unwrap();
    fs::create_dir_all(case.to("else")).unwrap();
    symlink("/else", case.to("dst/name")).unwrap();
    let error = case.copy(&["t"], "/dst").unwrap_err().to_string();
    assert!(error.contains("cannot copy to non-directory: /dst/name"), "{error}");
    assert_eq!(case.tree(), ["dst/", "dst/name", "else/"]);
}

#[test]
fn a_dangling_destination_is_made_where_it_leads() {
    let case = Case::new(&["f", "d/x"]);
    symlink("/data/file", case.to("file")).unwrap();
    symlink("../../out/dir", case.to("dir")).unwrap();
    case.copy(&["f"], "/file").unwrap();
    case.copy(&["d"], "/dir").unwrap();
    assert_eq!(case.tree(), ["data/", "data/file", "dir", "file", "out/", "out/dir/", "out/dir/x"]);
}

#[test]
fn a_file_is_no_directory_of_a_destination() {
    let case = Case::new(&["f", "d/x"]);
    fs::write(case.to("thing"), "").unwrap();
    for (source, target) in [("f", "/thing/"), ("f", "/thing/x"), ("d", "/thing/y")] {
        let error = case.copy(&[source], target).unwrap_err().to_string();
        assert!(error.contains("cannot copy to non-directory"), "{target}: {error}");
    }
    assert_eq!(case.tree(), ["thing"]);
}

#[test]
fn a_file_that_is_replaced_leaves_its_other_names_alone() {
    let case = Case::new(&["f"]);
    fs::write(case.to("f"), "old").unwrap();
    fs::hard_link(case.to("f"), case.to("other")).unwrap();
    case.copy(&["f"], "/").unwrap();
    assert_eq!(fs::read(case.to("other")).unwrap(), b"old");
}

#[test]
fn a_context_belongs_to_root_and_a_stage_keeps_its_owners() {
    if !is_root() {
        return;
    }
    for (case, expected) in [(Case::new(&["d/e/x"]), (0, 0)), (Case::new(&["d/e/x"]).stage(), (7, 8))] {
        symlink("x", case.from("d/e/link")).unwrap();
        for path in ["d", "d/e", "d/e/x", "d/e/link"] {
            std::os::unix::fs::lchown(case.from(path), Some(7), Some(8)).unwrap();
        }
        case.copy(&["d"], "/to").unwrap();
        let owners = ["to/e", "to/e/x", "to/e/link"].map(|path| owner(&case.to(path)));
        assert_eq!(owners, [expected; 3]);
        assert_eq!(owner(&case.to("to")), (0, 0), "the top directory is new");
    }
}

#[test]
fn a_given_owner_is_for_all_that_is_made_and_for_nothing_that_was_there() {
    if !is_root() {
        return;
    }
    let case = Case::new(&["d/x"]).stage();
    symlink("x", case.from("d/link")).unwrap();
    fs::create_dir(case.to("there")).unwrap();
    let documents = vec![("EOF".to_owned(), Vec::new())];
    let request = Request { owner: Some((5, 6)), documents, ..request(&["d"]) };
    case.request(&request, "/there/a/b/").unwrap();
    for path in ["there/a", "there/a/b", "there/a/b/x", "there/a/b/link", "there/a/b/EOF"] {
        assert_eq!(owner(&case.to(path)), (5, 6), "{path}");
    }
    assert_eq!(owner(&case.to("there")), (0, 0));
}

#[test]
fn the_set_ids_survive_a_change_of_owner() {
    if !is_root() {
        return;
    }
    let case = Case::new(&["d/x"]);
    fs::set_permissions(case.from("d/x"), PermissionsExt::from_mode(0o6755)).unwrap();
    case.request(&Request { owner: Some((5, 6)), ..request(&["d"]) }, "/to").unwrap();
    assert_eq!(mode(&case.to("to/x")), 0o6755);
}

#[test]
fn a_set_group_id_directory_passes_nothing_on() {
    if !is_root() {
        return;
    }
    let case = Case::new(&["d/e/x"]);
    fs::create_dir(case.to("there")).unwrap();
    std::os::unix::fs::chown(case.to("there"), Some(0), Some(9)).unwrap();
    fs::set_permissions(case.to("there"), PermissionsExt::from_mode(0o2775)).unwrap();
    case.copy(&["d"], "/there/new").unwrap();
    for path in ["there/new", "there/new/e"] {
        assert_eq!((owner(&case.to(path)), mode(&case.to(path))), ((0, 0), 0o755), "{path}");
    }
}

#[test]
fn a_directory_that_parents_implies_keeps_its_owner_if_it_is_there() {
    if !is_root() {
        return;
    }
    let case = Case::new(&["a/b/f", "a/whole/g"]);
    fs::set_permissions(case.from("a"), PermissionsExt::from_mode(0o711)).unwrap();
    for dir in ["a", "a/b", "a/whole"] {
        fs::create_dir(case.to(dir)).unwrap();
        std::os::unix::fs::chown(case.to(dir), Some(9), Some(9)).unwrap();
        fs::set_permissions(case.to(dir), PermissionsExt::from_mode(0o700)).unwrap();
    }
    age(&case.to("a"));
    for owner in [None, Some((5, 6))] {
        let parents = |source: &str| Request { parents: true, owner, ..request(&[source]) };
        case.request(&parents("a/b/f"), "/").unwrap();
        case.request(&parents("a/who*"), "/").unwrap();
        let own = owner.unwrap_or((0, 0));
        let owners = ["a", "a/b", "a/b/f", "a/whole"].map(|path| crate::case::owner(&case.to(path)));
        assert_eq!(owners, [(9, 9), (9, 9), own, own]);
        assert_eq!([mode(&case.to("a")), mode(&case.to("a/b"))], [0o711, 0o755]);
        assert_eq!(case.to("a").metadata().unwrap().mtime(), OLD);
        // New ones have the common owner.
        case.request(&parents("a/b/f"), &format!("/new{}/", own.0)).unwrap();
        assert_eq!(crate::case::owner(&case.to(&format!("new{}/a", own.0))), own);
    }
}
