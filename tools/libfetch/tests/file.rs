//! Downloads from servers on the loopback interface, whose answers the tests choose.

#[path = "../../libhttp/tests/server/mod.rs"]
mod server;

use libfetch::{Download, Environment, FetchError, download};
use libtree::tar::Limits;
use libwire::Digest;
use server::serve;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

fn answer(head: &str, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n{head}\r\n{body}", body.len())
}

fn redirect(to: &str) -> String {
    format!("HTTP/1.1 302 Found\r\nConnection: close\r\nContent-Length: 0\r\nLocation: {to}\r\n\r\n")
}

fn fetch(url: &str, expected: Option<Digest>) -> (tempfile::TempDir, Result<Download, FetchError>) {
    let dir = tempfile::tempdir().unwrap();
    let got = download(url, dir.path(), expected, &Environment::default());
    (dir, got)
}

#[test]
fn a_file_has_the_servers_bytes_and_time_and_mode_0600() {
    let head = "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
    let (base, _server) = serve(vec![answer(head, "hello")]);
    let (dir, got) = fetch(&format!("{base}/d/x.txt?y"), Some(Digest::of(b"hello")));
    assert_eq!(
        got.unwrap(),
        Download { name: "x.txt".into(), digest: Digest::of(b"hello"), size: 5, etag: None }
    );
    let meta = File::open(dir.path().join("x.txt")).unwrap().metadata().unwrap();
    assert_eq!((meta.permissions().mode() & 0o7777, meta.mtime()), (0o600, 784_111_777));
    assert_eq!(fs::read(dir.path().join("x.txt")).unwrap(), b"hello");
}

#[test]
fn without_a_time_it_is_1970_and_without_a_name_the_header_gives_one() {
    let head = "Content-Disposition: attachment; filename=\"../up/n.txt\"\r\n";
    let (base, _server) = serve(vec![answer(head, ""), answer("", "")]);
    let (dir, got) = fetch(&format!("{base}/"), None);
    assert_eq!(got.unwrap().name, "n.txt");
    assert_eq!(fs::metadata(dir.path().join("n.txt")).unwrap().mtime(), 0);
    let (_dir, got) = fetch(&base, None);
    assert_eq!(got.unwrap().name, "__unnamed__");
}

#[test]
fn other_content_than_the_checksum_says_is_an_error_that_names_both() {
    let (base, _server) = serve(vec![answer("", "evil")]);
    let (_dir, got) = fetch(&format!("{base}/x?token=t"), Some(Digest::of(b"good")));
    let error = got.unwrap_err();
    assert!(matches!(&error, FetchError::Checksum { got, expected, .. }
        if *got == Digest::of(b"evil").to_string() && *expected == Digest::of(b"good").to_string()));
    assert!(error.is_input() && !error.to_string().contains("token"));
}

#[test]
fn five_redirects_are_followed_and_six_are_not() {
    for (count, good) in [(5, true), (6, false)] {
        let mut answers: Vec<String> = (0..count).map(|at| redirect(&format!("/{at}"))).collect();
        answers.push(answer("", "end"));
        let (base, _server) = serve(answers);
        let (_dir, got) = fetch(&format!("{base}/first"), None);
        assert_eq!(got.map(|got| got.name).ok(), good.then(|| "first".to_owned()), "{count}");
    }
}

#[test]
fn what_authenticates_with_one_server_is_not_sent_to_another() {
    let (other, second) = serve(vec![answer("", "x")]);
    let (base, first) = serve(vec![redirect(&format!("{other}/y"))]);
    let (_dir, got) = fetch(&base.replace("http://", "http://user:secret@"), None);
    assert_eq!(got.unwrap().size, 1);
    assert!(first.join().unwrap()[0].to_lowercase().contains("authorization: basic"));
    let request = second.join().unwrap().remove(0).to_lowercase();
    assert!(!request.contains("authorization") && !request.contains("secret"), "{request}");
}

#[test]
fn a_secret_is_shown_to_its_host_alone() {
    let (other, second) = serve(vec![answer("", "x")]);
    let away = other.replace("127.0.0.1", "localhost");
    let (base, first) = serve(vec![redirect(&format!("{away}/y"))]);
    let secrets = [("HTTP_AUTH_TOKEN_127.0.0.1".to_owned(), b"secret\n".to_vec())].into();
    let http = libhttp::Environment { secrets, ..libhttp::Environment::default() };
    let environment = Environment { http, ..Environment::default() };
    let dir = tempfile::tempdir().unwrap();
    download(&base, dir.path(), None, &environment).unwrap();
    assert!(first.join().unwrap()[0].to_lowercase().contains("authorization: bearer secret"));
    let request = second.join().unwrap().remove(0).to_lowercase();
    assert!(!request.contains("authorization") && !request.contains("secret"), "{request}");
}

