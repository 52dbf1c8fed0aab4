//! ADD of what a server on the loopback interface gives, by stage-run's steps and the program that fetches for them.

use libcli::Failure;
use libstore::Store;
use libwire::record::{BuildRecord, Cache, Record, Step};
use libwire::{Digest, Reader};
use stage_run::{Fetch, Options, build};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

fn options() -> Options {
    let beside = Path::new(env!("CARGO_BIN_EXE_context-fetch")).parent().map(Path::to_owned);
    Options { epoch: Some(0), fetch: Fetch { beside, ..Fetch::default() }, ..Options::default() }
}

fn store(dir: &Path) -> Option<Store> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    Some(Store::open(&dir.join("s"), libstore::Options { sync: false, ..Default::default() }).unwrap())
}

/// Gives every body in turn, and the server's address.
fn serve(bodies: Vec<Vec<u8>>) -> String {
    serve_dated(bodies.into_iter().map(|body| (body, "")).collect())
}

/// Gives every body in turn, each with a line of the head, and the server's address.
fn serve_dated(bodies: Vec<(Vec<u8>, &'static str)>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let mut said = "";
        let mut bodies = bodies.into_iter();
        loop {
            let (mut stream, _) = listener.accept().unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let request: Vec<_> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
            let known = request
                .iter()
                .find_map(|line| line.to_lowercase().strip_prefix("if-none-match: ").map(str::to_owned));
            if known.is_some_and(|tag| said.to_lowercase().contains(&tag)) {
                stream.write_all(b"HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n").unwrap();
                continue;
            }
            let Some((body, line)) = bodies.next() else { break };
            said = line;
            let head = format!(
                "HTTP/1.1 200 OK\r\nConnection: close\r\n{line}Content-Length: {}\r\n\r\n",
                body.len()
            );
            stream.write_all(&[head.as_bytes(), &body].concat()).unwrap();
        }
    });
    base
}

fn add(sources: &[&str], flags: &str) -> String {
    let sources = serde_json::to_string(sources).unwrap();
    format!(
        "{{\"line\":2,\"line_end\":2,\"text\":\"ADD x\",\"op\":\"add\",\"sources\":{sources},\"dest\":\"/d/\"{flags}}}"
    )
}

fn run(store: &Store, options: &Options, instruction: &str) -> Result<Step, Failure> {
    let plan = format!(
        "{{\"type\":\"header\",\"format\":\"build-plan\",\"version\":1}}\n\
         {{\"type\":\"stage\",\"index\":0,\"name\":\"s\",\"dockerfile\":\"Dockerfile\",\"line\":1,\"line_end\":1,\
         \"text\":\"FROM scratch\",\"base\":{{\"kind\":\"scratch\"}},\"platform\":\"linux/amd64\",\"target\":true,\
         \"ships\":true,\"stages\":[\"s\"],\"escape\":\"\\\\\",\"instructions\":[{instruction}]}}\n\
         {{\"type\":\"end\",\"records\":1}}\n"
    );
    let output = build(plan.as_bytes(), store.clone(), options, Vec::new())?;
    let records = Reader::<_, BuildRecord>::new(&output[..]).read_all().unwrap();
    let step = records.into_iter().find_map(|record| match record {
        Record::Step(step) => Some(*step),
        _ => None,
    });
    Ok(step.unwrap())
}

#[test]
fn a_download_is_keyed_by_what_came_and_has_mode_0600() {
    let dir = tempfile::tempdir().unwrap();
    let Some(store) = store(dir.path()) else { return };
    let base = serve(vec![b"one".to_vec(), b"one".to_vec(), b"two".to_vec()]);
    let instruction = add(&[&format!("{}/f", base.replace("://", "://u:p@"))], "");
    let runs: Vec<Step> = (0..3).map(|_| run(&store, &options(), &instruction).unwrap()).collect();
    let caches: Vec<Cache> = runs.iter().map(|step| step.cache).collect();
    assert_eq!(caches, [Cache::Miss, Cache::Hit, Cache::Miss]);
    let tree = store.snapshot_fs(runs[2].snapshot.as_ref().unwrap()).unwrap();
    let meta = std::fs::metadata(tree.join("d/f")).unwrap();
    assert_eq!((meta.permissions().mode() & 0o7777, meta.mtime(), meta.uid()), (0o600, 0, 0));
    let history = runs[0].history.as_ref().unwrap().created_by.clone().unwrap();
    assert_eq!(history, format!("ADD {base}/f /d/ # buildkit"));
}

