//! Tar archives, nearly right: an accepted one reads the same elsewhere, and comes back when it is written.

use crate::choices::Choices;
use libtree::tar::{BLOCK, Entry, EntryKind, Reader, Writer};
use std::io::Read;

const NAMES: [&str; 12] =
    ["a", "b", "/", "..", "./", "é", "a/b", "\u{1}", "name ", ".wh.x", "long-name-", "\\"];
const KEYS: [&str; 13] = [
    "path",
    "linkpath",
    "size",
    "uid",
    "gid",
    "mtime",
    "SCHILY.xattr.user.a",
    "comment",
    "GNU.sparse.major",
    "GNU.sparse.map",
    "hdrcharset",
    "LIBARCHIVE.xattr.a",
    "atime",
];
/// What is read of a body.
const MOST: u64 = 1 << 16;

/// An archive from choices; then whatever bytes are left.
pub fn archive(bytes: &[u8]) {
    let choices = &mut Choices::new(bytes);
    let mut made = choices.several(5, entry).concat();
    match choices.below(8) {
        0 => made.truncate(made.len().saturating_sub(choices.below(256) * 7)),
        1 => made.extend([0; BLOCK]),
        2 => {}
        _ => made.extend([0; 2 * BLOCK]),
    }
    let Some(entries) = read(&made) else { return };
    // Another reader may refuse it, but not see something else.
    if let Ok(other) = elsewhere(&made) {
        assert_eq!(names(&entries), other, "another reader of {}", shown(&made));
    }
    let mut writer = Writer::new(Vec::new());
    for (entry, body) in &entries {
        // A body too long to be read here is not written either.
        if body.len() as u64 != entry.size || writer.append(entry, &mut &body[..]).is_err() {
            return;
        }
    }
    let (written, _) = writer.finish().expect("memory takes all");
    let Some(again) = read(&written) else { panic!("{entries:?} is written, but can not be read") };
    // A directory's name may end in a slash or not; times are written in whole seconds.
    let bare = |entry: &Entry| Entry { path: trimmed(&entry.path).to_vec(), mtime_ns: 0, ..entry.clone() };
    let same =
        again.iter().zip(&entries).all(|(one, other)| bare(&one.0) == bare(&other.0) && one.1 == other.1);
    assert!(same && again.len() == entries.len(), "{entries:?} came back as {again:?}");
}

/// Any bytes are an archive or refused, in time and memory that they warrant.
pub fn archive_bytes(bytes: &[u8]) {
    read(bytes);
}

fn read(archive: &[u8]) -> Option<Vec<(Entry, Vec<u8>)>> {
    let mut reader = Reader::new(archive);
    let mut entries = Vec::new();
    while let Some(entry) = reader.next_entry().ok()? {
        assert!(!entry.path.is_empty() && !entry.path.contains(&0), "{entry:?}");
        let mut body = Vec::new();
        reader.body().take(MOST).read_to_end(&mut body).ok()?;
        assert!(body.len() as u64 == entry.size.min(MOST), "{entry:?}");
        entries.push((entry, body));
        assert!(entries.len() <= archive.len() / BLOCK, "more entries than headers");
    }
    Some(entries)
}

/// An archive for a message: without the zeros.
fn shown(archive: &[u8]) -> String {
    archive
        .split(|&b| b == 0)
        .filter(|part| !part.is_empty())
        .map(|part| format!("{} ", part.escape_ascii()))
        .collect()
}

fn trimmed(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|&b| b != b'/').map_or(1, |at| at + 1);
    &path[..end.min(path.len())]
}

type Name = (Vec<u8>, Vec<u8>, u64);

fn names(entries: &[(Entry, Vec<u8>)]) -> Vec<Name> {
    let link = |entry: &Entry| match entry.kind {
        EntryKind::Symlink | EntryKind::Hardlink => entry.link.clone(),
        _ => Vec::new(),
    };
    entries.iter().map(|(entry, _)| (trimmed(&entry.path).to_vec(), link(entry), entry.size)).collect()
}

/// Names, links and sizes as the crate `tar` reads them.
fn elsewhere(archive: &[u8]) -> std::io::Result<Vec<Name>> {
    let mut names = Vec::new();
    for entry in tar::Archive::new(archive).entries()? {
        let entry = entry?;
        let kind = entry.header().entry_type();
        if kind != tar::EntryType::XGlobalHeader {
            let link = entry.link_name_bytes().filter(|_| kind.is_symlink() || kind.is_hard_link());
            let link = link.unwrap_or_default().into_owned();
            names.push((trimmed(&entry.path_bytes()).to_vec(), link, entry.size()));
        }
    }
    Ok(names)
}

