//! BuildKit's rules for destinations and sources, one test each.

use libcopy::{Chmod, CopyError, Request, Selection, Tree};
use libpattern::{IgnoreFile, Matcher};
use libtree::{Owners, Root};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

const NOW: i64 = 1_000_000;
const OLD: i64 = 500_000;

/// A source and a destination.
struct Case {
    dir: tempfile::TempDir,
    ignore: Option<Matcher>,
}

impl Case {
    /// With these files in the source; a name that ends in a slash is a directory.
    fn new(files: &[&str]) -> Self {
        let case = Self { dir: tempfile::tempdir().unwrap(), ignore: None };
        fs::create_dir(case.dir.path().join("to")).unwrap();
        fs::create_dir(case.dir.path().join("from")).unwrap();
        for file in files {
            let path = case.from(file);
            match file.strip_suffix('/') {
                Some(_) => fs::create_dir_all(&path).unwrap(),
                None => {
                    fs::create_dir_all(path.parent().unwrap()).unwrap();
                    fs::write(&path, file).unwrap();
                }
            }
        }
        case
    }

    /// With one more file in the source.
    fn with(self, file: &str, content: &str) -> Self {
        fs::write(self.from(file), content).unwrap();
        self
    }

    fn ignore(mut self, text: &str) -> Self {
        self.ignore = Some(IgnoreFile::parse(text).matcher().unwrap());
        self
    }

    fn from(&self, path: &str) -> PathBuf {
        self.dir.path().join("from").join(path)
    }

    fn to(&self, path: &str) -> PathBuf {
        self.dir.path().join("to").join(path)
    }

    fn request(&self, request: &Request, target: &str) -> Result<String, CopyError> {
        let root = |name: &str| Root::open(&self.dir.path().join(name), Owners::Recorded).unwrap();
        let (from, to) = (root("from"), root("to"));
        let tree = Tree { root: &from, ignore: self.ignore.as_ref(), local: true };
        let selection = Selection::new(tree, request)?;
        selection.write(&to, target.as_bytes())?;
        Ok(selection.digest().to_owned())
    }

    fn copy(&self, sources: &[&str], target: &str) -> Result<String, CopyError> {
        self.request(&request(sources), target)
    }

    /// Every path of the destination, directories with a slash.
    fn tree(&self) -> Vec<String> {
        let mut found = Vec::new();
        list(&self.to(""), "", &mut found);
        found
    }
}

fn list(dir: &Path, prefix: &str, found: &mut Vec<String>) {
    let mut entries: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap()).collect();
    entries.sort_by_key(|entry| entry.file_name());
    for entry in entries {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        match entry.file_type().unwrap().is_dir() {
            true => {
                found.push(format!("{name}/"));
                list(&entry.path(), &format!("{name}/"), found);
            }
            false => found.push(name),
        }
    }
}

fn request(sources: &[&str]) -> Request {
    Request {
        sources: sources.iter().map(|source| (*source).into()).collect(),
        now: (NOW, 0),
        ..Request::default()
    }
}

fn age(path: &Path) {
    let dir = fs::File::open(path.parent().unwrap()).unwrap();
    let name = path.file_name().unwrap();
    libtree::extract::set_time(&dir, name.as_encoded_bytes(), (OLD, 0)).unwrap();
}

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
fn sources_are_clamped_to_their_root_and_destinations_too() {
    let case = Case::new(&["f"]);
    fs::write(case.dir.path().join("secret"), "").unwrap();
    symlink("../secret", case.from("up")).unwrap();
    symlink("../../..", case.to("out")).unwrap();
    assert!(matches!(case.copy(&["up"], "/x"), Err(CopyError::NotFound { .. })));
    case.copy(&["../../f"], "/out/../../y").unwrap();
    assert_eq!(case.tree(), ["out", "y"]);
}