#[test]
fn a_downloads_name_and_time_are_in_its_key() {
    let dir = tempfile::tempdir().unwrap();
    let Some(store) = store(dir.path()) else { return };
    let (early, late) = (
        "Last-Modified: Thu, 01 Jan 2015 00:00:00 GMT\r\n",
        "Last-Modified: Fri, 01 Jan 2016 00:00:00 GMT\r\n",
    );
    let base = serve_dated([early, early, early, late].map(|line| (b"one".to_vec(), line)).to_vec());
    let cache = |name: &str| run(&store, &options(), &add(&[&format!("{base}/{name}")], "")).unwrap().cache;
    assert_eq!((cache("f"), cache("f")), (Cache::Miss, Cache::Hit));
    assert_eq!((cache("g"), cache("g")), (Cache::Miss, Cache::Miss));
}

#[test]
fn an_archive_from_a_url_is_unpacked_only_if_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let Some(store) = store(dir.path()) else { return };
    let mut tar = libtree::tar::Writer::new(Vec::new());
    let entry = libtree::tar::Entry::new("inside", libtree::tar::EntryKind::File);
    tar.append(&entry, &mut std::io::empty()).unwrap();
    let (tar, _) = tar.finish().unwrap();
    let base = serve(vec![tar.clone(), tar]);
    for (flags, path) in [("", "d/x.tar"), (",\"unpack\":true", "d/inside")] {
        let step = run(&store, &options(), &add(&[&format!("{base}/x.tar")], flags)).unwrap();
        let tree = store.snapshot_fs(step.snapshot.as_ref().unwrap()).unwrap();
        assert!(tree.join(path).is_file(), "{path}");
    }
}

#[test]
fn paths_and_urls_may_be_mixed() {
    let dir = tempfile::tempdir().unwrap();
    let Some(store) = store(dir.path()) else { return };
    std::fs::write(dir.path().join("local"), "l").unwrap();
    let base = serve(vec![b"r".to_vec()]);
    let options = Options { context: dir.path().to_owned(), ..options() };
    let step = run(&store, &options, &add(&["local", &format!("{base}/remote")], "")).unwrap();
    let tree = store.snapshot_fs(step.snapshot.as_ref().unwrap()).unwrap().join("d");
    assert_eq!(std::fs::read(tree.join("local")).unwrap(), b"l");
    assert_eq!(std::fs::read(tree.join("remote")).unwrap(), b"r");
}

#[test]
fn a_checksum_that_is_not_met_is_bad_input() {
    let dir = tempfile::tempdir().unwrap();
    let Some(store) = store(dir.path()) else { return };
    let base = serve(vec![b"evil".to_vec(), b"good".to_vec()]);
    let flags = format!(",\"checksum\":\"{}\"", Digest::of(b"good"));
    let instruction = add(&[&format!("{base}/f")], &flags);
    let failure = run(&store, &options(), &instruction).unwrap_err();
    assert_eq!(failure.status(), 3);
    assert!(failure.render("stage-run").unwrap().contains("digest mismatch"));
    assert!(run(&store, &options(), &instruction).is_ok());
    for (sources, flags) in [(&["a"][..], &*flags), (&["http://h/a", "b"], &flags)] {
        assert_eq!(run(&store, &options(), &add(sources, flags)).unwrap_err().status(), 3, "{sources:?}");
    }
}

