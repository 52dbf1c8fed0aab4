//! The bytes of layers, judged by GNU tar, gzip and zstd, and the records that are refused.

use layer_pack::{Compression, How, Options, Overrides, PackError, Streams, pack_into_store, tell_none};
use libstore::Store;
use libwire::record::{LayerRecord, Record};
use libwire::{Packing, Reader};
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

struct Tree(tempfile::TempDir);

impl Tree {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn file(&self, path: &str, text: &str) {
        fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        fs::write(self.path(path), text).unwrap();
    }

    /// A stream for this tree: header, the records, end.
    fn stream(&self, records: &[&str]) -> String {
        let root = self.0.path().display();
        let header = format!(
            r#"{{"type":"header","format":"layer-changes","version":1,"root":"{root}","snapshot":"ab"}}"#
        );
        format!("{header}\n{}{{\"type\":\"end\",\"records\":{}}}\n", lines(records), records.len())
    }

    fn pack(&self, records: &[&str]) -> Result<Vec<u8>, PackError> {
        tar_of(&self.stream(records), Options::default())
    }
}

fn lines(records: &[&str]) -> String {
    records.iter().map(|record| format!("{record}\n")).collect()
}

fn tar_of(stream: &str, options: Options) -> Result<Vec<u8>, PackError> {
    let mut streams = Streams::new(stream.as_bytes());
    let header = streams.next_header()?.unwrap();
    Ok(streams.pack(&header, options, Vec::new())?.tar.finish()?.0)
}

