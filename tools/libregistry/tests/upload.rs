//! Sending blobs and manifests to a registry: servers on the loopback interface that answer as they are told.

#[path = "../../libhttp/tests/server/mod.rs"]
mod server;

use libhttp::{Environment, FetchError};
use libregistry::{Access, Client, Delivery, Hosts, Logins, Published, Repository, Upload};
use libsandbox::Caller;
use libwire::Digest;
use server::serve;
use std::fs;
use std::io::{Cursor, Read};

const BLOB: &str = "0123456789";

fn answer(status: &str, headers: &str) -> String {
    format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n{headers}\r\n")
}

fn open() -> String {
    answer("200 OK", "")
}

fn none() -> String {
    answer("404 Not Found", "")
}

fn accepted(location: &str) -> String {
    answer("202 Accepted", &format!("Location: {location}\r\n"))
}

fn refused(status: &str, code: &str) -> String {
    let body = format!("{{\"errors\":[{{\"code\":\"{code}\",\"message\":\"no\"}}]}}");
    format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// A client with a password for the registry at `base`.
fn client(base: &str) -> (tempfile::TempDir, Client) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("auth.json");
    let host = base.trim_start_matches("http://");
    fs::write(&file, format!("{{\"auths\":{{\"{host}\":{{\"auth\":\"dTpw\"}}}}}}")).unwrap();
    let logins =
        Logins::of(|name| (name == "REGISTRY_AUTH_FILE").then(|| file.clone().into()), Caller::default());
    let client = Client::new(&logins, &Hosts::default(), &Environment::default());
    (dir, client)
}

fn upload(base: &str, text: &'static str, neighbours: &[&str]) -> Result<Delivery, FetchError> {
    let (_dir, client) = client(base);
    let session = client.open(&Repository::parse(&format!("{base}/a/b")).unwrap(), Access::Push)?;
    let open = |from: u64| {
        let mut input = Cursor::new(text);
        input.set_position(from);
        Ok(Box::new(input) as Box<dyn Read>)
    };
    let blob = Upload { digest: Digest::of(text.as_bytes()), size: text.len() as u64, open: &open };
    session.upload(&blob, &|| neighbours.iter().map(|name| (*name).to_owned()).collect())
}

/// The request lines, without the version.
fn lines(requests: &[String]) -> Vec<String> {
    let line = |request: &String| request.lines().next().unwrap().trim_end_matches(" HTTP/1.1").to_owned();
    requests.iter().map(line).collect()
}

fn digest_word() -> String {
    format!("digest=sha256%3A{}", Digest::of(BLOB.as_bytes()).hex())
}

#[test]
fn a_blob_that_is_there_is_not_sent() {
    let (base, registry) = serve(vec![open(), open()]);
    assert_eq!(upload(&base, BLOB, &["c"]).unwrap(), Delivery::Had);
    assert_eq!(
        lines(&registry.join().unwrap())[1],
        format!("HEAD /v2/a/b/blobs/{}", Digest::of(BLOB.as_bytes()))
    );
}

#[test]
fn a_blob_goes_where_the_registry_says_as_it_says_it() {
    for (location, wanted) in [
        ("/u/1?_state=a%3D%3D", "/u/1?_state=a%3D%3D&"),
        ("1?x", "/v2/a/b/blobs/uploads/1?x&"),
        ("/u/2", "/u/2?"),
    ] {
        let (base, registry) = serve(vec![open(), none(), accepted(location), answer("201 Created", "")]);
        assert_eq!(upload(&base, BLOB, &[]).unwrap(), Delivery::Sent);
        let requests = registry.join().unwrap();
        assert_eq!(
            lines(&requests)[2..],
            ["POST /v2/a/b/blobs/uploads/".to_owned(), format!("PUT {wanted}{}", digest_word()),]
        );
        assert!(requests[2].to_lowercase().contains("\ncontent-length: 0"), "{requests:?}");
        assert!(requests[3].ends_with(&format!("\n\n{BLOB}")), "{requests:?}");
        assert!(
            requests[3].to_lowercase().contains("\ncontent-type: application/octet-stream"),
            "{requests:?}"
        );
    }
}

#[test]
fn another_server_is_sent_the_blob_and_no_password() {
    let (store, away) = serve(vec![answer("201 Created", "")]);
    let challenge = answer("401 Unauthorized", "WWW-Authenticate: Basic realm=\"r\"\r\n");
    let (base, registry) = serve(vec![challenge, none(), accepted(&format!("{store}/u?sig=x"))]);
    assert_eq!(upload(&base, BLOB, &[]).unwrap(), Delivery::Sent);
    let requests = registry.join().unwrap();
    assert!(requests[2].to_lowercase().contains("\nauthorization: basic dtpw"), "{requests:?}");
    let sent = away.join().unwrap().remove(0);
    assert!(sent.starts_with("PUT /u?sig=x&digest=") && sent.ends_with(BLOB), "{sent}");
    assert!(!sent.to_lowercase().contains("authorization"), "{sent}");
}

