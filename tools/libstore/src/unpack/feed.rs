//! A layer's uncompressed bytes, read, decompressed and hashed by a thread of their own.

use super::{Layer, Open};
use crate::{Compression, Decoder};
use libwire::Digest;
use sha2::{Digest as _, Sha256};
use std::io::{self, BufReader, Read};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::Scope;

/// Bytes handed over at once, and how many such pieces a layer may be ahead of its extraction. Each piece
/// may wake the other thread, which on a busy machine then waits for its turn.
const PIECE: usize = 1 << 20;
const PIECES: usize = 16;
/// The largest uncompressed layer, in bytes.
const MAX_LAYER: u64 = 64 << 30;
/// Beyond this many bytes a layer may not be larger than [`MAX_RATIO`] times its blob.
const RATIO_FROM: u64 = 64 << 20;
const MAX_RATIO: u64 = 1000;

/// Starts reading a layer. The end comes only when the diff ID was right.
pub(super) fn start<'scope>(
    scope: &'scope Scope<'scope, '_>,
    open: &'scope Open,
    layer: &'scope Layer,
) -> Pieces {
    let (sender, receiver) = sync_channel(PIECES);
    let (used, spare) = channel();
    scope.spawn(move || feed(open, layer, &sender, &spare));
    Pieces { receiver, used, piece: Vec::new(), at: 0, ended: false }
}

/// Sends a layer's uncompressed bytes, and an error in place of the end when anything was wrong.
fn feed(open: &Open, layer: &Layer, sender: &SyncSender<io::Result<Vec<u8>>>, spare: &Receiver<Vec<u8>>) {
    if let Err(error) = feed_pieces(open, layer, sender, spare) {
        // Nobody listens any more when the extraction has failed first.
        let _ = sender.send(Err(error));
    }
}

fn feed_pieces(
    open: &Open,
    layer: &Layer,
    sender: &SyncSender<io::Result<Vec<u8>>>,
    spare: &Receiver<Vec<u8>>,
) -> io::Result<()> {
    let bad = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
    let kind = &layer.descriptor.media_type;
    let compression =
        Compression::of_layer(kind).ok_or_else(|| bad(format!("unknown layer type {kind:?}")))?;
    let blob = open(layer.descriptor).map_err(|error| bad(error.to_string()))?;
    let mut input = Decoder::new(BufReader::with_capacity(PIECE, blob), compression)?;
    let (mut hasher, mut total) = (Sha256::new(), 0u64);
    loop {
        // A piece that was used is in the processor's cache and has its pages.
        let mut piece = spare.try_recv().unwrap_or_default();
        fill(&mut input, &mut piece)?;
        if piece.is_empty() {
            break;
        }
        hasher.update(&piece);
        total += piece.len() as u64;
        let ratio = total > RATIO_FROM && total / MAX_RATIO > layer.descriptor.size;
        if total > MAX_LAYER || ratio {
            return Err(bad(format!("it unpacks to more than {total} bytes, beyond what is sensible")));
        }
        if sender.send(Ok(piece)).is_err() {
            return Ok(());
        }
    }
    let found = Digest::from_bytes(hasher.finalize().into());
    if found != layer.diff_id {
        return Err(bad(format!("its diff ID is {found}, but the config says {}", layer.diff_id)));
    }
    // An empty piece is the end: a channel that just closes is a thread that died.
    let _ = sender.send(Ok(Vec::new()));
    Ok(())
}

/// Reads as much as a piece holds. What it held is written over, not cleared before.
fn fill(input: &mut impl Read, piece: &mut Vec<u8>) -> io::Result<()> {
    piece.resize(PIECE, 0);
    let mut filled = 0;
    while filled < PIECE {
        match input.read(&mut piece[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    piece.truncate(filled);
    Ok(())
}

/// The bytes another thread sends.
pub(super) struct Pieces {
    receiver: Receiver<io::Result<Vec<u8>>>,
    /// Takes the pieces back.
    used: Sender<Vec<u8>>,
    piece: Vec<u8>,
    at: usize,
    ended: bool,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.piece.len() {
            if self.ended {
                return Ok(0);
            }
            let died = || io::Error::other("decompression ended without a verdict");
            let next = self.receiver.recv().map_err(|_| died())??;
            // Nobody waits for it any more when the end is near.
            let _ = self.used.send(std::mem::replace(&mut self.piece, next));
            self.at = 0;
            self.ended = self.piece.is_empty();
        }
        let count = buffer.len().min(self.piece.len() - self.at);
        buffer[..count].copy_from_slice(&self.piece[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}
