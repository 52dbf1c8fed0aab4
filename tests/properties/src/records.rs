//! Record streams and image JSON: what is written is read, cut is refused, and what is read loses nothing.

use crate::choices::Choices;
use libwire::changes::{Base64, Change, Kind, LayerChanges, Put, Target};
use libwire::image::{Descriptor, ImageConfig, Index, Manifest};
use libwire::plan::BuildPlan;
use libwire::record::BuildRecord;
use libwire::{Format, Reader, WirePath, Writer};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Debug;

/// Changes made from choices cross a pipe whole, or not at all.
pub fn changes(bytes: &[u8]) {
    let choices = &mut Choices::new(bytes);
    let made: Vec<Change> = choices.several(6, change).into_iter().flatten().collect();
    let mut stream = written::<LayerChanges>(&made);
    assert_eq!(read::<LayerChanges>(&stream), Some(made));
    let at = usize::from(choices.byte()) * 256 + usize::from(choices.byte());
    let at = at % stream.len();
    assert!(read::<LayerChanges>(&stream[..at]).is_none(), "cut at {at}");
    stream[at] = choices.byte();
    records_text(&stream);
}

/// Any bytes are records or refused; what is taken can be written and read again.
pub fn records_text(bytes: &[u8]) {
    fn comes_back<F: Format<Record: PartialEq + Debug>>(bytes: &[u8]) {
        let Some(records) = read::<F>(bytes) else { return };
        assert_eq!(read::<F>(&written::<F>(&records)), Some(records));
    }
    comes_back::<LayerChanges>(bytes);
    comes_back::<BuildRecord>(bytes);
    comes_back::<BuildPlan>(bytes);
}

/// Any bytes are an image's JSON or refused; nothing of what is taken gets lost.
pub fn image(bytes: &[u8]) {
    fn comes_back<T: Serialize + DeserializeOwned + PartialEq + Debug>(bytes: &[u8]) {
        let Ok(value) = serde_json::from_slice::<T>(bytes) else { return };
        let again = serde_json::to_value(&value).expect("it was JSON");
        let text = again.to_string();
        assert_eq!(serde_json::from_str::<T>(&text).expect("it was JSON of this kind"), value);
        if let Ok(original) = serde_json::from_slice::<Value>(bytes) {
            assert!(holds(&again, &original), "{original} became {again}");
        }
    }
    comes_back::<Descriptor>(bytes);
    comes_back::<Manifest>(bytes);
    comes_back::<Index>(bytes);
    comes_back::<ImageConfig>(bytes);
    if let Ok(config) = serde_json::from_slice(bytes) {
        let _ = libstore::check_config(&config);
    }
}

/// An image's JSON from choices.
pub fn image_members(bytes: &[u8]) {
    image(value(&mut Choices::new(bytes), 0).to_string().as_bytes());
}

/// Whether all that `original` says is in `kept`; what is empty need not be, and null says nothing.
fn holds(kept: &Value, original: &Value) -> bool {
    match (kept, original) {
        (Value::Object(kept), Value::Object(original)) => {
            original.iter().all(|(key, value)| match kept.get(key) {
                Some(kept) => holds(kept, value),
                None => is_empty(value),
            })
        }
        (Value::Array(kept), Value::Array(original)) => {
            kept.len() == original.len() && kept.iter().zip(original).all(|(kept, value)| holds(kept, value))
        }
        (_, Value::Null) => true,
        (kept, original) => kept == original || is_empty(kept) && is_empty(original),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(true) => false,
    }
}

fn written<F: Format>(records: &[F::Record]) -> Vec<u8> {
    let mut writer = Writer::<_, F>::new(Vec::new(), BTreeMap::new()).expect("memory takes all");
    for record in records {
        writer.write(record).expect("memory takes all");
    }
    writer.finish().expect("memory takes all")
}

fn read<F: Format>(stream: &[u8]) -> Option<Vec<F::Record>> {
    Reader::<_, F>::new(stream).read_all().ok()
}

fn bytes(choices: &mut Choices) -> Vec<u8> {
    let part = |choices: &mut Choices| -> Vec<u8> {
        match choices.below(8) {
            0 => vec![choices.byte()],
            1 => "é\n".into(),
            2 => b"/".to_vec(),
            3 => b"..".to_vec(),
            at => vec![b'a' + at as u8],
        }
    };
    choices.several(6, part).concat()
}