fn entry(choices: &mut Choices) -> Vec<u8> {
    let mut out = Vec::new();
    for _ in 0..choices.below(3) {
        let (kind, body) = match choices.below(4) {
            0 => (b'L', text(choices, 40) + choices.pick(&["", "\0"])),
            1 => (b'K', text(choices, 40) + choices.pick(&["", "\0"])),
            2 if choices.one_in(4) => (b'g', record(choices)),
            _ => (b'x', choices.several(3, record).concat()),
        };
        out.extend(block(choices, kind, body.len() as u64));
        out.extend(padded(body.into_bytes()));
    }
    let kind =
        *choices.pick(&[b"0", b"0", b"0", b"\0", b"5", b"1", b"2", b"3", b"4", b"6", b"7", b"S", b"V"]);
    let body = if matches!(kind[0], b'0' | 0 | b'7' | b'S') { text(choices, 80) } else { String::new() };
    out.extend(block(choices, kind[0], body.len() as u64));
    out.extend(padded(body.into_bytes()));
    out
}

fn text(choices: &mut Choices, most: usize) -> String {
    choices.text(most, &NAMES)
}

/// `LENGTH KEY=VALUE\n`, the length seldom wrong.
fn record(choices: &mut Choices) -> String {
    let key = choices.pick(&KEYS);
    let value = match key {
        "path" | "linkpath" => text(choices, 20),
        _ => choices.pick(&["0", "12", "1.5", "-1", "x", "", "4294967295", "1e3"]).to_owned(),
    };
    let record = pax_record(key, &value);
    match choices.one_in(32) {
        true => record.replacen(|digit: char| digit.is_ascii_digit(), "9", 1),
        false => record,
    }
}

/// `LENGTH KEY=VALUE\n`.
pub(crate) fn pax_record(key: &str, value: &str) -> String {
    let rest = format!(" {key}={value}\n");
    let digits = (1..5).find(|digits| (rest.len() + digits).to_string().len() == *digits).unwrap_or(5);
    format!("{}{rest}", rest.len() + digits)
}

/// A header as POSIX wants it, of a file or an extension.
pub(crate) fn header(kind: u8, name: &str, size: u64) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    for (at, text) in [(0, name), (100, "0000644"), (108, "0000000"), (116, "0000000"), (136, "00000001234")]
    {
        block[at..at + text.len()].copy_from_slice(text.as_bytes());
    }
    block[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
    block[156] = kind;
    block[257..265].copy_from_slice(b"ustar\x0000");
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    block
}

pub(crate) fn padded(mut body: Vec<u8>) -> Vec<u8> {
    body.resize(body.len().next_multiple_of(BLOCK), 0);
    body
}

fn block(choices: &mut Choices, kind: u8, size: u64) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let mut put = |at: usize, end: usize, bytes: &[u8]| {
        let length = bytes.len().min(end - at);
        block[at..at + length].copy_from_slice(&bytes[..length]);
    };
    put(0, 100, text(choices, 12).as_bytes());
    put(100, 108, choices.pick(&["0000644\0", "0000755\0", "0104755 ", "", "8"]).as_bytes());
    for at in [108, 116] {
        put(at, at + 8, choices.pick(&["0000000\0", "0001750\0", "7777777\0", "  17\0", "-1"]).as_bytes());
    }
    match choices.below(16) {
        0 => put(124, 136, &[&[0x80, 0, 0, 0][..], &size.to_be_bytes()].concat()),
        1 => put(124, 136, choices.pick(&["77777777777\0", "", " 0\0", "1x"]).as_bytes()),
        _ => put(124, 136, format!("{size:011o}\0").as_bytes()),
    }
    put(136, 148, choices.pick(&["00000000000\0", "14000000000\0", "", "77777777777\0", "-1"]).as_bytes());
    put(156, 157, &[kind]);
    put(157, 257, text(choices, 8).as_bytes());
    match choices.below(4) {
        0 => put(257, 265, b"ustar  \0"),
        1 => {}
        _ => put(257, 265, b"ustar\x0000"),
    }
    for at in [329, 337] {
        put(at, at + 8, choices.pick(&["", "0000001\0", "0000010\0"]).as_bytes());
    }
    if kind == b'S' {
        put(386, 398, b"00000000000\0");
        put(398, 410, format!("{size:011o}\0").as_bytes());
        // A hole at the end has a part of nothing behind it.
        let real = format!("{:011o}\0", size + choices.below(3) as u64 * 1000);
        put(410, 422, real.as_bytes());
        put(422, 434, b"00000000000\0");
        put(483, 495, real.as_bytes());
    } else if choices.one_in(4) {
        put(345, 500, text(choices, 12).as_bytes());
    }
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
    let sum = format!("{:06o}\0 ", sum + u32::from(choices.one_in(32)));
    block[148..156].copy_from_slice(sum.as_bytes());
    block
}
