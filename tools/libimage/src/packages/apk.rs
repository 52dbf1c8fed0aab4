//! apk's record `lib/apk/db/installed`: a paragraph for each package, with lines of a letter and a value. Text in,
//! names out.

use super::stanza::Stanza;

pub(super) fn is_record(path: &[u8]) -> bool {
    path == b"lib/apk/db/installed" || path == b"usr/lib/apk/db/installed"
}

/// The installed packages, with their files.
pub(super) fn stanzas(text: &[u8]) -> Vec<Stanza> {
    let mut all = Vec::new();
    let mut stanza = Stanza::default();
    let mut dir: &[u8] = b"";
    for line in text.split(|&byte| byte == b'\n').chain([&b""[..]]) {
        let (key, value) = (line.first(), line.get(2..).unwrap_or_default());
        let text = || String::from_utf8_lossy(value).into_owned();
        match key {
            None => {
                let done = std::mem::take(&mut stanza);
                all.extend(Some(done).filter(|done| !done.name.is_empty()));
                dir = b"";
            }
            Some(b'P') => stanza.name = text(),
            Some(b'V') => stanza.version = text(),
            Some(b'D') => stanza.depends = names(&text()).map(|name| vec![name]).collect(),
            Some(b'p') => stanza.provides = names(&text()).collect(),
            Some(b'F') => dir = value,
            Some(b'R') => stanza.files.push([dir, b"/", value].concat()),
            Some(_) => {}
        }
    }
    all
}

/// The names in `so:x.so.1 a>=2 !b`, without versions and conflicts.
fn names(value: &str) -> impl Iterator<Item = String> {
    let words = value.split_whitespace().filter(|word| !word.starts_with('!'));
    words.map(|word| word.split(['<', '>', '=', '~']).next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_tells_packages_and_their_files() {
        let text = "P:musl\nV:1.2\nD:so:x>=1 !y\np:so:z=1\nF:lib\nR:ld.so\nZ:Q1\nF:\nR:top\n\nC:no name\n\nP:b\nV:2\n";
        let found = stanzas(text.as_bytes());
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].files, [b"lib/ld.so".to_vec(), b"/top".to_vec()]);
        assert_eq!(
            (&found[0].depends, &found[0].provides),
            (&vec![vec!["so:x".into()]], &vec!["so:z".into()])
        );
        assert_eq!((&*found[1].name, &*found[1].version), ("b", "2"));
    }
}
