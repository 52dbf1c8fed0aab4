//! Reads a file of logins, docker's `config.json` or containers-auth.json(5), and finds the login for a repository. No
//! message repeats the content of such a file.

use super::{Found, Login};
use crate::config_file;
use crate::repository::{Repository, canonical};
use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use libhttp::FetchError;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The members that are read.
#[derive(Default, Deserialize)]
pub(super) struct AuthFile {
    auths: Option<BTreeMap<String, Option<Entry>>>,
    #[serde(rename = "credHelpers")]
    helpers: Option<BTreeMap<String, String>>,
    #[serde(rename = "credsStore")]
    store: Option<String>,
}

#[derive(Default, Deserialize)]
struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    #[serde(rename = "identitytoken")]
    identity: Option<String>,
    #[serde(rename = "registrytoken")]
    token: Option<String>,
}

/// Reads the file at `path`, if there is one.
pub(super) fn read(path: &Path) -> Result<Option<AuthFile>, FetchError> {
    let Some(text) = config_file::read(path, malformed)? else { return Ok(None) };
    // skopeo accepts an empty file, too.
    if text.trim_ascii().is_empty() {
        return Ok(Some(AuthFile::default()));
    }
    let file = serde_json::from_slice(&text);
    file.map(Some)
        .map_err(|error: serde_json::Error| malformed(path, &format!("see its line {}", error.line())))
}

fn malformed(path: &Path, why: &str) -> FetchError {
    FetchError::invalid(format!(
        "{}: this is no file of logins as docker and podman write it: {why}; correct it or remove it",
        path.display()
    ))
}

impl AuthFile {
    /// The helper for a host, or else the helper for all hosts.
    pub(super) fn helper(&self, domain: &str) -> Option<&str> {
        let of_host = self.helpers.iter().flatten().find(|(key, _)| spelling(key) == domain);
        let helper = of_host.map(|(_, name)| name.as_str()).or(self.store.as_deref());
        helper.filter(|name| !name.is_empty())
    }

    /// The login in the file: that for the repository, or else for the longest name above it.
    pub(super) fn login(&self, repository: &Repository, path: &Path) -> Result<Option<Found>, FetchError> {
        let name = format!("{}/{}", repository.domain(), repository.path());
        let mut wanted = Some(name.as_str());
        while let Some(name) = wanted {
            let exact = self.auths.iter().flatten().filter(|(key, _)| *key == name);
            let others = self.auths.iter().flatten().filter(|(key, _)| *key != name && spelling(key) == name);
            for entry in exact.chain(others).filter_map(|(_, entry)| entry.as_ref()) {
                let login = entry.login().map_err(|what| malformed(path, &format!("{what} for {name}")))?;
                if let Some(login) = login {
                    return Ok(Some(Found { login, place: path.display().to_string() }));
                }
            }
            wanted = name.rsplit_once('/').map(|(above, _)| above);
        }
        Ok(None)
    }
}

impl Entry {
    /// An entry may be empty if a helper has the login.
    fn login(&self) -> Result<Option<Login>, &'static str> {
        let some = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        if let Some(token) = some(&self.identity) {
            return Ok(Some(Login::Identity(token)));
        }
        if let Some(token) = some(&self.token) {
            return Ok(Some(Login::Token(token)));
        }
        if let Some(auth) = some(&self.auth) {
            let pair = BASE64.decode(auth.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            let pair = pair.ok_or("auth is not base64 of a text")?;
            let (user, password) = pair.split_once(':').ok_or("auth is not base64 of user:password")?;
            return Ok(Some(Login::Password(user.to_owned(), password.trim_end_matches('\0').to_owned())));
        }
        let pair = some(&self.username).zip(some(&self.password));
        Ok(pair.map(|(user, password)| Login::Password(user, password)))
    }
}