#[test]
fn places_that_nobody_should_send_to_are_errors() {
    for location in ["ftp://h/x", "http://u:p@127.0.0.1:1/x", "file:///etc/passwd"] {
        let (base, registry) = serve(vec![open(), none(), accepted(location)]);
        let error = upload(&base, BLOB, &[]).unwrap_err();
        assert!(matches!(error, FetchError::Refused { .. }) && !error.to_string().contains("u:p"), "{error}");
        registry.join().unwrap();
    }
}

#[test]
fn a_blob_of_a_neighbour_is_mounted() {
    let (base, registry) = serve(vec![open(), none(), answer("201 Created", "")]);
    assert_eq!(upload(&base, BLOB, &["c/d"]).unwrap(), Delivery::Mounted("c/d".into()));
    let wanted = format!("POST /v2/a/b/blobs/uploads/?mount={}&from=c/d", Digest::of(BLOB.as_bytes()));
    assert_eq!(lines(&registry.join().unwrap())[2], wanted);
}

#[test]
fn a_mount_that_is_refused_is_an_upload() {
    for status in ["403 Forbidden", "404 Not Found", "405 Not Allowed", "400 Bad Request"] {
        let refused = answer(status, "");
        let (base, registry) =
            serve(vec![open(), none(), refused.clone(), refused, accepted("/u"), answer("201 Created", "")]);
        assert_eq!(upload(&base, BLOB, &["c", "d"]).unwrap(), Delivery::Sent, "{status}");
        assert_eq!(lines(&registry.join().unwrap())[4], "POST /v2/a/b/blobs/uploads/");
    }
    // The registry that can't mount begins an upload, which is the one to use.
    let (base, registry) = serve(vec![open(), none(), accepted("/u"), answer("201 Created", "")]);
    assert_eq!(upload(&base, BLOB, &["c", "d"]).unwrap(), Delivery::Sent);
    assert_eq!(lines(&registry.join().unwrap())[3], format!("PUT /u?{}", digest_word()));
}

#[test]
fn a_token_for_a_mount_is_for_both_and_given_up_where_it_is_refused() {
    let token = |name: &str| {
        let body = format!("{{\"token\":\"{name}\"}}");
        format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    };
    let (realm, service) = serve(vec![token("ours"), token("both")]);
    let wants = answer("401 Unauthorized", &format!("WWW-Authenticate: Bearer realm=\"{realm}/t\"\r\n"));
    let (base, registry) = serve(vec![wants, none(), answer("201 Created", "")]);
    assert_eq!(upload(&base, BLOB, &["c"]).unwrap(), Delivery::Mounted("c".into()));
    let shown = registry.join().unwrap();
    assert!(shown[2].contains("Bearer both"), "{shown:?}");
    drop(service);
    // GitLab gives a token for the last repository that was asked for, and then refuses it.
    let (realm, service) = serve(vec![token("ours"), token("both"), token("again")]);
    let wants = answer("401 Unauthorized", &format!("WWW-Authenticate: Bearer realm=\"{realm}/t\"\r\n"));
    let (base, registry) =
        serve(vec![wants.clone(), none(), wants.clone(), wants, accepted("/u"), answer("201 Created", "")]);
    assert_eq!(upload(&base, BLOB, &["c"]).unwrap(), Delivery::Sent);
    let shown = registry.join().unwrap();
    assert!(shown[4].contains("Bearer ours") && shown[5].contains("Bearer ours"), "{shown:?}");
    let asked = lines(&service.join().unwrap()).concat();
    assert!(asked.contains("scope=repository%3Aa%2Fb%3Apull%2Cpush&scope=repository%3Ac%3Apull"), "{asked}");
}

#[test]
fn an_upload_that_is_lost_begins_anew() {
    for lost in [
        none(),
        answer("409 Conflict", ""),
        answer("502 Bad Gateway", ""),
        refused("400 Bad Request", "BLOB_UPLOAD_INVALID"),
        String::new(),
    ] {
        let again = [none(), accepted("/u/2"), answer("201 Created", "")];
        let (base, registry) =
            serve([vec![open(), none(), accepted("/u/1"), lost.clone()], again.to_vec()].concat());
        assert_eq!(upload(&base, BLOB, &[]).unwrap(), Delivery::Sent, "{lost}");
        assert_eq!(lines(&registry.join().unwrap())[6], format!("PUT /u/2?{}", digest_word()));
    }
    // The bytes were stored, and only the answer got lost.
    let (base, _registry) = serve(vec![open(), none(), accepted("/u"), answer("504 Late", ""), open()]);
    assert_eq!(upload(&base, BLOB, &[]).unwrap(), Delivery::Had);
}

