//! The fields of a tar header block, see tar(5). It knows nothing of the blocks around it.

use super::BLOCK;

/// Octal, or GNU's base-256 when the first byte has its top bit set.
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
pub(super) fn text(field: &[u8]) -> Vec<u8> {
    field.split(|&b| b == 0).next().unwrap_or_default().to_vec()
}

/// The name, behind ustar's prefix if there is one.
pub(super) fn name(header: &[u8; BLOCK]) -> Vec<u8> {
    let name = text(&header[..100]);
    let prefix = match &header[257..263] {
        b"ustar\0" => text(&header[345..500]),
        _ => Vec::new(),
    };
    match prefix.is_empty() {
        true => name,
        false => [&prefix[..], b"/", &name].concat(),
    }
}
