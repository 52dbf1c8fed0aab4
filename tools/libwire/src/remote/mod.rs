//! Sources of ADD and build contexts that are not paths: a file to download, or a git repository. This is grammar
//! only; nothing here fetches.

mod pinned;
mod repository;

pub use pinned::Pinned;
pub use repository::{Repository, is_commit, is_odd};

/// The kind of a source of ADD, or of a context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A path.
    Path,
    /// A file to download.
    File,
    /// A git repository.
    Repository,
}

impl Kind {
    /// Classifies `text` as BuildKit does: an HTTP URL is a repository if its path ends in `.git`.
    pub fn of(text: &str) -> Self {
        let Some((scheme, rest)) = text.split_once("://") else {
            return if is_scp(text) { Self::Repository } else { Self::Path };
        };
        let path = &rest[..rest.find(['?', '#']).unwrap_or(rest.len())];
        match scheme {
            "http" | "https" if path.contains('/') && path.ends_with(".git") => Self::Repository,
            "http" | "https" => Self::File,
            "git" | "ssh" => Self::Repository,
            _ => Self::Path,
        }
    }
}

/// `user@host:path`.
fn is_scp(text: &str) -> bool {
    let word = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    let Some((user, rest)) = text.split_once('@') else { return false };
    rest.split_once(':').is_some_and(|(host, path)| word(user) && word(host) && !path.is_empty())
}

/// The host of a URL, or of `user@host:path`.
pub fn host(remote: &str) -> &str {
    let rest = remote.split_once("://").map_or(remote, |(_, rest)| rest);
    let authority = &rest[..rest.find('/').unwrap_or(rest.len())];
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

/// `url` without user, password and query: for messages.
pub fn redact(url: &str) -> String {
    let bare = without_credentials(url);
    let end = bare.find(['?', '#']).unwrap_or(bare.len());
    bare[..end].to_owned()
}

/// `url` without password, and for `http` and `https` without user: for history.
pub fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..end].rsplit_once('@') {
        Some((user, host)) if scheme == "ssh" && !user.contains(':') => {
            format!("{scheme}://{user}@{host}{}", &rest[end..])
        }
        Some((_, host)) => format!("{scheme}://{host}{}", &rest[end..]),
        None => url.to_owned(),
    }
}

/// `text` with escapes such as `%41` decoded.
pub fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let pair = text.get(at + 1..at + 3).filter(|pair| pair.bytes().all(|b| b.is_ascii_hexdigit()));
        match pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()).filter(|_| bytes[at] == b'%') {
            Some(byte) => {
                plain.push(byte);
                at += 3;
            }
            None => {
                plain.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_a_file_or_a_repository() {
        for (text, kind) in [
            ("http://h/x.git", Kind::Repository),
            ("https://h/x.git?ref=a#b", Kind::Repository),
            ("https://h/x.git/y", Kind::File),
            ("https://h/x?y.git", Kind::File),
            ("https://x.git", Kind::File),
            ("git://h/x", Kind::Repository),
            ("ssh://git@h/x", Kind::Repository),
            ("git@h:x", Kind::Repository),
            ("file:///x.git", Kind::Path),
            ("ext::sh -c x", Kind::Path),
            ("a:b", Kind::Path),
            ("dir/a@b:c", Kind::Path),
            ("x.git", Kind::Path),
        ] {
            assert_eq!(Kind::of(text), kind, "{text}");
        }
    }

    #[test]
    fn secrets_in_a_url_are_not_shown() {
        assert_eq!(redact("https://u:p@h/a?token=x#y"), "https://h/a");
        assert_eq!(redact("https://u:p@s@h:1/a@b"), "https://h:1/a@b");
        assert_eq!(without_credentials("https://u:p@h/a?b"), "https://h/a?b");
        assert_eq!(without_credentials("ssh://git@h/a"), "ssh://git@h/a");
        assert_eq!(without_credentials("git@h:a"), "git@h:a");
    }
}