#[test]
fn a_missing_name_is_an_error_and_a_pattern_without_match_is_nothing() {
    let case = Case::new(&["a.txt"]);
    let error = case.copy(&["nope"], "/x/").unwrap_err().to_string();
    assert!(error.starts_with("\"/nope\": not found"), "{error}");
    case.copy(&["*.md"], "/x/").unwrap();
    assert_eq!(case.tree(), [""; 0]);
}

#[test]
fn patterns_match_names_not_paths_and_brackets_can_be_escaped() {
    let case = Case::new(&["a1", "ab", "d/a3", "[x]", "back"]);
    case.copy(&["a?"], "/one/").unwrap();
    case.copy(&["[[]x]"], "/two/").unwrap();
    case.copy(&["*/a*"], "/three/").unwrap();
    assert_eq!(case.tree(), ["one/", "one/a1", "one/ab", "three/", "three/a3", "two/", "two/[x]"]);
}

#[test]
fn a_source_link_is_followed_and_one_in_a_tree_is_kept() {
    let case = Case::new(&["d/x"]);
    symlink("d", case.from("link")).unwrap();
    symlink("x", case.from("d/inner")).unwrap();
    case.copy(&["link"], "/one/").unwrap();
    assert_eq!(case.tree(), ["one/", "one/inner", "one/x"]);
    assert_eq!(fs::read_link(case.to("one/inner")).unwrap(), Path::new("x"));
    symlink("loop", case.from("loop")).unwrap();
    assert!(case.copy(&["loop"], "/x").is_err());
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
fn what_is_ignored_is_absent_unless_it_is_called_back() {
    let case = Case::new(&["keep", "secret", "b/a", "b/c/this", "b/c/that", "b-x"]);
    let case = case.ignore("secret\nb\n!b/c/this\n");
    let error = case.copy(&["secret"], "/x").unwrap_err().to_string();
    assert!(error.contains("the ignore file leaves it out"), "{error}");
    case.copy(&["."], "/x").unwrap();
    assert_eq!(case.tree(), ["x/", "x/b/", "x/b/c/", "x/b/c/this", "x/b-x", "x/keep"]);
}

#[test]
fn exclusions_are_relative_to_each_source_and_leave_the_destination() {
    let case = Case::new(&["x/a/f1", "x/a/f2", "x/a/tmp/y", "x/a/d/tmp/z", "x/a/d/k"]);
    let exclude = |patterns: &[&str]| Request {
        exclude: patterns.iter().map(|pattern| (*pattern).into()).collect(),
        ..request(&["x/a"])
    };
    case.request(&exclude(&["f1", "**/tmp"]), "/one").unwrap();
    case.request(&exclude(&["*"]), "/two").unwrap();
    assert_eq!(case.tree(), ["one/", "one/d/", "one/d/k", "one/f2", "two/"]);
}

#[test]
fn parents_keep_the_path_from_the_pivot_on() {
    let case = Case::new(&["a/b/c", "a/b/d", "a/o", "p/x.go", "m.go"]);
    let parents = |source: &str| Request { parents: true, ..request(&[source]) };
    case.request(&parents("a/b/c"), "/one").unwrap();
    case.request(&parents("a/./b"), "/two/").unwrap();
    case.request(&parents("**/*.go"), "/go/").unwrap();
    assert_eq!(
        case.tree(),
        [
            "go/",
            "go/m.go",
            "go/p/",
            "go/p/x.go",
            "one/",
            "one/a/",
            "one/a/b/",
            "one/a/b/c",
            "two/",
            "two/b/",
            "two/b/c",
            "two/b/d"
        ]
    );
    assert!(case.request(&parents("a/nope"), "/x/").unwrap_err().to_string().contains("\"/a/nope\""));
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
fn the_digest_tells_contents_modes_and_names_but_not_times() {
    let digest = |change: &dyn Fn(&Case)| {
        let case = Case::new(&["d/x", "d/e/"]);
        change(&case);
        case.copy(&["d"], "/to").unwrap()
    };
    let first = digest(&|_| {});
    assert_eq!(first, digest(&|case| age(&case.from("d/x"))));
    assert_eq!(first, digest(&|case| fs::write(case.from("other"), "").unwrap()));
    assert_ne!(first, digest(&|case| fs::write(case.from("d/x"), "D/x").unwrap()));
    assert_ne!(first, digest(&|case| fs::create_dir(case.from("d/f")).unwrap()));
    assert_ne!(first, digest(&|case| fs::rename(case.from("d/x"), case.from("d/y")).unwrap()));
    assert_ne!(
        first,
        digest(&|case| fs::set_permissions(case.from("d/x"), PermissionsExt::from_mode(0o600)).unwrap())
    );
}

#[test]
fn the_digest_tells_names_a_pattern_found_but_not_the_requests_own() {
    let digest = |file: &str, source: &str| Case::new(&[]).with(file, "x").copy(&[source], "/to/").unwrap();
    assert_eq!(digest("a", "a"), digest("b", "b"));
    assert_ne!(digest("a", "*"), digest("b", "*"));
}

#[test]
fn what_changes_after_it_was_selected_is_refused() {
    let changes: [&dyn Fn(&Path); 4] = [
        &|file| fs::write(file, "y").unwrap(),
        &|file| {
            fs::rename(file, file.with_extension("old")).unwrap();
            fs::write(file, "x").unwrap();
        },
        &|file| {
            fs::write(file, "y").unwrap();
            age(file);
        },
        &|file| {
            fs::remove_file(file).unwrap();
            symlink("/etc/passwd", file).unwrap();
        },
    ];
    for (at, change) in changes.iter().enumerate() {
        for source in ["d", "d/x"] {
            let case = Case::new(&["d/"]).with("d/x", "x");
            age(&case.from("d/x"));
            let root = |name: &str| Root::open(&case.dir.path().join(name), Owners::Recorded).unwrap();
            let (from, to) = (root("from"), root("to"));
            let tree = Tree { root: &from, ignore: None, local: true };
            let request = request(&[source]);
            let selection = Selection::new(tree, &request).unwrap();
            // Some kernels' change times have steps of a few milliseconds.
            std::thread::sleep(std::time::Duration::from_millis(20));
            change(&case.from("d/x"));
            assert!(selection.write(&to, b"/to/").is_err(), "change {at} of {source}");
        }
    }
}

#[test]
fn archives_are_told_by_content_and_unpacked_only_when_asked() {
    use libtree::tar::{Entry, EntryKind, Writer};
    let case = Case::new(&["fake.tar.gz"]);
    let mut tar = Writer::new(Vec::new());
    let entry = Entry {
        path: b"../in/file".to_vec(),
        kind: EntryKind::File,
        link: Vec::new(),
        mode: 0o640,
        uid: 0,
        gid: 0,
        size: 4,
        mtime: OLD,
        mtime_ns: 0,
        rdev: (0, 0),
        xattrs: Default::default(),
    };
    tar.append(&entry, &mut &b"text"[..]).unwrap();
    let bytes = tar.finish().unwrap().0;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, &bytes).unwrap();
    let packed = gzip.finish().unwrap();
    fs::write(case.from("data"), &packed).unwrap();
    fs::write(case.from("cut"), &packed[..packed.len() - 6]).unwrap();
    let add = |source: &str| Request { extract: true, ..request(&[source]) };
    case.request(&add("data"), "/one").unwrap();
    case.request(&add("fake.tar.gz"), "/two/").unwrap();
    case.copy(&["data"], "/three").unwrap();
    assert_eq!(case.tree(), ["one/", "one/in/", "one/in/file", "three", "two/", "two/fake.tar.gz"]);
    assert!(matches!(case.request(&add("cut"), "/x"), Err(CopyError::Archive { .. })));
}