/// A change, unless its path or target can't be one.
fn change(choices: &mut Choices) -> Option<Change> {
    let path = WirePath::new(bytes(choices)).ok()?;
    if choices.one_in(4) {
        return Some(Change::Delete { path });
    }
    let target = |choices: &mut Choices| {
        let target = bytes(choices);
        (!target.is_empty() && !target.contains(&0)).then_some(Target(target))
    };
    let kind = match choices.below(7) {
        0 => Kind::File { size: 1 << choices.below(53), source: None },
        1 => Kind::Dir { opaque: choices.one_in(2) },
        2 => Kind::Symlink { target: target(choices)? },
        3 => Kind::Hardlink { target: target(choices)? },
        4 => Kind::Fifo,
        5 => Kind::Char { major: u32::from(choices.byte()), minor: u32::MAX },
        _ => Kind::Block { major: 8, minor: u32::from(choices.byte()) },
    };
    let xattrs = choices.several(2, |choices| ("user.\u{e9}".to_owned(), Base64(bytes(choices))));
    Some(Change::Put(Box::new(Put {
        path,
        mode: format!("{:04o}", choices.below(256) * 16),
        uid: u32::from(choices.byte()),
        gid: u32::MAX - 1,
        mtime: i64::from(choices.byte()) - 100,
        xattrs: xattrs.into_iter().collect(),
        kind,
    })))
}

const MEMBERS: [&str; 44] = [
    "mediaType",
    "digest",
    "size",
    "annotations",
    "platform",
    "urls",
    "data",
    "artifactType",
    "schemaVersion",
    "config",
    "layers",
    "manifests",
    "subject",
    "created",
    "author",
    "architecture",
    "os",
    "os.version",
    "variant",
    "rootfs",
    "type",
    "diff_ids",
    "history",
    "created_by",
    "comment",
    "empty_layer",
    "User",
    "ExposedPorts",
    "Env",
    "Entrypoint",
    "Cmd",
    "Volumes",
    "WorkingDir",
    "Labels",
    "StopSignal",
    "ArgsEscaped",
    "Healthcheck",
    "Test",
    "Interval",
    "Retries",
    "OnBuild",
    "Shell",
    "Memory",
    "Hostname",
];

/// A value that a member of that name may have, or something else.
fn member(choices: &mut Choices, name: &str, depth: usize) -> Value {
    let digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    if choices.one_in(12) {
        return value(choices, depth + 1);
    }
    match name {
        "digest" => digest.into(),
        "diff_ids" => choices.several(2, |_| Value::from(digest)).into(),
        "size" | "schemaVersion" | "Interval" | "Retries" | "Memory" => choices.below(3).into(),
        "empty_layer" | "ArgsEscaped" => choices.one_in(2).into(),
        "annotations" | "Labels" => object(choices, &["a", "Env"], |_, _| "b".into()),
        "ExposedPorts" | "Volumes" => {
            object(choices, &["80/tcp", "/v"], |_, _| Value::Object(Default::default()))
        }
        "Env" | "Entrypoint" | "Cmd" | "Test" | "OnBuild" | "Shell" | "urls" => {
            choices.several(2, |choices| Value::from(choices.pick(&["A=1", "RUN x", ""]))).into()
        }
        "layers" | "manifests" | "history" if depth < 3 => {
            choices.several(2, |choices| value(choices, depth + 1)).into()
        }
        "config" | "rootfs" | "platform" | "Healthcheck" | "subject" if depth < 3 => {
            value(choices, depth + 1)
        }
        "type" => "layers".into(),
        _ => choices.pick(&["x", "", "amd64", "2026-11-24T00:00:00Z"]).into(),
    }
}

fn value(choices: &mut Choices, depth: usize) -> Value {
    match choices.below(if depth == 0 { 3 } else { 12 }) {
        0..3 => object(choices, &MEMBERS, |choices, name| member(choices, name, depth)),
        3..7 => {
            let mut made = object(choices, &MEMBERS, |choices, name| member(choices, name, depth));
            for name in ["mediaType", "digest", "size"] {
                made[name] = member(choices, name, depth);
            }
            made
        }
        7 => Value::Null,
        8 => choices.below(3).into(),
        9 => choices.pick(&["", "a"]).into(),
        10 => Value::Array(Vec::new()),
        _ => choices.one_in(2).into(),
    }
}

fn object(choices: &mut Choices, names: &[&str], make: impl Fn(&mut Choices, &str) -> Value) -> Value {
    let members = choices.several(6, |choices| {
        let name = choices.pick(names);
        (name.to_owned(), make(choices, name))
    });
    Value::Object(members.into_iter().collect())
}
