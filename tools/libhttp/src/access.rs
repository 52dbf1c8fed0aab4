//! The Authorization header for a server, from the same secrets as in BuildKit.

use crate::environment::Environment;
use crate::error::FetchError;

/// The header's value for a file at `url`.
pub fn of_url(url: &str, environment: &Environment) -> Result<Option<String>, FetchError> {
    let Some(host) = host(url) else { return Ok(None) };
    // As in BuildKit, the name has neither the port nor the brackets of an IPv6 address.
    let host = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let token = find(environment, &format!("HTTP_AUTH_TOKEN_{host}"))?.map(|token| format!("Bearer {token}"));
    Ok(token.or(find(environment, &format!("HTTP_AUTH_HEADER_{host}"))?))
}

/// For a repository, the start of the URLs that get the header, and its value.
pub fn of_repository(
    remote: &str,
    environment: &Environment,
) -> Result<Option<(String, String)>, FetchError> {
    let Some(host) = host(remote) else { return Ok(None) };
    // Submodules at GitHub mostly have the same owner.
    let github = ["https://github.com/", "https://www.github.com/"];
    let scope = github.into_iter().find(|start| remote.starts_with(start)).unwrap_or(remote);
    for end in [format!(".{host}"), String::new()] {
        if let Some(header) = find(environment, &format!("GIT_AUTH_HEADER{end}"))? {
            return Ok(Some((scope.to_owned(), header)));
        }
        if let Some(token) = find(environment, &format!("GIT_AUTH_TOKEN{end}"))? {
            let pair = base64(format!("x-access-token:{token}").as_bytes());
            return Ok(Some((scope.to_owned(), format!("basic {pair}"))));
        }
    }
    Ok(None)
}

/// Host and port of an http(s) URL.
fn host(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    Some(authority.rsplit_once('@').map_or(authority, |(_, host)| host))
}

/// A secret as text, without the line end of a file.
fn find(environment: &Environment, name: &str) -> Result<Option<String>, FetchError> {
    let Some(bytes) = environment.secrets.get(name) else { return Ok(None) };
    let text = std::str::from_utf8(bytes).map(str::trim_end).ok();
    match text.filter(|text| !text.is_empty() && !text.contains(char::is_control)) {
        Some(text) => Ok(Some(text.to_owned())),
        None => Err(FetchError::invalid(format!("secret {name} has to be one line of text"))),
    }
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(secrets: &[(&str, &str)]) -> Environment {
        let secrets = secrets.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()));
        Environment { secrets: secrets.collect(), ..Environment::default() }
    }

    #[test]
    fn a_secret_is_for_its_host_alone() {
        let known = environment(&[("HTTP_AUTH_TOKEN_h", "t\n"), ("HTTP_AUTH_HEADER_i", "Basic x")]);
        let header = |url: &str| of_url(url, &known).unwrap();
        assert_eq!(header("https://u@h:1/x").as_deref(), Some("Bearer t"));
        assert_eq!(header("http://i/").as_deref(), Some("Basic x"));
        assert_eq!(header("http://other/h"), None);
        assert!(of_url("http://h/", &environment(&[("HTTP_AUTH_TOKEN_h", "a\nb")])).is_err());
    }

    #[test]
    fn a_repository_is_shown_its_hosts_secret_before_the_one_for_all() {
        let both = environment(&[("GIT_AUTH_TOKEN.h:1", "t"), ("GIT_AUTH_HEADER", "Basic x")]);
        let header = |remote: &str| of_repository(remote, &both).unwrap();
        let (scope, value) = header("https://h:1/a.git").unwrap();
        assert_eq!((scope.as_str(), value.as_str()), ("https://h:1/a.git", "basic eC1hY2Nlc3MtdG9rZW46dA=="));
        let (scope, value) = header("https://github.com/a/b.git").unwrap();
        assert_eq!((scope.as_str(), value.as_str()), ("https://github.com/", "Basic x"));
        assert_eq!(header("git://h/a"), None);
    }
}
