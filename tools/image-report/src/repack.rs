//! A second pass over a layer, with the contents: what some of its entries take when they are packed. Nothing
//! is kept but the count, so memory does not grow with the layer.

use crate::aufs::Links;
use crate::layer::{self, Act};
use crate::ledger::{Ledger, Put, Removal};
use crate::source::Opened;
use layer_pack::{Compression, Sink};
use libcli::Failure;
use libtree::extract::is_aufs_metadata;
use libtree::tar::{Entry, Reader, Writer};
use std::io::{self, BufWriter, Read, Write};

/// Threads that compress; their number does not change the size.
const THREADS: usize = 2;

/// The most bytes of a layer's files that are kept until their first name comes, where AUFS put them before.
const MAX_LINKED: u64 = 64 << 20;

/// An entry of a layer, as the ledger knows it.
pub enum Part<'a> {
    /// It puts something.
    Put(u32, &'a Put),
    /// It removes what lower layers have.
    Gone(&'a Removal),
}

/// Which entries are meant.
pub type Which<'a> = Box<dyn Fn(&Part) -> bool + 'a>;

/// Shows each entry of layer number `layer`, from 0, and its body.
pub fn each(
    opened: &Opened,
    ledger: &Ledger,
    layer: usize,
    mut visit: impl FnMut(&Part, Entry, &mut dyn Read) -> io::Result<()>,
) -> Result<(), Failure> {
    let image = &opened.image;
    let digests = image.manifest.layers.iter().zip(&image.config.rootfs.diff_ids).nth(layer);
    let Some((descriptor, &diff_id)) = digests else { return Ok(()) };
    let mut put = ledger.puts.partition_point(|put| usize::from(put.layer) < layer);
    let mut removal = ledger.removals.partition_point(|removal| usize::from(removal.layer) < layer);
    opened.store.read_layer(descriptor, diff_id, |input| {
        let mut tar = Reader::new(input).limited(opened.store.options().limits);
        let (mut links, mut room) = (Links::new(), MAX_LINKED);
        while let Some(entry) = tar.next_entry()? {
            if Links::<Vec<u8>>::is_target(&entry) {
                let too_much = || layer::bad(&entry, "is linked to as AUFS does, and too large to be kept");
                room = room.checked_sub(entry.size).ok_or_else(too_much)?;
                let mut content = Vec::new();
                tar.body().read_to_end(&mut content)?;
                links.keep(entry, content);
                continue;
            }
            if is_aufs_metadata(&entry.path) {
                continue;
            }
            let (entry, linked) = links.follow(entry);
            let (act, _) = layer::act(&entry).map_err(|what| layer::bad(&entry, what))?;
            let (part, next) = match act {
                Act::Whiteout | Act::Opaque => (ledger.removals.get(removal).map(Part::Gone), &mut removal),
                _ => (ledger.puts.get(put).map(|found| Part::Put(put as u32, found)), &mut put),
            };
            *next += 1;
            let new = || layer::bad(&entry, "was not there when the layer was read before");
            let part = part.ok_or_else(new)?;
            match linked {
                Some(content) => visit(&part, entry, &mut &*content)?,
                None => visit(&part, entry, &mut tar.body())?,
            }
        }
        Ok(())
    })?;
    Ok(())
}

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

    /// Takes an entry.
    pub fn append(&mut self, entry: &Entry, body: &mut dyn Read) -> io::Result<()> {
        self.entries += 1;
        self.tar.append(entry, body)
    }

    /// Ends the layer: the output, and the bytes of the tar.
    pub fn finish(self) -> io::Result<(W, u64)> {
        let (buffered, tar_size) = self.tar.finish()?;
        let (output, _) = buffered.into_inner().map_err(|error| error.into_error())?.finish()?;
        Ok((output, tar_size))
    }
}

impl Packer<Count> {
    /// Ends the layer: its bytes packed, and those of its tar.
    pub fn sizes(self) -> io::Result<(u64, u64)> {
        self.finish().map(|(count, tar)| (count.0, tar))
    }
}

/// What each of several choices among a layer's entries takes when packed as the layer is, in one pass.
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

/// What a layer takes with nothing in it.
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
