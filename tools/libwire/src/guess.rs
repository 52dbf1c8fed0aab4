//! Recognises an unexpected input by its first bytes, for messages only.

use crate::formats;
use serde_json::Value;

/// The words a Dockerfile may begin with.
const INSTRUCTIONS: [&str; 18] = [
    "FROM",
    "ARG",
    "RUN",
    "COPY",
    "ADD",
    "ENV",
    "LABEL",
    "WORKDIR",
    "USER",
    "EXPOSE",
    "VOLUME",
    "CMD",
    "ENTRYPOINT",
    "SHELL",
    "HEALTHCHECK",
    "STOPSIGNAL",
    "ONBUILD",
    "MAINTAINER",
];
/// The first bytes of binary formats: their position, the bytes, and the name of the format.
const MAGIC: [(usize, &[u8], &str); 6] = [
    (257, b"ustar", "a tar"),
    (0, b"\x1f\x8b", "compressed with gzip"),
    (0, b"\x28\xb5\x2f\xfd", "compressed with zstd"),
    (0, b"\xfd7zXZ", "compressed with xz"),
    (0, b"BZh", "compressed with bzip2"),
    (0, b"\x7fELF", "a program"),
];

/// Names the kind of input, as a sentence without a full stop: `this is a Dockerfile`.
pub fn what_is(beginning: &[u8]) -> String {
    if beginning.is_empty() {
        return "it is empty, because the tool that writes it failed or is missing".into();
    }
    if let Some(what) = magic(beginning) {
        return format!("this is {what}");
    }
    let Some(text) = text(beginning) else { return "this is not text".into() };
    match format(&text) {
        Some(format) => stream(&format),
        None if is_dockerfile(&text) => "this is a Dockerfile".into(),
        None => as_text(&text),
    }
}

/// Names the kind of input if it cannot be a Dockerfile: a stream, other JSON, or not text.
pub fn no_dockerfile(beginning: &[u8]) -> Option<String> {
    let is_json = matches!(beginning.trim_ascii_start().first(), Some(b'{' | b'['));
    (is_json || magic(beginning).is_some()).then(|| what_is(beginning))
}

/// Names the kind of input if it cannot be an archive: text, or an empty input.
pub fn no_archive(beginning: &[u8]) -> Option<String> {
    (magic(beginning).is_none() && text(beginning).is_some()).then(|| what_is(beginning))
}

fn magic(beginning: &[u8]) -> Option<&'static str> {
    let is = |at: usize, magic: &[u8]| beginning.get(at..).is_some_and(|bytes| bytes.starts_with(magic));
    MAGIC.iter().find(|(at, magic, _)| is(*at, magic)).map(|(_, _, what)| *what)
}

/// Names a stream of this format, and the tool that makes it, if known.
pub fn stream(format: &str) -> String {
    match formats::ALL.iter().find(|known| known.name == format) {
        Some(known) => format!("this is a {format} stream, which {}", known.maker),
        None => format!("this is a stream of the format {format:?}, which is not known here"),
    }
}

/// The format of a stream, from its header or the beginning of one.
pub fn format(text: &str) -> Option<String> {
    let header: Value = serde_json::from_str(text.lines().next()?).ok()?;
    let member = |name| header.get(name).and_then(Value::as_str);
    (member("type") == Some("header")).then(|| member("format").unwrap_or_default().to_owned())
}

/// The input as text, if it is text. Its last character may be cut.
fn text(beginning: &[u8]) -> Option<String> {
    let text = match std::str::from_utf8(beginning) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&beginning[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    (!text.contains('\0')).then(|| text.to_owned())
}

/// Whether the first line that is not a comment is an instruction.
fn is_dockerfile(text: &str) -> bool {
    let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
    let mut lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let word = lines.next().and_then(|line| line.split_whitespace().next()).unwrap_or_default();
    INSTRUCTIONS.iter().any(|known| known.eq_ignore_ascii_case(word))
}

fn as_text(text: &str) -> String {
    let first = text.lines().next().unwrap_or_default();
    let is_json = |text: &str| serde_json::from_str::<Value>(text).is_ok();
    match first.trim_start().chars().next() {
        None => "its first line is blank, but must be a header".into(),
        Some('{') if is_json(first) => "this is JSON without a header in its first line".into(),
        Some('{' | '[') if !is_json(first) => {
            "this is JSON that is not one object a line, as jq -c writes it, or its first line is cut".into()
        }
        Some('[') => "this is a JSON list, and not one object a line, as jq -c '.[]' writes them".into(),
        Some(_) => "this is some other text".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_give_by_mistake_is_named() {
        let tar = [&[b'a'; 257][..], b"ustar\0", &[0; 300]].concat();
        for (beginning, found) in [
            (&b""[..], "it is empty"),
            (b"\n", "its first line is blank"),
            (b"# syntax=docker/dockerfile:1\n\nfrom scratch\n", "this is a Dockerfile"),
            (b"ARG X=1\nFROM $X\n", "this is a Dockerfile"),
            (
                b"{\"type\":\"header\",\"format\":\"build-plan\",\"version\":1}\n",
                "this is a build-plan stream, which df-parse makes",
            ),
            (b"{\"type\":\"header\",\"format\":\"x\"}\n", "this is a stream of the format \"x\""),
            (b"{\"type\":\"stage\"}\n", "this is JSON without a header"),
            (b"{\n  \"type\": \"header\"\n", "this is JSON that is not one object a line"),
            (b"[1, 2]\n", "this is a JSON list"),
            (b"hello\n", "this is some other text"),
            (b"\x1f\x8b\x08", "this is compressed with gzip"),
            (&tar, "this is a tar"),
            (b"a\0b", "this is not text"),
            (b"FROM caf\xc3", "this is a Dockerfile"),
        ] {
            let what = what_is(beginning);
            assert!(what.starts_with(found), "{what}, not {found}");
        }
    }
}