#[test]
fn what_a_server_takes_not_at_once_it_gets_in_chunks() {
    let blob: &'static str = Box::leak("x".repeat(700_000).into_boxed_str());
    let (base, registry) = serve(vec![
        open(),
        none(),
        accepted("/u/1"),
        answer("413 Too Large", ""),
        none(),
        accepted("/u/2"),
        answer("413 Too Large", ""),
        none(),
        accepted("/u/3"),
        answer("413 Too Large", ""),
        none(),
        accepted("/u/4"),
        answer("413 Too Large", ""),
        none(),
        accepted("/u/5"),
        accepted("/u/6"),
        accepted("/u/7"),
        answer("201 Created", ""),
    ]);
    assert_eq!(upload(&base, blob, &[]).unwrap(), Delivery::Sent);
    let requests = registry.join().unwrap();
    let chunks: Vec<&String> = requests.iter().filter(|request| request.starts_with("PATCH ")).collect();
    let range = |request: &String| {
        let line = request.lines().find(|line| line.to_lowercase().starts_with("content-range: "));
        line.unwrap()["content-range: ".len()..].to_owned()
    };
    let ranges: Vec<String> = chunks.iter().map(|request| range(request)).collect();
    assert_eq!(ranges[3..], ["0-524287", "524288-699999"], "{ranges:?}");
    assert!(chunks[4].starts_with("PATCH /u/6 "), "{}", &chunks[4][..40]);
    assert!(requests.last().unwrap().starts_with("PUT /u/7?digest="));
}

#[test]
fn a_server_that_takes_nothing_of_any_size_is_left_alone() {
    let mut answers = vec![open()];
    (0..6).for_each(|_| answers.extend([none(), accepted("/u"), answer("413 Too Large", "")]));
    let (base, _registry) = serve(answers);
    let error = upload(&base, BLOB, &[]).unwrap_err();
    assert!(matches!(error, FetchError::Refused { .. }) && error.to_string().contains("413"), "{error}");
}

#[test]
fn a_registry_that_stored_something_else_is_not_believed() {
    let other = format!("Docker-Content-Digest: {}\r\n", Digest::of(b"other"));
    let (base, _registry) = serve(vec![open(), none(), accepted("/u"), answer("201 Created", &other)]);
    let error = upload(&base, BLOB, &[]).unwrap_err().to_string();
    assert!(error.contains(&format!("it says that it stored {}", Digest::of(b"other"))), "{error}");
}

#[test]
fn what_can_not_be_read_is_not_the_servers_fault() {
    let (base, _registry) = serve(vec![open(), none(), accepted("/u")]);
    let (_dir, client) = client(&base);
    let session = client.open(&Repository::parse(&format!("{base}/a/b")).unwrap(), Access::Push).unwrap();
    let open = |_| Err(std::io::Error::other("gone"));
    let error =
        session.upload(&Upload { digest: Digest::of(b"x"), size: 1, open: &open }, &Vec::new).unwrap_err();
    assert_eq!(error.to_string(), "cannot read what is to be sent: gone");
}

fn publish(base: &str, text: &str) -> Result<Published, FetchError> {
    let (_dir, client) = client(base);
    let session = client.open(&Repository::parse(&format!("{base}/a/b")).unwrap(), Access::Push)?;
    session.publish("1.0", "m/t", text.as_bytes())
}

#[test]
fn a_manifest_is_stored_as_it_is() {
    let (base, registry) = serve(vec![open(), answer("201 Created", "")]);
    assert_eq!(publish(&base, "{ }\n").unwrap(), Published::Done);
    let request = &registry.join().unwrap()[1];
    assert!(request.starts_with("PUT /v2/a/b/manifests/1.0 "), "{request}");
    assert!(
        request.to_lowercase().contains("\ncontent-type: m/t") && request.ends_with("\n\n{ }"),
        "{request}"
    );
}

#[test]
fn a_manifest_that_may_have_been_stored_is_looked_for_first() {
    let digest = format!("Docker-Content-Digest: {}\r\n", Digest::of(b"{}"));
    let (base, registry) = serve(vec![open(), answer("502 Bad Gateway", ""), answer("200 OK", &digest)]);
    assert_eq!(publish(&base, "{}").unwrap(), Published::Done);
    assert_eq!(lines(&registry.join().unwrap())[2], "HEAD /v2/a/b/manifests/1.0");
}

#[test]
fn a_manifest_that_is_refused_says_whether_something_is_missing() {
    let (base, _registry) = serve(vec![open(), refused("400 Bad Request", "MANIFEST_BLOB_UNKNOWN")]);
    assert!(matches!(publish(&base, "{}").unwrap(), Published::Incomplete(_)));
    let (base, _registry) = serve(vec![open(), refused("400 Bad Request", "TAG_INVALID")]);
    let error = publish(&base, "{}").unwrap_err();
    assert!(!error.is_passing() && error.to_string().contains("TAG_INVALID"), "{error}");
}
