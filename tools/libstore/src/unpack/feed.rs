//! Reads, decompresses and hashes a layer in a thread of its own, and passes on the uncompressed bytes.

use super::{Layer, Open};
use crate::decompress::{Compression, Decoder};
use libwire::Digest;
use sha2::{Digest as _, Sha256};
use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::Scope;

/// The bytes of a piece, and the number of pieces by which a layer may be ahead of its extraction. Each piece may wake
/// the other thread, which on a busy machine then waits for its turn.
pub(super) const PIECE: usize = 1 << 20;
const PIECES: usize = 16;

/// Uncompressed bytes.
#[derive(Default)]
struct Piece {
    bytes: Vec<u8>,
    /// The bytes of the blob that were read before each step of these, and after the last.
    packed: Vec<u64>,
}

/// Starts reading a layer. The reader only reaches the end if the diff ID was right. After every `step` uncompressed
/// bytes, of which a piece has a whole number, their position in the blob is noted.
pub(super) fn start<'scope>(
    scope: &'scope Scope<'scope, '_>,
    open: &'scope Open,
    layer: &'scope Layer,
    step: usize,
) -> Pieces {
    let (sender, receiver) = sync_channel(PIECES);
    let (used, spare) = channel();
    scope.spawn(move || {
        if let Err(error) = feed(open, layer, step, &sender, &spare) {
            // Nobody receives it if the extraction has failed before.
            let _ = sender.send(Err(error));
        }
    });
    Pieces { receiver, used, piece: Piece::default(), at: 0, step, ended: false }
}

/// Sends a layer's uncompressed bytes, and the end if they were right.
fn feed(
    open: &Open,
    layer: &Layer,
    step: usize,
    sender: &SyncSender<io::Result<Piece>>,
    spare: &Receiver<Piece>,
) -> io::Result<()> {
    let bad = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
    let blob = open(layer.descriptor).map_err(|error| bad(error.to_string()))?;
    let packed = Arc::new(AtomicU64::new(0));
    let mut blob = Tally { input: BufReader::with_capacity(PIECE, blob), bytes: packed.clone() };
    // Media types are often wrong, so all tools go by the bytes.
    let compression = Compression::detect(blob.fill_buf()?);
    let mut input = Decoder::new(blob, compression)?;
    let (mut hasher, mut total) = (Sha256::new(), 0u64);
    loop {
        // A used piece is in the processor's cache, and its pages are mapped.
        let mut piece = spare.try_recv().unwrap_or_default();
        fill(&mut input, step, &packed, &mut piece)?;
        if piece.bytes.is_empty() {
            break;
        }
        hasher.update(&piece.bytes);
        total += piece.bytes.len() as u64;
        layer.limits.check(total, 0).map_err(|what| bad(format!("it unpacks to {what}")))?;
        if sender.send(Ok(piece)).is_err() {
            return Ok(());
        }
    }
    let found = Digest::from_bytes(hasher.finalize().into());
    if found != layer.diff_id {
        return Err(bad(format!("its diff ID is {found}, but the config says {}", layer.diff_id)));
    }
    if total == 0 {
        // Docker's empty layers have no bytes at all; an empty tar has an end marker.
        let _ = sender.send(Ok(Piece { bytes: vec![0; 1024], packed: Vec::new() }));
    }
    // An empty piece is the end. If the channel closes without it, the thread has died.
    let _ = sender.send(Ok(Piece::default()));
    Ok(())
}

/// Fills a piece. Its old bytes are overwritten, not cleared before.
fn fill(input: &mut impl Read, step: usize, packed: &AtomicU64, piece: &mut Piece) -> io::Result<()> {
    piece.bytes.resize(PIECE, 0);
    piece.packed.clear();
    piece.packed.push(packed.load(Ordering::Relaxed));
    let mut filled = 0;
    while filled < PIECE {
        let end = PIECE.min(step * piece.packed.len());
        match input.read(&mut piece.bytes[filled..end]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if filled == end {
            piece.packed.push(packed.load(Ordering::Relaxed));
        }
    }
    piece.bytes.truncate(filled);
    piece.packed.push(packed.load(Ordering::Relaxed));
    Ok(())
}

/// Counts the bytes that are read from it.
struct Tally<R> {
    input: R,
    bytes: Arc<AtomicU64>,
}

impl<R: BufRead> BufRead for Tally<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.input.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.bytes.fetch_add(amount as u64, Ordering::Relaxed);
        self.input.consume(amount);
    }
}

impl<R: BufRead> Read for Tally<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// The bytes that another thread sends.
pub(super) struct Pieces {
    receiver: Receiver<io::Result<Piece>>,
    /// Returns the pieces to that thread.
    used: Sender<Piece>,
    piece: Piece,
    at: usize,
    step: usize,
    ended: bool,
}

impl Pieces {
    /// The bytes of the blob for the bytes that were read so far: exact at each step, and proportional in between.
    pub(super) fn packed(&self) -> u64 {
        let Piece { bytes, packed } = &self.piece;
        let (step, rest) = (self.at / self.step, self.at % self.step);
        let Some(&start) = packed.get(step).or(packed.last()) else { return 0 };
        let end = packed.get(step + 1).map_or(start, |&end| end);
        let len = self.step.min(bytes.len().saturating_sub(step * self.step)).max(1);
        start + (end - start) * rest as u64 / len as u64
    }
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.piece.bytes.len() {
            if self.ended {
                return Ok(0);
            }
            let died = || io::Error::other("decompression ended without a verdict");
            let next = self.receiver.recv().map_err(|_| died())??;
            // Near the end nobody waits for the piece any more.
            let _ = self.used.send(std::mem::replace(&mut self.piece, next));
            self.at = 0;
            self.ended = self.piece.bytes.is_empty();
        }
        let count = buffer.len().min(self.piece.bytes.len() - self.at);
        buffer[..count].copy_from_slice(&self.piece.bytes[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}
