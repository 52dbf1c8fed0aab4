//! The fields of a tar header block by name, see tar(5). It does not know the blocks around it.

use super::BLOCK;
use std::ops::Range;

/// A field with a number: its name, for messages, and its position.
pub(super) struct Number(pub &'static str, Range<usize>);

pub(super) const MODE: Number = Number("mode", 100..108);
pub(super) const UID: Number = Number("uid", 108..116);
pub(super) const GID: Number = Number("gid", 116..124);
pub(super) const SIZE: Number = Number("size", 124..136);
pub(super) const MTIME: Number = Number("mtime", 136..148);
pub(super) const CHECKSUM: Number = Number("checksum", 148..156);
pub(super) const DEVMAJOR: Number = Number("devmajor", 329..337);
pub(super) const DEVMINOR: Number = Number("devminor", 337..345);
/// The length of a sparse file in GNU's old format.
pub(super) const REALSIZE: Number = Number("realsize", 483..495);

/// One header block.
pub(super) struct Header<'a>(pub &'a [u8; BLOCK]);

impl Header<'_> {
    /// Whether it is a block of the end marker and not a header.
    pub(super) fn is_end(&self) -> bool {
        *self.0 == [0; BLOCK]
    }

    /// Whether it has the magic of POSIX or GNU.
    pub(super) fn is_ustar(&self) -> bool {
        &self.0[257..262] == b"ustar"
    }

    /// Whether it has GNU's own magic, which has other fields than POSIX's.
    pub(super) fn is_gnu(&self) -> bool {
        &self.0[257..265] == b"ustar  \0"
    }

    /// Whether the checksum is right. Old writers added signed bytes.
    pub(super) fn has_checksum(&self) -> bool {
        let blank = |(at, &byte): (usize, &u8)| if CHECKSUM.1.contains(&at) { b' ' } else { byte };
        let bytes = || self.0.iter().enumerate().map(blank);
        let unsigned: i128 = bytes().map(i128::from).sum();
        let signed: i128 = bytes().map(|byte| i128::from(byte as i8)).sum();
        self.number(&CHECKSUM).is_some_and(|sum| sum == unsigned || sum == signed)
    }

    pub(super) fn number(&self, field: &Number) -> Option<i128> {
        number(&self.0[field.1.clone()])
    }

    pub(super) fn typeflag(&self) -> u8 {
        self.0[156]
    }

    pub(super) fn linkname(&self) -> Vec<u8> {
        text(&self.0[157..257])
    }

    /// The name, with ustar's prefix, if any.
    pub(super) fn name(&self) -> Vec<u8> {
        let name = text(&self.0[..100]);
        let prefix = match &self.0[257..263] {
            b"ustar\0" => text(&self.0[345..500]),
            _ => Vec::new(),
        };
        match prefix.is_empty() {
            true => name,
            false => [&prefix[..], b"/", &name].concat(),
        }
    }

    /// The parts of a sparse file in GNU's old format that are in the header itself.
    pub(super) fn sparse_parts(&self) -> &[u8] {
        &self.0[386..482]
    }

    /// Whether a block with more parts follows the header.
    pub(super) fn has_more_parts(&self) -> bool {
        self.0[482] != 0
    }
}

/// A number in octal, or in GNU's base-256 if the top bit of the first byte is set.
pub(super) fn number(field: &[u8]) -> Option<i128> {
    if field[0] & 0x80 != 0 {
        let mut value = i128::from(if field[0] & 0x40 != 0 { -1 } else { 0 });
        for (at, &byte) in field.iter().enumerate() {
            let byte = if at == 0 { byte & 0x3f | if value < 0 { 0xc0 } else { 0 } } else { byte };
            value = value << 8 | i128::from(byte);
        }
        return Some(value);
    }
    let text = field.split(|&b| b == 0).next().unwrap_or_default().trim_ascii();
    let digit =
        |value: i128, &byte: &u8| (b'0'..=b'7').contains(&byte).then(|| value << 3 | i128::from(byte - b'0'));
    text.iter().try_fold(0, digit)
}

/// A field up to its first zero byte.
fn text(field: &[u8]) -> Vec<u8> {
    field.split(|&b| b == 0).next().unwrap_or_default().to_vec()
}
