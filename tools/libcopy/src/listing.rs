//! The paths that a digest was computed from, as text that can be stored. It shows later which path changed the
//! digest. It decides nothing and reads no tree.
//!
//! A line is `MODE OWNER FINGERPRINT SOURCE PATH`: the mode with its file type in octal, `-` if owners are not kept,
//! the number of the source, and the path below it, in which `\` and newline are `\\` and `\n`. For a match of a
//! pattern the number is 0 and the path is the whole path.

use crate::select::Selection;
use crate::selected::{Kind, Selected};
use crate::sources::join;
use libtree::{FileKind, Meta};
use std::collections::BTreeMap;
use std::io::Write;

/// A listing, parsed.
#[derive(Debug, Default)]
pub struct Listing(BTreeMap<(usize, Vec<u8>), Entry>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    mode: u32,
    owner: Option<(u32, u32)>,
    fingerprint: u64,
}

/// How a path differs between two listings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// It did not exist before.
    New,
    /// It no longer exists.
    Gone,
    /// It is another kind of file, such as a link instead of a file.
    Kind,
    /// Another mode: the old and the new one.
    Mode(u32, u32),
    /// Another owner and group: the old and the new ones.
    Owner((u32, u32), (u32, u32)),
    /// Another content, link target or attribute.
    Content,
}

impl Selection<'_> {
    /// The listing of the selection.
    pub fn listing(&self) -> Vec<u8> {
        let mut text = Vec::new();
        let owners = self.request.owner.is_none() && !self.tree.local;
        let mut fingerprints = self.fingerprints.iter().copied();
        let mut line = |meta: Option<&Meta>, source: usize, path: &[u8]| {
            let mode = meta.map_or(0o100_000, |meta| file_type(meta.kind) | meta.mode);
            let fingerprint = fingerprints.next().unwrap_or_default();
            // Writing to memory cannot fail.
            let _ = match meta.filter(|_| owners) {
                Some(Meta { uid, gid, .. }) => write!(text, "{mode:06o} {uid}:{gid} "),
                None => write!(text, "{mode:06o} - "),
            };
            let _ = write!(text, "{fingerprint:016x} {source} ");
            escape(path, &mut text);
            text.push(b'\n');
        };
        for (source, Selected { found, kind }) in self.sources.iter().enumerate() {
            // Matches of patterns have no number, so that one more does not change all others.
            let (source, root) = match found.matched {
                true => (0, found.path.as_slice()),
                false => (source + 1, &b""[..]),
            };
            match kind {
                Kind::Dir(members) => {
                    members
                        .iter()
                        .for_each(|member| line(Some(&member.meta), source, &join(root, &member.path)));
                }
                Kind::File | Kind::Archive => line(Some(&found.meta), source, root),
            }
        }
        for (name, _) in &self.request.documents {
            line(None, 0, format!("<<{name}").as_bytes());
        }
        text
    }

    /// The path of each source in the tree, by its number in the listing.
    pub fn roots(&self) -> Vec<Vec<u8>> {
        std::iter::once(Vec::new())
            .chain(self.sources.iter().map(|source| source.found.path.clone()))
            .collect()
    }
}

impl Listing {
    /// Reads a listing.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let lines = text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        lines.map(parse_line).collect::<Option<_>>().map(Self)
    }

    /// The first path in `self` that differs from the older `old`: its source, the path below it, and how it differs;
    /// and the number of paths that differ.
    pub fn first_difference<'a>(&'a self, old: &'a Self) -> Option<(usize, &'a [u8], Difference, usize)> {
        let mut paths: Vec<_> = self
            .0
            .keys()
            .chain(old.0.keys().filter(|key| !self.0.contains_key(*key)))
            .filter(|key| self.0.get(*key) != old.0.get(*key))
            .collect();
        paths.sort();
        let first @ (source, path) = paths.first()?;
        let how = match (old.0.get(*first), self.0.get(*first)) {
            (Some(old), Some(new)) => differ(old, new),
            (None, _) => Difference::New,
            (_, None) => Difference::Gone,
        };
        Some((*source, path, how, paths.len()))
    }
}

