//! URLs as text: the form for a request, and the part that may be shown. It opens nothing.

/// `text` without the user and password of `url`, because a message may have another URL that begins like it.
pub fn without_secret(text: &str, url: &str) -> String {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    match rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())].rsplit_once('@') {
        Some((user, _)) => text.replace(&format!("{user}@"), ""),
        None => text.to_owned(),
    }
}

/// `url` without its fragment, and with characters escaped that a request line can't have.
pub fn encode(url: &str) -> String {
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
    fn secrets_in_a_url_are_not_shown() {
        assert_eq!(without_secret("no https://u:p@h/b", "https://u:p@h/a?x@y"), "no https://h/b");
    }

    #[test]
    fn a_request_holds_no_blank_or_line_end() {
        assert_eq!(encode("http://h/a b\r\nX: yü#f"), "http://h/a%20b%0D%0AX:%20y%C3%BC");
    }
}
