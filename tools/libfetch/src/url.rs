//! URLs as text: the file name in one, and what of one may be shown. Opens nothing.

use libwire::remote::decode;

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
        assert_eq!(without_secret("no https://u:p@h/b", "https://u:p@h/a?x@y"), "no https://h/b");
    }

    #[test]
    fn a_request_holds_no_blank_or_line_end() {
        assert_eq!(encode("http://h/a b\r\nX: yü#f"), "http://h/a%20b%0D%0AX:%20y%C3%BC");
    }
}
