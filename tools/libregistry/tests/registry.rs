//! Being let in to registries: servers on the loopback interface that answer as they are told.

#[path = "../../libhttp/tests/server/mod.rs"]
mod server;

use libhttp::{Environment, FetchError};
use libregistry::{Access, Logins, Repository, Session};
use libwire::Digest;
use server::serve;
use std::fs;
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
    let logins = Logins::of(|name| (name == "REGISTRY_AUTH_FILE").then(|| file.clone().into()), 0);
    (dir, logins)
}

fn password(base: &str) -> (TempDir, Logins) {
    logins(&format!("{{\"auth\":\"{PAIR}\"}}"), base)
}

fn open(base: &str, logins: &Logins) -> Result<Session, FetchError> {
    let repository = Repository::parse(&format!("{base}/a/b")).unwrap();
    Session::open(&repository, Access::Pull, logins, &Environment::default())
}

/// Opens a session and asks for one blob.
fn ask(base: &str, logins: &Logins) -> Result<bool, FetchError> {
    open(base, logins)?.has_blob(Digest::of(b"x"))
}

fn authorization(request: &str) -> Option<&str> {
    let line = request.lines().find(|line| line.to_lowercase().starts_with("authorization: "))?;
    Some(&line["authorization: ".len()..])
}

#[test]
fn who_lets_everybody_in_is_asked_at_once() {
    let (base, registry) = serve(vec![OPEN, OPEN, NONE]);
    let mut session = open(&base, &Logins::default()).unwrap();
    assert!(session.has_blob(Digest::of(b"x")).unwrap());
    assert!(!session.has_manifest(Digest::of(b"y"), "m/t").unwrap());
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
    let mut session = open(&base, &Logins::default()).unwrap();
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
    let mut session = open(&base, &Logins::default()).unwrap();
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
    assert!(matches!(error, FetchError::Remote { .. }), "{error}");
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
        assert!(error.is_passing() && !error.to_string().contains("hunter2"), "{error}");
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
    for answers in
        [vec![OPEN.replace("200 OK", "500 No")], vec![OPEN.into(), OPEN.replace("200 OK", "502 No")]]
    {
        let (base, _registry) = serve(answers);
        let error = ask(&base, &Logins::default()).unwrap_err();
        assert!(error.is_passing() && error.to_string().contains("the server says 50"), "{error}");
    }
}
