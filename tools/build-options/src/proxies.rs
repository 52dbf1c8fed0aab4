//! Reads the proxies that docker's config.json has for builds. They become build arguments, as in docker.

use crate::asked::Environment;
use std::ffi::OsStr;
use std::path::PathBuf;

/// The members of an entry of `proxies`, and the build arguments that they become.
const MEMBERS: [(&str, &str); 5] = [
    ("httpProxy", "HTTP_PROXY"),
    ("httpsProxy", "HTTPS_PROXY"),
    ("ftpProxy", "FTP_PROXY"),
    ("noProxy", "NO_PROXY"),
    ("allProxy", "ALL_PROXY"),
];

/// Names and values of the build arguments; nothing if there is no file. A file that can't be read is an error, in words.
pub fn proxies(environment: &Environment) -> Result<Vec<(&'static str, String)>, String> {
    let set = |name: &str| environment(name).filter(|value| !value.is_empty());
    let home = || set("HOME").map(|home| PathBuf::from(home).join(".docker"));
    let Some(directory) = set("DOCKER_CONFIG").map(PathBuf::from).or_else(home) else {
        return Ok(Vec::new());
    };
    let path = directory.join("config.json");
    let text = match std::fs::read(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read.map_err(|error| format!("{}: {error}", path.display()))?,
    };
    let host = set("DOCKER_HOST").unwrap_or_else(|| "default".into());
    of(&text, &host).map_err(|error| format!("{}: {error}", path.display()))
}

/// The proxies that a config.json has for a daemon, or for all daemons that it does not name.
fn of(text: &[u8], host: &OsStr) -> Result<Vec<(&'static str, String)>, serde_json::Error> {
    let config: serde_json::Value = serde_json::from_slice(text)?;
    let proxies = &config["proxies"];
    let entry = host.to_str().and_then(|host| proxies.get(host)).unwrap_or(&proxies["default"]);
    let value = |member: &str| entry[member].as_str().filter(|value| !value.is_empty());
    Ok(MEMBERS.iter().filter_map(|(member, name)| Some((*name, value(member)?.to_owned()))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_has_its_own_proxies_or_the_default() {
        let text = br#"{"auths": {}, "proxies": {
            "default": {"httpProxy": "http://p:1", "noProxy": "a,b", "ftpProxy": ""},
            "tcp://d:2375": {"httpsProxy": "http://q:2"}}}"#;
        let with = |host: &str| of(text, OsStr::new(host)).unwrap();
        assert_eq!(with("default"), [("HTTP_PROXY", "http://p:1".into()), ("NO_PROXY", "a,b".into())]);
        assert_eq!(with("unix:///s"), with("default"));
        assert_eq!(with("tcp://d:2375"), [("HTTPS_PROXY", "http://q:2".into())]);
        assert_eq!(of(b"{}", OsStr::new("default")).unwrap(), []);
        assert!(of(b"{", OsStr::new("default")).is_err());
    }
}
