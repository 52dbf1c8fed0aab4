//! Being let in to registries: servers on the loopback interface that answer as they are told.

#[path = "../../libhttp/tests/server/mod.rs"]
mod server;

use libhttp::{Environment, FetchError};
use libregistry::{Access, Client, Head, Hosts, Logins, Repository};
use libsandbox::Caller;
use libwire::Digest;
use server::{serve, serve_by};
use std::fs;
use std::io::Read;
use tempfile::TempDir;

const OPEN: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
const NONE: &str = "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
const BASIC: &str = "Basic realm=\"r\"";
/// `u:hunter2`
const PAIR: &str = "dTpodW50ZXIy";

fn refuse(challenge: &str) -> String {
    let end = "Connection: close\r\nContent-Length: 0\r\n\r\n";
    format!("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: {challenge}\r\n{end}")
}

fn bearer(realm: &str) -> String {
    refuse(&format!("Bearer realm=\"{realm}/token\",service=\"s\",scope=\"repository:a/b:pull\""))
}

fn json(text: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{text}", text.len())
}

fn redirect(to: &str) -> String {
    format!("HTTP/1.1 307 There\r\nConnection: close\r\nContent-Length: 0\r\nLocation: {to}\r\n\r\n")
}

fn late(after: &str) -> String {
    format!("HTTP/1.1 429 Slow\r\nConnection: close\r\nContent-Length: 0\r\n{after}\r\n")
}

/// A login for 127.0.0.1 on all ports of this test, as a file has it.
fn logins(entry: &str, base: &str) -> (TempDir, Logins) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("auth.json");
    let host = base.trim_start_matches("http://");
    fs::write(&file, format!("{{\"auths\":{{\"{host}\":{entry}}}}}")).unwrap();
    let logins =
        Logins::of(|name| (name == "REGISTRY_AUTH_FILE").then(|| file.clone().into()), Caller::default());
    (dir, logins)
}

fn password(base: &str) -> (TempDir, Logins) {
    logins(&format!("{{\"auth\":\"{PAIR}\"}}"), base)
}

fn client(logins: &Logins) -> Client {
    Client::new(logins, &Hosts::default(), &Environment::default())
}

fn repository(base: &str) -> Repository {
    Repository::parse(&format!("{base}/a/b")).unwrap()
}

/// Opens a session and asks for one blob.
fn ask(base: &str, logins: &Logins) -> Result<bool, FetchError> {
    client(logins).open(&repository(base), Access::Pull)?.has_blob(Digest::of(b"x"))
}

fn authorization(request: &str) -> Option<&str> {
    let line = request.lines().find(|line| line.to_lowercase().starts_with("authorization: "))?;
    Some(&line["authorization: ".len()..])
}

#[test]
fn who_lets_everybody_in_is_asked_at_once() {
    let (base, registry) = serve(vec![OPEN, OPEN, NONE]);
    let client = client(&Logins::default());
    let session = client.open(&repository(&base), Access::Pull).unwrap();
    assert!(session.has_blob(Digest::of(b"x")).unwrap());
    assert!(session.look_up(&Digest::of(b"y").to_string(), "m/t").unwrap().is_none());
    let requests = registry.join().unwrap();
    assert!(requests[0].starts_with("GET /v2/ "), "{requests:?}");
    assert!(requests[1].starts_with(&format!("HEAD /v2/a/b/blobs/{} ", Digest::of(b"x"))), "{requests:?}");
    assert!(
        requests[2].starts_with(&format!("HEAD /v2/a/b/manifests/{} ", Digest::of(b"y"))),
        "{requests:?}"
    );
    assert!(requests[2].to_lowercase().contains("\naccept: m/t"), "{requests:?}");
}