/// The name that a key means: `host` or `host/path`, with the usual name of the host. Docker's own keys are URLs of its
/// first protocol.
fn spelling(key: &str) -> String {
    let bare = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    let bare = bare.trim_end_matches('/');
    match bare.split_once('/') {
        None | Some((_, "v1" | "v2")) => canonical(bare.split('/').next().unwrap_or_default()),
        Some((host, path)) => format!("{}/{path}", canonical(host)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, repository: &str) -> Result<Option<Login>, String> {
        let file: AuthFile = serde_json::from_str(text).unwrap();
        let repository = Repository::parse(repository).unwrap();
        let found = file.login(&repository, Path::new("f")).map_err(|error| error.to_string())?;
        Ok(found.map(|found| found.login))
    }

    /// The user for `repository` in a file with these keys, each of them a user.
    fn user(keys: &[&str], repository: &str) -> Option<String> {
        let entry = |key: &&str| format!(r#""{key}":{{"auth":"{}"}}"#, BASE64.encode(format!("{key}:p:w")));
        let entries: Vec<_> = keys.iter().map(entry).collect();
        match of(&format!(r#"{{"auths":{{{}}}}}"#, entries.join(",")), repository).unwrap() {
            Some(Login::Password(user, rest)) => {
                // A user has no colon.
                let both = format!("{user}:{rest}");
                assert!(both.ends_with(":p:w"), "{both}");
                Some(both.trim_end_matches(":p:w").to_owned())
            }
            _ => None,
        }
    }

    #[test]
    fn a_host_is_found_in_all_spellings() {
        let hub = ["https://index.docker.io/v1/", "index.docker.io", "docker.io", "registry-1.docker.io/v2/"];
        for key in hub {
            assert_eq!(user(&[key], "x").as_deref(), Some(key));
            assert_eq!(user(&[key], "docker.io.example/x"), None, "{key}");
        }
        for key in [
            "reg.example:5000",
            "https://reg.example:5000",
            "http://Reg.Example:5000/v2/",
            "reg.example:5000/",
        ] {
            assert_eq!(user(&[key], "reg.example:5000/a/b").as_deref(), Some(key));
            assert_eq!(user(&[key], "reg.example/a/b"), None, "{key}");
        }
        // Docker Desktop keeps such beside the login.
        assert_eq!(user(&["https://index.docker.io/v1/access-token"], "x"), None);
    }

    #[test]
    fn the_most_specific_name_counts() {
        let keys = ["r.example", "r.example/a", "https://r.example/a/b", "r.example/a/b/c"];
        for (repository, wanted) in [
            ("r.example/a/b/c", "r.example/a/b/c"),
            ("r.example/a/b/d", "https://r.example/a/b"),
            ("r.example/a/bc", "r.example/a"),
            ("r.example/b", "r.example"),
        ] {
            assert_eq!(user(&keys, repository).as_deref(), Some(wanted), "{repository}");
        }
        assert_eq!(user(&["https://docker.io/", "docker.io"], "x").as_deref(), Some("docker.io"));
    }

    #[test]
    fn an_entry_is_a_password_or_a_token_or_nothing() {
        let entry = |text: &str| of(&format!(r#"{{"auths":{{"r.example":{text}}}}}"#), "r.example/a");
        let password = |user: &str, password: &str| Ok(Some(Login::Password(user.into(), password.into())));
        assert_eq!(entry(r#"{"auth":"dTpw"}"#), password("u", "p"));
        assert_eq!(entry(r#"{"auth":"dTpwOg"}"#), password("u", "p:"));
        assert_eq!(entry(r#"{"username":"u","password":"p"}"#), password("u", "p"));
        assert_eq!(entry(r#"{"auth":"dTo=","identitytoken":"t"}"#), Ok(Some(Login::Identity("t".into()))));
        assert_eq!(entry(r#"{"registrytoken":"t"}"#), Ok(Some(Login::Token("t".into()))));
        for empty in ["{}", "null", r#"{"auth":"","identitytoken":null}"#] {
            assert_eq!(entry(empty), Ok(None), "{empty}");
        }
        for bad in ["aHVudGVyMg==", "hunter2!", "/w=="] {
            let error = entry(&format!(r#"{{"auth":"{bad}"}}"#)).unwrap_err();
            assert!(error.starts_with("f: ") && error.contains("r.example"), "{error}");
            assert!(!error.contains("hunter2") && !error.contains(bad), "{error}");
        }
    }

    #[test]
    fn a_malformed_file_is_named_and_not_shown() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("auth.json");
        let deep = "[".repeat(1 << 19);
        let huge = format!("{{\"auths\":{{\"hunter2\":{{\"auth\":\"{}\"}}}}}}", "A".repeat(1 << 20));
        for text in
            ["{", "[]", "hunter2", "{\"auths\":\"hunter2\"}", "{\"auths\":{\"h\":\"hunter2\"}}", &deep, &huge]
        {
            std::fs::write(&path, text).unwrap();
            let error = read(&path).err().unwrap();
            let text = error.to_string();
            assert!(error.is_input() && text.contains("auth.json") && !text.contains("hunter2"), "{text}");
        }
        std::fs::write(&path, " \n").unwrap();
        assert!(read(&path).unwrap().is_some());
        assert!(
            read(&path.join("below")).unwrap().is_none() && read(&dir.path().join("none")).unwrap().is_none()
        );
    }

    #[test]
    fn a_helper_for_the_host_comes_before_that_for_all() {
        let text = r#"{"credHelpers":{"r.example":"one","https://index.docker.io/v1/":"hub","e.example":""},"credsStore":"all"}"#;
        let file: AuthFile = serde_json::from_str(text).unwrap();
        let helper = |domain| file.helper(domain);
        assert_eq!((helper("r.example"), helper("docker.io")), (Some("one"), Some("hub")));
        assert_eq!((helper("o.example"), helper("e.example")), (Some("all"), None));
        assert_eq!(AuthFile::default().helper("r.example"), None);
    }
}