#[test]
fn an_error_of_the_server_is_an_error_and_shows_no_password() {
    let (base, _server) = serve(vec!["HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"]);
    let (_dir, got) = fetch(&base.replace("http://", "http://user:secret@"), None);
    let text = got.unwrap_err().to_string();
    assert!(text.contains("404 Not Found") && !text.contains("secret"), "{text}");
}

#[test]
fn a_body_that_is_cut_off_is_an_error() {
    let (base, _server) = serve(vec!["HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort"]);
    let (_dir, got) = fetch(&format!("{base}/x"), None);
    assert!(matches!(got, Err(FetchError::Remote { .. })), "{got:?}");
}

#[test]
fn what_is_compressed_on_the_way_arrives_as_it_was() {
    // gzip of "hello", as bytes that are not text.
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(b"hello").unwrap();
    let body = encoder.finish().unwrap();
    for name in ["gzip", "GZIP", "x-gzip"] {
        let length = body.len();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: {name}\r\nContent-Length: {length}\r\n\r\n");
        let (base, _server) = serve(vec![[head.as_bytes(), &body].concat()]);
        let (_dir, got) = fetch(&format!("{base}/x"), Some(Digest::of(b"hello")));
        assert_eq!(got.unwrap().size, 5, "{name}");
    }
}

#[test]
fn a_file_beyond_the_limit_is_an_error_and_is_not_cut() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(b"hello").unwrap();
    let packed = encoder.finish().unwrap();
    let length = format!("Connection: close\r\nContent-Length: {}", packed.len());
    let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n{length}\r\n\r\n");
    for answer in [answer("", "hello").into_bytes(), [head.as_bytes(), &packed].concat()] {
        let (base, _server) = serve(vec![answer.clone(), answer]);
        let dir = tempfile::tempdir().unwrap();
        let fetch = |bytes| {
            let limits = Limits { bytes, ..Limits::default() };
            let environment = Environment { limits, ..Environment::default() };
            download(&format!("{base}/f"), dir.path(), None, &environment).map(|file| file.size)
        };
        let text = fetch(4).unwrap_err().to_string();
        assert!(text.contains("more than 4 bytes; --max-unpacked"), "{text}");
        std::fs::remove_file(dir.path().join("f")).unwrap();
        assert_eq!(fetch(5).unwrap(), 5);
    }
}

#[test]
fn what_is_compressed_in_a_way_that_is_not_undone_is_an_error() {
    for (heads, name) in [
        ("Content-Encoding: br\r\n", "br"),
        ("Content-Encoding: gzip, gzip\r\n", "gzip, gzip"),
        ("Content-Encoding: gzip\r\nContent-Encoding: br\r\n", "gzip, br"),
        ("Transfer-Encoding: gzip, chunked\r\n", "gzip, chunked"),
    ] {
        let (base, _server) = serve(vec![answer(heads, "5\r\nhello\r\n0\r\n\r\n")]);
        let text = fetch(&format!("{base}/x"), None).1.unwrap_err().to_string();
        assert!(text.contains(&format!("{name:?}")), "{text}");
    }
    let (base, _server) = serve(vec![answer("Content-Encoding: Identity\r\n", "bytes")]);
    assert_eq!(fetch(&format!("{base}/x"), None).1.unwrap().size, 5);
}

#[test]
fn an_answer_that_is_not_the_whole_file_as_it_is_is_an_error() {
    for status in [
        "201 Created",
        "202 Accepted",
        "203 Non-Authoritative Information",
        "204 No Content",
        "206 Partial Content",
    ] {
        let body = if status.starts_with("204") { "" } else { "Content-Length: 4\r\n" };
        let part = if status.starts_with("204") { "" } else { "part" };
        let (base, _server) =
            serve(vec![format!("HTTP/1.1 {status}\r\nConnection: close\r\n{body}\r\n{part}")]);
        let text = fetch(&format!("{base}/x"), None).1.unwrap_err().to_string();
        assert!(text.contains(&format!("the server says {}", &status[..3])), "{text}");
    }
}

#[test]
fn a_body_that_ends_before_its_own_end_is_an_error() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(b"hello").unwrap();
    let gzip = encoder.finish().unwrap();
    let cut = &gzip[..gzip.len() - 4];
    let head = "HTTP/1.1 200 OK\r\nConnection: close\r\n";
    for answer in [
        format!("{head}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n").into_bytes(),
        format!("{head}Transfer-Encoding: chunked\r\n\r\n5\r\nhel").into_bytes(),
        [format!("{head}Content-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", cut.len()).as_bytes(), cut]
            .concat(),
        [format!("{head}Content-Encoding: gzip\r\n\r\n").as_bytes(), cut].concat(),
    ] {
        let (base, _server) = serve(vec![answer]);
        let got = fetch(&format!("{base}/x"), None).1;
        assert!(matches!(got, Err(FetchError::Remote { .. })), "{got:?}");
    }
}