#[test]
fn without_a_login_a_token_is_fetched_all_the_same_and_used_for_everything() {
    let (realm, service) = serve(vec![json(r#"{"token":"t1","expires_in":60}"#)]);
    let (base, registry) = serve(vec![bearer(&realm), OPEN.into(), NONE.into()]);
    let client = client(&Logins::default());
    let session = client.open(&repository(&base), Access::Pull).unwrap();
    assert!(session.has_blob(Digest::of(b"x")).unwrap());
    assert!(!session.has_blob(Digest::of(b"y")).unwrap());
    let fetched = service.join().unwrap().remove(0);
    assert!(
        fetched.starts_with("GET /token?client_id=stagepipe&service=s&scope=repository%3Aa%2Fb%3Apull "),
        "{fetched}"
    );
    assert_eq!(authorization(&fetched), None);
    let requests = registry.join().unwrap();
    let shown: Vec<_> = requests.iter().map(|request| authorization(request)).collect();
    assert_eq!(shown, [None, Some("Bearer t1"), Some("Bearer t1")]);
}

#[test]
fn a_password_is_shown_to_the_realm_and_its_token_to_the_registry() {
    let (realm, service) = serve(vec![json(r#"{"access_token":"t1"}"#)]);
    let (base, registry) = serve(vec![bearer(&realm), OPEN.into()]);
    let (_dir, logins) = password(&base);
    assert!(ask(&base, &logins).unwrap());
    let fetched = service.join().unwrap().remove(0);
    assert!(fetched.starts_with("GET /token?account=u&"), "{fetched}");
    assert_eq!(authorization(&fetched), Some(&*format!("Basic {PAIR}")));
    let requests = registry.join().unwrap();
    assert_eq!(authorization(&requests[1]), Some("Bearer t1"));
    assert!(!requests.concat().contains(PAIR));
}

#[test]
fn a_login_that_is_a_token_is_exchanged() {
    let (realm, service) = serve(vec![json(r#"{"access_token":"t1"}"#)]);
    let (base, registry) = serve(vec![bearer(&realm), OPEN.into()]);
    let (_dir, logins) = logins(r#"{"auth":"dTo=","identitytoken":"id&1"}"#, &base);
    assert!(ask(&base, &logins).unwrap());
    let fetched = service.join().unwrap().remove(0);
    assert!(fetched.starts_with("POST /token "), "{fetched}");
    assert!(
        fetched.contains("grant_type=refresh_token") && fetched.contains("refresh_token=id%261"),
        "{fetched}"
    );
    assert!(fetched.contains("service=s&scope=repository%3Aa%2Fb%3Apull"), "{fetched}");
    assert_eq!(authorization(&fetched), None);
    assert_eq!(authorization(&registry.join().unwrap()[1]), Some("Bearer t1"));
}

#[test]
fn a_login_may_be_what_the_registry_itself_wants() {
    for (entry, shown) in [
        (format!("{{\"auth\":\"{PAIR}\"}}"), format!("Basic {PAIR}")),
        ("{\"registrytoken\":\"r1\"}".into(), "Bearer r1".to_owned()),
    ] {
        let (base, registry) = serve(vec![refuse(BASIC), OPEN.into()]);
        let (_dir, logins) = logins(&entry, &base);
        assert!(ask(&base, &logins).unwrap());
        let requests = registry.join().unwrap();
        assert_eq!((authorization(&requests[0]), authorization(&requests[1])), (None, Some(&*shown)));
    }
}

#[test]
fn a_token_that_is_taken_no_more_is_renewed_once_for_each_question() {
    let tokens = ["t1", "t2", "t3"].map(|token| json(&format!("{{\"token\":\"{token}\"}}")));
    let (realm, service) = serve(tokens.into());
    let refused = bearer(&realm);
    let (base, registry) =
        serve(vec![refused.clone(), refused.clone(), OPEN.into(), refused.clone(), refused]);
    let client = client(&Logins::default());
    let session = client.open(&repository(&base), Access::Pull).unwrap();
    assert!(session.has_blob(Digest::of(b"x")).unwrap());
    let error = session.has_blob(Digest::of(b"y")).unwrap_err();
    assert!(matches!(error, FetchError::Login { .. }), "{error}");
    let requests = registry.join().unwrap();
    let shown: Vec<_> = requests.iter().map(|request| authorization(request)).collect();
    assert_eq!(shown, [None, Some("Bearer t1"), Some("Bearer t2"), Some("Bearer t2"), Some("Bearer t3")]);
    assert_eq!(service.join().unwrap().len(), 3);
}

#[test]
fn who_is_not_let_in_is_told_what_to_do_and_no_secret() {
    let refused = refuse("Basic realm=\"r\"");
    let forbidden = refused.replace("401 Unauthorized", "403 Forbidden");
    let unknown = refuse("Negotiate abc");
    for (answers, known, wanted) in [
        (vec![refused.clone()], false, "log in with skopeo login 127.0.0.1:"),
        (
            vec![refused.clone(), refused.clone(), refused.clone()],
            true,
            "auth.json is not let in to a/b; renew it",
        ),
        (vec![OPEN.into(), forbidden.clone()], false, "it wants a login for a/b"),
        (vec![refused.clone(), forbidden], true, "is not let in to a/b"),
        (vec![unknown], true, "none of the kinds that are known here"),
    ] {
        let (base, registry) = serve(answers);
        let (_dir, logins) =
            if known { password(&base) } else { (tempfile::tempdir().unwrap(), Logins::default()) };
        let error = ask(&base, &logins).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, FetchError::Login { .. }) && text.contains(wanted), "{text}");
        assert!(!text.contains(PAIR) && !text.contains("hunter2"), "{text}");
        registry.join().unwrap();
    }
}

#[test]
fn a_realm_that_refuses_the_login_is_told_as_that() {
    for (entry, answer) in [
        (format!("{{\"auth\":\"{PAIR}\"}}"), refuse(BASIC)),
        ("{\"identitytoken\":\"hunter2\"}".to_owned(), refuse(BASIC).replace("401 ", "400 ")),
    ] {
        let (realm, _service) = serve(vec![answer]);
        let (base, _registry) = serve(vec![bearer(&realm)]);
        let (_dir, logins) = logins(&entry, &base);
        let text = ask(&base, &logins).unwrap_err().to_string();
        assert!(text.contains("is not let in") && !text.contains("hunter2"), "{text}");
    }
}

#[test]
fn a_redirect_to_another_server_is_shown_nothing() {
    let (other, away) = serve(vec![OPEN]);
    let (realm, _service) = serve(vec![json(r#"{"token":"t1"}"#)]);
    let (base, registry) =
        serve(vec![bearer(&realm), redirect("/here"), redirect(&format!("{other}/blob?sig=s"))]);
    let (_dir, logins) = password(&base);
    assert!(ask(&base, &logins).unwrap());
    let requests = registry.join().unwrap();
    assert_eq!(
        (authorization(&requests[1]), authorization(&requests[2])),
        (Some("Bearer t1"), Some("Bearer t1"))
    );
    let request = away.join().unwrap().remove(0);
    assert!(request.starts_with("HEAD /blob?sig=s "), "{request}");
    assert_eq!(authorization(&request), None);
}

#[test]
fn a_realm_that_leads_elsewhere_takes_no_login_along() {
    let (other, away) = serve(vec![json(r#"{"token":"t1"}"#)]);
    let (realm, _service) = serve(vec![redirect(&other)]);
    let (base, _registry) = serve(vec![bearer(&realm), OPEN.into()]);
    let (_dir, logins) = password(&base);
    assert!(ask(&base, &logins).unwrap());
    assert_eq!(authorization(&away.join().unwrap()[0]), None);
    // And a token in a form is not sent on at all.
    let (realm, _service) = serve(vec![redirect("http://127.0.0.1:1/")]);
    let (base, _registry) = serve(vec![bearer(&realm)]);
    let (_dir, logins) = self::logins("{\"identitytoken\":\"hunter2\"}", &base);
    let text = ask(&base, &logins).unwrap_err().to_string();
    assert!(text.contains("307") && !text.contains("hunter2"), "{text}");
}

#[test]
fn another_servers_refusal_is_not_the_registrys() {
    let (other, _away) = serve(vec![bearer("http://127.0.0.1:1")]);
    let (base, registry) = serve(vec![OPEN.into(), redirect(&other)]);
    let error = ask(&base, &Logins::default()).unwrap_err();
    assert!(matches!(error, FetchError::Refused { .. }), "{error}");
    assert_eq!(registry.join().unwrap().len(), 2);
}

#[test]
fn answers_that_are_no_tokens_are_errors_without_them() {
    let deep = "[".repeat(200_000);
    let huge = format!("{{\"token\":\"{}\"}}", "x".repeat(2 << 20));
    for text in [
        "",
        "hunter2",
        "[]",
        "{}",
        "{\"token\":\"\"}",
        "{\"token\":7}",
        "{\"token\":\"hunter2\\r\\nX: y\"}",
        &deep,
        &huge,
    ] {
        let (realm, _service) = serve(vec![json(text)]);
        let (base, _registry) = serve(vec![bearer(&realm)]);
        let error = ask(&base, &Logins::default()).unwrap_err();
        assert!(!error.is_passing() && !error.to_string().contains("hunter2"), "{error}");
        assert!(error.to_string().starts_with(&format!("{realm}/token: ")), "{error}");
    }
}

#[test]
fn challenges_that_lead_nowhere_are_errors() {
    for challenge in [
        "Bearer",
        "Bearer realm=\"\"",
        "Bearer realm=\"/token\"",
        "Bearer realm=\"file:///etc/passwd\"",
        "Bearer realm=\"http://u:p@127.0.0.1:1/\"",
        "Bearer realm=\"http://127.0.0.1:1/#x\"",
        "Bearer realm=\"http://192.0.2.1/\"",
    ] {
        let (base, _registry) = serve(vec![refuse(challenge)]);
        let (_dir, logins) = password(&base);
        let error = ask(&base, &logins).unwrap_err();
        assert!(matches!(error, FetchError::Login { .. }), "{challenge}: {error}");
    }
}

#[test]
fn who_wants_to_be_asked_later_is() {
    let (base, registry) =
        serve(vec![OPEN.into(), late("Retry-After: 0\r\n"), late("Retry-After: 1\r\n"), OPEN.into()]);
    assert!(ask(&base, &Logins::default()).unwrap());
    assert_eq!(registry.join().unwrap().len(), 4);
    let (base, registry) = serve(vec![late("Retry-After: 3600\r\n")]);
    let error = ask(&base, &Logins::default()).unwrap_err();
    assert!(
        error.is_passing() && error.to_string().contains("in 3600 or more seconds, or log in"),
        "{error}"
    );
    assert_eq!(registry.join().unwrap().len(), 1);
    let (base, registry) = serve(vec![late("Retry-After: 0\r\n"); 4]);
    assert!(ask(&base, &Logins::default()).unwrap_err().is_passing());
    assert_eq!(registry.join().unwrap().len(), 4);
}

#[test]
fn a_server_that_fails_may_not_later() {
    let failed = vec![OPEN.replace("200 OK", "502 No"); 4];
    let (base, registry) = serve(failed.clone());
    let error = ask(&base, &Logins::default()).unwrap_err();
    assert!(error.is_passing() && error.to_string().contains("the server says 502"), "{error}");
    assert_eq!(registry.join().unwrap().len(), 4);
    let answers = [&[OPEN.to_owned()], &failed[1..], &[OPEN.to_owned()]].concat();
    let (base, _registry) = serve(answers);
    assert!(ask(&base, &Logins::default()).unwrap());
}

#[test]
fn threads_that_want_the_same_fetch_one_token() {
    let (realm, service) = serve(vec![json(r#"{"token":"t1"}"#)]);
    let mut answers = vec![bearer(&realm)];
    answers.extend(vec![OPEN.to_owned(); 4]);
    let (base, registry) = serve(answers);
    let client = client(&Logins::default());
    let session = client.open(&repository(&base), Access::Pull).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert!(session.has_blob(Digest::of(b"x")).unwrap()));
            scope.spawn(|| client.open(&repository(&base), Access::Pull).map(drop).unwrap());
        }
    });
    let requests = registry.join().unwrap();
    assert!(requests[1..].iter().all(|request| authorization(request) == Some("Bearer t1")), "{requests:?}");
    assert_eq!(service.join().unwrap().len(), 1);
}

#[test]
fn threads_whose_token_is_refused_fetch_one_new_one() {
    let (realm, service) = serve(vec![json(r#"{"token":"t1"}"#), json(r#"{"token":"t2"}"#)]);
    let (base, registry) = serve_by(move |request| match authorization(request) {
        Some("Bearer t2") => OPEN.to_owned(),
        _ => bearer(&realm),
    });
    let client = client(&Logins::default());
    let session = client.open(&repository(&base), Access::Pull).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert!(session.has_blob(Digest::of(b"x")).unwrap()));
        }
    });
    drop(registry);
    assert_eq!(service.join().unwrap().len(), 2);
}

#[test]
fn a_token_whose_time_is_over_is_not_shown() {
    let tokens = [r#"{"token":"t1","expires_in":1}"#, r#"{"token":"t2","expires_in":"soon"}"#].map(json);
    let (realm, _service) = serve(tokens.into());
    let (base, registry) = serve(vec![bearer(&realm), OPEN.into(), OPEN.into()]);
    let client = client(&Logins::default());
    let session = client.open(&repository(&base), Access::Pull).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1100));
    for _ in 0..2 {
        assert!(session.has_blob(Digest::of(b"x")).unwrap());
    }
    let requests = registry.join().unwrap();
    let shown: Vec<_> = requests.iter().map(|request| authorization(request)).collect();
    assert_eq!(shown, [None, Some("Bearer t2"), Some("Bearer t2")]);
}

#[test]
fn what_is_done_and_where_have_tokens_of_their_own() {
    let (realm, service) =
        serve(["t1", "t2"].map(|token| json(&format!("{{\"token\":\"{token}\"}}"))).to_vec());
    let (base, registry) = serve(vec![bearer(&realm)]);
    let client = client(&Logins::default());
    for access in [Access::Pull, Access::Push] {
        client.open(&repository(&base), access).unwrap();
    }
    assert!(registry.join().unwrap().iter().all(|request| authorization(request).is_none()));
    assert!(service.join().unwrap()[1].contains("pull%2Cpush"));
}

#[test]
fn a_refusal_is_told_with_the_registrys_reasons() {
    let body = r#"{"errors":[{"code":"DENIED","message":"the plan is over","detail":null}]}"#;
    let said = |status: &str| json(body).replace("200 OK", status);
    for (answers, wanted) in [
        (vec![said("500 No"); 4], "the server says 500 Internal Server Error (DENIED: the plan is over)"),
        (vec![OPEN.into(), said("400 Bad")], "the server says 400 Bad Request (DENIED: the plan is over)"),
        (
            vec![OPEN.into(), said("403 No")],
            "it wants a login for a/b (DENIED: the plan is over); log in with",
        ),
    ] {
        let (base, _registry) = serve(answers);
        let client = client(&Logins::default());
        let asked = client.open(&repository(&base), Access::Pull);
        let error = asked.and_then(|session| session.manifest("latest", "*/*").map(drop)).unwrap_err();
        assert!(error.to_string().contains(wanted), "{error}");
    }
    // It may repeat what it was shown.
    let body = body.replace("the plan", "hunter2");
    let (base, _registry) = serve(vec![refuse(BASIC), json(&body).replace("200 OK", "403 No")]);
    let (_dir, logins) = password(&base);
    let client = client(&logins);
    let session = client.open(&repository(&base), Access::Pull).unwrap();
    let text = session.manifest("latest", "*/*").unwrap_err().to_string();
    assert!(text.contains("is not let in to a/b; renew it") && !text.contains("hunter2"), "{text}");
}

#[test]
fn a_manifest_is_its_bytes_and_its_type() {
    let text = "{\"schemaVersion\":2}";
    let typed = json(text).replace("\r\n\r\n", "\r\nContent-Type: application/x; charset=utf-8\r\n\r\n");
    let digest = Digest::of(text.as_bytes());
    let (base, registry) = serve(vec![OPEN.into(), typed.clone(), typed.clone(), typed, NONE.into()]);
    let client = client(&Logins::default());
    let session = client.open(&repository(&base), Access::Pull).unwrap();
    for which in ["1.0", &digest.to_string()] {
        let manifest = session.manifest(which, "a/b, c/d").unwrap().unwrap();
        assert_eq!(
            (&*manifest.media_type, manifest.digest, &*manifest.bytes),
            ("application/x", digest, text.as_bytes())
        );
    }
    let error = session.manifest(&Digest::of(b"other").to_string(), "*/*").unwrap_err();
    assert!(error.to_string().contains(&digest.to_string()), "{error}");
    assert_eq!(session.manifest("2.0", "*/*").unwrap(), None);
    let requests = registry.join().unwrap();
    assert!(requests[1].starts_with("GET /v2/a/b/manifests/1.0 "), "{requests:?}");
    assert!(requests[1].to_lowercase().contains("\naccept: a/b, c/d"), "{requests:?}");
}

#[test]
fn a_tag_is_looked_up_without_its_manifest() {
    let digest = Digest::of(b"x");
    let head = |lines: &str| OPEN.replace("Connection", &format!("{lines}\r\nConnection"));
    let said = format!("Content-Type: m/t; x=y\r\nDocker-Content-Digest: {digest}");
    let (base, registry) = serve(vec![OPEN.into(), head(&said), head("Docker-Content-Digest: sha512:00")]);
    let client = client(&Logins::default());
    let session = client.open(&repository(&base), Access::Pull).unwrap();
    let looked_up = || session.look_up("1.0", "m/t").unwrap();
    assert_eq!(looked_up(), Some(Head { media_type: "m/t".into(), digest: Some(digest) }));
    assert_eq!(looked_up(), Some(Head { media_type: String::new(), digest: None }));
    assert!(registry.join().unwrap()[1].starts_with("HEAD /v2/a/b/manifests/1.0 "));
}

#[test]
fn a_manifest_that_is_too_large_is_an_error() {
    let (base, _registry) = serve(vec![OPEN.into(), json(&"x".repeat((4 << 20) + 1))]);
    let client = client(&Logins::default());
    let session = client.open(&repository(&base), Access::Pull).unwrap();
    let error = session.manifest("latest", "*/*").unwrap_err();
    assert!(!error.is_passing() && error.to_string().contains("more than 4 MiB"), "{error}");
}

#[test]
fn a_blob_is_a_stream_that_may_begin_later() {
    let whole = json("0123456789");
    let part = |range: &str| {
        let head = format!("HTTP/1.1 206 Part\r\nConnection: close\r\nContent-Range: {range}\r\n");
        format!("{head}Content-Length: 5\r\n\r\n56789")
    };
    let (store, away) = serve(vec![part("bytes 5-9/10")]);
    let (base, registry) = serve(vec![
        OPEN.into(),
        whole.clone(),
        redirect(&format!("{store}/blob")),
        whole.clone(),
        part("bytes 6-9/10"),
        whole.replace("200 OK", "416 No").replace("Content-Length: 10", "Content-Length: 100000"),
        NONE.into(),
        whole.replace("Connection", "Content-Encoding: gzip\r\nConnection"),
    ]);
    let client = client(&Logins::default());
    let session = client.open(&repository(&base), Access::Pull).unwrap();
    let digest = Digest::of(b"0123456789");
    let read = |from: u64| {
        let mut blob = session.blob(digest, from)?;
        let mut text = String::new();
        let begins = blob.as_mut().map(|blob| {
            blob.body.read_to_string(&mut text).unwrap();
            blob.from
        });
        Ok::<_, FetchError>((begins, text))
    };
    assert_eq!(read(0).unwrap(), (Some(0), "0123456789".into()));
    assert_eq!(read(5).unwrap(), (Some(5), "56789".into()));
    assert_eq!(
        read(5).unwrap(),
        (Some(0), "0123456789".into()),
        "who gives no parts begins at the beginning"
    );
    assert!(read(5).unwrap_err().to_string().contains("sends others"));
    assert!(read(10).unwrap_err().to_string().contains("416"));
    assert_eq!(read(0).unwrap(), (None, String::new()));
    assert!(read(0).unwrap_err().to_string().contains("gzip"));
    let requests: Vec<String> = registry.join().unwrap().iter().map(|text| text.to_lowercase()).collect();
    assert!(
        !requests[1].contains("range:") && requests[1].contains("accept-encoding: identity"),
        "{requests:?}"
    );
    assert!(requests[2].contains("range: bytes=5-"), "{requests:?}");
    assert!(away.join().unwrap()[0].to_lowercase().contains("range: bytes=5-"));
}

#[test]
fn a_blob_that_is_cut_off_is_an_error_of_its_reader() {
    let (base, _registry) = serve(vec![OPEN.into(), json("0123456789").replace("h: 10", "h: 11")]);
    let client = client(&Logins::default());
    let session = client.open(&repository(&base), Access::Pull).unwrap();
    let mut blob = session.blob(Digest::of(b"0123456789"), 0).unwrap().unwrap();
    assert!(blob.body.read_to_end(&mut Vec::new()).is_err());
}

/// docker-registry answers so to a range beyond the end, and then says nothing more.
#[test]
fn an_answer_that_promises_more_than_it_gives_is_not_waited_for() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let promise = "HTTP/1.1 416 No\r\nContent-Length: 100000\r\n\r\n{";
        let mut open = Vec::new();
        for (stream, answer) in listener.incoming().zip([OPEN, promise]) {
            let mut stream = stream.unwrap();
            let mut head = [0; 4096];
            while stream.read(&mut head).is_ok_and(|length| !head[..length].ends_with(b"\r\n\r\n")) {}
            std::io::Write::write_all(&mut stream, answer.as_bytes()).unwrap();
            open.push(stream);
        }
        std::thread::park();
    });
    let began = std::time::Instant::now();
    let client = client(&Logins::default());
    let session = client.open(&repository(&base), Access::Pull).unwrap();
    assert!(session.blob(Digest::of(b"x"), 10).is_err());
    assert!(began.elapsed().as_secs() < 20);
}