fn put(path: &str, mode: &str, rest: &str) -> String {
    format!(r#"{{"type":"put","path":"{path}","mode":"{mode}","uid":0,"gid":0,"mtime":7,{rest}}}"#)
}

fn file(path: &str, size: u64) -> String {
    put(path, "0644", &format!(r#""kind":"file","size":{size}"#))
}

fn dir(path: &str) -> String {
    put(path, "0755", r#""kind":"dir""#)
}

fn asked(compression: Compression) -> Overrides {
    Overrides { compression: Some(compression), ..Overrides::default() }
}

/// The record of the file at `path` in `tree`, made without any code of this workspace.
fn record(tree: &Tree, path: &str) -> String {
    let meta = fs::symlink_metadata(tree.path(path)).unwrap();
    let kind = match meta.file_type() {
        kind if kind.is_dir() => r#""kind":"dir""#.to_owned(),
        kind if kind.is_symlink() => {
            let target = fs::read_link(tree.path(path)).unwrap();
            format!(r#""kind":"symlink","target":"{}""#, target.display())
        }
        kind if kind.is_file() => format!(r#""kind":"file","size":{}"#, meta.size()),
        _ => r#""kind":"fifo""#.to_owned(),
    };
    format!(
        r#"{{"type":"put","path":"{path}","mode":"{:04o}","uid":{},"gid":{},"mtime":{},{kind}}}"#,
        meta.mode() & 0o7777,
        meta.uid(),
        meta.gid(),
        meta.mtime()
    )
}

#[test]
fn the_bytes_are_those_of_gnu_tar() {
    let tree = Tree::new();
    let long = format!("d/{}/{}", "n".repeat(80), "f".repeat(80));
    tree.file("a", "text");
    tree.file("d/set", "x");
    tree.file(&long, &"0123456789".repeat(200));
    fs::set_permissions(tree.path("d/set"), PermissionsExt::from_mode(0o4711)).unwrap();
    fs::hard_link(tree.path("a"), tree.path("d/again")).unwrap();
    symlink("../a", tree.path("d/link")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        tree.path("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    let parent = format!("d/{}", "n".repeat(80));
    let paths = ["a", "d", "d/again", "d/link", &parent, &long, "d/set", "pipe"];
    let gnu = Command::new("tar")
        .arg("-C")
        .arg(tree.0.path())
        .args(["-cf", "-", "-b1", "--format=ustar", "--numeric-owner", "--owner=:0", "--group=:0"])
        .args(["--no-recursion"])
        .args(paths)
        .output()
        .unwrap();
    let mut records: Vec<String> = paths.iter().map(|path| record(&tree, path)).collect();
    let again = records[2].find(r#""kind""#).unwrap();
    records[2].replace_range(again.., r#""kind":"hardlink","target":"a"}"#);
    let records: Vec<String> = records
        .iter()
        .map(|record| {
            let meta = fs::metadata(tree.0.path()).unwrap();
            let (uid, gid) = (format!(r#""uid":{}"#, meta.uid()), format!(r#""gid":{}"#, meta.gid()));
            record.replace(&uid, r#""uid":0"#).replace(&gid, r#""gid":0"#)
        })
        .collect();
    let tar = tree.pack(&records.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
    assert!(tar == gnu.stdout, "{} bytes, GNU tar's are {}", tar.len(), gnu.stdout.len());
}

#[test]
fn a_deletion_is_an_empty_file_of_no_mode_and_no_time() {
    let tree = Tree::new();
    let tar = tree.pack(&[r#"{"type":"delete","path":"etc/motd"}"#]).unwrap();
    let mut reader = libtree::tar::Reader::new(&tar[..]);
    let entry = reader.next_entry().unwrap().unwrap();
    assert_eq!(entry.path, b"etc/.wh.motd");
    assert_eq!((entry.mode, entry.uid, entry.gid, entry.mtime, entry.size), (0, 0, 0, 0, 0));
}

#[test]
fn an_opaque_directory_is_followed_by_its_marker() {
    let tree = Tree::new();
    let opaque = put("d", "0755", r#""kind":"dir","opaque":true"#);
    let tar = tree.pack(&[&opaque]).unwrap();
    let mut reader = libtree::tar::Reader::new(&tar[..]);
    reader.next_entry().unwrap();
    assert_eq!(reader.next_entry().unwrap().unwrap().path, b"d/.wh..wh..opq");
}

#[test]
fn the_root_comes_first_whatever_sorts_before_a_dot() {
    let tree = Tree::new();
    tree.file("-x", "");
    let tar = tree.pack(&[&put(".", "0700", r#""kind":"dir""#), &file("-x", 0)]).unwrap();
    assert!(tar.starts_with(b"./\0"));
    assert!(tree.pack(&[&file("-x", 0), &dir(".")]).is_err());
    assert!(tree.pack(&[r#"{"type":"delete","path":"."}"#]).is_err());
}

#[test]
fn later_times_are_clamped_and_earlier_ones_kept() {
    let tree = Tree::new();
    let stream = tree.stream(&[&dir("a"), &dir("b").replace(r#""mtime":7"#, r#""mtime":5000000000"#)]);
    let tar = tar_of(&stream, Options { clamp_mtime: Some(100), ..Options::default() }).unwrap();
    let mut reader = libtree::tar::Reader::new(&tar[..]);
    assert_eq!(reader.next_entry().unwrap().unwrap().mtime, 7);
    assert_eq!(reader.next_entry().unwrap().unwrap().mtime, 100);
}

#[test]
fn capabilities_are_kept_in_a_pax_header() {
    let tree = Tree::new();
    tree.file("f", "x");
    let record =
        put("f", "0755", r#""xattrs":{"security.capability":"AQAAAgABAAo="},"kind":"file","size":1"#);
    let tar = tree.pack(&[&record]).unwrap();
    let entry = libtree::tar::Reader::new(&tar[..]).next_entry().unwrap().unwrap();
    assert_eq!(entry.xattrs["security.capability"], [1, 0, 0, 2, 0, 1, 0, 10]);
}

#[test]
fn records_that_are_not_sorted_or_come_twice_are_refused() {
    let tree = Tree::new();
    for records in [[dir("b"), dir("a")], [dir("a"), dir("a")]] {
        let error = tree.pack(&[&records[0], &records[1]]).unwrap_err();
        assert!(error.is_bad_input() && error.to_string().starts_with("record 2:"), "{error}");
    }
}

#[test]
fn a_file_that_is_not_what_its_record_says_is_refused() {
    let tree = Tree::new();
    tree.file("f", "abc");
    tree.file("real/f", "abc");
    symlink("f", tree.path("link")).unwrap();
    symlink("real", tree.path("through")).unwrap();
    assert!(tree.pack(&[&file("f", 3)]).is_ok());
    for (path, size) in [("f", 2), ("f", 4), ("link", 3), ("gone", 0), ("real", 0)] {
        let error = tree.pack(&[&file(path, size)]).unwrap_err();
        assert!(matches!(error, PackError::File { .. }), "{path}: {error}");
    }
    let error = tree.pack(&[&dir("through"), &file("through/f", 3)]).unwrap_err();
    assert!(matches!(error, PackError::File { .. }), "{error}");
}

#[test]
fn a_stream_without_its_end_is_refused() {
    let tree = Tree::new();
    let whole = tree.stream(&[&dir("a"), &dir("b")]);
    for cut in whole.match_indices('\n').map(|(at, _)| at + 1).take_while(|&at| at < whole.len()) {
        let error = tar_of(&whole[..cut], Options::default()).unwrap_err();
        assert!(error.is_bad_input(), "{error}");
    }
    let relative = whole.replace(&format!("{}", tree.0.path().display()), "tree");
    assert!(matches!(tar_of(&relative, Options::default()), Err(PackError::NoRoot(_))));
}

fn store(dir: &Path) -> Store {
    let options = libstore::Options { sync: false, ..Default::default() };
    Store::open(&dir.join("store"), options).unwrap()
}

fn packed<W: Write>(stream: &str, store: &Store, how: How, out: W) -> Result<W, PackError> {
    let mut streams = Streams::new(stream.as_bytes());
    match streams.next_header()? {
        Some(first) => pack_into_store(streams, first, store, how, out),
        None => Ok(tell_none(out)?),
    }
}

fn layers(stream: &str, store: &Store, compression: Compression, threads: usize) -> Vec<LayerRecord> {
    let how = How { overrides: asked(compression), threads, options: Options::default() };
    let out = packed(stream, store, how, Vec::new()).unwrap();
    let records = Reader::<_, libwire::record::BuildRecord>::new(&out[..]).read_all().unwrap();
    let layer = |record| match record {
        Record::Layer(layer) => *layer,
        other => panic!("{other:?}"),
    };
    records.into_iter().map(layer).collect()
}

fn unpacked_by(program: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut child =
        Command::new(program).arg("-dc").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
    let mut stdin = child.stdin.take().unwrap();
    let mut out = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(bytes).unwrap());
        child.stdout.take().unwrap().read_to_end(&mut out).unwrap();
    });
    assert!(child.wait().unwrap().success());
    Some(out)
}

#[test]
fn blobs_unpack_to_the_tar_and_do_not_depend_on_the_threads() {
    let tree = Tree::new();
    let mut state = 1u32;
    let text: String = (0..3_300_000)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            char::from(b'a' + (state >> 28) as u8)
        })
        .collect();
    tree.file("big", &text);
    let stream = tree.stream(&[&file("big", text.len() as u64)]);
    let tar = tar_of(&stream, Options::default()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    for (compression, program) in
        [(Compression::Gzip, "gzip"), (Compression::Zstd, "zstd"), (Compression::None, "cat")]
    {
        let one = layers(&stream, &store, compression, 1).remove(0);
        assert_eq!(one.layer, layers(&stream, &store, compression, 3).remove(0).layer);
        assert_eq!((one.snapshot.as_str(), one.tar_size), ("ab", tar.len() as u64));
        assert_eq!(one.content_size, Some(text.len() as u64));
        assert_eq!(one.layer.diff_id, libwire::Digest::of(&tar));
        let path = store.path().join("blobs/sha256").join(one.layer.descriptor.digest.hex());
        let blob = fs::read(path).unwrap();
        assert_eq!(one.layer.descriptor.size, blob.len() as u64);
        if program == "cat" {
            assert!(blob == tar);
        } else if let Some(unpacked) = unpacked_by(program, &blob) {
            assert!(unpacked == tar, "{program}");
        }
    }
}

#[test]
fn each_stream_is_a_layer() {
    let tree = Tree::new();
    let dir_ = tempfile::tempdir().unwrap();
    let store = store(dir_.path());
    let two = [tree.stream(&[&dir("a")]), tree.stream(&[])].concat();
    let records = layers(&two, &store, Compression::Gzip, 1);
    assert_eq!(records.len(), 2);
    assert_eq!(records[1].tar_size, 1024);
    let [first, second] = [0, 1].map(|at| records[at].span.unwrap());
    assert!(first.ended_ms() <= second.started_ms, "one is packed after the other");
}

#[test]
fn a_layer_is_the_snapshots_only_if_nobody_changed_its_records() {
    let tree = Tree::new();
    let dir_ = tempfile::tempdir().unwrap();
    let store = store(dir_.path());
    let snapshot = store.new_snapshot(&[]).unwrap().publish().unwrap();
    let told = tree.stream(&[&dir("a"), &dir("b")]).replace("\"ab\"", &format!("\"{snapshot}\""));
    let lines = &told[..told.find("{\"type\":\"end\"").unwrap()];
    let digest = libwire::Digest::of(lines.as_bytes());
    let whole = format!("{lines}{{\"type\":\"end\",\"records\":2,\"digest\":\"{digest}\"}}\n");
    let remembered = |stream: &str| {
        layers(stream, &store, Compression::Gzip, 1);
        store.layer(&snapshot, &Packing::default().into()).unwrap().is_some()
    };
    // One without a digest, and one with changed or missing records.
    assert!(!remembered(&told));
    assert!(!remembered(&whole.replace("0755", "0700")));
    let dropped = whole.replace(&format!("{}\n", dir("b")), "").replace("\"records\":2", "\"records\":1");
    assert!(!remembered(&dropped));
    assert!(remembered(&whole));
}

#[test]
fn what_is_asked_for_wins_over_the_header_and_the_layer_is_known_as_what_it_is() {
    let tree = Tree::new();
    let dir_ = tempfile::tempdir().unwrap();
    let store = store(dir_.path());
    let snapshot = store.new_snapshot(&[]).unwrap().publish().unwrap();
    let records = [dir("a")];
    let packed = |layers: &str, overrides: Overrides| {
        let stream = tree.stream(&[&records[0]]).replace("\"ab\"", &format!("\"{snapshot}\"{layers}"));
        let lines = &stream[..stream.find("{\"type\":\"end\"").unwrap()];
        let digest = libwire::Digest::of(lines.as_bytes());
        let whole = format!("{lines}{{\"type\":\"end\",\"records\":1,\"digest\":\"{digest}\"}}\n");
        let how = How { overrides, threads: 1, options: Options::default() };
        packed(&whole, &store, how, Vec::new()).map(|_| ())
    };
    let known = |compression, level, clamp| {
        store.layer(&snapshot, &Packing { compression, level, clamp }.into()).unwrap().is_some()
    };
    let told = r#","layers":{"compression":"zstd","level":19,"clamp":5}"#;
    packed(told, Overrides::default()).unwrap();
    assert!(known(Compression::Zstd, Some(19), Some(5)) && !known(Compression::Gzip, None, None));
    packed(told, Overrides { level: Some(1), ..Overrides::default() }).unwrap();
    assert!(known(Compression::Zstd, Some(1), Some(5)));
    packed(told, Overrides { clamp: Some(6), ..asked(Compression::Gzip) }).unwrap();
    assert!(known(Compression::Gzip, None, Some(6)) && !known(Compression::Gzip, Some(19), Some(6)));
    packed("", Overrides::default()).unwrap();
    assert!(known(Compression::Gzip, None, None), "an older stream");
    let wrong = packed(told, Overrides { level: Some(30), ..Overrides::default() }).unwrap_err();
    assert_eq!(wrong.to_string(), "level 30 is not one of zstd: 1 to 22");
    let wrong = packed(&told.replace("19", "0"), Overrides::default()).unwrap_err();
    assert_eq!(wrong.to_string(), "header, layers: level 0 is not one of zstd: 1 to 22");
}

#[test]
fn a_stream_that_fails_leaves_no_blob_and_no_end() {
    let tree = Tree::new();
    let dir_ = tempfile::tempdir().unwrap();
    let store = store(dir_.path());
    let how = How { overrides: asked(Compression::Gzip), threads: 1, options: Options::default() };
    let bad = tree.stream(&[&file("gone", 3)]);
    assert!(packed(&bad, &store, how, Vec::new()).is_err());
    let cut = tree.stream(&[&dir("a")]).replace("{\"type\":\"end\",\"records\":1}\n", "");
    assert!(packed(&cut, &store, how, Vec::new()).is_err());
    assert_eq!(fs::read_dir(store.path().join("blobs/sha256")).unwrap().count(), 0);
}

#[test]
fn a_row_of_streams_is_packed_only_up_to_the_stream_that_closes_it() {
    let tree = Tree::new();
    let stream = tree.stream(&[&dir("a")]).replace("\"version\":1", "\"version\":2");
    let closing = String::from_utf8(libwire::changes::close(Vec::new()).unwrap()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    let how = How { overrides: asked(Compression::None), threads: 1, options: Options::default() };
    let packed = |text: &str| {
        let mut out = Vec::new();
        let result = packed(text, &store, how, &mut out).map(|_| ());
        (result, out)
    };
    let whole = [stream.as_str(), &stream, &closing].concat();
    for cut in whole.match_indices('\n').map(|(at, _)| at + 1).chain([0]).filter(|&at| at < whole.len()) {
        let (result, out) = packed(&whole[..cut]);
        assert!(result.unwrap_err().is_bad_input(), "cut at byte {cut}");
        assert!(!String::from_utf8(out).unwrap().contains("\"end\""), "cut at byte {cut}");
    }
    assert!(packed(&whole).0.is_ok() && packed(&closing).0.is_ok());
    assert!(packed(&(closing.clone() + &whole)).0.is_ok(), "rows may follow one another");
    // Streams of older stand-ins, and of trees that are not snapshots, have no row.
    assert!(packed(&tree.stream(&[&deletion()])).0.is_ok());
    let rootless = closing.replace(
        "{\"type\":\"end\",\"records\":0}",
        &format!("{}\n{{\"type\":\"end\",\"records\":1}}", deletion()),
    );
    assert!(matches!(packed(&rootless).0, Err(PackError::NoRoot(_))));
}

fn deletion() -> String {
    r#"{"type":"delete","path":"gone"}"#.into()
}

#[test]
fn holes_and_the_zeros_they_stand_for_are_the_same_layer() {
    let (sparse, dense) = (Tree::new(), Tree::new());
    let size = 9 << 20;
    for tree in [&sparse, &dense] {
        tree.file("f", "start");
    }
    fs::File::options().write(true).open(sparse.path("f")).unwrap().set_len(size).unwrap();
    let zeros = vec![0; size as usize - 5];
    fs::File::options().append(true).open(dense.path("f")).unwrap().write_all(&zeros).unwrap();
    assert!(fs::metadata(sparse.path("f")).unwrap().blocks() * 512 < size, "no holes here");
    let pack = |tree: &Tree| tree.pack(&[&file("f", size)]).unwrap();
    assert!(pack(&sparse) == pack(&dense));
}

#[test]
fn a_layer_that_its_readers_would_refuse_is_not_begun() {
    let tree = Tree::new();
    fs::File::create(tree.path("f")).unwrap().set_len(1 << 40).unwrap();
    let started = std::time::Instant::now();
    let error = tree.pack(&[&file("f", 1 << 40)]).unwrap_err();
    assert!(started.elapsed().as_secs() < 5);
    let text = error.to_string();
    assert!(text.starts_with("with f, of 1099511627776 bytes,") && text.contains("--max-unpacked"), "{text}");
    assert!(!error.is_bad_input());
    let limits = libtree::tar::Limits { entries: 1, ..Default::default() };
    let stream = tree.stream(&[&dir("a"), &dir("b")]);
    let error = tar_of(&stream, Options { limits, ..Options::default() }).unwrap_err();
    assert!(error.to_string().contains("--max-entries"), "{error}");
}
