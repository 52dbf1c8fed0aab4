//! URLs as text: the file name in one, and what of one may be shown. Opens nothing.

/// What a source of ADD, or a context, is.
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
    /// Tells what `text` is, as BuildKit does: an HTTP URL is a repository's if its path ends in `.git`.
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

/// `url` without user, password and query: for messages.
pub fn redact(url: &str) -> String {
    let bare = without_credentials(url);
    let end = bare.find(['?', '#']).unwrap_or(bare.len());
    bare[..end].to_owned()
}

/// `url` without a password, and without a user where that is a URL's: for history.
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

/// `text` without the user and password that `url` has: a message may be of another URL that begins like it.
pub(crate) fn without_secret(text: &str, url: &str) -> String {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    match rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())].rsplit_once('@') {
        Some((user, _)) => text.replace(&format!("{user}@"), ""),
        None => text.to_owned(),
    }
}

/// The last component of a URL's path, decoded, if it can be a file's name.
pub fn file_name(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let rest = &rest[..rest.find(['?', '#']).unwrap_or(rest.len())];
    let (_, path) = rest.split_once('/')?;
    safe_name(&decode(path.trim_end_matches('/')))
}

/// The file name a `Content-Disposition` header gives.
pub(crate) fn disposition(header: &str) -> Option<String> {
    let mut parts = header.split(';').skip(1);
    parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        let value = value.trim();
        let bare = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
        name.trim().eq_ignore_ascii_case("filename").then(|| safe_name(bare))?
    })
}

/// The last component of `path`, unless a directory entry can't be called so.
fn safe_name(path: &str) -> Option<String> {
    const LONGEST: usize = 255;
    let name = path.rsplit('/').next().unwrap_or_default();
    let good = !matches!(name, "" | "." | "..") && name.len() <= LONGEST && !name.contains(char::is_control);
    good.then(|| name.to_owned())
}

/// `text` with its `%41` read.
pub(crate) fn decode(text: &str) -> String {
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

/// `url` with what a request line can't hold escaped, and no fragment.
pub(crate) fn encode(url: &str) -> String {
    let end = url.find('#').unwrap_or(url.len());
    let mut text = String::with_capacity(end);
    for byte in url[..end].bytes() {
        match byte {
            b'!'..=b'~' if !b"\"<>\\^`{|}".contains(&byte) => text.push(char::from(byte)),
            other => text.push_str(&format!("%{other:02X}")),
        }
    }
    text
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
    fn a_file_is_called_as_the_path_ends() {
        for (url, name) in [
            ("http://h/a/b.tar?x=/c#/d", Some("b.tar")),
            ("http://h/a%20b", Some("a b")),
            ("http://h/a/", Some("a")),
            ("http://h/%zz%4", Some("%zz%4")),
            ("http://h/", None),
            ("http://h", None),
            ("http://h?x/y", None),
            ("http://h/a%2f..", None),
            ("http://h/a%2fb", Some("b")),
            ("http://h/a%00b", None),
            ("http://h/..", None),
        ] {
            assert_eq!(file_name(url).as_deref(), name, "{url}");
        }
    }

    #[test]
    fn a_header_gives_a_name_but_no_path() {
        for (header, name) in [
            ("attachment; filename=\"x.txt\"", Some("x.txt")),
            ("attachment; size=1; FileName = x.txt", Some("x.txt")),
            ("attachment; filename=\"../../etc/passwd\"", Some("passwd")),
            ("attachment; filename=\"..\"", None),
            ("attachment; filename=\"a/\"", None),
            ("attachment", None),
        ] {
            assert_eq!(disposition(header).as_deref(), name, "{header}");
        }
    }

    #[test]
    fn secrets_in_a_url_are_not_shown() {
        assert_eq!(redact("https://u:p@h/a?token=x#y"), "https://h/a");
        assert_eq!(redact("https://u:p@s@h:1/a@b"), "https://h:1/a@b");
        assert_eq!(without_credentials("https://u:p@h/a?b"), "https://h/a?b");
        assert_eq!(without_credentials("ssh://git@h/a"), "ssh://git@h/a");
        assert_eq!(without_credentials("git@h:a"), "git@h:a");
        assert_eq!(without_secret("no https://u:p@h/b", "https://u:p@h/a?x@y"), "no https://h/b");
    }

    #[test]
    fn a_request_holds_no_blank_or_line_end() {
        assert_eq!(encode("http://h/a b\r\nX: yü#f"), "http://h/a%20b%0D%0AX:%20y%C3%BC");
    }
}