fn differ(old: &Entry, new: &Entry) -> Difference {
    match (old.owner, new.owner) {
        _ if old.mode >> 12 != new.mode >> 12 => Difference::Kind,
        _ if old.mode != new.mode => Difference::Mode(old.mode & 0o7777, new.mode & 0o7777),
        (Some(old), Some(new)) if old != new => Difference::Owner(old, new),
        _ => Difference::Content,
    }
}

fn parse_line(line: &[u8]) -> Option<((usize, Vec<u8>), Entry)> {
    let mut fields = line.splitn(5, |&byte| byte == b' ');
    let mut field = || std::str::from_utf8(fields.next()?).ok();
    let mode = u32::from_str_radix(field()?, 8).ok()?;
    let owner = match field()? {
        "-" => None,
        ids => {
            let (uid, gid) = ids.split_once(':')?;
            Some((uid.parse().ok()?, gid.parse().ok()?))
        }
    };
    let fingerprint = u64::from_str_radix(field()?, 16).ok()?;
    let source = field()?.parse().ok()?;
    Some(((source, unescape(fields.next()?)), Entry { mode, owner, fingerprint }))
}

fn escape(path: &[u8], text: &mut Vec<u8>) {
    for &byte in path {
        match byte {
            b'\n' => text.extend_from_slice(b"\\n"),
            b'\\' => text.extend_from_slice(b"\\\\"),
            byte => text.push(byte),
        }
    }
}

fn unescape(text: &[u8]) -> Vec<u8> {
    let mut path = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(&byte) = bytes.next() {
        path.push(match (byte, byte == b'\\') {
            (_, true) if bytes.next() == Some(&b'n') => b'\n',
            (byte, _) => byte,
        });
    }
    path
}

/// The file type bits of stat(2).
fn file_type(kind: FileKind) -> u32 {
    match kind {
        FileKind::Fifo => 0o010_000,
        FileKind::Char => 0o020_000,
        FileKind::Dir => 0o040_000,
        FileKind::Block => 0o060_000,
        FileKind::File => 0o100_000,
        FileKind::Symlink => 0o120_000,
        FileKind::Socket => 0o140_000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_path_that_differs_is_told_with_how_and_how_many() {
        let old =
            "100644 - 0000000000000001 0 a\n100644 1:1 0000000000000002 0 b\n120777 - 0000000000000003 0 c\n";
        let parse = |text: &str| Listing::parse(text.as_bytes()).unwrap();
        let tell = |new: String| {
            let (new, old) = (parse(&new), parse(old));
            let first = new.first_difference(&old);
            first.map(|(_, path, how, count)| (String::from_utf8_lossy(path).into_owned(), how, count))
        };
        let expect = |path: &str, how, count| Some((path.to_owned(), how, count));
        assert_eq!(tell(old.to_owned()), None);
        assert_eq!(tell(old.replace("001", "009")), expect("a", Difference::Content, 1));
        assert_eq!(tell(old.replace("100644 -", "100600 -")), expect("a", Difference::Mode(0o644, 0o600), 1));
        assert_eq!(tell(old.replace("1:1", "2:1")), expect("b", Difference::Owner((1, 1), (2, 1)), 1));
        assert_eq!(tell(old.replace("120777", "100777")), expect("c", Difference::Kind, 1));
        assert_eq!(tell(format!("{old}100644 - 0 0 aa\n")), expect("aa", Difference::New, 1));
        assert_eq!(tell(String::new()), expect("a", Difference::Gone, 3));
    }

    #[test]
    fn any_name_can_be_kept() {
        for name in [&b"a b"[..], b"\\n", b"\n", b"\\", b"x\\\\\n", b"\xff", b""] {
            let mut line = b"100644 - 00000000000000ff 7 ".to_vec();
            escape(name, &mut line);
            assert_eq!(parse_line(&line).unwrap().0, (7, name.to_vec()));
        }
        assert!(Listing::parse(b"100644 - 0\n").is_none());
    }
}
