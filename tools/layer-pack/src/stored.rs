//! Packs into the store: a blob for each stream, and the record that describes it.

use crate::compress::Sink;
use crate::error::PackError;
use crate::overrides::Overrides;
use crate::streams::Streams;
use crate::{Options, Packed, snapshot};
use libstore::Store;
use libtree::holes::ZEROS;
use libwire::record::{BuildRecord, Layer, LayerRecord, Record};
use libwire::span::now_ms;
use libwire::{Header, Span, Writer};
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufWriter, Write};

/// The options for making blobs.
#[derive(Clone, Copy, Debug)]
pub struct How {
    /// The caller's options for the packing.
    pub overrides: Overrides,
    /// How many threads compress.
    pub threads: usize,
    /// The options for the tar. The clamp comes from each stream's packing.
    pub options: Options,
}

/// Packs every stream, starting with the one that `first` began, into a blob of `store`. Writes a layer record for
/// each to `out` as soon as the blob is stored.
pub fn pack_into_store<R: BufRead, W: Write>(
    mut streams: Streams<R>,
    first: Header,
    store: &Store,
    how: How,
    out: W,
) -> Result<W, PackError> {
    let mut next = Some(first);
    let mut writer = Writer::<W, BuildRecord>::new(out, BTreeMap::new())?;
    while let Some(header) = next {
        let started = now_ms();
        let packing = how.overrides.packing(&header, streams.at())?;
        let options = Options { clamp_mtime: packing.clamp, ..how.options };
        let (compression, level) = (packing.compression, packing.level);
        let level = level.unwrap_or(compression.levels().0);
        let blob = BufWriter::with_capacity(1 << 18, store.blob_writer()?);
        let sink = BufWriter::with_capacity(ZEROS.len(), Sink::new(blob, compression, level, how.threads)?);
        let Packed { tar, content_size } = streams.pack(&header, options, sink)?;
        let (sink, tar_size) = tar.finish()?;
        let (blob, diff_id) = sink.into_inner().map_err(|error| error.into_error())?.finish()?;
        let blob = blob.into_inner().map_err(|error| error.into_error())?;
        let descriptor = blob.commit(&compression.media_type())?;
        let snapshot = snapshot(&header);
        let layer = Layer { diff_id: diff_id.unwrap_or(descriptor.digest), descriptor };
        let mut record = LayerRecord {
            snapshot,
            layer,
            tar_size,
            content_size: Some(content_size),
            span: None,
            pushed: None,
        };
        // The changes may belong to another store's snapshot, or to none. If they were changed, the layer is not the
        // snapshot's: a later, unfiltered build would lack the files that were left out here.
        if streams.unchanged() && store.has_snapshot(&record.snapshot) {
            store.set_layer(&packing.into(), &record)?;
            store.forget_changes(&record.snapshot)?;
        }
        record.span = Some(Span::since(started));
        writer.write(&Record::Layer(Box::new(record)))?;
        writer.flush()?;
        next = streams.next_header()?;
    }
    Ok(writer.finish()?)
}

/// Writes the stream of records for a row without layers.
pub fn tell_none<W: Write>(out: W) -> io::Result<W> {
    Writer::<W, BuildRecord>::new(out, BTreeMap::new())?.finish()
}