#[test]
fn a_file_with_a_checksum_is_fetched_once_for_all_steps() {
    let dir = tempfile::tempdir().unwrap();
    let Some(store) = store(dir.path()) else { return };
    let late = "Last-Modified: Fri, 01 Jan 2016 00:00:00 GMT\r\n";
    // One answer: whoever asks again is refused.
    let base = serve_dated(vec![(b"good".to_vec(), late)]);
    let checksum = format!(",\"checksum\":\"{}\"", Digest::of(b"good"));
    let add_to = |flags: &str| run(&store, &options(), &add(&[&format!("{base}/f")], flags));
    let first = add_to(&checksum).unwrap();
    assert_eq!((first.cache, add_to(&checksum).unwrap().cache), (Cache::Miss, Cache::Hit));
    let other = add_to(&format!("{checksum},\"chown\":\"1:2\"")).unwrap();
    assert_eq!(other.cache, Cache::Miss);
    for (step, owner) in [(first, 0), (other, 1)] {
        let file = store.snapshot_fs(step.snapshot.as_ref().unwrap()).unwrap().join("d/f");
        let meta = std::fs::metadata(&file).unwrap();
        assert_eq!(
            (std::fs::read(file).unwrap(), meta.uid(), meta.mtime()),
            (b"good".to_vec(), owner, 1_451_606_400)
        );
    }
    assert!(add_to("").is_err(), "without a checksum the server is asked");
}

#[test]
fn a_url_that_was_never_fetched_is_fetched_whatever_else_has_its_checksum() {
    let dir = tempfile::tempdir().unwrap();
    let Some(store) = store(dir.path()) else { return };
    let base = serve(["good", "evil", "good"].map(|body| body.as_bytes().to_vec()).to_vec());
    let (good, evil) = (Digest::of(b"good").to_string(), Digest::of(b"evil").to_string());
    let checksum = format!(",\"checksum\":\"{good}\"");
    let added = |path: &str| run(&store, &options(), &add(&[&format!("{base}/{path}")], &checksum));
    let cache = |path: &str| added(path).unwrap().cache;
    assert_eq!(cache("1/f"), Cache::Miss);
    let failure = added("2/f").unwrap_err();
    let text = failure.render("stage-run").unwrap();
    assert!(failure.status() == 3 && text.contains(&good) && text.contains(&evil), "{text}");
    assert_eq!(cache("1/f?signature=2"), Cache::Hit, "it is fetched, and what follows is the same");
    // The server has no answer left.
    assert!(added("1/f?signature=3").is_err() && added("4/f").is_err());
    assert_eq!((cache("1/f"), cache("1/f?signature=2")), (Cache::Hit, Cache::Hit));
    let snapshots = std::fs::read_dir(store.path().join("snapshots")).unwrap();
    let files = snapshots.filter(|entry| entry.as_ref().unwrap().path().join("fs/f").exists());
    assert_eq!(files.count(), 1, "both URLs share a snapshot");
}

#[test]
fn what_the_server_says_is_unchanged_is_not_sent_again() {
    let dir = tempfile::tempdir().unwrap();
    let Some(store) = store(dir.path()) else { return };
    let (one, two) = ("ETag: \"1\"\r\n", "ETag: \"2\"\r\n");
    let base = serve_dated([("a", one), ("b", two)].map(|(body, line)| (body.into(), line)).to_vec());
    let content = || {
        let step = run(&store, &options(), &add(&[&format!("{base}/f")], "")).unwrap();
        std::fs::read(store.snapshot_fs(step.snapshot.as_ref().unwrap()).unwrap().join("d/f")).unwrap()
    };
    // The answers stay the same for who names their tag, and go on for who does not.
    assert_eq!([content(), content(), content()], [b"a", b"a", b"a"]);
    for entry in std::fs::read_dir(store.path().join("cache")).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    assert_eq!([content(), content()], [b"b", b"b"]);
}

#[test]
fn a_kept_download_that_was_damaged_is_fetched_again() {
    let dir = tempfile::tempdir().unwrap();
    let Some(store) = store(dir.path()) else { return };
    let base = serve(vec![b"good".to_vec(), b"good".to_vec()]);
    let instruction = add(&[&format!("{base}/f")], &format!(",\"checksum\":\"{}\"", Digest::of(b"good")));
    let step = run(&store, &options(), &instruction).unwrap();
    for entry in std::fs::read_dir(store.path().join("snapshots")).unwrap() {
        let file = entry.unwrap().path().join("fs/f");
        let _ = file.exists().then(|| std::fs::write(&file, "evil").unwrap());
    }
    assert_eq!(run(&store, &options(), &instruction).unwrap().snapshot, step.snapshot);
}
