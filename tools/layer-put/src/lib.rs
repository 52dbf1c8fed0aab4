//! Adds a finished layer to the store, with a record of its snapshot, so that other packers need not know the store.

use libcli::Failure;
use libstore::{LayerKey, Store};
use libwire::changes::{LayerChanges, closes};
use libwire::record::{BuildRecord, LayerRecord, Record};
use libwire::span::now_ms;
use libwire::{Event, Reader, Span, WireError, Writer};
use std::collections::BTreeMap;
use std::io::{BufRead, Read, Write};

/// The snapshot that a layer belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owner {
    /// The snapshot's id.
    pub snapshot: String,
    /// Whether the description of its changes is unchanged.
    pub unchanged: bool,
}

impl Owner {
    /// The owner of the layer for one layer-changes stream, which the stream that closes its row may follow.
    pub fn of(changes: impl BufRead) -> Result<Self, Failure> {
        let bad = |what: &str| Failure::bad_input("--changes", what);
        let read = |error| match error {
            WireError::Io(error) => Failure::failed("--changes", error),
            other => Failure::bad_input("--changes", other),
        };
        let mut reader = Reader::<_, LayerChanges>::new(changes).comparing();
        let (mut owner, mut closed) = (None, false);
        while let Some(event) = reader.next_event().map_err(read)? {
            match event {
                Event::Header(header) if closes(&header) => closed = true,
                Event::Header(_) if owner.is_some() => {
                    return Err(bad("the file has several streams; give the one of this layer"));
                }
                Event::Header(header) => {
                    let snapshot = header.extra.get("snapshot").and_then(|id| id.as_str());
                    let snapshot = snapshot.ok_or_else(|| bad("its header names no snapshot"))?.to_owned();
                    owner = Some(Self { snapshot, unchanged: false });
                }
                Event::End if !closed => {
                    owner = owner.map(|owner| Self { unchanged: reader.unchanged(), ..owner });
                }
                _ => {}
            }
        }
        owner.ok_or_else(|| bad("the file has no layer"))
    }
}

/// Stores the layer in `input` and writes its record to `out`, as a stream. With a `packer`, the layer is remembered
/// for its snapshot, if that is in the store and the description of its changes is unchanged.
pub fn put<W: Write>(
    input: impl Read,
    store: &Store,
    owner: &Owner,
    packer: Option<&LayerKey>,
    out: W,
) -> Result<W, Failure> {
    let started = now_ms();
    let (layer, tar_size) = store.put_layer(input)?;
    let mut record = LayerRecord {
        snapshot: owner.snapshot.clone(),
        layer,
        tar_size,
        content_size: None,
        span: None,
        pushed: None,
    };
    if let Some(key) = packer
        && owner.unchanged
        && store.has_snapshot(&owner.snapshot)
    {
        // The changes of a deferred snapshot stay, because this layer does not replace its tree.
        store.set_layer(key, &record)?;
    }
    record.span = Some(Span::since(started));
    let mut writer = Writer::<_, BuildRecord>::new(out, BTreeMap::new())?;
    writer.write(&Record::Layer(Box::new(record)))?;
    Ok(writer.finish()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str =
        r#"{"type":"header","format":"layer-changes","version":2,"root":"/t","snapshot":"ab"}"#;

    #[test]
    fn whose_a_layer_is_and_whether_all_of_it_is_told_by_its_changes() {
        let digest = libwire::Digest::of(format!("{HEADER}\n").as_bytes());
        let end = |more: &str| format!("{HEADER}\n{{\"type\":\"end\",\"records\":0{more}}}\n");
        let told = end(&format!(",\"digest\":\"{digest}\""));
        let owner = |unchanged| Owner { snapshot: "ab".into(), unchanged };
        assert_eq!(Owner::of(told.as_bytes()).unwrap(), owner(true));
        assert_eq!(Owner::of(end("").as_bytes()).unwrap(), owner(false));
        let closing = String::from_utf8(libwire::changes::close(Vec::new()).unwrap()).unwrap();
        assert_eq!(Owner::of((told.clone() + &closing).as_bytes()).unwrap(), owner(true));
        for (text, words) in [
            (String::new(), "it is empty"),
            (format!("{HEADER}\n"), "stops before its end"),
            (told.repeat(2), "several streams"),
            (closing, "has no layer"),
            (told.replace(",\"snapshot\":\"ab\"", ""), "names no snapshot"),
        ] {
            let failure = Owner::of(text.as_bytes()).unwrap_err();
            assert_eq!(failure.status(), 3, "{text}");
            assert!(failure.what().contains(words), "{}, not {words}", failure.what());
        }
    }
}
