//! The name of a file from a URL: the last component of the URL's path, or the name in a header. Text in, text out.

use libwire::remote::decode;

/// The last component of a URL's path, decoded, if it can be a file's name.
pub fn file_name(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let rest = &rest[..rest.find(['?', '#']).unwrap_or(rest.len())];
    let (_, path) = rest.split_once('/')?;
    safe_name(&decode(path.trim_end_matches('/')))
}

/// The file name in a `Content-Disposition` header.
pub fn disposition(header: &str) -> Option<String> {
    let mut parts = header.split(';').skip(1);
    parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        let value = value.trim();
        let bare = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
        name.trim().eq_ignore_ascii_case("filename").then(|| safe_name(bare))?
    })
}

/// The last component of `path`, unless it is not a valid file name.
fn safe_name(path: &str) -> Option<String> {
    const LONGEST: usize = 255;
    let name = path.rsplit('/').next().unwrap_or_default();
    let good = !matches!(name, "" | "." | "..") && name.len() <= LONGEST && !name.contains(char::is_control);
    good.then(|| name.to_owned())
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
}
