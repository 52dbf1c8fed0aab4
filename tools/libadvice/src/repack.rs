//! Packs some entries of a layer to measure them. The output is only counted, so memory does not grow with the layer.

use layer_pack::{Compression, Sink};
use libcli::Failure;
use libimage::entries::{Part, each};
use libimage::ledger::Ledger;
use libimage::source::Opened;
use libtree::tar::{Entry, Writer};
use std::io::{self, BufWriter, Read, Write};

/// Threads that compress; their number does not change the size.
const THREADS: usize = 2;

/// Selects entries.
pub type Which<'a> = Box<dyn Fn(&Part) -> bool + 'a>;

/// How a layer's blob is compressed.
pub fn compression(opened: &Opened, layer: usize) -> Compression {
    let layer = opened.image.manifest.layers.get(layer).cloned();
    let media_type = layer.map(|layer| opened.store.typed_by_bytes(layer).media_type).unwrap_or_default();
    match media_type.rsplit(['+', '.']).next() {
        Some("gzip") => Compression::Gzip,
        Some("zstd") => Compression::Zstd,
        _ => Compression::None,
    }
}

/// Counts the bytes that are written to it.
#[derive(Debug, Default)]
pub struct Count(u64);

impl Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A layer being packed.
pub struct Packer<W: Write> {
    tar: Writer<BufWriter<Sink<W>>>,
    /// Entries so far.
    pub entries: u64,
}

impl<W: Write> Packer<W> {
    /// Packs into `output` as layer-pack does.
    pub fn new(output: W, compression: Compression) -> io::Result<Self> {
        let sink = Sink::new(output, compression, compression.levels().0, THREADS)?;
        Ok(Self { tar: Writer::new(BufWriter::with_capacity(1 << 18, sink)), entries: 0 })
    }

    /// Adds an entry.
    pub fn append(&mut self, entry: &Entry, body: &mut dyn Read) -> io::Result<()> {
        self.entries += 1;
        self.tar.append(entry, body)
    }

    /// Ends the layer. Returns the output, and the bytes of the tar.
    pub fn finish(self) -> io::Result<(W, u64)> {
        let (buffered, tar_size) = self.tar.finish()?;
        let (output, _) = buffered.into_inner().map_err(|error| error.into_error())?.finish()?;
        Ok((output, tar_size))
    }
}

impl Packer<Count> {
    /// Ends the layer. Returns its packed bytes, and those of its tar.
    pub fn sizes(self) -> io::Result<(u64, u64)> {
        self.finish().map(|(count, tar)| (count.0, tar))
    }
}

/// The packed size of each of several choices of a layer's entries, with the layer's compression, in one pass.
pub fn sizes(
    opened: &Opened,
    ledger: &Ledger,
    layer: usize,
    choices: &[&Which],
) -> Result<Vec<u64>, Failure> {
    let compression = compression(opened, layer);
    let new = || Packer::new(Count::default(), compression);
    let mut packers = choices.iter().map(|_| new()).collect::<io::Result<Vec<_>>>()?;
    let mut buffer = vec![0; 1 << 16];
    each(opened, ledger, layer, |part, entry, body| {
        let chosen = packers.iter_mut().zip(choices).filter(|(_, which)| which(part));
        let mut chosen: Vec<_> = chosen.map(|(packer, _)| packer).collect();
        copy(&mut chosen, &entry, body, &mut buffer)
    })?;
    packers.into_iter().map(|packer| Ok(packer.sizes()?.0)).collect()
}

/// The packed size of an empty layer.
pub fn frame(opened: &Opened, layer: usize) -> Result<u64, Failure> {
    Ok(Packer::new(Count::default(), compression(opened, layer))?.sizes()?.0)
}

fn copy(
    packers: &mut [&mut Packer<Count>],
    entry: &Entry,
    body: &mut dyn Read,
    buffer: &mut [u8],
) -> io::Result<()> {
    if packers.is_empty() {
        return Ok(());
    }
    for packer in &mut *packers {
        packer.entries += 1;
        packer.tar.begin(entry)?;
    }
    loop {
        let read = match body.read(buffer) {
            Ok(0) => break,
            Ok(read) => &buffer[..read],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        for packer in &mut *packers {
            packer.tar.data(read)?;
        }
    }
    packers.iter_mut().try_for_each(|packer| packer.tar.end())
}
