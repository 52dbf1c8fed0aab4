//! Copies a stored stream of changes under a new header, which says how to pack them.

use super::LayerChanges;
use crate::digest::Digest;
use crate::packing::Packing;
use crate::stream::{End, Header, Writer};
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use std::io::{self, BufRead, Write};
use std::mem;

/// Writes the one stream of `input` with `packing` in its header, without reading its records. The new end record has
/// a digest only if the old one matched: otherwise somebody has changed the records.
pub fn retell<W: Write>(mut input: impl BufRead, packing: Packing, output: W) -> io::Result<W> {
    let (mut line, mut next, mut hasher) = (Vec::new(), Vec::new(), Sha256::new());
    input.read_until(b'\n', &mut line)?;
    let mut header: Header = parse(&line)?;
    header.extra.remove("type");
    packing.tell(&mut header.extra);
    let mut writer = Writer::<W, LayerChanges>::digesting(output, header.extra)?;
    hasher.update(&line);
    line.clear();
    input.read_until(b'\n', &mut line)?;
    while input.read_until(b'\n', &mut next)? > 0 {
        hasher.update(&line);
        writer.copy(&line)?;
        mem::swap(&mut line, &mut next);
        next.clear();
    }
    let End { records, digest } = parse(&line)?;
    if records != writer.records() {
        return Err(cut());
    }
    match digest == Some(Digest::from_bytes(hasher.finalize().into())) {
        true => writer.finish(),
        false => writer.without_digest().finish(),
    }
}

fn parse<T: DeserializeOwned>(line: &[u8]) -> io::Result<T> {
    serde_json::from_slice(line).map_err(|_| cut())
}

fn cut() -> io::Error {
    let what = "the changes of a COPY that are kept in the store are damaged; build it with --no-cache";
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compression::Compression;
    use crate::stream::{Event, Reader};

    const RECORD: &str = r#"{"type":"delete","path":"a"}"#;

    fn told(digest: impl Fn(&str) -> String) -> String {
        let lines = format!(
            "{{\"type\":\"header\",\"format\":\"layer-changes\",\"version\":2,\"root\":\"/\"}}\n{RECORD}\n{RECORD}\n"
        );
        format!("{lines}{{\"type\":\"end\",\"records\":2{}}}\n", digest(&lines))
    }

    fn right(lines: &str) -> String {
        format!(",\"digest\":\"{}\"", Digest::of(lines.as_bytes()))
    }

    fn retold(text: &str) -> io::Result<String> {
        let packing = Packing { compression: Compression::Zstd, ..Packing::default() };
        retell(text.as_bytes(), packing, Vec::new()).map(|out| String::from_utf8(out).unwrap())
    }

    #[test]
    fn the_header_says_more_and_the_digest_is_that_of_the_new_lines() {
        let text = retold(&told(right)).unwrap();
        assert!(text.starts_with(
            r#"{"type":"header","format":"layer-changes","version":2,"layers":{"compression":"zstd"}"#
        ));
        let mut reader = Reader::<_, LayerChanges>::new(text.as_bytes()).comparing();
        while !matches!(reader.next_event().unwrap(), Some(Event::End)) {}
        assert!(reader.unchanged());
        assert_eq!(text.matches(RECORD).count(), 2);
    }

    #[test]
    fn changed_changes_get_no_digest_and_cut_ones_no_end() {
        for digest in
            ["", ",\"digest\":\"sha256:0000000000000000000000000000000000000000000000000000000000000000\""]
        {
            assert!(
                retold(&told(|_| digest.to_owned())).unwrap().ends_with("{\"type\":\"end\",\"records\":2}\n")
            );
        }
        let whole = told(right);
        for cut in
            whole.match_indices('\n').map(|(at, _)| at + 1).chain([0, 9]).filter(|&at| at < whole.len())
        {
            assert!(retold(&whole[..cut]).is_err(), "{cut}");
        }
        assert!(retold(&whole.replacen(&format!("{RECORD}\n"), "", 1)).is_err());
    }
}
